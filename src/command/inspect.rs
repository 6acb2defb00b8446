#![forbid(unsafe_code)]
//! `status` and `validate`, which leave no trace of having been here.

use rusqlite::ffi;
use serde::Serialize;

use super::{Module, Request, catalog};
use crate::error::{Error, Result};
use crate::migration::{
    self, MigrationCode, MigrationRef, Problem, ProblemKind, StatusReport, ValidationReport, journal::JournalRow,
};
use crate::store;

/// Where a module stands in a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileStatus {
    /// Journal name.
    pub module: String,
    /// The file.
    pub file: String,
    /// Whether it is there; a missing one is in version 0.
    pub exists: bool,
    /// Highest applied version.
    pub version: i64,
    /// Highest version of the set.
    pub latest: i64,
    /// The version that existing tables without a journal stand for: `migrate` adopts them.
    pub adoptable: Option<i64>,
    /// What is in the way of `migrate`: a name of the module that is taken by something else.
    pub conflict: Option<String>,
    /// Not applied yet, by version.
    pub pending: Vec<MigrationRef>,
    /// Applied, by version.
    pub applied: Vec<JournalRow>,
}

/// What `validate` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileValidation {
    /// Journal name.
    pub module: String,
    /// The file.
    pub file: String,
    /// The findings.
    #[serde(flatten)]
    pub report: ValidationReport,
}

/// Where `module` stands in the file.
///
/// # Errors
/// `MIGRATION_CONFLICT` for a journal that is none of ours, and those of [`store::look`].
pub(super) fn status(module: &Module, request: &Request) -> Result<FileStatus> {
    let set = request.set(module)?;
    let found = store::look(&request.path, request.settings(module)?.busy_timeout, |conn| {
        let status = migration::status(conn, &set)?;
        Ok(match migration::inspect(conn, &set) {
            Ok(inspection) => (status, inspection.adoptable, None),
            Err(Error::Migration(error)) if error.code == MigrationCode::Conflict => {
                (status, None, Some(error.message))
            }
            // What else keeps the file from being opened is for validate to say.
            Err(_) => (status, None, None),
        })
    })?;
    let exists = found.is_some();
    let (status, adoptable, conflict) = found.unwrap_or_else(|| (StatusReport::of(&set, Vec::new()), None, None));
    let StatusReport { module, current, latest, applied, pending } = status;
    Ok(FileStatus {
        module,
        file: request.file(),
        exists,
        version: current,
        latest,
        adoptable,
        conflict,
        pending,
        applied,
    })
}

/// Whether the file is what its journal says, for the module and those that it requires, and sound.
///
/// # Errors
/// Those of [`store::look`], except that a file which is damaged beyond reading is a finding.
pub(super) fn validate(module: &Module, request: &Request) -> Result<FileValidation> {
    let sets = catalog::with_required(module.name)?.iter().map(|it| request.set(it)).collect::<Result<Vec<_>>>()?;
    let busy_timeout = request.settings(module)?.busy_timeout;
    let looked = store::look(&request.path, busy_timeout, |conn| migration::validate_all(conn, &sets));
    let file = request.file();
    let report = match looked {
        Ok(Some(report)) => report,
        Ok(None) => finding(ProblemKind::Missing, &file, "the file does not exist".to_owned()),
        Err(error) if matches!(error.sqlite_code(), Some(ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB)) => {
            finding(ProblemKind::Integrity, "main", error.to_string())
        }
        Err(error) => return Err(error),
    };
    Ok(FileValidation { module: module.name.to_owned(), file, report })
}

fn finding(kind: ProblemKind, object: &str, message: String) -> ValidationReport {
    ValidationReport { ok: false, problems: vec![Problem { kind, object: object.to_owned(), message }] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::catalog::MODULES;

    fn at(path: &std::path::Path) -> Request {
        Request { path: path.to_owned(), ..Request::default() }
    }

    #[test]
    fn a_missing_file_is_in_version_0_and_not_valid() {
        let dir = tempfile::tempdir().expect("dir");
        let request = at(&dir.path().join("no/t.db"));
        let found = status(&MODULES[0], &request).expect("status");
        assert_eq!((found.exists, found.version, found.pending.len(), found.applied.len()), (false, 0, 1, 0));
        let report = validate(&MODULES[0], &request).expect("validate").report;
        assert_eq!((report.ok, report.problems[0].kind), (false, ProblemKind::Missing));
        assert!(std::fs::read_dir(dir.path()).expect("dir").next().is_none());
    }

    #[test]
    fn tables_without_a_journal_are_told_of() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("t.db");
        let up = include_str!("../../migrations/telemetry/0001_telemetry_schema/up.sql");
        rusqlite::Connection::open(&path).and_then(|conn| conn.execute_batch(up)).expect("file");
        let found = status(&MODULES[0], &at(&path)).expect("status");
        assert_eq!((found.version, found.adoptable), (0, Some(1)));
    }

    #[test]
    fn what_cannot_be_read_is_an_integrity_problem() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("t.db");
        std::fs::write(&path, "no database, but longer than a header is").expect("write");
        let report = validate(&MODULES[0], &at(&path)).expect("validate").report;
        let problem = &report.problems[0];
        assert_eq!((problem.kind, problem.message.as_str()), (ProblemKind::Integrity, "file is not a database"));
    }
}
