#![forbid(unsafe_code)]
//! A module's own SQL on the connection of its caller.

use super::{Connection, Result};

impl Connection {
    /// Run `work` on the connection; one that `writes` must not meet an iteration.
    ///
    /// # Errors
    /// [`super::Misuse::BUSY`]
    pub fn work<T>(&self, writes: bool, work: impl FnOnce(&rusqlite::Connection) -> T) -> Result<T> {
        if writes {
            self.quiet()?
        } else {
            self.not_calling()?
        }
        let nested = self.in_transaction();
        let done = work(&self.db.borrow());
        if nested && !self.in_transaction() {
            // SQLite has rolled back by itself, changes of the schema included.
            self.forget_shared();
        }
        Ok(done)
    }
}
