#![forbid(unsafe_code)]
//! Opening an analytics database (migrations.md §3).

use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value as Json, json};

use super::{config::AnalyticsConfig, schema, state::Analytics};
use crate::{
    error::{Error, Result},
    migration::{self, MigrationCode, MigrationError, MigrationSet, Opened},
    store::{Conn, JournalMode, Level, Listener, Location, Notices, Settings, Store, Tuning},
    sync_conn::{ModuleFile, OpenedFile},
};

/// Connections for reads that run at the same time, opened on demand.
const READERS: usize = 4;

/// What the module opens the database at `location` with: a private file, and the settings that the synchronous modules
/// have (contracts/README.md §5).
pub fn settings(location: Location) -> Settings {
    Settings { private: true, ..Settings::synchronous(location) }
}

/// Open the database at `location` with a synchronous connection. Without `migrate` the schema has to be there.
///
/// # Errors
/// [`Error::Open`] with the reason.
pub fn open_synchronous(location: Location, migrate: bool) -> Result<OpenedFile> {
    let open = || {
        let set = schema::migrations()?;
        if !migrate {
            require_file(&location)?;
            require_schema(&location.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?, &set)?;
        }
        ModuleFile { settings: &settings(location), sets: &[set], migrate }.open()?.accepted()
    };
    open().map_err(Error::while_opening)
}

/// Nothing may be created.
fn require_file(location: &Location) -> Result<()> {
    match location.path() {
        Some(path) if !path.exists() => Err(Error::FileMissing { path: path.display().to_string() }),
        _ => Ok(()),
    }
}

/// The schema is in the file, or tables that can be adopted.
fn require_schema(conn: &Connection, set: &MigrationSet) -> Result<()> {
    let inspection = migration::inspect(conn, set)?;
    if inspection.current() > 0 || inspection.adoptable.is_some() {
        return Ok(());
    }
    let message = "The analytics schema is not in the file, and migrate is false";
    Err(MigrationError::new(MigrationCode::Blocked, schema::MODULE, message).into())
}

/// Open the database. Blocks.
pub(super) fn open(config: &AnalyticsConfig, listener: &Arc<dyn Listener>) -> Result<Store<Analytics>> {
    if !config.migrate {
        require_file(&config.location)?;
    }
    let missing = config.location.path().and_then(|path| path.parent()).filter(|directory| !directory.exists());
    let settings = Settings { readers: READERS, tuning: Tuning::Store, ..settings(config.location.clone()) };
    let notices = Arc::new(Notices::to(listener));
    if let Some(directory) = missing {
        crate::store::make_room(&settings)?;
        let fields = Map::from_iter([("path".to_owned(), json!(directory.display().to_string()))]);
        notices.tell(Level::Info, "analytics: directory created", fields);
    }
    let migrate = config.migrate;
    Store::open(settings, notices, move |conn, settings, notices| prepare(conn, settings, notices, migrate))
}

/// The notice of an open database, for whoever has opened it or joined it.
pub(super) fn opened(settings: &Settings, journal_mode: &str) -> (&'static str, Map<String, Json>) {
    let path = settings.location.path().map_or_else(|| ":memory:".to_owned(), |path| path.display().to_string());
    let fields = [("path".to_owned(), json!(path)), ("journalMode".to_owned(), json!(journal_mode))];
    ("analytics: database opened", Map::from_iter(fields))
}

fn prepare(
    conn: &mut Conn,
    settings: &Settings,
    notices: &Arc<Notices>,
    migrate: bool,
) -> Result<(Analytics, JournalMode)> {
    let set = schema::migrations()?;
    // A file that is not ours is left as it is, its journal mode included.
    migration::inspect(conn, &set)?;
    if !migrate {
        require_schema(conn, &set)?;
    }
    let (journal, warning) = conn.configure(settings)?;
    let opened = if migrate {
        migration::open(conn, &set)?
    } else {
        Opened { prepared: migration::prepare(conn, &set)?, items: Vec::new() }
    };
    for warning in warning.iter().chain(&opened.prepared.warnings) {
        notices.warn(warning);
    }
    let (message, fields) = self::opened(settings, journal.as_str());
    notices.tell(Level::Info, message, fields);
    let applied = opened.items.iter().filter(|item| item.executed).count();
    if applied > 0 {
        let fields = Map::from_iter([("applied".to_owned(), json!(applied))]);
        notices.tell(Level::Info, "analytics: migrations applied", fields);
    }
    Ok((Analytics::default(), journal))
}
