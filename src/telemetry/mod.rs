#![forbid(unsafe_code)]
//! Telemetry: sessions, events, buffers, errors, statistics, rules and the audit trail of AI agents in one file.
//!
//! - a call: `methods` (what each does) → [`crate::client`] (planned on the caller's thread, handed to the store); `client`
//!   (what the module is to it, and adds to it), `report` (what its errors look like)
//! - one noun each: `sessions`, `unknown_sessions`, `events`, `buffers`, `error_log`, `rule_table`, `audit`, `retention`, `maintenance`
//! - before the database: [`check`], [`filter`], [`rules`], [`config`]
//! - on the writer's thread: `state`, `schedule`, [`statistics`]
//! - the file: [`schema`], `adoption`, `open`

mod adoption;
mod audit;
mod buffered;
mod buffers;
pub mod check;
mod client;
pub mod config;
mod error_log;
mod events;
pub mod filter;
mod iterate;
pub mod kinds;
mod maintenance;
mod methods;
mod open;
mod report;
mod retention;
mod rule_table;
pub mod rules;
mod schedule;
pub mod schema;
mod sessions;
pub mod shape;
mod state;
pub mod statistics;
mod unknown_sessions;

pub use client::InsertMode;
pub use open::default_settings;
pub use state::Telemetry;
pub use unknown_sessions::{add_ended_sessions, add_session, has_session};

/// A client of a telemetry database.
pub type Client = crate::client::Client<Telemetry>;
/// A planned call of telemetry.
type Action = crate::client::Action<Telemetry>;
