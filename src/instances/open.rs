#![forbid(unsafe_code)]
//! Opening an instances database (migrations.md §3).

use std::{path::Path, sync::Arc};

use super::{config, config::InstancesConfig, schema, state::Instances};
use crate::{
    error::Result,
    migration,
    store::{Conn, JournalChoice, JournalMode, Listener, Location, Notices, Retry, Settings, Store, Tuning},
};

/// Most reader connections of a client.
const READERS: usize = 4;

/// Open the database, with its schema unless that is left to the caller. Blocks.
pub(super) fn open(config: Arc<InstancesConfig>, listener: &Arc<dyn Listener>) -> Result<Store<Instances>> {
    let settings = settings(&config);
    Store::open(settings, Arc::new(Notices::to(listener)), move |conn, settings, notices| {
        prepare(conn, settings, notices, config)
    })
}

fn prepare(
    conn: &mut Conn,
    settings: &Settings,
    notices: &Arc<Notices>,
    config: Arc<InstancesConfig>,
) -> Result<(Instances, JournalMode)> {
    if let Some(keys) = config.take_unknown() {
        notices.warn(&format!("Unknown configuration keys are ignored: {}", keys.join(", ")));
    }
    config.keys.open(notices);
    let set = schema::migrations()?;
    if config.auto_migrate {
        // A file that is not ours is left as it is, its journal mode included.
        settings.retry.run(|| migration::inspect(conn, &set))?;
    }
    let (journal, warning) = settings.retry.run(|| conn.configure(settings))?;
    if let Some(warning) = warning {
        notices.warn(&warning);
    }
    if config.auto_migrate {
        let opened = settings.retry.run(|| migration::open(conn, &set))?;
        for warning in &opened.prepared.warnings {
            notices.warn(warning);
        }
    }
    Ok((Instances::new(config), journal))
}

/// The settings of a client with no configuration but the file at `path`, for the command line.
///
/// # Errors
/// [`crate::error::Error::Validation`] for a path that names nothing.
pub fn default_settings(path: &Path) -> Result<Settings> {
    Ok(settings(&config::of_file(path)?))
}

/// How often what needs a lock is tried again.
pub(super) fn retry(config: &InstancesConfig) -> Retry {
    Retry { times: config.max_retries, delay: config.retry_delay }
}

pub(super) fn location(config: &InstancesConfig) -> Location {
    config.path.clone().map_or_else(Location::memory, Location::File)
}

fn settings(config: &InstancesConfig) -> Settings {
    Settings {
        location: location(config),
        journal: if config.enable_wal { JournalChoice::Auto } else { JournalChoice::Delete },
        full_durability: false,
        foreign_keys: config.foreign_keys,
        busy_timeout: config.busy_timeout,
        retry: retry(config),
        readers: READERS,
        private: true,
        log_statements: config.log_queries,
        incremental_vacuum: false,
        tuning: Tuning::Store,
    }
}
