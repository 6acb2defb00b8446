#![forbid(unsafe_code)]
//! `MigrationError` and its codes (migrations.md §8).

use serde_json::{Map, Value};

use crate::error::Error;

/// The stable codes of a [`MigrationError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MigrationCode {
    /// An object of the module's name has another shape.
    Conflict,
    /// A recorded name or checksum differs from the set's.
    Diverged,
    /// The file was written by a newer release.
    Ahead,
    /// Versions are not 1..n.
    Gap,
    /// A script failed; nothing of it was kept.
    Failed,
    /// A JavaScript migration returned a promise.
    Async,
    /// A migration needs approval, where a method cannot return results.
    Blocked,
    /// Rows would refer to nothing afterwards.
    ForeignKey,
    /// Called inside an open transaction.
    InTransaction,
    /// A migration is not well formed.
    Invalid,
    /// The target of a rollback is not a recorded version below the current one.
    InvalidTarget,
    /// A reserved or malformed module name.
    InvalidModule,
    /// A migration that cannot be rolled back.
    NoDown,
    /// Only the highest version can be rolled back by itself.
    NotLatest,
    /// Another module's migrations require this one.
    Dependency,
    /// The connection cannot write.
    Readonly,
    /// A migration file could not be loaded.
    LoadFailed,
}

impl MigrationCode {
    /// Whether it is a fact about the file and not about the call (contracts/README.md §2).
    pub fn describes_file(self) -> bool {
        matches!(self, Self::Conflict | Self::Diverged | Self::Ahead | Self::Gap)
    }

    /// The text that callers branch on.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Conflict => "MIGRATION_CONFLICT",
            Self::Diverged => "MIGRATION_DIVERGED",
            Self::Ahead => "MIGRATION_AHEAD",
            Self::Gap => "MIGRATION_GAP",
            Self::Failed => "MIGRATION_FAILED",
            Self::Async => "MIGRATION_ASYNC",
            Self::Blocked => "MIGRATION_BLOCKED",
            Self::ForeignKey => "MIGRATION_FOREIGN_KEY",
            Self::InTransaction => "MIGRATION_IN_TRANSACTION",
            Self::Invalid => "MIGRATION_INVALID",
            Self::InvalidTarget => "MIGRATION_INVALID_TARGET",
            Self::InvalidModule => "MIGRATION_INVALID_MODULE",
            Self::NoDown => "MIGRATION_NO_DOWN",
            Self::NotLatest => "MIGRATION_NOT_LATEST",
            Self::Dependency => "MIGRATION_DEPENDENCY",
            Self::Readonly => "MIGRATION_READONLY",
            Self::LoadFailed => "MIGRATION_LOAD_FAILED",
        }
    }
}

/// What SQLite said, when SQLite was the reason of a [`MigrationError`].
#[derive(Debug, Clone, PartialEq)]
pub struct SqliteCause {
    /// Extended result code.
    pub extended: i32,
    /// SQLite's own text.
    pub message: String,
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
    pub details: Map<String, Value>,
    /// SQLite's part in it. A JavaScript cause stays on the JavaScript side.
    pub cause: Option<SqliteCause>,
}

impl MigrationError {
    /// An error without version or details.
    pub fn new(code: MigrationCode, module: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            module: module.to_owned(),
            version: None,
            details: Map::new(),
            cause: None,
        }
    }

    /// The same error about `version`.
    #[must_use]
    pub fn at(mut self, version: i64) -> Self {
        self.version = Some(version);
        self
    }

    /// The same error with one more fact.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }

    /// An object of the file is not what `module` needs there.
    pub fn conflict(module: &str, object: &str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        let (expected, found) = (expected.into(), found.into());
        Self::new(
            MigrationCode::Conflict,
            module,
            format!("{module} cannot use this file: {object} is {found}, expected {expected}. Nothing was changed."),
        )
        .with("object", object)
        .with("expected", expected)
        .with("found", found)
    }

    /// `version` was recorded with another name or checksum than the set has.
    pub fn diverged(module: &str, version: i64, expected: &str, found: &str) -> Self {
        Self::new(
            MigrationCode::Diverged,
            module,
            format!(
                "{module} migration {version} is recorded as {found}, expected {expected}. A migration that has been \
                 applied must not change; add a new one."
            ),
        )
        .at(version)
        .with("version", version)
        .with("expected", expected)
        .with("found", found)
    }

    /// The journal has `version`, which the set does not know, and goes on to `current`.
    pub fn ahead(module: &str, version: i64, current: i64, latest: i64) -> Self {
        let (what, who) = if super::check_application(module).is_ok() {
            ("The file has been migrated with more than these migrations", "they end at")
        } else {
            ("The file was written by a newer release", "this release knows")
        };
        let text = format!("{what}: {module} is at version {current}, {who} {latest}");
        Self::new(MigrationCode::Ahead, module, text).at(version).with("version", version).with("latest", latest)
    }

    /// The versions of a list are not 1..n; `version` is the first that is wrong.
    pub fn gap(module: &str, version: i64) -> Self {
        Self::new(
            MigrationCode::Gap,
            module,
            format!("Migration versions must be sequential starting from 1. Found gap at version {version}"),
        )
        .at(version)
    }

    /// `version` was not applied for `reason`, and the caller cannot return that as a result.
    pub fn blocked(module: &str, version: i64, name: &str, reason: &str) -> Self {
        let text = format!("Migration {version} ({name}) is blocked: {reason}");
        Self::new(MigrationCode::Blocked, module, text).at(version).with("reason", reason)
    }

    /// `module` needs version `at_least` of `requires`.
    pub fn dependency(module: &str, version: i64, requires: &str, at_least: i64, current: i64) -> Self {
        Self::new(
            MigrationCode::Dependency,
            requires,
            format!("{module} migration {version} requires {requires} at version {at_least} or higher, not {current}"),
        )
        .with("module", module)
        .with("version", version)
        .with("requires", requires)
        .with("atLeast", at_least)
    }
}

impl From<MigrationError> for Error {
    fn from(error: MigrationError) -> Self {
        Self::Migration(Box::new(error))
    }
}
