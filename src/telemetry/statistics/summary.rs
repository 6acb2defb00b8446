#![forbid(unsafe_code)]
//! getStatistics: a handful of rows, however many events there are.

use std::collections::BTreeMap;

use super::{StatsRow, row::StatsKey};
use crate::{error::Result, store::Conn};

/// `TelemetryStatsSummary` of telemetry.md §2, without the size.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The row `('total', 'all')`.
    pub total: StatsRow,
    /// Rows of the sessions table.
    pub sessions: i64,
    /// Main file and WAL, bytes.
    pub size: u64,
}

impl Summary {
    pub(in crate::telemetry) fn read(conn: &Conn, size: u64) -> Result<Self> {
        let total = StatsRow::load(conn, &StatsKey::total())?.unwrap_or_default();
        let sessions =
            conn.cached("SELECT count(*) FROM telemetry_sessions")?.query_row([], |row| row.get(0))?;
        Ok(Self { total, sessions, size })
    }

    /// The object that the caller gets.
    pub fn to_json(&self) -> serde_json::Value {
        let total = &self.total;
        let number = crate::packed::json_number;
        let breakdown = |counts: &BTreeMap<String, i64>| {
            serde_json::Value::Object(counts.iter().map(|(key, count)| (key.clone(), (*count).into())).collect())
        };
        let [start, stream, end, error] = total.by_type;
        serde_json::json!({
            "totalEvents": total.total_events,
            "totalSessions": total.unique_sessions,
            "sessionsTotal": self.sessions,
            "eventBreakdown": { "start": start, "stream": stream, "end": end, "error": error },
            "agentBreakdown": breakdown(&total.agents),
            "modeBreakdown": breakdown(&total.modes),
            "dateRange": {
                "earliest": number(total.min_timestamp.unwrap_or(0.0)),
                "latest": number(total.max_timestamp.unwrap_or(0.0)),
            },
            "avgSessionDuration": number(total.average_duration()),
            "dbSizeBytes": self.size,
        })
    }
}
