#![forbid(unsafe_code)]
//! The application database: one synchronous connection, and migrations that are applied when it opens (database.md).
//!
//! - the file: [`schema`], [`settings`]
//! - which migrations apply: [`Choice`]

mod choice;
pub mod schema;
mod settings;

pub use choice::Choice;
pub use settings::settings;
