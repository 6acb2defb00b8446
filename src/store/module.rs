#![forbid(unsafe_code)]
//! What plugs into a store.

use std::time::Instant;

use super::{Conn, WriteSession};
use crate::error::Result;

/// What a module keeps on the writer thread, next to the connection.
///
/// The state may hold changes that are not in the file yet (counters): [`Module::flush`] writes them. It must be able
/// to forget what was done since [`Module::mark`] or since [`Module::begin`].
pub trait Module: Send + Sized + 'static {
    /// A transaction has begun. `foreign`: another connection has committed since the last one.
    ///
    /// # Errors
    /// The transaction does not take place.
    fn begin(&mut self, conn: &Conn, foreign: bool) -> Result<()>;

    /// Write what is only in memory. Called before each write in a savepoint and before COMMIT.
    ///
    /// # Errors
    /// The transaction does not take place.
    fn flush(&mut self, conn: &Conn) -> Result<()>;

    /// A write begins.
    fn mark(&mut self);

    /// The write since [`Module::mark`] has been undone.
    fn undo(&mut self);

    /// The transaction is committed (`true`) or undone (`false`).
    fn ended(&mut self, committed: bool);

    /// When [`Module::tick`] has something to do.
    fn due(&self) -> Option<Instant>;

    /// Do the timed work that is due: a short piece, writes are waiting.
    fn tick(session: &mut WriteSession<Self>);

    /// The store is closing; every write has been settled.
    fn close(session: &mut WriteSession<Self>);
}
