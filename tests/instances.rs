//! The files of instances: instances.md §3, migrations.md §7 and M10.

mod common;

use common::{content, failed, file, memory, objects, one, outcomes, rows};
use runledger::instances::schema;
use runledger::migration::{self, MigrationSet, Schema};
use rusqlite::types::Value;

/// The tables as `@claude-codex/core` makes them: no foreign keys, no view, some indexes, Drizzle's own journal.
const DRIZZLE: &str = "
CREATE TABLE `instances` (
  `id` text PRIMARY KEY NOT NULL, `type` text NOT NULL, `status` text NOT NULL, `worktree_path` text NOT NULL,
  `branch_name` text NOT NULL, `base_branch` text, `tmux_session` text NOT NULL, `claude_pid` integer,
  `issue_number` integer, `pr_number` integer, `pr_url` text, `parent_instance_id` text,
  `created_at` integer DEFAULT (unixepoch()) NOT NULL, `terminated_at` integer,
  `last_activity` integer DEFAULT (unixepoch()) NOT NULL, `system_prompt` text, `agent_number` integer DEFAULT 1 NOT NULL
);
CREATE TABLE `mcp_events` (
  `id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `instance_id` text NOT NULL, `tool_name` text NOT NULL,
  `success` integer NOT NULL, `error_message` text, `metadata` text, `git_commit_hash` text, `status_change` text,
  `is_status_updating` integer DEFAULT false NOT NULL, `timestamp` integer DEFAULT (unixepoch()) NOT NULL
);
CREATE TABLE `instance_relationships` (
  `id` integer PRIMARY KEY AUTOINCREMENT NOT NULL, `parent_instance` text NOT NULL, `child_instance` text NOT NULL,
  `relationship_type` text NOT NULL, `review_iteration` integer DEFAULT 1 NOT NULL,
  `created_at` integer DEFAULT (unixepoch()) NOT NULL, `metadata` text
);
CREATE TABLE `github_issues` (
  `number` integer PRIMARY KEY NOT NULL, `title` text NOT NULL, `body` text, `state` text NOT NULL, `assignee` text,
  `labels` text, `created_at` integer DEFAULT (unixepoch()) NOT NULL, `updated_at` integer DEFAULT (unixepoch()) NOT NULL,
  `synced_at` integer DEFAULT (unixepoch()) NOT NULL, `repo_owner` text NOT NULL, `repo_name` text NOT NULL
);
CREATE TABLE `user_config` (
  `key` text PRIMARY KEY NOT NULL, `value` text NOT NULL, `encrypted` integer DEFAULT false NOT NULL,
  `updated_at` integer DEFAULT (unixepoch()) NOT NULL
);
CREATE INDEX `idx_instances_status` ON `instances` (`status`);
CREATE INDEX `mine` ON `mcp_events` (`tool_name`, `success`);
CREATE UNIQUE INDEX `instance_relationships_parent_instance_child_instance_relationship_type_unique`
  ON `instance_relationships` (`parent_instance`,`child_instance`,`relationship_type`);
CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric);
INSERT INTO __drizzle_migrations VALUES (1, 'abc', 1);
INSERT INTO instances (id, type, status, worktree_path, branch_name, tmux_session, parent_instance_id, created_at, last_activity)
VALUES ('a', 'coding', 'started', '/w/a', 'a', 'ta', NULL, 100, 101), ('b', 'review', 'started', '/w/b', 'b', 'tb', 'a', 100, 102),
       ('c', 'review', 'started', '/w/c', 'c', 'tc', 'gone', 100, 103);
INSERT INTO mcp_events (id, instance_id, tool_name, success, metadata, timestamp)
VALUES (3, 'a', 't', 1, '\"{\\\"a\\\":1}\"', 5), (4, 'gone', 't', 0, NULL, 6), (9, 'b', 't', 1, '{\"b\":2}', 7), (10, 'b', 't', 1, 'no json', 8);
INSERT INTO instance_relationships (id, parent_instance, child_instance, relationship_type, metadata)
VALUES (1, 'a', 'b', 'spawned_review', '\"\\\"{}\\\"\"'), (2, 'a', 'gone', 'spawned_review', NULL);
INSERT INTO github_issues (number, title, state, labels, repo_owner, repo_name)
VALUES (7, 't', 'open', '\"[\\\"x\\\"]\"', 'o', 'r'), (8, 't', 'open', '[\"y\"]', 'o', 'r');
INSERT INTO user_config (key, value, encrypted) VALUES ('token', 'plain', 1);
";

fn set() -> MigrationSet {
    schema::migrations().expect("set")
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

#[test]
fn a_file_of_older_tables_is_adopted_with_its_rows_and_ids() {
    for columns in
        ["", "ALTER TABLE instances ADD COLUMN prompt_used text; ALTER TABLE instances ADD COLUMN prompt_context text;"]
    {
        let mut conn = memory(&format!("{DRIZZLE}{columns}"));
        let opened = migration::open(&mut conn, &set()).expect("adopt");
        assert_eq!(opened.prepared.adopted, Some(1));
        assert_eq!(outcomes(&opened.items), ["skipped: Already applied"]);
        assert_eq!(rows(&conn, "PRAGMA foreign_key_check"), Vec::<Vec<Value>>::new());
        assert_eq!(migration::validate(&conn, &set()).expect("validate").problems, []);
        let instances =
            rows(&conn, "SELECT id, parent_instance_id, last_activity, prompt_used FROM instances ORDER BY id");
        let row = |id: &str, parent: Value, seconds| vec![text(id), parent, Value::Integer(seconds), Value::Null];
        assert_eq!(
            instances,
            [row("a", Value::Null, 101), row("b", text("a"), 102), row("c", Value::Null, 103)],
            "a parent that is gone is none"
        );
        let events = rows(&conn, "SELECT id, metadata FROM mcp_events ORDER BY id");
        let event = |id, metadata: &str| vec![Value::Integer(id), text(metadata)];
        assert_eq!(events, [event(3, r#"{"a":1}"#), event(9, r#"{"b":2}"#), event(10, "no json")]);
        assert_eq!(one::<String>(&conn, "SELECT metadata FROM relationships"), r#""{}""#, "unwrapped once");
        let labels = rows(&conn, "SELECT labels FROM github_issues ORDER BY number");
        assert_eq!(labels, [[text(r#"["x"]"#)], [text(r#"["y"]"#)]]);
        assert_eq!(one::<String>(&conn, "SELECT value FROM user_config"), "plain");
        // What was refused is kept, and an id that was given once is not given again.
        let kept = rows(&conn, "SELECT source_table, reason FROM migration_quarantine ORDER BY source_table, id");
        let quarantined = |table: &str| vec![text(table), text("foreign_key")];
        assert_eq!(kept, ["instance_relationships", "instances", "mcp_events"].map(quarantined));
        conn.execute_batch("INSERT INTO mcp_events (instance_id, tool_name, success) VALUES ('a', 't', 1)")
            .expect("event");
        assert_eq!(one::<i64>(&conn, "SELECT max(id) FROM mcp_events"), 11);
        assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM __drizzle_migrations"), 1);
        assert!(objects(&conn).iter().any(|name| name == "mine"), "the owner's index stays");
        assert!(!opened.prepared.warnings.is_empty());
    }
}

/// The tables again, in which anything may stand: no NOT NULL, no unique index, and rows that no program should have left.
fn without_constraints() -> String {
    let loose = DRIZZLE.replace(" NOT NULL", "").replace("CREATE UNIQUE INDEX", "CREATE INDEX");
    format!(
        "{loose}
         INSERT INTO instances (id, type, status, worktree_path, branch_name, tmux_session)
         VALUES (NULL, 'coding', 's', '/w', 'b', 't'), ('d', NULL, 's', '/w', 'b', 't');
         INSERT INTO instances (id, type, status, worktree_path, branch_name, tmux_session, created_at, agent_number)
         VALUES ('e', 'coding', 's', '/w', 'b', 't', NULL, NULL);
         INSERT INTO mcp_events (id, instance_id, tool_name, success)
         VALUES (20, NULL, 't', 1), (21, 'd', 't', 1), (22, 'a', 't', NULL), (23, 'e', 't', 1);
         INSERT INTO instance_relationships (id, parent_instance, child_instance, relationship_type)
         VALUES (20, 'a', 'b', 'spawned_review'), (21, 'b', 'd', 'x'), (22, 'b', 'e', 'x');
         INSERT INTO github_issues (number, title) VALUES (9, 't');
         INSERT INTO user_config (key, value) VALUES (NULL, 'v'), ('k', NULL), ('ok', 'v');"
    )
}

#[test]
fn every_row_of_an_older_file_is_in_its_table_or_in_the_quarantine() {
    let tables = ["instances", "mcp_events", "instance_relationships", "github_issues", "user_config"];
    let all = |conn: &rusqlite::Connection| tables.map(|it| one::<i64>(conn, &format!("SELECT count(*) FROM {it}")));
    for sql in [DRIZZLE.to_owned(), without_constraints()] {
        let mut conn = memory(&sql);
        let before = all(&conn);
        migration::open(&mut conn, &set()).expect("adopt");
        let after = all(&conn);
        // An instance whose parent is gone is in both: it stays, without a parent.
        let moved = tables.map(|it| {
            one::<i64>(
                &conn,
                &format!(
                    "SELECT count(*) FROM migration_quarantine WHERE source_table = '{it}' \
                     AND NOT (source_table = 'instances' AND row ->> 'parent_instance_id' IS 'gone')"
                ),
            )
        });
        for (position, table) in tables.iter().enumerate() {
            assert_eq!(after[position] + moved[position], before[position], "{table}");
        }
        assert_eq!(migration::validate(&conn, &set()).expect("validate").problems, []);
    }
    let mut conn = memory(&without_constraints());
    migration::open(&mut conn, &set()).expect("adopt");
    let reasons = rows(
        &conn,
        "SELECT source_table, reason, count(*) FROM migration_quarantine GROUP BY 1, 2 ORDER BY source_table, reason",
    );
    let row = |table: &str, reason: &str, count| vec![text(table), text(reason), Value::Integer(count)];
    assert_eq!(
        reasons,
        [
            row("github_issues", "not_null", 1),
            row("instance_relationships", "foreign_key", 2),
            row("instance_relationships", "unique", 1),
            row("instances", "foreign_key", 1),
            row("instances", "not_null", 2),
            row("mcp_events", "foreign_key", 2),
            row("mcp_events", "not_null", 2),
            row("user_config", "not_null", 2),
        ]
    );
    // What has a default gets it, and the first of two alike stays.
    assert_eq!(one::<i64>(&conn, "SELECT agent_number + (created_at > 0) FROM instances WHERE id = 'e'"), 2);
    assert_eq!(one::<i64>(&conn, "SELECT min(id) FROM relationships WHERE child_instance = 'b'"), 1);
    assert_eq!(one::<i64>(&conn, "SELECT count(*) FROM mcp_events WHERE id = 23"), 1);
}

#[test]
fn four_of_the_five_tables_are_somebody_elses() {
    for table in ["instances", "mcp_events", "instance_relationships", "github_issues", "user_config"] {
        let mut conn = memory(&format!("{DRIZZLE} DROP TABLE {table};"));
        let before = content(&conn);
        let error = failed(migration::open(&mut conn, &set()));
        assert_eq!((error.code.as_str(), error.details["object"].as_str()), ("MIGRATION_CONFLICT", Some(table)));
        assert_eq!(content(&conn), before);
    }
}

#[test]
fn one_optional_column_without_the_other_and_a_file_without_a_journal_are_adopted_too() {
    for column in ["prompt_used", "prompt_context"] {
        let mut conn = memory(&format!(
            "{DRIZZLE} DROP TABLE __drizzle_migrations; ALTER TABLE instances ADD COLUMN {column} text;
             UPDATE instances SET {column} = 'kept ' || id;"
        ));
        assert_eq!(migration::open(&mut conn, &set()).expect("adopt").prepared.adopted, Some(1));
        assert_eq!(one::<String>(&conn, &format!("SELECT {column} FROM instances WHERE id = 'a'")), "kept a");
    }
}

#[test]
fn opening_an_adopted_file_again_changes_nothing() {
    let mut conn = memory(DRIZZLE);
    migration::open(&mut conn, &set()).expect("adopt");
    let before = content(&conn);
    let again = migration::open(&mut conn, &set()).expect("open");
    assert_eq!((again.prepared.adopted, again.prepared.warnings.len()), (None, 0));
    assert_eq!(content(&conn), before);
}

#[test]
fn a_file_with_other_tables_or_another_thing_of_a_name_of_ours_is_left_byte_for_byte() {
    let cases = [
        ("CREATE TABLE instances (id TEXT PRIMARY KEY, mine TEXT)", "instances"),
        ("CREATE TABLE relationships (id INTEGER)", "relationships"),
        ("CREATE VIEW relationships AS SELECT 1 AS id", "relationships"),
        ("CREATE TABLE t (x); CREATE INDEX relationships ON t (x)", "relationships"),
        ("CREATE TABLE t (x); CREATE INDEX idx_mcp_events_timestamp ON t (x)", "idx_mcp_events_timestamp"),
        ("CREATE TABLE user_config (key TEXT PRIMARY KEY, value BLOB)", "instances"),
    ];
    for (sql, object) in cases {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("x.db");
        drop(file(&path, sql));
        let before = std::fs::read(&path).expect("bytes");
        let mut conn = file(&path, "");
        let error = failed(migration::open(&mut conn, &set()));
        assert_eq!(
            (error.code.as_str(), error.details["object"].as_str()),
            ("MIGRATION_CONFLICT", Some(object)),
            "{sql}"
        );
        drop(conn);
        assert_eq!(std::fs::read(&path).expect("bytes"), before, "{sql}");
    }
    let mut adoptable = memory(&format!("{DRIZZLE} CREATE TABLE relationships (id INTEGER);"));
    let before = content(&adoptable);
    assert_eq!(failed(migration::open(&mut adoptable, &set())).details["object"], "relationships");
    assert_eq!(content(&adoptable), before);
}

#[test]
fn m10_instances_go_up_down_and_up_again() {
    let mut conn = memory("");
    migration::open(&mut conn, &set()).expect("up");
    let sorted = |conn: &rusqlite::Connection| {
        let mut schema = Schema::read(conn).expect("schema");
        schema.tables.sort_by(|a, b| a.name.cmp(&b.name));
        schema.indexes.sort_by(|a, b| a.name.cmp(&b.name));
        schema
    };
    let after_up = sorted(&conn);
    conn.execute_batch(
        "INSERT INTO instances (id, type, status, worktree_path, branch_name, tmux_session)
         VALUES ('a', 'coding', 'started', '/w', 'b', 't');
         INSERT INTO instances (id, type, status, worktree_path, branch_name, tmux_session, parent_instance_id)
         VALUES ('b', 'coding', 'started', '/w', 'b', 't', 'a');
         INSERT INTO mcp_events (instance_id, tool_name, success) VALUES ('a', 't', 1);
         INSERT INTO instance_relationships (parent_instance, child_instance, relationship_type) VALUES ('a', 'b', 'x');",
    )
    .expect("data");
    assert_eq!(migration::rollback(&mut conn, &set(), 0).expect("down").len(), 1);
    assert_eq!(objects(&conn), ["idx_schema_migrations_applied_at", "schema_migrations"]);
    migration::open(&mut conn, &set()).expect("up again");
    assert_eq!(sorted(&conn), after_up);
    assert!(migration::validate(&conn, &set()).expect("validate").ok);
}
