#![forbid(unsafe_code)]
//! Retention: events that are older than `pruneDays` go, in batches, archived first if that is wanted (telemetry.md §11).

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use serde_json::json;

use super::{Action, audit, events, shape::EVENT, state::Telemetry};
use crate::{
    client::{Value, count},
    clock::{DAY, now},
    error::{Error, Result},
    packed::{Rows, json_number},
    store::{self, Conn, Level, WriteSession},
};

/// Events of one batch: a transaction of some milliseconds, a file of some hundred kilobytes.
const BATCH: i64 = 1_000;
/// Pages that are kept free below the cap for what a write derives: counters, audit rows, index pages.
const RESERVED_PAGES: i64 = 4;
/// Share of a page that events fill, in bytes, with their index entries taken off.
const FILLED_BYTES: usize = 3_000;

const MEGABYTE: f64 = 1_048_576.0;

/// The moment before which events are expired; `None`: nothing is pruned.
pub(super) fn cutoff(state: &Telemetry) -> Option<f64> {
    state.config.prune_days.map(|days| now() - days * DAY)
}

/// pruneOldData: everything that is expired, now.
pub(super) fn prune() -> Result<Action> {
    Action::alone("DELETE FROM telemetry_events WHERE timestamp < ?1", |session, reply| {
        let deleted = prune_all(session, &mut |done| reply.progress("pruneOldData", done, None))?;
        count(deleted)
    })
    .map(|action| action.counted_as("DELETE_OLD_EVENTS"))
}

/// planRetention: what pruneOldData would do.
pub(super) fn plan(config: &super::config::TelemetryConfig) -> Result<Action> {
    const PLAN: &str = "SELECT count(*), count(DISTINCT session_id), min(timestamp), max(timestamp) FROM telemetry_events WHERE \
                        timestamp < ?1";
    let days = config.prune_days;
    Action::read(PLAN, move |conn, _| {
        let Some(days) = days else {
            return Ok((Value::Json(plan_json(None, (0, 0, None, None), 0)), Some(0)));
        };
        let cutoff = now() - days * DAY;
        let found =
            conn.cached(PLAN)?.query_row([cutoff], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
        let total: i64 = conn.cached("SELECT count(*) FROM telemetry_events")?.query_row([], |row| row.get(0))?;
        let bytes = (conn.pragma_integer("page_count")? - conn.pragma_integer("freelist_count")?)
            * conn.pragma_integer("page_size")?;
        // Events are nearly all of the file: their share of the rows is a fair guess at their share of the bytes.
        let estimate = if total == 0 { 0 } else { i128::from(bytes) * i128::from(found.0) / i128::from(total) };
        Ok((Value::Json(plan_json(Some(cutoff), found, i64::try_from(estimate).unwrap_or(0))), Some(found.0 as u64)))
    })
}

type Expired = (i64, i64, Option<f64>, Option<f64>);

fn plan_json(cutoff: Option<f64>, (events, sessions, oldest, newest): Expired, bytes: i64) -> serde_json::Value {
    let number = |value: Option<f64>| value.map_or(serde_json::Value::Null, json_number);
    json!({
        "enabled": cutoff.is_some(), "cutoff": number(cutoff), "events": events, "sessionsAffected": sessions,
        "oldest": number(oldest), "newest": number(newest), "estimatedBytes": bytes,
    })
}

/// Prune everything that is expired, batch by batch, each in a transaction of its own. Returns how many events went.
pub(super) fn prune_all(session: &mut WriteSession<Telemetry>, progress: &mut dyn FnMut(u64)) -> Result<u64> {
    let Some(cutoff) = cutoff(&session.module) else { return Ok(0) };
    let mut deleted = 0;
    // Where nothing is expired the write lock is not asked for.
    while has_expired(&session.conn, cutoff)? {
        let batch = session.transaction(|conn, state| delete_expired(conn, state, cutoff, "retention"))?;
        deleted += batch;
        progress(deleted);
        if batch < BATCH as u64 {
            break;
        }
    }
    report(session, deleted, "retention");
    Ok(deleted)
}

fn has_expired(conn: &Conn, cutoff: f64) -> Result<bool> {
    Ok(conn.cached("SELECT 1 FROM telemetry_events WHERE timestamp < ?1 LIMIT 1")?.exists([cutoff])?)
}

/// Prune one batch between other writes. Returns whether there may be more; the run is reported when there is not.
pub(super) fn prune_some(session: &mut WriteSession<Telemetry>, reason: &'static str) -> Result<bool> {
    let Some(cutoff) = cutoff(&session.module) else { return Ok(false) };
    let deleted = match has_expired(&session.conn, cutoff)? {
        true => session.transaction(|conn, state| delete_expired(conn, state, cutoff, reason))?,
        false => 0,
    };
    let more = deleted == BATCH as u64;
    let run = session.module.schedule.pruned(deleted, more);
    report(session, run, reason);
    Ok(more)
}

/// A run that deletes is a line in the log.
fn report(session: &WriteSession<Telemetry>, deleted: u64, reason: &str) {
    if deleted > 0 {
        let fields =
            serde_json::Map::from_iter([("events".to_owned(), json!(deleted)), ("reason".to_owned(), json!(reason))]);
        session.notices().tell(Level::Info, &format!("pruned {deleted} events"), fields);
    }
}

/// The most pages that the file may have under `maxSizeMB`.
pub(super) fn page_limit(conn: &Conn, megabytes: f64) -> Result<i64> {
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a number of pages")]
    let pages = (megabytes * MEGABYTE / conn.pragma_integer("page_size")? as f64).floor() as i64;
    Ok((pages - RESERVED_PAGES).max(1))
}

/// At the cap, expired events make room for a write of about `bytes`, oldest first.
pub(super) fn make_room(conn: &Conn, state: &mut Telemetry, limit: i64, bytes: usize) -> Result<()> {
    let Some(cutoff) = cutoff(state) else { return Ok(()) };
    let needed = i64::try_from(bytes / FILLED_BYTES).unwrap_or(i64::MAX / 2) + RESERVED_PAGES;
    while conn.pragma_integer("page_count")? - conn.pragma_integer("freelist_count")? + needed > limit {
        if delete_expired(conn, state, cutoff, "maxSizeMB")? == 0 {
            break;
        }
    }
    Ok(())
}

/// Delete the oldest expired events, at most a batch, within the open transaction.
fn delete_expired(conn: &Conn, state: &mut Telemetry, cutoff: f64, reason: &str) -> Result<u64> {
    let ids = "SELECT id FROM telemetry_events WHERE timestamp < ?1 ORDER BY timestamp, id LIMIT ?2";
    if let Some(directory) = state.config.archive_dir.clone() {
        archive(conn, Path::new(&directory), ids, cutoff)?;
    }
    let deleted = events::delete_where(conn, state, &format!(" WHERE id IN ({ids})"), (cutoff, BATCH))?;
    audit::events_deleted(conn, state, deleted, &json!({ "before": json_number(cutoff) }), Some(reason))?;
    Ok(deleted)
}

/// Write the events of a batch to a file of their own and make sure that it is on the disk.
fn archive(conn: &Conn, directory: &Path, ids: &str, cutoff: f64) -> Result<()> {
    let mut rows = Rows::new(&EVENT);
    let sql = format!("SELECT {} FROM telemetry_events WHERE id IN ({ids}) ORDER BY id", EVENT.select_list(""));
    let mut statement = conn.cached(&sql)?;
    let mut found = statement.query((cutoff, BATCH))?;
    while let Some(row) = found.next()? {
        rows.push(row)?;
    }
    if rows.is_empty() {
        return Ok(());
    }
    write_archive(directory, &rows).map_err(|error| Error::io(directory, &error))
}

fn write_archive(directory: &Path, rows: &Rows) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let id = |row: usize| rows.to_json(row).get("id").cloned().unwrap_or_default();
    let path = free_name(directory, &format!("events-{}-{}", id(0), id(rows.len() - 1)));
    let partial = store::partial(&path);
    let file = OpenOptions::new().write(true).create_new(true).open(&partial)?;
    let written = (|| {
        let mut gzip = GzEncoder::new(io::BufWriter::new(file), Compression::default());
        for row in 0..rows.len() {
            serde_json::to_writer(&mut gzip, &rows.to_json(row))?;
            gzip.write_all(b"\n")?;
        }
        gzip.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        store::publish(&partial, &path)?;
        sync_directory(directory)
    })();
    if written.is_err() {
        // Half an archive is none; the events stay where they are.
        let _ = fs::remove_file(partial);
    }
    written
}

/// A name that no file has: a batch whose delete was undone has left one behind.
fn free_name(directory: &Path, name: &str) -> PathBuf {
    let mut path = directory.join(format!("{name}.jsonl.gz"));
    let mut attempt = 1;
    while path.exists() {
        attempt += 1;
        path = directory.join(format!("{name}-{attempt}.jsonl.gz"));
    }
    path
}

/// The name of a new file is on the disk only when its directory is.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Elsewhere a directory cannot be opened as a file.
#[cfg(not(unix))]
fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether the main file is over its cap.
pub(super) fn over_cap(session: &WriteSession<Telemetry>) -> Result<bool> {
    let Some(megabytes) = session.module.config.max_size_mb else { return Ok(false) };
    let pages = session.conn.pragma_integer("page_count")? - session.conn.pragma_integer("freelist_count")?;
    Ok(pages > page_limit(&session.conn, megabytes)? + RESERVED_PAGES)
}
