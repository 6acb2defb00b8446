#![forbid(unsafe_code)]
//! `backup`: a consistent copy of any SQLite database.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::store::{self, OnDisk, Readers, may_change};

/// How long a lock on the source is awaited.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupReport {
    /// The original.
    pub source: String,
    /// The copy.
    pub target: String,
    /// Pages of the copy.
    pub pages: i32,
    /// Bytes of the copy.
    pub bytes: u64,
}

fn remove(target: &Path) -> Result<()> {
    std::fs::remove_file(target).map_err(|error| Error::io(target, &error))
}

/// Copy the database at `source` to `target`, which must not exist. `progress` hears the pages that are copied and how
/// many there are.
///
/// # Errors
/// [`Error::FileMissing`] for the source, else as [`store::backup`].
pub fn backup(source: &Path, target: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<BackupReport> {
    let missing = || Error::FileMissing { path: source.display().to_string() };
    OnDisk::at(source)?.ok_or_else(missing)?;
    let pages = if may_change(source) {
        // With locks, like any program that works with the file: so it is one state of it, whoever writes meanwhile.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(source, flags)?;
        conn.busy_timeout(PATIENCE)?;
        store::backup(&conn, target, Readers::OfSource, progress)?
    } else {
        // Who may not write must not leave a -shm behind either, which the owner could then not write to.
        let mut made = false;
        let looked = store::look(source, PATIENCE, |conn| {
            // A second run: the source has changed under the first, whose copy is worth nothing.
            if std::mem::take(&mut made) {
                remove(target)?;
            }
            let pages = store::backup(conn, target, Readers::OfSource, progress)?;
            made = true;
            Ok(pages)
        });
        if looked.is_err() && made {
            remove(target)?;
        }
        looked?.ok_or_else(missing)?
    };
    Ok(BackupReport {
        source: source.display().to_string(),
        target: target.display().to_string(),
        pages,
        bytes: std::fs::metadata(target).map_or(0, |file| file.len()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(path: &Path) -> i64 {
        let conn = Connection::open(path).expect("open");
        conn.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).expect("rows")
    }

    #[test]
    fn a_file_in_use_is_copied_with_what_is_in_its_log() {
        let dir = tempfile::tempdir().expect("dir");
        let (source, target) = (dir.path().join("s.db"), dir.path().join("d.db"));
        let writer = Connection::open(&source).expect("open");
        writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)").expect("write");
        let mut heard = Vec::new();
        let mut hear = |copied, total| {
            assert!(!target.exists(), "a copy that is interrupted has no name");
            heard.push((copied, total));
        };
        let report = backup(&source, &target, &mut hear).expect("backup");
        assert_eq!((rows(&target), report.pages), (1, 2));
        assert_eq!((heard, report.bytes), (vec![(2, 2)], 8192));
        writer.execute_batch("INSERT INTO t VALUES (2)").expect("the source goes on");
    }

    #[test]
    fn no_file_is_written_over_and_no_half_copy_stays() {
        let dir = tempfile::tempdir().expect("dir");
        let (source, target) = (dir.path().join("s.db"), dir.path().join("d.db"));
        let refused = |target: &Path| backup(&source, target, &mut |_, _| {}).expect_err("refused").to_string();
        assert_eq!(refused(&target), format!("File does not exist: {}", source.display()));
        std::fs::write(&source, "no database, but longer than a header is").expect("write");
        assert_eq!(refused(&target), "file is not a database");
        assert!(!target.exists());
        std::fs::remove_file(&source).expect("remove");
        Connection::open(&source).and_then(|conn| conn.execute_batch("CREATE TABLE t (x)")).expect("source");
        std::fs::write(&target, "mine").expect("write");
        assert_eq!(refused(&target), format!("File already exists: {}", target.display()));
        assert_eq!(std::fs::read(&target).expect("target"), b"mine");
        std::fs::rename(&target, dir.path().join("e.db-journal")).expect("rename");
        assert!(refused(&dir.path().join("e.db")).ends_with("e.db-journal"));
        assert_eq!(refused(&source), format!("File already exists: {}", source.display()));
        for part in ["s.db-wal", "s.db-shm", "s.db-journal"] {
            assert!(refused(&dir.path().join(part)).ends_with(part));
            assert!(!dir.path().join(part).exists());
        }
        let nowhere = dir.path().join("no/d.db");
        assert_eq!(refused(&nowhere), format!("Directory does not exist: {}", dir.path().join("no").display()));
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_has_a_private_copy() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("dir");
        let (source, target) = (dir.path().join("s.db"), dir.path().join("d.db"));
        Connection::open(&source).and_then(|conn| conn.execute_batch("CREATE TABLE t (x)")).expect("source");
        std::fs::set_permissions(&source, std::fs::Permissions::from_mode(0o600)).expect("mode");
        backup(&source, &target, &mut |_, _| {}).expect("backup");
        let mode = std::fs::metadata(&target).expect("target").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
