#![forbid(unsafe_code)]
//! What the writer runs.

use std::time::{Duration, Instant};

use super::{Conn, Control, Module, WriteSession};
use crate::error::{Error, Result};

/// How a write is kept apart from its neighbours in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// It takes care of itself: every statement of it is kept or undone alone, and its failure is that of the
    /// transaction.
    Own,
    /// It reads what earlier writes derived, and runs in a savepoint.
    Savepoint,
}

type AloneWork<M> = Box<dyn FnOnce(&mut WriteSession<M>) + Send>;

/// An entry of the writer's queue.
pub(super) enum Job<M: Module> {
    /// Shares a transaction with its neighbours.
    Write(WriteJob<M>),
    /// Has the writer to itself, outside of a transaction.
    Alone(AloneWork<M>),
}

/// A write that shares a transaction with its neighbours.
pub(super) struct WriteJob<M> {
    pub(super) control: Control,
    pub(super) isolation: Isolation,
    /// Public calls in it.
    pub(super) calls: usize,
    /// Memory that it holds, bytes.
    pub(super) bytes: usize,
    pub(super) work: Box<dyn Work<M>>,
    pub(super) failure: Option<Error>,
    /// How often it has been run.
    pub(super) runs: usize,
}

/// The two halves of a write. It may run more than once: SQLite can undo a whole transaction because of a neighbour.
pub(super) trait Work<M>: Send {
    fn run(&mut self, conn: &Conn, module: &mut M) -> Result<()>;
    fn settle(self: Box<Self>, failure: Option<Error>);
}

/// A write made of two closures.
pub(super) struct Task<R, T, D> {
    pub(super) run: R,
    pub(super) value: Option<T>,
    pub(super) took: Duration,
    pub(super) done: D,
}

impl<M, R, T, D> Work<M> for Task<R, T, D>
where
    R: FnMut(&Conn, &mut M) -> Result<T> + Send,
    T: Send,
    D: FnOnce(Result<T>, Duration) + Send,
{
    fn run(&mut self, conn: &Conn, module: &mut M) -> Result<()> {
        let began = Instant::now();
        let result = (self.run)(conn, module);
        self.took = began.elapsed();
        self.value = Some(result?);
        Ok(())
    }

    fn settle(self: Box<Self>, failure: Option<Error>) {
        let lost = || Error::Internal("the write was not run".into());
        let result = match failure {
            Some(error) => Err(error),
            None => self.value.ok_or_else(lost),
        };
        (self.done)(result, self.took);
    }
}
