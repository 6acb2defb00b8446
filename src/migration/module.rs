#![forbid(unsafe_code)]
//! Names of modules, and which built-in set needs which (migrations.md §1).

use crate::error::Result;

use super::error::{MigrationCode, MigrationError};

/// The journal names of the built-in modules.
pub const BUILT_IN: [&str; 5] = ["telemetry", "database", "analytics", "usage", "instances"];

/// The built-in module whose set an application continues, or replaces by its own.
const APPLICATION: &str = "database";

/// One built-in version that needs another module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    /// The module that needs.
    pub module: &'static str,
    /// From this version on.
    pub version: i64,
    /// The module that is needed.
    pub requires: &'static str,
    /// In this version or a higher one.
    pub at_least: i64,
}

/// Every dependency between built-in sets. Custom sets have none.
pub const DEPENDENCIES: [Dependency; 1] =
    [Dependency { module: "usage", version: 1, requires: "telemetry", at_least: 1 }];

/// Accepts `^[a-z][a-z0-9_-]{0,63}$` except the built-in names.
///
/// # Errors
/// `MIGRATION_INVALID_MODULE`
pub fn check_custom(name: &str) -> Result<()> {
    let reason = if BUILT_IN.contains(&name) {
        "is reserved"
    } else if !is_well_formed(name) {
        "must match ^[a-z][a-z0-9_-]{0,63}$"
    } else {
        return Ok(());
    };
    Err(MigrationError::new(MigrationCode::InvalidModule, name, format!("Module name \"{name}\" {reason}"))
        .with("module", name)
        .into())
}

/// Accepts what migrations of an application can belong to: module `database`, or a custom one.
///
/// # Errors
/// As [`check_custom`].
pub fn check_application(name: &str) -> Result<()> {
    if name == APPLICATION { Ok(()) } else { check_custom(name) }
}

/// Whether the journal may hold `name` at all.
pub(super) fn is_well_formed(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_and_malformed_names_are_refused() {
        for name in ["telemetry", "usage", "", "A", "1a", "_a", "a b", "ä", "a/b", &"a".repeat(65)] {
            assert!(check_custom(name).is_err(), "{name}");
        }
        for name in ["a", "my-app_2", &"a".repeat(64)] {
            assert!(check_custom(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn an_application_has_the_module_database_or_one_of_its_own() {
        assert!(check_application("database").is_ok() && check_application("shop").is_ok());
        assert!(check_application("usage").is_err() && check_application("").is_err());
    }
}
