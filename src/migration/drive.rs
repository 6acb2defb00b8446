#![forbid(unsafe_code)]
//! Going through the scripts of a run or a rollback: SQL is run here, a function by whoever has it.

use std::fmt;

use rusqlite::Connection;
use serde::Serialize;

use crate::error::Result;

use super::failure::Failure;
use super::journal::JournalRow;
use super::open::Opened;
use super::rollback::Rollback;
use super::runner::{self, ApplyOptions, Run};
use super::set::{Migration, MigrationSet, Script};

/// What runs scripts one after another, each between a `begin` and a `finish`.
pub(super) trait Steps {
    /// The migration whose script has to run next; `None` at the end.
    fn begin(&mut self, conn: &mut Connection) -> Result<Option<Migration>>;

    /// That script has run.
    fn finish(&mut self, conn: &mut Connection, outcome: Result<(), Failure>) -> Result<()>;

    /// Which script of a migration it is.
    fn script(migration: &Migration) -> Option<&Script>;

    /// Runs what is SQL. Returns the version whose function has to run now; `None` at the end.
    fn advance(&mut self, conn: &mut Connection) -> Result<Option<i64>> {
        while let Some(migration) = self.begin(conn)? {
            let outcome = match Self::script(&migration) {
                Some(script @ Script::Sql(_)) => runner::run_script(conn, script),
                _ => return Ok(Some(migration.version)),
            };
            self.finish(conn, outcome)?;
        }
        Ok(None)
    }

    /// Runs all of it, if it is SQL throughout: a function fails.
    fn run_all(&mut self, conn: &mut Connection) -> Result<()> {
        while self.advance(conn)?.is_some() {
            self.finish(conn, runner::run_script(conn, &Script::External))?;
        }
        Ok(())
    }
}

/// A run or a rollback that stops wherever a function of the caller's has to run.
pub struct Drive(Direction);

enum Direction {
    Up(Box<Run>),
    Down(Box<Rollback>),
}

impl fmt::Debug for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Direction::Up(_) => "Drive(Up)",
            Direction::Down(_) => "Drive(Down)",
        })
    }
}

/// Where a [`Drive`] has stopped.
pub enum Stage {
    /// The function of this version has to run on the same connection; its transaction is open.
    Function(i64, Drive),
    /// At the end.
    Done(Driven),
}

/// What a [`Drive`] has done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Driven {
    /// It has applied migrations, or tried to.
    Up(Opened),
    /// It has rolled these back, highest first.
    Down(Vec<JournalRow>),
}

impl Drive {
    /// Applies what is pending in `set`, up to the first function.
    ///
    /// # Errors
    /// As [`Run::new`], [`Run::begin`] and [`Run::finish`].
    pub fn up(conn: &mut Connection, set: &MigrationSet, options: ApplyOptions) -> Result<Stage> {
        if set.latest() == 0 {
            // An empty list asks for nothing, whatever the file has.
            return Ok(Stage::Done(Driven::Up(Opened::default())));
        }
        let run = Run::new(conn, set, options)?;
        Self(Direction::Up(Box::new(run))).resume(conn, None)
    }

    /// Carries a rollback out, up to the first function.
    ///
    /// # Errors
    /// As [`Rollback::begin`] and [`Rollback::finish`].
    pub fn down(conn: &mut Connection, rollback: Rollback) -> Result<Stage> {
        Self(Direction::Down(Box::new(rollback))).resume(conn, None)
    }

    /// Goes on after the function has come to `outcome`. After an error nothing is left open.
    ///
    /// # Errors
    /// As [`Drive::up`] and [`Drive::down`].
    pub fn resume(mut self, conn: &mut Connection, outcome: Option<Result<(), Failure>>) -> Result<Stage> {
        let next = match &mut self.0 {
            Direction::Up(run) => go_on(&mut **run, conn, outcome),
            Direction::Down(rollback) => go_on(&mut **rollback, conn, outcome),
        };
        match next {
            Ok(Some(version)) => Ok(Stage::Function(version, self)),
            Ok(None) => self.end(conn).map(Stage::Done),
            Err(error) => {
                // What went wrong first is what the caller has to know.
                let _ = self.end(conn);
                Err(error)
            }
        }
    }

    fn end(self, conn: &mut Connection) -> Result<Driven> {
        match self.0 {
            Direction::Up(run) => {
                let prepared = run.prepared().clone();
                run.end(conn).map(|items| Driven::Up(Opened { prepared, items }))
            }
            Direction::Down(rollback) => rollback.end(conn).map(Driven::Down),
        }
    }
}

fn go_on(steps: &mut impl Steps, conn: &mut Connection, outcome: Option<Result<(), Failure>>) -> Result<Option<i64>> {
    if let Some(outcome) = outcome {
        steps.finish(conn, outcome)?;
    }
    steps.advance(conn)
}
