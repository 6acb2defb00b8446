#![forbid(unsafe_code)]
//! Analytics: the sessions of an agent and its tool calls, in one private file (analytics.md).
//!
//! - a call: `methods` (what each does) → [`crate::client`] (planned on the caller's thread, handed to the store); `client`
//!   (what the module is to it), `report` (what its errors look like)
//! - one noun each: `sessions`, `tool_calls`, `stats`
//! - before the database: [`check`], `filter`, [`config`]
//! - on the writer's thread: `state`, `digest`
//! - the file: [`schema`], `open`

/// SQL for a random UUID (RFC 9562, version 4).
macro_rules! uuid {
    () => {
        "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' || \
         substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
    };
}

pub mod check;
mod client;
pub mod config;
mod digest;
mod filter;
mod methods;
mod open;
mod report;
pub mod schema;
mod sessions;
pub mod shape;
mod state;
mod stats;
mod tool_calls;

pub use open::{open_synchronous, settings};
pub use state::Analytics;

/// A client of an analytics database.
pub type Client = crate::client::Client<Analytics>;
/// A planned call of analytics.
type Action = crate::client::Action<Analytics>;
