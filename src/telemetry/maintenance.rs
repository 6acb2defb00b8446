#![forbid(unsafe_code)]
//! Maintenance: by the clock, and on demand (telemetry.md §11).

use std::{path::Path, time::Instant};

use serde_json::json;

use super::{Action, audit, buffers, check, retention, state::Telemetry};
use crate::{
    client::{Args, Reply, Value, nothing},
    clock::{DAY, now},
    error::{Error, Result},
    store::{self, CheckpointMode, Conn, WriteSession, checkpoint},
};

const HOUR_MS: f64 = 3_600_000.0;
/// Gives free pages back to the file system, some milliseconds' worth of them; a row for each.
const VACUUM_STEP: &str = "PRAGMA incremental_vacuum(100)";

/// Do the timed work that is due.
pub(super) fn tick(session: &mut WriteSession<Telemetry>) {
    let buffered = session.module.buffers.oldest();
    let due = session.module.schedule.take(buffered);
    if due.flush {
        buffers::flush_managed(session);
    }
    if due.hourly {
        attempt(session, "hourly maintenance", hourly);
        session.module.schedule.prune(true);
        session.module.schedule.vacuum(true);
    }
    if due.prune {
        let more = attempt(session, "pruning", |session| retention::prune_some(session, "retention"));
        session.module.schedule.prune(more == Some(true));
    }
    if due.vacuum {
        let more = attempt(session, "giving free pages back", vacuum_some);
        session.module.schedule.vacuum(more == Some(true));
    }
    if due.size_check {
        attempt(session, "the size check", check_size);
    }
}

/// Timed work that fails is a warning.
fn attempt<T>(
    session: &mut WriteSession<Telemetry>,
    what: &str,
    work: impl FnOnce(&mut WriteSession<Telemetry>) -> Result<T>,
) -> Option<T> {
    match work(session) {
        Ok(value) => Some(value),
        Err(error) => {
            session.notices().warn(&format!("{what} failed: {error}"));
            None
        }
    }
}

fn hourly(session: &mut WriteSession<Telemetry>) -> Result<()> {
    let kept = session.module.config.audit_retention_days;
    session.transaction(|conn, _| {
        buffers::remove_flushed(conn, now() - HOUR_MS)?;
        if let Some(days) = kept {
            conn.cached("DELETE FROM telemetry_audit_log WHERE timestamp < ?1")?.execute([now() - days * DAY])?;
        }
        Ok(())
    })?;
    session.conn.execute_batch("PRAGMA optimize")?;
    checkpoint(&session.conn, CheckpointMode::Passive)?;
    Ok(())
}

/// Give some free pages back between other writes. Returns whether there are more. A file that was made without the means
/// for it keeps them.
fn vacuum_some(session: &mut WriteSession<Telemetry>) -> Result<bool> {
    let before = session.conn.pragma_integer("freelist_count")?;
    if before == 0 {
        return Ok(false);
    }
    session.transaction(|conn, _| {
        let mut step = conn.cached(VACUUM_STEP)?;
        let mut pages = step.query([])?;
        while pages.next()?.is_some() {}
        Ok(())
    })?;
    let after = session.conn.pragma_integer("freelist_count")?;
    Ok(after > 0 && after < before)
}

/// Hold the file against `maxSizeMB`: prune what is expired, and warn if that is not enough.
fn check_size(session: &mut WriteSession<Telemetry>) -> Result<()> {
    if !retention::over_cap(session)? {
        session.module.schedule.warned = false;
        return Ok(());
    }
    if retention::prune_some(session, "maxSizeMB")? {
        session.module.schedule.grew(0);
    } else if retention::over_cap(session)? && !std::mem::replace(&mut session.module.schedule.warned, true) {
        let megabytes = session.module.config.max_size_mb.unwrap_or_default();
        session.notices().warn(&format!(
            "the database is over maxSizeMB ({megabytes} MB) and nothing older than pruneDays is left to prune"
        ));
    }
    Ok(())
}

/// What opening does after the schema is there: buffers that a crash left, and expired events.
pub(super) fn recover(session: &mut WriteSession<Telemetry>) {
    buffers::flush_managed(session);
    attempt(session, "pruning", |session| retention::prune_all(session, &mut |_| {}));
}

/// vacuum
pub(super) fn vacuum() -> Result<Action> {
    statement("VACUUM")
}

/// reindex
pub(super) fn reindex() -> Result<Action> {
    statement("REINDEX")
}

/// optimize: vacuum, then analyze.
pub(super) fn optimize() -> Result<Action> {
    Action::steps(|session, reply, recorder| {
        for sql in ["VACUUM", "ANALYZE"] {
            reply.progress(sql, 0, None);
            let began = Instant::now();
            let result = session.conn.execute_batch(sql).map_err(Error::from);
            let outcome = result.as_ref().map(|()| None).map_err(ToString::to_string);
            recorder.record(sql, sql, began.elapsed(), outcome);
            result?;
        }
        Ok(Value::Nothing)
    })
}

/// A statement that has the writer to itself.
fn statement(sql: &'static str) -> Result<Action> {
    Action::alone(sql, move |session, reply| {
        run(&session.conn, sql, reply)?;
        nothing(0)
    })
}

/// analyze: planner statistics, beside the writer.
pub(super) fn analyze() -> Result<Action> {
    Action::beside("ANALYZE", |conn, reply| {
        run(conn, "ANALYZE", reply)?;
        nothing(0)
    })
}

/// checkpoint
pub(super) fn run_checkpoint(args: &Args) -> Result<Action> {
    use super::kinds::CheckpointMode as Word;
    let mode = match check::checkpoint_mode_argument(args.field(0))? {
        Word::Passive => CheckpointMode::Passive,
        Word::Full => CheckpointMode::Full,
        Word::Restart => CheckpointMode::Restart,
        Word::Truncate => CheckpointMode::Truncate,
    };
    Action::beside("PRAGMA wal_checkpoint", move |conn, _| {
        let done = checkpoint(conn, mode)?;
        Ok((Value::Json(json!(done)), None))
    })
}

/// backup: a consistent copy, never over a file.
pub(super) fn backup(args: &Args) -> Result<Action> {
    let target = check::text_argument("path", args.field(0))?.to_owned();
    Action::beside("BACKUP", move |conn, reply| {
        let mut progress = |copied, total| reply.progress("backup", copied, Some(total));
        let pages = store::backup(conn, Path::new(&target), store::Readers::OfSource, &mut progress)?;
        Ok((Value::Json(json!({ "totalPages": pages, "remainingPages": 0 })), None))
    })
}

/// clearAllData: everything but audit, rules and versions, in one transaction; then VACUUM.
pub(super) fn clear_all() -> Result<Action> {
    Action::alone("DELETE FROM telemetry_events", |session, reply| {
        let cleared = session.transaction(|conn, state| {
            let mut cleared = 0;
            for table in ["telemetry_errors", "telemetry_buffers", "telemetry_events", "telemetry_sessions"] {
                let rows = conn.execute(&format!("DELETE FROM {table}"), [])? as u64;
                cleared += rows;
                if matches!(table, "telemetry_events" | "telemetry_sessions") {
                    audit::rows_deleted(conn, state, table, rows, &json!({}), Some("clearAllData"))?;
                }
            }
            conn.execute("DELETE FROM telemetry_stats", [])?;
            state.counters.recounted();
            state.buffers.forget();
            super::statistics::recount::rebuild_stats(conn)?;
            Ok(cleared)
        })?;
        run(&session.conn, "VACUUM", reply)?;
        nothing(cleared)
    })
}

/// A long statement: SQLite does not tell how far it is.
fn run(conn: &Conn, sql: &str, reply: &dyn Reply) -> Result<()> {
    reply.progress(sql, 0, None);
    conn.execute_batch(sql)?;
    reply.progress(sql, 1, Some(1));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, mpsc},
        thread,
        time::Duration,
    };

    use serde_json::{Map, Value as Json};

    use super::*;
    use crate::{
        packed::Input,
        store::{Level, Listener, Store},
        telemetry::{
            config::{Environment, TelemetryConfig},
            open,
        },
    };

    struct Deaf;

    impl Listener for Deaf {
        fn notice(&self, level: Level, message: &str, _: Map<String, Json>) {
            assert!(!matches!(level, Level::Warn), "{message}");
        }
    }

    fn store(path: &Path) -> Store<Telemetry> {
        let config = [
            ("dbPath", Input::Text(path.to_string_lossy().into_owned())),
            ("pruneDays", Input::Number(30.0)),
            ("auditRetentionDays", Input::Number(7.0)),
        ];
        let config = Input::Map(config.map(|(name, value)| (name.to_owned(), value)).into());
        let config = TelemetryConfig::parse(&config, &Environment::default()).expect("config");
        let listener: Arc<dyn Listener> = Arc::new(Deaf);
        open::open(Arc::new(config), &listener).expect("open")
    }

    /// Run `work` on the writer and wait for it.
    fn on_writer<T: Send + 'static>(
        store: &Store<Telemetry>,
        work: impl FnOnce(&mut WriteSession<Telemetry>) -> Result<T> + Send + 'static,
    ) -> T {
        let (done, result) = mpsc::channel();
        store.alone(work, move |outcome, _| drop(done.send(outcome)));
        result.recv().expect("the writer lives").expect("work")
    }

    fn integers(store: &Store<Telemetry>, sql: &'static str) -> Vec<i64> {
        on_writer(store, move |session| {
            let mut rows = session.conn.prepare(sql)?;
            Ok(rows.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
        })
    }

    #[test]
    fn each_hour_what_is_over_goes_and_its_room_is_given_back() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("t.db");
        let store = store(&path);
        let now = now();
        on_writer(&store, move |session| {
            session.conn.execute_batch(&format!(
                "INSERT INTO telemetry_sessions (id, agent_type, mode, start_time) VALUES ('s', 'a', 'm', 1);
                 INSERT INTO telemetry_buffers (id, session_id, status, buffer_data, flushed_at) VALUES
                   (1, 's', 'flushed', '[]', {now} - 3600001), (2, 's', 'flushed', '[]', {now} - 3000000),
                   (3, 's', 'pending', '[]', NULL);
                 DELETE FROM telemetry_audit_log;
                 INSERT INTO telemetry_audit_log (id, table_name, record_id, operation, timestamp) VALUES
                   (1, 't', '1', 'INSERT', {now} - 7 * {DAY} - 1000), (2, 't', '1', 'INSERT', {now} - 6 * {DAY});
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500)
                 INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, prompt, timestamp)
                 SELECT 's', 'stream', 'a', 'm', hex(zeroblob(2000)), {now} - CASE WHEN i < 2400 THEN 31 ELSE 1 END * {DAY} FROM n"
            ))?;
            session.module.counters.recounted();
            super::super::statistics::recount::rebuild_stats(&session.conn)?;
            Ok(())
        });
        on_writer(&store, |session| {
            session.module.schedule.pass_hour();
            Ok(())
        });
        let size = || std::fs::metadata(&path).expect("file").len();
        let until = |what: &str, is_done: &dyn Fn() -> bool| {
            let began = Instant::now();
            while !is_done() {
                assert!(began.elapsed() < Duration::from_secs(20), "{what}");
                thread::sleep(Duration::from_millis(5));
            }
        };
        until("pruned", &|| integers(&store, "SELECT count(*) FROM telemetry_events") == [101]);
        assert_eq!(integers(&store, "SELECT id FROM telemetry_buffers ORDER BY id"), [2, 3]);
        assert_eq!(integers(&store, "SELECT id FROM telemetry_audit_log WHERE table_name = 't'"), [2]);
        until("free pages are given back", &|| integers(&store, "PRAGMA freelist_count") == [0]);
        until("the file has shrunk", &|| size() < 2_000_000);
        store.close();
    }

    #[test]
    fn a_file_that_keeps_its_free_pages_is_tried_once() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("t.db");
        let other = rusqlite::Connection::open(&path).expect("open");
        other
            .execute_batch("CREATE TABLE x (y); INSERT INTO x VALUES (zeroblob(1000000)); DELETE FROM x")
            .expect("fill");
        let store = store(&path);
        let due = on_writer(&store, |session| {
            session.module.schedule.vacuum(true);
            tick(session);
            Ok(session.module.schedule.take(None))
        });
        assert!(!due.vacuum);
        assert!(integers(&store, "PRAGMA freelist_count") > vec![0]);
        store.close();
    }
}
