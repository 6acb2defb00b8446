#![forbid(unsafe_code)]
//! getStatistics and getDailyStatistics: a handful of rows, however many events there are.

use serde_json::json;

use super::{Day, StatsRow, row::Breakdown};
use crate::{
    client::{Args, Query, Value, reads},
    error::Result,
    packed::json_number,
    telemetry::{Action, filter::Window, shape::STATS},
};

/// getStatistics
pub(in crate::telemetry) fn get() -> Result<Action> {
    Action::read("SELECT * FROM telemetry_stats WHERE stat_type = 'total' AND stat_key = 'all'", |conn, _| {
        let total = StatsRow::total().load(conn)?;
        let sessions: i64 = conn.cached("SELECT count(*) FROM telemetry_sessions")?.query_row([], |row| row.get(0))?;
        let summary = json!({
            "totalEvents": total.total_events,
            "totalSessions": total.unique_sessions,
            "sessionsTotal": sessions,
            "eventBreakdown": {
                "start": total.start_events, "stream": total.stream_events, "end": total.end_events,
                "error": total.error_events,
            },
            "agentBreakdown": breakdown(&total.agent_breakdown),
            "modeBreakdown": breakdown(&total.mode_breakdown),
            "dateRange": {
                "earliest": json_number(total.min_timestamp.unwrap_or(0.0)),
                "latest": json_number(total.max_timestamp.unwrap_or(0.0)),
            },
            "avgSessionDuration": json_number(total.avg_session_duration.unwrap_or(0.0)),
            "dbSizeBytes": conn.size_on_disk()?,
        });
        Ok((Value::Json(summary), Some(1)))
    })
}

/// getDailyStatistics: the days from `from` to `to`.
pub(in crate::telemetry) fn daily(args: &Args) -> Result<Action> {
    let window = Window::query(args.plain(0))?;
    let mut sql = format!("SELECT {} FROM telemetry_stats WHERE stat_type = 'daily'", STATS.select_list(""));
    let mut params = Vec::new();
    for (bound, comparison) in [(window.from, ">="), (window.to, "<=")] {
        if let Some(timestamp) = bound {
            sql.push_str(&format!(" AND stat_key {comparison} ?"));
            params.push(Day::of(timestamp).key().into());
        }
    }
    sql.push_str(" ORDER BY stat_key");
    reads::list(&STATS, Query { sql, params })
}

fn breakdown(counts: &Breakdown) -> serde_json::Value {
    counts.iter().map(|(key, count)| (key.clone(), (*count).into())).collect::<serde_json::Map<_, _>>().into()
}
