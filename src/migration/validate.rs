#![forbid(unsafe_code)]
//! Is a file what its journal says? (migrations.md §8)

use rusqlite::Connection;
use serde_json::Value;

use crate::error::{Error, Result};

use super::foreign_keys;
use super::inspect;
use super::journal::{self, JournalKind, JournalRow};
use super::plan::{Problem, ProblemKind, ValidationReport};
use super::schema::Schema;
use super::set::MigrationSet;

/// Checks the whole file against the applied migrations of `set`. Reads only, as of one moment.
///
/// # Errors
/// Those of SQLite. What is wrong with the file is in the report.
pub fn validate(conn: &Connection, set: &MigrationSet) -> Result<ValidationReport> {
    validate_all(conn, std::slice::from_ref(set))
}

/// [`validate`] for several modules: one that needs others is sound only with them.
///
/// # Errors
/// As [`validate`].
pub fn validate_all(conn: &Connection, sets: &[MigrationSet]) -> Result<ValidationReport> {
    inspect::as_of_one_moment(conn, || {
        let mut problems = Vec::new();
        sets.iter().try_for_each(|set| check_objects(conn, set, &mut problems))?;
        check_file(conn, &mut problems)?;
        Ok(ValidationReport { ok: problems.is_empty(), problems })
    })
}

/// The part of a validation that needs no set: `integrity_check` and `foreign_key_check` of the whole file.
///
/// # Errors
/// Those of SQLite.
pub fn check_file(conn: &Connection, problems: &mut Vec<Problem>) -> Result<()> {
    check_integrity(conn, problems)?;
    for violation in foreign_keys::violations(conn)? {
        let row = violation.rowid.map_or("a row".to_owned(), |rowid| format!("row {rowid}"));
        let message = format!("{row} of {} refers to a missing row of {}", violation.table, violation.parent);
        problems.push(Problem { kind: ProblemKind::ForeignKey, object: violation.table, message });
    }
    Ok(())
}

/// The part of a validation that compares journal and schema with `set`. Nothing is wrong with a module that has not been
/// applied and could be.
///
/// # Errors
/// Those of SQLite.
pub fn check_objects(conn: &Connection, set: &MigrationSet, problems: &mut Vec<Problem>) -> Result<()> {
    let file = Schema::read(conn)?;
    let checked = JournalKind::of(&file, set.module()).and_then(|kind| {
        let applied = journal::rows(conn, kind, set.module())?;
        inspect::compare(set, &applied)?;
        if applied.is_empty() {
            // Its names may be taken by something else.
            inspect::inspect_now(conn, set)?;
        }
        Ok(applied)
    });
    match checked {
        Ok(applied) if applied.is_empty() => Ok(()),
        Ok(applied) => {
            let declared = Schema::declared(set)?;
            let (known, functions) = applied.split_at(applied.len().min(declared.len()));
            if let Some(wanted) = known.len().checked_sub(1).and_then(|last| declared.get(last)) {
                missing_objects(&file, wanted, functions, problems);
            }
            Ok(())
        }
        Err(Error::Migration(error)) => {
            let object = match (error.version, error.details.get("object").and_then(Value::as_str)) {
                (Some(version), _) => format!("{} {version}", set.module()),
                (None, object) => object.unwrap_or(journal::TABLE).to_owned(),
            };
            problems.push(Problem { kind: ProblemKind::Diverged, object, message: error.message });
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// What is `wanted` and not there. The `functions` that were applied since may have dropped indexes, views and triggers;
/// tables and columns only if they are recorded as destructive.
fn missing_objects(file: &Schema, wanted: &Schema, functions: &[JournalRow], problems: &mut Vec<Problem>) {
    let mut miss = |kind: &str, name: &str| {
        let message = format!("{kind} {name} is missing");
        problems.push(Problem { kind: ProblemKind::Missing, object: name.to_owned(), message });
    };
    if functions.iter().any(|row| row.destructive) {
        return;
    }
    for table in &wanted.tables {
        match file.table(&table.name) {
            None => miss("table", &table.name),
            Some(found) => {
                for column in table.columns.iter().filter(|column| found.column(&column.name).is_none()) {
                    miss("column", &format!("{}.{}", table.name, column.name));
                }
            }
        }
    }
    if !functions.is_empty() {
        return;
    }
    wanted.indexes.iter().filter(|it| file.index(&it.name).is_none()).for_each(|it| miss("index", &it.name));
    wanted.views.iter().filter(|it| file.view(&it.name).is_none()).for_each(|it| miss("view", &it.name));
    wanted.triggers.iter().filter(|it| file.trigger(&it.name).is_none()).for_each(|it| miss("trigger", &it.name));
}

fn check_integrity(conn: &Connection, problems: &mut Vec<Problem>) -> Result<()> {
    let mut check = conn.prepare("PRAGMA main.integrity_check")?;
    let lines: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for message in lines.into_iter().filter(|line| line != "ok") {
        problems.push(Problem { kind: ProblemKind::Integrity, object: "main".to_owned(), message });
    }
    Ok(())
}
