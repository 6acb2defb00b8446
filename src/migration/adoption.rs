#![forbid(unsafe_code)]
//! Adopting the tables of an existing file (migrations.md §7).
//!
//! [`recognise`] says whether they match a known shape, [`adopt`] brings them to the definition. A module whose files
//! need more takes the pieces of [`Adoption`] and puts them together itself.

use rusqlite::Connection;

use crate::error::{Error, Result};

use super::error::MigrationError;
use super::keys;
use super::quarantine::Quarantine;
use super::rebuild::{Mapping, Rebuild};
use super::rules::ModuleRules;
use super::schema::{Column, Index, Schema, Table, quoted, same_definition};
use super::set::MigrationSet;

/// An index or a trigger of the owner's that was taken off while its table is rebuilt.
#[derive(Debug)]
struct Detached {
    name: String,
    sql: String,
    /// Its table was replaced by one of another shape, which may not have what it names.
    optional: bool,
}

/// The adoption of one module's tables, in progress, within one transaction.
#[derive(Debug)]
pub struct Adoption<'a> {
    conn: &'a Connection,
    module: String,
    file: Schema,
    quarantine: Quarantine<'a>,
    detached: Vec<Detached>,
    warnings: Vec<String>,
    legacy_alter_table: bool,
}

impl<'a> Adoption<'a> {
    pub(super) fn new(conn: &'a Connection, module: &str, file: &Schema) -> Result<Self> {
        let legacy_alter_table = conn.query_row("PRAGMA legacy_alter_table", [], |row| row.get(0))?;
        conn.pragma_update(None, "legacy_alter_table", true)?;
        Ok(Self {
            conn,
            module: module.to_owned(),
            file: file.clone(),
            quarantine: Quarantine::new(conn, module),
            detached: Vec::new(),
            warnings: Vec::new(),
            legacy_alter_table,
        })
    }

    /// The connection; foreign keys are not enforced on it.
    pub fn conn(&self) -> &'a Connection {
        self.conn
    }

    /// The table as it was found.
    pub fn found(&self, name: &str) -> Option<Table> {
        self.file.table(name).cloned()
    }

    /// The indexes that were found on a table.
    pub fn indexes_on(&self, table: &str) -> Vec<Index> {
        self.file.indexes.iter().filter(|it| it.table.eq_ignore_ascii_case(table)).cloned().collect()
    }

    /// Tells the user something that is not a count of the quarantine.
    pub fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(format!("{}: {}", self.module, text.into()));
    }

    /// Takes the triggers off a table, so that none fires for what the adoption does.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn detach_triggers(&mut self, table: &str, wanted: &Schema, optional: bool) -> Result<()> {
        let on_table = |it: &&super::schema::Trigger| it.table.eq_ignore_ascii_case(table);
        for trigger in self.file.triggers.iter().filter(on_table).cloned().collect::<Vec<_>>() {
            self.conn.execute_batch(&format!("DROP TRIGGER main.{}", quoted(&trigger.name)))?;
            if wanted.trigger(&trigger.name).is_none() {
                self.detached.push(Detached { name: trigger.name, sql: trigger.sql, optional });
            }
        }
        Ok(())
    }

    /// Takes the indexes off a table. Those of the definition are created anew, those that `drop` names are not.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn detach_indexes(
        &mut self,
        table: &str,
        wanted: &Schema,
        optional: bool,
        drop: impl Fn(&Index) -> bool,
    ) -> Result<()> {
        for index in self.indexes_on(table) {
            self.conn.execute_batch(&format!("DROP INDEX main.{}", quoted(&index.name)))?;
            if wanted.index(&index.name).is_none() && !drop(&index) {
                self.detached.push(Detached { name: index.name, sql: index.sql, optional });
            }
        }
        Ok(())
    }

    /// Rebuilds a table whose indexes and triggers were taken off. `extras` are kept behind the definition's columns.
    ///
    /// # Errors
    /// Those of SQLite, except refused rows, which go to the quarantine.
    pub fn rebuild(
        &mut self,
        found: &Table,
        wanted: &Schema,
        table: &Table,
        mapping: Vec<Mapping>,
        extras: Vec<&Column>,
    ) -> Result<()> {
        let is_unique = |it: &&Index| it.table.eq_ignore_ascii_case(&table.name) && it.is_unique();
        let unique = wanted.indexes.iter().filter(is_unique).collect();
        Rebuild { found, wanted: table, mapping, extras, unique }.run(self.conn, &mut self.quarantine)
    }

    /// Repairs the foreign keys of the module's tables.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn repair_keys(&mut self, wanted: &Schema) -> Result<()> {
        keys::repair(self.conn, &wanted.tables, &mut self.quarantine)
    }

    /// Creates what `wanted` has and the file has not: tables, indexes, views, triggers.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn create_missing(&mut self, wanted: &Schema) -> Result<()> {
        let file = Schema::read(self.conn)?;
        let tables = wanted.tables.iter().filter(|it| file.table(&it.name).is_none()).map(|it| &it.sql);
        let indexes = wanted.indexes.iter().filter(|it| file.index(&it.name).is_none()).map(|it| &it.sql);
        let views = wanted.views.iter().filter(|it| file.view(&it.name).is_none()).map(|it| &it.sql);
        let triggers = wanted.triggers.iter().filter(|it| file.trigger(&it.name).is_none()).map(|it| &it.sql);
        for sql in tables.chain(indexes).chain(views).chain(triggers) {
            self.conn.execute_batch(sql)?;
        }
        Ok(())
    }

    /// Puts the owner's indexes and triggers back.
    ///
    /// # Errors
    /// Those of SQLite, except for what cannot be put on a table of another shape: that is a warning.
    pub fn reattach(&mut self) -> Result<()> {
        for it in std::mem::take(&mut self.detached) {
            match self.conn.execute_batch(&it.sql).map_err(Error::from) {
                Ok(()) => {}
                Err(error) if it.optional => {
                    self.warn(format!("{} could not be created again ({error}): {}", it.name, it.sql));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Checks what was made, and hands out the warnings.
    pub(super) fn finish(self, wanted: &Schema) -> Result<Vec<String>> {
        for table in &wanted.tables {
            let check = format!("PRAGMA main.foreign_key_check({})", quoted(&table.name));
            let mut statement = self.conn.prepare(&check)?;
            if statement.exists([])? {
                return Err(Error::Internal(format!("{} still has rows that refer to nothing", table.name)));
            }
        }
        let mut warnings = self.quarantine.warnings();
        warnings.extend(self.warnings.iter().cloned());
        Ok(warnings)
    }
}

impl Drop for Adoption<'_> {
    fn drop(&mut self) {
        // There is nobody to tell, and it matters only to scripts that rename tables on this connection.
        let _ = self.conn.pragma_update(None, "legacy_alter_table", self.legacy_alter_table);
    }
}

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
            Some(table) => {
                Some(MigrationError::conflict(set.module(), &table.name, "not there", found_text(file, &table.name)))
            }
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
        if file.view(&view.name).is_none() && file.kind_of(&view.name).is_some() {
            conflict(&view.name, "a view".to_owned())?;
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
            Some(format!("with {} as {}, not {}", column.name, it.declared, column.declared))
        }
        Some(it) if it.key != column.key => Some("with another primary key".to_owned()),
        Some(_) => None,
    })
}

/// The default adoption: see [`ModuleRules::adopt`].
pub(super) fn adopt<R: ModuleRules + ?Sized>(rules: &R, adoption: &mut Adoption<'_>, wanted: &Schema) -> Result<()> {
    for table in &wanted.tables {
        adoption.detach_triggers(&table.name, wanted, false)?;
    }
    for table in &wanted.tables {
        let Some(found) = adoption.found(&table.name) else { continue };
        let value = |column: &Column| rules.value(&table.name, column);
        let is_kept = same_definition(&found.sql, &table.sql) && !table.columns.iter().any(|it| value(it).is_some());
        if is_kept {
            drop_changed_indexes(adoption, table, wanted)?;
            continue;
        }
        adoption.detach_indexes(&table.name, wanted, false, |_| false)?;
        let columns = table.columns.iter().filter(|it| !it.generated && found.column(&it.name).is_some());
        let mapping = columns.map(|it| Mapping::new(it, value(it).unwrap_or_else(|| quoted(&it.name)))).collect();
        adoption.rebuild(&found, wanted, table, mapping, Vec::new())?;
    }
    rules.complete(adoption.conn())?;
    adoption.repair_keys(wanted)?;
    adoption.create_missing(wanted)?;
    adoption.reattach()
}

/// An index of ours with another definition is created anew.
fn drop_changed_indexes(adoption: &Adoption<'_>, table: &Table, wanted: &Schema) -> Result<()> {
    for index in wanted.indexes.iter().filter(|it| it.table.eq_ignore_ascii_case(&table.name)) {
        if let Some(found) = adoption.file.index(&index.name)
            && !same_definition(&found.sql, &index.sql)
        {
            adoption.conn.execute_batch(&format!("DROP INDEX main.{}", quoted(&index.name)))?;
        }
    }
    Ok(())
}
