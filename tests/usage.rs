//! The usage set in real files: usage.md §3, U8 to U10, migrations.md M10.

mod common;

use common::{content, failed, memory, objects, one, outcomes, rows, vibekit};
use runledger::migration::{self, MigrationCode, Opened};
use runledger::packed::Input;
use runledger::telemetry::schema as telemetry;
use runledger::usage::{Method, MissingSession, schema as usage};
use rusqlite::Connection;
use rusqlite::types::Value;

/// The tables of the usage-tracking server; `key` is the foreign key of its snapshots.
fn older_tables(key: &str) -> String {
    format!(
        "CREATE TABLE usage_config (id INTEGER PRIMARY KEY AUTOINCREMENT, plan TEXT NOT NULL DEFAULT 'custom' CHECK (plan IN
           ('pro', 'max5', 'max20', 'custom')), custom_limit_tokens INTEGER, view TEXT NOT NULL DEFAULT 'realtime',
           timezone TEXT NOT NULL DEFAULT 'auto', time_format TEXT NOT NULL DEFAULT 'auto', theme TEXT NOT NULL DEFAULT
           'auto', refresh_rate INTEGER NOT NULL DEFAULT 10, refresh_per_second REAL NOT NULL DEFAULT 0.75, reset_hour
           INTEGER, created_at INTEGER NOT NULL DEFAULT (unixepoch()), updated_at INTEGER NOT NULL DEFAULT (unixepoch()),
           is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)));
         CREATE UNIQUE INDEX idx_usage_config_active ON usage_config(is_active) WHERE is_active = 1;
         CREATE TABLE usage_snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, snapshot_data TEXT NOT
           NULL, snapshot_type TEXT NOT NULL DEFAULT 'stats', timestamp INTEGER NOT NULL DEFAULT (unixepoch()){key});
         CREATE INDEX idx_usage_snapshots_session_id ON usage_snapshots(session_id);
         CREATE INDEX idx_usage_snapshots_timestamp ON usage_snapshots(timestamp);
         CREATE INDEX idx_usage_snapshots_type ON usage_snapshots(snapshot_type);
         CREATE INDEX my_own ON usage_snapshots(snapshot_data);
         CREATE TABLE events (id INTEGER PRIMARY KEY, session_id TEXT NOT NULL);
         CREATE INDEX idx_session_id ON events(session_id);
         CREATE TABLE themes (id TEXT PRIMARY KEY);
         INSERT INTO events VALUES (1, 'a');
         INSERT INTO usage_config (plan, refresh_rate, created_at, updated_at) VALUES ('pro', 30, 1700000000, 1700000001);
         PRAGMA foreign_keys = OFF;
         INSERT INTO usage_snapshots (id, session_id, snapshot_data, timestamp) VALUES (3, 'a', '{{}}', 1700000000),
           (5, 'a', 'second', 1700000002), (6, 'b', 'third', 1700000000123);
         PRAGMA foreign_keys = ON;"
    )
}

const JOURNAL: &str =
    "CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL);
     CREATE INDEX idx_schema_migrations_applied_at ON schema_migrations(applied_at);
     INSERT INTO schema_migrations VALUES (1, 'add_usage_tracking_tables', 1700000000123);";

const KEYS: [&str; 2] = ["", ", FOREIGN KEY (session_id) REFERENCES events(session_id) ON DELETE CASCADE"];

fn open(conn: &mut Connection) -> [Opened; 2] {
    [telemetry::migrations(), usage::migrations()].map(|set| migration::open(conn, &set.expect("set")).expect("open"))
}

fn check_sound(conn: &Connection) {
    for set in [telemetry::migrations(), usage::migrations()] {
        assert_eq!(migration::validate(conn, &set.expect("set")).expect("validate").problems, []);
    }
    assert!(one::<bool>(conn, "PRAGMA foreign_keys"), "enforcement is restored");
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

#[test]
fn u10_files_of_the_older_format_are_adopted_with_every_snapshot() {
    for key in KEYS {
        for journal in [JOURNAL, ""] {
            let mut conn = memory(&(older_tables(key) + journal));
            let [first, second] = open(&mut conn);
            assert_eq!((first.prepared.converted, second.prepared.adopted), (!journal.is_empty(), Some(1)));
            assert_eq!(outcomes(&second.items), ["skipped: Already applied"]);
            assert_eq!((first.prepared.warnings, second.prepared.warnings), (Vec::new(), Vec::new()));
            check_sound(&conn);
            let snapshot = |id, session, data, time| {
                vec![Value::Integer(id), text(session), text(data), text("stats"), Value::Integer(time)]
            };
            assert_eq!(
                rows(&conn, "SELECT * FROM usage_snapshots ORDER BY id"),
                [
                    snapshot(3, "a", "{}", 1_700_000_000_000),
                    snapshot(5, "a", "second", 1_700_000_002_000),
                    snapshot(6, "b", "third", 1_700_000_000_123)
                ]
            );
            let session = |id, start, end| {
                let words = ["unknown", "unknown", "completed"].map(text);
                [vec![text(id)], words.into(), vec![Value::Real(start), Value::Real(end)]].concat()
            };
            assert_eq!(
                rows(
                    &conn,
                    "SELECT id, agent_type, mode, status, start_time, end_time FROM telemetry_sessions ORDER BY id"
                ),
                [
                    session("a", 1_700_000_000_000.0, 1_700_000_002_000.0),
                    session("b", 1_700_000_000_123.0, 1_700_000_000_123.0)
                ]
            );
            assert_eq!(
                rows(&conn, "SELECT plan, refresh_rate, created_at, updated_at FROM usage_config")[0],
                [text("pro"), Value::Integer(30), Value::Integer(1_700_000_000_000), Value::Integer(1_700_000_001_000)]
            );
            // What is the owner's stays.
            assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM events"), 1);
            let names = objects(&conn);
            assert!(["themes", "idx_session_id", "my_own"].iter().all(|name| names.iter().any(|it| it == name)));
            // An id that was given is not given again, and the defaults are milliseconds now.
            conn.execute("INSERT INTO usage_snapshots (session_id, snapshot_data) VALUES ('a', '')", [])
                .expect("insert");
            assert_eq!(one::<i64>(&conn, "SELECT max(id) FROM usage_snapshots"), 7);
            assert!(one::<i64>(&conn, "SELECT max(timestamp) FROM usage_snapshots") > 1_750_000_000_000);
        }
    }
}

#[test]
fn an_adopted_file_has_the_objects_of_a_new_one() {
    let mut conn = memory(&(older_tables(KEYS[1]) + JOURNAL));
    open(&mut conn);
    let mut fresh = memory("");
    open(&mut fresh);
    let sql = "SELECT name, sql FROM sqlite_schema WHERE name LIKE '%usage%' AND name NOT LIKE 'sqlite%' ORDER BY name";
    assert_eq!(rows(&conn, sql), rows(&fresh, sql));
}

#[test]
fn what_the_definition_refuses_is_kept_in_the_quarantine() {
    let mut conn = memory(&older_tables(""));
    conn.execute_batch(
        "INSERT INTO usage_snapshots (id, session_id, snapshot_data, snapshot_type, timestamp) VALUES
           (8, 'c', 'd', 'strange', 1700000000), (9, x'00ff', 'd', 'stats', 1700000000);
         INSERT INTO usage_config (plan, reset_hour, is_active) VALUES ('max5', 99, 0)",
    )
    .expect("rows");
    let [_, opened] = open(&mut conn);
    check_sound(&conn);
    assert_eq!(opened.prepared.warnings.len(), 3, "{:?}", opened.prepared.warnings);
    assert_eq!(
        rows(&conn, "SELECT source_table, reason, json_extract(row, '$.id') FROM migration_quarantine ORDER BY 1, 3"),
        [
            vec![text("usage_config"), text("check"), Value::Integer(2)],
            vec![text("usage_snapshots"), text("check"), Value::Integer(8)],
            vec![text("usage_snapshots"), text("foreign_key"), Value::Integer(9)]
        ]
    );
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM usage_snapshots"), 3);
    assert_eq!(rows(&conn, "SELECT plan, reset_hour FROM usage_config WHERE id = 2")[0], [text("max5"), Value::Null]);
}

#[test]
fn times_below_100_000_000_000_are_seconds_and_no_others() {
    let mut conn = memory(&older_tables(""));
    conn.execute_batch(
        "DELETE FROM usage_snapshots; DELETE FROM usage_config;
         INSERT INTO usage_config (created_at, updated_at) VALUES (99999999999, 100000000000);
         INSERT INTO usage_snapshots (session_id, snapshot_data, timestamp) VALUES ('a', '', 99999999999),
           ('a', '', 100000000000), ('b', '', 1700000000.75), ('b', '', 0), ('b', '', -5), ('c', '', 'text')",
    )
    .expect("rows");
    open(&mut conn);
    check_sound(&conn);
    let ms = Value::Integer;
    assert_eq!(
        rows(&conn, "SELECT timestamp FROM usage_snapshots ORDER BY id").concat(),
        [ms(99_999_999_999_000), ms(100_000_000_000), ms(1_700_000_000_750), ms(0), ms(-5000), text("text")]
    );
    assert_eq!(
        rows(&conn, "SELECT created_at, updated_at FROM usage_config").concat(),
        [ms(99_999_999_999_000), ms(100_000_000_000)]
    );
    let real = Value::Real;
    assert_eq!(
        rows(&conn, "SELECT start_time, end_time FROM telemetry_sessions ORDER BY id"),
        [
            [real(100_000_000_000.0), real(99_999_999_999_000.0)],
            [real(-5000.0), real(1_700_000_000_750.0)],
            [real(0.0), real(0.0)]
        ]
    );
}

#[test]
fn of_two_active_rows_the_first_stays_and_nulls_become_defaults() {
    let mut conn = memory(&older_tables("").replace("NOT NULL DEFAULT", "DEFAULT"));
    conn.execute_batch(
        "DROP INDEX idx_usage_config_active;
         INSERT INTO usage_config (id, plan, is_active) VALUES (7, 'max5', 1), (8, NULL, 0);
         UPDATE usage_config SET view = NULL, theme = NULL, refresh_rate = NULL, updated_at = NULL WHERE id = 8;
         INSERT INTO usage_snapshots (id, session_id, snapshot_data, snapshot_type) VALUES (9, 'a', '', NULL)",
    )
    .expect("rows");
    open(&mut conn);
    check_sound(&conn);
    assert_eq!(
        rows(&conn, "SELECT id, plan, view, theme, refresh_rate, is_active FROM usage_config ORDER BY id"),
        [
            vec![Value::Integer(1), text("pro"), text("realtime"), text("auto"), Value::Integer(30), Value::Integer(1)],
            vec![
                Value::Integer(8),
                text("custom"),
                text("realtime"),
                text("auto"),
                Value::Integer(10),
                Value::Integer(0)
            ]
        ]
    );
    assert!(one::<i64>(&conn, "SELECT updated_at FROM usage_config WHERE id = 8") > 1_750_000_000_000);
    assert_eq!(one::<String>(&conn, "SELECT snapshot_type FROM usage_snapshots WHERE id = 9"), "stats");
    assert_eq!(
        rows(&conn, "SELECT reason, json_extract(row, '$.id'), json_extract(row, '$.plan') FROM migration_quarantine"),
        [vec![text("unique"), Value::Integer(7), text("max5")]]
    );
}

#[test]
fn sessions_and_their_events_that_were_there_stay_as_they_are() {
    let mut conn = memory(&older_tables(""));
    migration::open(&mut conn, &telemetry::migrations().expect("set")).expect("telemetry");
    conn.execute_batch(
        "PRAGMA foreign_keys = OFF;
         INSERT INTO telemetry_sessions (id, agent_type, mode, start_time) VALUES ('a', 'claude', 'code', 5);
         INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, timestamp) VALUES ('b', 'error', 'x', 'y', 9);
         PRAGMA foreign_keys = ON",
    )
    .expect("rows");
    open(&mut conn);
    check_sound(&conn);
    assert_eq!(
        rows(&conn, "SELECT id, agent_type, status, event_count, error_count FROM telemetry_sessions ORDER BY id"),
        [
            vec![text("a"), text("claude"), text("active"), Value::Integer(0), Value::Integer(0)],
            vec![text("b"), text("unknown"), text("completed"), Value::Integer(1), Value::Integer(1)]
        ]
    );
}

#[test]
fn a_table_of_another_shape_is_a_conflict_and_nothing_changes() {
    for taken in [
        "CREATE TABLE usage_config (id INTEGER PRIMARY KEY)",
        "CREATE TABLE usage_snapshots (id INTEGER PRIMARY KEY, session_id TEXT)",
        "CREATE VIEW usage_config AS SELECT 1",
        "CREATE TABLE mine (x); CREATE INDEX idx_usage_config_active ON mine(x)",
    ] {
        let mut conn = memory(taken);
        migration::open(&mut conn, &telemetry::migrations().expect("set")).expect("telemetry");
        let before = content(&conn);
        let error = failed(migration::open(&mut conn, &usage::migrations().expect("set")));
        assert_eq!(error.code, MigrationCode::Conflict, "{taken}");
        assert_eq!(content(&conn), before, "{taken}");
    }
}

#[test]
fn usage_needs_telemetry_and_keeps_it() {
    let mut conn = memory("");
    let (first, second) = (telemetry::migrations().expect("set"), usage::migrations().expect("set"));
    let error = failed(migration::open(&mut conn, &second));
    assert_eq!((error.code, objects(&conn).len()), (MigrationCode::Dependency, 0));
    open(&mut conn);
    let before = content(&conn);
    let error = failed(migration::rollback(&mut conn, &first, 0));
    assert_eq!(error.code, MigrationCode::Dependency);
    assert_eq!(content(&conn), before);
    migration::rollback(&mut conn, &second, 0).expect("usage first");
    migration::rollback(&mut conn, &first, 0).expect("then telemetry");
    assert_eq!(objects(&conn), ["idx_schema_migrations_applied_at", "schema_migrations"]);
}

#[test]
fn m10_usage_goes_up_down_and_up_again() {
    let mut conn = memory("");
    let set = usage::migrations().expect("set");
    migration::open(&mut conn, &telemetry::migrations().expect("set")).expect("telemetry");
    let without = objects(&conn);
    migration::open(&mut conn, &set).expect("up");
    let schema = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";
    let up = rows(&conn, schema);
    migration::rollback(&mut conn, &set, 0).expect("down");
    assert_eq!(objects(&conn), without);
    migration::open(&mut conn, &set).expect("up again");
    assert_eq!(rows(&conn, schema), up);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM usage_config"), 1);
}

#[test]
fn u08_snapshots_follow_their_session() {
    let mut conn = memory("");
    open(&mut conn);
    conn.execute_batch(
        "INSERT INTO telemetry_sessions (id, agent_type, mode, start_time) VALUES ('s1', 'a', 'm', 1), ('s2', 'a', 'm', 1);
         INSERT INTO usage_snapshots (session_id, snapshot_data) VALUES ('s1', ''), ('s2', '');
         UPDATE telemetry_sessions SET id = 's3' WHERE id = 's2'; DELETE FROM telemetry_sessions WHERE id = 's1'",
    )
    .expect("rows");
    assert_eq!(rows(&conn, "SELECT session_id FROM usage_snapshots"), [[text("s3")]]);
    check_sound(&conn);
}

#[test]
fn a_made_session_obeys_the_rules_of_the_file_and_stands_in_its_audit_trail() {
    let mut conn = memory("");
    open(&mut conn);
    let insert = |conn: &Connection, session: &str| {
        let text = |text: &str| Input::Text(text.to_owned());
        let snapshot = vec![("session_id".to_owned(), text(session)), ("snapshot_data".to_owned(), text("{}"))];
        Method::InsertSnapshot(MissingSession::Create).run(conn, &[Input::Map(snapshot)])
    };
    insert(&conn, "ghost").expect("made");
    let audit =
        rows(&conn, "SELECT table_name, record_id, operation, new_values ->> 'agentType' FROM telemetry_audit_log");
    assert_eq!(audit, [["telemetry_sessions", "ghost", "INSERT", "unknown"].map(text)]);
    conn.execute_batch(
        "INSERT INTO telemetry_validation_rules (table_name, field_name, rule_type, rule_config, error_message)
         VALUES ('telemetry_sessions', 'agentType', 'enum', '{\"values\":[\"claude\"]}', 'Unknown agent')",
    )
    .expect("rule");
    let before = content(&conn);
    assert_eq!(insert(&conn, "other").expect_err("refused").to_string(), "Unknown agent");
    assert!(conn.is_autocommit());
    assert_eq!(content(&conn), before);
}

#[test]
fn a_file_of_the_package_before_telemetry_is_adopted_on_the_way() {
    let mut conn = memory(vibekit::BOOTSTRAPPED);
    let [first, second] = open(&mut conn);
    assert_eq!((first.prepared.adopted, second.prepared.adopted), (Some(1), None));
    check_sound(&conn);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM telemetry_events"), 3);
    conn.execute("INSERT INTO usage_snapshots (session_id, snapshot_data) VALUES ('ghost', '')", []).expect("snapshot");
}

#[test]
fn functions_of_an_application_behind_the_set_are_accepted_and_sql_is_ahead() {
    let mut conn = memory("");
    open(&mut conn);
    let set = usage::migrations().expect("set");
    let record = |checksum: &str| {
        let sql = "INSERT OR REPLACE INTO schema_migrations (module, version, name, checksum, applied_at)
                   VALUES ('usage', 2, 'mine', ?1, 5)";
        conn.execute(sql, [checksum]).expect("record");
    };
    record("js:00");
    assert!(migration::inspect(&conn, &set).is_ok());
    assert!(migration::validate(&conn, &set).expect("validate").ok);
    for target in [0, 1] {
        let error = failed(migration::rollback(&mut conn, &set, target));
        assert_eq!((error.code, error.version), (MigrationCode::NoDown, Some(2)));
    }
    assert_eq!(outcomes(&migration::open(&mut conn, &set).expect("open").items), ["skipped: Already applied"]);
    let record = |conn: &Connection, checksum: Option<&str>| {
        conn.execute("UPDATE schema_migrations SET checksum = ?1 WHERE version = 2", [checksum]).expect("record");
    };
    for checksum in [Some("sql:00"), Some("other"), None] {
        record(&conn, checksum);
        assert_eq!(failed(migration::inspect(&conn, &set)).code, MigrationCode::Ahead);
    }
    // Telemetry has no such functions.
    conn.execute("UPDATE schema_migrations SET module = 'telemetry', checksum = 'js:00' WHERE version = 2", [])
        .expect("move");
    assert_eq!(failed(migration::inspect(&conn, &telemetry::migrations().expect("set"))).code, MigrationCode::Ahead);
}
