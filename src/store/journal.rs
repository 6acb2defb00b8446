#![forbid(unsafe_code)]
//! The choice of the journal mode (telemetry.md §11).

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ffi};

use super::{Location, Settings, filesystem::shared_filesystem, look::followed};
use crate::error::{Error, Result};

/// What the caller asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalChoice {
    /// WAL, or DELETE on a network or shared file system.
    Auto,
    /// WAL
    Wal,
    /// DELETE
    Delete,
}

/// What a file is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalMode {
    /// Write-ahead log.
    Wal,
    /// Rollback journal.
    Delete,
    /// In-memory database.
    Memory,
}

impl JournalMode {
    /// The name in `getMetrics()`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wal => "wal",
            Self::Delete => "delete",
            Self::Memory => "memory",
        }
    }
}

/// Put the file into the mode that `settings` asks for. Returns the mode in force, and a warning if it is another one.
pub(super) fn choose(connection: &Connection, settings: &Settings) -> Result<(JournalMode, Option<String>)> {
    let Location::File(path) = &settings.location else {
        return Ok((JournalMode::Memory, None));
    };
    let shared = shared_filesystem_of(path);
    let wanted = match (settings.journal, shared) {
        (JournalChoice::Delete, _) | (JournalChoice::Auto, Some(_)) => "delete",
        (JournalChoice::Wal, _) | (JournalChoice::Auto, None) => "wal",
    };
    let actual = switch(connection, wanted, settings.busy_timeout)?;
    let mode = mode_of(&actual);
    let warning = match shared {
        _ if actual != wanted => Some(format!("journal mode {wanted} was refused; {actual} is in use")),
        Some(name) if settings.journal == JournalChoice::Auto => {
            Some(format!("{name} cannot share WAL between hosts; journal mode delete is in use"))
        }
        _ => None,
    };
    Ok((mode, warning))
}

/// The mode that a connection is left in. What a new file was to be made with is no mode to work in; leaving it needs no lock.
fn left(connection: &Connection) -> Result<String> {
    let mode = current(connection)?;
    if mode != "memory" {
        return Ok(mode);
    }
    Ok(connection.query_row("PRAGMA journal_mode = delete", [], |row| row.get(0))?)
}

/// The mode that a database is in.
///
/// # Errors
/// Those of SQLite.
pub fn journal_mode(connection: &Connection, location: &Location) -> Result<JournalMode> {
    match location {
        Location::Memory(_) => Ok(JournalMode::Memory),
        Location::File(_) => Ok(mode_of(&current(connection)?)),
    }
}

fn mode_of(name: &str) -> JournalMode {
    if name == "wal" { JournalMode::Wal } else { JournalMode::Delete }
}

fn current(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))
}

/// The mode that [`JournalChoice::Auto`] asks for, and the network or shared file system that is the reason for DELETE.
/// A directory that does not exist yet is judged by the one it will be made in.
pub fn automatic_mode(path: &Path) -> (JournalMode, Option<&'static str>) {
    match path.ancestors().skip(1).find(|directory| directory.is_dir()).and_then(shared_filesystem) {
        Some(name) => (JournalMode::Delete, Some(name)),
        None => (JournalMode::Wal, None),
    }
}

/// Whether mapping the file into memory is safe: not on network and shared file systems.
pub(super) fn may_map(location: &Location) -> bool {
    location.path().is_some_and(|path| shared_filesystem_of(path).is_none())
}

/// That of the file itself: a link may lead elsewhere.
fn shared_filesystem_of(path: &Path) -> Option<&'static str> {
    followed(path).parent().and_then(shared_filesystem)
}

/// `PRAGMA journal_mode`, again and again while another connection holds a lock: SQLite does not call the busy handler
/// for every lock that a change of mode takes. Where it stays locked the mode stays too.
fn switch(connection: &Connection, wanted: &str, patience: Duration) -> Result<String> {
    let give_up = Instant::now() + patience;
    loop {
        if current(connection)? == wanted {
            return Ok(wanted.to_owned());
        }
        match connection.query_row(&format!("PRAGMA journal_mode = {wanted}"), [], |row| row.get::<_, String>(0)) {
            Ok(mode) => return Ok(mode),
            Err(error) => {
                let error = Error::from(error);
                let locked = matches!(error.sqlite_code(), Some(ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED));
                if !locked {
                    return Err(error);
                }
                // Leaving WAL needs the file for oneself: somebody who keeps it open will not go away by waiting.
                if wanted == "delete" || Instant::now() >= give_up {
                    return left(connection);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(path: &Path, journal: JournalChoice) -> Settings {
        let location = Location::File(path.to_owned());
        Settings { journal, busy_timeout: Duration::from_millis(20), ..Settings::synchronous(location) }
    }

    #[test]
    fn a_connection_works_in_no_mode_that_a_file_was_only_to_be_made_with() {
        let dir = tempfile::tempdir().expect("dir");
        for (journal, name) in [(JournalChoice::Wal, "a.db"), (JournalChoice::Delete, "b.db")] {
            let path = dir.path().join(name);
            let other = Connection::open(&path).expect("other");
            let conn = Connection::open(&path).expect("conn");
            conn.pragma_update(None, "journal_mode", "MEMORY").expect("memory");
            other.execute_batch("BEGIN EXCLUSIVE").expect("locked");
            let (mode, warning) = choose(&conn, &settings(&path, journal)).expect("chosen");
            assert_eq!((mode, current(&conn).expect("mode").as_str()), (JournalMode::Delete, "delete"));
            assert_eq!(warning.is_some(), journal == JournalChoice::Wal);
            other.execute_batch("COMMIT").expect("unlocked");
            let (mode, warning) = choose(&conn, &settings(&path, JournalChoice::Wal)).expect("chosen");
            assert_eq!((mode, warning), (JournalMode::Wal, None));
        }
    }
}
