#![forbid(unsafe_code)]
//! Instances: the agents of a multi-agent runner, what they did, which came from which, issues, and configuration.
//!
//! - a call: `methods` (what each does) → [`crate::client`] (planned on the caller's thread, handed to the store); `client`
//!   (what the module is to it), `report` (what its errors look like)
//! - one noun each: `instances`, `events`, `relationships`, `issues`, `config_cells`, `maintenance`, `backups`; their
//!   statements: `rows`
//! - before the database: [`check`], `cells`, [`filter`], [`config`]
//! - secrets: [`secret`] (one cell), [`keys`] (where the key is)
//! - on the writer's thread: `state`, `schedule`
//! - the file: [`schema`], `adoption`, `open`

mod adoption;
mod backups;
mod cells;
pub mod check;
mod client;
pub mod config;
mod config_cells;
mod events;
pub mod filter;
#[allow(clippy::module_inception, reason = "the module is named after its first noun")]
mod instances;
mod issues;
pub mod keys;
mod maintenance;
mod methods;
mod open;
mod relationships;
mod report;
mod rows;
mod schedule;
pub mod schema;
pub mod secret;
pub mod shape;
mod state;

pub use open::default_settings;
pub use state::Instances;

/// A client of an instances database.
pub type Client = crate::client::Client<Instances>;
/// A planned call of instances.
type Action = crate::client::Action<Instances>;
