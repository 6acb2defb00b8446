#![forbid(unsafe_code)]
//! How a script went wrong, before it is anybody's `MigrationError`.

use crate::error::Error;

use super::error::{MigrationCode, MigrationError, SqliteCause};
use super::foreign_keys::Violation;
use super::set::Migration;

/// What a script threw.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure(Box<Thrown>);

#[derive(Debug, Clone, PartialEq)]
struct Thrown {
    kind: Kind,
    /// The original error as a string, `Error: boom`.
    text: String,
    /// Its message alone, `boom`.
    message: String,
    cause: Option<SqliteCause>,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Threw,
    ReturnedPromise,
    ForeignKey(Violation),
    /// An error that is one of ours already.
    Known(Box<MigrationError>),
}

impl Failure {
    /// A script that threw an error of class `name`.
    pub fn new(name: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let text = if message.is_empty() { name.to_owned() } else { format!("{name}: {message}") };
        Self::thrown(text, message)
    }

    /// A function that threw something: as a string, and its message alone.
    pub fn thrown(text: impl Into<String>, message: impl Into<String>) -> Self {
        Self(Box::new(Thrown { kind: Kind::Threw, text: text.into(), message: message.into(), cause: None }))
    }

    /// A function that returned a promise.
    pub fn promise() -> Self {
        let message = "A migration must be synchronous, but a promise was returned";
        Self::new("Error", message).of(Kind::ReturnedPromise)
    }

    pub(super) fn foreign_key(violation: Violation) -> Self {
        let message = format!("Rows of {} refer to missing rows of {}", violation.table, violation.parent);
        Self::new("Error", message).of(Kind::ForeignKey(violation))
    }

    fn of(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// The message alone.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The error that the caller of `verb` (`apply`, `adopt` or `roll back`) gets.
    pub(super) fn into_error(self, module: &str, migration: &Migration, verb: &str) -> MigrationError {
        let Thrown { kind, text, cause, .. } = *self.0;
        let code = match kind {
            Kind::Known(error) => return *error,
            Kind::Threw => MigrationCode::Failed,
            Kind::ReturnedPromise => MigrationCode::Async,
            Kind::ForeignKey(_) => MigrationCode::ForeignKey,
        };
        let message = format!("Failed to {verb} migration {} ({}): {text}", migration.version, migration.name);
        let mut error = MigrationError::new(code, module, message).at(migration.version);
        if let Kind::ForeignKey(violation) = kind {
            error =
                error.with("table", violation.table).with("rowid", violation.rowid).with("parent", violation.parent);
        }
        error.cause = cause;
        error
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Sqlite { extended, message } => {
                let mut failure = Self::new("SqliteError", message.clone());
                failure.0.cause = Some(SqliteCause { extended, message });
                failure
            }
            Error::Migration(known) => Self::new("MigrationError", known.message.clone()).of(Kind::Known(known)),
            other => Self::new("Error", other.to_string()),
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Error::from(error).into()
    }
}
