#![forbid(unsafe_code)]
//! The migration set of usage. It refers to the tables of telemetry, which must be applied first.

use rusqlite::Connection;

use crate::error::Result;
use crate::migration::{self, Column, Migration, MigrationCode, MigrationError, MigrationSet, ModuleRules};
use crate::packed::Input;

use super::adoption;

/// Journal name.
pub const MODULE: &str = "usage";

const UP_1: &str = include_str!("../../migrations/usage/0001_add_usage_tracking_tables/up.sql");
const DOWN_1: &str = include_str!("../../migrations/usage/0001_add_usage_tracking_tables/down.sql");

/// The usage set.
///
/// # Errors
/// None in practice: the set is a constant of this crate.
pub fn migrations() -> Result<MigrationSet> {
    let list = vec![Migration::sql(1, "add_usage_tracking_tables", UP_1, Some(DOWN_1.into()))];
    Ok(MigrationSet::new(MODULE, list)?.with_rules(UsageRules))
}

/// Check what an application has registered: the set, and behind it migrations that can be rolled back.
///
/// # Errors
/// `MIGRATION_INVALID`, `MIGRATION_GAP`
pub fn check_registered(list: &Input) -> Result<()> {
    let migrations = migration::listed(MODULE, list)?;
    if let Some(it) = migrations.iter().find(|it| it.down.is_none()) {
        let text = format!("down of migration {} ({}) must be a function", it.version, it.name);
        return Err(MigrationError::new(MigrationCode::Invalid, MODULE, text).at(it.version).into());
    }
    MigrationSet::new(MODULE, migrations).map(drop)
}

#[derive(Debug, Clone, Copy)]
struct UsageRules;

impl ModuleRules for UsageRules {
    fn may_be_continued(&self) -> bool {
        true
    }

    fn value(&self, _table: &str, column: &Column) -> Option<String> {
        adoption::value(column)
    }

    fn complete(&self, conn: &Connection) -> Result<()> {
        adoption::add_missing_sessions(conn)
    }
}

#[cfg(test)]
mod tests {
    use crate::migration::{Schema, testing::migrated};
    use crate::telemetry;
    use crate::usage::testing::file;

    #[test]
    fn a_file_gets_two_tables_beside_those_of_telemetry() {
        let before = Schema::read(&migrated([telemetry::schema::migrations()])).expect("schema");
        let after = Schema::read(&file()).expect("schema");
        let new = |list: Vec<String>, old: Vec<String>| -> Vec<String> {
            list.into_iter().filter(|name| !old.contains(name)).collect()
        };
        let tables = |schema: &Schema| schema.tables.iter().map(|it| it.name.clone()).collect();
        assert_eq!(new(tables(&after), tables(&before)), ["usage_config", "usage_snapshots"]);
        assert_eq!((after.indexes.len() - before.indexes.len(), after.triggers.len()), (4, 1));
    }
}
