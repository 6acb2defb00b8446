//! runledger: the local database for AI-agent telemetry.
//!
//! Three layers, one direction: the TypeScript facade (`js/`) calls the binding (`src/node/`, feature `node`), the
//! binding calls the core (everything else here). The core owns every rule, every SQL statement and every thread.

pub mod analytics;
pub mod client;
pub mod clock;
pub mod command;
pub mod database;
pub mod error;
pub mod instances;
pub mod migration;
pub mod packed;
pub mod shapes;
pub mod store;
pub mod sync_conn;
pub mod telemetry;
pub mod usage;

#[cfg(feature = "node")]
pub mod node;
