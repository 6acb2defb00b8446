#![forbid(unsafe_code)]
//! Reading rows.

use super::{Cell, Misuse, Result, Statement};

/// The largest magnitude up to which every integer is a JavaScript number.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// How many rows a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// The first one; the statement rests afterwards.
    First,
    /// At most so many now; the others later.
    UpTo(u32),
}

/// How values are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Any 64-bit integer is welcome: the caller takes bigints.
    pub safe_integers: bool,
    /// Only the first column.
    pub pluck: bool,
}

/// Takes rows, cell by cell.
pub trait Rows {
    /// Take the next cell of a row.
    ///
    /// # Errors
    /// [`super::Failure::Thrown`] if JavaScript refuses it.
    fn cell(&mut self, cell: Cell<'_>) -> Result<()>;

    /// The row is complete. Returns whether there is room for another one.
    fn row(&mut self) -> bool;
}

/// What a call has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fetched {
    /// At least one row.
    pub rows: bool,
    /// There may be more.
    pub more: bool,
    /// [`Statement::generation`]: where it is another one than when the names of the columns were asked, ask again.
    pub generation: i32,
}

/// Whether `value` survives as a JavaScript number.
pub(super) fn is_safe(value: i64) -> bool {
    value.unsigned_abs() <= MAX_SAFE_INTEGER
}

impl Statement {
    /// Read on. At the end of the rows, and after an error, the statement rests.
    ///
    /// # Errors
    /// [`super::Failure::Sqlite`]; an integer that no number can hold; those of `rows`.
    pub(super) fn fetch(&mut self, amount: Amount, reading: Reading, rows: &mut impl Rows) -> Result<Fetched> {
        let fetched = self.fetch_rows(amount, reading, rows);
        match fetched {
            Ok(Fetched { more: true, .. }) if amount != Amount::First => {}
            _ => self.rest(),
        }
        fetched
    }

    fn fetch_rows(&mut self, amount: Amount, reading: Reading, rows: &mut impl Rows) -> Result<Fetched> {
        let mut fetched = Fetched { more: true, ..Fetched::default() };
        let limit = match amount {
            Amount::First => 1,
            Amount::UpTo(limit) => limit,
        };
        for _ in 0..limit {
            if !self.raw.step()? {
                fetched.more = false;
                break;
            }
            if !fetched.rows {
                fetched.rows = true;
                self.refresh();
                fetched.generation = self.generation();
            }
            let width = if reading.pluck { self.width().min(1) } else { self.width() };
            for column in 0..width {
                let cell = self.raw.cell(column);
                match cell {
                    Cell::Integer(value) if !reading.safe_integers && !is_safe(value) => {
                        return Err(Misuse::unsafe_integer(&self.name(column), value).into());
                    }
                    _ => rows.cell(cell)?,
                }
            }
            if !rows.row() {
                break;
            }
        }
        Ok(fetched)
    }
}
