#![forbid(unsafe_code)]
//! Opening a file: convert or adopt what is there, then apply what is pending (migrations.md §3).

use rusqlite::Connection;
use serde::Serialize;

use crate::error::{Error, Result};

use super::adoption::Adoption;
use super::failure::Failure;
use super::foreign_keys;
use super::inspect::{self, Inspection};
use super::journal::{self, JournalKind, JournalRow};
use super::legacy_journal;
use super::plan::MigrationPlanItem;
use super::rules::Applied;
use super::runner::{self, ApplyOptions, Run};
use super::set::MigrationSet;

/// What preparing a file for its migrations changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Prepared {
    /// A journal of an older format was converted.
    pub converted: bool,
    /// The version that existing tables were adopted as.
    pub adopted: Option<i64>,
    /// For `logger.warn`: what an adoption moved or set aside.
    pub warnings: Vec<String>,
}

/// What opening a file did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Opened {
    /// Conversion and adoption.
    pub prepared: Prepared,
    /// One item for each migration of the set.
    pub items: Vec<MigrationPlanItem>,
}

/// §3 steps 3 and 4 for a set that is SQL throughout. Destructive migrations stay blocked, which is no error.
///
/// Several processes may do this to one file at once: one changes it, the others wait for its lock (so a
/// `busy_timeout` must be set), find the journal row and go on.
///
/// # Errors
/// As [`Run::new`], [`Run::begin`] and [`Run::finish`].
pub fn open(conn: &mut Connection, set: &MigrationSet) -> Result<Opened> {
    open_with(conn, set, ApplyOptions::default())
}

/// [`open()`] for a caller who may approve of destructive migrations, or only wants to know what would happen. A dry run
/// reports what it would prepare, and rolls that back like everything else.
///
/// # Errors
/// As [`open()`].
pub fn open_with(conn: &mut Connection, set: &MigrationSet, options: ApplyOptions) -> Result<Opened> {
    let run = Run::new(conn, set, options)?;
    let prepared = run.prepared().clone();
    Ok(Opened { prepared, items: runner::drive(conn, run)? })
}

/// §3 step 3: converts the journal and adopts the module's tables, in one transaction, if either is needed.
///
/// # Errors
/// `MIGRATION_IN_TRANSACTION`, `MIGRATION_FAILED` for an adoption, those of [`inspect::inspect`], and those of SQLite. The
/// file is then as before.
pub fn prepare(conn: &Connection, set: &MigrationSet) -> Result<Prepared> {
    runner::refuse_open_transaction(conn, set.module())?;
    if !inspect::inspect(conn, set)?.needs_preparation() || conn.is_readonly("main")? {
        return Ok(Prepared::default());
    }
    let enforced = foreign_keys::enforced(conn)?;
    foreign_keys::enforce(conn, false)?;
    let prepared = prepare_in_transaction(conn, set);
    foreign_keys::enforce(conn, enforced)?;
    prepared
}

fn prepare_in_transaction(conn: &Connection, set: &MigrationSet) -> Result<Prepared> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    let prepared = prepare_now(conn, set).and_then(|prepared| {
        conn.execute_batch("COMMIT")?;
        Ok(prepared)
    });
    if prepared.is_err() && !conn.is_autocommit() {
        conn.execute_batch("ROLLBACK")?;
    }
    prepared
}

/// The same within the caller's transaction, in which foreign keys are not enforced if there is anything to do.
pub(super) fn prepare_now(conn: &Connection, set: &MigrationSet) -> Result<Prepared> {
    // Another process may have been faster since the caller looked.
    let inspection = inspect::inspect_now(conn, set)?;
    let mut prepared = Prepared { converted: inspection.journal.is_legacy(), ..Prepared::default() };
    if prepared.converted {
        legacy_journal::convert(conn, inspection.journal)?;
    }
    let version = if inspection.has_unchecked_rows() { Some(inspection.current()) } else { inspection.adoptable };
    if let Some(version) = version {
        prepared.warnings = adopt(conn, set, &inspection, version).map_err(|error| failed(error, set, version))?;
        prepared.adopted = Some(version);
    }
    Ok(prepared)
}

fn adopt(conn: &Connection, set: &MigrationSet, inspection: &Inspection, version: i64) -> Result<Vec<String>> {
    let started = std::time::Instant::now();
    let mut warnings = Vec::new();
    let wanted = usize::try_from(version - 1).ok().and_then(|position| inspection.declared.get(position));
    if let Some(wanted) = wanted {
        let journal = if inspection.journal.is_legacy() { JournalKind::Current } else { inspection.journal };
        inspect::check_requirements(conn, journal, set, version)?;
        let mut adoption = Adoption::new(conn, set.module(), &inspection.schema)?;
        set.rules().adopt(&mut adoption, wanted)?;
        warnings = adoption.finish(wanted)?;
    }
    journal::create(conn)?;
    let execution_ms = started.elapsed().as_secs_f64() * 1000.0;
    for migration in set.migrations().iter().filter(|it| it.version <= version) {
        let checksum = migration.checksum();
        match inspection.applied.iter().find(|row| row.version == migration.version) {
            Some(row) if row.checksum.is_some() => continue,
            Some(_) => journal::set_checksum(conn, set.module(), migration.version, &checksum)?,
            None => journal::insert(
                conn,
                &JournalRow {
                    module: set.module().to_owned(),
                    version: migration.version,
                    name: migration.name.clone(),
                    checksum: Some(checksum.clone()),
                    destructive: false,
                    applied_at: journal::now(conn)?,
                    execution_ms,
                },
            )?,
        }
        set.rules().applied(conn, &Applied { migration, checksum: &checksum, adopted: true })?;
    }
    Ok(warnings)
}

/// An adoption that failed, unless a lock or a full disk stood in its way.
fn failed(error: Error, set: &MigrationSet, version: i64) -> Error {
    match set.migrations().iter().find(|it| it.version == version) {
        Some(migration) if !error.is_transient() => {
            Failure::from(error).into_error(set.module(), migration, "adopt").into()
        }
        _ => error,
    }
}
