//! The engine: one writer thread with group commit, a pool of readers and a checkpointer for each open file.
//!
//! It knows SQLite and nothing of telemetry. A module plugs in through [`Module`]: state that lives on the writer
//! thread, is told about transactions, and does timed work.

mod backup;
mod checkpoint;
mod configure;
mod conn;
mod contain;
mod control;
mod create;
mod engine;
mod filesystem;
mod job;
mod journal;
mod look;
mod metrics;
mod module;
mod notices;
mod overwrite;
mod queue;
mod readers;
mod registry;
mod retry;
mod settings;
mod shared;
mod snapshot;
mod statement_log;
mod turns;
mod write_session;
mod writer;

pub use backup::{Readers, backup, create_copy};
pub use checkpoint::{Checkpoint, CheckpointMode, checkpoint};
pub use configure::{apply_session, configure};
pub use conn::{Cached, Conn};
pub use control::{Cancel, Control};
pub use create::{make_directory, make_room, partial, publish};
pub use engine::{Known, Store};
pub use filesystem::{may_change, may_write};
pub use job::Isolation;
pub use journal::{JournalChoice, JournalMode, automatic_mode, journal_mode};
pub use look::{OnDisk, look};
pub use metrics::{Metrics, Query, StoreFigures};
pub use module::Module;
pub use notices::{Level, Listener, Notices};
pub use overwrite::overwriting;
pub use registry::{Lease, Registry};
pub use retry::Retry;
pub use settings::{Location, Settings, Tuning};
pub use write_session::WriteSession;
