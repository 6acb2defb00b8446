//! The text of every error of the engine, as a user reads it. A change here is a change of the product.

mod common;

use common::{failed, file, memory, reversible, set, vibekit};
use runledger::error::Result;
use runledger::migration::{self, ApplyOptions, Failure, Migration, MigrationError, MigrationSet, Rollback, Run};
use runledger::packed::Input;
use runledger::telemetry::schema as telemetry;
use rusqlite::{Connection, OpenFlags};

/// `CODE version | message | details`.
fn line<T>(result: Result<T>) -> String {
    let error = failed(result);
    let version = error.version.map_or(String::new(), |version| format!(" {version}"));
    let details =
        if error.details.is_empty() { String::new() } else { format!(" | {}", serde_json::Value::from(error.details)) };
    format!("{}{version} | {}{details}", error.code.as_str(), error.message)
}

fn telemetry_set() -> MigrationSet {
    telemetry::migrations().expect("set")
}

fn app_applied(set: &MigrationSet) -> Connection {
    let mut conn = memory("");
    migration::apply(&mut conn, set, true).expect("apply");
    conn
}

#[test]
fn conflict() {
    let inspect = |sql: &str| line(migration::inspect(&memory(sql), &telemetry_set()));
    assert_eq!(
        inspect("CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, foo TEXT)"),
        "MIGRATION_CONFLICT | telemetry cannot use this file: schema_migrations is a table (version, foo), expected the \
         journal (module, version, name, checksum, destructive, applied_at, execution_ms). Nothing was changed. | \
         {\"object\":\"schema_migrations\",\"expected\":\"the journal (module, version, name, checksum, destructive, \
         applied_at, execution_ms)\",\"found\":\"a table (version, foo)\"}"
    );
    assert_eq!(
        inspect("CREATE TABLE x (y); CREATE INDEX idx_buffers_status ON x(y)"),
        "MIGRATION_CONFLICT | telemetry cannot use this file: idx_buffers_status is an index on x, expected an index on \
         telemetry_buffers. Nothing was changed. | {\"object\":\"idx_buffers_status\",\"expected\":\"an index on \
         telemetry_buffers\",\"found\":\"an index on x\"}"
    );
    let text = inspect(&vibekit::BOOTSTRAPPED.replace("stream_data TEXT", "stream TEXT"));
    assert_eq!(
        text.split(" | ").nth(1),
        Some(
            "telemetry cannot use this file: telemetry_events is a table (id, session_id, event_type, agent_type, mode, \
             prompt, timestamp, stream, sandbox_id, repo_url, metadata, created_at, version, schema_version) without \
             stream_data, expected a table with at least the columns (id, session_id, event_type, agent_type, mode, \
             prompt, stream_data, sandbox_id, repo_url, metadata, timestamp, created_at, version, schema_version). \
             Nothing was changed."
        )
    );
    let app = set(&["CREATE TABLE a (x INTEGER)", "CREATE TABLE b (x)"]);
    let inspect = |sql: &str| line(migration::inspect(&memory(sql), &app));
    let message = |text: String| text.split(" | ").nth(1).map(str::to_owned).unwrap_or_default();
    assert_eq!(
        message(inspect("CREATE TABLE a (x TEXT)")),
        "app cannot use this file: a is a table (x) with x of TEXT, not INTEGER, expected a table (x). Nothing was \
         changed."
    );
    assert_eq!(
        message(inspect("CREATE TABLE a (x INTEGER, z)")),
        "app cannot use this file: a is a table (x, z) with the further column z, expected a table (x). Nothing was \
         changed."
    );
    assert_eq!(
        message(inspect("CREATE TABLE b (x)")),
        "app cannot use this file: b is a table (x), expected nothing of that name. Nothing was changed."
    );
    let conn = app_applied(&set(&["CREATE TABLE a (x INTEGER)"]));
    conn.execute_batch("CREATE VIEW b AS SELECT 1").expect("view");
    assert_eq!(
        message(line(migration::inspect(&conn, &app))),
        "app cannot use this file: b is a view, expected nothing of that name before a pending migration. Nothing was changed."
    );
}

#[test]
fn diverged_ahead_and_gap() {
    let conn = app_applied(&set(&["CREATE TABLE a (x)", "CREATE TABLE b (x)"]));
    let renamed = MigrationSet::new("app", vec![Migration::sql(1, "one", "CREATE TABLE a (x)", None)]).expect("set");
    assert_eq!(
        line(migration::inspect(&conn, &renamed)),
        "MIGRATION_DIVERGED 1 | app migration 1 is recorded as m1, expected one. A migration that has been applied must \
         not change; add a new one. | {\"version\":1,\"expected\":\"one\",\"found\":\"m1\"}"
    );
    let changed = set(&["CREATE TABLE a (x)", "CREATE TABLE b (y)"]);
    let error = failed(migration::inspect(&conn, &changed));
    assert_eq!((error.code.as_str(), error.version), ("MIGRATION_DIVERGED", Some(2)));
    assert_eq!(error.details["expected"], changed.migrations()[1].checksum());
    // A function and SQL of the same name are not compared.
    let list = vec![Migration::external(1, "m1", false), Migration::external(2, "m2", false)];
    assert!(migration::inspect(&conn, &MigrationSet::new("app", list).expect("set")).is_ok());
    assert_eq!(
        line(migration::inspect(&conn, &set(&["CREATE TABLE a (x)"]))),
        "MIGRATION_AHEAD 2 | The file has been migrated with more than these migrations: app is at version 2, they end at 1 | \
         {\"version\":2,\"latest\":1}"
    );
    conn.execute_batch("DELETE FROM schema_migrations WHERE version = 1").expect("damage");
    assert_eq!(
        line(migration::inspect(&conn, &changed)),
        "MIGRATION_GAP 1 | The journal of app must hold versions 1 to 1. Found gap at version 1"
    );
    assert_eq!(
        line(MigrationSet::new("app", vec![Migration::external(1, "a", false), Migration::external(3, "c", false)])),
        "MIGRATION_GAP 2 | Migration versions must be sequential starting from 1. Found gap at version 2"
    );
}

#[test]
fn failed_async_foreign_key_and_blocked() {
    let apply = |sql: &'static str| line(migration::apply(&mut memory(""), &set(&[sql]), false));
    assert_eq!(
        apply("selekt"),
        "MIGRATION_FAILED 1 | Failed to apply migration 1 (m1): SqliteError: near \"selekt\": syntax error"
    );
    assert_eq!(apply("COMMIT"), "MIGRATION_FAILED 1 | Failed to apply migration 1 (m1): SqliteError: not authorized");
    assert_eq!(
        apply("CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (x REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED);
            INSERT INTO c VALUES (5)"),
        "MIGRATION_FOREIGN_KEY 1 | Failed to apply migration 1 (m1): Error: Rows of c refer to missing rows of p | \
         {\"table\":\"c\",\"rowid\":1,\"parent\":\"p\"}"
    );
    let external = MigrationSet::new("app", vec![Migration::external(1, "m1", true)]).expect("set");
    assert_eq!(
        line(migration::apply(&mut memory(""), &external, false)),
        "MIGRATION_FAILED 1 | Failed to apply migration 1 (m1): Error: The migration is a function; its caller has to \
         run it"
    );
    let mut conn = memory("");
    let finish = |conn: &mut Connection, outcome| {
        let mut run = Run::new(conn, &external, ApplyOptions::default())?;
        run.begin(conn)?;
        let finished = run.finish(conn, outcome);
        run.end(conn)?;
        finished
    };
    assert_eq!(
        line(finish(&mut conn, Err(Failure::promise()))),
        "MIGRATION_ASYNC 1 | Failed to apply migration 1 (m1): Error: A migration must be synchronous, but a promise was \
         returned"
    );
    conn.execute_batch("CREATE TABLE t (x)").expect("table");
    assert_eq!(
        line::<()>({
            let mut run = Run::new(&mut conn, &external, ApplyOptions::default()).expect("run");
            run.begin(&mut conn).expect("begin");
            conn.execute_batch("CREATE TABLE u (x UNIQUE ON CONFLICT ROLLBACK)").expect("table");
            conn.execute_batch("INSERT INTO u VALUES (1), (1)").expect_err("swallowed");
            let finished = run.finish(&mut conn, Ok(()));
            run.end(&mut conn).expect("end");
            finished
        }),
        "MIGRATION_FAILED 1 | Failed to apply migration 1 (m1): Error: A statement of the migration rolled its \
         transaction back"
    );
    assert_eq!(
        line::<()>(Err(MigrationError::blocked("usage", 2, "m2", "Dry run mode").into())),
        "MIGRATION_BLOCKED 2 | Migration 2 (m2) is blocked: Dry run mode | {\"reason\":\"Dry run mode\"}"
    );
}

#[test]
fn in_transaction_and_readonly() {
    let mut conn = memory("BEGIN");
    let text = "MIGRATION_IN_TRANSACTION | Migrations cannot run inside an open transaction";
    let app = reversible(&[("CREATE TABLE a (x)", "DROP TABLE a")]);
    assert_eq!(line(migration::apply(&mut conn, &app, false)), text);
    assert_eq!(line(migration::plan(&mut conn, &app, false)), text);
    assert_eq!(line(migration::open(&mut conn, &app)), text);
    assert_eq!(line(migration::prepare(&conn, &app)), text);
    assert_eq!(line(migration::rollback(&mut conn, &app, 0)), text);
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("t.db");
    drop(file(&path, "CREATE TABLE t (x)"));
    let readonly = || Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("open");
    let text = "MIGRATION_READONLY | app has pending migrations, but the connection is read-only";
    assert_eq!(line(migration::apply(&mut readonly(), &app, false)), text);
    assert_eq!(line(migration::plan(&mut readonly(), &app, false)), text);
    migration::apply(&mut file(&path, ""), &app, false).expect("apply");
    assert_eq!(migration::apply(&mut readonly(), &app, false).expect("nothing to do").len(), 1);
    assert_eq!(
        line(migration::rollback(&mut readonly(), &app, 0)),
        "MIGRATION_READONLY 1 | The connection is read-only"
    );
}

#[test]
fn rollback_targets() {
    let app = reversible(&[("CREATE TABLE a (x)", "DROP TABLE a"), ("CREATE TABLE b (x)", "DROP TABLE b")]);
    let mut conn = app_applied(&app);
    for (target, shown) in [(2, "2"), (-1, "-1"), (9, "9")] {
        assert_eq!(
            line(migration::rollback(&mut conn, &app, target)),
            format!(
                "MIGRATION_INVALID_TARGET | Rollback target must be an integer from 0 to 1, found {shown} | \
                 {{\"target\":\"{shown}\",\"current\":2}}"
            )
        );
    }
    for (target, shown) in [
        (Input::Number(f64::NAN), "NaN"),
        (Input::Number(0.5), "0.5"),
        (Input::Number(f64::NEG_INFINITY), "-Infinity"),
        (Input::Number(2.0), "2"),
        (Input::Number(-1.0), "-1"),
        (Input::Text("1".to_owned()), "\"1\""),
        (Input::Null, "null"),
        (Input::Map(vec![]), "an object"),
    ] {
        assert_eq!(
            line(migration::target_of(&conn, &app, &target)).split(" | ").nth(1),
            Some(format!("Rollback target must be an integer from 0 to 1, found {shown}").as_str())
        );
    }
    assert_eq!(migration::target_of(&conn, &app, &Input::Undefined).expect("default"), 1);
    assert_eq!(migration::target_of(&conn, &app, &Input::Number(0.0)).expect("zero"), 0);
    assert_eq!(
        line(Rollback::of(&conn, &app, 1).map(|_| ())),
        "MIGRATION_NOT_LATEST 1 | Migration 1 is not the latest; roll back migration 2 first"
    );
    assert_eq!(
        line(Rollback::of(&conn, &app, 3).map(|_| ())),
        "MIGRATION_INVALID_TARGET 3 | Migration 3 is not applied"
    );
    assert_eq!(
        line(migration::target_of(&memory(""), &app, &Input::Undefined)),
        "MIGRATION_INVALID_TARGET | app has no applied migration to roll back | {\"target\":\"the version \
         before\",\"current\":0}"
    );
    let one_way = set(&["CREATE TABLE a (x)", "CREATE TABLE b (x)"]);
    let mut conn = app_applied(&one_way);
    assert_eq!(
        line(migration::rollback(&mut conn, &one_way, 0)),
        "MIGRATION_NO_DOWN 2 | Migration 2 does not support rollback"
    );
}

#[test]
fn dependencies_of_built_in_sets() {
    let list = vec![Migration::sql(
        1,
        "add_usage_tracking_tables",
        "CREATE TABLE usage_config (x)",
        Some("DROP TABLE usage_config".into()),
    )];
    let usage = MigrationSet::new("usage", list).expect("set");
    let mut conn = memory("");
    assert_eq!(
        line(migration::apply(&mut conn, &usage, false)),
        "MIGRATION_DEPENDENCY | usage migration 1 requires telemetry at version 1 or higher, not 0 | \
         {\"module\":\"usage\",\"version\":1,\"requires\":\"telemetry\",\"atLeast\":1}"
    );
    migration::apply(&mut conn, &telemetry_set(), false).expect("telemetry");
    migration::apply(&mut conn, &usage, false).expect("usage");
    assert_eq!(
        line(migration::rollback(&mut conn, &telemetry_set(), 0)),
        "MIGRATION_DEPENDENCY | usage migration 1 requires telemetry at version 1 or higher, not 0 | \
         {\"module\":\"usage\",\"version\":1,\"requires\":\"telemetry\",\"atLeast\":1}"
    );
    migration::rollback(&mut conn, &usage, 0).expect("usage down");
    migration::rollback(&mut conn, &telemetry_set(), 0).expect("telemetry down");
}

#[test]
fn invalid_migrations_and_modules() {
    let one = |migration| line(MigrationSet::new("app", vec![migration]).map(|_| ()));
    assert_eq!(
        one(Migration::external(0, "a", false)),
        "MIGRATION_INVALID 0 | Migration version must be an integer from 1, found 0"
    );
    assert_eq!(
        one(Migration::external(1, " ", false)),
        "MIGRATION_INVALID 1 | Migration name must not be empty, found \" \""
    );
    let custom = |name: &str| line(MigrationSet::custom(name, vec![]).map(|_| ()));
    assert_eq!(
        custom("telemetry"),
        "MIGRATION_INVALID_MODULE | Module name \"telemetry\" is reserved | {\"module\":\"telemetry\"}"
    );
    assert_eq!(
        custom("My App"),
        "MIGRATION_INVALID_MODULE | Module name \"My App\" must match ^[a-z][a-z0-9_-]{0,63}$ | {\"module\":\"My App\"}"
    );
}
