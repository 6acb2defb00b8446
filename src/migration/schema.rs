#![forbid(unsafe_code)]
//! The schema of a file as data: what is there, and what a set declares.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;

use crate::error::Result;

use super::guard::Guard;
use super::set::{MigrationSet, Script};

/// How a column stores what it is given (sqlite.org/datatype3.html §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affinity {
    /// INT in the declared type.
    Integer,
    /// CHAR, CLOB or TEXT.
    Text,
    /// BLOB, or no type.
    Blob,
    /// REAL, FLOA or DOUB.
    Real,
    /// Anything else.
    Numeric,
}

impl Affinity {
    /// The affinity of a declared type.
    pub fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        let has = |part: &str| declared.contains(part);
        if has("INT") {
            Self::Integer
        } else if has("CHAR") || has("CLOB") || has("TEXT") {
            Self::Text
        } else if has("BLOB") || declared.trim().is_empty() {
            Self::Blob
        } else if has("REAL") || has("FLOA") || has("DOUB") {
            Self::Real
        } else {
            Self::Numeric
        }
    }
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name as declared.
    pub name: String,
    /// Type as declared.
    pub declared: String,
    /// NOT NULL was given.
    pub not_null: bool,
    /// The default as SQL text.
    pub default: Option<String>,
    /// Position in the primary key, from 1; 0 if it is no part of it.
    pub key: i64,
    /// A generated column.
    pub generated: bool,
}

impl Column {
    /// How it stores.
    pub fn affinity(&self) -> Affinity {
        Affinity::of(&self.declared)
    }
}

/// A table, virtual or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Name as declared.
    pub name: String,
    /// Its CREATE statement.
    pub sql: String,
    /// Columns in order; none for a virtual table.
    pub columns: Arc<[Column]>,
    /// Created by CREATE VIRTUAL TABLE.
    pub is_virtual: bool,
    /// Belongs to a virtual table, which alone changes it.
    pub is_shadow: bool,
}

impl Table {
    /// The column `name`, in any case.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// `(a, b, c)` for messages.
    pub fn signature(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|column| column.name.as_str()).collect();
        format!("({})", names.join(", "))
    }
}

/// An index that has a CREATE statement of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// Name as declared.
    pub name: String,
    /// Its table.
    pub table: String,
    /// Its CREATE statement.
    pub sql: String,
}

impl Index {
    /// Whether it refuses equal keys.
    pub fn is_unique(&self) -> bool {
        let mut words = self.sql.split_ascii_whitespace();
        words.next();
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("UNIQUE"))
    }
}

/// A trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// Name as declared.
    pub name: String,
    /// Its table.
    pub table: String,
    /// Its CREATE statement.
    pub sql: String,
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// Name as declared.
    pub name: String,
    /// Its CREATE statement.
    pub sql: String,
}

/// Everything that `sqlite_schema` holds, in the order of creation, without SQLite's own tables and indexes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// Tables.
    pub tables: Vec<Table>,
    /// Indexes.
    pub indexes: Vec<Index>,
    /// Triggers.
    pub triggers: Vec<Trigger>,
    /// Views.
    pub views: Vec<View>,
}

impl Schema {
    /// Whether there is no object at all.
    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.indexes.is_empty() && self.triggers.is_empty() && self.views.is_empty()
    }

    /// Reads the schema of the main database.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn read(conn: &Connection) -> Result<Self> {
        Self::select(conn, None, &Self::default())
    }

    /// Reads the schema of a main database that is not far from `known`: of a table that is defined by the same text,
    /// the columns are the same.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn read_again(conn: &Connection, known: &Self) -> Result<Self> {
        Self::select(conn, None, known)
    }

    /// Reads what has the name `name`, in any case.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn read_named(conn: &Connection, name: &str) -> Result<Self> {
        Self::select(conn, Some(name), &Self::default())
    }

    fn select(conn: &Connection, only: Option<&str>, known: &Self) -> Result<Self> {
        let known: HashMap<_, _> = known.tables.iter().map(|it| (it.sql.as_str(), &it.columns)).collect();
        let mut schema = Self::default();
        let mut list = conn.prepare(
            "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE \
             'sqlite\\_%' ESCAPE '\\' AND (?1 IS NULL OR name = ?1 COLLATE NOCASE) ORDER BY rowid",
        )?;
        let mut rows = list.query([only])?;
        while let Some(row) = rows.next()? {
            let (kind, name, table, sql): (String, String, String, String) =
                (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            match kind.as_str() {
                "table" => {
                    let columns = known.get(sql.as_str()).map(|columns| Arc::clone(columns));
                    schema.tables.push(read_table(conn, name, sql, columns)?);
                }
                "index" => schema.indexes.push(Index { name, table, sql }),
                "trigger" => schema.triggers.push(Trigger { name, table, sql }),
                _ => schema.views.push(View { name, sql }),
            }
        }
        mark_shadow_tables(conn, &mut schema)?;
        Ok(schema)
    }

    /// What `set` declares: the schema after version 1, 2 and so on. It ends before the first migration that is not
    /// SQL, since nobody can tell what a function creates, or that does not run by itself.
    ///
    /// # Errors
    /// Those of SQLite for the scratch database; not those of the scripts.
    pub fn declared(set: &MigrationSet) -> Result<Vec<Self>> {
        let mut scratch = Connection::open_in_memory()?;
        // A set may refer to tables of the sets it requires, which are not here.
        scratch.execute_batch("PRAGMA foreign_keys = OFF; BEGIN")?;
        // The scripts may be anybody's: as little as in the file may they reach beyond the database they are given.
        let _guard = Guard::set(&mut scratch, None)?;
        let (nothing, mut schemas) = (Self::default(), Vec::new());
        for migration in set.migrations() {
            let Script::Sql(up) = &migration.up else { break };
            if scratch.execute_batch(up).is_err() {
                break;
            }
            let before = schemas.last().unwrap_or(&nothing);
            schemas.push(Self::read_again(&scratch, before)?);
        }
        Ok(schemas)
    }

    /// The table `name`, in any case.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|it| it.name.eq_ignore_ascii_case(name))
    }

    /// The index `name`, in any case.
    pub fn index(&self, name: &str) -> Option<&Index> {
        self.indexes.iter().find(|it| it.name.eq_ignore_ascii_case(name))
    }

    /// The trigger `name`, in any case.
    pub fn trigger(&self, name: &str) -> Option<&Trigger> {
        self.triggers.iter().find(|it| it.name.eq_ignore_ascii_case(name))
    }

    /// The view `name`, in any case.
    pub fn view(&self, name: &str) -> Option<&View> {
        self.views.iter().find(|it| it.name.eq_ignore_ascii_case(name))
    }

    /// What `name` is, for messages: tables, views and indexes share one space of names.
    pub fn kind_of(&self, name: &str) -> Option<String> {
        if let Some(table) = self.table(name) {
            Some(format!("a table {}", table.signature()))
        } else if self.view(name).is_some() {
            Some("a view".to_owned())
        } else {
            self.index(name).map(|index| format!("an index on {}", index.table))
        }
    }
}

fn read_table(conn: &Connection, name: String, sql: String, known: Option<Arc<[Column]>>) -> Result<Table> {
    let is_virtual = is_virtual(&sql);
    let columns = match known {
        Some(columns) => columns,
        // The columns of a virtual table are its module's business, and the module may not be loaded.
        None if is_virtual => Arc::default(),
        None => read_columns(conn, &name)?,
    };
    Ok(Table { name, sql, columns, is_virtual, is_shadow: false })
}

fn read_columns(conn: &Connection, table: &str) -> Result<Arc<[Column]>> {
    let mut info = conn
        .prepare_cached("SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1, 'main')")?;
    let columns = info.query_map([table], |row| {
        Ok(Column {
            name: row.get(0)?,
            declared: row.get(1)?,
            not_null: row.get(2)?,
            default: row.get(3)?,
            key: row.get(4)?,
            generated: row.get::<_, i64>(5)? > 1,
        })
    })?;
    Ok(columns.collect::<rusqlite::Result<_>>()?)
}

fn is_virtual(sql: &str) -> bool {
    let mut words = sql.split_ascii_whitespace();
    words.next();
    words.next().is_some_and(|word| word.eq_ignore_ascii_case("VIRTUAL"))
}

fn mark_shadow_tables(conn: &Connection, schema: &mut Schema) -> Result<()> {
    if !schema.tables.iter().any(|table| table.is_virtual) {
        return Ok(());
    }
    let mut list = conn.prepare("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")?;
    let names: Vec<String> = list.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    for table in &mut schema.tables {
        table.is_shadow = names.contains(&table.name);
    }
    Ok(())
}

/// `"name"` for SQL text. Every identifier that the engine did not write itself goes through here.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn affinities_follow_sqlite() {
        let of = Affinity::of;
        assert_eq!((of("BIGINT"), of("VARCHAR(9)"), of("")), (Affinity::Integer, Affinity::Text, Affinity::Blob));
        assert_eq!((of("double"), of("DATETIME")), (Affinity::Real, Affinity::Numeric));
    }

    #[test]
    fn a_schema_that_is_read_again_is_what_it_is_now() {
        let conn = Connection::open_in_memory().expect("open");
        let mut known = Schema::default();
        for sql in [
            "CREATE TABLE a (x INTEGER PRIMARY KEY, y TEXT NOT NULL DEFAULT 'z'); CREATE TABLE b (x)",
            "ALTER TABLE a ADD COLUMN z REAL; CREATE VIRTUAL TABLE f USING fts5(body)",
            "ALTER TABLE a RENAME TO c; CREATE TABLE a (x); CREATE INDEX i ON c(y)",
            "ALTER TABLE c DROP COLUMN z; DROP TABLE b; CREATE TABLE B (x, y AS (x + 1))",
        ] {
            conn.execute_batch(sql).expect(sql);
            known = Schema::read_again(&conn, &known).expect("again");
            assert_eq!(known, Schema::read(&conn).expect("read"), "{sql}");
        }
        let named = Schema::read_named(&conn, "C").expect("named");
        assert_eq!((named.tables, named.indexes), (vec![known.table("c").expect("c").clone()], vec![]));
    }

    #[test]
    fn a_schema_lists_what_was_created() {
        let conn = Connection::open_in_memory().expect("open");
        conn.execute_batch(
            "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT NOT NULL DEFAULT 'y', z AS (x || 'z'));
             CREATE UNIQUE INDEX a_x ON a(x); CREATE VIEW v AS SELECT * FROM a;
             CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END;
             CREATE VIRTUAL TABLE f USING fts5(body);",
        )
        .expect("create");
        let schema = Schema::read(&conn).expect("read");
        let a = schema.table("A").expect("a");
        assert_eq!(a.signature(), "(id, x, z)");
        assert_eq!((a.columns[0].key, a.columns[1].not_null, a.columns[2].generated), (1, true, true));
        assert!(schema.index("a_x").expect("index").is_unique());
        assert!(schema.view("v").is_some() && schema.trigger("t").is_some());
        assert!(schema.table("f").expect("f").is_virtual);
        assert!(schema.table("f_data").expect("shadow").is_shadow);
        assert!(schema.table("sqlite_sequence").is_none());
    }
}
