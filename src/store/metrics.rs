#![forbid(unsafe_code)]
//! What a client and a store count.

use std::{
    collections::{BTreeMap, VecDeque},
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::Serialize;

use super::{Location, look::log_of};
use crate::clock::now;

const HISTORY: usize = 100;
const SLOW: usize = 10;
const WARNINGS: usize = 20;
/// Percentiles describe this many of the latest calls of an operation.
const SAMPLES: usize = 1024;
const QUERY_CHARACTERS: usize = 500;

/// One public call, as `getQueryHistory()` shows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Query {
    /// Method name in upper snake case.
    pub query_type: String,
    /// SQL with placeholders, at most 500 characters.
    pub query: String,
    /// Execution without queueing, ms.
    pub duration: f64,
    /// When it ended, ms since 1970.
    pub timestamp: f64,
    /// Rows returned or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_count: Option<u64>,
    /// Message of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Counters and history of one client.
#[derive(Debug)]
pub struct Metrics {
    detailed: bool,
    slow_above: f64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    total: u64,
    total_time: f64,
    errors: u64,
    connections: u64,
    last_updated: f64,
    slow: VecDeque<Query>,
    history: VecDeque<Query>,
    warnings: VecDeque<Warning>,
    operations: BTreeMap<String, Operation>,
    baseline: StoreFigures,
}

#[derive(Debug, Default)]
struct Operation {
    count: u64,
    errors: u64,
    max: f64,
    samples: VecDeque<f64>,
}

#[derive(Debug, Clone, Serialize)]
struct Warning {
    timestamp: f64,
    message: String,
}

impl Metrics {
    /// Fresh counters. `detailed` keeps history and percentiles; a call is slow above `slow_above` ms.
    pub fn new(detailed: bool, slow_above: f64) -> Self {
        Self { detailed, slow_above, state: Mutex::new(State { last_updated: now(), ..State::default() }) }
    }

    /// Count one public call.
    pub fn record(&self, query_type: &str, sql: &str, took: Duration, outcome: Result<Option<u64>, String>) {
        let duration = took.as_secs_f64() * 1000.0;
        let mut state = self.lock();
        state.total += 1;
        state.total_time += duration;
        state.errors += u64::from(outcome.is_err());
        state.last_updated = now();
        if !self.detailed {
            return;
        }
        if !state.operations.contains_key(query_type) {
            state.operations.insert(query_type.to_owned(), Operation::default());
        }
        if let Some(operation) = state.operations.get_mut(query_type) {
            operation.count += 1;
            operation.errors += u64::from(outcome.is_err());
            operation.max = operation.max.max(duration);
            push(&mut operation.samples, duration, SAMPLES);
        }
        let (result_count, error) = match outcome {
            Ok(count) => (count, None),
            Err(message) => (None, Some(message)),
        };
        let query = Query {
            query_type: query_type.to_owned(),
            query: shortened(sql),
            duration,
            timestamp: state.last_updated,
            result_count,
            error,
        };
        if duration > self.slow_above {
            push(&mut state.slow, query.clone(), SLOW);
        }
        push(&mut state.history, query, HISTORY);
    }

    /// Count a successful open.
    pub fn opened(&self) {
        self.lock().connections += 1;
    }

    /// Keep a warning.
    pub fn warn(&self, message: &str) {
        push(&mut self.lock().warnings, Warning { timestamp: now(), message: message.to_owned() }, WARNINGS);
    }

    /// Forget everything but the number of opens; group size and hit rate start again from `figures`.
    pub fn reset(&self, figures: StoreFigures) {
        let mut state = self.lock();
        let connections = state.connections;
        *state = State { connections, last_updated: now(), baseline: figures, ..State::default() };
    }

    /// The last 100 calls, oldest first.
    pub fn history(&self) -> Vec<Query> {
        self.lock().history.iter().cloned().collect()
    }

    /// `DatabaseMetrics` of telemetry.md §2.
    pub fn report(&self, figures: &StoreFigures) -> serde_json::Value {
        let state = self.lock();
        let operations: serde_json::Map<_, _> =
            state.operations.iter().map(|(name, operation)| (name.clone(), operation.report())).collect();
        let commits = figures.commits.saturating_sub(state.baseline.commits);
        let calls = figures.calls.saturating_sub(state.baseline.calls);
        let prepared = figures.prepared.saturating_sub(state.baseline.prepared);
        let hits = figures.hits.saturating_sub(state.baseline.hits);
        serde_json::json!({
            "totalQueries": state.total,
            "avgQueryTime": ratio(state.total_time, state.total),
            "slowQueries": state.slow,
            "errorCount": state.errors,
            "connectionCount": state.connections,
            "dbSizeBytes": figures.file_bytes + figures.wal_bytes,
            "lastUpdated": state.last_updated,
            "operations": operations,
            "walSizeBytes": figures.wal_bytes,
            "writeQueueDepth": figures.queued,
            "avgGroupCommitSize": ratio(calls as f64, commits),
            "preparedCacheHitRate": ratio(hits as f64, prepared),
            "journalMode": figures.journal_mode,
            "warnings": state.warnings,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Operation {
    fn report(&self) -> serde_json::Value {
        let mut samples: Vec<f64> = self.samples.iter().copied().collect();
        samples.sort_by(f64::total_cmp);
        let percentile = |share: usize| samples.get((samples.len() * share / 100).min(samples.len().saturating_sub(1)));
        serde_json::json!({
            "count": self.count,
            "errors": self.errors,
            "p50": percentile(50).unwrap_or(&0.0),
            "p95": percentile(95).unwrap_or(&0.0),
            "p99": percentile(99).unwrap_or(&0.0),
            "max": self.max,
        })
    }
}

/// Counters of a store at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreFigures {
    /// Group commits.
    pub commits: u64,
    /// Calls in those commits.
    pub calls: u64,
    /// Statements asked for.
    pub prepared: u64,
    /// Statements that were in the cache.
    pub hits: u64,
    /// Calls that are not committed yet.
    pub queued: u64,
    /// Size of the main file, bytes.
    pub file_bytes: u64,
    /// Size of the `-wal` file, bytes.
    pub wal_bytes: u64,
    /// The mode in force; `None` while closed.
    pub journal_mode: Option<&'static str>,
}

impl StoreFigures {
    /// What the files of a database tell, whether it is open or not.
    pub fn on_disk(location: &Location) -> Self {
        let Some(path) = location.path() else { return Self::default() };
        let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
        Self { file_bytes: size(path), wal_bytes: size(&log_of(path)), ..Self::default() }
    }
}

/// Hits and misses of the statement caches of a store.
#[derive(Debug, Default)]
pub(super) struct StatementCache {
    prepared: AtomicU64,
    hits: AtomicU64,
}

impl StatementCache {
    pub(super) fn count(&self, hit: bool) {
        self.prepared.fetch_add(1, Ordering::Relaxed);
        self.hits.fetch_add(u64::from(hit), Ordering::Relaxed);
    }

    pub(super) fn prepared_and_hits(&self) -> (u64, u64) {
        (self.prepared.load(Ordering::Relaxed), self.hits.load(Ordering::Relaxed))
    }
}

/// The first [`QUERY_CHARACTERS`] of it.
fn shortened(sql: &str) -> String {
    // Whatever has as few bytes has no more characters; counting them would cost an insert more than all else here.
    if sql.len() <= QUERY_CHARACTERS { sql.to_owned() } else { sql.chars().take(QUERY_CHARACTERS).collect() }
}

fn push<T>(ring: &mut VecDeque<T>, item: T, most: usize) {
    if ring.len() == most {
        ring.pop_front();
    }
    ring.push_back(item);
}

#[allow(clippy::cast_precision_loss, reason = "counters far below 2^53")]
fn ratio(sum: f64, count: u64) -> f64 {
    if count == 0 { 0.0 } else { sum / count as f64 }
}
