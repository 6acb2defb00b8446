#![forbid(unsafe_code)]
//! A compiled statement and what is known of it.

use std::{ffi::c_int, rc::Rc};

use rusqlite::Connection;

use super::{
    Binder, Misuse, Result,
    cache::Kind,
    raw::{Origin, RawStatement},
    script,
};

/// Bound text and blobs above this size, bytes, are let go of after the call instead of at the next one.
const HEAVY: usize = 4096;

/// What a call does with a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Runs it to its end, for its effect.
    Run,
    /// Reads its rows.
    Read,
    /// Only binds, or looks at it.
    Touch,
}

/// Where a column of a result comes from; `None` for an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name in the result.
    pub name: String,
    /// The column of the table.
    pub column: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The database it is in: `main`, `temp`, or the name of an attached one.
    pub database: Option<String>,
    /// The declared type.
    pub declared: Option<String>,
}

/// A compiled statement.
#[derive(Debug)]
pub struct Statement {
    pub(super) raw: RawStatement,
    /// It has rows.
    reader: bool,
    readonly: bool,
    /// It is being iterated: begun and not at its end.
    pub(super) active: bool,
    /// Names by index; `None` for `?`.
    parameters: Vec<Option<String>>,
    /// Whether every parameter is a `?` or a `?1`.
    positional: bool,
    /// What is bound is large, and belongs to one call only.
    heavy: bool,
    recompiled: c_int,
    width: c_int,
    /// The text it was made from.
    pub(super) text: Rc<str>,
    pub(super) kind: Kind,
    /// Objects of the caller's that have it.
    pub(super) users: u32,
    /// Whether others who prepare the text get it too.
    pub(super) shared: bool,
    /// It was shared, and will be again after the iteration that it was claimed for.
    pub(super) lent: bool,
    /// It has given a row in this iteration: its text still means what it meant when it was compiled.
    pub(super) worked: bool,
}

impl Statement {
    /// Compile exactly one statement.
    pub(super) fn compile(db: &Connection, text: Rc<str>) -> Result<Self> {
        let sql = script::terminated(&text);
        let (raw, behind) = RawStatement::compile(db, &sql, true)?;
        let raw = raw.ok_or(Misuse::NO_STATEMENT)?;
        if !script::is_blank(&sql[behind..]) {
            return Err(Misuse::MORE_THAN_ONE.into());
        }
        let parameters = raw.parameters();
        let width = raw.columns();
        Ok(Self {
            reader: width > 0,
            readonly: raw.readonly(),
            active: false,
            positional: parameters.iter().flatten().all(|name| name.starts_with('?')),
            parameters,
            heavy: false,
            recompiled: raw.recompiled(),
            width,
            raw,
            kind: Kind::of(text.as_bytes()),
            text,
            users: 1,
            shared: false,
            lent: false,
            worked: false,
        })
    }

    /// Take it for one that has rows, though it may have no columns: a PRAGMA that only sets something.
    pub(super) fn read_as_pragma(&mut self) {
        self.reader = true;
    }

    /// Whether it returns rows.
    pub fn reader(&self) -> bool {
        self.reader
    }

    /// Whether it makes no direct change to the file. Transaction control counts as reading, as SQLite has it.
    pub fn readonly(&self) -> bool {
        self.readonly
    }

    /// Whether it is being iterated.
    pub fn active(&self) -> bool {
        self.active
    }

    /// The names of its parameters by index, with their sign; `None` for `?`.
    pub fn parameters(&self) -> &[Option<String>] {
        &self.parameters
    }

    /// Whether each of its parameters takes the next value of a list.
    pub(super) fn positional(&self) -> bool {
        self.positional
    }

    /// The names of its columns.
    pub fn names(&self) -> Vec<String> {
        (0..self.raw.columns()).map(|column| self.name(column)).collect()
    }

    /// Where its columns come from.
    pub fn columns(&self) -> Vec<Column> {
        let describe = |column| Column {
            name: self.name(column),
            column: self.raw.origin(column, Origin::Column),
            table: self.raw.origin(column, Origin::Table),
            database: self.raw.origin(column, Origin::Database),
            declared: self.raw.origin(column, Origin::Type),
        };
        (0..self.raw.columns()).map(describe).collect()
    }

    /// Its text with the bound values in it.
    pub fn expanded(&self) -> String {
        self.raw.expanded()
    }

    /// Give it its parameters.
    ///
    /// # Errors
    /// Those of `values`. Nothing stays bound then.
    pub(super) fn bind(&mut self, values: impl FnOnce(&mut Binder<'_>) -> Result<()>) -> Result<()> {
        let mut binder = Binder::new(self);
        let bound = values(&mut binder).and_then(|()| binder.finish());
        match bound {
            Ok(bytes) => {
                self.heavy = bytes > HEAVY;
                Ok(())
            }
            Err(error) => {
                self.raw.clear_bindings();
                Err(error)
            }
        }
    }

    /// What is bound stays for good.
    pub(super) fn keep_bindings(&mut self) {
        self.heavy = false;
    }

    /// Go back to the start and let go of what is large. An error of the run was reported when it happened.
    pub(super) fn rest(&mut self) {
        let _ = self.raw.reset();
        if std::mem::take(&mut self.heavy) {
            self.raw.clear_bindings();
        }
    }

    /// Number of columns, as of the last [`Statement::refresh`].
    pub(super) fn width(&self) -> c_int {
        self.width
    }

    /// Look whether a changed schema has had SQLite compile it again: its columns may be others then.
    pub(super) fn refresh(&mut self) {
        let recompiled = self.raw.recompiled();
        if recompiled != self.recompiled {
            self.recompiled = recompiled;
            self.width = self.raw.columns();
        }
    }

    /// A number that changes when its columns may have changed.
    pub fn generation(&self) -> i32 {
        self.recompiled
    }

    pub(super) fn name(&self, column: c_int) -> String {
        self.raw.origin(column, Origin::Name).unwrap_or_default()
    }
}
