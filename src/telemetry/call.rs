#![forbid(unsafe_code)]
//! One public call on its way: who asked, how to stop it, where the answer goes.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, json};

use crate::{
    error::{Error, Result},
    packed::Rows,
    store::{Cancel, Level, Listener, Metrics},
};

/// The value that a call resolves to, besides rows.
#[derive(Debug)]
pub enum Value {
    /// `undefined`
    Nothing,
    /// A boolean.
    Boolean(bool),
    /// A count or an id.
    Number(f64),
    /// A small object.
    Json(serde_json::Value),
    /// The outcomes of a micro-batch of insertEvent calls.
    Inserted(Inserted),
    /// One row; it goes out as rows do.
    Row(Box<Rows>),
}

/// The outcomes of a micro-batch of insertEvent calls, by position.
#[derive(Debug, Default)]
pub struct Inserted {
    /// Ids; `NaN` where the call failed.
    pub ids: Vec<f64>,
    /// `created_at`, ms.
    pub created_at: Vec<f64>,
    /// The calls that failed.
    pub failures: Vec<(usize, Error)>,
}

/// Where answers go. Called on threads of the store.
pub trait Reply: Send + Sync + 'static {
    /// Take a chunk of rows. May block until the consumer has room.
    ///
    /// # Errors
    /// [`Error::Aborted`] or [`Error::Closed`] if nobody wants more.
    fn rows(&self, rows: Rows) -> Result<()>;

    /// Take the last rows of a listing. They may wait for what comes next; the end of the call is soon enough.
    ///
    /// # Errors
    /// As [`Reply::rows`].
    fn tail(&self, rows: Rows) -> Result<()> {
        self.rows(rows)
    }

    /// Take a report on a long operation.
    fn progress(&self, operation: &str, done: u64, total: Option<u64>);

    /// Take the end of the call. Comes once, last.
    fn done(&self, operation: &'static str, result: Result<Value>);
}

/// Counts calls and writes the query log of one client.
pub(super) struct Recorder {
    pub(super) metrics: Metrics,
    pub(super) log_queries: bool,
    pub(super) listener: Arc<dyn Listener>,
}

impl Recorder {
    /// Count calls of insertEvent that were carried out together, in `took`.
    pub(super) fn record_inserted(&self, inserted: &Inserted, sql: &str, took: Duration) {
        let share = took / u32::try_from(inserted.ids.len().max(1)).unwrap_or(u32::MAX);
        let mut failures = inserted.failures.iter().peekable();
        for index in 0..inserted.ids.len() {
            match failures.next_if(|(failed, _)| *failed == index) {
                None => self.record("INSERT_EVENT", sql, share, Ok(Some(1))),
                Some((_, error)) if error.is_refusal() => {}
                Some((_, error)) => self.record("INSERT_EVENT", sql, share, Err(error.report("insertEvent").message)),
            }
        }
    }

    /// Count one public call.
    pub(super) fn record(&self, query_type: &str, sql: &str, took: Duration, outcome: Result<Option<u64>, String>) {
        if self.log_queries {
            let ms = took.as_secs_f64() * 1000.0;
            let rows = outcome.as_ref().ok().copied().flatten().unwrap_or(0);
            let line = format!("[DRIZZLE QUERY] {sql} ({ms:.3} ms, {rows} rows)");
            self.listener.notice(Level::Debug, &line, Map::from_iter([("query".to_owned(), json!(true))]));
        }
        self.metrics.record(query_type, sql, took, outcome);
    }
}

/// A call in flight. Dropped without an answer it answers that the database was closed.
pub struct Call {
    operation: &'static str,
    pub(super) cancel: Cancel,
    recorder: Arc<Recorder>,
    reply: Arc<dyn Reply>,
    answered: bool,
}

impl Call {
    pub(super) fn new(operation: &'static str, cancel: Cancel, recorder: Arc<Recorder>, reply: Arc<dyn Reply>) -> Self {
        Self { operation, cancel, recorder, reply, answered: false }
    }

    /// The public method.
    pub(super) fn operation(&self) -> &'static str {
        self.operation
    }

    /// A way to send rows and progress while the call runs.
    pub(super) fn outlet(&self) -> Arc<dyn Reply> {
        Arc::clone(&self.reply)
    }

    /// Refuse the call: the database was not asked, so it counts nowhere.
    pub(super) fn refuse(self, error: Error) {
        self.end(Err(error));
    }

    /// Answer without the database.
    pub(super) fn answer(self, value: Value) {
        self.end(Ok(value));
    }

    fn end(mut self, result: Result<Value>) {
        self.answered = true;
        self.reply.done(self.operation, result);
    }

    /// Count the call and answer it. `sql` is its main statement, the number that of rows returned or changed.
    pub(super) fn finish(self, sql: &str, took: Duration, result: Result<(Value, Option<u64>)>) {
        let query_type = query_type(self.operation);
        self.finish_as(&query_type, sql, took, result);
    }

    /// [`Call::finish`] under another query type than the method's.
    pub(super) fn finish_as(self, query_type: &str, sql: &str, took: Duration, result: Result<(Value, Option<u64>)>) {
        // A refusal comes before the database, even where the writer thread found it.
        if !result.as_ref().is_err_and(Error::is_refusal) {
            let outcome = match &result {
                Ok((_, count)) => Ok(*count),
                Err(error) => Err(error.report(self.operation).message),
            };
            self.recorder.record(query_type, sql, took, outcome);
        }
        let result = result.and_then(|(value, _)| match value {
            Value::Row(row) => self.reply.tail(*row).map(|()| Value::Nothing),
            value => Ok(value),
        });
        self.end(result);
    }

    /// Count and answer the calls of a micro-batch; together they took `took`.
    pub(super) fn finish_each(self, inserted: Inserted, sql: &str, took: Duration) {
        self.recorder.record_inserted(&inserted, sql, took);
        self.end(Ok(Value::Inserted(inserted)));
    }

    /// Fail all calls of a micro-batch alike: their transaction did not take place.
    pub(super) fn fail_each(self, calls: usize, error: &Error, took: Duration) {
        let failures = (0..calls).map(|index| (index, error.clone())).collect();
        let inserted = Inserted { ids: vec![f64::NAN; calls], created_at: vec![f64::NAN; calls], failures };
        self.finish_each(inserted, super::events::INSERT, took);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.answered {
            self.reply.done(self.operation, Err(Error::Closed));
        }
    }
}

/// `insertEvent` → `INSERT_EVENT`
fn query_type(method: &str) -> String {
    let mut name = String::with_capacity(method.len() + 4);
    for letter in method.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}
