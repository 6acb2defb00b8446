#![forbid(unsafe_code)]
//! Filters: what a caller asks for, checked (telemetry.md §2, §13), and the SQL that answers it.

mod buffers;
mod errors;
mod events;
mod others;
mod page;
mod sessions;
mod source;
#[cfg(test)]
mod tests;
mod window;

pub use buffers::BufferFilter;
pub use errors::ErrorFilter;
pub use events::{EventDeletion, EventFilter, EventOrder};
pub use others::{RuleFilter, audit_trail, buffers_of, errors_of, events_of};
pub use page::{Cursor, Order, Progress, Resume};
pub use sessions::{Include, SessionFilter, SessionOrder};
pub use window::Window;
