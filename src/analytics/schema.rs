#![forbid(unsafe_code)]
//! The migration set of analytics.
//!
//! Older files have no CHECK on the status, another action or none on the foreign key, and no index on the session; all are
//! matches by the rules of every module (migrations.md §7), and there are no others.

use crate::error::Result;
use crate::migration::{Migration, MigrationSet};

/// Journal name.
pub const MODULE: &str = "analytics";

const UP_1: &str = include_str!("../../migrations/analytics/0001_sessions_and_tool_calls/up.sql");
const DOWN_1: &str = include_str!("../../migrations/analytics/0001_sessions_and_tool_calls/down.sql");

/// The analytics set.
///
/// # Errors
/// None in practice: the set is a constant of this crate.
pub fn migrations() -> Result<MigrationSet> {
    MigrationSet::new(MODULE, vec![Migration::sql(1, "sessions_and_tool_calls", UP_1, Some(DOWN_1.into()))])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analytics::shape;
    use crate::migration::{Schema, testing::migrated};

    #[test]
    fn the_tables_have_the_columns_of_the_row_types_in_their_order() {
        let schema = Schema::read(&migrated([migrations()])).expect("schema");
        for shape in shape::ALL {
            let table = schema.table(shape.table).expect(shape.table);
            let names: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
            assert_eq!(names, shape.columns.iter().map(|column| column.name).collect::<Vec<_>>(), "{}", shape.table);
        }
        assert_eq!((schema.tables.len() - 1, schema.triggers.len(), schema.views.len()), (2, 0, 0));
    }
}
