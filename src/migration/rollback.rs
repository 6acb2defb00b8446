#![forbid(unsafe_code)]
//! Going back, from the top down, each step in its own transaction (migrations.md §6).

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::packed::Input;

use super::drive::Steps;
use super::error::{MigrationCode, MigrationError};
use super::failure::Failure;
use super::inspect;
use super::journal::{self, JournalKind, JournalRow};
use super::listed;
use super::open;
use super::plan::MigrationRef;
use super::runner;
use super::set::{Migration, MigrationSet, Script};
use super::step::Step;

/// A rollback in progress, driven like a [`runner::Run`]: the caller runs `down` between `begin` and `finish`.
pub struct Rollback {
    set: MigrationSet,
    /// Highest last, so that the next one is popped.
    left: Vec<Migration>,
    done: Vec<JournalRow>,
    /// In progress, with the row that it will delete.
    step: Option<(Step, JournalRow)>,
}

impl Rollback {
    /// Plans the way from the current version down to `target`, which stays applied.
    ///
    /// # Errors
    /// `MIGRATION_INVALID_TARGET` unless 0 ≤ target < current, `MIGRATION_NO_DOWN`, `MIGRATION_DEPENDENCY`,
    /// `MIGRATION_READONLY`, `MIGRATION_IN_TRANSACTION`, and those of [`inspect::inspect`]. Nothing was rolled back.
    pub fn to(conn: &Connection, set: &MigrationSet, target: i64) -> Result<Self> {
        let current = current(conn, set)?;
        if target < 0 || target >= current {
            return Err(invalid_target(set, current, &target.to_string()).into());
        }
        Self::plan(conn, set, current, target)
    }

    /// Plans to roll back `version` only, which must be the highest.
    ///
    /// # Errors
    /// `MIGRATION_INVALID_TARGET` if it is not applied, `MIGRATION_NOT_LATEST`; else as [`Rollback::to`].
    pub fn of(conn: &Connection, set: &MigrationSet, version: i64) -> Result<Self> {
        let current = current(conn, set)?;
        if version < 1 || version > current {
            let text = format!("Migration {version} is not applied");
            return Err(error(MigrationCode::InvalidTarget, set, version, text));
        }
        if version < current {
            let text = format!("Migration {version} is not the latest; roll back migration {current} first");
            return Err(error(MigrationCode::NotLatest, set, version, text));
        }
        Self::plan(conn, set, current, version - 1)
    }

    fn plan(conn: &Connection, set: &MigrationSet, current: i64, target: i64) -> Result<Self> {
        let left: Vec<_> = (target + 1..=current).filter_map(|version| set.get(version).cloned()).collect();
        let has_no_down = |version: &i64| set.get(*version).is_none_or(|migration| migration.down.is_none());
        if let Some(version) = (target + 1..=current).rev().find(has_no_down) {
            let text = format!("Migration {version} does not support rollback");
            return Err(error(MigrationCode::NoDown, set, version, text));
        }
        inspect::check_dependents(conn, JournalKind::read(conn, set.module())?, set.module(), target)?;
        if conn.is_readonly("main")? {
            let text = "The connection is read-only";
            return Err(error(MigrationCode::Readonly, set, current, text.to_owned()));
        }
        // Not before everything was found to be possible: a refused rollback has changed nothing.
        open::prepare(conn, set)?;
        Ok(Self { set: set.clone(), left, done: Vec::new(), step: None })
    }

    /// The migration whose `down` has to run next; its transaction is open. `None` when the target is reached.
    ///
    /// # Errors
    /// `MIGRATION_DEPENDENCY` or `MIGRATION_NOT_LATEST` if another process migrated meanwhile, and those of SQLite.
    pub fn begin(&mut self, conn: &mut Connection) -> Result<Option<Migration>> {
        while let Some(migration) = self.left.last().cloned() {
            let step = Step::open(conn, &migration)?;
            match still_latest(conn, &self.set, migration.version) {
                Ok(Some(row)) => {
                    self.step = Some((step.unwatched(conn)?, row));
                    return Ok(Some(migration));
                }
                // Another process rolled it back.
                Ok(None) => {
                    step.abandon(conn)?;
                    self.left.pop();
                }
                Err(error) => return step.abandon(conn).and(Err(error)),
            }
        }
        Ok(None)
    }

    /// Ends the step that [`Rollback::begin`] began, with what `down` came to.
    ///
    /// # Errors
    /// `MIGRATION_FAILED`, `MIGRATION_ASYNC`, `MIGRATION_FOREIGN_KEY` after this step was rolled back; steps before
    /// it stay. Those of SQLite.
    pub fn finish(&mut self, conn: &mut Connection, outcome: Result<(), Failure>) -> Result<()> {
        let (Some((mut step, row)), Some(migration)) = (self.step.take(), self.left.pop()) else {
            return Err(Error::Internal("No rollback has begun".to_owned()));
        };
        let undone = step
            .observe(conn, outcome)
            .and_then(|_| journal::delete(conn, self.set.module(), migration.version).map_err(Failure::from));
        if let Err(failure) = undone {
            let error = failure.into_error(self.set.module(), &migration, "roll back");
            return step.abandon(conn).and(Err(error.into()));
        }
        step.commit(conn)?;
        self.done.push(row);
        Ok(())
    }

    /// Ends the rollback and says what was rolled back, highest first.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn end(mut self, conn: &mut Connection) -> Result<Vec<JournalRow>> {
        self.step.take().map_or(Ok(()), |(step, _)| step.abandon(conn))?;
        Ok(self.done)
    }
}

/// Rolls a set that is SQL throughout back to `target`, which stays applied. Asking for it is the approval to lose data.
///
/// # Errors
/// As [`Rollback::to`], [`Rollback::begin`] and [`Rollback::finish`].
pub fn rollback(conn: &mut Connection, set: &MigrationSet, target: i64) -> Result<Vec<MigrationRef>> {
    let mut rollback = Rollback::to(conn, set, target)?;
    let driven = rollback.run_all(conn);
    let done = rollback.end(conn);
    let reference = |row: JournalRow| MigrationRef { version: row.version, name: row.name };
    driven.and(done).map(|rows| rows.into_iter().map(reference).collect())
}

impl Steps for Rollback {
    fn begin(&mut self, conn: &mut Connection) -> Result<Option<Migration>> {
        Rollback::begin(self, conn)
    }

    fn finish(&mut self, conn: &mut Connection, outcome: Result<(), Failure>) -> Result<()> {
        Rollback::finish(self, conn, outcome)
    }

    fn script(migration: &Migration) -> Option<&Script> {
        migration.down.as_ref()
    }
}

/// A target as JavaScript gives it: `undefined` is the version before the current one.
///
/// # Errors
/// `MIGRATION_INVALID_TARGET` for anything but an integer with 0 ≤ target < current; those of [`inspect::inspect`].
pub fn target_of(conn: &Connection, set: &MigrationSet, target: &Input) -> Result<i64> {
    let current = current(conn, set)?;
    let wanted = match target {
        Input::Undefined => Some(current - 1),
        #[expect(clippy::cast_possible_truncation, reason = "an integer below 2^53")]
        Input::Number(target) if target.fract() == 0.0 && target.abs() < 1e15 => Some(*target as i64),
        _ => None,
    };
    wanted.filter(|wanted| (0..current).contains(wanted)).ok_or_else(|| {
        let given = if *target == Input::Undefined { "the version before".to_owned() } else { listed::shown(target) };
        invalid_target(set, current, &given).into()
    })
}

/// A target as it is typed, in decimal digits. Reads only.
///
/// # Errors
/// As [`target_of`].
pub fn target_of_text(conn: &Connection, set: &MigrationSet, target: &str) -> Result<i64> {
    let current = current(conn, set)?;
    match target.parse() {
        Ok(wanted) if target.bytes().all(|byte| byte.is_ascii_digit()) && wanted < current => Ok(wanted),
        _ => Err(invalid_target(set, current, target).into()),
    }
}

/// The current version; that which existing tables will be adopted as, if they have not been yet.
fn current(conn: &Connection, set: &MigrationSet) -> Result<i64> {
    runner::refuse_open_transaction(conn, set.module())?;
    let inspection = inspect::inspect(conn, set)?;
    Ok(inspection.current().max(inspection.adoptable.unwrap_or(0)))
}

/// The row of `version`, if it is still recorded and the highest.
fn still_latest(conn: &Connection, set: &MigrationSet, version: i64) -> Result<Option<JournalRow>> {
    let mut applied = runner::read_journal(conn, set)?;
    inspect::check_dependents(conn, JournalKind::read(conn, set.module())?, set.module(), version - 1)?;
    match applied.last() {
        Some(row) if row.version > version => {
            let text = format!("Migration {version} is not the latest; roll back migration {} first", row.version);
            Err(error(MigrationCode::NotLatest, set, version, text))
        }
        _ => Ok(applied.pop().filter(|row| row.version == version)),
    }
}

fn invalid_target(set: &MigrationSet, current: i64, target: &str) -> MigrationError {
    let text = match current {
        0 => format!("{} has no applied migration to roll back", set.module()),
        1 => format!("Rollback target must be 0, found {target}"),
        _ => format!("Rollback target must be an integer from 0 to {}, found {target}", current - 1),
    };
    MigrationError::new(MigrationCode::InvalidTarget, set.module(), text)
        .with("target", target)
        .with("current", current)
}

fn error(code: MigrationCode, set: &MigrationSet, version: i64, text: String) -> Error {
    MigrationError::new(code, set.module(), text).at(version).into()
}
