#![forbid(unsafe_code)]
//! What the engine tells its callers, in the shapes of migrations.md §8.

use serde::Serialize;

use super::journal::JournalRow;
use super::set::{Migration, MigrationSet};
use super::step::Observed;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is new.
    Create,
    /// It is gone.
    Drop,
    /// Its definition differs.
    Alter,
    /// A table that existed has another number of rows.
    Rows,
}

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectKind {
    /// A table, virtual ones included.
    Table,
    /// A column of a table that exists before and after.
    Column,
    /// An index with a name of its own.
    Index,
    /// A view.
    View,
    /// A trigger.
    Trigger,
}

/// One difference between the file before and after a migration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationChange {
    /// What happened.
    pub kind: ChangeKind,
    /// To what.
    pub object: ObjectKind,
    /// Its name.
    pub name: String,
    /// The table of a column, an index or a trigger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Rows before, for [`ChangeKind::Rows`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<i64>,
    /// Rows after, for [`ChangeKind::Rows`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
}

/// The outcome of one migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It ran and was committed.
    Applied,
    /// It had been applied before.
    Skipped,
    /// It did not take effect; `reason` says why.
    Blocked,
}

/// One entry of a run or a dry run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MigrationPlanItem {
    /// Position in the set.
    pub version: i64,
    /// Name in the set.
    pub name: String,
    /// By its flag, or because SQLite saw it.
    pub destructive: bool,
    /// SQLite saw it.
    pub detected: bool,
    /// The script really ran, even if everything was rolled back afterwards.
    pub executed: bool,
    /// Outcome.
    pub status: Status,
    /// Why it was not applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Differences, ordered by object kind, then name.
    pub changes: Vec<MigrationChange>,
    /// How long the script took, in milliseconds.
    pub execution_ms: f64,
}

impl MigrationPlanItem {
    /// It had been applied before.
    pub(super) fn skipped(row: &JournalRow) -> Self {
        Self {
            version: row.version,
            name: row.name.clone(),
            destructive: row.destructive,
            detected: false,
            executed: false,
            status: Status::Skipped,
            reason: Some("Already applied".to_owned()),
            changes: Vec::new(),
            execution_ms: 0.0,
        }
    }

    /// It does not take effect.
    pub(super) fn blocked(migration: &Migration, reason: String) -> Self {
        Self { status: Status::Blocked, reason: Some(reason), ..Self::applied(migration) }
    }

    /// It ran and was committed.
    pub(super) fn applied(migration: &Migration) -> Self {
        Self {
            version: migration.version,
            name: migration.name.clone(),
            destructive: migration.destructive,
            detected: false,
            executed: false,
            status: Status::Applied,
            reason: None,
            changes: Vec::new(),
            execution_ms: 0.0,
        }
    }

    /// With what running it showed.
    pub(super) fn executed(self, observed: Observed, execution_ms: f64) -> Self {
        Self {
            destructive: self.destructive || observed.destructive,
            detected: observed.destructive,
            executed: true,
            changes: observed.changes,
            execution_ms,
            ..self
        }
    }
}

/// A migration that was rolled back, or that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationRef {
    /// Position in the set.
    pub version: i64,
    /// Name in the set.
    pub name: String,
}

/// Where a module stands in a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusReport {
    /// Journal name.
    pub module: String,
    /// Highest applied version, 0 if there is none.
    pub current: i64,
    /// Highest version of the set.
    pub latest: i64,
    /// Applied migrations, by version.
    pub applied: Vec<JournalRow>,
    /// The others, by version.
    pub pending: Vec<MigrationRef>,
}

impl StatusReport {
    /// The report of a file in whose journal the module of `set` has these rows.
    pub fn of(set: &MigrationSet, applied: Vec<JournalRow>) -> Self {
        let is_pending = |version| !applied.iter().any(|row| row.version == version);
        let pending = set.migrations().iter().filter(|it| is_pending(it.version));
        Self {
            module: set.module().to_owned(),
            current: applied.last().map_or(0, |row| row.version),
            latest: set.latest(),
            pending: pending.map(|it| MigrationRef { version: it.version, name: it.name.clone() }).collect(),
            applied,
        }
    }
}

/// What kind of problem validation found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// An object that an applied migration declares is not there.
    Missing,
    /// `integrity_check` complains.
    Integrity,
    /// A row refers to nothing.
    ForeignKey,
    /// The journal and the set do not agree.
    Diverged,
}

impl ProblemKind {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Integrity => "integrity",
            Self::ForeignKey => "foreign_key",
            Self::Diverged => "diverged",
        }
    }
}

/// One finding of a validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// With what.
    pub object: String,
    /// Text for people.
    pub message: String,
}

/// The result of a validation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValidationReport {
    /// No problem was found.
    pub ok: bool,
    /// What was found.
    pub problems: Vec<Problem>,
}
