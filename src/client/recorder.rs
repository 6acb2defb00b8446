#![forbid(unsafe_code)]
//! What one client has done: counters, the query log, and notices on their way to its listener.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value as Json, json};

use super::{call::Inserted, module::Reporter};
use crate::{
    error::{Error, Result},
    store::{Level, Listener, Metrics},
};

/// Counts calls and writes the query log of one client.
pub struct Recorder {
    pub(super) metrics: Metrics,
    pub(super) log_queries: bool,
    pub(super) listener: Arc<dyn Listener>,
    /// How the module words an error.
    pub(super) report: Reporter,
}

impl Recorder {
    /// Count inserts that were carried out together, in `took`.
    pub(crate) fn record_each(&self, operation: &str, inserted: &Inserted, sql: &str, took: Duration) {
        let share = took / u32::try_from(inserted.ids.len().max(1)).unwrap_or(u32::MAX);
        let query_type = query_type(operation);
        let mut failures = inserted.failures.iter().peekable();
        for index in 0..inserted.ids.len() {
            match failures.next_if(|(failed, _)| *failed == index) {
                None => self.record(&query_type, sql, share, Ok(Some(1))),
                Some((_, error)) if error.is_refusal() => {}
                Some((_, error)) => self.record(&query_type, sql, share, Err(self.message(error, operation))),
            }
        }
    }

    /// Count one public call.
    pub(crate) fn record(&self, query_type: &str, sql: &str, took: Duration, outcome: Result<Option<u64>, String>) {
        if self.log_queries {
            let ms = took.as_secs_f64() * 1000.0;
            let rows = outcome.as_ref().ok().copied().flatten().unwrap_or(0);
            let line = format!("[DRIZZLE QUERY] {sql} ({ms:.3} ms, {rows} rows)");
            self.listener.notice(Level::Debug, &line, Map::from_iter([("query".to_owned(), json!(true))]));
        }
        self.metrics.record(query_type, sql, took, outcome);
    }
    /// What the caller of `operation` reads.
    pub(super) fn message(&self, error: &Error, operation: &str) -> String {
        (self.report)(error, operation).message
    }
}

impl Listener for Recorder {
    fn notice(&self, level: Level, message: &str, fields: Map<String, Json>) {
        if level == Level::Warn {
            self.metrics.warn(message);
        }
        self.listener.notice(level, message, fields);
    }
}

/// `insertEvent` → `INSERT_EVENT`
pub(super) fn query_type(method: &str) -> String {
    let mut name = String::with_capacity(method.len() + 4);
    for letter in method.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
