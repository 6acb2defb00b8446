#![forbid(unsafe_code)]
//! How long the calls of each tool took: what toolStats is made of, and what becomes of it without reading a row.
//!
//! SQLite hands the rows to an aggregate function, `tool_digest`: stepping through them from here would cost a third
//! more.

use std::{cell::RefCell, collections::HashMap};

use foldhash::fast::RandomState;
use rusqlite::{
    functions::{Aggregate, Context, FunctionFlags},
    params_from_iter,
    types::{Null, ValueRef},
};
use serde_json::{Value as Json, json};

use super::{check::Status, filter::ToolCallFilter};
use crate::{client::Query, error::Result, packed::json_number, store::Conn};

/// What a query selects that [`Digest::read`] takes.
pub(super) const COLUMNS: &str = "SELECT tool_digest(tool_name, status, duration_ms) FROM tool_calls";

/// Bytes above which a digest is not worth its memory.
const MOST_BYTES: usize = 40 << 20;
/// Durations below that many milliseconds may be counted by place: most are.
const SHORT: f64 = 16_384.0;
/// Calls that are read before they are counted, in one go: the processor then fetches counters that lie far apart side by side.
const READ_AHEAD: usize = 1024;

/// Counts of durations by tool and status.
#[derive(Debug, Default, Clone)]
pub(super) struct Digest {
    tools: Vec<Tool>,
    /// Where the tool with this name is. The bytes of a name are what another program has stored, and may be no text.
    places: HashMap<Box<[u8]>, usize, RandomState>,
    /// Calls that are not counted yet: place of the tool, status, duration.
    uncounted: Vec<(usize, Status, f64)>,
}

/// The calls of one tool.
#[derive(Debug, Default, Clone)]
struct Tool {
    name: String,
    by_status: [Durations; Status::ALL.len()],
}

/// How often each duration occurs.
#[derive(Debug, Default, Clone)]
struct Durations {
    count: u64,
    /// By the duration itself.
    short: Vec<u64>,
    /// By the bits of the number: it is an integer, unless another program has stored something else.
    others: HashMap<u64, u64, RandomState>,
}

impl Digest {
    /// The calls that `query` selects, which begins with [`COLUMNS`].
    pub(super) fn read(conn: &Conn, query: &Query) -> Result<Self> {
        let mut digest = Self::default();
        digest.add_all(conn, query)?;
        Ok(digest)
    }

    /// Add the calls that `query` selects, which begins with [`COLUMNS`].
    pub(super) fn add_all(&mut self, conn: &Conn, query: &Query) -> Result<()> {
        let mut statement = conn.cached(&query.sql).or_else(|_| {
            // The first one on this connection.
            let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
            conn.create_aggregate_function("tool_digest", 3, flags, Collect)?;
            conn.cached(&query.sql)
        })?;
        COLLECTED.set(std::mem::take(self));
        let read = statement.query_row(params_from_iter(&query.params), |_| Ok(()));
        *self = COLLECTED.take();
        Ok(read?)
    }

    /// Add one call.
    pub(super) fn add(&mut self, tool: &[u8], status: Status, duration: f64) {
        self.take(tool, status, duration);
        self.count();
    }

    /// Take one call, to be counted with others.
    fn take(&mut self, tool: &[u8], status: Status, duration: f64) {
        let place = match self.places.get(tool) {
            Some(place) => *place,
            None => self.settle(tool),
        };
        self.uncounted.push((place, status, duration));
        if self.uncounted.len() == READ_AHEAD {
            self.count();
        }
    }

    /// Count the calls that have been taken.
    fn count(&mut self) {
        for (place, status, duration) in &self.uncounted {
            self.tools[*place].by_status[*status as usize].add(*duration);
        }
        self.uncounted.clear();
    }

    /// A place for a tool that has none.
    fn settle(&mut self, tool: &[u8]) -> usize {
        let name = String::from_utf8_lossy(tool);
        let place = match self.places.get(name.as_bytes()) {
            Some(place) => *place,
            None => {
                self.places.insert(name.as_bytes().into(), self.tools.len());
                self.tools.push(Tool { name: name.into_owned(), ..Tool::default() });
                self.tools.len() - 1
            }
        };
        self.places.insert(tool.into(), place);
        place
    }

    /// Whether it is small enough to be kept.
    pub(super) fn is_small(&self) -> bool {
        self.tools.iter().map(Tool::bytes).sum::<usize>() <= MOST_BYTES
    }

    /// The answer of toolStats for the tools and statuses of `filter`.
    pub(super) fn stats(&self, filter: &ToolCallFilter) -> Vec<Json> {
        let wanted = |tool: &&Tool| filter.tool_names.is_empty() || filter.tool_names.contains(&tool.name);
        let mut stats: Vec<_> =
            self.tools.iter().filter(wanted).filter_map(|tool| Stats::of(tool, &filter.statuses)).collect();
        stats.sort_unstable_by(|one, other| other.count.cmp(&one.count).then_with(|| one.name.cmp(other.name)));
        stats.iter().map(Stats::to_json).collect()
    }
}

impl Tool {
    /// About what it takes of memory.
    fn bytes(&self) -> usize {
        size_of::<Self>() + 2 * self.name.len() + self.by_status.iter().map(Durations::bytes).sum::<usize>()
    }
}

impl Durations {
    fn add(&mut self, duration: f64) {
        self.count += 1;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "what does not fit is no place")]
        let place = duration as usize;
        #[allow(clippy::cast_precision_loss, reason = "a place is far below 2^53")]
        match self.short.get_mut(place) {
            Some(count) if place as f64 == duration => *count += 1,
            _ => self.add_rare(duration, place),
        }
    }

    /// Places are made as calls come: a tool that is hardly used takes hardly any memory.
    #[allow(clippy::cast_precision_loss, reason = "counts are below 2^53")]
    fn add_rare(&mut self, duration: f64, place: usize) {
        if place as f64 == duration && duration < SHORT.min(2.0 * self.count as f64) {
            self.short.resize((place + 1).next_power_of_two(), 0);
            self.short[place] += 1;
        } else {
            *self.others.entry(duration.to_bits()).or_default() += 1;
        }
    }

    /// Each duration with how often it occurs, in no order. One may come twice.
    #[allow(clippy::cast_precision_loss, reason = "a place is far below 2^53")]
    fn counts(&self) -> impl Iterator<Item = (f64, u64)> {
        let short = self.short.iter().enumerate().map(|(place, count)| (place as f64, *count));
        short
            .filter(|(_, count)| *count > 0)
            .chain(self.others.iter().map(|(bits, count)| (f64::from_bits(*bits), *count)))
    }

    fn bytes(&self) -> usize {
        8 * self.short.len() + 40 * self.others.len()
    }
}

thread_local! {
    /// What `tool_digest` adds to on this thread.
    static COLLECTED: RefCell<Digest> = RefCell::default();
}

/// The function `tool_digest`.
struct Collect;

impl Aggregate<Digest, Null> for Collect {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Digest> {
        Ok(COLLECTED.take())
    }

    fn step(&self, row: &mut Context<'_>, digest: &mut Digest) -> rusqlite::Result<()> {
        let status = match bytes(row.get_raw(1)) {
            b"success" => Status::Success,
            b"timeout" => Status::Timeout,
            _ => Status::Error,
        };
        digest.take(bytes(row.get_raw(0)), status, number(row.get_raw(2)));
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, digest: Option<Digest>) -> rusqlite::Result<Null> {
        if let Some(mut digest) = digest {
            digest.count();
            COLLECTED.set(digest);
        }
        Ok(Null)
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
    fn of(tool: &'a Tool, statuses: &[Status]) -> Option<Self> {
        let mut by_status = [0; Status::ALL.len()];
        let mut durations = Vec::new();
        for status in Status::ALL.iter().filter(|it| statuses.is_empty() || statuses.contains(it)) {
            let counted = &tool.by_status[*status as usize];
            by_status[*status as usize] = counted.count;
            durations.extend(counted.counts());
        }
        // Stable: it makes use of the runs that are in order already, those of the short ones.
        durations.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let count = by_status.iter().sum();
        (count > 0).then_some(Self { name: &tool.name, count, by_status, durations })
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

fn bytes(value: ValueRef<'_>) -> &[u8] {
    value.as_bytes().unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn stats_of(durations: impl Iterator<Item = f64>) -> Json {
        let mut digest = Digest::default();
        for duration in durations {
            digest.add(b"grep", Status::Success, duration);
        }
        digest.stats(&ToolCallFilter::default()).remove(0)
    }

    #[test]
    fn durations_are_counted_alike_wherever_they_are_kept() {
        // Short and long ones, in either order, of which the first come before there are places for them.
        let all = (0..9000).map(|n| f64::from((n * 7919) % 9000 * 3)).chain([0.5, -3.0, 1e15]);
        let stats = stats_of(all.clone());
        let mut sorted: Vec<f64> = all.collect();
        sorted.sort_by(f64::total_cmp);
        let rank = |percent: usize| json_number(sorted[(sorted.len() * percent).div_ceil(100) - 1]);
        assert_eq!(stats["count"], 9003);
        assert_eq!([&stats["p50Ms"], &stats["p95Ms"], &stats["p99Ms"]], [&rank(50), &rank(95), &rank(99)]);
        assert_eq!([&stats["minMs"], &stats["maxMs"]], [&json_number(-3.0), &json_number(1e15)]);
        let mean = sorted.iter().sum::<f64>() / 9003.0;
        assert!((stats["meanMs"].as_f64().expect("mean") - mean).abs() < 1e-3, "{stats}");
    }

    #[test]
    fn what_is_no_text_is_one_tool_with_the_text_that_it_reads_as() {
        let mut digest = Digest::default();
        for name in [&b"\xff"[..], "\u{fffd}".as_bytes(), b"\xfe", b"b", b"a"] {
            digest.add(name, Status::Error, 1.0);
        }
        let stats = digest.stats(&ToolCallFilter::default());
        let names: Vec<_> = stats.iter().map(|tool| tool["toolName"].as_str().unwrap_or_default()).collect();
        assert_eq!(names, ["\u{fffd}", "a", "b"]);
    }

    #[test]
    fn a_digest_of_too_many_durations_is_not_kept() {
        let mut digest = Digest::default();
        for duration in 0..1_200_000 {
            digest.add(b"grep", Status::Success, f64::from(duration));
        }
        assert!(!digest.is_small());
    }
}
