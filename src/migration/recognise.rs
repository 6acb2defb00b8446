#![forbid(unsafe_code)]
//! Do the tables of a file match a known shape? (migrations.md §7)

use crate::error::Result;

use super::definition::same_definition;
use super::error::MigrationError;
use super::schema::{Schema, Table, View};
use super::set::MigrationSet;

/// Which version the file's tables stand for: the highest whose tables are all there and match. See
/// [`ModuleRules::recognise`].
pub(super) fn recognise(
    optional: &[(&str, &str)],
    file: &Schema,
    set: &MigrationSet,
    declared: &[Schema],
) -> Result<Option<i64>> {
    let Some(last) = declared.last() else { return Ok(None) };
    let names: Vec<&Table> = declared.iter().flat_map(|schema| &schema.tables).collect();
    let present = |name: &str| file.table(name).is_some() || file.view(name).is_some() || file.index(name).is_some();
    check_names(file, last, set.module())?;
    if !names.iter().any(|table| present(&table.name)) {
        return Ok(None);
    }
    let mut nearest: Option<MigrationError> = None;
    let versions: Vec<_> = (1..).zip(declared).collect();
    for (version, schema) in versions.into_iter().rev() {
        let extra = names.iter().find(|it| present(&it.name) && schema.table(&it.name).is_none());
        let problem = match extra {
            Some(table) => Some(MigrationError::conflict(
                set.module(),
                &table.name,
                "nothing of that name",
                found_text(file, &table.name),
            )),
            None => schema.tables.iter().find_map(|wanted| mismatch(file, set.module(), wanted, optional)),
        };
        match problem {
            None if schema.tables.is_empty() => {}
            None => return Ok(Some(version)),
            // The first version is the least that the file would have to match.
            Some(problem) => nearest = Some(problem),
        }
    }
    nearest.map_or(Ok(None), |error| Err(error.into()))
}

/// Refuses names of the definition that something else has taken.
///
/// # Errors
/// `MIGRATION_CONFLICT`
pub fn check_names(file: &Schema, wanted: &Schema, module: &str) -> Result<()> {
    let conflict = |name: &str, expected: String| -> Result<()> {
        Err(MigrationError::conflict(module, name, expected, found_text(file, name)).into())
    };
    for index in &wanted.indexes {
        let expected = || format!("an index on {}", index.table);
        match file.index(&index.name) {
            Some(found) if !found.table.eq_ignore_ascii_case(&index.table) => conflict(&index.name, expected())?,
            None if file.kind_of(&index.name).is_some() => conflict(&index.name, expected())?,
            _ => {}
        }
    }
    for view in &wanted.views {
        let is_ours = |found: &View| same_definition(&found.sql, &view.sql);
        if file.kind_of(&view.name).is_some() && !file.view(&view.name).is_some_and(is_ours) {
            conflict(&view.name, format!("the view of {module}"))?;
        }
    }
    for trigger in &wanted.triggers {
        if let Some(found) = file.trigger(&trigger.name)
            && !found.table.eq_ignore_ascii_case(&trigger.table)
        {
            let (expected, found) =
                (format!("a trigger on {}", trigger.table), format!("a trigger on {}", found.table));
            return Err(MigrationError::conflict(module, &trigger.name, expected, found).into());
        }
    }
    Ok(())
}

fn found_text(file: &Schema, name: &str) -> String {
    file.kind_of(name).unwrap_or_else(|| "missing".to_owned())
}

/// Why a table of the file is not `wanted`: same column names, affinities and primary key.
fn mismatch(file: &Schema, module: &str, wanted: &Table, optional: &[(&str, &str)]) -> Option<MigrationError> {
    let conflict = |found: String| {
        Some(MigrationError::conflict(module, &wanted.name, format!("a table {}", wanted.signature()), found))
    };
    let Some(found) = file.table(&wanted.name).filter(|table| !table.is_virtual) else {
        return conflict(found_text(file, &wanted.name));
    };
    if let Some(reason) = lacks(found, wanted, optional) {
        return conflict(format!("a table {} {reason}", found.signature()));
    }
    let extra = found.columns.iter().find(|column| wanted.column(&column.name).is_none())?;
    conflict(format!("a table {} with the further column {}", found.signature(), extra.name))
}

/// What `found` lacks to have at least the columns of `wanted`, with their affinities and the primary key.
pub fn lacks(found: &Table, wanted: &Table, optional: &[(&str, &str)]) -> Option<String> {
    wanted.columns.iter().find_map(|column| match found.column(&column.name) {
        None if optional.contains(&(wanted.name.as_str(), column.name.as_str())) => None,
        None => Some(format!("without {}", column.name)),
        Some(it) if it.affinity() != column.affinity() => {
            let declared = if it.declared.is_empty() { "no type" } else { &it.declared };
            Some(format!("with {} of {declared}, not {}", column.name, column.declared))
        }
        Some(it) if it.key != column.key => Some("with another primary key".to_owned()),
        Some(_) => None,
    })
}
