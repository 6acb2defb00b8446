//! Derived values: counts of sessions and the rows of `telemetry_stats` (telemetry.md §6).
//!
//! They are kept, not counted: the writer collects what a transaction changes and writes it once, before COMMIT.

mod change;
mod counters;
mod day;
mod row;
mod summary;

pub(super) use change::EventFacts;
pub(super) use counters::Counters;
pub use day::Day;
pub use row::StatsRow;
pub use summary::Summary;
