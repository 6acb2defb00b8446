#![forbid(unsafe_code)]
//! Usage: the settings of a usage monitor and the history of its snapshots, in the file of telemetry (usage.md).
//!
//! - a call: [`Method`] (the public methods by name) → `check` (its arguments) → one noun: `config`, `snapshots`
//! - to SQLite and back: `transaction`, `rows`
//! - the file: [`schema`], `adoption`, [`settings()`]

mod adoption;
mod check;
mod config;
mod methods;
mod rows;
pub mod schema;
mod settings;
mod snapshots;
mod transaction;

pub use methods::{Answer, Method, MissingSession};
pub use rows::Rows;
pub use settings::settings;

#[cfg(test)]
pub(crate) mod testing {
    //! Files for the tests of the nouns.

    use rusqlite::Connection;

    use crate::{migration, telemetry};

    /// A database in memory with both sets.
    pub(crate) fn file() -> Connection {
        let mut conn = Connection::open_in_memory().expect("open");
        migration::open(&mut conn, &telemetry::schema::migrations().expect("set")).expect("telemetry");
        migration::open(&mut conn, &super::schema::migrations().expect("set")).expect("usage");
        conn
    }
}
