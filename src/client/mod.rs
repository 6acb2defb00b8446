#![forbid(unsafe_code)]
//! A client: one promise-based object of a module with everything that is built on it.
//!
//! A call is planned on the caller's thread from checked arguments ([`Method`] makes an [`Action`]) and carried out by the
//! store ([`Client`]): in the order of issue, each call with its own deadline, writes in shared commits. A module says by
//! [`ClientModule`] what is its own: configuration, file, methods, and what its errors look like.
//!
//! What the methods of all modules are made of is here, too: `words` and [`check`] for what comes in, [`Query`], `reads` and
//! [`rows`] for what goes into SQL and comes out of it.

mod action;
mod call;
pub(crate) mod check;
mod connected;
mod handle;
mod method;
mod micro_batch;
mod module;
mod query;
pub(crate) mod reads;
mod recorder;
pub(crate) mod rows;
mod words;

pub use action::{Action, Arg, Args, Outcome, count, nothing};
pub(crate) use call::Call;
pub use call::{Inserted, Reply, Value};
pub use connected::Connected;
pub use handle::Client;
pub use method::{Method, Plan, RecordArgument};
pub(crate) use micro_batch::MicroBatch;
pub use module::{ClientModule, Options, Reporter, key_of};
pub use query::{Query, Slice};
pub use recorder::Recorder;
pub(crate) use words::words;
