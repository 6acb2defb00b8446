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
        // Until it is in its journal mode, there is nothing in the file that a rollback journal could save: it would be made,
        // synchronised and deleted twice, which is most of what a new file costs on a busy disk.
        conn.pragma_update(None, "journal_mode", "MEMORY")?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{JournalChoice, Location};

    #[test]
    fn a_new_file_ends_in_the_mode_that_was_asked_for() {
        let dir = tempfile::tempdir().expect("dir");
        for (journal, mode) in [(JournalChoice::Wal, "wal"), (JournalChoice::Delete, "delete")] {
            let path = dir.path().join(mode);
            let location = Location::File(path.clone());
            let settings = Settings { journal, incremental_vacuum: true, ..Settings::synchronous(location) };
            let conn = Connection::open(&path).expect("open");
            configure(&conn, &settings).expect("configured");
            conn.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)").expect("written");
            let text = |pragma: &str| conn.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, String>(0));
            let number = |pragma: &str| conn.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
            assert_eq!(text("journal_mode").as_deref(), Ok(mode));
            assert_eq!((number("auto_vacuum"), number("page_count").map(|pages| pages > 1)), (Ok(2), Ok(true)));
            let again = Connection::open(&path).expect("open again");
            assert_eq!(
                again.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0)).as_deref(),
                Ok("ok")
            );
        }
    }
}
