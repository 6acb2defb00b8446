#![forbid(unsafe_code)]
//! Checkpoints on a thread and a connection of their own, so that no write pays for one (sqlite.org/wal.html).

use std::{
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{Conn, Settings, metrics::StatementCache};
use crate::error::{Error, Result};

/// How often the WAL is looked at while there are writes.
const TICK: Duration = Duration::from_millis(100);
/// Pause after a checkpoint that a reader or another process stood in the way of.
const BACKOFF: Duration = Duration::from_secs(1);
/// WAL size in bytes from which frames are copied to the main file, without disturbing anybody.
const COPY_ABOVE: u64 = 4 << 20;
/// WAL size in bytes from which the next write is made to start the WAL anew.
const RESTART_ABOVE: u64 = 16 << 20;
/// Quiet ticks after which the WAL is cut to nothing.
const IDLE_TICKS: u32 = 10;
/// How long an automatic checkpoint may keep the write lock while it waits for readers.
const PATIENCE: Duration = Duration::from_millis(20);

/// The modes of `PRAGMA wal_checkpoint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointMode {
    /// Copy what can be copied without waiting.
    Passive,
    /// Wait for writers, copy everything.
    Full,
    /// Also make the next writer start the WAL anew.
    Restart,
    /// Also cut the WAL file to zero bytes.
    Truncate,
}

/// The answer of `PRAGMA wal_checkpoint`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Checkpoint {
    /// Whether somebody stood in the way.
    pub busy: bool,
    /// Frames in the WAL; −1 without WAL.
    pub log: i64,
    /// Frames that are in the main file too; −1 without WAL.
    pub checkpointed: i64,
}

/// Run one checkpoint on `conn`.
///
/// # Errors
/// [`Error::Sqlite`] if SQLite refuses, on an I/O error for instance.
pub fn checkpoint(conn: &Conn, mode: CheckpointMode) -> Result<Checkpoint> {
    let sql = match mode {
        CheckpointMode::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
        CheckpointMode::Full => "PRAGMA wal_checkpoint(FULL)",
        CheckpointMode::Restart => "PRAGMA wal_checkpoint(RESTART)",
        CheckpointMode::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
    };
    conn.query_row(sql, [], |row| {
        Ok(Checkpoint { busy: row.get::<_, i64>(0)? != 0, log: row.get(1)?, checkpointed: row.get(2)? })
    })
    .map_err(Error::from)
}

/// The thread that keeps the WAL short.
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    settings: Settings,
    cache: Arc<StatementCache>,
    wal: PathBuf,
    written: AtomicBool,
    closed: Mutex<bool>,
    wake: Condvar,
}

impl Checkpointer {
    /// Start the thread for a file in WAL mode.
    pub(super) fn start(settings: &Settings, cache: Arc<StatementCache>) -> Result<Self> {
        let shared = Arc::new(Shared {
            settings: Settings { busy_timeout: PATIENCE, ..settings.clone() },
            cache,
            wal: wal_path(settings).unwrap_or_default(),
            written: AtomicBool::new(false),
            closed: Mutex::new(false),
            wake: Condvar::new(),
        });
        let worker = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("runledger-checkpoint".into())
            .spawn(move || worker.run())
            .map_err(|error| Error::Internal(format!("cannot start the checkpoint thread: {error}")))?;
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// A transaction has been committed.
    pub(super) fn wrote(&self) {
        if !self.shared.written.swap(true, Ordering::AcqRel) {
            // The lock orders this wake-up behind the thread's look at `written`.
            drop(self.shared.closed.lock());
            self.shared.wake.notify_one();
        }
    }

    /// End the thread and close its connection.
    pub(super) fn close(&self) {
        *self.shared.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // It only ever runs checkpoints; a panic there has nothing to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        let mut conn = None;
        while self.wait_for_write() {
            let mut quiet = 0;
            let mut pause = TICK;
            while quiet < IDLE_TICKS {
                if !self.sleep(pause) {
                    return;
                }
                quiet = if self.written.swap(false, Ordering::AcqRel) { 0 } else { quiet + 1 };
                let done = self.shorten(&mut conn, quiet == IDLE_TICKS);
                if !done {
                    quiet = quiet.min(IDLE_TICKS - 1);
                }
                pause = if done { TICK } else { BACKOFF };
            }
        }
    }

    /// Do what the size of the WAL asks for. `false`: somebody stood in the way, try again later.
    fn shorten(&self, conn: &mut Option<Conn>, idle: bool) -> bool {
        let size = std::fs::metadata(&self.wal).map_or(0, |file| file.len());
        if size == 0 || (size < COPY_ABOVE && !idle) {
            return true;
        }
        if conn.is_none() {
            *conn = Conn::join(&self.settings, false, Arc::clone(&self.cache)).ok();
        }
        let Some(conn) = conn else { return false };
        // The passive one does the bulk of the work while nobody waits; what is left for the other is short.
        let passive = checkpoint(conn, CheckpointMode::Passive);
        let then = match (idle, size > RESTART_ABOVE) {
            (true, _) => checkpoint(conn, CheckpointMode::Truncate),
            (false, true) => checkpoint(conn, CheckpointMode::Restart),
            (false, false) => passive,
        };
        then.is_ok_and(|done| !done.busy)
    }

    fn wait_for_write(&self) -> bool {
        let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        while !*closed && !self.written.load(Ordering::Acquire) {
            closed = self.wake.wait(closed).unwrap_or_else(PoisonError::into_inner);
        }
        !*closed
    }

    fn sleep(&self, pause: Duration) -> bool {
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let (closed, _) =
            self.wake.wait_timeout_while(closed, pause, |closed| !*closed).unwrap_or_else(PoisonError::into_inner);
        !*closed
    }
}

/// The write-ahead log of the database, if it is a file.
pub(super) fn wal_path(settings: &Settings) -> Option<PathBuf> {
    let mut name = settings.location.path()?.as_os_str().to_owned();
    name.push("-wal");
    Some(name.into())
}
