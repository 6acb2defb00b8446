#![forbid(unsafe_code)]
//! Telemetry: sessions, events, buffers, errors, statistics, rules and the audit trail of AI agents in one file.
//!
//! - a call: `methods` (what each does) → `action` (planned on the caller's thread) → `client` (handed to the store)
//! - one noun each: `sessions`, `unknown_sessions`, `events`, `buffers`, `error_log`, `rule_table`, `audit`, `retention`, `maintenance`
//! - before the database: [`check`], [`filter`], [`rules`], [`config`]
//! - on the writer's thread: `state`, `schedule`, [`statistics`]
//! - the file: [`schema`], `adoption`, `open`

mod action;
mod adoption;
mod audit;
mod buffered;
mod buffers;
mod call;
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
mod reads;
mod retention;
mod rows;
mod rule_table;
pub mod rules;
mod schedule;
pub mod schema;
mod sessions;
pub mod shape;
mod state;
pub mod statistics;
mod unknown_sessions;

pub use action::{Arg, Args};
pub use call::{Call, Inserted, Reply, Value};
pub use client::{Client, InsertMode};
pub use methods::Method;
pub use open::default_settings;
pub use state::Telemetry;
pub use unknown_sessions::{add_ended_sessions, add_session, has_session};
