#![forbid(unsafe_code)]
//! What the command line asks for.

use std::{path::PathBuf, time::Duration};

use serde::Serialize;
use serde_json::Value as Json;

use super::{catalog, inspect, migrate, rollback};
use crate::error::{Error, Result};
use crate::migration::{ApplyOptions, MigrationSet};
use crate::packed::Input;

/// What to do with the file of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Apply what is pending.
    Migrate,
    /// Tell where the file stands.
    Status,
    /// Go back.
    Rollback,
    /// Compare the file with its journal.
    Validate,
}

impl Verb {
    /// The verb of that name.
    ///
    /// # Errors
    /// [`Error::Validation`] for any other word.
    pub fn parse(name: &str) -> Result<Self> {
        Ok(match name {
            "migrate" => Self::Migrate,
            "status" => Self::Status,
            "rollback" => Self::Rollback,
            "validate" => Self::Validate,
            _ => return Err(Error::invalid(format!("Unknown verb \"{name}\""), "verb")),
        })
    }
}

/// The file, and how to work on it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The file, absolute.
    pub path: PathBuf,
    /// Rollback: the version that stays, as it was typed; the one before the current one if it is not given.
    pub target: Option<String>,
    /// Migrate: what is approved, and whether it is only tried.
    pub apply: ApplyOptions,
    /// Status and validate: the migrations that the user has in place of the built-in ones, as [`catalog::listed_set`]
    /// takes them. Those of a module that requires no other.
    pub migrations: Option<Input>,
    /// How long a lock is awaited; as long as the module's clients wait if it is not given.
    pub busy_timeout: Option<Duration>,
}

/// Do what `verb` says with the file of `module`, and report it as JSON.
///
/// # Errors
/// [`Error::Validation`] for a module or a path that is none, and those of the verb.
pub fn run(module: &str, verb: Verb, request: &Request) -> Result<Json> {
    match verb {
        Verb::Migrate => json(&migrate::migrate(&catalog::with_required(module)?, request)?),
        Verb::Status => json(&inspect::status(catalog::find(module)?, request)?),
        Verb::Rollback => json(&rollback::rollback(catalog::find(module)?, request)?),
        Verb::Validate => json(&inspect::validate(catalog::find(module)?, request)?),
    }
}

impl Request {
    /// The settings of a connection of `module` to the file.
    pub(super) fn settings(&self, module: &catalog::Module) -> Result<crate::store::Settings> {
        let mut settings = (module.settings)(&self.path)?;
        if let Some(limit) = self.busy_timeout {
            settings.busy_timeout = limit;
        }
        Ok(settings)
    }

    /// The migrations of `module`.
    pub(super) fn set(&self, module: &catalog::Module) -> Result<MigrationSet> {
        match &self.migrations {
            Some(list) => catalog::listed_set(module.name, list),
            None => (module.set)(),
        }
    }

    /// The path for reports.
    pub(super) fn file(&self) -> String {
        self.path.display().to_string()
    }
}

fn json(report: &impl Serialize) -> Result<Json> {
    serde_json::to_value(report).map_err(|error| Error::Internal(error.to_string()))
}
