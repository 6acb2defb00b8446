#![forbid(unsafe_code)]
//! `rollback`: go back, from the top down.

use rusqlite::Connection;
use serde::Serialize;

use super::{Module, Request};
use crate::error::{Error, Result};
use crate::migration::{self, MigrationRef};
use crate::packed::Input;
use crate::store::{self, Conn, OnDisk, may_change};

/// What `rollback` did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RollbackReport {
    /// Journal name.
    pub module: String,
    /// The file.
    pub file: String,
    /// The version that the file is in now.
    pub version: i64,
    /// Highest version of the set.
    pub latest: i64,
    /// Highest first.
    pub rolled_back: Vec<MigrationRef>,
}

/// Roll `module` back to the target of `request`. Being asked is the approval to lose data.
///
/// # Errors
/// [`Error::FileMissing`], those of [`migration::target_of`] and [`migration::rollback`], and of SQLite. Unless a `down`
/// itself has failed, nothing was changed; the journal mode is not touched either.
pub(super) fn rollback(module: &Module, request: &Request) -> Result<RollbackReport> {
    if OnDisk::at(&request.path)?.is_none() {
        return Err(Error::FileMissing { path: request.file() });
    }
    let settings = request.settings(module)?;
    if may_change(&request.path) {
        return rollback_on(&mut *Conn::join_alone(&settings)?, module, request);
    }
    // To be refused, with the reason.
    store::look(&request.path, settings.busy_timeout, |conn| rollback_on(conn, module, request))?
        .ok_or_else(|| Error::FileMissing { path: request.file() })
}

fn rollback_on(conn: &mut Connection, module: &Module, request: &Request) -> Result<RollbackReport> {
    let set = (module.set)()?;
    let target = match &request.target {
        None => migration::target_of(conn, &set, &Input::Undefined)?,
        Some(text) => migration::target_of_text(conn, &set, text)?,
    };
    let rolled_back = migration::rollback(conn, &set, target)?;
    Ok(RollbackReport {
        module: module.name.to_owned(),
        file: request.file(),
        version: migration::status(conn, &set)?.current,
        latest: set.latest(),
        rolled_back,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::catalog::MODULES;
    use crate::command::{Verb, run};

    fn request(path: &std::path::Path, target: Option<&str>) -> Request {
        Request { path: path.to_owned(), target: target.map(str::to_owned), ..Request::default() }
    }

    fn refused(path: &std::path::Path, target: Option<&str>) -> String {
        rollback(&MODULES[0], &request(path, target)).expect_err("refused").to_string()
    }

    #[test]
    fn the_default_target_is_the_version_before() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("t.db");
        run("telemetry", Verb::Migrate, &request(&path, None)).expect("migrate");
        let report = rollback(&MODULES[0], &request(&path, None)).expect("rollback");
        assert_eq!((report.version, report.latest, report.rolled_back.len()), (0, 1, 1));
        assert_eq!(refused(&path, None), "telemetry has no applied migration to roll back");
    }

    #[test]
    fn a_target_that_is_none_changes_nothing() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("t.db");
        run("telemetry", Verb::Migrate, &request(&path, None)).expect("migrate");
        let before = std::fs::read(&path).expect("file");
        for target in ["7", "1", "x", "-1", "+0", "1.5", "0x0", " 0", "", "NaN", "99999999999999999999"] {
            let expected = format!("Rollback target must be 0, found {target}");
            assert_eq!(refused(&path, Some(target)), expected);
        }
        assert!(std::fs::read(&path).expect("file") == before, "the file has changed");
    }

    #[test]
    fn a_bad_target_does_not_adopt_tables_either() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("t.db");
        let up = include_str!("../../migrations/telemetry/0001_telemetry_schema/up.sql");
        rusqlite::Connection::open(&path).and_then(|conn| conn.execute_batch(up)).expect("file");
        let before = std::fs::read(&path).expect("file");
        refused(&path, Some("7"));
        assert!(std::fs::read(&path).expect("file") == before, "the file has changed");
        let report = rollback(&MODULES[0], &request(&path, Some("0"))).expect("adopt and roll back");
        assert_eq!(report.rolled_back.len(), 1);
    }

    #[test]
    fn a_missing_file_is_not_made() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("no/t.db");
        assert_eq!(refused(&path, None), format!("File does not exist: {}", path.display()));
        assert!(!path.parent().expect("parent").exists());
    }
}
