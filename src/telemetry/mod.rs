//! Telemetry: sessions, events, buffers, errors, statistics, rules and the audit trail of AI agents in one file.

pub mod check;
pub mod config;
pub mod filter;
pub mod kinds;
pub mod rules;
pub mod shape;
