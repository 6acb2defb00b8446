#![forbid(unsafe_code)]
//! verifyStatistics: a recount beside the writer, held against what is kept.

use rusqlite::Connection;
use serde_json::{Map, Value as Json, json};

use super::{StatsRow, recount, row::TOTAL};
use crate::{
    client::{Args, Value},
    error::Result,
    packed::json_number,
    store::Conn,
    telemetry::{Action, check},
};

/// Largest relative difference between two sums of the same durations.
const ROUNDING: f64 = 1e-9;

/// verifyStatistics
pub(in crate::telemetry) fn verify(args: &Args) -> Result<Action> {
    const SQL: &str = "SELECT * FROM telemetry_stats";
    if !check::boolean_argument("repair", args.field(0), false)? {
        return Action::beside(SQL, |conn, reply| {
            reply.progress("verifyStatistics", 0, None);
            let snapshot = conn.unchecked_transaction()?;
            let report = compare(conn)?;
            snapshot.commit()?;
            Ok((Value::Json(report.to_json(false)), Some(report.sessions)))
        });
    }
    Action::alone(SQL, |session, reply| {
        reply.progress("verifyStatistics", 0, None);
        session.transaction(|conn, state| {
            let report = compare(conn)?;
            if !report.mismatches.is_empty() {
                recount::recount_sessions(conn, true)?;
                recount::rebuild_stats(conn)?;
                state.counters.recounted();
            }
            Ok((Value::Json(report.to_json(true)), Some(report.sessions)))
        })
    })
}

/// Whether another program has inserted events that are not in the derived values.
pub(in crate::telemetry) fn has_foreign_inserts(conn: &Conn) -> Result<bool> {
    Ok(recount::event_counter(conn)? > StatsRow::total().load(conn)?.last_event_id)
}

/// Recount what another program has inserted, if nobody else has done so in the meantime.
pub(in crate::telemetry) fn repair_after_foreign_inserts(conn: &Conn) -> Result<bool> {
    if !has_foreign_inserts(conn)? {
        return Ok(false);
    }
    recount::recount_sessions(conn, true)?;
    recount::rebuild_stats(conn)?;
    Ok(true)
}

#[derive(Debug, Default)]
struct Findings {
    sessions: u64,
    mismatches: Vec<Json>,
}

impl Findings {
    fn to_json(&self, repair: bool) -> Json {
        let found = !self.mismatches.is_empty();
        json!({
            "ok": !found, "repaired": found && repair, "sessionsChecked": self.sessions, "mismatches": self.mismatches,
        })
    }

    fn differ(&mut self, scope: &str, key: &str, field: &str, stored: Json, actual: Json) {
        self.mismatches.push(json!({
            "scope": scope, "key": key, "field": field, "stored": stored, "actual": actual,
        }));
    }
}

fn compare(conn: &Connection) -> Result<Findings> {
    let mut findings = Findings::default();
    compare_sessions(conn, &mut findings)?;
    let truth = recount::true_stats(conn)?;
    for actual in &truth {
        let stored = StatsRow::new(&actual.stat_type, actual.stat_key.clone()).load(conn)?;
        compare_rows(&stored, actual, &mut findings);
    }
    let mut days = conn.prepare("SELECT stat_key, total_events FROM telemetry_stats WHERE stat_type = 'daily'")?;
    let mut rows = days.query([])?;
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        if !truth.iter().any(|actual| actual.stat_key == key) {
            findings.differ("daily", &key, "totalEvents", row.get::<_, i64>(1)?.into(), 0.into());
        }
    }
    Ok(findings)
}

fn compare_sessions(conn: &Connection, findings: &mut Findings) -> Result<()> {
    let sql = format!(
        "SELECT session.id, session.event_count, truth.events, session.stream_event_count, truth.streams, \
         session.error_count, truth.errors FROM ({}) AS truth JOIN telemetry_sessions AS session ON session.id = \
         truth.session_id",
        recount::TRUE_SESSIONS
    );
    let mut statement = conn.prepare(&sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        findings.sessions += 1;
        let id: String = row.get(0)?;
        for (field, position) in [("eventCount", 1), ("streamEventCount", 3), ("errorCount", 5)] {
            let (stored, actual): (i64, i64) = (row.get(position)?, row.get(position + 1)?);
            if stored != actual {
                findings.differ("session", &id, field, stored.into(), actual.into());
            }
        }
    }
    Ok(())
}

fn compare_rows(stored: &StatsRow, actual: &StatsRow, findings: &mut Findings) {
    let scope = if actual.stat_type == TOTAL { "total" } else { "daily" };
    let (kept, counted) = (fields(stored), fields(actual));
    for (field, actual_value) in counted {
        let stored_value = kept.get(&field).cloned().unwrap_or_default();
        let same = match (stored_value.as_f64(), actual_value.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() <= ROUNDING * one.abs().max(other.abs()).max(1.0),
            _ => stored_value == actual_value,
        };
        if !same {
            findings.differ(scope, &actual.stat_key, &field, stored_value, actual_value);
        }
    }
}

/// The fields that are compared; the counter of ids is bookkeeping.
fn fields(row: &StatsRow) -> Map<String, Json> {
    let number = |value: Option<f64>| value.map_or(Json::Null, json_number);
    let object = json!({
        "totalEvents": row.total_events,
        "startEvents": row.start_events,
        "streamEvents": row.stream_events,
        "endEvents": row.end_events,
        "errorEvents": row.error_events,
        "uniqueSessions": row.unique_sessions,
        "agentBreakdown": row.agent_breakdown,
        "modeBreakdown": row.mode_breakdown,
        "avgSessionDuration": number(row.avg_session_duration),
        "minTimestamp": number(row.min_timestamp),
        "maxTimestamp": number(row.max_timestamp),
    });
    match object {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}
