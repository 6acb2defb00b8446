#![forbid(unsafe_code)]
//! Analytics: the sessions of an agent and its tool calls, in one private file (analytics.md).
//!
//! - a call: `methods` (what each does) → [`crate::client`] (planned on the caller's thread, handed to the store); `client`
//!   (what the module is to it), `report` (what its errors look like)
//! - one noun each: `sessions`, `tool_calls`, `stats`
//! - before the database: [`check`], `filter`, `id`, [`config`]
//! - on the writer's thread: `state`, `digest`
//! - the file: [`schema`], `open`

pub mod check;
mod client;
pub mod config;
mod digest;
mod filter;
mod id;
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
