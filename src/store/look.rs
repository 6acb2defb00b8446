#![forbid(unsafe_code)]
//! Looking at a file without leaving a trace: neither the file nor what lies beside it changes.
//!
//! A plain read-only connection is not enough for that. On a file in WAL mode SQLite makes `-wal` and `-shm` where they
//! are missing, and a connection that cannot write leaves them behind. So it depends on what is there how it is read:
//!
//! | found | opened |
//! |---|---|
//! | rollback journal | read-only |
//! | WAL mode, `-wal` missing or empty: the main file is complete | as immutable, and again if it changed meanwhile |
//! | WAL mode, `-wal` with content, `-shm` there | read-only, `-shm` too |
//! | WAL mode, `-wal` with content, no `-shm` | not at all: the first to open it has to make one |
//!
//! For a process that has no connection to the file: on POSIX, closing the file that was opened for its header gives up
//! the locks of every other handle of this process (sqlite.org/howtocorrupt.html §2.2).

use std::{
    fs::{File, Metadata},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rusqlite::{Connection, OpenFlags, ffi};

use super::JournalMode;
use crate::error::{Error, Result};

/// Times that a file may change under a look before the look is given up.
const ATTEMPTS: u32 = 20;
/// Pause before the next look.
const PAUSE: Duration = Duration::from_millis(25);
/// Bytes of SQLite's header up to and including the versions of the file format (sqlite.org/fileformat.html §1.3) and
/// the change counter.
const HEADER: usize = 28;

/// What lies on disk under the name of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnDisk {
    /// The file with its links followed, as SQLite follows them; `-wal` and `-shm` lie beside it.
    pub path: PathBuf,
    /// Bytes of the main file.
    pub size: u64,
    /// Bytes of `-wal`; `None` if there is none.
    pub wal: Option<u64>,
    shared_memory: bool,
    modified: Option<SystemTime>,
    header: Vec<u8>,
}

impl OnDisk {
    /// What is there; `None` if nothing is.
    ///
    /// # Errors
    /// [`Error::Io`] for something that is no file or cannot be read.
    pub fn at(path: &Path) -> Result<Option<Self>> {
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(Error::io(path, &error)),
        };
        if !metadata.is_file() {
            let message = "is not a file".to_owned();
            return Err(Error::Io { path: path.display().to_string(), code: None, message });
        }
        let mut header = Vec::with_capacity(HEADER);
        File::open(path)
            .and_then(|file| file.take(HEADER as u64).read_to_end(&mut header))
            .map_err(|error| Error::io(path, &error))?;
        let path = followed(path);
        Ok(Some(Self {
            wal: metadata_of(&path, "-wal").map(|wal| wal.len()),
            shared_memory: metadata_of(&path, "-shm").is_some(),
            size: metadata.len(),
            modified: metadata.modified().ok(),
            path,
            header,
        }))
    }

    /// The mode that the header records; `None` for an empty file and for one that is no database.
    pub fn journal_mode(&self) -> Option<JournalMode> {
        if !self.header.starts_with(b"SQLite format 3\0") {
            return None;
        }
        let reads = self.header.get(19).copied();
        Some(if reads == Some(2) { JournalMode::Wal } else { JournalMode::Delete })
    }

    fn way(&self) -> Way {
        match (self.journal_mode(), self.wal) {
            (Some(JournalMode::Wal), None | Some(0)) => Way::Immutable,
            (Some(JournalMode::Wal), Some(_)) if self.shared_memory => Way::SharedMemoryToo,
            (Some(JournalMode::Wal), Some(_)) => Way::None,
            _ => Way::ReadOnly,
        }
    }

    /// Whether the main file is still the same.
    fn is_still(&self, now: Option<&Self>) -> bool {
        now.is_some_and(|now| (self.size, self.modified, &self.header) == (now.size, now.modified, &now.header))
    }
}

/// How a file can be read without a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ReadOnly,
    Immutable,
    SharedMemoryToo,
    None,
}

/// Run `read` on a read-only connection to the file at `path`; `None` if there is no file. `read` may run more than once.
///
/// # Errors
/// Those of `read`; [`Error::Io`] and [`Error::Sqlite`] if the file cannot be read; [`Error::NeedsRecovery`] if reading it
/// would mean writing first.
pub fn look<T>(
    path: &Path,
    busy_timeout: Duration,
    mut read: impl FnMut(&mut Connection) -> Result<T>,
) -> Result<Option<T>> {
    for _ in 0..ATTEMPTS {
        let Some(found) = OnDisk::at(path)? else { return Ok(None) };
        let way = found.way();
        let query = match way {
            Way::ReadOnly => "mode=ro",
            Way::Immutable => "mode=ro&immutable=1",
            Way::SharedMemoryToo => "mode=ro&readonly_shm=1",
            Way::None => return Err(Error::NeedsRecovery { path: path.display().to_string() }),
        };
        let mut answer = connect(&found.path, query, busy_timeout).and_then(|mut conn| read(&mut conn));
        if way == Way::SharedMemoryToo && extended(&answer) == Some(ffi::SQLITE_READONLY_CANTINIT) {
            // The shared memory is in use and has no mark that a reader without write access to it could hold on to.
            answer = connect(&found.path, "mode=ro", busy_timeout).and_then(|mut conn| read(&mut conn));
        }
        if way == Way::Immutable && !found.is_still(OnDisk::at(path)?.as_ref()) {
            std::thread::sleep(PAUSE);
            continue;
        }
        if matches!(extended(&answer), Some(ffi::SQLITE_READONLY_ROLLBACK | ffi::SQLITE_READONLY_RECOVERY)) {
            return Err(Error::NeedsRecovery { path: path.display().to_string() });
        }
        return answer.map(Some);
    }
    let message = "the file is being written all the time".to_owned();
    Err(Error::Io { path: path.display().to_string(), code: None, message })
}

fn connect(path: &Path, query: &str, busy_timeout: Duration) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(uri(path, query), flags)?;
    conn.busy_timeout(busy_timeout)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(conn)
}

/// `path` as a URI (sqlite.org/uri.html), whatever characters are in it.
fn uri(path: &Path, query: &str) -> String {
    let mut text = String::from("file://");
    let bytes = bytes_of(path);
    if !bytes.starts_with(b"/") {
        text.push('/');
    }
    for byte in bytes {
        match byte {
            b'/' | b':' | b'-' | b'_' | b'.' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                text.push(char::from(byte));
            }
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text + "?" + query
}

#[cfg(unix)]
fn bytes_of(path: &Path) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()
}

#[cfg(not(unix))]
fn bytes_of(path: &Path) -> Vec<u8> {
    path.to_string_lossy().replace('\\', "/").into_bytes()
}

/// The write-ahead log of the database at `path`.
pub(super) fn log_of(path: &Path) -> PathBuf {
    beside(&followed(path), "-wal")
}

/// The file itself, where SQLite keeps the others beside it. It follows links on POSIX only.
pub(super) fn followed(path: &Path) -> PathBuf {
    if cfg!(unix) { path.canonicalize().unwrap_or_else(|_| path.to_owned()) } else { path.to_owned() }
}

fn metadata_of(path: &Path, suffix: &str) -> Option<Metadata> {
    std::fs::metadata(beside(path, suffix)).ok()
}

/// The name of a file beside another: of what SQLite keeps beside a database, `-wal` for instance.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn extended<T>(result: &Result<T>) -> Option<i32> {
    match result {
        Err(Error::Sqlite { extended, .. }) => Some(*extended),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    const PATIENCE: Duration = Duration::from_millis(200);

    /// Every file of a directory with the checksum of its content.
    fn files(directory: &Path) -> Vec<(String, String)> {
        let checksum = |path: &Path| format!("{:?}", Sha256::digest(std::fs::read(path).expect("file")));
        let mut list: Vec<_> = std::fs::read_dir(directory)
            .expect("directory")
            .map(|entry| entry.expect("entry").path())
            .map(|path| (path.display().to_string(), checksum(&path)))
            .collect();
        list.sort();
        list
    }

    fn rows(path: &Path) -> Result<Option<i64>> {
        look(path, PATIENCE, |conn| Ok(conn.query_row("SELECT count(*) FROM t", [], |row| row.get(0))?))
    }

    fn database(path: &Path, mode: &str) -> Connection {
        let conn = Connection::open(path).expect("open");
        conn.pragma_update(None, "journal_mode", mode).expect("mode");
        conn.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)").expect("fixture");
        conn
    }

    #[test]
    fn a_look_leaves_a_closed_file_and_its_directory_as_they_are() {
        for mode in ["wal", "delete"] {
            let dir = tempfile::tempdir().expect("dir");
            let path = dir.path().join("a ?#%&ä.db");
            drop(database(&path, mode));
            let before = files(dir.path());
            assert_eq!(rows(&path).expect("rows"), Some(2), "{mode}");
            assert_eq!(files(dir.path()), before, "{mode}");
        }
    }

    #[test]
    fn what_another_connection_has_not_checkpointed_is_seen() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("t.db");
        let writer = database(&path, "wal");
        assert_eq!(rows(&path).expect("rows"), Some(2));
        writer.execute_batch("INSERT INTO t VALUES (3)").expect("insert");
        // Within one process -shm is one mapping, which the writer can write to; so it is left out here.
        let lasting = || files(dir.path()).into_iter().filter(|(name, _)| !name.ends_with("-shm")).collect::<Vec<_>>();
        let before = lasting();
        assert_eq!(rows(&path).expect("rows"), Some(3));
        assert_eq!(lasting(), before);
    }

    #[test]
    fn the_log_of_a_crash_is_read_without_the_recovery_being_written() {
        let dir = tempfile::tempdir().expect("dir");
        let writer = database(&dir.path().join("t.db"), "wal");
        let copy = tempfile::tempdir().expect("dir");
        for suffix in ["", "-wal", "-shm"] {
            let name = format!("t.db{suffix}");
            std::fs::copy(dir.path().join(&name), copy.path().join(&name)).expect("copy");
        }
        drop(writer);
        let path = copy.path().join("t.db");
        let before = files(copy.path());
        assert_eq!(rows(&path).expect("rows"), Some(2));
        assert_eq!(files(copy.path()), before);
        std::fs::remove_file(copy.path().join("t.db-shm")).expect("remove");
        let error = rows(&path).expect_err("needs -shm");
        assert!(matches!(error, Error::NeedsRecovery { .. }), "{error:?}");
        assert_eq!(files(copy.path()).len(), 2);
    }

    #[test]
    fn a_file_that_a_crash_left_with_a_hot_journal_is_not_rolled_back_by_a_look() {
        let dir = tempfile::tempdir().expect("dir");
        let conn = database(&dir.path().join("t.db"), "delete");
        conn.execute_batch("PRAGMA cache_size = 1; BEGIN IMMEDIATE; UPDATE t SET x = 9").expect("write");
        conn.execute_batch("CREATE TABLE u (y); INSERT INTO u VALUES (zeroblob(200000))").expect("spill");
        let copy = tempfile::tempdir().expect("dir");
        for name in ["t.db", "t.db-journal"] {
            std::fs::copy(dir.path().join(name), copy.path().join(name)).expect("copy");
        }
        let before = files(copy.path());
        let error = rows(&copy.path().join("t.db")).expect_err("hot journal");
        assert!(matches!(error, Error::NeedsRecovery { .. }), "{error:?}");
        assert_eq!(files(copy.path()), before);
    }

    #[test]
    fn no_file_is_none_and_what_is_no_database_is_an_error() {
        let dir = tempfile::tempdir().expect("dir");
        assert_eq!(rows(&dir.path().join("none.db")).expect("none"), None);
        assert_eq!(rows(&dir.path().join("no/such/none.db")).expect("none"), None);
        assert!(matches!(rows(dir.path()), Err(Error::Io { .. })));
        let path = dir.path().join("text.db");
        std::fs::write(&path, "no database, but longer than its header").expect("write");
        assert_eq!(rows(&path).expect_err("text").sqlite_code(), Some(ffi::SQLITE_NOTADB));
        assert_eq!(rows(&path.join("below")).expect("none"), None);
    }
}
