//! The acceptance examples of migrations.md §11, by number.

mod common;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::{content, failed, file, memory, objects, one, outcomes, reversible, rows, set, vibekit};
use runledger::migration::{
    self, ApplyOptions, ChangeKind, Failure, Migration, MigrationChange, MigrationSet, ObjectKind, Run, Schema,
};
use runledger::telemetry::schema as telemetry;
use rusqlite::types::Value;

const APPROVAL: &str = "blocked: Destructive migration requires explicit approval";

#[test]
fn m01_line_ends_do_not_change_a_checksum() {
    let expected = "sql:7d862b9d7b6880c11d236645cb0091f2fa70c6157b8e83a2a9af420a96135098";
    assert_eq!(Migration::sql(1, "a", "CREATE TABLE a (x);\n", None).checksum(), expected);
    assert_eq!(Migration::sql(1, "a", "CREATE TABLE a (x);\r\n", None).checksum(), expected);
    assert_eq!(
        Migration::external(2, "m2", true).checksum(),
        "js:2823c0bdde932b2935d5c533f9f625b0b764851dbfcbd97ce0d26e2c30a3c981"
    );
}

#[test]
fn m02_eight_processes_migrate_one_new_file_at_once() {
    let dir = tempfile::tempdir().expect("dir");
    run_eight("m02_child_migrates", dir.path());
    let conn = file(&dir.path().join("t.db"), "");
    let versions = rows(&conn, "SELECT module, version FROM schema_migrations ORDER BY 1, 2");
    let row = |module: &str, version| vec![Value::Text(module.to_owned()), Value::Integer(version)];
    assert_eq!(versions, [row("app", 1), row("app", 2), row("app", 3), row("telemetry", 1)]);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM b"), 1);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM telemetry_schema_versions"), 1);
}

#[test]
fn m02_eight_processes_adopt_one_file_at_once() {
    let dir = tempfile::tempdir().expect("dir");
    drop(file(&dir.path().join("t.db"), vibekit::BOOTSTRAPPED));
    run_eight("m02_child_migrates", dir.path());
    let conn = file(&dir.path().join("t.db"), "");
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM schema_migrations WHERE module = 'telemetry'"), 1);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM telemetry_events"), 3);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM telemetry_sessions"), 3);
}

fn run_eight(child: &str, dir: &std::path::Path) {
    let spawn = |_| {
        Command::new(std::env::current_exe().expect("exe"))
            .args(["--exact", child, "--ignored", "--nocapture"])
            .env("RUNLEDGER_TEST_DIR", dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("spawn")
    };
    let children: Vec<_> = (0..8).map(spawn).collect();
    std::fs::write(dir.join("go"), "").expect("go");
    for child in children {
        let output = child.wait_with_output().expect("wait");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
#[ignore = "run by m02, eight times at once"]
fn m02_child_migrates() {
    let dir = std::path::PathBuf::from(std::env::var_os("RUNLEDGER_TEST_DIR").expect("run by m02"));
    while !dir.join("go").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut conn = file(&dir.join("t.db"), "");
    migration::open(&mut conn, &telemetry::migrations().expect("set")).expect("telemetry");
    let app =
        set(&["CREATE TABLE a (x)", "CREATE TABLE b (x); INSERT INTO b VALUES (1)", "ALTER TABLE a ADD COLUMN y"]);
    migration::open(&mut conn, &app).expect("app");
}

const M3: [&str; 3] = ["CREATE TABLE a (x)", "DROP TABLE a", "CREATE TABLE c (x)"];

#[test]
fn m03_an_unapproved_drop_blocks_what_follows() {
    let mut conn = memory("");
    let items = migration::apply(&mut conn, &set(&M3), false).expect("apply");
    assert_eq!(outcomes(&items), ["applied", APPROVAL, "blocked: Waiting for blocked migration 2"]);
    assert_eq!((items[1].executed, items[1].detected, items[2].executed), (true, true, false));
    assert_eq!(objects(&conn), ["a", "idx_schema_migrations_applied_at", "schema_migrations"]);
    assert_eq!(rows(&conn, "SELECT version FROM schema_migrations"), [[Value::Integer(1)]]);
}

#[test]
fn m04_an_approved_drop_is_applied_and_marked_in_the_journal() {
    let mut conn = memory("");
    let items = migration::apply(&mut conn, &set(&M3), true).expect("apply");
    assert_eq!(outcomes(&items), ["applied", "applied", "applied"]);
    assert_eq!(
        rows(&conn, "SELECT destructive FROM schema_migrations ORDER BY version"),
        [[Value::Integer(0)], [Value::Integer(1)], [Value::Integer(0)]]
    );
    let again = migration::apply(&mut conn, &set(&M3), false).expect("again");
    assert_eq!(outcomes(&again), ["skipped: Already applied"; 3]);
    assert!(again[1].destructive);
}

const FAMILY: &str = "CREATE TABLE parent (id INTEGER PRIMARY KEY, x);
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES parent(id) ON DELETE CASCADE);
    INSERT INTO parent VALUES (1, 'x'); INSERT INTO child VALUES (1, 1), (2, 1), (3, 1);";
const REBUILD: &str = "CREATE TABLE parent_new (id INTEGER PRIMARY KEY, x, y);
    INSERT INTO parent_new SELECT id, x, NULL FROM parent;
    DROP TABLE parent;
    ALTER TABLE parent_new RENAME TO parent;";

#[test]
fn m05_a_rebuild_that_would_cascade_is_shown_and_undone() {
    let mut conn = memory(FAMILY);
    assert!(one::<bool>(&conn, "PRAGMA foreign_keys"));
    let before = content(&conn);
    let items = migration::apply(&mut conn, &set(&[REBUILD]), false).expect("apply");
    assert_eq!(outcomes(&items), [APPROVAL]);
    assert!(items[0].changes.contains(&MigrationChange {
        kind: ChangeKind::Rows,
        object: ObjectKind::Table,
        name: "child".to_owned(),
        table: None,
        before: Some(3),
        after: Some(0),
    }));
    assert_eq!(content(&conn), before);
    let json = serde_json::to_value(&items[0].changes).expect("json");
    assert!(json.as_array().is_some_and(|changes| changes.contains(
        &serde_json::json!({ "kind": "rows", "object": "table", "name": "child", "before": 3, "after": 0 })
    )));
}

#[test]
fn m06_a_function_that_throws_leaves_nothing_behind() {
    let list = vec![Migration::sql(1, "m1", "CREATE TABLE a (x)", None), Migration::external(2, "m2", false)];
    let set = MigrationSet::new("app", list).expect("set");
    let mut conn = memory("");
    let mut run = Run::new(&mut conn, &set, ApplyOptions::default()).expect("run");
    let first = run.begin(&mut conn).expect("begin").expect("m1");
    let outcome = migration::run_script(&conn, &first.up);
    run.finish(&mut conn, outcome).expect("m1");
    assert_eq!(run.begin(&mut conn).expect("begin").map(|it| it.version), Some(2));
    conn.execute_batch("CREATE TABLE p (x)").expect("the caller's own connection");
    let error = failed(run.finish(&mut conn, Err(Failure::new("Error", "boom"))));
    assert_eq!((error.code.as_str(), error.version), ("MIGRATION_FAILED", Some(2)));
    assert_eq!(error.message, "Failed to apply migration 2 (m2): Error: boom");
    assert_eq!(run.end(&mut conn).expect("end").len(), 1);
    assert_eq!(objects(&conn), ["a", "idx_schema_migrations_applied_at", "schema_migrations"]);
    assert!(conn.is_autocommit());
    conn.execute_batch("BEGIN; CREATE TABLE q (x); COMMIT").expect("the connection is free again");
}

#[test]
fn m08_a_foreign_journal_is_a_conflict_and_the_file_keeps_its_bytes() {
    let telemetry = telemetry::migrations().expect("set");
    for (sql, object) in [
        ("CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, foo TEXT)", "schema_migrations"),
        ("CREATE TABLE telemetry_events (id, foo)", "telemetry_sessions"),
        ("CREATE TABLE x (y); CREATE INDEX idx_events_timestamp ON x(y)", "idx_events_timestamp"),
        ("CREATE VIEW telemetry_stats AS SELECT 1", "telemetry_sessions"),
    ] {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("t.db");
        drop(file(&path, sql));
        let before = std::fs::read(&path).expect("bytes");
        let mut conn = file(&path, "");
        let error = failed(migration::inspect(&conn, &telemetry));
        assert_eq!(error.code.as_str(), "MIGRATION_CONFLICT", "{sql}");
        assert_eq!(error.details["object"], object, "{sql}");
        assert_eq!(failed(migration::open(&mut conn, &telemetry)).code.as_str(), "MIGRATION_CONFLICT");
        let names: Vec<_> =
            std::fs::read_dir(dir.path()).expect("dir").map(|it| it.expect("entry").file_name()).collect();
        assert_eq!(names, ["t.db"], "no journal appeared while the file was open");
        drop(conn);
        assert_eq!(std::fs::read(&path).expect("bytes"), before, "{sql}");
    }
}

#[test]
fn m10_telemetry_goes_up_down_and_up_again() {
    let set = telemetry::migrations().expect("set");
    let mut conn = memory("");
    migration::open(&mut conn, &set).expect("up");
    let after_up = Schema::read(&conn).expect("schema");
    conn.execute_batch(
        "INSERT INTO telemetry_sessions (id, agent_type, mode, start_time) VALUES ('s', 'a', 'm', 1);
         INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, timestamp) VALUES ('s', 'end', 'a', 'm', 1);
         INSERT INTO telemetry_errors (session_id, event_id, error_type, error_message, timestamp) VALUES ('s', 1, 'E', 'm', 1)",
    )
    .expect("data");
    let done = migration::rollback(&mut conn, &set, 0).expect("down");
    assert_eq!(done.iter().map(|it| it.version).collect::<Vec<_>>(), [1]);
    assert_eq!(objects(&conn), ["idx_schema_migrations_applied_at", "schema_migrations"]);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM schema_migrations"), 0);
    migration::open(&mut conn, &set).expect("up again");
    let mut again = Schema::read(&conn).expect("schema");
    let mut first = after_up;
    for schema in [&mut again, &mut first] {
        schema.tables.sort_by(|a, b| a.name.cmp(&b.name));
        schema.indexes.sort_by(|a, b| a.name.cmp(&b.name));
    }
    assert_eq!(again, first);
    assert!(migration::validate(&conn, &set).expect("validate").ok);
}

#[test]
fn a_dry_run_shows_everything_and_changes_nothing() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("t.db");
    let mut conn = file(&path, "CREATE TABLE a (x); INSERT INTO a VALUES (1);");
    let other = file(&path, "");
    let version: i64 = one(&other, "PRAGMA data_version");
    let before = content(&conn);
    let set =
        set(&["CREATE TABLE b (x)", "-- runledger: destructive\nDELETE FROM b", "DROP TABLE a", "selekt", "SELECT 1"]);
    let items = migration::plan(&mut conn, &set, false).expect("plan");
    assert_eq!(
        outcomes(&items),
        [
            "blocked: Dry run mode",
            APPROVAL,
            "blocked: Waiting for blocked migration 2",
            "blocked: Waiting for blocked migration 2",
            "blocked: Waiting for blocked migration 2",
        ]
    );
    let executed: Vec<_> = items.iter().map(|it| (it.executed, it.detected, it.destructive)).collect();
    let yes = (true, true, true);
    assert_eq!(executed, [(true, false, false), (true, false, true), yes, (true, false, false), (false, false, false)]);
    let items = migration::plan(&mut conn, &set, true).expect("plan");
    assert_eq!(
        outcomes(&items)[3..],
        ["blocked: Would fail: near \"selekt\": syntax error", "blocked: Waiting for blocked migration 4"]
    );
    assert_eq!(content(&conn), before);
    assert_eq!(one::<i64>(&other, "PRAGMA data_version"), version);
    assert!(one::<bool>(&conn, "PRAGMA foreign_keys"));
}

#[test]
fn a_dry_run_stops_where_the_foreign_key_mode_changes() {
    let mut conn = memory("");
    let set = set(&["CREATE TABLE a (x)", "-- runledger: foreign_keys=off\nCREATE TABLE b (x)", "CREATE TABLE c (x)"]);
    let items = migration::plan(&mut conn, &set, false).expect("plan");
    assert_eq!(outcomes(&items), ["blocked: Dry run mode"; 3]);
    assert_eq!(items.iter().map(|it| it.executed).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(objects(&conn), Vec::<String>::new());
}

#[test]
fn a_dry_run_of_a_file_to_adopt_leaves_it_as_it_was() {
    let mut conn = memory(vibekit::MIGRATED);
    let before = content(&conn);
    let items = migration::plan(&mut conn, &telemetry::migrations().expect("set"), false).expect("plan");
    assert_eq!(outcomes(&items), ["skipped: Already applied"]);
    assert_eq!(content(&conn), before);
    assert!(one::<bool>(&conn, "PRAGMA foreign_keys"));
    assert!(!one::<bool>(&conn, "PRAGMA legacy_alter_table"));
}

#[test]
fn statements_that_leave_the_transaction_are_refused() {
    for statement in [
        "COMMIT",
        "ROLLBACK",
        "BEGIN",
        "VACUUM",
        "ATTACH ':memory:' AS other",
        "DETACH main",
        "PRAGMA writable_schema = ON",
        "PRAGMA foreign_keys = OFF",
        "PRAGMA journal_mode = WAL",
        "SAVEPOINT runledger_step",
        "RELEASE runledger_step",
        "CREATE TABLE u (x UNIQUE ON CONFLICT ROLLBACK); INSERT INTO u VALUES (1), (1)",
    ] {
        let mut conn = memory("CREATE TABLE t (x)");
        let before = content(&conn);
        let list = vec![Migration::sql(1, "m1", format!("CREATE TABLE a (x); {statement}; CREATE TABLE b (x)"), None)];
        let set = MigrationSet::new("app", list).expect("set");
        assert_eq!(failed(migration::apply(&mut conn, &set, true)).code.as_str(), "MIGRATION_FAILED", "{statement}");
        assert_eq!(content(&conn), before, "{statement}");
        assert!(conn.is_autocommit() && one::<bool>(&conn, "PRAGMA foreign_keys"), "{statement}");
        let planned = migration::plan(&mut conn, &set, true).expect("plan");
        assert!(outcomes(&planned)[0].starts_with("blocked: Would fail: "), "{statement}");
        assert_eq!(content(&conn), before, "{statement}");
    }
}

#[test]
fn savepoints_are_allowed() {
    let mut conn = memory("");
    let up = "SAVEPOINT a; CREATE TABLE x (y); ROLLBACK TO a; RELEASE a; SAVEPOINT b; CREATE TABLE z (y); RELEASE b";
    assert_eq!(outcomes(&migration::apply(&mut conn, &set(&[up]), false).expect("apply")), ["applied"]);
    assert_eq!(objects(&conn), ["idx_schema_migrations_applied_at", "schema_migrations", "z"]);
}

#[test]
fn a_function_that_goes_on_after_a_rollback_writes_nothing() {
    let mut conn = memory("CREATE TABLE u (x UNIQUE); INSERT INTO u VALUES (1)");
    let before = content(&conn);
    let set = MigrationSet::new("app", vec![Migration::external(1, "m1", false)]).expect("set");
    let mut run = Run::new(&mut conn, &set, ApplyOptions::default()).expect("run");
    run.begin(&mut conn).expect("begin");
    conn.execute_batch("INSERT OR ROLLBACK INTO u VALUES (1)").expect_err("swallowed by the function");
    conn.execute_batch("CREATE TABLE escaped (x)").expect_err("a commit of its own");
    let error = failed(run.finish(&mut conn, Ok(())));
    assert_eq!(error.code.as_str(), "MIGRATION_FAILED");
    run.end(&mut conn).expect("end");
    assert_eq!(content(&conn), before);
}

#[test]
fn foreign_keys_off_lets_a_parent_be_rebuilt_and_is_restored() {
    let mut conn = memory(FAMILY);
    let up = format!("-- runledger: foreign_keys=off\n{REBUILD}");
    let set = MigrationSet::new("app", vec![Migration::sql(1, "m1", up, None)]).expect("set");
    assert_eq!(outcomes(&migration::apply(&mut conn, &set, true).expect("apply")), ["applied"]);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM child"), 3);
    assert!(one::<bool>(&conn, "PRAGMA foreign_keys"));
}

#[test]
fn a_migration_that_leaves_rows_without_their_parent_is_undone() {
    for off in [true, false] {
        let mut conn = memory(FAMILY);
        conn.pragma_update(None, "foreign_keys", off).expect("pragma");
        let before = content(&conn);
        let up = "-- runledger: foreign_keys=off\nDELETE FROM parent";
        let error = failed(migration::apply(&mut conn, &set(&[up]), true));
        assert_eq!(error.code.as_str(), "MIGRATION_FOREIGN_KEY");
        assert_eq!((&error.details["table"], &error.details["parent"]), (&"child".into(), &"parent".into()));
        assert_eq!(error.details["rowid"], 1);
        assert_eq!(content(&conn), before);
        assert_eq!(one::<bool>(&conn, "PRAGMA foreign_keys"), off, "restored");
    }
}

#[test]
fn violations_that_were_there_before_are_no_reason() {
    let mut conn = memory(
        "PRAGMA foreign_keys = OFF; CREATE TABLE c (x REFERENCES nowhere(id), y REFERENCES p(z));
        CREATE TABLE p (z); INSERT INTO c VALUES (1, 2);",
    );
    assert_eq!(
        outcomes(&migration::apply(&mut conn, &set(&["CREATE TABLE a (x)"]), false).expect("apply")),
        ["applied"]
    );
}

#[test]
fn a_violation_that_looks_like_one_that_was_there_before_is_a_reason() {
    for family in [
        "CREATE TABLE c (k PRIMARY KEY, x REFERENCES p(id)) WITHOUT ROWID; INSERT INTO c VALUES (1, 9), (2, 1);",
        "CREATE TABLE c (x REFERENCES p(id), y REFERENCES p(id)); INSERT INTO c VALUES (9, 1);",
    ] {
        let parent = "PRAGMA foreign_keys = OFF; CREATE TABLE p (id INTEGER PRIMARY KEY); INSERT INTO p VALUES (1);";
        let mut conn = memory(&format!("{parent}{family}"));
        let error = failed(migration::apply(&mut conn, &set(&["DELETE FROM p"]), true));
        assert_eq!(error.code.as_str(), "MIGRATION_FOREIGN_KEY", "{family}");
    }
}

#[test]
fn a_failing_migration_keeps_the_ones_before_it() {
    let mut conn = memory("");
    let error = failed(migration::apply(&mut conn, &set(&["CREATE TABLE a (x)", "CREATE TABLE b (x); selekt"]), false));
    assert_eq!(error.message, "Failed to apply migration 2 (m2): SqliteError: near \"selekt\": syntax error");
    assert_eq!(error.cause.map(|cause| cause.extended), Some(1));
    assert_eq!(objects(&conn), ["a", "idx_schema_migrations_applied_at", "schema_migrations"]);
}

#[test]
fn rollback_goes_from_the_top_down_and_keeps_what_a_failing_step_leaves() {
    let set = reversible(&[
        ("CREATE TABLE a (x)", "DROP TABLE a"),
        ("CREATE TABLE b (x)", "DROP TABLE b; selekt"),
        ("CREATE TABLE c (x)", "DROP TABLE c"),
    ]);
    let mut conn = memory("");
    migration::apply(&mut conn, &set, false).expect("apply");
    let error = failed(migration::rollback(&mut conn, &set, 0));
    assert_eq!(error.message, "Failed to roll back migration 2 (m2): SqliteError: near \"selekt\": syntax error");
    assert_eq!(objects(&conn), ["a", "b", "idx_schema_migrations_applied_at", "schema_migrations"]);
    assert_eq!(one::<i64>(&conn, "SELECT max(version) FROM schema_migrations"), 2);
}

#[test]
fn status_looks_without_touching() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("t.db");
    let conn = file(&path, "");
    let status = migration::status(&conn, &set(&M3)).expect("status");
    assert_eq!((status.current, status.latest, status.pending.len()), (0, 3, 3));
    assert_eq!(std::fs::metadata(&path).expect("file").len(), 0);
}

#[test]
fn validation_finds_what_is_missing_dangling_or_changed() {
    let app = set(&["CREATE TABLE a (x, y); CREATE INDEX a_x ON a(x); CREATE VIEW v AS SELECT 1;
        CREATE TABLE c (x REFERENCES p(id)); CREATE TABLE p (id INTEGER PRIMARY KEY)"]);
    let mut conn = memory("");
    migration::apply(&mut conn, &app, false).expect("apply");
    assert_eq!(migration::validate(&conn, &app).expect("validate").problems, []);
    conn.execute_batch(
        "PRAGMA foreign_keys = OFF; DROP INDEX a_x; DROP VIEW v; ALTER TABLE a DROP COLUMN y; INSERT INTO c VALUES (5)",
    )
    .expect("damage");
    let report = serde_json::to_value(migration::validate(&conn, &app).expect("validate")).expect("json");
    assert_eq!(
        report,
        serde_json::json!({ "ok": false, "problems": [
            { "kind": "missing", "object": "a.y", "message": "column a.y is missing" },
            { "kind": "missing", "object": "a_x", "message": "index a_x is missing" },
            { "kind": "missing", "object": "v", "message": "view v is missing" },
            { "kind": "foreign_key", "object": "c", "message": "row 1 of c refers to a missing row of p" },
        ] })
    );
    let report = migration::validate(&conn, &set(&["SELECT 1"])).expect("validate");
    assert_eq!(report.problems[0].object, "app 1");
}

#[test]
fn a_plan_item_has_the_keys_of_the_contract() {
    let mut conn = memory("");
    let items = migration::plan(&mut conn, &set(&["CREATE TABLE a (x)"]), false).expect("plan");
    let mut json = serde_json::to_value(&items[0]).expect("json");
    json["executionMs"] = 0.into();
    assert_eq!(
        json,
        serde_json::json!({ "version": 1, "name": "m1", "destructive": false, "detected": false, "executed": true,
            "status": "blocked", "reason": "Dry run mode",
            "changes": [{ "kind": "create", "object": "table", "name": "a" }], "executionMs": 0 })
    );
}

#[test]
fn looking_at_a_set_does_not_reach_beyond_the_file() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("escaped.db");
    let script = format!("CREATE TABLE a (x); ATTACH '{0}' AS e; VACUUM INTO '{0}'", path.display());
    let set = MigrationSet::new("app", vec![Migration::sql(1, "m1", script, None)]).expect("set");
    migration::inspect(&memory(""), &set).expect("inspect");
    assert!(!path.exists());
}

#[test]
fn an_unfinished_run_is_undone_at_its_end() {
    for dry_run in [false, true] {
        let mut conn = memory("CREATE TABLE t (x)");
        let before = content(&conn);
        let set = MigrationSet::new("app", vec![Migration::external(1, "m1", false)]).expect("set");
        let options = ApplyOptions { dry_run, allow_destructive: true };
        let mut run = Run::new(&mut conn, &set, options).expect("run");
        run.begin(&mut conn).expect("begin");
        conn.execute_batch("DROP TABLE t").expect("half of it");
        assert_eq!(run.end(&mut conn).expect("end"), []);
        assert_eq!(content(&conn), before);
        assert!(conn.is_autocommit());
        conn.execute_batch("CREATE TABLE u (x)").expect("the connection is free again");
    }
}
