//! The binding: `#[napi]` only. Converts, calls the core, converts back; no rule and no SQL lives here.

#![allow(
    missing_docs,
    reason = "what is exported is documented where it is written; the glue that #[napi] adds is not"
)]

pub mod analytics;
pub mod channel;
pub mod client;
pub mod command;
pub mod config;
pub mod database;
pub mod events;
mod input;
pub mod instances;
mod mailbox;
mod modules;
mod output;
pub mod sqlite;
pub mod usage;

use napi_derive::napi;

/// The version of this package, which the facade compares with its own.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
