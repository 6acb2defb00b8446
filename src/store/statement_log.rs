#![forbid(unsafe_code)]
//! The log of statements: one line for each that SQLite has run, without its parameters.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::{
    Connection,
    trace::{TraceEvent, TraceEventCodes},
};
use serde_json::{Map, json};

use super::{Level, Notices};
use crate::error::Result;

/// What the store itself asks in each transaction: of no use to who wants to know what a call does.
const OWN_QUESTIONS: [&str; 2] = ["PRAGMA data_version", "SELECT 1 FROM sqlite_schema LIMIT 1"];

/// Tell `notices` of every statement of `conn` when it has ended.
///
/// # Errors
/// Those of SQLite.
pub(super) fn log_statements(conn: &mut Connection, notices: &Arc<Notices>) -> Result<()> {
    let notices = Arc::clone(notices);
    // SQLite's own measure is in milliseconds. One statement may run within another: the one that began last ends first.
    let mut running: Vec<(String, Instant)> = Vec::new();
    let hear = move |event: TraceEvent<'_>| match event {
        // A trigger of a statement tells of itself as a comment, and has no end.
        TraceEvent::Stmt(_, sql) if sql.starts_with("--") => {}
        TraceEvent::Stmt(statement, _) => running.push((statement.sql().into_owned(), Instant::now())),
        TraceEvent::Profile(statement, _) => {
            let sql = statement.sql();
            let Some(position) = running.iter().rposition(|(began, _)| *began == sql) else { return };
            let took = running[position].1.elapsed();
            running.truncate(position);
            if !OWN_QUESTIONS.contains(&sql.as_ref()) {
                notices.tell(Level::Debug, &line(&sql, took), Map::from_iter([("query".to_owned(), json!(true))]));
            }
        }
        _ => {}
    };
    Ok(conn.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT | TraceEventCodes::SQLITE_TRACE_PROFILE, Some(hear))?)
}

/// One line, however many the text has.
fn line(sql: &str, took: Duration) -> String {
    let words: Vec<_> = sql.split_whitespace().collect();
    format!("[DRIZZLE QUERY] {} ({:.3} ms)", words.join(" "), took.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::Value;

    use super::*;
    use crate::store::Listener;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Listener for Heard {
        fn notice(&self, _: Level, message: &str, _: Map<String, Value>) {
            self.0.lock().expect("lock").push(message.to_owned());
        }
    }

    #[test]
    fn each_statement_is_one_line_without_values_when_it_has_ended() {
        let mut conn = Connection::open_in_memory().expect("open");
        conn.execute_batch(
            "CREATE TABLE t (x); CREATE TABLE log (x);
             CREATE TRIGGER after_t AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.x); END;",
        )
        .expect("tables");
        let heard = Arc::new(Heard::default());
        let listener: Arc<dyn Listener> = Arc::clone(&heard) as Arc<dyn Listener>;
        log_statements(&mut conn, &Arc::new(Notices::to(&listener))).expect("log");
        conn.execute("INSERT INTO t\n  VALUES (?1)", ["s3cret"]).expect("insert");
        conn.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0)).expect("version");
        {
            let mut outer = conn.prepare("SELECT x FROM t").expect("prepare");
            let mut rows = outer.query([]).expect("query");
            while rows.next().expect("row").is_some() {
                conn.query_row("SELECT count(*) FROM log", [], |row| row.get::<_, i64>(0)).expect("inner");
            }
        }
        conn.execute("INSERT INTO t VALUES (?1, ?1)", ["s3cret"]).expect_err("no statement");
        let lines = heard.0.lock().expect("lock");
        let texts: Vec<_> = lines.iter().filter_map(|line| line.rsplit_once(" (")).map(|(text, _)| text).collect();
        assert_eq!(
            texts,
            [
                "[DRIZZLE QUERY] INSERT INTO t VALUES (?1)",
                "[DRIZZLE QUERY] SELECT count(*) FROM log",
                "[DRIZZLE QUERY] SELECT x FROM t",
            ]
        );
        assert!(lines.iter().all(|line| line.ends_with(" ms)")), "{lines:?}");
    }
}
