#![forbid(unsafe_code)]
//! Schema and row counts at one moment, and the difference between two moments (migrations.md §5).

use std::collections::HashMap;

use rusqlite::Connection;

use crate::error::Result;

use super::plan::{ChangeKind, MigrationChange, ObjectKind};
use super::schema::{Schema, Table, quoted};

/// To prepare a statement costs more than to count a small table; of one statement's parts SQLite takes 500.
const COUNTED_AT_ONCE: usize = 100;

/// Schema and row counts of the main database.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    /// All objects.
    pub(super) schema: Schema,
    /// Rows of the tables that can be counted, by name in lower case.
    counts: HashMap<String, i64>,
}

impl Snapshot {
    /// Reads schema and counts. What has not changed since `known` is taken from there.
    ///
    /// # Errors
    /// Those of SQLite.
    pub(super) fn take(conn: &Connection, known: Option<&Self>) -> Result<Self> {
        let mut schema = match known {
            Some(known) => Schema::read_again(conn, &known.schema)?,
            None => Schema::read(conn)?,
        };
        // A shadow table is the inside of its virtual table, which is counted itself.
        schema.tables.retain(|table| !table.is_shadow);
        let (own, foreign): (Vec<_>, Vec<_>) = schema.tables.iter().partition(|table| !table.is_virtual);
        let mut counts = HashMap::with_capacity(schema.tables.len());
        for tables in own.chunks(COUNTED_AT_ONCE) {
            counts.extend(count(conn, tables)?);
        }
        for table in foreign {
            // It may belong to a module that is not loaded.
            counts.extend(count(conn, &[table]).unwrap_or_default());
        }
        Ok(Self { schema, counts })
    }

    /// Number of rows of a table that exists and can be counted.
    pub(super) fn rows(&self, table: &str) -> Option<i64> {
        self.counts.get(&table.to_ascii_lowercase()).copied()
    }

    /// Whether `table` exists and may have rows.
    pub(super) fn had_rows(&self, table: &str) -> bool {
        self.schema.table(table).is_some() && self.rows(table) != Some(0)
    }

    /// What `after` has, lacks or defines otherwise; ordered by object kind, then name.
    pub(super) fn changes(&self, after: &Self) -> Vec<MigrationChange> {
        let mut changes = Vec::new();
        self.table_changes(after, &mut changes);
        let (old, new) = (&self.schema, &after.schema);
        let indexes = |schema: &Schema| -> Vec<_> {
            schema.indexes.iter().map(|it| (it.name.clone(), Some(it.table.clone()), it.sql.clone())).collect()
        };
        let views = |schema: &Schema| -> Vec<_> {
            schema.views.iter().map(|it| (it.name.clone(), None, it.sql.clone())).collect()
        };
        let triggers = |schema: &Schema| -> Vec<_> {
            schema.triggers.iter().map(|it| (it.name.clone(), Some(it.table.clone()), it.sql.clone())).collect()
        };
        object_changes(ObjectKind::Index, &indexes(old), &indexes(new), &mut changes);
        object_changes(ObjectKind::View, &views(old), &views(new), &mut changes);
        object_changes(ObjectKind::Trigger, &triggers(old), &triggers(new), &mut changes);
        changes.sort_by(|a, b| (a.object, &a.name, &a.table, a.kind).cmp(&(b.object, &b.name, &b.table, b.kind)));
        changes
    }

    fn table_changes(&self, after: &Self, changes: &mut Vec<MigrationChange>) {
        for table in &self.schema.tables {
            let before = self.rows(&table.name);
            let Some(now) = after.schema.table(&table.name) else {
                changes.push(change(ChangeKind::Drop, ObjectKind::Table, &table.name, None));
                push_rows(&table.name, before, Some(0), changes);
                continue;
            };
            let known = changes.len();
            column_changes(table, now, changes);
            if known == changes.len() && table.sql != now.sql {
                changes.push(change(ChangeKind::Alter, ObjectKind::Table, &table.name, None));
            }
            push_rows(&table.name, before, after.rows(&table.name), changes);
        }
        for table in &after.schema.tables {
            if self.schema.table(&table.name).is_none() {
                changes.push(change(ChangeKind::Create, ObjectKind::Table, &table.name, None));
            }
        }
    }
}

/// The rows of these tables, by name in lower case.
fn count(conn: &Connection, tables: &[&Table]) -> Result<Vec<(String, i64)>> {
    let each: Vec<_> = tables.iter().map(|it| format!("SELECT count(*) FROM main.{}", quoted(&it.name))).collect();
    let mut read = conn.prepare(&each.join(" UNION ALL "))?;
    let counts = read.query_map([], |row| row.get::<_, i64>(0))?;
    let named = tables.iter().zip(counts).map(|(table, rows)| Ok((table.name.to_ascii_lowercase(), rows?)));
    named.collect()
}

fn push_rows(table: &str, before: Option<i64>, after: Option<i64>, changes: &mut Vec<MigrationChange>) {
    if let (Some(before), Some(after)) = (before, after)
        && before != after
    {
        let rows = change(ChangeKind::Rows, ObjectKind::Table, table, None);
        changes.push(MigrationChange { before: Some(before), after: Some(after), ..rows });
    }
}

fn column_changes(before: &Table, after: &Table, changes: &mut Vec<MigrationChange>) {
    for column in &*before.columns {
        let kind = match after.column(&column.name) {
            None => ChangeKind::Drop,
            Some(now) if now != column => ChangeKind::Alter,
            Some(_) => continue,
        };
        changes.push(change(kind, ObjectKind::Column, &column.name, Some(&before.name)));
    }
    for column in &*after.columns {
        if before.column(&column.name).is_none() {
            changes.push(change(ChangeKind::Create, ObjectKind::Column, &column.name, Some(&before.name)));
        }
    }
}

type Object = (String, Option<String>, String);

fn object_changes(kind: ObjectKind, before: &[Object], after: &[Object], changes: &mut Vec<MigrationChange>) {
    for (name, table, sql) in before {
        match after.iter().find(|(other, ..)| other.eq_ignore_ascii_case(name)) {
            None => changes.push(change(ChangeKind::Drop, kind, name, table.as_deref())),
            Some((_, _, now)) if now != sql => changes.push(change(ChangeKind::Alter, kind, name, table.as_deref())),
            Some(_) => {}
        }
    }
    for (name, table, _) in after {
        if !before.iter().any(|(other, ..)| other.eq_ignore_ascii_case(name)) {
            changes.push(change(ChangeKind::Create, kind, name, table.as_deref()));
        }
    }
}

fn change(kind: ChangeKind, object: ObjectKind, name: &str, table: Option<&str>) -> MigrationChange {
    MigrationChange { kind, object, name: name.to_owned(), table: table.map(str::to_owned), before: None, after: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_ordered_by_object_kind_then_name() {
        let conn = Connection::open_in_memory().expect("open");
        conn.execute_batch(
            "CREATE TABLE b (x); CREATE TABLE a (x, y); INSERT INTO a VALUES (1, 2); CREATE INDEX i ON a(x);",
        )
        .expect("before");
        let before = Snapshot::take(&conn, None).expect("before");
        conn.execute_batch(
            "DROP TABLE b; ALTER TABLE a ADD COLUMN z; ALTER TABLE a DROP COLUMN y; INSERT INTO a VALUES (2, 3);
             CREATE VIEW v AS SELECT 1; DROP INDEX i; CREATE INDEX j ON a(z); CREATE TABLE c (x);
             CREATE TRIGGER t AFTER INSERT ON c BEGIN SELECT 1; END;",
        )
        .expect("after");
        let changes = before.changes(&Snapshot::take(&conn, None).expect("after"));
        let text: Vec<_> = changes
            .iter()
            .map(|it| {
                format!("{:?} {:?} {} {:?} {:?} {:?}", it.kind, it.object, it.name, it.table, it.before, it.after)
            })
            .collect();
        assert_eq!(
            text,
            [
                "Rows Table a None Some(1) Some(2)",
                "Drop Table b None None None",
                "Create Table c None None None",
                "Drop Column y Some(\"a\") None None",
                "Create Column z Some(\"a\") None None",
                "Drop Index i Some(\"a\") None None",
                "Create Index j Some(\"a\") None None",
                "Create View v None None None",
                "Create Trigger t Some(\"c\") None None",
            ]
        );
    }
}
