#![forbid(unsafe_code)]
//! The one transaction of a dry run: every migration runs in it, in a savepoint each, and all of it is rolled back.

use rusqlite::Connection;

use crate::error::Result;

use super::failure::Failure;
use super::foreign_keys;
use super::inspect::Inspection;
use super::journal::JournalRow;
use super::open::{self, Prepared};
use super::plan::MigrationPlanItem;
use super::rules::Applied;
use super::runner::{self, Run};
use super::set::{Migration, MigrationSet};
use super::step::Step;

/// The transaction and the mode it runs in.
#[derive(Debug)]
pub(super) struct DryRun {
    /// What was converted and adopted within the transaction.
    pub(super) prepared: Prepared,
    /// The module's journal rows within the transaction, adopted ones included.
    pub(super) applied: Vec<JournalRow>,
    enforced_before: bool,
    /// SQLite cannot switch enforcement within a transaction.
    enforced: bool,
    /// Nothing behind a failure or a change of enforcement can be executed.
    ended: bool,
}

impl DryRun {
    /// Opens the transaction, in the mode that the first thing to run in it needs.
    pub(super) fn begin(conn: &mut Connection, set: &MigrationSet, inspection: &Inspection) -> Result<Self> {
        let enforced_before = foreign_keys::enforced(conn)?;
        let first = set.migrations().iter().find(|it| it.version > inspection.current());
        let off = inspection.needs_preparation() || first.is_some_and(|it| it.foreign_keys_off);
        let enforced = enforced_before && !off;
        foreign_keys::enforce(conn, enforced)?;
        let dry = Self { prepared: Prepared::default(), applied: Vec::new(), enforced_before, enforced, ended: false };
        match open_transaction(conn, set) {
            Ok((prepared, applied)) => Ok(Self { prepared, applied, ..dry }),
            Err(error) => dry.end(conn).and(Err(error)),
        }
    }

    /// Rolls everything back.
    pub(super) fn end(self, conn: &Connection) -> Result<()> {
        let undone = if conn.is_autocommit() { Ok(()) } else { conn.execute_batch("ROLLBACK") };
        foreign_keys::enforce(conn, self.enforced_before)?;
        Ok(undone?)
    }

    fn can_execute(&mut self, migration: &Migration) -> bool {
        self.ended |= self.enforced != (self.enforced_before && !migration.foreign_keys_off);
        !self.ended
    }
}

fn open_transaction(conn: &Connection, set: &MigrationSet) -> Result<(Prepared, Vec<JournalRow>)> {
    conn.execute_batch("BEGIN IMMEDIATE")?;
    Ok((open::prepare_now(conn, set)?, runner::read_journal(conn, set)?))
}

impl Run {
    /// Opens a savepoint for the migration, or lists it without executing it.
    pub(super) fn begin_dry_step(&mut self, conn: &mut Connection, migration: &Migration) -> Result<bool> {
        if self.dry.as_mut().is_some_and(|dry| dry.can_execute(migration)) {
            self.step = Some(Step::nested(conn)?.watched(conn, &mut self.seen)?);
            return Ok(true);
        }
        let reason = self.dry_reason(migration.version, migration.destructive);
        self.items.push(MigrationPlanItem::blocked(migration, reason));
        Ok(false)
    }

    pub(super) fn finish_dry_step(
        &mut self,
        conn: &mut Connection,
        mut step: Step,
        migration: &Migration,
        outcome: Result<(), Failure>,
    ) -> Result<MigrationPlanItem> {
        let ms = step.elapsed_ms();
        let observed = step.observe(conn, outcome).and_then(|observed| {
            let applied = Applied { migration, checksum: &migration.checksum(), adopted: false };
            self.set.rules().applied(conn, &applied).map_err(Failure::from)?;
            Ok(observed)
        });
        match observed {
            Ok(observed) => {
                step.commit(conn)?;
                let reason = self.dry_reason(migration.version, observed.destructive || migration.destructive);
                Ok(MigrationPlanItem::blocked(migration, reason).executed(observed, ms))
            }
            Err(failure) => {
                step.abandon(conn)?;
                let item = MigrationPlanItem::blocked(migration, self.failure_reason(migration.version, &failure));
                Ok(MigrationPlanItem { executed: true, execution_ms: ms, ..item })
            }
        }
    }

    fn dry_reason(&mut self, version: i64, destructive: bool) -> String {
        self.reason_to_block(version, destructive).unwrap_or_else(|| "Dry run mode".to_owned())
    }

    fn failure_reason(&mut self, version: i64, failure: &Failure) -> String {
        if let Some(dry) = &mut self.dry {
            dry.ended = true;
        }
        let waiting = self.reason_to_block(version, false);
        self.waiting_for.get_or_insert(version);
        waiting.unwrap_or_else(|| format!("Would fail: {}", failure.message()))
    }
}
