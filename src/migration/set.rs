#![forbid(unsafe_code)]
//! Migrations and the numbered set of one module (migrations.md §1).

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::Result;

use super::checksum;
use super::error::{MigrationCode, MigrationError};
use super::module;
use super::rules::{ModuleRules, Standard};

/// What `up` or `down` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// SQL that the engine runs.
    Sql(Cow<'static, str>),
    /// A function of the caller, who runs it between two calls of the engine.
    External,
}

const DESTRUCTIVE: &str = "destructive";
const FOREIGN_KEYS_OFF: &str = "foreign_keys=off";

/// What `-- runledger: <flag>` lines say, up to the first line that is neither comment nor blank.
fn flags(script: &Script) -> impl Iterator<Item = &str> {
    let text = if let Script::Sql(text) = script { &**text } else { "" };
    let lines = text.split(['\n', '\r']).map(str::trim);
    lines
        .take_while(|line| line.is_empty() || line.starts_with("--"))
        .filter_map(|line| line.trim_start_matches('-').trim().strip_prefix("runledger:"))
        .map(str::trim)
}

/// One numbered step of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Position in its set, from 1.
    pub version: i64,
    /// Recorded in the journal.
    pub name: String,
    /// The way up.
    pub up: Script,
    /// The way back, if there is one.
    pub down: Option<Script>,
    /// Declared by its author: it is not run without approval.
    pub destructive: bool,
    /// Runs with foreign keys not enforced.
    pub foreign_keys_off: bool,
}

impl Migration {
    /// A migration in SQL; its flags are read from the leading comment lines.
    pub fn sql(
        version: i64,
        name: impl Into<String>,
        up: impl Into<Cow<'static, str>>,
        down: Option<Cow<'static, str>>,
    ) -> Self {
        Self::of(version, name, Script::Sql(up.into()), down.map(Script::Sql))
    }

    /// A migration whose functions the caller runs.
    pub fn external(version: i64, name: impl Into<String>, has_down: bool) -> Self {
        Self::of(version, name, Script::External, has_down.then_some(Script::External))
    }

    /// A migration of these scripts, with the flags that their SQL has.
    pub(super) fn of(version: i64, name: impl Into<String>, up: Script, down: Option<Script>) -> Self {
        let destructive = flags(&up).any(|flag| flag == DESTRUCTIVE);
        let foreign_keys_off = flags(&up).chain(down.iter().flat_map(flags)).any(|flag| flag == FOREIGN_KEYS_OFF);
        Self { version, name: name.into(), up, down, destructive, foreign_keys_off }
    }

    /// The flags of both scripts.
    fn flags(&self) -> impl Iterator<Item = &str> {
        flags(&self.up).chain(self.down.iter().flat_map(flags))
    }

    /// What the journal keeps to recognise this migration.
    pub fn checksum(&self) -> String {
        match &self.up {
            Script::Sql(up) => checksum::of_sql(up),
            Script::External => checksum::of_external(self.version, &self.name),
        }
    }
}

/// The migrations 1..n of one module, and the rules for its existing files.
#[derive(Clone)]
pub struct MigrationSet {
    module: Arc<str>,
    migrations: Arc<[Migration]>,
    rules: Arc<dyn ModuleRules>,
}

impl MigrationSet {
    /// A set of the built-in or already checked module `module`, ordered by version.
    ///
    /// # Errors
    /// `MIGRATION_INVALID` for a version below 1 or a blank name, `MIGRATION_GAP` unless the versions are 1..n.
    pub fn new(module: &str, mut migrations: Vec<Migration>) -> Result<Self> {
        if !module::is_well_formed(module) {
            module::check_custom(module)?;
        }
        for migration in &migrations {
            check_migration(module, migration)?;
        }
        migrations.sort_by_key(|migration| migration.version);
        for (expected, migration) in (1..).zip(&migrations) {
            if migration.version != expected {
                return Err(MigrationError::gap(module, expected).into());
            }
        }
        Ok(Self { module: module.into(), migrations: migrations.into(), rules: Arc::new(Standard) })
    }

    /// A set of a module of the caller's own.
    ///
    /// # Errors
    /// `MIGRATION_INVALID_MODULE` for a reserved or malformed name; else as [`MigrationSet::new`].
    pub fn custom(module: &str, migrations: Vec<Migration>) -> Result<Self> {
        module::check_custom(module)?;
        Self::new(module, migrations)
    }

    /// The same set with its own rules for existing files.
    #[must_use]
    pub fn with_rules(mut self, rules: impl ModuleRules + 'static) -> Self {
        self.rules = Arc::new(rules);
        self
    }

    /// The same set with the rules of `built_in`, if it repeats that set or its beginning, continued or not.
    #[must_use]
    pub fn like(mut self, built_in: &Self) -> Self {
        let repeats = |(own, known): (&Migration, &Migration)| own.name == known.name && own.up == known.up;
        if self.migrations.iter().zip(&*built_in.migrations).all(repeats) {
            self.rules = Arc::clone(&built_in.rules);
        }
        self
    }

    /// Journal name.
    pub fn module(&self) -> &str {
        &self.module
    }

    /// The migrations, by version.
    pub fn migrations(&self) -> &[Migration] {
        &self.migrations
    }

    /// The highest version; 0 for an empty set.
    pub fn latest(&self) -> i64 {
        self.migrations.last().map_or(0, |migration| migration.version)
    }

    /// The migration with this version.
    pub fn get(&self, version: i64) -> Option<&Migration> {
        self.migrations.get(usize::try_from(version - 1).ok()?)
    }

    /// What this module does with existing files.
    pub fn rules(&self) -> &dyn ModuleRules {
        &*self.rules
    }
}

/// A version as JavaScript gives it.
///
/// # Errors
/// `MIGRATION_INVALID` for anything but an integer from 1.
pub fn version_of(module: &str, version: f64) -> Result<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "an integer below 2^53")]
    if version.fract() == 0.0 && (1.0..9_007_199_254_740_992.0).contains(&version) {
        return Ok(version as i64);
    }
    let text = format!("Migration version must be an integer from 1, found {version}");
    Err(MigrationError::new(MigrationCode::Invalid, module, text).into())
}

/// Checks a migration by itself.
///
/// # Errors
/// `MIGRATION_INVALID` for a version below 1, a blank name, and SQL that holds U+0000 or a flag that is none.
pub(super) fn check_migration(module: &str, migration: &Migration) -> Result<()> {
    let problem = if migration.version < 1 {
        "Migration version must be an integer from 1"
    } else if migration.name.trim().is_empty() {
        "Migration name must not be empty"
    } else {
        // SQLite would take a NUL for the end.
        let wrong = if has_nul(&migration.up) || migration.down.as_ref().is_some_and(has_nul) {
            "contains U+0000".to_owned()
        } else if let Some(flag) = migration.flags().find(|flag| ![DESTRUCTIVE, FOREIGN_KEYS_OFF].contains(flag)) {
            format!("has an unknown flag, \"{flag}\"")
        } else {
            return Ok(());
        };
        let text = format!("The SQL of migration {} ({}) {wrong}", migration.version, migration.name);
        return Err(MigrationError::new(MigrationCode::Invalid, module, text).at(migration.version).into());
    };
    let error = MigrationError::new(
        MigrationCode::Invalid,
        module,
        format!("{problem}, found {}", {
            if migration.version < 1 { migration.version.to_string() } else { format!("\"{}\"", migration.name) }
        }),
    );
    Err(error.at(migration.version).into())
}

fn has_nul(script: &Script) -> bool {
    matches!(script, Script::Sql(sql) if sql.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn code(result: Result<MigrationSet>) -> (&'static str, String) {
        match result.err() {
            Some(Error::Migration(error)) => (error.code.as_str(), error.message.clone()),
            other => panic!("expected a MigrationError, found {other:?}"),
        }
    }

    fn step(version: i64) -> Migration {
        Migration::sql(version, format!("m{version}"), "SELECT 1", None)
    }

    #[test]
    fn flags_are_read_from_the_leading_comments_only() {
        let flagged = Migration::sql(1, "a", "-- words\n\n-- runledger: destructive\r\nDROP TABLE a;", None);
        assert!(flagged.destructive && !flagged.foreign_keys_off);
        let off = Migration::sql(1, "a", "--runledger: foreign_keys=off\nSELECT 1;\n-- runledger: destructive", None);
        assert!(off.foreign_keys_off && !off.destructive);
        assert!(!Migration::sql(1, "a", "SELECT '-- runledger: destructive'", None).destructive);
        let down = Migration::sql(1, "a", "SELECT 1", Some("-- runledger: foreign_keys=off".into()));
        assert!(down.foreign_keys_off && !down.destructive);
    }

    #[test]
    fn a_flag_that_is_none_is_refused() {
        for (up, down) in [("-- runledger: foreign_keys = off", ""), ("SELECT 1", "\n--runledger: foreign_keys = off ")]
        {
            let error = code(MigrationSet::new("a", vec![Migration::sql(1, "a", up, Some(down.into()))]));
            let text = "The SQL of migration 1 (a) has an unknown flag, \"foreign_keys = off\"";
            assert_eq!(error, ("MIGRATION_INVALID", text.to_owned()));
        }
        assert!(MigrationSet::new("a", vec![Migration::sql(1, "a", "SELECT 1; -- runledger: x", None)]).is_ok());
    }

    #[test]
    fn a_list_with_a_gap_or_a_double_is_refused() {
        let text = "Migration versions must be sequential starting from 1. Found gap at version 2";
        assert_eq!(code(MigrationSet::new("a", vec![step(1), step(3)])), ("MIGRATION_GAP", text.to_owned()));
        assert_eq!(code(MigrationSet::new("a", vec![step(1), step(1), step(2)])), ("MIGRATION_GAP", text.to_owned()));
        assert_eq!(code(MigrationSet::new("a", vec![step(2)])).0, "MIGRATION_GAP");
    }

    #[test]
    fn a_list_is_sorted() {
        let set = MigrationSet::new("a", vec![step(2), step(1)]).expect("1..2");
        assert_eq!(set.latest(), 2);
        assert_eq!(set.get(2).map(|it| it.name.as_str()), Some("m2"));
        assert!(set.get(0).is_none() && set.get(3).is_none());
    }

    #[test]
    fn versions_below_one_and_blank_names_are_invalid() {
        assert_eq!(
            code(MigrationSet::new("a", vec![step(0)])),
            ("MIGRATION_INVALID", "Migration version must be an integer from 1, found 0".to_owned())
        );
        assert_eq!(
            code(MigrationSet::new("a", vec![Migration::external(1, "  ", false)])),
            ("MIGRATION_INVALID", "Migration name must not be empty, found \"  \"".to_owned())
        );
    }

    #[test]
    fn versions_from_javascript_are_whole_numbers() {
        assert_eq!(version_of("a", 3.0).ok(), Some(3));
        for version in [0.0, -1.0, 1.5, f64::NAN, f64::INFINITY, 1e300] {
            assert!(version_of("a", version).is_err(), "{version}");
        }
    }

    #[test]
    fn reserved_module_names_are_for_the_built_in_sets() {
        assert_eq!(
            code(MigrationSet::custom("usage", vec![])),
            ("MIGRATION_INVALID_MODULE", "Module name \"usage\" is reserved".to_owned())
        );
        assert!(MigrationSet::new("usage", vec![]).is_ok());
        assert_eq!(code(MigrationSet::new("Usage", vec![])).0, "MIGRATION_INVALID_MODULE");
    }
}
