#![forbid(unsafe_code)]
//! The application database: one synchronous connection, and migrations that are applied when it opens (database.md).
//!
//! - the file: [`schema`], `open`; which migrations apply: `choice`

mod choice;
mod open;
pub mod schema;

pub use choice::continues_built_in;
pub use open::settings;
