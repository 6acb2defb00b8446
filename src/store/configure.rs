#![forbid(unsafe_code)]
//! The settings of a connection.

use rusqlite::Connection;

use super::{JournalMode, Settings, Tuning, journal};
use crate::error::Result;

/// A setting of a connection: name and value.
type Pragma = (&'static str, String);

/// Apply the settings of a writer to a file that has been found to be ours. Returns the journal mode in force and a
/// warning if it is not the one asked for.
///
/// # Errors
/// Those of SQLite if the file cannot be configured.
pub fn configure(conn: &Connection, settings: &Settings) -> Result<(JournalMode, Option<String>)> {
    if settings.incremental_vacuum && conn.query_row("PRAGMA page_count", [], |row| row.get(0)) == Ok(0) {
        conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    let journal = journal::choose(conn, settings)?;
    apply_reading(conn, settings)?;
    apply_writing(conn, settings)?;
    Ok(journal)
}

/// The settings that concern this connection and not the file. It makes its own checkpoints, as SQLite's default is.
///
/// # Errors
/// Those of SQLite.
pub fn apply_session(conn: &Connection, settings: &Settings) -> Result<()> {
    apply_reading(conn, settings)?;
    update_all(conn, &writing_pragmas(settings))
}

pub(super) fn apply_reading(conn: &Connection, settings: &Settings) -> Result<()> {
    conn.pragma_update(None, "foreign_keys", settings.foreign_keys)?;
    update_all(conn, &reading_pragmas(settings))
}

pub(super) fn apply_writing(conn: &Connection, settings: &Settings) -> Result<()> {
    update_all(conn, &writing_pragmas(settings))?;
    if settings.tuning == Tuning::Store {
        // Checkpoints run on a thread of their own: no write pays for one.
        conn.pragma_update(None, "wal_autocheckpoint", 0)?;
    }
    Ok(())
}

fn reading_pragmas(settings: &Settings) -> Vec<Pragma> {
    match settings.tuning {
        Tuning::Store => {
            let mapped = if journal::may_map(&settings.location) { 268_435_456 } else { 0 };
            let own = |value: &str| value.to_owned();
            vec![("temp_store", own("MEMORY")), ("cache_size", own("-16000")), ("mmap_size", mapped.to_string())]
        }
        Tuning::Pragmas(list) => list.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
    }
}

fn writing_pragmas(settings: &Settings) -> Vec<Pragma> {
    let synchronous = if settings.full_durability { "FULL" } else { "NORMAL" };
    let mut pragmas = vec![("synchronous", synchronous.to_owned())];
    if settings.tuning == Tuning::Store {
        pragmas.push(("journal_size_limit", "67108864".to_owned()));
    }
    pragmas
}

fn update_all(conn: &Connection, pragmas: &[Pragma]) -> Result<()> {
    for (name, value) in pragmas {
        conn.pragma_update(None, name, value)?;
    }
    Ok(())
}
