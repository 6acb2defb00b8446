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
/// Free pages given back to the file system in one step.
const VACUUM_STEP: &str = "PRAGMA incremental_vacuum(1000)";

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
    }
    if due.prune {
        let more = attempt(session, "pruning", |session| retention::prune_some(session, "retention"));
        session.module.schedule.prune(more == Some(true));
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
    session.conn.execute_batch(VACUUM_STEP)?;
    session.conn.execute_batch("PRAGMA optimize")?;
    checkpoint(&session.conn, CheckpointMode::Passive)?;
    Ok(())
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
