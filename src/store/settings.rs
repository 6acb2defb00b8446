#![forbid(unsafe_code)]
//! What a store is opened with.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use super::JournalChoice;

/// Where the data lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file, by absolute path.
    File(PathBuf),
    /// A private in-memory database (sqlite.org/inmemorydb.html, `vfs=memdb`), by its process-wide unique URI.
    Memory(String),
}

impl Location {
    /// A new private in-memory database.
    pub fn memory() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self::Memory(format!("file:/runledger-{}?vfs=memdb", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// The main file, if there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Memory(_) => None,
        }
    }
}

/// Connection settings of a store; every connection of it has the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The database.
    pub location: Location,
    /// Which journal mode to ask for.
    pub journal: JournalChoice,
    /// fsync on every group commit (`synchronous=FULL`) instead of on checkpoints only.
    pub full_durability: bool,
    /// Whether foreign keys are enforced.
    pub foreign_keys: bool,
    /// How long a lock is awaited.
    pub busy_timeout: Duration,
    /// Most reader connections; they are opened on demand.
    pub readers: usize,
}
