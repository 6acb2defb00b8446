//! The synchronous connection as functions over numbers.
//!
//! No native object stands for a connection or a statement: both are small integers, so that nothing depends on when, and
//! in which order, a runtime finalises native objects. The facade holds the numbers and gives them back.
//!
//! What is called for each row or statement (`fast`) bypasses the glue of napi-rs and the conversion of numbers, which
//! cost more than SQLite needs to find a row by its key. What has failed is asked for by `sqliteFailure`. Rows come as one
//! array of their cells, made in one crossing by `collect`, a function of the facade's that returns its arguments.

#![cfg_attr(test, allow(dead_code, reason = "a test build registers no functions with Node-API"))]

mod answer;
mod arguments;
mod connection;
mod fast;
mod migration;
mod module_file;
mod statement;
mod table;
mod values;

pub(in crate::node) use answer::{done, value};
pub use connection::*;
pub use migration::*;
pub(in crate::node) use module_file::{opened, opened_or, opened_readonly};
pub use statement::*;
pub(in crate::node) use table::get as open_connection;

/// What a fast call does, as js/sqlite/link.ts names it; any other number: whether a transaction is open.
mod operation {
    pub(super) const RUN: u32 = 0;
    pub(super) const QUERY: u32 = 1;
    pub(super) const RESUME: u32 = 2;
}

/// The bits of an answer, as js/sqlite/link.ts names them.
mod status {
    /// There was at least one row.
    pub(super) const ROWS: u32 = 1;
    /// There may be more; the statement is busy.
    pub(super) const MORE: u32 = 2;
    /// It failed.
    pub(super) const FAILED: u32 = 8;
    /// The value is no array but the only cell, or the rowid.
    pub(super) const SINGLE: u32 = 16;
    /// The only cell is a number, and in the shared memory.
    pub(super) const NUMBER: u32 = 32;
}

/// The bits of how to run or read, as js/sqlite/link.ts names them.
mod how {
    /// Integers are to be bigints.
    pub(super) const SAFE_INTEGERS: u32 = 1;
    /// Only the first column.
    pub(super) const PLUCK: u32 = 2;
    /// Only the first row.
    pub(super) const FIRST: u32 = 4;
    /// What is bound is to be used.
    pub(super) const BOUND: u32 = 8;
    /// The values are in one array.
    pub(super) const LIST: u32 = 16;
    /// The values are for the parameters in the order of their indexes, named ones too.
    pub(super) const BY_INDEX: u32 = 32;
    /// The values are numbers, and in the shared memory.
    pub(super) const NUMBERS: u32 = 64;
    /// Above these bits: how many such numbers.
    pub(super) const SHIFT_NUMBERS: u32 = 7;
    /// The bits of that.
    pub(super) const MOST_NUMBERS: u32 = 15;
    /// Above these bits: how many rows are wanted now.
    pub(super) const SHIFT: u32 = 11;
}
