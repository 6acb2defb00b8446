#![forbid(unsafe_code)]
//! Copies of a whole database.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, backup, ffi};

use super::{Failure, Result};
use crate::store;

/// Where the pages come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupSource {
    /// A file, which any thread can read by a connection of its own.
    File(PathBuf),
    /// Memory: only the connection itself can read it.
    Connection,
}

/// A copy to make on another thread.
#[derive(Debug, Clone)]
pub struct Backup {
    pub(super) source: PathBuf,
    pub(super) target: PathBuf,
    pub(super) timeout: Duration,
}

impl Backup {
    /// Make it. Blocks. Returns the number of pages.
    ///
    /// # Errors
    /// [`crate::error::Error::FileExists`], [`crate::error::Error::DirectoryMissing`], [`Failure::Sqlite`]; no file is left then.
    pub fn run(&self) -> Result<i32> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let source = Connection::open_with_flags(&self.source, flags)?;
        source.busy_timeout(self.timeout)?;
        copy(&source, &self.target)
    }
}

/// Copy all pages into a file that is made here, on one state of the database.
pub(super) fn copy(source: &Connection, target: &Path) -> Result<i32> {
    store::create_copy(source, target, store::Readers::OfSource)?;
    fill(source, target).inspect_err(|_| {
        // Half a copy is none.
        let _ = std::fs::remove_file(target);
    })
}

fn fill(source: &Connection, target: &Path) -> Result<i32> {
    let mut target = Connection::open(target)?;
    let backup = backup::Backup::new(source, &mut target)?;
    // All pages in one step hold the read lock throughout: one state, however many write meanwhile.
    match backup.step(-1)? {
        backup::StepResult::Done => Ok(backup.progress().pagecount),
        backup::StepResult::Locked => Err(locked(ffi::SQLITE_LOCKED)),
        _ => Err(locked(ffi::SQLITE_BUSY)),
    }
}

fn locked(code: i32) -> Failure {
    Failure::Sqlite { extended: code, message: ffi::code_to_str(code).to_owned(), offset: None }
}
