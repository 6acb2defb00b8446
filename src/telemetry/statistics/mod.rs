//! Derived values: counts of sessions and the rows of `telemetry_stats` (telemetry.md §6).
//!
//! They are kept, not counted: the writer collects what a transaction changes and writes it once, before COMMIT.
//! `recount` counts them again, for repair and for files that come from elsewhere.

mod change;
mod counters;
mod day;
pub mod recount;
mod row;
mod summary;
mod verify;

pub(super) use change::EventFacts;
pub(super) use counters::Counters;
pub use day::Day;
pub use row::{Breakdown, StatsRow};
pub(super) use summary::{daily, get};
pub(super) use verify::{has_foreign_inserts, repair_after_foreign_inserts, verify};
