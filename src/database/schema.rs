#![forbid(unsafe_code)]
//! The built-in migration set of the application database.
//!
//! Older files have `content` without its default, or no `audit_log`; both are matches by the rules of every module
//! (migrations.md §7), and there are no others.

use crate::error::Result;
use crate::migration::{Migration, MigrationSet};

/// Journal name.
pub const MODULE: &str = "database";

const UP_1: &str = include_str!("../../migrations/database/0001_initial_content_schema/up.sql");
const DOWN_1: &str = include_str!("../../migrations/database/0001_initial_content_schema/down.sql");
const UP_2: &str = include_str!("../../migrations/database/0002_add_audit_log/up.sql");
const DOWN_2: &str = include_str!("../../migrations/database/0002_add_audit_log/down.sql");

/// The built-in set.
///
/// # Errors
/// None in practice: the set is a constant of this crate.
pub fn migrations() -> Result<MigrationSet> {
    MigrationSet::new(MODULE, list())
}

/// The migrations of the built-in set.
pub fn list() -> Vec<Migration> {
    vec![
        Migration::sql(1, "initial_content_schema", UP_1, Some(DOWN_1.into())),
        Migration::sql(2, "add_audit_log", UP_2, Some(DOWN_2.into())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::{Schema, testing::migrated};

    #[test]
    fn the_tables_are_those_of_the_contract() {
        let schema = Schema::read(&migrated([migrations()])).expect("schema");
        let signature = |table: &str| schema.table(table).expect(table).signature();
        let common = "(id, name, description, content, tags, path, file_hash";
        assert_eq!(signature("agents"), format!("{common}, version, created_at, updated_at)"));
        assert_eq!(signature("rules"), format!("{common}, globs, always_apply, created_at, updated_at)"));
        assert_eq!(
            signature("workflows"),
            format!("{common}, version, triggers, complexity_hint, created_at, updated_at)")
        );
        assert_eq!(signature("audit_log"), "(id, table_name, action, timestamp)");
        let names: Vec<_> = schema.indexes.iter().map(|it| it.name.as_str()).collect();
        assert!(names.starts_with(&[
            "idx_agents_tags",
            "idx_rules_tags",
            "idx_rules_always_apply",
            "idx_workflows_tags"
        ]));
        let names: Vec<_> = schema.triggers.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["update_agents_timestamp", "update_rules_timestamp", "update_workflows_timestamp"]);
    }

    #[test]
    fn an_update_sets_updated_at_unless_it_gives_one_itself() {
        for recursive in [false, true] {
            let conn = migrated([migrations()]);
            conn.pragma_update(None, "recursive_triggers", recursive).expect("pragma");
            for table in ["agents", "rules", "workflows"] {
                let updated = || {
                    conn.query_row(&format!("SELECT updated_at FROM {table}"), [], |row| row.get::<_, String>(0))
                        .expect("row")
                };
                conn.execute_batch(&format!(
                    "INSERT INTO {table} (name, description, updated_at) VALUES ('n', 'd', '2001-01-01 00:00:00');
                     UPDATE {table} SET description = 'e', updated_at = '2002-02-02 00:00:00';"
                ))
                .expect("update");
                assert_eq!(updated(), "2002-02-02 00:00:00");
                conn.execute_batch(&format!("UPDATE {table} SET id = 7, description = 'f'")).expect("update");
                assert!(updated().as_str() > "2026", "{}", updated());
                conn.execute_batch(&format!("UPDATE {table} SET description = 'g'")).expect("within the same second");
            }
        }
    }
}
