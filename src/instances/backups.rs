#![forbid(unsafe_code)]
//! The backups that maintenance writes and takes away: `<name>.backup-YYYYMMDDTHHMMSSZ.db`, and nothing else.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use crate::{
    error::{Error, Result},
    store,
};

/// A backup is not written while there is one as young as this, in seconds.
const YOUNG: i64 = 86_400;

/// How a backup is called while [`store::backup`] writes it: this, and a number.
const PARTIAL: &str = ".db.partial-";

/// The backups of one database.
#[derive(Debug)]
pub(super) struct Backups {
    directory: PathBuf,
    /// `<name>.backup-`
    prefix: String,
}

impl Backups {
    /// Those of the database `file`, in `directory` or beside it.
    pub(super) fn of(file: &Path, directory: Option<&Path>) -> Self {
        let beside = || file.parent().map(Path::to_path_buf).unwrap_or_default();
        // `x.db` and `x.sqlite` in one directory keep their backups apart.
        let is_db = file.extension().is_some_and(|extension| extension == "db");
        let name = if is_db { file.file_stem() } else { file.file_name() };
        let name = name.unwrap_or_default().to_string_lossy();
        Self { directory: directory.map_or_else(beside, Path::to_path_buf), prefix: format!("{name}.backup-") }
    }

    /// Write one of the moment `now`, unless there is a young one.
    pub(super) fn write(&self, conn: &Connection, now: i64) -> Result<Option<PathBuf>> {
        store::make_directory(&self.directory, true).map_err(|error| Error::io(&self.directory, &error))?;
        if self.files(conn, ".db")?.iter().any(|(at, _)| *at > now - YOUNG) {
            return Ok(None);
        }
        for (_, left) in self.files(conn, PARTIAL)?.into_iter().filter(|(at, _)| *at <= now - YOUNG) {
            // Whoever was writing it is long dead. If it cannot be removed, that is no reason against a backup.
            let _ = std::fs::remove_file(left);
        }
        let moment: String =
            conn.query_row("SELECT strftime(?2, ?1, 'unixepoch')", (now, "%Y%m%dT%H%M%SZ"), |row| row.get(0))?;
        let target = self.directory.join(format!("{}{moment}.db", self.prefix));
        match store::backup(conn, &target, store::Readers::Owner, &mut |_, _| {}) {
            Ok(_) => Ok(Some(target)),
            // Another client was as fast: there is its backup.
            Err(Error::FileExists { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Delete those from before `cutoff`, never the newest. Returns them, the oldest first.
    pub(super) fn delete_before(&self, conn: &Connection, cutoff: i64) -> Result<Vec<PathBuf>> {
        let mut all = self.files(conn, ".db")?;
        all.pop();
        let mut deleted = Vec::new();
        for (_, path) in all.into_iter().filter(|(at, _)| *at < cutoff) {
            match std::fs::remove_file(&path) {
                Ok(()) => deleted.push(path),
                // Another process was faster.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(Error::io(&path, &error)),
            }
        }
        Ok(deleted)
    }

    /// Every file with the name of a backup that ends so, and its moment, the oldest first.
    fn files(&self, conn: &Connection, ending: &str) -> Result<Vec<(i64, PathBuf)>> {
        let mut all = Vec::new();
        let entries = std::fs::read_dir(&self.directory).map_err(|error| Error::io(&self.directory, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| Error::io(&self.directory, &error))?;
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if let Some(moment) =
                entry.file_name().to_str().filter(|_| is_file).and_then(|name| self.moment(name, ending))
                && let Some(at) = conn.query_row("SELECT unixepoch(?1)", [moment], |row| row.get(0))?
            {
                all.push((at, entry.path()));
            }
        }
        all.sort();
        Ok(all)
    }

    /// `YYYY-MM-DDTHH:MM:SSZ` of a file that has the name of a backup.
    fn moment(&self, name: &str, ending: &str) -> Option<String> {
        let (stamp, rest) = name.strip_prefix(&self.prefix)?.split_once(ending)?;
        let is_number = ending == PARTIAL && rest.bytes().all(|it| it.is_ascii_digit());
        let stamp = stamp.strip_suffix('Z').filter(|_| rest.is_empty() || is_number)?;
        let (date, time) = stamp.split_once('T')?;
        let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|it| it.is_ascii_digit());
        if !digits(date, 8) || !digits(time, 6) {
            return None;
        }
        let (day, hour) = ([&date[..4], &date[4..6], &date[6..]], [&time[..2], &time[2..4], &time[4..]]);
        Some(format!("{}T{}Z", day.join("-"), hour.join(":")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn memory() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1);").unwrap();
        conn
    }

    #[test]
    fn a_backup_has_its_moment_in_its_name_and_the_next_waits_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let conn = memory();
        let backups = Backups::of(&dir.path().join("x.db"), None);
        let first = backups.write(&conn, NOW).unwrap().expect("a backup");
        assert_eq!(names(dir.path()), ["x.backup-20270115T080000Z.db"]);
        assert_eq!(backups.write(&conn, NOW + YOUNG - 1).unwrap(), None);
        assert!(backups.write(&conn, NOW + YOUNG).unwrap().is_some());
        let copy = Connection::open(first).unwrap();
        assert_eq!(copy.query_row("SELECT x FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    }

    #[test]
    fn only_what_has_the_name_of_an_old_backup_goes_and_never_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let kept = [
            "x.backup-20200101T000000Z.db.bak",
            "x.backup-20200101T000000.db",
            "x.backup-2020010AT000000Z.db",
            "x.backup-20201301T000000Z.db",
            "x.backup-mine.db",
            "x.backup-20200101T000000Z.db2",
            "y.backup-20200101T000000Z.db",
            "x.sqlite.backup-20200101T000000Z.db",
            "X.backup-20200101T000000Z.db",
            "x.db",
            "x.backup-20200104T000000Z.db",
        ];
        let old = ["x.backup-20200101T000000Z.db", "x.backup-20200102T000000Z.db"];
        for name in kept.iter().chain(&old) {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir(dir.path().join("x.backup-20200103T000000Z.db")).unwrap();
        let backups = Backups::of(&dir.path().join("x.db"), None);
        let deleted = backups.delete_before(&memory(), NOW).unwrap();
        let deleted: Vec<_> = deleted.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(deleted, old);
        let mut left = kept.map(str::to_owned).to_vec();
        left.push("x.backup-20200103T000000Z.db".to_owned());
        left.sort();
        assert_eq!(names(dir.path()), left);
        assert_eq!(backups.delete_before(&memory(), NOW).unwrap(), Vec::<PathBuf>::new());
    }

    #[test]
    fn what_is_left_of_a_copy_goes_after_a_day_and_counts_as_no_backup() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["x.backup-20200101T000000Z.db.partial-7", "x.backup-20270115T075959Z.db.partial-7"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let backups = Backups::of(&dir.path().join("x.db"), None);
        assert!(backups.write(&memory(), NOW).unwrap().is_some());
        assert_eq!(names(dir.path()), ["x.backup-20270115T075959Z.db.partial-7", "x.backup-20270115T080000Z.db"]);
    }

    #[test]
    fn a_directory_of_ones_own_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("a/b");
        let backups = Backups::of(&dir.path().join("x.sqlite"), Some(&own));
        assert!(backups.write(&memory(), NOW).unwrap().is_some());
        assert_eq!(names(&own), ["x.sqlite.backup-20270115T080000Z.db"]);
    }
}
