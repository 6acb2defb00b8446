#![forbid(unsafe_code)]
//! Migrations on a connection of the caller's, whose functions run between two calls.

use std::cell::{Ref, RefMut};

use super::{Connection, Misuse, Result};
use crate::command;
use crate::error::Error;
use crate::migration::{
    self, ApplyOptions, Drive, Driven, Failure as Thrown, JournalRow, Migration, MigrationCode, MigrationError,
    MigrationSet, Rollback, Stage, ValidationReport,
};
use crate::packed::Input;

/// What the caller has to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Run the function of this version on this connection, and then tell [`Connection::resume_migration`].
    Function(i64),
    /// Nothing: this is what was done.
    Done(Driven),
}

impl Connection {
    /// Apply what is pending in `set`, up to the first function.
    ///
    /// # Errors
    /// [`Misuse::BUSY`] while something is being iterated; as [`Drive::up`].
    pub fn migrate(&self, set: &MigrationSet, options: ApplyOptions) -> Result<Next> {
        self.begin_migrating(set.module())?;
        self.go_on(|db| Drive::up(db, set, options))
    }

    /// Roll back to `target`, which stays applied, down to the first function.
    ///
    /// # Errors
    /// As [`Connection::migrate`], [`migration::target_of`] and [`Rollback::to`].
    pub fn roll_back(&self, set: &MigrationSet, target: &Input) -> Result<Next> {
        self.begin_migrating(set.module())?;
        self.go_on(|db| {
            let target = migration::target_of(db, set, target)?;
            let rollback = Rollback::to(db, set, target)?;
            Drive::down(db, rollback)
        })
    }

    /// Roll `migration` back, which must be the highest one.
    ///
    /// # Errors
    /// As [`Connection::migrate`] and [`Rollback::of`].
    pub fn roll_back_only(&self, module: &str, migration: &Migration) -> Result<Next> {
        self.begin_migrating(module)?;
        self.go_on(|db| {
            let set = command::recorded_set(db, module, Some(migration))?;
            let rollback = Rollback::of(db, &set, migration.version)?;
            Drive::down(db, rollback)
        })
    }

    /// The function has come to `outcome`: judge it and go on.
    ///
    /// # Errors
    /// As [`Drive::resume`]. The migration is then over, and the connection as before.
    pub fn resume_migration(&self, outcome: std::result::Result<(), Thrown>) -> Result<Next> {
        self.not_calling()?;
        let Some(drive) = self.migrating.take() else {
            return Err(Error::Internal("No migration is waiting for its function".to_owned()).into());
        };
        self.go_on(|db| drive.resume(db, Some(outcome)))
    }

    /// The journal rows of `module`, by version.
    ///
    /// # Errors
    /// `MIGRATION_CONFLICT` for a journal that is none of ours; [`super::Failure::Sqlite`].
    pub fn journal(&self, module: &str) -> Result<Vec<JournalRow>> {
        let set = MigrationSet::new(module, Vec::new())?;
        let db = self.reading()?;
        Ok(migration::status(&db, &set)?.applied)
    }

    /// Compare the file with what these modules have applied to it. A module without a set is known by the journal.
    ///
    /// # Errors
    /// As [`Connection::journal`]. What is wrong with the file is in the report.
    pub fn validate(&self, modules: &[(String, Option<MigrationSet>)]) -> Result<ValidationReport> {
        let db = self.reading()?;
        let set_of = |(module, set): &(String, Option<MigrationSet>)| match set {
            Some(set) => Ok(set.clone()),
            None => match command::recorded_set(&db, module, None) {
                // A journal that is not in order is a finding.
                Err(Error::Migration(_)) => MigrationSet::new(module, Vec::new()),
                set => set,
            },
        };
        let sets = modules.iter().map(set_of).collect::<crate::error::Result<Vec<_>>>()?;
        Ok(migration::validate_all(&db, &sets)?)
    }

    /// A migration waits for its function.
    pub(super) fn is_migrating(&self) -> bool {
        self.migrating.borrow().is_some()
    }

    fn begin_migrating(&self, module: &str) -> Result<()> {
        if self.is_migrating() {
            let text = "Migrations cannot run inside a migration";
            return Err(Error::from(MigrationError::new(MigrationCode::InTransaction, module, text)).into());
        }
        self.quiet()
    }

    fn go_on(&self, drive: impl FnOnce(&mut rusqlite::Connection) -> crate::error::Result<Stage>) -> Result<Next> {
        // What a function has left open would keep its transaction from ending.
        self.stop_all();
        let mut db = self.writing()?;
        let stage = drive(&mut db);
        drop(db);
        self.forget_shared();
        Ok(match stage? {
            Stage::Function(version, drive) => {
                self.migrating.replace(Some(drive));
                Next::Function(version)
            }
            Stage::Done(driven) => Next::Done(driven),
        })
    }

    fn reading(&self) -> Result<Ref<'_, rusqlite::Connection>> {
        self.not_calling()?;
        Ok(self.db.borrow())
    }

    fn writing(&self) -> Result<RefMut<'_, rusqlite::Connection>> {
        self.db.try_borrow_mut().map_err(|_| Misuse::BUSY.into())
    }
}
