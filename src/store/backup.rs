#![forbid(unsafe_code)]
//! A consistent copy of a database that is in use, never over a file (README §4 of the contracts).

use std::{
    fs::{Metadata, OpenOptions},
    io::ErrorKind,
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, backup::Backup};

use super::{
    create::{partial, publish},
    look::beside,
};
use crate::error::{Error, Result};

/// Pages that are copied between two looks at the clock and the lock.
const STEP: i32 = 2_000;

/// Who may read a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Whoever may read the original.
    OfSource,
    /// Its owner.
    Owner,
}

/// Copy the database of `conn` to the file `target`, which must not exist, for `readers`. `progress` hears the pages that are copied and
/// how many there are. Returns the number of pages.
///
/// # Errors
/// [`Error::FileExists`], [`Error::DirectoryMissing`], [`Error::Io`] and those of SQLite. No half copy stays.
pub fn backup(conn: &Connection, target: &Path, readers: Readers, progress: &mut dyn FnMut(u64, u64)) -> Result<i32> {
    check_target(conn, target)?;
    let partial = partial(target);
    create(conn, &partial, readers).map_err(|error| refused(target, &error))?;
    let copied = copy(conn, &partial, progress)
        .and_then(|pages| publish(&partial, target).map(|()| pages).map_err(|error| refused(target, &error)));
    if copied.is_err() {
        // Half a copy is none. On a full disk SQLite leaves its journal, too.
        for path in [beside(&partial, "-journal"), partial] {
            let _ = std::fs::remove_file(path);
        }
    }
    copied
}

/// Refuse a name by which SQLite would take the copy for a part of the original, or something else for a part of the copy; it
/// writes into such files, and removes them.
///
/// # Errors
/// [`Error::FileExists`]
fn check_name(conn: &Connection, target: &Path) -> Result<()> {
    const PARTS: [&str; 3] = ["-wal", "-shm", "-journal"];
    let same = |part: &Path| {
        let directory = |path: &Path| path.parent().and_then(|it| it.canonicalize().ok());
        part.file_name() == target.file_name() && directory(part) == directory(target)
    };
    let own = conn.path().is_some_and(|source| PARTS.iter().any(|it| same(&beside(Path::new(source), it))));
    let taken = if own || target.exists() {
        Some(target.to_owned())
    } else {
        PARTS.map(|it| beside(target, it)).into_iter().find(|it| it.exists())
    };
    taken.map_or(Ok(()), |path| Err(Error::FileExists { path: path.display().to_string() }))
}

/// Make the empty file of a copy.
///
/// # Errors
/// [`Error::FileExists`], [`Error::DirectoryMissing`], [`Error::Io`]
pub fn create_copy(conn: &Connection, target: &Path, readers: Readers) -> Result<()> {
    check_target(conn, target)?;
    create(conn, target, readers).map_err(|error| refused(target, &error))
}

fn check_target(conn: &Connection, target: &Path) -> Result<()> {
    if let Some(directory) = target.parent().filter(|it| *it != Path::new("") && !it.is_dir()) {
        return Err(Error::DirectoryMissing { path: directory.display().to_string() });
    }
    check_name(conn, target)
}

/// Creating the file is the test: no file that came meanwhile is written over. Nobody may read the copy who may not read the
/// original.
fn create(conn: &Connection, path: &Path, readers: Readers) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    match readers {
        Readers::Owner => only_owner(&mut options),
        Readers::OfSource => {
            if let Some(source) = conn.path().and_then(|path| std::fs::metadata(path).ok()) {
                same_readers(&mut options, &source);
            }
        }
    }
    options.open(path).map(drop)
}

fn refused(path: &Path, error: &std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::AlreadyExists => Error::FileExists { path: path.display().to_string() },
        _ => Error::io(path, error),
    }
}

#[cfg(unix)]
fn same_readers(options: &mut OpenOptions, source: &Metadata) {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    // Whoever copies a file that nobody may write to still has to write the copy.
    options.mode(source.permissions().mode() & 0o777 | 0o200);
}

#[cfg(unix)]
fn only_owner(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

/// Elsewhere the directory decides.
#[cfg(not(unix))]
fn same_readers(_options: &mut OpenOptions, _source: &Metadata) {}

#[cfg(not(unix))]
fn only_owner(_options: &mut OpenOptions) {}

fn copy(conn: &Connection, path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<i32> {
    // A read transaction that is open keeps the copy on one state of the file while writers go on (in WAL mode).
    let snapshot = conn.unchecked_transaction()?;
    conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let mut target = Connection::open(path)?;
    let total = {
        let backup = Backup::new(conn, &mut target)?;
        loop {
            use rusqlite::backup::StepResult::{Busy, Done, Locked, More};
            let step = backup.step(STEP)?;
            let pages = backup.progress();
            let count = |pages: i32| u64::try_from(pages).unwrap_or(0);
            progress(count(pages.pagecount - pages.remaining), count(pages.pagecount));
            match step {
                Done => break pages.pagecount,
                Busy | Locked => std::thread::sleep(Duration::from_millis(5)),
                More => {}
                _ => return Err(Error::Internal("unknown answer of the backup".into())),
            }
        }
    };
    snapshot.commit()?;
    target.close().map_err(|(_, error)| error)?;
    Ok(total)
}
