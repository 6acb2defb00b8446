//! The telemetry client as the binding uses it: calls go in, answers come back, and the file is what the contract says
//! (telemetry.md §6 to §11).

mod buffers;
mod programs;
mod recount;
mod retention;
mod rules;
mod sessions;
mod size;
mod user;
