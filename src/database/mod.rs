#![forbid(unsafe_code)]
//! The application database: one synchronous connection, and migrations that are applied when it opens (database.md).
//!
//! - the file: [`schema`], [`settings`]
//! - which migrations apply: [`continues_built_in`]

mod choice;
pub mod schema;
mod settings;

pub use choice::continues_built_in;
pub use settings::settings;
