//! The engine: one writer thread with group commit, a pool of readers and a checkpointer for each open file.
//!
//! It knows SQLite and nothing of telemetry. A module plugs in through [`Module`]: state that lives on the writer
//! thread, is told about transactions, and does timed work.

mod backup;
mod checkpoint;
mod conn;
mod control;
mod engine;
mod filesystem;
mod job;
mod journal;
mod look;
mod metrics;
mod notices;
mod queue;
mod readers;
mod registry;
mod settings;
mod writer;

pub use backup::backup;
pub use checkpoint::{Checkpoint, CheckpointMode, checkpoint};
pub use conn::{Cached, Conn, session_pragmas};
pub use control::{Cancel, Control};
pub use engine::Store;
pub use filesystem::{may_change, may_write};
pub use job::Isolation;
pub use journal::{JournalChoice, JournalMode, automatic_mode};
pub use look::{OnDisk, look};
pub use metrics::{Metrics, Query, StoreFigures};
pub use notices::{Level, Listener, Notices};
pub use registry::{Lease, Registry};
pub use settings::{Location, Settings};
pub use writer::{Module, WriteSession};
