#![forbid(unsafe_code)]
//! `migrate`: create the file if it is missing, and apply what is pending.

use rusqlite::{Connection, backup::Backup};
use serde::Serialize;

use super::{Module, Request};
use crate::error::{Error, Result};
use crate::migration::{self, ApplyOptions, MigrationPlanItem, MigrationSet, Prepared};
use crate::store::{self, Conn, Location, OnDisk, Settings, may_change};

/// What `migrate` did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrateReport {
    /// The file.
    pub file: String,
    /// It was missing and was made.
    pub created: bool,
    /// Nothing was changed.
    pub dry_run: bool,
    /// For people: what was set aside, and a journal mode that was refused.
    pub warnings: Vec<String>,
    /// In the order in which they were applied: first what the module requires, then itself.
    pub modules: Vec<ModuleMigration>,
}

/// The part of one module.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleMigration {
    /// Journal name.
    pub module: String,
    /// The version that the file is in now.
    pub version: i64,
    /// Highest version of the set.
    pub latest: i64,
    /// A journal of an older format was converted, or would be.
    pub converted: bool,
    /// The version that existing tables were adopted as, or would be.
    pub adopted: Option<i64>,
    /// One item for each migration of the set.
    pub items: Vec<MigrationPlanItem>,
}

/// Apply the sets of `modules`, of which the last one was asked for, to one file.
///
/// # Errors
/// [`Error::Io`] if the file or its directory cannot be made, those of [`migration::open_with`] and of SQLite. Unless a
/// migration itself has failed, nothing was changed.
pub(super) fn migrate(modules: &[&Module], request: &Request) -> Result<MigrateReport> {
    let Some(asked) = modules.last() else { return Err(Error::Internal("no module to migrate".to_owned())) };
    let settings = request.settings(asked)?;
    // Before a connection is there, because looking would give up its locks.
    let existed = OnDisk::at(&request.path)?.is_some();
    let sets = modules.iter().map(|module| (module.set)()).collect::<Result<Vec<_>>>()?;
    let (modules, warnings) = if existed && !may_change(&request.path) {
        (find_nothing_to_do(&sets, &settings, request)?, Vec::new())
    } else if request.apply.dry_run {
        (plan(&sets, &settings, existed, request.apply)?, Vec::new())
    } else {
        apply(&sets, &settings, request.apply)?
    };
    let (file, dry_run) = (request.file(), request.apply.dry_run);
    Ok(MigrateReport { file, created: !existed && !dry_run, dry_run, warnings, modules })
}

fn apply(
    sets: &[MigrationSet],
    settings: &Settings,
    options: ApplyOptions,
) -> Result<(Vec<ModuleMigration>, Vec<String>)> {
    let mut conn = Conn::create_alone(settings)?;
    // A file that is not ours is left as it is, its journal mode included.
    for set in sets {
        migration::inspect(&conn, set)?;
    }
    let mut warnings: Vec<_> = conn.configure(settings)?.1.into_iter().collect();
    let mut modules = Vec::new();
    for set in sets {
        let opened = migration::open_with(&mut conn, set, options)?;
        warnings.extend(opened.prepared.warnings.iter().cloned());
        modules.push(report(&conn, set, &opened.prepared, opened.items)?);
    }
    Ok((modules, warnings))
}

/// A file that cannot be written to is a failure only where there is something to write.
fn find_nothing_to_do(sets: &[MigrationSet], settings: &Settings, request: &Request) -> Result<Vec<ModuleMigration>> {
    let looked = store::look(&request.path, settings.busy_timeout, |conn| {
        sets.iter()
            .map(|set| {
                let opened = migration::open_with(conn, set, request.apply)?;
                report(conn, set, &opened.prepared, opened.items)
            })
            .collect()
    })?;
    looked.ok_or_else(|| Error::FileMissing { path: request.file() })
}

/// Where there is no file none is made: the dry run has a database in memory instead.
fn plan(
    sets: &[MigrationSet],
    settings: &Settings,
    existed: bool,
    options: ApplyOptions,
) -> Result<Vec<ModuleMigration>> {
    let mut conn = if existed { Conn::join_alone(settings)? } else { in_memory(settings)? };
    let mut modules = Vec::new();
    let mut scratch = !existed;
    for (position, set) in sets.iter().enumerate() {
        let inspection = migration::inspect(&conn, set)?;
        let opened = migration::open_with(&mut conn, set, options)?;
        modules.push(report(&conn, set, &opened.prepared, opened.items)?);
        let is_required = position + 1 < sets.len();
        if is_required && (inspection.current() < set.latest() || inspection.needs_preparation()) {
            // What comes next can only be tried on a file that has this. It is tried on a copy.
            if !scratch {
                conn = copy_of(&conn, settings)?;
                scratch = true;
            }
            migration::open_with(&mut conn, set, ApplyOptions { dry_run: false, ..options })?;
        }
    }
    Ok(modules)
}

fn report(
    conn: &Connection,
    set: &MigrationSet,
    prepared: &Prepared,
    items: Vec<MigrationPlanItem>,
) -> Result<ModuleMigration> {
    Ok(ModuleMigration {
        module: set.module().to_owned(),
        version: migration::status(conn, set)?.current,
        latest: set.latest(),
        converted: prepared.converted,
        adopted: prepared.adopted,
        items,
    })
}

fn in_memory(settings: &Settings) -> Result<Conn> {
    let settings = Settings { location: Location::memory(), ..settings.clone() };
    let conn = Conn::create_alone(&settings)?;
    conn.configure(&settings)?;
    Ok(conn)
}

fn copy_of(conn: &Conn, settings: &Settings) -> Result<Conn> {
    let mut copy = in_memory(settings)?;
    Backup::new(conn, &mut copy)?.run_to_completion(1_000, std::time::Duration::ZERO, None)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::command::catalog;

    fn with_usage() -> Vec<&'static Module> {
        catalog::with_required("usage").expect("usage")
    }

    fn request(path: &Path, dry_run: bool) -> Request {
        let apply = ApplyOptions { dry_run, ..ApplyOptions::default() };
        Request { path: path.to_owned(), apply, ..Request::default() }
    }

    fn versions(report: &MigrateReport) -> Vec<(&str, i64, usize)> {
        report.modules.iter().map(|it| (it.module.as_str(), it.version, it.items.len())).collect()
    }

    #[test]
    fn what_a_module_requires_is_applied_before_it() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("new/t.db");
        let report = migrate(&with_usage(), &request(&path, false)).expect("migrate");
        assert_eq!(versions(&report), [("telemetry", 1, 1), ("usage", 1, 1)]);
        assert!(report.created && report.warnings.is_empty());
        let again = migrate(&with_usage(), &request(&path, false)).expect("again");
        assert!(!again.created);
        assert!(again.modules.iter().all(|it| it.items[0].reason.as_deref() == Some("Already applied")));
    }

    #[test]
    fn a_dry_run_of_a_missing_file_makes_none_and_knows_what_the_required_module_would_bring() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("new/t.db");
        let report = migrate(&with_usage(), &request(&path, true)).expect("plan");
        assert_eq!(versions(&report), [("telemetry", 0, 1), ("usage", 0, 1)]);
        assert!(report.modules.iter().all(|it| it.items[0].executed), "{report:?}");
        assert!(!report.created && std::fs::read_dir(dir.path()).expect("dir").next().is_none());
    }

    #[test]
    fn a_dry_run_of_an_existing_file_tries_the_second_module_on_a_copy() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("t.db");
        Connection::open(&path).and_then(|conn| conn.execute_batch("CREATE TABLE mine (x)")).expect("file");
        let before = std::fs::read(&path).expect("file");
        let report = migrate(&with_usage(), &request(&path, true)).expect("plan");
        assert_eq!(versions(&report), [("telemetry", 0, 1), ("usage", 0, 1)]);
        assert!(report.modules.iter().all(|it| it.items[0].executed));
        assert!(std::fs::read(&path).expect("file") == before, "the file has changed");
    }

    #[test]
    fn a_lock_that_stays_is_an_error_and_nothing_is_written() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("t.db");
        let holder = Connection::open(&path).expect("open");
        holder.execute_batch("CREATE TABLE mine (x); BEGIN IMMEDIATE").expect("lock");
        let mut asked = request(&path, false);
        asked.busy_timeout = Some(std::time::Duration::from_millis(50));
        let error = migrate(&[&catalog::MODULES[0]], &asked).expect_err("locked");
        assert_eq!(error.sqlite_code(), Some(rusqlite::ffi::SQLITE_BUSY), "{error}");
        let tables: i64 = holder.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).expect("count");
        assert_eq!(tables, 1);
    }
}
