#![forbid(unsafe_code)]
//! Telemetry: sessions, events, buffers, errors, statistics, rules and the audit trail of AI agents in one file.

mod adoption;
pub mod recount;
pub mod schema;
pub mod shape;
pub mod stats_row;
