//! The table of migrations.md §5, row by row. Each case runs on `BEFORE`, as one unflagged migration.

mod common;

use common::{content, memory, outcomes};
use runledger::migration::{self, ApplyOptions, Migration, MigrationSet, Run, Status};

const BEFORE: &str = "
    CREATE TABLE full (id INTEGER PRIMARY KEY, x TEXT, y TEXT);
    INSERT INTO full VALUES (1, 'a', 'b'), (2, 'c', NULL);
    CREATE TABLE empty (id INTEGER PRIMARY KEY, x TEXT);
    CREATE TABLE log (text TEXT, at TEXT);
    INSERT INTO log VALUES ('first', NULL);
    CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent REFERENCES parent(id) ON DELETE CASCADE);
    INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1), (2, 1);
    CREATE INDEX full_x ON full(x);
    CREATE VIEW view_full AS SELECT x FROM full;
    CREATE TRIGGER logged AFTER INSERT ON empty BEGIN UPDATE log SET at = 'now'; END;
    CREATE TRIGGER instead INSTEAD OF UPDATE ON view_full BEGIN UPDATE full SET x = new.x WHERE x = old.x; END;
    CREATE VIRTUAL TABLE search USING fts5(body);
    INSERT INTO search VALUES ('words');";

/// Whether the engine calls `up` destructive. A destructive one must leave no trace, another one must be applied.
fn is_destructive(up: &str) -> bool {
    let mut conn = memory(BEFORE);
    let before = content(&conn);
    let list = vec![Migration::sql(1, "m1", up.to_owned(), None)];
    let items = migration::apply(&mut conn, &MigrationSet::new("app", list).expect("set"), false).expect(up);
    let blocked = items[0].status == Status::Blocked;
    assert_eq!(items[0].detected, blocked, "{up}");
    assert!(items[0].executed, "{up}");
    if blocked {
        assert_eq!(content(&conn), before, "{up}");
        assert_eq!(outcomes(&items), ["blocked: Destructive migration requires explicit approval"]);
    }
    blocked
}

fn harmless(cases: &[&str]) {
    for up in cases {
        assert!(!is_destructive(up), "{up}");
    }
}

fn destructive(cases: &[&str]) {
    for up in cases {
        assert!(is_destructive(up), "{up}");
    }
}

#[test]
fn what_only_adds_is_harmless() {
    harmless(&[
        "CREATE TABLE new (x); CREATE INDEX i ON new(x); CREATE VIEW v AS SELECT 1",
        "CREATE TRIGGER t AFTER INSERT ON full BEGIN SELECT 1; END",
        "ALTER TABLE full ADD COLUMN z TEXT; ALTER TABLE full ADD COLUMN n INTEGER NOT NULL DEFAULT 0",
        "INSERT INTO full VALUES (3, 'e', 'f')",
        "INSERT OR IGNORE INTO full VALUES (1, 'e', 'f')",
        "INSERT INTO search VALUES ('more'), ('words')",
        "SELECT * FROM full LIMIT 0; CREATE TABLE IF NOT EXISTS full (x)",
        "CREATE UNIQUE INDEX full_id_x ON full(id, x); ANALYZE; REINDEX",
        "CREATE VIRTUAL TABLE other USING fts5(body); INSERT INTO other VALUES ('a'); DELETE FROM other",
    ]);
}

#[test]
fn dropping_what_holds_no_data_is_harmless() {
    harmless(&[
        "DROP INDEX full_x",
        "DROP VIEW view_full",
        "DROP TRIGGER logged",
        "DROP INDEX full_x; CREATE INDEX full_x ON full(y)",
    ]);
}

#[test]
fn filling_what_the_migration_made_is_harmless() {
    harmless(&[
        "ALTER TABLE full ADD COLUMN z TEXT; UPDATE full SET z = x || y",
        "CREATE TABLE new (x); INSERT INTO new VALUES (1), (2); UPDATE new SET x = 3; DELETE FROM new; DROP TABLE new",
        "CREATE TABLE a (x); INSERT INTO a VALUES (1); ALTER TABLE a RENAME TO b; UPDATE b SET x = 2; DROP TABLE b",
        "CREATE TABLE a (x, y); ALTER TABLE a DROP COLUMN y; ALTER TABLE a RENAME COLUMN x TO z",
        "CREATE TEMP TABLE t (x); INSERT INTO t VALUES (1); UPDATE t SET x = 2; DELETE FROM t; DROP TABLE t",
    ]);
}

#[test]
fn an_update_run_by_a_trigger_that_existed_is_harmless() {
    harmless(&["INSERT INTO empty VALUES (1, 'x')"]);
}

#[test]
fn an_update_run_by_a_trigger_of_the_migration_is_its_own() {
    destructive(&[
        "CREATE TRIGGER mine AFTER INSERT ON full BEGIN UPDATE log SET text = ''; END; INSERT INTO full VALUES (9, '', '')",
        "DROP TRIGGER logged; CREATE TRIGGER logged AFTER INSERT ON empty BEGIN UPDATE log SET text = ''; END;
         INSERT INTO empty VALUES (1, 'x')",
    ]);
}

#[test]
fn a_loss_is_seen_however_many_tables_there_are() {
    let tables: Vec<_> = (0..230).map(|i| format!("CREATE TABLE t{i} (x); INSERT INTO t{i} VALUES (1);")).collect();
    for lost in [0, 99, 100, 229] {
        let mut conn = memory(&tables.concat());
        conn.execute_batch(&format!("CREATE TRIGGER d AFTER INSERT ON t1 BEGIN DELETE FROM t{lost}; END")).expect("d");
        let list = vec![
            Migration::sql(1, "m1", "CREATE TABLE more (x)", None),
            Migration::sql(2, "m2", "INSERT INTO t1 VALUES (2)", None),
        ];
        let items = migration::apply(&mut conn, &MigrationSet::new("app", list).expect("set"), false).expect("apply");
        assert_eq!(outcomes(&items), ["applied", "blocked: Destructive migration requires explicit approval"]);
        let rows = items[1].changes.iter().find(|it| it.name == format!("t{lost}")).expect("rows");
        assert_eq!((rows.before, rows.after), (Some(1), Some(0)));
    }
}

#[test]
fn a_name_that_is_gone_is_destructive() {
    destructive(&[
        "DROP TABLE full",
        "DROP TABLE empty",
        "DROP TABLE search",
        "ALTER TABLE empty RENAME TO other",
        "ALTER TABLE empty DROP COLUMN x",
        "ALTER TABLE empty RENAME COLUMN x TO z",
        "ALTER TABLE full DROP COLUMN y; ALTER TABLE full ADD COLUMN y TEXT",
        "ALTER TABLE full RENAME y TO z; ALTER TABLE full ADD COLUMN y REAL; ALTER TABLE full DROP COLUMN z",
        "ALTER TABLE log RENAME TO l; ALTER TABLE l DROP COLUMN at; ALTER TABLE l ADD COLUMN at TEXT;
         ALTER TABLE l RENAME TO log",
    ]);
    harmless(&[
        "CREATE TABLE new (x); ALTER TABLE new RENAME x TO y; ALTER TABLE full ADD COLUMN z; UPDATE full SET z = 1",
    ]);
}

#[test]
fn a_rebuild_is_destructive() {
    destructive(&[
        "DROP VIEW view_full; CREATE TABLE new (id INTEGER PRIMARY KEY, x TEXT, y TEXT); INSERT INTO new SELECT * FROM full;
         DROP TABLE full; ALTER TABLE new RENAME TO full",
        "ALTER TABLE full RENAME TO old; CREATE TABLE full (id INTEGER PRIMARY KEY, x TEXT, y TEXT);
         INSERT INTO full SELECT * FROM old; DROP TABLE old",
        "DROP TABLE empty; CREATE TABLE empty (id INTEGER PRIMARY KEY, x TEXT)",
    ]);
}

#[test]
fn an_update_of_what_existed_is_destructive_where_rows_were() {
    destructive(&[
        "UPDATE full SET x = NULL",
        "UPDATE full SET x = 'z' WHERE id = 99",
        "UPDATE full SET rowid = id + 10",
        "INSERT INTO full VALUES (1, 'e', 'f') ON CONFLICT DO UPDATE SET x = 'e'",
        "ALTER TABLE full ADD COLUMN z; UPDATE full SET z = 1, x = 2",
        "ALTER TABLE log RENAME TO l; UPDATE l SET text = ''; ALTER TABLE l RENAME TO log",
        "WITH w AS (SELECT 1) UPDATE FULL SET X = 1",
        "UPDATE search SET body = ''",
        "UPDATE view_full SET x = ''",
        "ALTER TABLE full RENAME y TO z; UPDATE full SET z = ''; ALTER TABLE full RENAME z TO y",
    ]);
    harmless(&["UPDATE empty SET x = 1", "INSERT INTO empty VALUES (1, 'a'); UPDATE empty SET x = 1"]);
}

#[test]
fn a_delete_is_destructive_where_rows_were() {
    destructive(&["DELETE FROM full", "DELETE FROM full WHERE id = 99", "DELETE FROM search"]);
    harmless(&["DELETE FROM empty"]);
}

#[test]
fn fewer_rows_are_destructive_however_they_went() {
    destructive(&[
        "DELETE FROM parent",
        // REPLACE removes a second row, which no event tells.
        "CREATE UNIQUE INDEX unique_x ON full(x); INSERT OR REPLACE INTO full VALUES (1, 'c', 'z')",
    ]);
    // The known limit of the contract: as many rows as before.
    harmless(&["INSERT OR REPLACE INTO full VALUES (1, 'e', 'f')"]);
}

#[test]
fn not_null_on_a_column_that_existed_is_destructive_where_rows_were() {
    destructive(&["ALTER TABLE full ALTER COLUMN x SET NOT NULL"]);
    harmless(&["ALTER TABLE empty ALTER COLUMN x SET NOT NULL"]);
    let mut conn = memory("CREATE TABLE strict (x TEXT NOT NULL); INSERT INTO strict VALUES ('a')");
    let list = vec![Migration::sql(1, "m1", "ALTER TABLE strict ALTER COLUMN x DROP NOT NULL", None)];
    let items = migration::apply(&mut conn, &MigrationSet::new("app", list).expect("set"), false).expect("apply");
    assert_eq!(outcomes(&items), ["applied"]);
}

#[test]
fn a_flag_is_enough_and_the_script_is_not_run() {
    let mut conn = memory(BEFORE);
    let set = common::set(&["-- runledger: destructive\nCREATE TABLE x (y)"]);
    let items = migration::apply(&mut conn, &set, false).expect("apply");
    assert_eq!((items[0].destructive, items[0].detected, items[0].executed), (true, false, false));
    let items = migration::apply(&mut conn, &set, true).expect("apply");
    assert_eq!((items[0].status, items[0].destructive, items[0].detected), (Status::Applied, true, false));
}

#[test]
fn a_statement_prepared_before_the_migration_is_judged_too() {
    let mut conn = memory(BEFORE);
    conn.prepare_cached("DELETE FROM log WHERE text = ?1").expect("prepared").execute(["nothing"]).expect("run");
    let before = content(&conn);
    let set = MigrationSet::new("app", vec![Migration::external(1, "m1", false)]).expect("set");
    let mut run = Run::new(&mut conn, &set, ApplyOptions::default()).expect("run");
    run.begin(&mut conn).expect("begin");
    conn.prepare_cached("DELETE FROM log WHERE text = ?1").expect("cached").execute(["first"]).expect("run");
    conn.execute_batch("INSERT INTO log VALUES ('second', NULL)").expect("as many rows as before");
    run.finish(&mut conn, Ok(())).expect("finish");
    let items = run.end(&mut conn).expect("end");
    assert_eq!(outcomes(&items), ["blocked: Destructive migration requires explicit approval"]);
    assert_eq!(content(&conn), before);
}
