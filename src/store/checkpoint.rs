#![forbid(unsafe_code)]
//! Checkpoints on a thread and a connection of their own, so that no write pays for one (sqlite.org/wal.html).

use std::{
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{Conn, Retry, Settings, metrics::StatementCache};
use crate::error::{Error, Result};

/// How often the WAL is looked at while there are writes.
const TICK: Duration = Duration::from_millis(100);
/// Pause after a checkpoint that a reader or another process stood in the way of.
const BACKOFF: Duration = Duration::from_secs(1);
/// WAL size in bytes from which frames are copied to the main file, without disturbing anybody.
const COPY_ABOVE: u64 = 4 << 20;
/// WAL size in bytes from which the WAL is cut even between writes.
const CUT_ABOVE: u64 = 16 << 20;
/// WAL size in bytes from which writes wait until it is cut: a flood would outrun the thread.
const HOLD_ABOVE: u64 = 32 << 20;
/// Longest such wait.
const LONGEST_HOLD: Duration = Duration::from_secs(1);
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
    state: Mutex<State>,
    wake: Condvar,
    done: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    /// A write waits for a shorter WAL.
    held: bool,
    /// Somebody stood in the way: no write waits before that time.
    in_vain_until: Option<Instant>,
}

impl Checkpointer {
    /// Start the thread for a file in WAL mode.
    pub(super) fn start(settings: &Settings, cache: Arc<StatementCache>) -> Result<Self> {
        let shared = Arc::new(Shared {
            settings: Settings { busy_timeout: PATIENCE, retry: Retry::default(), ..settings.clone() },
            cache,
            wal: wal_path(settings).unwrap_or_default(),
            written: AtomicBool::new(false),
            state: Mutex::default(),
            wake: Condvar::new(),
            done: Condvar::new(),
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
            drop(self.shared.lock());
            self.shared.wake.notify_one();
        }
    }

    /// Whether [`Checkpointer::hold_back`] might wait.
    pub(super) fn may_hold(&self) -> bool {
        self.shared.wal_size() > HOLD_ABOVE
    }

    /// Before a write: wait while the WAL is far too long, unless somebody stands in the way of cutting it.
    pub(super) fn hold_back(&self) {
        if self.shared.wal_size() <= HOLD_ABOVE {
            return;
        }
        let mut state = self.shared.lock();
        if state.closed || state.in_vain_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        state.held = true;
        self.shared.wake.notify_one();
        // After that time the write meets the checkpoint at SQLite's lock.
        drop(self.shared.done.wait_timeout_while(state, LONGEST_HOLD, |state| state.held));
    }

    /// End the thread and close its connection.
    pub(super) fn close(&self) {
        self.shared.lock().closed = true;
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
                self.let_go(done);
                if !done {
                    quiet = quiet.min(IDLE_TICKS - 1);
                }
                pause = if done { TICK } else { BACKOFF };
            }
        }
    }

    /// Do what the size of the WAL asks for. `false`: somebody stood in the way, try again later.
    fn shorten(&self, conn: &mut Option<Conn>, idle: bool) -> bool {
        let size = self.wal_size();
        if size == 0 || (size < COPY_ABOVE && !idle) {
            return true;
        }
        if conn.is_none() {
            *conn = Conn::join(&self.settings, false, Arc::clone(&self.cache)).ok();
        }
        let Some(conn) = conn else { return false };
        // The passive one does the bulk of the work while nobody waits; what is left for the other is short.
        let passive = checkpoint(conn, CheckpointMode::Passive);
        let then = match passive {
            // A reader still needs what is in the WAL: no write is made to wait for it.
            Ok(done) if done.busy || done.checkpointed < done.log => return false,
            Ok(_) if idle || size > CUT_ABOVE => checkpoint(conn, CheckpointMode::Truncate),
            passive => passive,
        };
        then.is_ok_and(|done| !done.busy)
    }

    /// Let the write go on that waits for a shorter WAL.
    fn let_go(&self, done: bool) {
        let mut state = self.lock();
        state.held = false;
        state.in_vain_until = (!done).then(|| Instant::now() + TICK);
        self.done.notify_all();
    }

    fn wal_size(&self) -> u64 {
        std::fs::metadata(&self.wal).map_or(0, |file| file.len())
    }

    fn wait_for_write(&self) -> bool {
        let mut state = self.lock();
        while !state.closed && !state.held && !self.written.load(Ordering::Acquire) {
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.closed
    }

    fn sleep(&self, pause: Duration) -> bool {
        let state = self.lock();
        let (state, _) = self
            .wake
            .wait_timeout_while(state, pause, |state| !state.closed && !state.held)
            .unwrap_or_else(PoisonError::into_inner);
        !state.closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The write-ahead log of the database, if it is a file.
pub(super) fn wal_path(settings: &Settings) -> Option<PathBuf> {
    let mut name = settings.location.path()?.as_os_str().to_owned();
    name.push("-wal");
    Some(name.into())
}
