#![forbid(unsafe_code)]
//! Instances: the agents of a multi-agent runner, what they did, which came from which, issues, and configuration.
//!
//! - a call: `methods` (what each does); one noun each: `instances`, `events`, `relationships`, `issues`, `config_cells`
//! - before the database: [`check`], [`filter`], [`config`]
//! - secrets: [`secret`] (one cell), [`keys`] (where the key is)
//! - on the writer's thread: `state`, `schedule`, `maintenance`, `backups`
//! - the file: [`schema`], `adoption`, `open`; what went wrong: `failure`

mod adoption;
mod backups;
pub mod check;
pub mod config;
mod config_cells;
mod events;
mod failure;
pub mod filter;
#[allow(clippy::module_inception, reason = "the module is named after its first noun")]
mod instances;
mod issues;
pub mod keys;
mod maintenance;
mod methods;
mod open;
mod relationships;
mod rows;
mod schedule;
pub mod schema;
pub mod secret;
pub mod shape;
mod state;

pub use open::default_settings;
pub use state::Instances;
