//! Existing files: migrations.md §7, telemetry.md §5 and E33.

mod common;

use common::{content, failed, file, memory, objects, one, outcomes, rows, vibekit};
use runledger::error::Result;
use runledger::migration::{
    self, Affinity, Applied, Column, Migration, MigrationSet, ModuleRules, Schema, same_definition,
};
use runledger::telemetry::schema as telemetry;
use runledger::telemetry::statistics::recount;
use rusqlite::Connection;
use rusqlite::config::DbConfig;
use rusqlite::types::Value;

fn adopt(sql: &str) -> (Connection, Vec<String>) {
    let mut conn = memory(sql);
    let opened = migration::open(&mut conn, &telemetry::migrations().expect("set")).expect("adopt");
    assert_eq!(opened.prepared.adopted, Some(1));
    assert_eq!(outcomes(&opened.items), ["skipped: Already applied"]);
    assert!(one::<bool>(&conn, "PRAGMA foreign_keys"), "enforcement is restored");
    assert!(!one::<bool>(&conn, "PRAGMA legacy_alter_table"), "and so is ALTER TABLE");
    assert_eq!(rows(&conn, "PRAGMA foreign_key_check"), Vec::<Vec<Value>>::new());
    assert_eq!(one::<String>(&conn, "PRAGMA integrity_check"), "ok");
    let report = migration::validate(&conn, &telemetry::migrations().expect("set")).expect("validate");
    assert_eq!(report.problems, []);
    (conn, opened.prepared.warnings)
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

#[test]
fn e33_a_bootstrapped_file_keeps_its_rows_and_ids() {
    let (conn, warnings) = adopt(vibekit::BOOTSTRAPPED);
    let ids = rows(&conn, "SELECT id, session_id, timestamp, created_at FROM telemetry_events ORDER BY id");
    let event = |id, session: &str, timestamp, created| {
        vec![Value::Integer(id), text(session), Value::Real(timestamp), Value::Real(created)]
    };
    assert_eq!(
        ids,
        [
            event(3, "s1", 1_750_000_000_000.0, 1_750_000_000_000.0),
            event(4, "s1", 1_750_000_000_010.5, 1_750_000_000_011.0),
            event(7, "ghost", 1_750_000_000_005.0, 1_750_000_000_006.0),
        ]
    );
    let session = rows(
        &conn,
        "SELECT agent_type, mode, status, start_time, end_time, duration, event_count, stream_event_count, error_count
         FROM telemetry_sessions WHERE id = 'ghost'",
    );
    let (null, one_event) = (Value::Null, Value::Integer(1));
    assert_eq!(
        session[0],
        [
            text("codex"),
            text("chat"),
            text("active"),
            Value::Real(1_750_000_000_005.0),
            null.clone(),
            null.clone(),
            one_event.clone(),
            Value::Integer(0),
            one_event
        ]
    );
    // Times stay, fractions too; counts of sessions with events are recounted, those of others are the caller's.
    assert_eq!(
        rows(
            &conn,
            "SELECT start_time, end_time, duration, event_count, stream_event_count FROM telemetry_sessions
             WHERE id = 's1'"
        )[0],
        [
            Value::Real(1_750_000_000_000.25),
            Value::Real(1_750_000_000_900.0),
            Value::Real(900.0),
            Value::Integer(2),
            Value::Integer(1)
        ]
    );
    assert_eq!(one::<i64>(&conn, "SELECT event_count FROM telemetry_sessions WHERE id = 'idle'"), 7);
    // The error of a missing session stays without it, and keeps its stack.
    assert_eq!(
        rows(&conn, "SELECT id, session_id, error_stack, severity, resolved FROM telemetry_errors ORDER BY id"),
        [
            [Value::Integer(2), text("s1"), text("st"), text("medium"), Value::Integer(0)],
            [Value::Integer(5), null.clone(), null, text("medium"), Value::Integer(0)]
        ]
    );
    assert_eq!(
        warnings,
        ["telemetry: a refused value was set to NULL in 1 row of telemetry_errors, originals in migration_quarantine \
          (foreign_key)"]
    );
    let quarantined: String =
        one(&conn, "SELECT row FROM migration_quarantine WHERE source_table = 'telemetry_errors'");
    let original: serde_json::Value = serde_json::from_str(&quarantined).expect("json");
    assert_eq!((&original["id"], &original["session_id"]), (&5.into(), &"nobody".into()));
    // The next event gets the id that the old counter says, not the highest that is left.
    conn.execute_batch(
        "INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, timestamp) VALUES ('s1', 'end', 'a', 'm', 1)",
    )
    .expect("insert");
    assert_eq!(conn.last_insert_rowid(), 21);
}

#[test]
fn e33_a_file_of_another_shape_is_refused_with_its_bytes_unchanged() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("t.db");
    let sql = vibekit::BOOTSTRAPPED.replace("telemetry_events", "old_events");
    drop(file(&path, &format!("{sql} CREATE TABLE telemetry_events (id, foo);")));
    let before = std::fs::read(&path).expect("bytes");
    let mut conn = file(&path, "");
    let error = failed(migration::open(&mut conn, &telemetry::migrations().expect("set")));
    assert_eq!((error.code.as_str(), &error.details["object"]), ("MIGRATION_CONFLICT", &"telemetry_events".into()));
    assert_eq!(error.details["found"], "a table (id, foo) with id of no type, not INTEGER");
    drop(conn);
    assert_eq!(std::fs::read(&path).expect("bytes"), before);
}

#[test]
fn an_adopted_file_has_the_schema_of_a_new_one() {
    let mut fresh = memory("");
    migration::open(&mut fresh, &telemetry::migrations().expect("set")).expect("fresh");
    let wanted = Schema::read(&fresh).expect("schema");
    for sql in [vibekit::BOOTSTRAPPED, vibekit::MIGRATED, &complete_without_keys()] {
        let (conn, _) = adopt(sql);
        let found = Schema::read(&conn).expect("schema");
        for table in wanted.tables.iter().filter(|table| table.name != "telemetry_events") {
            let found = found.table(&table.name).expect("table");
            assert!(same_definition(&found.sql, &table.sql), "{}", found.sql);
        }
        for index in &wanted.indexes {
            assert_eq!(found.index(&index.name).map(|it| &it.sql), Some(&index.sql));
        }
        let ours = |table: &str| table.starts_with("telemetry_");
        let extra = found.indexes.iter().filter(|it| ours(&it.table) && wanted.index(&it.name).is_none());
        let extra: Vec<_> = extra.map(|it| it.name.as_str()).collect();
        assert!(extra.is_empty() || extra == ["owner_note_index"], "{extra:?}");
    }
}

/// Complete, in milliseconds, but without foreign keys.
fn complete_without_keys() -> String {
    vibekit::MIGRATED
        .replace(" REFERENCES telemetry_sessions(id) ON UPDATE cascade ON DELETE cascade", "")
        .replace(" REFERENCES telemetry_sessions(id) ON DELETE set null", "")
        .replace(" REFERENCES telemetry_events(id) ON DELETE set null", "")
}

#[test]
fn seconds_become_milliseconds_and_the_owners_things_stay() {
    let (conn, warnings) = adopt(vibekit::MIGRATED);
    assert_eq!(warnings, Vec::<String>::new());
    let times = |sql: &str| rows(&conn, sql).concat();
    let real = |values: &[f64]| values.iter().map(|value| Value::Real(*value)).collect::<Vec<_>>();
    assert_eq!(
        times("SELECT created_at, updated_at, start_time FROM telemetry_sessions"),
        real(&[1_750_000_000_000.0, 1_750_000_000_123.0, 1_750_000_000_000.0])
    );
    assert_eq!(times("SELECT created_at FROM telemetry_events"), real(&[1_750_000_001_000.0]));
    assert_eq!(
        times("SELECT created_at, last_updated FROM telemetry_buffers"),
        real(&[1_750_000_002_000.0, 1_750_000_003_000.0])
    );
    assert_eq!(times("SELECT created_at FROM telemetry_audit_log"), real(&[1_750_000_006_000.0]));
    assert_eq!(times("SELECT applied_at FROM telemetry_schema_versions WHERE id = 15"), real(&[1_750_000_009_000.0]));
    // The owner's columns, index, trigger, view and journal.
    assert_eq!(
        rows(&conn, "SELECT owner_note, owner_at, owner_made FROM telemetry_events"),
        [[text("n"), Value::Real(5.0), text("nm")]]
    );
    let events = Schema::read(&conn).expect("schema").table("telemetry_events").cloned().expect("events");
    let note = events.column("owner_note").cloned().expect("kept");
    assert_eq!((note.not_null, note.affinity()), (false, Affinity::Text));
    let names = objects(&conn);
    for name in ["owner_note_index", "owner_trigger", "owner_view", "__drizzle_migrations"] {
        assert!(names.iter().any(|it| it == name), "{name}");
    }
    for name in ["idx_events_agent_type", "idx_errors_severity", "telemetry_schema_versions_version_unique"] {
        assert!(!names.iter().any(|it| it == name), "{name}");
    }
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM owner_log"), 0, "no trigger fired");
    conn.execute_batch("UPDATE telemetry_sessions SET status = 'failed'").expect("update");
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM owner_log"), 1, "it is back");
}

#[test]
fn the_version_row_says_where_the_file_came_from() {
    let (conn, _) = adopt(vibekit::MIGRATED);
    let found = rows(
        &conn,
        "SELECT id, version, metadata ->> 'adoptedFrom', metadata ->> 'checksum' IS NOT NULL
        FROM telemetry_schema_versions ORDER BY id",
    );
    assert_eq!(
        found,
        [
            [Value::Integer(14), text("1.0.0"), text("@vibe-kit/db"), Value::Integer(1)],
            [Value::Integer(15), text("0.9.0"), Value::Null, Value::Integer(0)]
        ]
    );
}

#[test]
fn statistics_of_an_adopted_file_are_true() {
    let (conn, _) = adopt(vibekit::MIGRATED);
    assert_eq!(
        rows(&conn, "SELECT id, stat_type, stat_key, total_events, last_event_id FROM telemetry_stats ORDER BY id"),
        [
            [Value::Integer(9), text("total"), text("all"), Value::Integer(1), Value::Integer(11)],
            [Value::Integer(10), text("hourly"), text("x"), Value::Integer(5), Value::Integer(0)],
            [Value::Integer(11), text("daily"), text("2025-06-15"), Value::Integer(1), Value::Integer(0)],
        ]
    );
    let (conn, _) = adopt(vibekit::BOOTSTRAPPED);
    let truth = recount::true_stats(&conn).expect("truth");
    assert_eq!((truth[0].total_events, truth[0].unique_sessions, truth[0].last_event_id), (3, 2, 20));
    assert_eq!(truth[0].duration_sum.to_bits(), 900.0_f64.to_bits());
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM telemetry_stats"), 2);
}

#[test]
fn tables_of_another_shape_are_replaced_carried_over_or_set_aside() {
    let sql = format!(
        "{}
         CREATE TABLE telemetry_buffers_legacy (already TEXT);
         INSERT INTO telemetry_buffers (id, session_id, data) VALUES (1, 's1', '[]');
         CREATE INDEX idx_buffers_session ON telemetry_buffers(session_id);
         CREATE TABLE telemetry_validation_rules (id TEXT PRIMARY KEY, table_name TEXT, field_name TEXT, rule_type TEXT,
           rule_config TEXT, error_message TEXT);
         INSERT INTO telemetry_validation_rules VALUES ('r', 't', 'f', 'enum', '{{}}', 'no');
         CREATE TABLE telemetry_audit_log (table_name TEXT, record_id TEXT, operation TEXT, timestamp REAL, who TEXT);
         INSERT INTO telemetry_audit_log VALUES ('t', '1', 'INSERT', 5, 'me'), ('t', '2', NULL, 5, 'you');
         CREATE INDEX owner_on_stats ON telemetry_stats(total_sessions);",
        vibekit::BOOTSTRAPPED
    );
    let (conn, warnings) = adopt(&sql);
    // Rows without a column that must have a value: kept under another name, which is not taken.
    assert_eq!(one::<String>(&conn, "SELECT data FROM telemetry_buffers_legacy_2"), "[]");
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM telemetry_buffers"), 0);
    // Ids that are no integers cannot become ours.
    assert_eq!(one::<String>(&conn, "SELECT id FROM telemetry_validation_rules_legacy"), "r");
    // Carried over, with the owner's column and new ids.
    assert_eq!(
        rows(&conn, "SELECT id, operation, who FROM telemetry_audit_log"),
        [[Value::Integer(1), text("INSERT"), text("me")]]
    );
    assert_eq!(
        rows(&conn, "SELECT source_table, reason, row ->> 'who' FROM migration_quarantine ORDER BY id"),
        [
            [text("telemetry_audit_log"), text("not_null"), text("you")],
            [text("telemetry_errors"), text("foreign_key"), Value::Null],
        ]
    );
    // Empty, so replaced: an index on a column that is gone cannot come back.
    assert!(!objects(&conn).contains(&"owner_on_stats".to_owned()));
    assert_eq!(
        warnings,
        [
            "telemetry: 1 row of telemetry_audit_log moved to migration_quarantine (not_null)",
            "telemetry: a refused value was set to NULL in 1 row of telemetry_errors, originals in \
             migration_quarantine (foreign_key)",
            "telemetry: telemetry_buffers has another shape; its rows are kept in telemetry_buffers_legacy_2",
            "telemetry: telemetry_validation_rules has another shape; its rows are kept in \
             telemetry_validation_rules_legacy",
            "telemetry: owner_on_stats could not be created again (no such column: total_sessions): CREATE INDEX \
             owner_on_stats ON telemetry_stats(total_sessions)",
        ]
    );
}

#[test]
fn values_that_the_definition_fills_are_filled() {
    let sql = "CREATE TABLE telemetry_sessions (schema_version TEXT, version INTEGER, updated_at REAL, created_at REAL,
          metadata TEXT, repo_url TEXT, sandbox_id TEXT, error_count INTEGER, stream_event_count INTEGER,
          event_count INTEGER, duration REAL, end_time REAL, start_time REAL, status TEXT, mode TEXT, agent_type TEXT,
          id TEXT PRIMARY KEY);
        CREATE TABLE telemetry_events (schema_version TEXT, version INTEGER, created_at REAL, timestamp REAL,
          metadata TEXT, repo_url TEXT, sandbox_id TEXT, stream_data TEXT, prompt TEXT, mode TEXT, agent_type TEXT,
          event_type TEXT, session_id TEXT, id INTEGER PRIMARY KEY);
        INSERT INTO telemetry_sessions (id, agent_type, mode, start_time) VALUES ('s', 'a', 'm', 5), (NULL, 'a', 'm', 6);
        INSERT INTO telemetry_events (id, session_id, event_type, agent_type, mode, timestamp) VALUES
          (1, 's', 'end', 'a', 'm', 5), (2, NULL, 'end', 'a', 'm', 5), (3, 's', 'end', 'a', 'm', NULL);";
    let (conn, warnings) = adopt(sql);
    assert_eq!(
        rows(
            &conn,
            "SELECT id, status, version, schema_version, event_count, created_at > 1e12 FROM telemetry_sessions"
        ),
        [[text("s"), text("active"), Value::Integer(1), text("1.0.0"), Value::Integer(1), Value::Integer(1)]]
    );
    assert_eq!(rows(&conn, "SELECT id FROM telemetry_events"), [[Value::Integer(1)]]);
    assert_eq!(
        warnings,
        [
            "telemetry: 2 rows of telemetry_events moved to migration_quarantine (not_null)",
            "telemetry: 1 row of telemetry_sessions moved to migration_quarantine (not_null)",
        ]
    );
}

#[test]
fn buffers_of_a_missing_session_get_one() {
    let sql = format!(
        "{} PRAGMA foreign_keys = OFF;
         INSERT INTO telemetry_buffers (session_id, buffer_data, created_at) VALUES ('b', '[]', 1750000009), ('b', '[]', 1750000008);
         PRAGMA foreign_keys = ON;",
        vibekit::MIGRATED
    );
    let (conn, _) = adopt(&sql);
    assert_eq!(
        rows(&conn, "SELECT agent_type, mode, status, start_time, event_count FROM telemetry_sessions WHERE id = 'b'"),
        [[text("unknown"), text("unknown"), text("active"), Value::Real(1_750_000_008_000.0), Value::Integer(0)]]
    );
}

#[test]
fn accepted_and_refused_shapes() {
    let refused = [
        ("timestamp REAL NOT NULL", "timestamp INTEGER NOT NULL"),
        (
            "id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, event_type",
            "id INTEGER, session_id TEXT, event_type",
        ),
        ("mode TEXT NOT NULL, prompt TEXT NOT NULL", "mode TEXT NOT NULL, prompt_text TEXT NOT NULL"),
    ];
    for (from, to) in refused {
        let sql = vibekit::BOOTSTRAPPED.split("INSERT INTO").next().expect("schema").replace(from, to);
        assert_ne!(sql, vibekit::BOOTSTRAPPED, "{from}");
        let conn = memory(&sql);
        let before = content(&conn);
        let error = failed(migration::inspect(&conn, &telemetry::migrations().expect("set")));
        assert_eq!(error.code.as_str(), "MIGRATION_CONFLICT", "{to}");
        assert_eq!(content(&conn), before);
    }
    let missing = vibekit::BOOTSTRAPPED.replace("telemetry_sessions", "x").replace("idx_sessions_status", "y");
    let error = failed(migration::inspect(&memory(&missing), &telemetry::migrations().expect("set")));
    assert_eq!((&error.details["object"], &error.details["found"]), (&"telemetry_sessions".into(), &"missing".into()));
}

#[test]
fn an_adoption_that_fails_leaves_the_file_as_it_was() {
    // The name that the rebuild needs is taken, so it fails half-way.
    let mut conn = memory(&format!("{} CREATE TABLE telemetry_buffers__runledger_old (x);", vibekit::MIGRATED));
    let before = content(&conn);
    let error = failed(migration::open(&mut conn, &telemetry::migrations().expect("set")));
    assert_eq!((error.code.as_str(), error.version), ("MIGRATION_FAILED", Some(1)));
    assert_eq!(error.cause.map(|cause| cause.extended), Some(rusqlite::ffi::SQLITE_ERROR));
    assert_eq!(content(&conn), before);
    assert!(conn.is_autocommit() && one::<bool>(&conn, "PRAGMA foreign_keys"));
    assert!(!one::<bool>(&conn, "PRAGMA legacy_alter_table"));
}

// The generic rules, with a small module of its own.

const V1: &str = "CREATE TABLE team (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
      lead INTEGER REFERENCES team(id), size INTEGER CHECK (size > 0), rank INTEGER NOT NULL DEFAULT 1 CHECK (rank < 9));
    CREATE TABLE task (id TEXT PRIMARY KEY NOT NULL, team INTEGER NOT NULL REFERENCES team(id) ON DELETE CASCADE, note BLOB);
    CREATE INDEX task_team ON task(team);
    CREATE TRIGGER team_note AFTER DELETE ON team BEGIN SELECT 1; END;
    CREATE VIEW big_team AS SELECT * FROM team WHERE size > 5;";
const V2: &str = "CREATE TABLE audit (id INTEGER PRIMARY KEY, text TEXT)";

fn app() -> MigrationSet {
    let list = vec![Migration::sql(1, "first", V1, None), Migration::sql(2, "second", V2, None)];
    MigrationSet::new("database", list).expect("set")
}

const OLD: &str = "CREATE TABLE team (name TEXT, id INTEGER PRIMARY KEY, rank INTEGER, size INTEGER, lead INTEGER);
    CREATE TABLE task (id TEXT PRIMARY KEY, team INTEGER, note BLOB);
    CREATE INDEX owner_index ON team(size);
    CREATE TRIGGER owner_trigger AFTER DELETE ON task BEGIN INSERT INTO owner_log VALUES (old.id); END;
    CREATE TABLE owner_log (x);
    INSERT INTO team (id, name, rank, size, lead) VALUES (1, 'a', 1, 5, NULL), (2, 'b', 2, -5, 1), (3, 'a', 3, 5, 1),
      (4, 'c', 10, 5, 1), (5, NULL, 5, 5, 1), (6, 'f', NULL, 5, 77), (8, 'g', 7, -1, 88);
    INSERT INTO task VALUES ('t1', 1, x'00ff'), ('t2', 3, NULL), ('t3', 99, 'x'), ('t4', 6, 1.5);";

#[test]
fn rows_that_the_definition_refuses_go_to_the_quarantine() {
    let mut conn = memory(OLD);
    let opened = migration::open(&mut conn, &app()).expect("adopt");
    assert_eq!((opened.prepared.adopted, opened.prepared.converted), (Some(1), false));
    assert_eq!(outcomes(&opened.items), ["skipped: Already applied", "applied"]);
    let integer = Value::Integer;
    assert_eq!(
        rows(&conn, "SELECT id, name, lead, size, rank FROM team ORDER BY id"),
        [
            [integer(1), text("a"), Value::Null, integer(5), integer(1)],
            [integer(2), text("b"), integer(1), Value::Null, integer(2)],
            [integer(6), text("f"), Value::Null, integer(5), integer(1)],
            [integer(8), text("g"), Value::Null, Value::Null, integer(7)],
        ]
    );
    assert_eq!(rows(&conn, "SELECT id FROM task ORDER BY id"), [[text("t1")], [text("t4")]]);
    assert_eq!(
        rows(
            &conn,
            "SELECT source_table || ' ' || (row ->> 'id') || ' ' || reason FROM migration_quarantine ORDER BY id"
        ),
        [
            "team 2 check",
            "team 3 unique",
            "team 4 check",
            "team 5 not_null",
            "team 8 check",
            "team 6 foreign_key",
            "team 8 foreign_key",
            "task t2 foreign_key",
            "task t3 foreign_key",
        ]
        .map(|line| [text(line)])
    );
    assert_eq!(
        opened.prepared.warnings,
        [
            "database: 2 rows of task moved to migration_quarantine (foreign_key)",
            "database: 1 row of team moved to migration_quarantine (check)",
            "database: 1 row of team moved to migration_quarantine (not_null)",
            "database: 1 row of team moved to migration_quarantine (unique)",
            "database: a refused value was set to NULL in 2 rows of team, originals in migration_quarantine (foreign_key)",
            "database: a refused value was set to NULL in 2 rows of team, originals in migration_quarantine (check)",
        ]
    );
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM owner_log"), 0);
    for name in ["owner_index", "owner_trigger", "task_team", "team_note", "big_team", "audit"] {
        assert!(objects(&conn).contains(&name.to_owned()), "{name}");
    }
    assert!(one::<String>(&conn, "SELECT row FROM migration_quarantine WHERE id = 8").contains("\"note\":null"));
}

#[test]
fn a_blob_in_the_quarantine_is_base64() {
    let mut conn = memory(&OLD.replace("('t3', 99, 'x')", "('t3', 99, x'00ff')"));
    migration::open(&mut conn, &app()).expect("adopt");
    let row: String = one(&conn, "SELECT row FROM migration_quarantine WHERE row ->> 'id' = 't3'");
    assert_eq!(row, r#"{"id":"t3","team":99,"note":{"$blob":"AP8="}}"#);
}

#[test]
fn a_matching_file_is_adopted_as_the_highest_version_it_stands_for() {
    for (sql, version) in [(V1.to_owned(), 1), (format!("{V1} {V2}"), 2), (format!("{V1} {V2}").to_uppercase(), 2)] {
        let mut conn = memory(&sql);
        let opened = migration::open(&mut conn, &app()).expect("adopt");
        assert_eq!(opened.prepared.adopted, Some(version), "{sql}");
        assert_eq!(opened.prepared.warnings, Vec::<String>::new());
        assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM schema_migrations"), 2);
        assert!(!objects(&conn).contains(&"migration_quarantine".to_owned()), "created only then");
    }
}

#[test]
fn texts_in_double_quotes_are_kept_on_a_connection_that_takes_them_for_names() {
    let mut conn = memory(OLD);
    conn.execute_batch(
        "CREATE INDEX quoted_index ON team(name) WHERE name <> \"x\";
         CREATE TABLE quoted (a, b CHECK (b <> \"q\"));
         CREATE VIEW quoted_view AS SELECT id, \"text\" AS t FROM team;",
    )
    .expect("as SQLite's defaults allow");
    for config in [DbConfig::SQLITE_DBCONFIG_DQS_DDL, DbConfig::SQLITE_DBCONFIG_DQS_DML] {
        conn.set_db_config(config, false).expect("as runledger/sqlite opens");
    }
    let opened = migration::open(&mut conn, &app()).expect("adopt");
    assert_eq!(opened.prepared.adopted, Some(1));
    for name in ["quoted_index", "quoted", "quoted_view", "owner_index"] {
        assert!(objects(&conn).contains(&name.to_owned()), "{name}");
    }
    assert!(!conn.db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL).expect("config"), "restored");
    assert!(conn.execute_batch("CREATE INDEX wrong ON team(\"nmae\")").is_err());
}

#[test]
fn some_but_not_all_tables_are_a_conflict() {
    for (sql, object) in [
        ("CREATE TABLE team (name TEXT, id INTEGER PRIMARY KEY, rank INTEGER, size INTEGER, lead INTEGER)", "task"),
        (V2, "audit"),
        ("CREATE TABLE x (y); CREATE INDEX task_team ON x(y)", "task_team"),
        ("CREATE TABLE big_team (y)", "big_team"),
        ("CREATE VIEW team AS SELECT 1", "team"),
        ("CREATE TABLE x (y); CREATE TRIGGER team_note AFTER DELETE ON x BEGIN SELECT 1; END", "team_note"),
    ] {
        let conn = memory(sql);
        let error = failed(migration::inspect(&conn, &app()));
        assert_eq!((error.code.as_str(), &error.details["object"]), ("MIGRATION_CONFLICT", &object.into()), "{sql}");
    }
}

#[test]
fn converted_rows_get_their_checksum_and_their_tables_the_definition() {
    let journal = "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL,
          applied_at DATETIME DEFAULT CURRENT_TIMESTAMP);
        INSERT INTO schema_migrations VALUES (1, 'first', '2025-06-15 15:06:40');";
    let mut conn = memory(&format!("{OLD} {journal}"));
    // Another module opens the file first: the journal is converted, the tables wait for their own.
    let opened = migration::open(&mut conn, &telemetry::migrations().expect("set")).expect("telemetry");
    assert_eq!((opened.prepared.converted, opened.prepared.adopted), (true, None));
    assert_eq!(outcomes(&opened.items), ["applied"]);
    let row = "SELECT name, checksum, applied_at FROM schema_migrations WHERE module = 'database'";
    assert_eq!(rows(&conn, row), [[text("first"), Value::Null, Value::Integer(1_750_000_000_000)]]);
    let opened = migration::open(&mut conn, &app()).expect("database");
    assert_eq!((opened.prepared.converted, opened.prepared.adopted), (false, Some(1)));
    assert_eq!(outcomes(&opened.items), ["skipped: Already applied", "applied"]);
    assert_eq!(
        rows(&conn, &format!("{row} AND version = 1")),
        [[text("first"), text(&app().migrations()[0].checksum()), Value::Integer(1_750_000_000_000)]]
    );
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM team"), 4);
    assert_eq!(migration::open(&mut conn, &app()).expect("again").prepared, migration::Prepared::default());
}

#[test]
fn a_converted_row_without_its_tables_is_a_conflict() {
    let mut conn = memory(
        "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT, applied_at DATETIME);
         INSERT INTO schema_migrations VALUES (1, 'first', '2025-06-15 15:06:40');",
    );
    let before = content(&conn);
    let error = failed(migration::open(&mut conn, &app()));
    assert_eq!((error.code.as_str(), &error.details["object"]), ("MIGRATION_CONFLICT", &"team".into()));
    assert_eq!(content(&conn), before);
}

/// What usage and instances need of the engine: seconds, optional columns, parents made on the spot.
struct OwnRules;

impl ModuleRules for OwnRules {
    fn optional_columns(&self) -> &'static [(&'static str, &'static str)] {
        &[("snapshots", "note")]
    }

    fn value(&self, table: &str, column: &Column) -> Option<String> {
        (table == "snapshots" && column.name == "timestamp")
            .then(|| "CASE WHEN timestamp < 100000000000 THEN timestamp * 1000 ELSE timestamp END".to_owned())
    }

    fn complete(&self, conn: &Connection) -> Result<()> {
        conn.execute_batch("INSERT OR IGNORE INTO owners SELECT DISTINCT owner FROM snapshots")?;
        Ok(())
    }

    fn applied(&self, conn: &Connection, applied: &Applied<'_>) -> Result<()> {
        conn.execute("INSERT INTO owners VALUES (?1)", [format!("{} {}", applied.migration.name, applied.adopted)])?;
        Ok(())
    }
}

#[test]
fn a_module_has_its_own_steps_in_an_adoption() {
    let up = "CREATE TABLE owners (id TEXT PRIMARY KEY NOT NULL);
        CREATE TABLE snapshots (id INTEGER PRIMARY KEY, owner TEXT NOT NULL REFERENCES owners(id), note TEXT,
          timestamp INTEGER NOT NULL);";
    let list = vec![Migration::sql(1, "first", up, None)];
    let set = MigrationSet::new("instances", list).expect("set").with_rules(OwnRules);
    let mut conn = memory(
        "CREATE TABLE owners (id TEXT PRIMARY KEY);
         CREATE TABLE snapshots (id INTEGER PRIMARY KEY, owner TEXT REFERENCES elsewhere(id), timestamp INTEGER);
         PRAGMA foreign_keys = OFF; INSERT INTO snapshots VALUES (1, 'a', 1750000000), (2, 'b', 1750000000001);
         PRAGMA foreign_keys = ON;",
    );
    let opened = migration::open(&mut conn, &set).expect("adopt");
    assert_eq!((opened.prepared.adopted, opened.prepared.warnings.len()), (Some(1), 0));
    assert_eq!(
        rows(&conn, "SELECT owner, note, timestamp FROM snapshots ORDER BY id"),
        [
            [text("a"), Value::Null, Value::Integer(1_750_000_000_000)],
            [text("b"), Value::Null, Value::Integer(1_750_000_000_001)]
        ]
    );
    assert_eq!(rows(&conn, "SELECT id FROM owners ORDER BY id"), [[text("a")], [text("b")], [text("first true")]]);
}
