//! What the tests of the migration engine share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod vibekit;

use std::fmt::Write as _;
use std::path::Path;

use runledger::error::Error;
use runledger::migration::{Migration, MigrationError, MigrationPlanItem, MigrationSet, quoted};
use rusqlite::Connection;
use rusqlite::types::Value;

/// A set of module `app` from up scripts, named `m1`, `m2`, …
pub fn set(scripts: &[&'static str]) -> MigrationSet {
    let list = (1..).zip(scripts).map(|(version, up)| Migration::sql(version, format!("m{version}"), *up, None));
    MigrationSet::new("app", list.collect()).expect("set")
}

/// The same with `(up, down)`.
pub fn reversible(scripts: &[(&'static str, &'static str)]) -> MigrationSet {
    let list = (1..)
        .zip(scripts)
        .map(|(version, (up, down))| Migration::sql(version, format!("m{version}"), *up, Some((*down).into())));
    MigrationSet::new("app", list.collect()).expect("set")
}

/// A database in memory, with foreign keys enforced.
pub fn memory(sql: &str) -> Connection {
    let conn = Connection::open_in_memory().expect("open");
    conn.execute_batch(sql).expect("fixture");
    conn
}

/// A file database, with foreign keys enforced.
pub fn file(path: &Path, sql: &str) -> Connection {
    let conn = Connection::open(path).expect("open");
    conn.busy_timeout(std::time::Duration::from_secs(20)).expect("busy_timeout");
    conn.execute_batch(sql).expect("fixture");
    conn
}

/// `applied`, or `blocked: reason`, for each item.
pub fn outcomes(items: &[MigrationPlanItem]) -> Vec<String> {
    items
        .iter()
        .map(|item| {
            let status = format!("{:?}", item.status).to_lowercase();
            item.reason.as_ref().map_or(status.clone(), |reason| format!("{status}: {reason}"))
        })
        .collect()
}

/// The `MigrationError` of a result that must be one.
pub fn failed<T>(result: Result<T, Error>) -> MigrationError {
    match result {
        Err(Error::Migration(error)) => *error,
        Err(other) => panic!("expected a MigrationError, found {other:?}"),
        Ok(_) => panic!("expected a MigrationError"),
    }
}

/// Every object and every row of a file as text. Equal texts are equal contents.
pub fn content(conn: &Connection) -> String {
    let mut text = String::new();
    let mut objects =
        conn.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").expect("schema");
    let objects: Vec<(String, String, String, Option<String>)> = objects
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .expect("schema")
        .collect::<Result<_, _>>()
        .expect("schema");
    for (kind, name, table, sql) in objects {
        let _ = writeln!(text, "{kind} {name} {table} {}", sql.unwrap_or_default().replace('\n', " "));
        if kind == "table" {
            for row in rows(conn, &format!("SELECT * FROM {} ORDER BY 1", quoted(&name))) {
                let _ = writeln!(text, "  {row:?}");
            }
        }
    }
    text
}

/// All rows of a query.
pub fn rows(conn: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut query = conn.prepare(sql).expect("query");
    let width = query.column_count();
    query
        .query_map([], |row| (0..width).map(|position| row.get(position)).collect())
        .expect("query")
        .collect::<Result<_, _>>()
        .expect("rows")
}

/// One value of type `T`.
pub fn one<T: rusqlite::types::FromSql>(conn: &Connection, sql: &str) -> T {
    conn.query_row(sql, [], |row| row.get(0)).expect(sql)
}

/// Names of the tables, indexes, views and triggers, without SQLite's own.
pub fn objects(conn: &Connection) -> Vec<String> {
    rows(conn, "SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY name")
        .into_iter()
        .map(|row| match &row[0] {
            Value::Text(name) => name.clone(),
            other => panic!("{other:?}"),
        })
        .collect()
}
