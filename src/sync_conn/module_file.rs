#![forbid(unsafe_code)]
//! How a module opens its file with a synchronous connection (migrations.md §3).

use rusqlite::OpenFlags;

use super::{Connection, Misuse, Result, open};
use crate::{
    error::{self, Error},
    migration::{self, MigrationSet, Opened},
    store::{self, JournalMode, Location, Settings},
};

/// The file of a module, and what is to be done with it.
#[derive(Clone, Copy)]
pub struct ModuleFile<'a> {
    /// Where it is, and the settings of the connection.
    pub settings: &'a Settings,
    /// The migrations that it is compared with, in the order in which they are applied: first those of the modules that
    /// this one requires, then its own.
    pub sets: &'a [MigrationSet],
    /// Apply what is pending, too; all scripts have to be SQL. Else the caller does so, or nobody.
    pub migrate: bool,
}

/// A file that was opened.
#[derive(Debug)]
pub struct OpenedFile {
    /// The connection.
    pub connection: Connection,
    /// The journal mode in force.
    pub journal: JournalMode,
    /// For `logger.warn`: another journal mode than WAL, and what an adoption moved or set aside.
    pub warnings: Vec<String>,
    /// What was done for each set; or the [`Error::Migration`] that stands against it. If that was found by the first
    /// look, the file is exactly as it was, its journal mode included. The connection works in either case: who does not
    /// want it drops it.
    pub migrated: error::Result<Vec<Opened>>,
}

impl OpenedFile {
    /// The file, for a module that does not work with one that its migrations stand against.
    ///
    /// # Errors
    /// The [`Error::Migration`].
    pub fn accepted(self) -> error::Result<Self> {
        match self.migrated {
            Ok(_) => Ok(self),
            Err(error) => Err(error),
        }
    }
}

impl ModuleFile<'_> {
    /// Make the directory and the file where they are missing, compare the file with the sets, apply the settings, convert
    /// or adopt what is there, and apply what is pending.
    ///
    /// # Errors
    /// Those of [`store::make_room`] and of SQLite: `SQLITE_CANTOPEN`, `SQLITE_NOTADB`, `SQLITE_BUSY` where a lock stays.
    pub fn open(&self) -> Result<OpenedFile> {
        store::make_room(self.settings)?;
        let mut db = open::connect(self.settings, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        let mut warnings = Vec::new();
        let looked = self.sets.iter().try_for_each(|set| migration::inspect(&db, set).map(drop));
        let (journal, migrated) = match judged(looked)? {
            Ok(()) => {
                let (journal, warning) = store::configure(&db, self.settings)?;
                warnings.extend(warning);
                (journal, judged(self.migrate(&mut db, &mut warnings))?)
            }
            Err(error) => {
                store::apply_session(&db, self.settings)?;
                (store::journal_mode(&db, &self.settings.location)?, Err(error))
            }
        };
        // Not before: what an adoption creates anew may be spelled as only SQLite's defaults allow.
        open::prepare(&db, self.settings.busy_timeout, self.settings.foreign_keys)?;
        Ok(OpenedFile { connection: Connection::to_database(db, self.settings), journal, warnings, migrated })
    }

    fn migrate(&self, db: &mut rusqlite::Connection, warnings: &mut Vec<String>) -> error::Result<Vec<Opened>> {
        let mut done = Vec::new();
        for set in self.sets {
            let opened = if self.migrate {
                migration::open(db, set)?
            } else {
                Opened { prepared: migration::prepare(db, set)?, items: Vec::new() }
            };
            warnings.extend(opened.prepared.warnings.iter().cloned());
            done.push(opened);
        }
        Ok(done)
    }
}

impl Connection {
    /// Open the file of a module for reading, whatever schema is in it. Nothing is created, and nothing is set but the
    /// busy timeout and foreign keys.
    ///
    /// # Errors
    /// `SQLITE_CANTOPEN` for a missing file, [`Misuse::READONLY_MEMORY`].
    pub fn open_readonly(settings: &Settings) -> Result<Self> {
        if matches!(settings.location, Location::Memory(_)) {
            return Err(Misuse::READONLY_MEMORY.into());
        }
        let db = open::connect(settings, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        open::prepare(&db, settings.busy_timeout, settings.foreign_keys)?;
        Ok(Self::to_database(db, settings))
    }
}

/// What the migrations say about a file, apart from what SQLite says.
fn judged<T>(outcome: error::Result<T>) -> error::Result<error::Result<T>> {
    match outcome {
        Err(error) if !matches!(error, Error::Migration(_)) => Err(error),
        outcome => Ok(outcome),
    }
}
