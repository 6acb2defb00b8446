//! The built-in set of the application database on files that were there before it (database.md §6, D10, M10).

mod common;

use common::*;
use runledger::{
    database::schema,
    migration::{self, MigrationSet, Opened, Schema},
};
use rusqlite::Connection;

/// Version 1 as older programs made it: `content` has no default, columns stand in another order, triggers always fire.
const OLDER: &str = "
CREATE TABLE agents (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL, content TEXT NOT NULL,
  tags TEXT, version TEXT, path TEXT, file_hash TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE rules (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL, content TEXT NOT NULL,
  tags TEXT, globs TEXT, always_apply INTEGER DEFAULT 0, path TEXT, file_hash TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE workflows (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL, content TEXT NOT NULL,
  tags TEXT, triggers TEXT, complexity_hint TEXT, version TEXT, path TEXT, file_hash TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP);
CREATE INDEX idx_agents_tags ON agents(tags);
CREATE INDEX mine ON agents(path);
CREATE TRIGGER update_agents_timestamp AFTER UPDATE ON agents BEGIN
  UPDATE agents SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id; END;
INSERT INTO agents (id, name, description, content, updated_at) VALUES
  (3, 'gone', 'd', '', '2024-01-01 00:00:00'), (2, 'first', 'First agent', 'text', '2024-01-01 00:00:00');
DELETE FROM agents WHERE id = 3;
";

const AUDIT_LOG: &str = "CREATE TABLE audit_log (id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT NULL, \
                         action TEXT NOT NULL, timestamp DATETIME DEFAULT CURRENT_TIMESTAMP);
                         INSERT INTO audit_log (table_name, action) VALUES ('agents', 'insert');";

const JOURNAL: &str = "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, \
                       applied_at DATETIME DEFAULT CURRENT_TIMESTAMP);
                       INSERT INTO schema_migrations VALUES (1, 'initial_content_schema', '2025-06-15 15:06:40');";

fn built_in() -> MigrationSet {
    schema::migrations().expect("set")
}

fn opened(sql: &[&str]) -> (Connection, Opened) {
    let mut conn = memory(&sql.concat());
    let opened = migration::open(&mut conn, &built_in()).expect("open");
    assert!(migration::validate(&conn, &built_in()).expect("validate").ok);
    (conn, opened)
}

/// Tables with their columns and defaults, indexes and triggers, in order and however they are spaced.
fn shape(conn: &Connection) -> Schema {
    let mut schema = Schema::read(conn).expect("schema");
    for table in &mut schema.tables {
        table.sql.retain(|char| !char.is_whitespace());
    }
    schema.tables.sort_by(|a, b| a.name.cmp(&b.name));
    schema.indexes.sort_by(|a, b| a.name.cmp(&b.name));
    schema.triggers.sort_by(|a, b| a.name.cmp(&b.name));
    schema
}

fn is_complete(conn: &Connection) {
    let (fresh, _) = opened(&[]);
    let (wanted, mut found) = (shape(&fresh), shape(conn));
    found.indexes.retain(|index| index.name != "mine");
    assert_eq!(found, wanted);
}

#[test]
fn d10_a_file_with_a_journal_of_text_times_is_converted_and_completed() {
    let (conn, opened) = opened(&[OLDER, JOURNAL]);
    assert!(opened.prepared.converted);
    assert_eq!((opened.prepared.adopted, opened.prepared.warnings.len()), (Some(1), 0));
    assert_eq!(outcomes(&opened.items), ["skipped: Already applied", "applied"]);
    is_complete(&conn);
    let journal =
        rows(&conn, "SELECT version, name, checksum IS NULL, applied_at FROM schema_migrations WHERE version = 1");
    let first = [1.into(), "initial_content_schema".to_owned().into(), 0.into(), 1_750_000_000_000_i64.into()];
    assert_eq!(journal, [first]);
    assert_eq!(one::<String>(&conn, "SELECT content FROM agents WHERE name = 'first'"), "text");
    conn.execute_batch("INSERT INTO agents (name, description) VALUES ('second', 'd')").expect("content has a default");
    assert_eq!(conn.last_insert_rowid(), 4, "numbers are not given twice");
}

#[test]
fn tables_without_a_journal_stand_for_version_1_and_with_the_audit_log_for_version_2() {
    let (conn, first) = opened(&[OLDER]);
    assert_eq!((first.prepared.adopted, outcomes(&first.items)[1].as_str()), (Some(1), "applied"));
    is_complete(&conn);
    let (conn, both) = opened(&[OLDER, AUDIT_LOG]);
    assert_eq!((both.prepared.adopted, outcomes(&both.items)[1].as_str()), (Some(2), "skipped: Already applied"));
    is_complete(&conn);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM audit_log"), 1);
    let objects = objects(&conn);
    assert!(objects.contains(&"mine".to_owned()), "{objects:?}");
}

#[test]
fn an_adopted_row_keeps_its_time_of_change() {
    let (conn, _) = opened(&[OLDER]);
    assert_eq!(one::<String>(&conn, "SELECT updated_at FROM agents"), "2024-01-01 00:00:00");
}

#[test]
fn a_file_that_has_only_some_of_the_tables_or_others_is_refused_and_stays_as_it_is() {
    let other = "CREATE TABLE agents (id INTEGER PRIMARY KEY, name TEXT, prompt TEXT);";
    let further = OLDER.replacen("file_hash TEXT,", "file_hash TEXT, mine TEXT,", 1);
    let view = "CREATE VIEW rules AS SELECT 1 AS id;";
    for (sql, object) in [
        (other, "agents"),
        (AUDIT_LOG, "audit_log"),
        (further.as_str(), "agents"),
        (view, "agents"),
        (&format!("{OLDER} DROP TABLE workflows;"), "workflows"),
        (&format!("{OLDER} CREATE TABLE audit_log (foo)"), "audit_log"),
        ("CREATE TABLE mine (tags); CREATE INDEX idx_agents_tags ON mine(tags)", "idx_agents_tags"),
    ] {
        let mut conn = memory(sql);
        let before = content(&conn);
        let error = failed(migration::open(&mut conn, &built_in()));
        assert_eq!((error.code.as_str(), &error.details["object"]), ("MIGRATION_CONFLICT", &object.into()), "{sql}");
        assert_eq!(content(&conn), before);
    }
}

#[test]
fn m10_the_application_database_goes_up_down_and_up_again() {
    let (mut conn, _) = opened(&[]);
    let before = shape(&conn);
    conn.execute_batch(
        "INSERT INTO agents (name, description) VALUES ('a', 'd'); INSERT INTO audit_log (table_name, action) VALUES ('a', 'i')",
    )
    .expect("data");
    let done = migration::rollback(&mut conn, &built_in(), 0).expect("down");
    assert_eq!(done.iter().map(|it| it.version).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(objects(&conn), ["idx_schema_migrations_applied_at", "schema_migrations"]);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM schema_migrations"), 0);
    migration::open(&mut conn, &built_in()).expect("up again");
    assert_eq!(shape(&conn), before);
}

#[test]
fn it_shares_a_file_with_telemetry() {
    let mut conn = memory("");
    let telemetry = runledger::telemetry::schema::migrations().expect("set");
    migration::open(&mut conn, &telemetry).expect("telemetry");
    migration::open(&mut conn, &built_in()).expect("database");
    for set in [&telemetry, &built_in()] {
        assert!(migration::validate(&conn, set).expect("validate").ok);
    }
    migration::rollback(&mut conn, &built_in(), 0).expect("down");
    assert!(migration::validate(&conn, &telemetry).expect("validate").ok);
}
