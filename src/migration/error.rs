#![forbid(unsafe_code)]
//! `MigrationError` and its codes (migrations.md §8).

/// The stable codes of a [`MigrationError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MigrationCode {
    /// An object of the module's name has another shape.
    Conflict,
}

impl MigrationCode {
    /// The text that callers branch on.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "MIGRATION_CONFLICT",
        }
    }
}

/// Why a migration, an adoption or a rollback did not happen.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct MigrationError {
    /// Stable code.
    pub code: MigrationCode,
    /// Text for people.
    pub message: String,
    /// Journal name of the module.
    pub module: String,
    /// The version at fault, if there is one.
    pub version: Option<i64>,
    /// Structured facts, such as `object`, `expected`, `found`.
    pub details: serde_json::Map<String, serde_json::Value>,
}
