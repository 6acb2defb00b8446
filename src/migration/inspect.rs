#![forbid(unsafe_code)]
//! Looking at a file before anything is changed (migrations.md §3 step 1).

use rusqlite::Connection;

use crate::error::Result;

use super::checksum;
use super::error::MigrationError;
use super::journal::{self, JournalKind, JournalRow};
use super::module::DEPENDENCIES;
use super::plan::StatusReport;
use super::schema::Schema;
use super::set::MigrationSet;

/// What a look at a file found.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The journal.
    pub journal: JournalKind,
    /// The module's rows in it, versions 1..k.
    pub applied: Vec<JournalRow>,
    /// The version that tables without journal rows stand for.
    pub adoptable: Option<i64>,
    /// The whole schema.
    pub schema: Schema,
    /// What the set declares, by version; empty if nothing had to be compared.
    pub declared: Vec<Schema>,
}

impl Inspection {
    /// The highest applied version, 0 if there is none.
    pub fn current(&self) -> i64 {
        self.applied.last().map_or(0, |row| row.version)
    }

    /// Whether a conversion or an adoption is needed before migrations can run.
    pub fn needs_preparation(&self) -> bool {
        self.journal.is_legacy() || self.adoptable.is_some() || self.has_unchecked_rows()
    }

    /// Converted rows whose tables have not been compared with the set yet.
    pub fn has_unchecked_rows(&self) -> bool {
        self.applied.iter().any(|row| row.checksum.is_none())
    }
}

/// Reads journal and schema, as of one moment. Writes nothing.
///
/// # Errors
/// `MIGRATION_CONFLICT`, `MIGRATION_GAP`, `MIGRATION_DIVERGED`, `MIGRATION_AHEAD`, and those of SQLite.
pub fn inspect(conn: &Connection, set: &MigrationSet) -> Result<Inspection> {
    as_of_one_moment(conn, || inspect_now(conn, set))
}

/// Where the module of `set` stands in a file, without comparing anything.
///
/// # Errors
/// `MIGRATION_CONFLICT` for a journal that is none of ours, and those of SQLite.
pub fn status(conn: &Connection, set: &MigrationSet) -> Result<StatusReport> {
    as_of_one_moment(conn, || {
        let kind = JournalKind::read(conn, set.module())?;
        Ok(StatusReport::of(set, journal::rows(conn, kind, set.module())?))
    })
}

/// Runs `read` in a transaction of its own, unless there is one.
pub(super) fn as_of_one_moment<T>(conn: &Connection, read: impl FnOnce() -> Result<T>) -> Result<T> {
    if !conn.is_autocommit() {
        return read();
    }
    let transaction = conn.unchecked_transaction()?;
    let found = read()?;
    transaction.finish()?;
    Ok(found)
}

/// The same within the caller's transaction.
pub(super) fn inspect_now(conn: &Connection, set: &MigrationSet) -> Result<Inspection> {
    let module = set.module();
    let schema = Schema::read(conn)?;
    let kind = JournalKind::of(&schema, module)?;
    if kind.is_legacy() {
        // Converting is all or nothing, whichever module opens the file.
        let owner = journal::all_rows(conn, kind)?;
        journal::check_order(owner.first().map_or(module, |row| &row.module), &owner)?;
    }
    let applied = journal::rows(conn, kind, module)?;
    compare(set, &applied)?;
    let mut inspection = Inspection { journal: kind, applied, adoptable: None, schema, declared: Vec::new() };
    let complete = inspection.current() >= set.latest() && !inspection.has_unchecked_rows();
    // What the set declares is found out by running it in memory: half a millisecond that a new file need not wait for.
    if complete || inspection.schema.is_empty() {
        return Ok(inspection);
    }
    inspection.declared = Schema::declared(set)?;
    if inspection.applied.is_empty() {
        inspection.adoptable = set.rules().recognise(&inspection.schema, set, &inspection.declared)?;
    } else {
        if inspection.has_unchecked_rows() {
            check_tables(&inspection, set)?;
        }
        check_free(&inspection, set)?;
    }
    Ok(inspection)
}

/// Compares the journal with the set.
pub(super) fn compare(set: &MigrationSet, applied: &[JournalRow]) -> Result<()> {
    journal::check_order(set.module(), applied)?;
    for row in applied {
        let Some(migration) = set.get(row.version) else {
            let is_function = row.checksum.as_deref().is_some_and(checksum::is_external);
            if is_function && set.rules().may_be_continued() {
                continue;
            }
            let current = applied.last().map_or(row.version, |last| last.version);
            return Err(MigrationError::ahead(set.module(), row.version, current, set.latest()).into());
        };
        if row.name != migration.name {
            return Err(MigrationError::diverged(set.module(), row.version, &migration.name, &row.name).into());
        }
        let expected = migration.checksum();
        if let Some(found) = &row.checksum
            && !checksum::agree(found, &expected)
        {
            return Err(MigrationError::diverged(set.module(), row.version, &expected, found).into());
        }
    }
    Ok(())
}

/// The tables behind converted rows must be those of the recorded version.
fn check_tables(inspection: &Inspection, set: &MigrationSet) -> Result<()> {
    let current = inspection.current();
    let Some(wanted) = usize::try_from(current - 1).ok().and_then(|position| inspection.declared.get(position)) else {
        return Ok(());
    };
    match set.rules().recognise(&inspection.schema, set, &inspection.declared)? {
        Some(version) if version >= current => Ok(()),
        found => {
            let missing = wanted.tables.iter().find(|table| inspection.schema.table(&table.name).is_none());
            let object = missing.or(wanted.tables.last()).map_or("schema_migrations", |table| table.name.as_str());
            let found = found.map_or("missing".to_owned(), |version| format!("of version {version}"));
            Err(MigrationError::conflict(set.module(), object, format!("the table of version {current}"), found).into())
        }
    }
}

/// Names that pending migrations will create must not be taken.
fn check_free(inspection: &Inspection, set: &MigrationSet) -> Result<()> {
    let position = usize::try_from(inspection.current() - 1).unwrap_or_default();
    let (Some(now), Some(last)) = (inspection.declared.get(position), inspection.declared.last()) else {
        return Ok(());
    };
    let names = last.tables.iter().map(|it| &it.name).chain(last.views.iter().map(|it| &it.name));
    for name in names.chain(last.indexes.iter().map(|it| &it.name)) {
        if now.kind_of(name).is_none()
            && let Some(found) = inspection.schema.kind_of(name)
        {
            return Err(MigrationError::conflict(
                set.module(),
                name,
                "nothing of that name before a pending migration",
                found,
            )
            .into());
        }
    }
    Ok(())
}

/// Refuses to migrate `module` to `version` while what it requires is missing.
pub(super) fn check_requirements(conn: &Connection, kind: JournalKind, set: &MigrationSet, version: i64) -> Result<()> {
    for it in DEPENDENCIES.iter().filter(|it| it.module == set.module() && it.version <= version) {
        let current = journal::rows(conn, kind, it.requires)?.last().map_or(0, |row| row.version);
        if current < it.at_least {
            return Err(MigrationError::dependency(it.module, it.version, it.requires, it.at_least, current).into());
        }
    }
    Ok(())
}

/// Refuses to take `module` down to `target` while another module needs more.
pub(super) fn check_dependents(conn: &Connection, kind: JournalKind, module: &str, target: i64) -> Result<()> {
    for it in DEPENDENCIES.iter().filter(|it| it.requires == module && it.at_least > target) {
        if journal::rows(conn, kind, it.module)?.iter().any(|row| row.version >= it.version) {
            return Err(MigrationError::dependency(it.module, it.version, module, it.at_least, target).into());
        }
    }
    Ok(())
}
