#![forbid(unsafe_code)]
//! The transaction of one migration: opened, watched, then committed or undone. Whatever happens, the connection is
//! left as it was found: no hook, no transaction, the same enforcement of foreign keys.

use std::sync::Arc;
use std::time::Instant;

use rusqlite::Connection;

use crate::error::Result;

use super::destructive::Watch;
use super::failure::Failure;
use super::foreign_keys::{self, Violation};
use super::guard::{Guard, SAVEPOINT};
use super::plan::MigrationChange;
use super::set::Migration;
use super::snapshot::Snapshot;

/// What a script that went well did to the file.
#[derive(Debug)]
pub(super) struct Observed {
    pub(super) destructive: bool,
    pub(super) changes: Vec<MigrationChange>,
}

/// One migration in progress.
#[derive(Debug)]
pub(super) struct Step {
    /// A savepoint of a dry run instead of a transaction.
    nested: bool,
    /// Enforcement to go back to.
    enforced_before: Option<bool>,
    started: Instant,
    before: Option<Arc<Snapshot>>,
    violations: Vec<Violation>,
    guard: Option<Guard>,
}

impl Step {
    fn new(nested: bool) -> Self {
        let started = Instant::now();
        Self { nested, enforced_before: None, started, before: None, violations: Vec::new(), guard: None }
    }

    /// Switches enforcement as the migration wants it and takes the write lock.
    pub(super) fn open(conn: &mut Connection, migration: &Migration) -> Result<Self> {
        let mut step = Self::new(false);
        if migration.foreign_keys_off && foreign_keys::enforced(conn)? {
            step.enforced_before = Some(true);
            foreign_keys::enforce(conn, false)?;
        }
        if let Err(error) = conn.execute_batch("BEGIN IMMEDIATE") {
            step.restore(conn)?;
            return Err(error.into());
        }
        Ok(step)
    }

    /// The same within the transaction of a dry run.
    pub(super) fn nested(conn: &mut Connection) -> Result<Self> {
        conn.execute_batch(&format!("SAVEPOINT {SAVEPOINT}"))?;
        Ok(Self::new(true))
    }

    /// Starts to watch for `observe`, which compares the file with what it is now. `seen` is what it was before an earlier
    /// step, and becomes what it is now.
    pub(super) fn watched(self, conn: &mut Connection, seen: &mut Option<Arc<Snapshot>>) -> Result<Self> {
        self.guarded(conn, Some(seen))
    }

    /// Starts to guard the transaction; nobody asks what is lost.
    pub(super) fn unwatched(self, conn: &mut Connection) -> Result<Self> {
        self.guarded(conn, None)
    }

    fn guarded(mut self, conn: &mut Connection, watch: Option<&mut Option<Arc<Snapshot>>>) -> Result<Self> {
        match self.prepare(conn, watch) {
            Ok(()) => Ok(self),
            Err(error) => {
                self.abandon(conn)?;
                Err(error)
            }
        }
    }

    fn prepare(&mut self, conn: &mut Connection, watch: Option<&mut Option<Arc<Snapshot>>>) -> Result<()> {
        self.violations = foreign_keys::violations(conn)?;
        if let Some(seen) = watch {
            let before = Arc::new(Snapshot::take(conn, seen.as_deref())?);
            self.before = Some(Arc::clone(&before));
            *seen = Some(before);
        }
        self.guard = Some(Guard::set(conn, self.before.clone().map(Watch::new))?);
        self.started = Instant::now();
        Ok(())
    }

    /// Since the script began.
    pub(super) fn elapsed_ms(&self) -> f64 {
        self.started.elapsed().as_secs_f64() * 1000.0
    }

    /// Stops watching and tells what the script did, or why it failed.
    pub(super) fn observe(&mut self, conn: &mut Connection, outcome: Result<(), Failure>) -> Result<Observed, Failure> {
        let watch = match self.guard.take() {
            Some(guard) => guard.lift(conn)?,
            None => None,
        };
        outcome?;
        if conn.is_autocommit() {
            // ON CONFLICT ROLLBACK and RAISE(ROLLBACK) do this, and the script may have swallowed the error.
            return Err(Failure::new("Error", "A statement of the migration rolled its transaction back"));
        }
        if let Some(violation) = foreign_keys::first_new(&self.violations, foreign_keys::violations(conn)?) {
            return Err(Failure::foreign_key(violation));
        }
        match (watch, &self.before) {
            (Some(watch), Some(before)) => {
                let after = Snapshot::take(conn, Some(before))?;
                Ok(Observed { destructive: watch.is_destructive(&after), changes: before.changes(&after) })
            }
            _ => Ok(Observed { destructive: false, changes: Vec::new() }),
        }
    }

    /// Keeps what was done.
    pub(super) fn commit(self, conn: &mut Connection) -> Result<()> {
        let sql = if self.nested { format!("RELEASE {SAVEPOINT}") } else { "COMMIT".to_owned() };
        match conn.execute_batch(&sql) {
            Ok(()) => self.restore(conn),
            Err(error) => {
                self.abandon(conn)?;
                Err(error.into())
            }
        }
    }

    /// Undoes what was done.
    pub(super) fn abandon(mut self, conn: &mut Connection) -> Result<()> {
        let lifted = self.guard.take().map_or(Ok(None), |guard| guard.lift(conn));
        // SQLite may have rolled everything back by itself: a full disk, an interrupt, ON CONFLICT ROLLBACK.
        let undone = if conn.is_autocommit() {
            Ok(())
        } else if self.nested {
            conn.execute_batch(&format!("ROLLBACK TO {SAVEPOINT}; RELEASE {SAVEPOINT}"))
        } else {
            conn.execute_batch("ROLLBACK")
        };
        self.restore(conn)?;
        lifted?;
        Ok(undone?)
    }

    fn restore(&self, conn: &Connection) -> Result<()> {
        self.enforced_before.map_or(Ok(()), |on| foreign_keys::enforce(conn, on))
    }
}
