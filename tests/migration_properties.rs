//! Random schemas and migrations: what goes up comes down, and what fails or is blocked leaves no trace.

mod common;

use common::{content, memory};
use proptest::prelude::*;
use runledger::migration::{self, Migration, MigrationSet};

/// A migration that adds things, and the way back.
#[derive(Debug, Clone)]
struct Change {
    up: String,
    down: String,
}

/// One of the things a reversible migration does. `number` makes names of different migrations different.
fn change(number: usize) -> impl Strategy<Value = Change> {
    let table = 0..3_usize;
    prop_oneof![
        (any::<i32>(), "[a-z' ]{0,8}").prop_map(move |(value, text)| {
            let text = text.replace('\'', "''");
            Change {
                up: format!(
                    "CREATE TABLE new_{number} (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT DEFAULT '{text}');
                     INSERT INTO new_{number} VALUES ({value}, '{text}'); UPDATE new_{number} SET x = x || 'y';"
                ),
                down: format!("DROP TABLE new_{number};"),
            }
        }),
        (table.clone(), any::<i16>()).prop_map(move |(table, value)| Change {
            up: format!(
                "ALTER TABLE old_{table} ADD COLUMN c_{number} INTEGER NOT NULL DEFAULT {value};
                 UPDATE old_{table} SET c_{number} = id;"
            ),
            down: format!("ALTER TABLE old_{table} DROP COLUMN c_{number};"),
        }),
        table.clone().prop_map(move |table| Change {
            up: format!(
                "CREATE INDEX i_{number} ON old_{table}(x); CREATE VIEW v_{number} AS SELECT x FROM old_{table};"
            ),
            down: format!("DROP VIEW v_{number}; DROP INDEX i_{number};"),
        }),
        (table.clone(), 1000..2000_i64).prop_map(move |(table, id)| {
            let id = id * 100 + i64::try_from(number).unwrap_or(0);
            Change {
                up: format!("INSERT INTO old_{table} (id, x) VALUES ({id}, 'n')"),
                down: format!("DELETE FROM old_{table} WHERE id = {id}"),
            }
        }),
        table.prop_map(move |table| Change {
            up: format!("CREATE TRIGGER t_{number} AFTER INSERT ON old_{table} BEGIN UPDATE log SET n = n + 0; END;"),
            down: format!("DROP TRIGGER t_{number};"),
        }),
    ]
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    (1..6_usize).prop_flat_map(|count| (0..count).map(change).collect::<Vec<_>>())
}

fn before(rows: &[(i16, String)]) -> String {
    let mut sql = "CREATE TABLE log (n INTEGER); INSERT INTO log VALUES (0);".to_owned();
    for table in 0..3 {
        sql += &format!("CREATE TABLE old_{table} (id INTEGER PRIMARY KEY, x TEXT);");
        for (id, text) in rows {
            sql += &format!("INSERT OR IGNORE INTO old_{table} VALUES ({id}, '{text}');");
        }
    }
    sql
}

fn set(changes: &[Change], last: Option<&str>) -> MigrationSet {
    let list = (1..).zip(changes).map(|(version, change)| {
        Migration::sql(version, format!("m{version}"), change.up.clone(), Some(change.down.clone().into()))
    });
    let mut list: Vec<_> = list.collect();
    if let Some(last) = last {
        let version = i64::try_from(list.len()).unwrap_or(0) + 1;
        list.push(Migration::sql(version, "last", last.to_owned(), None));
    }
    MigrationSet::new("app", list).expect("set")
}

/// Schema and data, without the journal.
fn own_content(conn: &rusqlite::Connection) -> String {
    let lines = content(conn);
    let mut kept = String::new();
    let mut skip = false;
    for line in lines.lines() {
        if !line.starts_with("  ") {
            // AUTOINCREMENT leaves SQLite's own table behind, empty.
            skip = line.contains("schema_migrations") || line.contains("sqlite_sequence");
        }
        if !skip {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_goes_up_comes_down(changes in changes(), rows in prop::collection::vec((any::<i16>(), "[a-z]{0,5}"), 0..6)) {
        let mut conn = memory(&before(&rows));
        let start = own_content(&conn);
        let set = set(&changes, None);
        let planned = migration::plan(&mut conn, &set, false).expect("plan");
        prop_assert_eq!(&own_content(&conn), &start, "a dry run changes nothing");
        let items = migration::apply(&mut conn, &set, false).expect("apply");
        prop_assert!(items.iter().all(|item| item.reason.is_none() && !item.destructive), "{:?}", items);
        for (planned, done) in planned.iter().zip(&items) {
            prop_assert_eq!(&planned.changes, &done.changes, "a dry run shows what will happen");
        }
        let top = own_content(&conn);
        for target in (0..set.latest()).rev() {
            migration::rollback(&mut conn, &set, target).expect("rollback");
        }
        prop_assert_eq!(&own_content(&conn), &start);
        migration::apply(&mut conn, &set, false).expect("again");
        prop_assert_eq!(&own_content(&conn), &top);
        migration::rollback(&mut conn, &set, 0).expect("all at once");
        prop_assert_eq!(&own_content(&conn), &start);
    }

    #[test]
    fn what_fails_or_is_blocked_leaves_no_trace(
        changes in changes(),
        rows in prop::collection::vec((any::<i16>(), "[a-z]{0,5}"), 1..6),
        bad in prop::sample::select(vec![
            "CREATE TABLE z (x); INSERT INTO old_0 (id) VALUES (99999); selekt",
            "INSERT INTO old_1 (id, x) VALUES (99999, 'z'); COMMIT",
            "CREATE TABLE z (x); DELETE FROM old_0",
            "ALTER TABLE old_0 RENAME TO z",
            "UPDATE old_2 SET x = 'z'; CREATE INDEX z ON old_2(x)",
            "CREATE TABLE z (x UNIQUE ON CONFLICT ROLLBACK); INSERT INTO z VALUES (1), (1)",
            "CREATE TABLE c (x REFERENCES log(rowid) DEFERRABLE INITIALLY DEFERRED); INSERT INTO c VALUES (1)",
        ]),
    ) {
        let mut conn = memory(&before(&rows));
        migration::apply(&mut conn, &set(&changes, None), false).expect("the good ones");
        let good = content(&conn);
        match migration::apply(&mut conn, &set(&changes, Some(bad)), false) {
            Ok(items) => prop_assert!(items.last().is_some_and(|item| item.reason.is_some())),
            Err(error) => prop_assert!(matches!(error, runledger::error::Error::Migration(_)), "{:?}", error),
        }
        prop_assert_eq!(content(&conn), good);
        prop_assert!(conn.is_autocommit());
    }
}
