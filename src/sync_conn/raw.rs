//! Statements by SQLite's C interface (sqlite.org/c3ref/intro.html).
//!
//! rusqlite's `Statement` borrows its connection, so a table of statements beside the connection cannot be written with
//! it. This is the smallest piece of the interface that such a table needs; nothing outside this module is unsafe.
//!
//! Two facts make it sound. A [`RawStatement`] is never used after its connection has been closed: `sqlite3_close`, which
//! rusqlite calls, refuses to close a connection that has statements, and a refused connection stays valid. And the
//! type is neither `Send` nor `Sync` (it holds a pointer), so connection and statements stay on one thread.

use std::{
    ffi::{CStr, c_char, c_int},
    ptr::{self, NonNull},
    slice,
};

use rusqlite::{Connection, ffi};

use super::{Failure, Result};

/// One value of a row. Text and blobs are SQLite's own memory until the statement moves on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// NULL
    Null,
    /// INTEGER
    Integer(i64),
    /// REAL
    Real(f64),
    /// TEXT, normally UTF-8.
    Text(&'a [u8]),
    /// BLOB
    Blob(&'a [u8]),
}

/// What `sqlite3_column_*` tells of where a column comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin {
    Name,
    Column,
    Table,
    Database,
    Type,
}

/// A compiled statement; finalised when dropped.
#[derive(Debug)]
pub(super) struct RawStatement {
    statement: NonNull<ffi::sqlite3_stmt>,
    db: *mut ffi::sqlite3,
}

/// The last error of `db`.
fn failure(db: *mut ffi::sqlite3) -> Failure {
    // SAFETY: `db` is open; the text is copied before the next call on it.
    let (extended, message, offset) = unsafe {
        let message = CStr::from_ptr(ffi::sqlite3_errmsg(db)).to_string_lossy().into_owned();
        (ffi::sqlite3_extended_errcode(db), message, ffi::sqlite3_error_offset(db))
    };
    Failure::Sqlite { extended, message, offset: (offset >= 0).then_some(offset) }
}

fn handle(connection: &Connection) -> *mut ffi::sqlite3 {
    // SAFETY: the pointer is used only while `connection`, or a statement of it, is alive (see the module's comment).
    unsafe { connection.handle() }
}

/// Rows changed by the last statement, and by all statements so far.
pub(super) fn changes(connection: &Connection) -> (i64, i64) {
    let db = handle(connection);
    // SAFETY: the connection is open.
    unsafe { (ffi::sqlite3_changes64(db), ffi::sqlite3_total_changes64(db)) }
}

impl RawStatement {
    /// Compile the first statement of `sql`, which ends with NUL. Returns it (`None`: only blanks and comments are left)
    /// and the position behind it. `kept`: the statement is meant to be used more than once.
    pub(super) fn compile(connection: &Connection, sql: &[u8], kept: bool) -> Result<(Option<Self>, usize)> {
        debug_assert_eq!(sql.last(), Some(&0), "SQLite reads up to the NUL");
        let db = handle(connection);
        let length = c_int::try_from(sql.len()).unwrap_or(c_int::MAX);
        let flags = if kept { ffi::SQLITE_PREPARE_PERSISTENT } else { 0 };
        let (mut statement, mut tail) = (ptr::null_mut(), ptr::null());
        // SAFETY: `sql` holds `length` bytes or more, the last of them NUL; the results are written to locals.
        let code = unsafe {
            let text = sql.as_ptr().cast::<c_char>();
            ffi::sqlite3_prepare_v3(db, text, length, flags, &raw mut statement, &raw mut tail)
        };
        if code != ffi::SQLITE_OK {
            return Err(failure(db));
        }
        let behind = (tail as usize).saturating_sub(sql.as_ptr() as usize).min(sql.len() - 1);
        Ok((NonNull::new(statement).map(|statement| Self { statement, db }), behind))
    }

    /// Go to the next row; `false`: there is none.
    pub(super) fn step(&mut self) -> Result<bool> {
        // SAFETY: the statement is alive; `&mut` means that no cell of the row before is borrowed.
        match unsafe { ffi::sqlite3_step(self.statement.as_ptr()) } {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            _ => Err(failure(self.db)),
        }
    }

    /// Go back to the start.
    pub(super) fn reset(&mut self) -> Result<()> {
        // SAFETY: as in `step`.
        match unsafe { ffi::sqlite3_reset(self.statement.as_ptr()) } {
            ffi::SQLITE_OK => Ok(()),
            _ => Err(failure(self.db)),
        }
    }

    /// Let go of the bound values.
    pub(super) fn clear_bindings(&mut self) {
        // SAFETY: as in `step`.
        unsafe { ffi::sqlite3_clear_bindings(self.statement.as_ptr()) };
    }

    /// Bind a value to the parameter with this index, from 1. Returns SQLite's result code.
    pub(super) fn bind(&mut self, index: c_int, value: Cell<'_>) -> c_int {
        let statement = self.statement.as_ptr();
        // SAFETY: the statement is alive; SQLITE_TRANSIENT has SQLite copy text and blobs before the call returns. The
        // pointer of an empty slice is not null, which would mean NULL instead of an empty value.
        unsafe {
            match value {
                Cell::Null => ffi::sqlite3_bind_null(statement, index),
                Cell::Integer(value) => ffi::sqlite3_bind_int64(statement, index, value),
                Cell::Real(value) => ffi::sqlite3_bind_double(statement, index, value),
                #[allow(clippy::cast_possible_truncation, reason = "UTF-8 is 1 in SQLite's header")]
                Cell::Text(text) => ffi::sqlite3_bind_text64(
                    statement,
                    index,
                    text.as_ptr().cast(),
                    text.len() as u64,
                    ffi::SQLITE_TRANSIENT(),
                    ffi::SQLITE_UTF8 as u8,
                ),
                Cell::Blob(bytes) => ffi::sqlite3_bind_blob64(
                    statement,
                    index,
                    bytes.as_ptr().cast(),
                    bytes.len() as u64,
                    ffi::SQLITE_TRANSIENT(),
                ),
            }
        }
    }

    /// Number of columns.
    pub(super) fn columns(&self) -> c_int {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_column_count(self.statement.as_ptr()) }
    }

    /// The value of a column of the current row.
    pub(super) fn cell(&self, column: c_int) -> Cell<'_> {
        // SAFETY: the statement is alive, and its connection is used by this thread alone, which is all that the `value`
        // functions ask beyond the `column` functions; these look the column up each time. Text and blobs stay where they
        // are until the statement is stepped, reset, or dropped, which `&mut` forbids while the cell is borrowed; the length
        // is asked after the pointer, as SQLite wants it. An out-of-range column, or no current row, reads as NULL.
        unsafe {
            let value = ffi::sqlite3_column_value(self.statement.as_ptr(), column);
            let bytes = |start: *const u8| match start.is_null() {
                true => &[][..],
                false => {
                    let length = ffi::sqlite3_value_bytes(value);
                    slice::from_raw_parts(start, usize::try_from(length).unwrap_or(0))
                }
            };
            match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_INTEGER => Cell::Integer(ffi::sqlite3_value_int64(value)),
                ffi::SQLITE_FLOAT => Cell::Real(ffi::sqlite3_value_double(value)),
                ffi::SQLITE_TEXT => Cell::Text(bytes(ffi::sqlite3_value_text(value))),
                ffi::SQLITE_BLOB => Cell::Blob(bytes(ffi::sqlite3_value_blob(value).cast())),
                _ => Cell::Null,
            }
        }
    }

    /// A name that belongs to a column; `None` where there is none.
    pub(super) fn origin(&self, column: c_int, which: Origin) -> Option<String> {
        let ask = match which {
            Origin::Name => ffi::sqlite3_column_name,
            Origin::Column => ffi::sqlite3_column_origin_name,
            Origin::Table => ffi::sqlite3_column_table_name,
            Origin::Database => ffi::sqlite3_column_database_name,
            Origin::Type => ffi::sqlite3_column_decltype,
        };
        // SAFETY: the statement is alive; the text is copied before the next call on it.
        unsafe { text(ask(self.statement.as_ptr(), column)) }
    }

    /// Whether it makes no direct change to the file.
    pub(super) fn readonly(&self) -> bool {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_stmt_readonly(self.statement.as_ptr()) != 0 }
    }

    /// How often SQLite has compiled it again because the schema changed.
    pub(super) fn recompiled(&self) -> c_int {
        // SAFETY: the statement is alive.
        unsafe { ffi::sqlite3_stmt_status(self.statement.as_ptr(), ffi::SQLITE_STMTSTATUS_REPREPARE, 0) }
    }

    /// The names of the parameters by index, sign included; `None` for `?`.
    pub(super) fn parameters(&self) -> Vec<Option<String>> {
        let statement = self.statement.as_ptr();
        // SAFETY: the statement is alive; each name is copied at once.
        unsafe {
            let count = ffi::sqlite3_bind_parameter_count(statement);
            (1..=count).map(|index| text(ffi::sqlite3_bind_parameter_name(statement, index))).collect()
        }
    }

    /// The text with the bound values in it; without them where it would be too long.
    pub(super) fn expanded(&self) -> String {
        // SAFETY: the statement is alive; what SQLite has allocated for us is copied, then freed by SQLite.
        unsafe {
            let expanded = ffi::sqlite3_expanded_sql(self.statement.as_ptr());
            let shown = text(expanded).or_else(|| text(ffi::sqlite3_sql(self.statement.as_ptr())));
            ffi::sqlite3_free(expanded.cast());
            shown.unwrap_or_default()
        }
    }
}

impl Drop for RawStatement {
    fn drop(&mut self) {
        // SAFETY: the statement is alive, and nobody uses it after this.
        unsafe { ffi::sqlite3_finalize(self.statement.as_ptr()) };
    }
}

/// A text of SQLite's, copied.
///
/// # Safety
/// `text` is null or ends with NUL.
unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}
