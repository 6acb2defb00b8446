#![forbid(unsafe_code)]
//! The configuration of a client with every default filled in (instances.md §2).

mod reader;
mod shown;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use shown::shown;

use super::{keys::Keys, secret::Key};
use crate::{
    error::{Error, Result},
    packed::{Field, Input},
    telemetry::config::{MEMORY, absolute},
};
use reader::{Reader, invalid};

/// The file of a client that names none.
pub const DEFAULT_FILE: &str = "file:claude-codex.db";
/// The variable that holds the key where the configuration has none.
pub const KEY_VARIABLE: &str = "RUNLEDGER_ENCRYPTION_KEY";

/// What the process tells about itself at construction.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `NODE_ENV`
    pub node_env: Option<String>,
    /// `RUNLEDGER_ENCRYPTION_KEY`
    pub encryption_key: Option<String>,
    /// The working directory; relative paths resolve against it.
    pub cwd: String,
}

/// What `runMaintenance` and the timers do.
#[derive(Debug, Clone, PartialEq)]
pub struct Maintenance {
    /// Time between two VACUUMs; `None`: never.
    pub vacuum_interval: Option<Duration>,
    /// Age in days at which backups go.
    pub backup_retention: f64,
    /// Age in days at which events go; `None`: never.
    pub log_retention: Option<f64>,
    /// Whether backups are written.
    pub auto_backup: bool,
    /// Whether the timers start when the file is opened.
    pub auto_start: bool,
    /// Where backups go; `None`: beside the file.
    pub backup_dir: Option<PathBuf>,
}

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct InstancesConfig {
    /// The file, absolute; `None`: a private database in memory.
    pub path: Option<PathBuf>,
    /// WAL where the file system can; else DELETE.
    pub enable_wal: bool,
    /// How long a lock is awaited.
    pub busy_timeout: Duration,
    /// Whether the schema is created or brought up to date.
    pub auto_migrate: bool,
    /// Whether queries are logged.
    pub log_queries: bool,
    /// Whether foreign keys are enforced.
    pub foreign_keys: bool,
    /// Further attempts at what a lock has kept from being done.
    pub max_retries: u32,
    /// Time between attempts.
    pub retry_delay: Duration,
    /// Deadline of an attempt; `None`: none.
    pub query_timeout: Option<Duration>,
    /// Maintenance.
    pub maintenance: Maintenance,
    /// The key of encrypted values.
    pub keys: Arc<Keys>,
    /// Keys of the caller's that mean nothing, as `section.key`, until somebody was told.
    unknown: Arc<Mutex<Vec<String>>>,
}

impl InstancesConfig {
    /// Check `input` (`undefined`, `null` or an object) and fill in the defaults.
    ///
    /// # Errors
    /// `Invalid config value for <section>.<key>`, without the value: it may be a secret.
    pub fn parse(input: &Input, environment: &Environment) -> Result<Self> {
        let mut config = Reader::root(input)?;
        let mut local = config.section("local")?;
        let path = file(&local, &environment.cwd)?;
        let enable_wal = local.boolean("enableWAL", true)?;
        let busy_timeout = local.milliseconds("busyTimeout", 5_000.0)?;
        let auto_migrate = local.boolean("autoMigrate", true)?;
        let log_queries = local.boolean("logQueries", environment.node_env.as_deref() == Some("development"))?;
        let foreign_keys = local.boolean("foreignKeys", true)?;
        let mut cloud = config.section("cloud")?;
        let cloud_enabled = cloud.boolean("enabled", false)?;
        cloud.text("syncUrl")?;
        cloud.text("authToken")?;
        cloud.number("syncInterval", 300.0)?;
        cloud.boolean("readYourWrites", true)?;
        let mut connection = config.section("connection")?;
        let max_retries = connection.count("maxRetries", 3)?;
        let retry_delay = connection.milliseconds("retryDelay", 1_000.0)?;
        let query_timeout = connection.milliseconds("queryTimeout", 30_000.0)?;
        let mut maintenance = config.section("maintenance")?;
        let schedule = Maintenance {
            vacuum_interval: maintenance.seconds("vacuumInterval", 86_400.0)?,
            backup_retention: maintenance.number("backupRetention", 7.0)?,
            log_retention: Some(maintenance.number("logRetention", 30.0)?).filter(|days| *days > 0.0),
            auto_backup: maintenance.boolean("autoBackup", true)?,
            auto_start: maintenance.boolean("autoStart", false)?,
            backup_dir: maintenance.path("backupDir", &environment.cwd)?,
        };
        let mut encryption = config.section("encryption")?;
        let key = key(&mut encryption, environment)?;
        let mut drizzle = config.section("drizzle")?;
        let drizzle_logs = drizzle.boolean("logger", false)?;
        drizzle.text("casing")?;
        config.logger()?;
        let unknown = [&config, &local, &cloud, &connection, &maintenance, &encryption, &drizzle]
            .into_iter()
            .flat_map(Reader::unknown)
            .collect();
        if cloud_enabled {
            let message = "Cloud synchronisation is not supported: remove cloud.enabled";
            return Err(Error::Unsupported { reason: "cloud-sync-unsupported", message });
        }
        Ok(Self {
            enable_wal,
            busy_timeout,
            auto_migrate,
            log_queries: log_queries || drizzle_logs,
            foreign_keys,
            max_retries,
            retry_delay,
            query_timeout: Some(query_timeout).filter(|limit| !limit.is_zero()),
            maintenance: schedule,
            keys: Arc::new(Keys::new(key, path.as_deref())),
            unknown: Arc::new(Mutex::new(unknown)),
            path,
        })
    }

    /// The keys that mean nothing, once.
    pub(super) fn take_unknown(&self) -> Option<Vec<String>> {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        Some(std::mem::take(&mut *unknown)).filter(|keys| !keys.is_empty())
    }
}

/// `local.file`: with or without `file:`, resolved against the working directory.
fn file(local: &Reader<'_>, cwd: &str) -> Result<Option<PathBuf>> {
    let given = match local.take("file") {
        Field::Absent => DEFAULT_FILE,
        Field::Text(text) => text,
        _ => return Err(invalid("local.file")),
    };
    let path = given.strip_prefix("file:").unwrap_or(given);
    if path == MEMORY {
        return Ok(None);
    }
    // Another scheme is no file; a directory would be made for it.
    if path.is_empty() || path.contains('\0') || given != path && path.contains("://") || is_url(path) {
        return Err(invalid("local.file"));
    }
    Ok(Some(PathBuf::from(absolute(path, cwd))))
}

fn is_url(path: &str) -> bool {
    path.split_once("://").is_some_and(|(scheme, _)| scheme.chars().all(|it| it.is_ascii_alphanumeric()))
}

fn key(encryption: &mut Reader<'_>, environment: &Environment) -> Result<Option<Key>> {
    match (encryption.take("key"), environment.encryption_key.as_deref()) {
        (Field::Text(text), _) => Key::parse(text).map(Some).ok_or_else(|| invalid("encryption.key")),
        (Field::Absent, None | Some("")) => Ok(None),
        (Field::Absent, Some(text)) => Key::parse(text).map(Some).ok_or_else(|| invalid(KEY_VARIABLE)),
        _ => Err(invalid("encryption.key")),
    }
}

/// `path` as the caller spells it in `local.file`, for a program that has nothing but a path.
///
/// # Errors
/// As [`InstancesConfig::parse`].
pub fn of_file(path: &Path) -> Result<InstancesConfig> {
    let file = Input::Text(path.to_string_lossy().into_owned());
    let local = Input::Map(vec![("file".to_owned(), file)]);
    let cwd = std::env::current_dir().unwrap_or_default().to_string_lossy().into_owned();
    InstancesConfig::parse(
        &Input::Map(vec![("local".to_owned(), local)]),
        &Environment { cwd, ..Environment::default() },
    )
}
