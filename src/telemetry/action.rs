#![forbid(unsafe_code)]
//! What a public method does: planned on the caller's thread from checked arguments, carried out by the store.

use std::borrow::Cow;

use super::{
    call::{Reply, Value},
    check::{Argument, not_an_object},
    state::Telemetry,
};
use crate::{
    error::{Error, Result},
    packed::{Batch, Field, Input},
    store::{Conn, Isolation, WriteSession},
};

/// The value of a call and the number of rows that it returned or changed.
pub(super) type Outcome = (Value, Option<u64>);

pub(super) type WriteWork = Box<dyn FnMut(&Conn, &mut Telemetry) -> Result<Outcome> + Send>;
pub(super) type ReadWork = Box<dyn FnOnce(&Conn, &dyn Reply) -> Result<Outcome> + Send>;
pub(super) type AloneWork = Box<dyn FnOnce(&mut WriteSession<Telemetry>, &dyn Reply) -> Result<Outcome> + Send>;

/// A planned call.
pub(super) struct Action {
    /// The main statement, for the metrics.
    pub(super) sql: Cow<'static, str>,
    pub(super) work: Work,
}

pub(super) enum Work {
    /// Shares a transaction with its neighbours.
    Write { isolation: Isolation, bytes: usize, run: WriteWork },
    /// On a reader, in one snapshot.
    Read(ReadWork),
    /// On the writer, outside of a transaction, without a deadline.
    Alone(AloneWork),
    /// On a thread and connection of its own, without a deadline.
    Beside(ReadWork),
    /// Nothing to do.
    Nothing(Value),
}

impl Action {
    pub(super) fn write(
        sql: impl Into<Cow<'static, str>>,
        bytes: usize,
        run: impl FnMut(&Conn, &mut Telemetry) -> Result<Outcome> + Send + 'static,
    ) -> Result<Self> {
        let work = Work::Write { isolation: Isolation::Savepoint, bytes, run: Box::new(run) };
        Ok(Self { sql: sql.into(), work })
    }

    pub(super) fn read(
        sql: impl Into<Cow<'static, str>>,
        run: impl FnOnce(&Conn, &dyn Reply) -> Result<Outcome> + Send + 'static,
    ) -> Result<Self> {
        Ok(Self { sql: sql.into(), work: Work::Read(Box::new(run)) })
    }

    pub(super) fn alone(
        sql: impl Into<Cow<'static, str>>,
        run: impl FnOnce(&mut WriteSession<Telemetry>, &dyn Reply) -> Result<Outcome> + Send + 'static,
    ) -> Result<Self> {
        Ok(Self { sql: sql.into(), work: Work::Alone(Box::new(run)) })
    }

    pub(super) fn beside(
        sql: impl Into<Cow<'static, str>>,
        run: impl FnOnce(&Conn, &dyn Reply) -> Result<Outcome> + Send + 'static,
    ) -> Result<Self> {
        Ok(Self { sql: sql.into(), work: Work::Beside(Box::new(run)) })
    }

    pub(super) fn nothing(value: Value) -> Result<Self> {
        Ok(Self { sql: "".into(), work: Work::Nothing(value) })
    }
}

/// `undefined`, with the number of rows changed.
pub(super) fn nothing(changed: u64) -> Result<Outcome> {
    Ok((Value::Nothing, Some(changed)))
}

/// A count that is both the value and the number of rows changed.
#[allow(clippy::cast_precision_loss, reason = "a count of rows")]
pub(super) fn count(changed: u64) -> Result<Outcome> {
    Ok((Value::Number(changed as f64), Some(changed)))
}

/// An argument of a call.
#[derive(Debug, Clone)]
pub enum Arg {
    /// A plain value.
    Plain(Input),
    /// A record of the shape that the method takes; `None`: the caller gave no object.
    Record(Option<Batch>),
}

/// The arguments of a call, in order.
#[derive(Debug, Clone, Default)]
pub struct Args(pub Vec<Arg>);

impl Args {
    /// The plain argument at `position`; `undefined` if there is none.
    pub(super) fn plain(&self, position: usize) -> &Input {
        match self.0.get(position) {
            Some(Arg::Plain(input)) => input,
            _ => &Input::Undefined,
        }
    }

    /// The scalar at `position`.
    pub(super) fn field(&self, position: usize) -> Field<'_> {
        self.plain(position).field()
    }

    /// The record at `position`; `kind` is what the refusal calls it.
    pub(super) fn record(&self, position: usize, kind: Argument) -> Result<Batch> {
        match self.0.get(position) {
            Some(Arg::Record(Some(batch))) if batch.len() == 1 => Ok(batch.clone()),
            Some(Arg::Record(_)) | None => Err(not_an_object(kind)),
            Some(Arg::Plain(_)) => Err(Error::Internal("a record was expected".into())),
        }
    }
}
