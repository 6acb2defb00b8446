#![forbid(unsafe_code)]
//! The migration set of instances.

use crate::{
    error::Result,
    migration::{Column, Migration, MigrationSet, ModuleRules},
};

use super::adoption;

/// Journal name.
pub const MODULE: &str = "instances";

const UP_1: &str = include_str!("../../migrations/instances/0001_instances_schema/up.sql");
const DOWN_1: &str = include_str!("../../migrations/instances/0001_instances_schema/down.sql");

/// The instances set.
///
/// # Errors
/// None in practice: the set is a constant of this crate.
pub fn migrations() -> Result<MigrationSet> {
    let list = vec![Migration::sql(1, "instances_schema", UP_1, Some(DOWN_1.into()))];
    Ok(MigrationSet::new(MODULE, list)?.with_rules(InstancesRules))
}

#[derive(Debug, Clone, Copy)]
struct InstancesRules;

impl ModuleRules for InstancesRules {
    fn optional_columns(&self) -> &'static [(&'static str, &'static str)] {
        adoption::OPTIONAL_COLUMNS
    }

    fn secret_tables(&self) -> &'static [&'static str] {
        &["user_config"]
    }

    fn value(&self, table: &str, column: &Column) -> Option<String> {
        adoption::value(table, column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instances::shape;
    use crate::migration::{Schema, testing::migrated};

    #[test]
    fn the_tables_have_the_columns_of_the_row_types() {
        let schema = Schema::read(&migrated([migrations()])).expect("schema");
        for shape in shape::ALL {
            let table = schema.table(shape.table).expect(shape.table);
            assert_eq!(table.columns.len(), shape.columns.len(), "{}", shape.table);
        }
        // Beside the journal and its index.
        assert_eq!((schema.tables.len() - 1, schema.triggers.len(), schema.views.len()), (5, 0, 1));
        assert_eq!(schema.indexes.len() - 1, 16);
    }

    #[test]
    fn the_view_shows_what_the_table_holds_and_takes_nothing() {
        let conn = migrated([migrations()]);
        conn.execute_batch(
            "INSERT INTO instances (id, type, status, worktree_path, branch_name, tmux_session)
             VALUES ('a', 'coding', 'started', '/w', 'b', 't');
             INSERT INTO instance_relationships (parent_instance, child_instance, relationship_type)
             VALUES ('a', 'a', 'created_fork');",
        )
        .expect("rows");
        let count = |name: &str| {
            conn.query_row(&format!("SELECT count(*) FROM {name}"), [], |row| row.get::<_, i64>(0)).expect(name)
        };
        assert_eq!((count("relationships"), count("instance_relationships")), (1, 1));
        assert!(conn.execute("DELETE FROM relationships", []).is_err());
    }
}
