#![deny(unsafe_code)]
//! The synchronous connection (sqlite.md): one connection of one thread, its statements by number, and the rules of
//! what may run when.
//!
//! - [`ModuleFile`]: how a module opens its file: settings and migrations
//! - [`Connection`]: opening ([`OpenOptions`]), statements by number, scripts, transactions, closing
//! - [`Statement`]: what was compiled; [`Binder`] gives it its parameters, [`Rows`] takes its rows
//! - `migrating`: migrations, whose functions the caller runs; [`Next`] says which
//! - [`Misuse`]: what is refused before SQLite is asked; [`Failure`]: that, or SQLite's own error
//! - `raw`: the one module that calls SQLite's C interface for statements

mod backup;
mod bind;
mod cache;
mod connection;
mod failure;
mod fetch;
mod migrating;
mod module_file;
mod open;
#[allow(unsafe_code, reason = "rusqlite ties a statement to a borrow of its connection; a table of statements cannot")]
mod raw;
mod script;
mod statement;
mod statements;
mod transaction;
mod work;

pub use backup::{Backup, BackupSource};
pub use bind::Binder;
pub use connection::{Connection, Hear, StatementId};
pub use failure::{Failure, Misuse, MisuseClass, Result, THROWN};
pub use fetch::{Amount, Fetched, Reading, Rows};
pub use migrating::Next;
pub use module_file::{ModuleFile, OpenedFile};
pub use open::{OpenOptions, Place};
pub use raw::Cell;
pub use statement::{Access, Column, Statement};
pub use transaction::Step;

/// The version of the SQLite that is built in.
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}
