#![forbid(unsafe_code)]
//! How long the calls of each tool took: what toolStats is made of, and what becomes of it without reading a row.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{params_from_iter, types::ValueRef};
use serde_json::{Value as Json, json};

use super::{check::Status, filter::ToolCallFilter};
use crate::{client::Query, error::Result, packed::json_number, store::Conn};

/// Different durations above which a digest is not worth its memory, some 40 bytes each.
const MOST_DURATIONS: usize = 1 << 20;

/// The calls of one tool by status.
type Tool = [Durations; Status::ALL.len()];

/// How often each duration occurs, by the bits of its number: it is an integer, unless another program has stored
/// something else.
type Durations = HashMap<u64, u64>;

/// Counts of durations by tool and status.
#[derive(Debug, Default, Clone)]
pub(super) struct Digest {
    tools: BTreeMap<String, Tool>,
}

impl Digest {
    /// The calls that `query` selects; its columns are tool_name, status and duration_ms.
    pub(super) fn read(conn: &Conn, query: &Query) -> Result<Self> {
        let mut digest = Self::default();
        digest.add_all(conn, query)?;
        Ok(digest)
    }

    /// Add the calls that `query` selects.
    pub(super) fn add_all(&mut self, conn: &Conn, query: &Query) -> Result<()> {
        let mut statement = conn.cached(&query.sql)?;
        let mut rows = statement.query(params_from_iter(&query.params))?;
        while let Some(row) = rows.next()? {
            let (tool, status) = (row.get_ref(0)?, row.get_ref(1)?);
            let status = status.as_str().ok().and_then(Status::parse).unwrap_or(Status::Error);
            self.add(&String::from_utf8_lossy(tool.as_bytes().unwrap_or_default()), status, number(row.get_ref(2)?));
        }
        Ok(())
    }

    /// Add one call.
    pub(super) fn add(&mut self, tool: &str, status: Status, duration: f64) {
        let tool = match self.tools.get_mut(tool) {
            Some(known) => known,
            None => self.tools.entry(tool.to_owned()).or_default(),
        };
        *tool[status as usize].entry(duration.to_bits()).or_default() += 1;
    }

    /// Whether it is small enough to be kept.
    pub(super) fn is_small(&self) -> bool {
        self.tools.values().flatten().map(HashMap::len).sum::<usize>() <= MOST_DURATIONS
    }

    /// The answer of toolStats for the tools and statuses of `filter`.
    pub(super) fn stats(&self, filter: &ToolCallFilter) -> Vec<Json> {
        let wanted = |name: &&String| filter.tool_names.is_empty() || filter.tool_names.contains(name);
        let mut stats: Vec<_> = self
            .tools
            .iter()
            .filter(|(name, _)| wanted(name))
            .filter_map(|(name, tool)| Stats::of(name, tool, &filter.statuses))
            .collect();
        // The names are in order already.
        stats.sort_by_key(|stats| std::cmp::Reverse(stats.count));
        stats.iter().map(Stats::to_json).collect()
    }
}

/// One entry of toolStats.
struct Stats<'a> {
    name: &'a str,
    count: u64,
    by_status: [u64; Status::ALL.len()],
    /// Ascending, with how often each occurs.
    durations: Vec<(f64, u64)>,
}

impl<'a> Stats<'a> {
    fn of(name: &'a str, tool: &Tool, statuses: &[Status]) -> Option<Self> {
        let mut by_status = [0; Status::ALL.len()];
        let mut durations = Vec::new();
        for status in Status::ALL.iter().filter(|it| statuses.is_empty() || statuses.contains(it)) {
            let counted = &tool[*status as usize];
            by_status[*status as usize] = counted.values().sum();
            durations.extend(counted.iter().map(|(bits, count)| (f64::from_bits(*bits), *count)));
        }
        durations.sort_unstable_by(|(one, _), (other, _)| one.total_cmp(other));
        let count = by_status.iter().sum();
        (count > 0).then_some(Self { name, count, by_status, durations })
    }

    /// Nearest rank: the value at position ⌈p·n⌉ of the ascending durations.
    fn percentile(&self, percent: u64) -> f64 {
        let rank = (self.count * percent).div_ceil(100);
        let mut seen = 0;
        let at_rank = self.durations.iter().find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        at_rank.map_or(f64::NAN, |(duration, _)| *duration)
    }

    #[allow(clippy::cast_precision_loss, reason = "counts are below 2^53")]
    fn to_json(&self) -> Json {
        let [success, error, timeout] = self.by_status;
        let count = self.count as f64;
        let sum: f64 = self.durations.iter().map(|(duration, count)| duration * *count as f64).sum();
        let end = |found: Option<&(f64, u64)>| json_number(found.map_or(f64::NAN, |(duration, _)| *duration));
        json!({
            "toolName": self.name,
            "count": self.count,
            "successCount": success,
            "errorCount": error,
            "timeoutCount": timeout,
            "errorRate": (error + timeout) as f64 / count,
            "minMs": end(self.durations.first()),
            "maxMs": end(self.durations.last()),
            "meanMs": json_number(sum / count),
            "p50Ms": json_number(self.percentile(50)),
            "p95Ms": json_number(self.percentile(95)),
            "p99Ms": json_number(self.percentile(99)),
        })
    }
}

#[allow(clippy::cast_precision_loss, reason = "durations are below 2^53")]
fn number(value: ValueRef<'_>) -> f64 {
    match value {
        ValueRef::Integer(number) => number as f64,
        ValueRef::Real(number) => number,
        // Of another program. It is a call all the same.
        _ => 0.0,
    }
}
