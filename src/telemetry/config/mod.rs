#![forbid(unsafe_code)]
//! The configuration of a client with every default filled in (telemetry.md §2, §3).

mod path;
mod reader;

pub use path::{DEFAULT_PATH, Environment, MEMORY, Target, absolute};

use std::time::Duration;

use crate::client::words;
use crate::error::Result;
use crate::packed::Input;
use reader::{MAX_SAFE_INTEGER, Reader, invalid};

words! {
    /// What a growing write does at `maxSizeMB`.
    OnSizeLimit { Warn = "warn", Reject = "reject" }
}

words! {
    /// Which journal mode is asked for.
    JournalMode { Auto = "auto", Wal = "wal", Delete = "delete" }
}

words! {
    /// What a resolved write survives.
    Durability { Normal = "normal", Full = "full" }
}

words! {
    /// How JSON columns are returned.
    MetadataFormat { Text = "text", Object = "object" }
}

words! {
    /// Which changes leave audit rows.
    AuditScope { Off = "off", Sessions = "sessions", All = "all" }
}

/// A checked configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct TelemetryConfig {
    /// The path in effect, in the caller's spelling where there is one.
    pub db_path: String,
    /// The file behind it: absolute and free of `.` and `..`, or `':memory:'`.
    pub path: String,
    /// Whether getTelemetryDB keeps a client of this configuration.
    pub registrable: bool,
    /// Age in days at which events are pruned; `None`: never.
    pub prune_days: Option<f64>,
    /// Events that fill a managed buffer.
    pub stream_batch_size: u64,
    /// Time between flushes; 0: no timer.
    pub stream_flush_interval_ms: u64,
    /// Cap of the main file in MB of 1 048 576 bytes; `None`: no cap.
    pub max_size_mb: Option<f64>,
    /// What happens at the cap.
    pub on_size_limit: OnSizeLimit,
    /// Already `Delete` under `enableWAL: false`.
    pub journal_mode: JournalMode,
    /// What a resolved write survives.
    pub durability: Durability,
    /// Whether foreign keys are enforced.
    pub enable_foreign_keys: bool,
    /// Largest number of reader connections, 1 to 64.
    pub pool_size: usize,
    /// Deadline of a call's SQL; 0: none.
    pub query_timeout_ms: u64,
    /// Whether queries are logged: `enableQueryLogging`, `debug` or the `DEBUG` variable.
    pub query_logging: bool,
    /// Whether metrics keep history and percentiles.
    pub enable_metrics: bool,
    /// A query above this is slow.
    pub slow_query_threshold_ms: f64,
    /// How JSON columns are returned.
    pub metadata_format: MetadataFormat,
    /// Whether an event of an unknown session creates it.
    pub auto_create_sessions: bool,
    /// Which changes leave audit rows.
    pub audit: AuditScope,
    /// Age in days at which audit rows go; `None`: never.
    pub audit_retention_days: Option<f64>,
    /// `user_id` of audit rows.
    pub audit_user_id: Option<String>,
    /// Where pruned events are written first; absolute.
    pub archive_dir: Option<String>,
    entries: Vec<(String, Input)>,
}

impl TelemetryConfig {
    /// Check `input` (`undefined`, `null` or an object) and fill in the defaults.
    ///
    /// # Errors
    /// `Invalid config value for <key>`, for the first bad key in the documented order; for `config` if it is no object.
    pub fn parse(input: &Input, environment: &Environment) -> Result<Self> {
        if !matches!(input, Input::Undefined | Input::Null | Input::Map(_)) {
            return Err(invalid("config", input.field()));
        }
        let mut reader = Reader { input, entries: Vec::new() };
        let target = reader.target(environment)?;
        let prune_days = reader.number_or_false("pruneDays", Some(30.0), f64::is_finite)?;
        let stream_batch_size = reader.integer("streamBatchSize", 50, 1..=MAX_SAFE_INTEGER)?;
        let stream_flush_interval_ms = reader.integer("streamFlushIntervalMs", 1000, 0..=MAX_SAFE_INTEGER)?;
        let max_size_mb = reader.number_or_false("maxSizeMB", Some(100.0), |mb| mb.is_finite() && mb > 0.0)?;
        let on_size_limit = reader.word("onSizeLimit", OnSizeLimit::Warn, OnSizeLimit::parse, OnSizeLimit::as_str)?;
        let journal_mode = reader.journal_mode()?;
        let durability = reader.word("durability", Durability::Normal, Durability::parse, Durability::as_str)?;
        let enable_foreign_keys = reader.boolean("enableForeignKeys", true)?;
        let pool_size = reader.integer("poolSize", 5, 1..=64)?;
        let query_timeout_ms = reader.integer("queryTimeoutMs", 30_000, 0..=MAX_SAFE_INTEGER)?;
        let enable_query_logging = reader.boolean("enableQueryLogging", false)?;
        let debug = reader.boolean("debug", false)?;
        reader.logger()?;
        let enable_metrics = reader.boolean("enableMetrics", true)?;
        let slow_query_threshold_ms = reader.number("slowQueryThresholdMs", 100.0)?;
        let metadata_format =
            reader.word("metadataFormat", MetadataFormat::Text, MetadataFormat::parse, MetadataFormat::as_str)?;
        let auto_create_sessions = reader.boolean("autoCreateSessions", false)?;
        let audit = reader.word("audit", AuditScope::Sessions, AuditScope::parse, AuditScope::as_str)?;
        let audit_retention_days =
            reader.number_or_false("auditRetentionDays", Some(365.0), |days| days.is_finite() && days >= 0.0)?;
        let audit_user_id = reader.text("auditUserId", |_| true)?;
        let archive_dir = reader.text("archiveDir", path::is_usable)?;
        reader.keep_the_rest();
        Ok(Self {
            db_path: target.shown,
            path: target.path,
            registrable: target.registrable,
            prune_days: prune_days.filter(|days| *days > 0.0),
            stream_batch_size,
            stream_flush_interval_ms,
            max_size_mb,
            on_size_limit,
            journal_mode,
            durability,
            enable_foreign_keys,
            pool_size: usize::try_from(pool_size).unwrap_or(64),
            query_timeout_ms,
            query_logging: enable_query_logging || debug || environment.asks_for_query_logging(),
            enable_metrics,
            slow_query_threshold_ms,
            metadata_format,
            auto_create_sessions,
            audit,
            audit_retention_days,
            audit_user_id,
            archive_dir: archive_dir.map(|directory| path::absolute(&directory, &environment.cwd)),
            entries: reader.entries,
        })
    }

    /// What `getConfig()` shows: the documented keys in their order with every default, then the caller's other keys.
    /// Functions do not cross, so `logger` and unknown keys that hold [`Input::Other`] are for the facade to put back.
    pub fn entries(&self) -> &[(String, Input)] {
        &self.entries
    }

    /// Whether the database is a private one in memory.
    pub fn is_memory(&self) -> bool {
        self.path == path::MEMORY
    }

    /// How long the SQL of a call may run.
    pub fn deadline(&self) -> Option<Duration> {
        (self.query_timeout_ms > 0).then(|| Duration::from_millis(self.query_timeout_ms))
    }

    /// How long a lock is awaited; without a deadline 30 s.
    pub fn busy_timeout(&self) -> Duration {
        self.deadline().unwrap_or(Duration::from_secs(30))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::check::testing::refusal;

    fn environment() -> Environment {
        Environment { cwd: "/srv".to_owned(), ..Environment::default() }
    }

    fn map(entries: &[(&str, Input)]) -> Input {
        Input::Map(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    fn text(text: &str) -> Input {
        Input::Text(text.to_owned())
    }

    fn with(key: &str, value: Input) -> Result<TelemetryConfig> {
        TelemetryConfig::parse(&map(&[(key, value)]), &environment())
    }

    #[test]
    fn no_config_is_the_documented_defaults() {
        let expected = TelemetryConfig::parse(&Input::Undefined, &environment()).unwrap();
        for input in [Input::Null, map(&[]), map(&[("poolSize", Input::Undefined)])] {
            assert_eq!(TelemetryConfig::parse(&input, &environment()).unwrap(), expected);
        }
        let shown = serde_json::Value::Object(
            expected.entries().iter().map(|(key, value)| (key.clone(), value.to_json())).collect(),
        );
        assert_eq!(
            shown.to_string(),
            r#"{"dbPath":".vibekit/telemetry.db","pruneDays":30,"streamBatchSize":50,"streamFlushIntervalMs":1000,"#
                .to_owned()
                + r#""maxSizeMB":100,"onSizeLimit":"warn","enableWAL":true,"journalMode":"auto","durability":"normal","#
                + r#""enableForeignKeys":true,"poolSize":5,"queryTimeoutMs":30000,"enableQueryLogging":false,"#
                + r#""debug":false,"enableMetrics":true,"slowQueryThresholdMs":100,"metadataFormat":"text","#
                + r#""autoCreateSessions":false,"audit":"sessions","auditRetentionDays":365}"#
        );
        assert_eq!(expected.path, "/srv/.vibekit/telemetry.db");
        assert!(expected.registrable && !expected.query_logging && !expected.is_memory());
    }

    #[test]
    fn get_config_gives_back_what_was_given_unknown_keys_included() {
        let given = map(&[
            ("dbPath", text("./a/../x.db")),
            ("pruneDays", Input::Number(-1.0)),
            ("maxSizeMB", Input::Boolean(false)),
            ("logger", Input::Other),
            ("mine", Input::List(vec![Input::Null])),
            ("archiveDir", text("old")),
        ]);
        let config = TelemetryConfig::parse(&given, &environment()).unwrap();
        let shown = Input::Map(config.entries().to_vec());
        assert_eq!(shown.get("dbPath"), &text("./a/../x.db"));
        assert_eq!(shown.get("pruneDays"), &Input::Number(-1.0));
        assert_eq!(shown.get("maxSizeMB"), &Input::Boolean(false));
        assert_eq!(shown.get("mine"), &Input::List(vec![Input::Null]));
        assert_eq!(shown.get("archiveDir"), &text("old"));
        assert_eq!(shown.get("logger"), &Input::Undefined);
        assert_eq!((config.path.as_str(), config.prune_days, config.max_size_mb), ("/srv/x.db", None, None));
        assert_eq!(config.archive_dir.as_deref(), Some("/srv/old"));
    }

    #[test]
    fn each_bad_value_names_its_key() {
        let number = Input::Number;
        let bad = [
            ("dbPath", vec![text(""), Input::Null, number(1.0), text("a\0b"), Input::Malformed("\u{fffd}".into())]),
            ("pruneDays", vec![Input::Boolean(true), number(f64::NAN), Input::Null, text("30")]),
            ("streamBatchSize", vec![number(0.0), number(1.5), number(f64::INFINITY)]),
            ("streamFlushIntervalMs", vec![number(-1.0), number(0.5)]),
            ("maxSizeMB", vec![number(0.0), number(-1.0), number(f64::NAN), Input::Boolean(true)]),
            ("onSizeLimit", vec![text("stop"), text("")]),
            ("enableWAL", vec![number(1.0), Input::Null]),
            ("journalMode", vec![text("truncate"), Input::Null]),
            ("durability", vec![text("extra")]),
            ("enableForeignKeys", vec![text("yes")]),
            ("poolSize", vec![number(0.0), number(65.0), number(2.5)]),
            ("queryTimeoutMs", vec![number(-1.0), number(f64::NAN)]),
            ("enableQueryLogging", vec![number(1.0)]),
            ("debug", vec![text("*")]),
            ("logger", vec![text("console"), Input::Null]),
            ("enableMetrics", vec![Input::Null]),
            ("slowQueryThresholdMs", vec![number(-1.0), number(f64::NAN)]),
            ("metadataFormat", vec![text("json")]),
            ("autoCreateSessions", vec![number(1.0)]),
            ("audit", vec![text("some"), Input::Boolean(false)]),
            ("auditRetentionDays", vec![Input::Boolean(true), number(-1.0)]),
            ("auditUserId", vec![number(1.0)]),
            ("archiveDir", vec![text(""), Input::Other]),
        ];
        for (key, values) in bad {
            for value in values {
                let expected = (format!("Invalid config value for {key}"), key.to_owned());
                assert_eq!(refusal(with(key, value.clone())), expected, "{value:?}");
            }
        }
        for input in [Input::List(vec![]), text("x.db"), Input::Other, Input::Number(1.0)] {
            let refused = refusal(TelemetryConfig::parse(&input, &environment()));
            assert_eq!(refused, ("Invalid config value for config".to_owned(), "config".to_owned()));
        }
    }

    #[test]
    fn switching_wal_off_is_the_delete_journal_and_contradicts_wal() {
        let mode = |mode: Input| {
            let given = map(&[("enableWAL", Input::Boolean(false)), ("journalMode", mode)]);
            TelemetryConfig::parse(&given, &environment()).map(|config| config.journal_mode)
        };
        assert_eq!(mode(Input::Undefined).unwrap(), JournalMode::Delete);
        assert_eq!(mode(text("auto")).unwrap(), JournalMode::Delete);
        assert_eq!(refusal(mode(text("wal"))).1, "journalMode");
        assert_eq!(with("journalMode", text("wal")).unwrap().journal_mode, JournalMode::Wal);
    }

    #[test]
    fn any_of_three_switches_logs_queries() {
        assert!(with("debug", Input::Boolean(true)).unwrap().query_logging);
        assert!(with("enableQueryLogging", Input::Boolean(true)).unwrap().query_logging);
        let debug = |value: &str| {
            let environment = Environment { debug: Some(value.to_owned()), ..environment() };
            TelemetryConfig::parse(&Input::Null, &environment).unwrap().query_logging
        };
        assert!(debug("http,drizzle:*") && debug("runledger:*"));
        assert!(!debug("*") && !debug("drizzle"));
    }

    #[test]
    fn a_lock_is_awaited_even_without_a_deadline() {
        assert_eq!(with("queryTimeoutMs", Input::Number(0.0)).unwrap().busy_timeout(), Duration::from_secs(30));
        assert_eq!(with("queryTimeoutMs", Input::Number(100.0)).unwrap().busy_timeout(), Duration::from_millis(100));
    }
}
