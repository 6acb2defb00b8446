#![forbid(unsafe_code)]
//! What a module adds to the engine: its own steps within a migration, and its own reading of existing files.

use rusqlite::Connection;

use crate::error::Result;

use super::adoption::{self, Adoption};
use super::recognise;
use super::schema::{Column, Schema};
use super::set::{Migration, MigrationSet};

/// A migration that is about to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct Applied<'a> {
    /// The migration.
    pub migration: &'a Migration,
    /// Its checksum, as the journal will have it.
    pub checksum: &'a str,
    /// It was not run: tables of an existing file stand for it.
    pub adopted: bool,
}

/// The rules of one module. The defaults are those of migrations.md §7 for tables that match a known shape.
pub trait ModuleRules: Send + Sync {
    /// Runs within the transaction of a migration, after its script, and at the end of an adoption, once for each
    /// version. Not part of what a migration is judged by.
    ///
    /// # Errors
    /// Any error rolls the migration or the adoption back.
    fn applied(&self, _conn: &Connection, _applied: &Applied<'_>) -> Result<()> {
        Ok(())
    }

    /// Which version the tables of an existing file stand for; `None` if none of them is there. Reads only.
    ///
    /// # Errors
    /// `MIGRATION_CONFLICT` if the file can neither be adopted nor migrated from nothing.
    fn recognise(&self, file: &Schema, set: &MigrationSet, declared: &[Schema]) -> Result<Option<i64>> {
        recognise::recognise(self.optional_columns(), file, set, declared)
    }

    /// Whether an application may have functions of its own recorded behind the set's versions. A file that has some is
    /// then not ahead of the set.
    fn may_be_continued(&self) -> bool {
        false
    }

    /// Columns, as (table, column), that a table may lack and still match.
    fn optional_columns(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// The SQL that reads `column` from the existing table, if it is not simply the column.
    fn value(&self, _table: &str, _column: &Column) -> Option<String> {
        None
    }

    /// Tables whose rows hold what must not be found in the file once they have changed: what a rebuild leaves behind is
    /// overwritten.
    fn secret_tables(&self) -> &'static [&'static str] {
        &[]
    }

    /// Runs when the tables are rebuilt and before their foreign keys are repaired, so that a module can create what
    /// its rows refer to. Indexes of the definition that are not unique do not exist yet.
    ///
    /// # Errors
    /// Any error rolls the adoption back.
    fn complete(&self, _conn: &Connection) -> Result<()> {
        Ok(())
    }

    /// Brings the tables of an existing file to `wanted`. Runs within one transaction, with enforcement off.
    ///
    /// # Errors
    /// Any error rolls the adoption back.
    fn adopt(&self, adoption: &mut Adoption<'_>, wanted: &Schema) -> Result<()> {
        adoption::adopt(self, adoption, wanted)
    }
}

/// Nothing but the defaults.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standard;

impl ModuleRules for Standard {}
