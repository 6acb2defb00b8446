#![forbid(unsafe_code)]
//! Usage: the settings of a usage monitor and the history of its snapshots, in the file of telemetry (usage.md).
//!
//! - a call: `methods` (what each does), `report` (what its errors look like)
//! - one noun each: `settings`, `snapshots`; their way to SQLite and back: `transaction`, `rows`
//! - before the database: `check`
//! - the file: [`schema`], `adoption`, `open`

mod adoption;
mod check;
mod methods;
mod open;
mod report;
mod rows;
pub mod schema;
mod settings;
mod snapshots;
mod transaction;

pub use methods::{Answer, Method, MissingSession};
pub use open::{open, settings};
pub use report::report;
pub use rows::Rows;

#[cfg(test)]
pub(crate) mod testing {
    //! Files for the tests of the nouns.

    use rusqlite::Connection;

    use crate::{migration::testing::migrated, telemetry};

    /// A database in memory with both sets.
    pub(crate) fn file() -> Connection {
        migrated([telemetry::schema::migrations(), super::schema::migrations()])
    }
}
