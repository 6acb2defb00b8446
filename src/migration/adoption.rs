#![forbid(unsafe_code)]
//! Adopting the tables of an existing file (migrations.md §7).
//!
//! `recognise` has found that they match a known shape; [`adopt`] brings them to the definition. A module whose files
//! need more takes the pieces of [`Adoption`] and puts them together itself.

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::error::{Error, Result};
use crate::store::overwriting;

use super::definition::same_definition;
use super::keys;
use super::quarantine::Quarantine;
use super::rebuild::{Mapping, Rebuild};
use super::rules::ModuleRules;
use super::schema::{Column, Index, Schema, Table, Trigger, quoted};

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
    texts_in_double_quotes: bool,
}

impl<'a> Adoption<'a> {
    pub(super) fn new(conn: &'a Connection, module: &str, file: &Schema) -> Result<Self> {
        let legacy_alter_table = conn.query_row("PRAGMA legacy_alter_table", [], |row| row.get(0))?;
        conn.pragma_update(None, "legacy_alter_table", true)?;
        // What is there may be spelled as only SQLite's defaults allow.
        let texts_in_double_quotes = conn.db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, true)?;
        Ok(Self {
            conn,
            module: module.to_owned(),
            file: file.clone(),
            quarantine: Quarantine::new(conn, module),
            detached: Vec::new(),
            warnings: Vec::new(),
            legacy_alter_table,
            texts_in_double_quotes,
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
        let on_table = |it: &&Trigger| it.table.eq_ignore_ascii_case(table);
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
        // There is nobody to tell, and it matters only to scripts that alter tables on this connection.
        let _ = self.conn.pragma_update(None, "legacy_alter_table", self.legacy_alter_table);
        let _ = self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, self.texts_in_double_quotes);
    }
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
        if rules.secret_tables().contains(&table.name.as_str()) {
            overwriting(adoption.conn(), || adoption.rebuild(&found, wanted, table, mapping, Vec::new()))?;
        } else {
            adoption.rebuild(&found, wanted, table, mapping, Vec::new())?;
        }
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
