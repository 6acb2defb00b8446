#![forbid(unsafe_code)]
//! What a public method does: planned on the caller's thread from checked arguments, carried out by the store.

use std::borrow::Cow;

use super::{
    call::{Inserted, Reply, Value},
    recorder::Recorder,
};
use crate::{
    error::{Error, Result},
    packed::{Batch, Field, Input, Parcel},
    store::{Conn, Isolation, Known, Module, WriteSession},
};

/// The value of a call and the number of rows that it returned or changed.
pub type Outcome = (Value, Option<u64>);

type WriteWork<M> = Box<dyn FnMut(&Conn, &mut M) -> Result<Outcome> + Send>;
type EachWork<M> = Box<dyn FnMut(&Conn, &mut M) -> Result<Inserted> + Send>;
type ReadWork = Box<dyn FnOnce(&Conn, &dyn Reply) -> Result<Outcome> + Send>;
type AloneWork<M> = Box<dyn FnOnce(&mut WriteSession<M>, &dyn Reply) -> Result<Outcome> + Send>;
type KeptWork<M> = Box<dyn FnOnce(&mut WriteSession<M>) -> Result<Known<M, Outcome>> + Send>;
type StepsWork<M> = Box<dyn FnOnce(&mut WriteSession<M>, &dyn Reply, &Recorder) -> Result<Value> + Send>;

/// A planned call of a method of the module `M`.
pub struct Action<M: Module> {
    /// The main statement, for the metrics.
    pub(super) sql: Cow<'static, str>,
    /// What the metrics call it, where that is not the method's name.
    pub(super) query_type: Option<&'static str>,
    pub(super) work: Work<M>,
}

pub(super) enum Work<M: Module> {
    /// Shares a transaction with its neighbours.
    Write { bytes: usize, run: WriteWork<M> },
    /// The same for calls that crossed together.
    Each { isolation: Isolation, load: (usize, usize), run: EachWork<M> },
    /// On a reader, in one snapshot.
    Read(ReadWork),
    /// On the writer, outside of a transaction, without a deadline.
    Alone(AloneWork<M>),
    /// The same, and each of its statements counts as a query of its own.
    Steps(StepsWork<M>),
    /// On a thread and connection of its own, without a deadline.
    Beside(ReadWork),
    /// On the writer, which may know the answer; else it keeps what a reader has found.
    Kept(KeptWork<M>),
    /// Whether the database answers; `false` where any other call would fail.
    SignOfLife,
    /// Nothing to do.
    Nothing(Value),
}

impl<M: Module> Action<M> {
    /// A write in a savepoint of its own that holds `bytes` of input. It may be run more than once.
    ///
    /// # Errors
    /// None; a plan is a result, and so is this.
    pub fn write(
        sql: impl Into<Cow<'static, str>>,
        bytes: usize,
        run: impl FnMut(&Conn, &mut M) -> Result<Outcome> + Send + 'static,
    ) -> Result<Self> {
        Self::of(sql, Work::Write { bytes, run: Box::new(run) })
    }

    /// Calls that crossed together and each succeed or fail alone: how many, and the bytes of input that they hold. They may
    /// be run more than once.
    ///
    /// # Errors
    /// As [`Action::write`].
    pub(crate) fn each(
        sql: &'static str,
        isolation: Isolation,
        load: (usize, usize),
        run: impl FnMut(&Conn, &mut M) -> Result<Inserted> + Send + 'static,
    ) -> Result<Self> {
        Self::of(sql, Work::Each { isolation, load, run: Box::new(run) })
    }

    /// A read in one snapshot, which sends its rows.
    ///
    /// # Errors
    /// As [`Action::write`].
    pub fn read(
        sql: impl Into<Cow<'static, str>>,
        run: impl FnOnce(&Conn, &dyn Reply) -> Result<Outcome> + Send + 'static,
    ) -> Result<Self> {
        Self::of(sql, Work::Read(Box::new(run)))
    }
    /// Work that has the writer to itself, outside of a transaction, without a deadline.
    ///
    /// # Errors
    /// As [`Action::write`].
    pub fn alone(
        sql: impl Into<Cow<'static, str>>,
        run: impl FnOnce(&mut WriteSession<M>, &dyn Reply) -> Result<Outcome> + Send + 'static,
    ) -> Result<Self> {
        Self::of(sql, Work::Alone(Box::new(run)))
    }

    /// As [`Action::alone`], but each of its statements is recorded as a query of its own, and the call is not.
    ///
    /// # Errors
    /// As [`Action::write`].
    pub fn steps(
        run: impl FnOnce(&mut WriteSession<M>, &dyn Reply, &Recorder) -> Result<Value> + Send + 'static,
    ) -> Result<Self> {
        Self::of("", Work::Steps(Box::new(run)))
    }

    /// A read that the module may answer from what it keeps on the writer's thread.
    ///
    /// # Errors
    /// As [`Action::write`].
    pub fn kept(
        sql: impl Into<Cow<'static, str>>,
        run: impl FnOnce(&mut WriteSession<M>) -> Result<Known<M, Outcome>> + Send + 'static,
    ) -> Result<Self> {
        Self::of(sql, Work::Kept(Box::new(run)))
    }

    /// Work on a thread and connection of its own, without a deadline.
    ///
    /// # Errors
    /// As [`Action::write`].
    pub fn beside(
        sql: impl Into<Cow<'static, str>>,
        run: impl FnOnce(&Conn, &dyn Reply) -> Result<Outcome> + Send + 'static,
    ) -> Result<Self> {
        Self::of(sql, Work::Beside(Box::new(run)))
    }

    /// Ask a reader and the writer for a sign of life: a boolean, no while closed.
    ///
    /// # Errors
    /// As [`Action::write`].
    pub fn sign_of_life() -> Result<Self> {
        Self::of(SIGN_OF_LIFE, Work::SignOfLife)
    }

    /// An answer without the database.
    ///
    /// # Errors
    /// As [`Action::write`].
    pub fn nothing(value: Value) -> Result<Self> {
        Self::of("", Work::Nothing(value))
    }

    /// The same action, which the metrics know as `query_type`.
    #[must_use]
    pub fn counted_as(mut self, query_type: &'static str) -> Self {
        self.query_type = Some(query_type);
        self
    }

    fn of(sql: impl Into<Cow<'static, str>>, work: Work<M>) -> Result<Self> {
        Ok(Self { sql: sql.into(), query_type: None, work })
    }
}

/// What a reader is asked for a sign of life.
pub(super) const SIGN_OF_LIFE: &str = "SELECT count(*) FROM sqlite_schema";

/// `undefined`, with the number of rows changed.
///
/// # Errors
/// None; it ends a work, which is a result.
pub fn nothing(changed: u64) -> Result<Outcome> {
    Ok((Value::Nothing, Some(changed)))
}

/// A count that is both the value and the number of rows changed.
///
/// # Errors
/// As [`nothing`].
#[allow(clippy::cast_precision_loss, reason = "a count of rows")]
pub fn count(changed: u64) -> Result<Outcome> {
    Ok((Value::Number(changed as f64), Some(changed)))
}

/// An argument of a call.
#[derive(Debug, Clone)]
pub enum Arg {
    /// A plain value.
    Plain(Input),
    /// A record of the shape that the method takes; `None`: the caller gave something else.
    Record(Option<Batch>),
    /// The same for a list of records.
    Records(Option<Parcel>),
}

/// The arguments of a call, in order.
#[derive(Debug, Clone, Default)]
pub struct Args(pub Vec<Arg>);

impl Args {
    /// The plain argument at `position`; `undefined` if there is none.
    pub fn plain(&self, position: usize) -> &Input {
        match self.0.get(position) {
            Some(Arg::Plain(input)) => input,
            _ => &Input::Undefined,
        }
    }

    /// The scalar at `position`.
    pub fn field(&self, position: usize) -> Field<'_> {
        self.plain(position).field()
    }

    /// The record at `position`; `refusal` is the answer to a caller who gave something else.
    ///
    /// # Errors
    /// `refusal`
    pub fn record(&self, position: usize, refusal: impl FnOnce() -> Error) -> Result<Batch> {
        match self.0.get(position) {
            Some(Arg::Record(Some(batch))) if batch.len() == 1 => Ok(batch.clone()),
            Some(Arg::Record(_)) | None => Err(refusal()),
            Some(Arg::Plain(_) | Arg::Records(_)) => Err(Error::Internal("a record was expected".into())),
        }
    }

    /// The records at `position`; `refusal` is the answer to a caller who gave something else.
    ///
    /// # Errors
    /// `refusal`
    pub fn records(&self, position: usize, refusal: impl FnOnce() -> Error) -> Result<Parcel> {
        match self.0.get(position) {
            Some(Arg::Records(Some(parcel))) => Ok(parcel.clone()),
            Some(Arg::Records(None)) | None => Err(refusal()),
            Some(Arg::Plain(_) | Arg::Record(_)) => Err(Error::Internal("records were expected".into())),
        }
    }
}
