#![forbid(unsafe_code)]
//! Opening a telemetry database (telemetry.md §4, migrations.md §3).

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
};

use super::{
    config::{Durability, Environment, JournalMode as Choice, TelemetryConfig},
    maintenance, schema,
    state::Telemetry,
    statistics,
};
use crate::{
    error::{Error, Result},
    migration,
    packed::Input,
    store::{
        Conn, JournalChoice, JournalMode, Listener, Location, Notices, Retry, Settings, Store, Tuning, WriteSession,
    },
};

/// Open the database: schema first, then what a crash has left, then what is expired. Blocks.
pub(super) fn open(config: Arc<TelemetryConfig>, listener: &Arc<dyn Listener>) -> Result<Store<Telemetry>> {
    let settings = settings(&config);
    let store = Store::open(settings, Arc::new(Notices::to(listener)), move |conn, settings, notices| {
        prepare(conn, settings, notices, config)
    })?;
    let (done, recovered) = mpsc::channel();
    store.alone(recover, move |result, _| drop(done.send(result)));
    recovered.recv().unwrap_or(Err(Error::Closed))?;
    Ok(store)
}

fn prepare(
    conn: &mut Conn,
    settings: &Settings,
    notices: &Arc<Notices>,
    config: Arc<TelemetryConfig>,
) -> Result<(Telemetry, JournalMode)> {
    let set = schema::migrations()?;
    // A file that is not ours is left as it is, its journal mode included.
    migration::inspect(conn, &set)?;
    let (journal, warning) = conn.configure(settings)?;
    let opened = migration::open(conn, &set)?;
    for warning in warning.iter().chain(&opened.prepared.warnings) {
        notices.warn(warning);
    }
    Ok((Telemetry::new(config, Arc::clone(notices)), journal))
}

/// A file in which there is nothing to do is opened without the write lock, so also while another process holds it.
fn recover(session: &mut WriteSession<Telemetry>) -> Result<()> {
    let repaired = statistics::has_foreign_inserts(&session.conn)?
        && session.transaction(|conn, state| {
            let repaired = statistics::repair_after_foreign_inserts(conn)?;
            state.counters.recounted();
            Ok(repaired)
        })?;
    if repaired {
        session.notices().warn("another program has inserted events: counts and statistics were rebuilt");
    }
    maintenance::recover(session);
    Ok(())
}

/// The settings of a client with no configuration but the file at `path`, for the command line.
///
/// # Errors
/// [`Error::Validation`] for a path that names nothing.
pub fn default_settings(path: &Path) -> Result<Settings> {
    let input = Input::Map(vec![("dbPath".to_owned(), Input::Text(path.to_string_lossy().into_owned()))]);
    Ok(settings(&TelemetryConfig::parse(&input, &Environment::default())?))
}

fn settings(config: &TelemetryConfig) -> Settings {
    Settings {
        location: location(config),
        journal: match config.journal_mode {
            Choice::Auto => JournalChoice::Auto,
            Choice::Wal => JournalChoice::Wal,
            Choice::Delete => JournalChoice::Delete,
        },
        full_durability: config.durability == Durability::Full,
        foreign_keys: config.enable_foreign_keys,
        busy_timeout: config.busy_timeout(),
        retry: Retry::default(),
        readers: config.pool_size,
        log_statements: false,
        private: false,
        incremental_vacuum: true,
        tuning: Tuning::Store,
    }
}

/// Where the database of a configuration is.
pub(super) fn location(config: &TelemetryConfig) -> Location {
    if config.is_memory() { Location::memory() } else { Location::File(PathBuf::from(&config.path)) }
}
