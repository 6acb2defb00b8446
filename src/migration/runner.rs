#![forbid(unsafe_code)]
//! Applying pending migrations (migrations.md §4).
//!
//! A [`Run`] is driven from outside, one migration at a time: [`Run::begin`] opens the transaction and says which
//! script is next, the caller runs it on the same connection, [`Run::finish`] judges and commits. So functions of
//! JavaScript run between two native calls, and no native frame is on the stack while they do. [`apply`] and [`plan`]
//! drive it for sets that are SQL throughout.

use std::sync::Arc;

use rusqlite::Connection;

use crate::error::{Error, Result};

use super::drive::Steps;
use super::dry_run::DryRun;
use super::error::{MigrationCode, MigrationError};
use super::failure::Failure;
use super::inspect::{self, Inspection};
use super::journal::{self, JournalKind, JournalRow};
use super::open::{self, Prepared};
use super::plan::MigrationPlanItem;
use super::rules::Applied;
use super::set::{Migration, MigrationSet, Script};
use super::snapshot::Snapshot;
use super::step::{Observed, Step};

/// What a run may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ApplyOptions {
    /// Run migrations that lose data.
    pub allow_destructive: bool,
    /// Run everything, then roll everything back.
    pub dry_run: bool,
}

/// A run over the migrations of a set, in progress.
pub struct Run {
    pub(super) set: MigrationSet,
    pub(super) options: ApplyOptions,
    /// What opening changed before the first migration.
    prepared: Prepared,
    pub(super) applied: Vec<JournalRow>,
    pub(super) items: Vec<MigrationPlanItem>,
    /// The first migration that was blocked for another reason than the dry run.
    pub(super) waiting_for: Option<i64>,
    pub(super) step: Option<Step>,
    /// The file before the last step.
    pub(super) seen: Option<Arc<Snapshot>>,
    pub(super) dry: Option<DryRun>,
}

impl Run {
    /// Looks at the file and converts or adopts what it finds there (in a dry run, as part of its transaction).
    ///
    /// # Errors
    /// `MIGRATION_IN_TRANSACTION`, `MIGRATION_READONLY` with pending migrations, `MIGRATION_DEPENDENCY`, the errors
    /// of [`inspect::inspect`], and those of SQLite.
    pub fn new(conn: &mut Connection, set: &MigrationSet, options: ApplyOptions) -> Result<Self> {
        refuse_open_transaction(conn, set.module())?;
        let mut inspection = inspect::inspect(conn, set)?;
        refuse_readonly(conn, set, &inspection)?;
        let mut prepared = Prepared::default();
        if !options.dry_run && inspection.needs_preparation() {
            prepared = open::prepare(conn, set)?;
            inspection = inspect::inspect(conn, set)?;
        }
        let has_pending = inspection.current().max(inspection.adoptable.unwrap_or(0)) < set.latest();
        if has_pending {
            inspect::check_requirements(conn, inspection.journal, set, set.latest())?;
        }
        let dry = if options.dry_run && (has_pending || inspection.needs_preparation()) {
            Some(DryRun::begin(conn, set, &inspection)?)
        } else {
            None
        };
        let mut applied = inspection.applied;
        if let Some(dry) = &dry {
            (prepared, applied) = (dry.prepared.clone(), dry.applied.clone());
        }
        let (items, set) = (Vec::new(), set.clone());
        Ok(Self { set, options, prepared, applied, items, waiting_for: None, step: None, seen: None, dry })
    }

    /// What opening changed before the first migration.
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// The migration whose script has to run next; its transaction is open. `None` when the run is complete.
    ///
    /// # Errors
    /// `MIGRATION_DIVERGED`, `MIGRATION_GAP` if another process changed the journal meanwhile, and those of SQLite.
    pub fn begin(&mut self, conn: &mut Connection) -> Result<Option<Migration>> {
        if self.step.is_some() {
            return Err(Error::Internal("The migration before has not finished".to_owned()));
        }
        while let Some(migration) = self.set.migrations().get(self.items.len()).cloned() {
            if let Some(row) = self.applied.iter().find(|row| row.version == migration.version) {
                self.items.push(MigrationPlanItem::skipped(row));
            } else if self.dry.is_some() {
                if self.begin_dry_step(conn, &migration)? {
                    return Ok(Some(migration));
                }
            } else if let Some(item) = self.blocked_beforehand(&migration) {
                self.items.push(item);
            } else if self.begin_step(conn, &migration)? {
                return Ok(Some(migration));
            }
        }
        Ok(None)
    }

    /// Ends the migration that [`Run::begin`] began, with what its script came to.
    ///
    /// # Errors
    /// `MIGRATION_FAILED`, `MIGRATION_ASYNC` and `MIGRATION_FOREIGN_KEY` after everything of this migration was rolled
    /// back; those of SQLite, after the same. A dry run reports them as items instead.
    pub fn finish(&mut self, conn: &mut Connection, outcome: Result<(), Failure>) -> Result<()> {
        let (Some(step), Some(migration)) = (self.step.take(), self.set.migrations().get(self.items.len()).cloned())
        else {
            return Err(Error::Internal("No migration has begun".to_owned()));
        };
        let item = if self.dry.is_some() {
            self.finish_dry_step(conn, step, &migration, outcome)?
        } else {
            self.finish_step(conn, step, &migration, outcome)?
        };
        self.items.push(item);
        Ok(())
    }

    /// Ends the run. A dry run is rolled back, and so is a migration that was begun and never finished.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn end(mut self, conn: &mut Connection) -> Result<Vec<MigrationPlanItem>> {
        let abandoned = self.step.take().map_or(Ok(()), |step| step.abandon(conn));
        let undone = self.dry.take().map_or(Ok(()), |dry| dry.end(conn));
        abandoned.and(undone).map(|()| self.items)
    }

    fn blocked_beforehand(&mut self, migration: &Migration) -> Option<MigrationPlanItem> {
        let reason = self.reason_to_block(migration.version, migration.destructive)?;
        Some(MigrationPlanItem::blocked(migration, reason))
    }

    /// The reasons that hold in a dry run and a real one alike.
    pub(super) fn reason_to_block(&mut self, version: i64, destructive: bool) -> Option<String> {
        if let Some(earlier) = self.waiting_for {
            return Some(format!("Waiting for blocked migration {earlier}"));
        }
        if destructive && !self.options.allow_destructive {
            self.waiting_for = Some(version);
            return Some("Destructive migration requires explicit approval".to_owned());
        }
        None
    }

    /// Opens the transaction, unless another process was faster: then there is nothing to run.
    fn begin_step(&mut self, conn: &mut Connection, migration: &Migration) -> Result<bool> {
        let step = Step::open(conn, migration)?;
        let found = read_journal(conn, &self.set).and_then(|applied| {
            let missing = (1..migration.version).find(|version| !applied.iter().any(|row| row.version == *version));
            missing
                .map_or(Ok(()), |version| Err(MigrationError::gap(self.set.module(), version).into()))
                .map(|()| applied.into_iter().find(|row| row.version == migration.version))
        });
        match found {
            Ok(None) => {
                self.step = Some(step.watched(conn, &mut self.seen)?);
                Ok(true)
            }
            Ok(Some(row)) => {
                self.items.push(MigrationPlanItem::skipped(&row));
                step.abandon(conn).map(|()| false)
            }
            Err(error) => step.abandon(conn).and(Err(error)),
        }
    }

    fn finish_step(
        &mut self,
        conn: &mut Connection,
        mut step: Step,
        migration: &Migration,
        outcome: Result<(), Failure>,
    ) -> Result<MigrationPlanItem> {
        let ms = step.elapsed_ms();
        let set = self.set.clone();
        let fail = |failure: Failure| failure.into_error(set.module(), migration, "apply").into();
        let observed = match step.observe(conn, outcome) {
            Ok(observed) => observed,
            Err(failure) => return step.abandon(conn).and(Err(fail(failure))),
        };
        if let Some(reason) = self.reason_to_block(migration.version, observed.destructive && !migration.destructive) {
            step.abandon(conn)?;
            return Ok(MigrationPlanItem::blocked(migration, reason).executed(observed, ms));
        }
        if let Err(error) = record(conn, &set, migration, &observed, ms) {
            return step.abandon(conn).and(Err(fail(error.into())));
        }
        step.commit(conn).map_err(|error| if is_constraint(&error) { fail(error.into()) } else { error })?;
        Ok(MigrationPlanItem::applied(migration).executed(observed, ms))
    }
}

/// Applies what is pending and returns one item for each migration of the set.
///
/// # Errors
/// As [`Run::new`], [`Run::begin`] and [`Run::finish`]; `MIGRATION_FAILED` for a script that is not SQL. Migrations
/// that were applied before the failing one stay.
pub fn apply(conn: &mut Connection, set: &MigrationSet, allow_destructive: bool) -> Result<Vec<MigrationPlanItem>> {
    let run = Run::new(conn, set, ApplyOptions { allow_destructive, dry_run: false })?;
    drive(conn, run)
}

/// Tells what [`apply`] would do, by doing it and rolling it back. No other connection notices.
///
/// # Errors
/// As [`Run::new`] and those of SQLite. A script that fails is reported as an item.
pub fn plan(conn: &mut Connection, set: &MigrationSet, allow_destructive: bool) -> Result<Vec<MigrationPlanItem>> {
    let run = Run::new(conn, set, ApplyOptions { allow_destructive, dry_run: true })?;
    drive(conn, run)
}

/// Runs every script of a run that is SQL throughout.
pub(super) fn drive(conn: &mut Connection, mut run: Run) -> Result<Vec<MigrationPlanItem>> {
    let driven = run.run_all(conn);
    let items = run.end(conn);
    driven.and(items)
}

impl Steps for Run {
    fn begin(&mut self, conn: &mut Connection) -> Result<Option<Migration>> {
        Run::begin(self, conn)
    }

    fn finish(&mut self, conn: &mut Connection, outcome: Result<(), Failure>) -> Result<()> {
        Run::finish(self, conn, outcome)
    }

    fn script(migration: &Migration) -> Option<&Script> {
        Some(&migration.up)
    }
}

/// Runs a script that is SQL.
///
/// # Errors
/// What SQLite said; for a function, that its caller has to run it.
pub fn run_script(conn: &Connection, script: &Script) -> Result<(), Failure> {
    match script {
        Script::Sql(sql) => Ok(conn.execute_batch(sql)?),
        Script::External => Err(Failure::new("Error", "The migration is a function; its caller has to run it")),
    }
}

/// Everything that happens between a script that went well and COMMIT.
fn record(conn: &Connection, set: &MigrationSet, migration: &Migration, observed: &Observed, ms: f64) -> Result<()> {
    let checksum = migration.checksum();
    set.rules().applied(conn, &Applied { migration, checksum: &checksum, adopted: false })?;
    journal::create(conn)?;
    let row = JournalRow {
        module: set.module().to_owned(),
        version: migration.version,
        name: migration.name.clone(),
        checksum: Some(checksum),
        destructive: observed.destructive || migration.destructive,
        applied_at: journal::now(conn)?,
        execution_ms: ms,
    };
    journal::insert(conn, &row)
}

/// The module's rows, compared with the set.
pub(super) fn read_journal(conn: &Connection, set: &MigrationSet) -> Result<Vec<JournalRow>> {
    let kind = JournalKind::read(conn, set.module())?;
    let rows = journal::rows(conn, kind, set.module())?;
    inspect::compare(set, &rows)?;
    Ok(rows)
}

pub(super) fn refuse_open_transaction(conn: &Connection, module: &str) -> Result<()> {
    if conn.is_autocommit() {
        return Ok(());
    }
    let text = "Migrations cannot run inside an open transaction";
    Err(MigrationError::new(MigrationCode::InTransaction, module, text).into())
}

fn refuse_readonly(conn: &Connection, set: &MigrationSet, inspection: &Inspection) -> Result<()> {
    if inspection.current() >= set.latest() || !conn.is_readonly("main")? {
        return Ok(());
    }
    let text = format!("{} has pending migrations, but the connection is read-only", set.module());
    Err(MigrationError::new(MigrationCode::Readonly, set.module(), text).into())
}

/// A constraint that only COMMIT noticed is the migration's failure; a lock or a full disk is not.
fn is_constraint(error: &Error) -> bool {
    error.sqlite_code() == Some(rusqlite::ffi::SQLITE_CONSTRAINT)
}
