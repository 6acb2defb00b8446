#![forbid(unsafe_code)]
//! A span of time as a condition.

use crate::client::Query;

/// Bounds in ms, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Window {
    /// The earliest time.
    pub from: Option<f64>,
    /// The latest time.
    pub to: Option<f64>,
}

impl Window {
    pub(super) fn restrict(self, query: &mut Query, column: &str) {
        query.only(&format!("{column} >= ?"), self.from);
        query.only(&format!("{column} <= ?"), self.to);
    }
}
