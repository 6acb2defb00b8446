#![forbid(unsafe_code)]
//! Would this migration lose data? Decided by what SQLite did, never by reading SQL (migrations.md §5).
//!
//! Two looks: [`Watch`] judges the authorizer's events while the migration runs, [`lost`] compares before and after.
//! A name that existed before counts as the old table for the whole migration, so a swap of two tables is judged by
//! the rows that are left. A name that neither existed nor was created is one that a RENAME made, and the authorizer
//! does not tell of which table: it counts as an old one as soon as any old table was altered. In the same way every
//! column of an old table counts as an old one once a column of such a table was renamed.

use std::collections::HashSet;
use std::sync::Arc;

use rusqlite::hooks::{AuthAction, AuthContext};

use super::schema::Table;
use super::snapshot::Snapshot;

/// Judges authorizer events against the state before the migration.
#[derive(Debug)]
pub(super) struct Watch {
    before: Arc<Snapshot>,
    /// Tables and views that the migration created, in lower case.
    created: HashSet<String>,
    /// Triggers that it created: their updates are the migration's own.
    created_triggers: HashSet<String>,
    /// Whether the last ALTER TABLE was one of an old table.
    alters_old_table: bool,
    /// Whether it named an old column.
    alters_old_column: bool,
    altered_old_table: bool,
    renamed_old_column: bool,
    lost: bool,
}

impl Watch {
    pub(super) fn new(before: Arc<Snapshot>) -> Self {
        Self {
            before,
            created: HashSet::new(),
            created_triggers: HashSet::new(),
            alters_old_table: false,
            alters_old_column: false,
            altered_old_table: false,
            renamed_old_column: false,
            lost: false,
        }
    }

    /// Takes note of one event.
    pub(super) fn see(&mut self, event: &AuthContext<'_>) {
        // ALTER TABLE names its database in another place, and the altered column where others have the database.
        if let AuthAction::AlterTable { database_name: "main", table_name } = event.action {
            return self.see_alter(table_name, event.database_name);
        }
        // DROP and RENAME COLUMN run functions of SQLite's own. If ADD COLUMN follows with the same name, both ends look alike.
        match event.action {
            AuthAction::Function { function_name: "sqlite_drop_column" } => self.lost |= self.alters_old_column,
            AuthAction::Function { function_name: "sqlite_rename_column" } => {
                self.renamed_old_column |= self.alters_old_table;
            }
            _ => {}
        }
        if event.database_name != Some("main") {
            return;
        }
        match event.action {
            AuthAction::CreateTable { table_name } | AuthAction::CreateVtable { table_name, .. } => {
                self.created.insert(table_name.to_ascii_lowercase());
            }
            AuthAction::CreateView { view_name } => {
                self.created.insert(view_name.to_ascii_lowercase());
            }
            AuthAction::CreateTrigger { trigger_name, .. } => {
                self.created_triggers.insert(trigger_name.to_ascii_lowercase());
            }
            AuthAction::DropTable { table_name } | AuthAction::DropVtable { table_name, .. } => {
                self.lost |= self.is_old(table_name);
            }
            AuthAction::Delete { table_name } => self.lost |= self.is_old_with_rows(table_name),
            AuthAction::Update { table_name, column_name } => {
                self.lost |= self.is_old_with_rows(table_name)
                    && self.is_old_column(table_name, column_name)
                    && !self.is_old_trigger(event.accessor);
            }
            _ => {}
        }
    }

    fn see_alter(&mut self, table: &str, column: Option<&str>) {
        self.altered_old_table |= self.before.schema.table(table).is_some();
        self.alters_old_table = self.is_old(table);
        self.alters_old_column = self.alters_old_table && column.is_some_and(|name| self.is_old_column(table, name));
    }

    fn is_old(&self, table: &str) -> bool {
        if table.to_ascii_lowercase().starts_with("sqlite_") || self.before.schema.view(table).is_some() {
            return false;
        }
        self.before.schema.table(table).is_some()
            || self.altered_old_table && !self.created.contains(&table.to_ascii_lowercase()) && !self.is_shadow(table)
    }

    fn is_old_with_rows(&self, table: &str) -> bool {
        self.is_old(table) && (self.before.schema.table(table).is_none() || self.before.had_rows(table))
    }

    /// `<virtual table>_<suffix>`: written by the virtual table when it takes an INSERT.
    fn is_shadow(&self, table: &str) -> bool {
        self.before.schema.tables.iter().filter(|it| it.is_virtual).any(|it| {
            table.get(..it.name.len()).is_some_and(|start| start.eq_ignore_ascii_case(&it.name))
                && table[it.name.len()..].starts_with('_')
        })
    }

    /// The rowid has no column, but it always existed; so did the columns of a virtual table, which nobody has listed.
    fn is_old_column(&self, table: &str, column: &str) -> bool {
        let existed = |it: &Table| it.is_virtual || column == "ROWID" || it.column(column).is_some();
        self.renamed_old_column || self.before.schema.table(table).is_none_or(existed)
    }

    /// What a trigger of a view does is what the statement says that was given to the view.
    fn is_old_trigger(&self, accessor: Option<&str>) -> bool {
        let schema = &self.before.schema;
        accessor.is_some_and(|name| {
            schema.trigger(name).is_some_and(|it| schema.view(&it.table).is_none())
                && !self.created_triggers.contains(&name.to_ascii_lowercase())
        })
    }

    /// The verdict, with the state after the migration.
    pub(super) fn is_destructive(&self, after: &Snapshot) -> bool {
        self.lost || lost(&self.before, after)
    }
}

/// Whether the difference alone shows a loss: a name that is gone, fewer rows, or NOT NULL where rows were.
fn lost(before: &Snapshot, after: &Snapshot) -> bool {
    before.schema.tables.iter().any(|old| {
        let Some(new) = after.schema.table(&old.name) else { return true };
        let fewer = matches!((before.rows(&old.name), after.rows(&old.name)), (Some(was), Some(is)) if is < was);
        fewer
            || old.columns.iter().any(|column| match new.column(&column.name) {
                None => true,
                Some(now) => now.not_null && !column.not_null && before.had_rows(&old.name),
            })
    })
}
