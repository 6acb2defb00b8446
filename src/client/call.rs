#![forbid(unsafe_code)]
//! One public call on its way: who asked, how to stop it, where the answer goes.

use std::{sync::Arc, time::Duration};

use super::{
    action::Outcome,
    recorder::{Recorder, query_type},
};
use crate::{
    error::{Error, Result},
    packed::Rows,
    store::Cancel,
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
    /// The outcomes of inserts that crossed together.
    Inserted(Inserted),
    /// One row; it goes out as rows do.
    Row(Box<Rows>),
}

/// The outcomes of inserts that crossed together and each succeed or fail alone, by position.
#[derive(Debug, Default)]
pub struct Inserted {
    /// Rowids; `NaN` where the call failed.
    pub ids: Vec<f64>,
    /// `created_at` of events, ms.
    pub created_at: Vec<f64>,
    /// The rows of those that did not fail, where the caller does not know them by now; they go out as rows do.
    pub rows: Option<Box<Rows>>,
    /// The calls that failed.
    pub failures: Vec<(usize, Error)>,
}

/// Where answers go. Called on threads of the store.
pub trait Reply: Send + Sync + 'static {
    /// Take a chunk of rows; returns an empty one for the next. May block until the consumer has room.
    ///
    /// # Errors
    /// [`Error::Aborted`] or [`Error::Closed`] if nobody wants more.
    fn rows(&self, rows: Rows) -> Result<Rows>;

    /// Take the last rows of a listing. They may wait for what comes next; the end of the call is soon enough.
    ///
    /// # Errors
    /// As [`Reply::rows`].
    fn tail(&self, rows: Rows) -> Result<()> {
        self.rows(rows).map(drop)
    }

    /// Take a report on a long operation.
    fn progress(&self, operation: &str, done: u64, total: Option<u64>);

    /// Take the end of the call. Comes once, last.
    fn done(&self, operation: &'static str, result: Result<Value>);
}

/// A call in flight. Dropped without an answer it answers that the database was closed.
pub(crate) struct Call {
    operation: &'static str,
    cancel: Cancel,
    recorder: Arc<Recorder>,
    reply: Arc<dyn Reply>,
    answered: bool,
}

impl Call {
    pub(crate) fn new(operation: &'static str, cancel: Cancel, recorder: Arc<Recorder>, reply: Arc<dyn Reply>) -> Self {
        Self { operation, cancel, recorder, reply, answered: false }
    }

    /// How it is stopped.
    pub(crate) fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// A way to send rows and progress while the call runs.
    pub(crate) fn outlet(&self) -> Arc<dyn Reply> {
        Arc::clone(&self.reply)
    }

    /// Refuse the call: the database was not asked, so it counts nowhere.
    pub(crate) fn refuse(self, error: Error) {
        self.end(Err(error));
    }

    /// Answer without the database.
    pub(crate) fn answer(self, value: Value) {
        self.end(Ok(value));
    }

    fn end(mut self, result: Result<Value>) {
        self.answered = true;
        self.reply.done(self.operation, result);
    }

    /// Count the call and answer it. `sql` is its main statement, the number that of rows returned or changed; `known_as`
    /// replaces the method's query type.
    pub(crate) fn finish(self, known_as: Option<&str>, sql: &str, took: Duration, result: Result<Outcome>) {
        // A refusal comes before the database, even where the writer thread found it.
        if !result.as_ref().is_err_and(Error::is_refusal) {
            let outcome = match &result {
                Ok((_, count)) => Ok(*count),
                Err(error) => Err(self.recorder.message(error, self.operation)),
            };
            match known_as {
                Some(query_type) => self.recorder.record(query_type, sql, took, outcome),
                None => self.recorder.record(&query_type(self.operation), sql, took, outcome),
            }
        }
        let result = result.and_then(|(value, _)| match value {
            Value::Row(row) => self.reply.tail(*row).map(|()| Value::Nothing),
            value => Ok(value),
        });
        self.end(result);
    }

    /// Count and answer inserts that crossed together; together they took `took`.
    pub(crate) fn finish_each(self, mut inserted: Inserted, sql: &str, took: Duration) {
        self.recorder.record_each(self.operation, &inserted, sql, took);
        let sent = inserted.rows.take().map_or(Ok(()), |rows| self.reply.tail(*rows));
        self.end(sent.map(|()| Value::Inserted(inserted)));
    }

    /// Fail them all alike: their transaction did not take place.
    pub(crate) fn fail_each(self, calls: usize, error: &Error, sql: &str, took: Duration) {
        let failures = (0..calls).map(|index| (index, error.clone())).collect();
        let missing = vec![f64::NAN; calls];
        let inserted = Inserted { ids: missing.clone(), created_at: missing, rows: None, failures };
        self.finish_each(inserted, sql, took);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.answered {
            self.reply.done(self.operation, Err(Error::Closed));
        }
    }
}
