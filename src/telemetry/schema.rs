#![forbid(unsafe_code)]
//! The migration set of telemetry.

use rusqlite::{Connection, params};

use crate::error::Result;
use crate::migration::{Adoption, Applied, Migration, MigrationSet, ModuleRules, Schema, Script};

use super::{adoption, statistics::recount};

/// Journal name.
pub const MODULE: &str = "telemetry";

/// Every file that existed before this package came from here.
const ADOPTED_FROM: &str = "@vibe-kit/db";

const UP_1: &str = include_str!("../../migrations/telemetry/0001_telemetry_schema/up.sql");
const DOWN_1: &str = include_str!("../../migrations/telemetry/0001_telemetry_schema/down.sql");

/// The telemetry set.
///
/// # Errors
/// None in practice: the set is a constant of this crate.
pub fn migrations() -> Result<MigrationSet> {
    let list = vec![Migration::sql(1, "telemetry_schema", UP_1, Some(DOWN_1.into()))];
    Ok(MigrationSet::new(MODULE, list)?.with_rules(TelemetryRules))
}

/// `version` and `description` of the row that stands for a migration in `telemetry_schema_versions`.
fn release(migration: i64) -> (String, &'static str) {
    match migration {
        1 => ("1.0.0".to_owned(), "Sessions, events, buffers, errors, statistics, audit trail and validation rules"),
        later => (format!("1.0.{}", later - 1), ""),
    }
}

#[derive(Debug, Clone, Copy)]
struct TelemetryRules;

impl ModuleRules for TelemetryRules {
    fn applied(&self, conn: &Connection, applied: &Applied<'_>) -> Result<()> {
        record_version(conn, applied)?;
        // An adoption has done so. The row of totals exists from the first moment on, and everybody may rely on it.
        if applied.adopted { Ok(()) } else { recount::rebuild_stats(conn) }
    }

    fn recognise(&self, file: &Schema, _set: &MigrationSet, declared: &[Schema]) -> Result<Option<i64>> {
        adoption::recognise(file, declared)
    }

    fn adopt(&self, adoption: &mut Adoption<'_>, wanted: &Schema) -> Result<()> {
        adoption::adopt(adoption, wanted)
    }
}

/// Writes the row of `telemetry_schema_versions`. A file of `@vibe-kit/db` may have one of that version already.
fn record_version(conn: &Connection, applied: &Applied<'_>) -> Result<()> {
    let (version, description) = release(applied.migration.version);
    let metadata = serde_json::json!({
        "migration": applied.migration.version,
        "name": applied.migration.name,
        "checksum": applied.checksum,
        "adoptedFrom": applied.adopted.then_some(ADOPTED_FROM),
    });
    conn.execute(
        "INSERT INTO telemetry_schema_versions (version, description, migration_script, rollback_script, metadata) \
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (version) DO UPDATE SET description = excluded.description, \
         migration_script = excluded.migration_script, rollback_script = excluded.rollback_script, \
         metadata = excluded.metadata, is_active = 1",
        params![
            version,
            description,
            text(Some(&applied.migration.up)),
            text(applied.migration.down.as_ref()),
            metadata.to_string()
        ],
    )?;
    Ok(())
}

fn text(script: Option<&Script>) -> Option<&str> {
    match script {
        Some(Script::Sql(sql)) => Some(sql),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::{checksum, testing::migrated};
    use crate::telemetry::shape;

    #[test]
    fn the_tables_have_the_columns_of_the_row_types_in_their_order() {
        let schema = Schema::read(&migrated([migrations()])).expect("schema");
        for shape in shape::ALL {
            let table = schema.table(shape.table).expect(shape.table);
            let internal: &[&str] = match shape.table {
                "telemetry_stats" => &["duration_sum", "duration_count", "last_event_id"],
                _ => &[],
            };
            let names: Vec<_> = table.columns.iter().map(|column| column.name.as_str()).collect();
            let expected: Vec<_> = shape.columns.iter().map(|column| column.name).chain(internal.to_vec()).collect();
            assert_eq!(names, expected, "{}", shape.table);
        }
        assert_eq!((schema.tables.len() - 1, schema.triggers.len(), schema.views.len()), (8, 0, 0));
        assert_eq!(schema.indexes.len() - 1, 15);
    }

    #[test]
    fn a_fresh_file_has_its_version_row_and_the_row_of_totals() {
        let conn = migrated([migrations()]);
        let (version, script, rollback, metadata): (String, String, String, String) = conn
            .query_row(
                "SELECT version, migration_script, rollback_script, metadata FROM telemetry_schema_versions",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
            )
            .expect("one row");
        let checksum = checksum::of_sql(UP_1);
        assert_eq!((version.as_str(), script.as_str(), rollback.as_str()), ("1.0.0", UP_1, DOWN_1));
        assert_eq!(
            metadata,
            format!(r#"{{"migration":1,"name":"telemetry_schema","checksum":"{checksum}","adoptedFrom":null}}"#)
        );
        let total = conn.query_row("SELECT * FROM telemetry_stats", [], |row| {
            Ok((
                row.get::<_, String>("stat_key")?,
                row.get::<_, i64>("total_events")?,
                row.get::<_, String>("agent_breakdown")?,
                row.get::<_, Option<f64>>("min_timestamp")?,
                row.get::<_, f64>("avg_session_duration")?,
            ))
        });
        assert_eq!(total, Ok(("all".to_owned(), 0, "{}".to_owned(), None, 0.0)));
    }
}
