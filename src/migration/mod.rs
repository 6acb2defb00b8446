//! The migration engine: one journal a file, for all modules.

mod error;

pub use error::{MigrationCode, MigrationError};
