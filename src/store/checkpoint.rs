#![forbid(unsafe_code)]
//! Checkpoints on a thread and a connection of their own, so that no write pays for one (sqlite.org/wal.html).
//!
//! That thread copies; the writer cuts, between two transactions, once there is nothing left to copy. To every other
//! connection a cut looks like a commit: it drops the pages that it keeps, and `PRAGMA data_version` changes.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{Conn, Retry, Settings, look::log_of, metrics::StatementCache};
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
/// Longest wait for the writer to cut the WAL: it may be busy with something else.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// How long cutting may keep the write lock while it waits for readers.
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
    file: PathBuf,
    inode: Option<u64>,
    /// The file was not in its place when it was looked for.
    moved: AtomicBool,
    written: AtomicBool,
    /// The writer is to cut the WAL.
    cut_wanted: AtomicBool,
    wake_writer: Box<dyn Fn() + Send + Sync>,
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
    /// Whether the writer has cut the WAL, as it was asked to; `None`: it has not come to it yet.
    cut: Option<bool>,
}

impl Checkpointer {
    /// Start the thread for a file in WAL mode. `wake_writer` makes an idle writer call [`Checkpointer::cut`].
    pub(super) fn start(
        settings: &Settings,
        cache: Arc<StatementCache>,
        wake_writer: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self> {
        let file = settings.location.path().map(PathBuf::from).unwrap_or_default();
        let shared = Arc::new(Shared {
            inode: inode(&file).ok(),
            file,
            moved: AtomicBool::new(false),
            settings: Settings { busy_timeout: PATIENCE, retry: Retry::default(), ..settings.clone() },
            cache,
            wal: settings.location.path().map(log_of).unwrap_or_default(),
            written: AtomicBool::new(false),
            cut_wanted: AtomicBool::new(false),
            wake_writer: Box::new(wake_writer),
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

    /// Whether [`Checkpointer::hold_back`] might wait, or the writer is to cut the WAL.
    pub(super) fn wants_writer(&self) -> bool {
        self.shared.cut_wanted() || self.shared.wal_size() > HOLD_ABOVE
    }

    /// Whether somebody has deleted, moved or replaced the file, as far as was noticed: what is written then is lost.
    pub(super) fn lost_file(&self) -> bool {
        self.shared.moved.load(Ordering::Relaxed) && self.shared.look_for_file()
    }

    /// Before a write: wait while the WAL is far too long and being copied, unless somebody stands in the way of that.
    pub(super) fn hold_back(&self) {
        if self.shared.wal_size() <= HOLD_ABOVE {
            return;
        }
        let mut state = self.shared.lock();
        if state.closed || self.shared.cut_wanted() || state.in_vain_until.is_some_and(|until| Instant::now() < until) {
            return;
        }
        state.held = true;
        self.shared.wake.notify_one();
        drop(self.shared.done.wait_timeout_while(state, LONGEST_HOLD, |state| state.held && !self.shared.cut_wanted()));
    }

    /// On the writer's thread, between two transactions: have the WAL cut on its connection, if that is wanted. `cut` is told how
    /// long it may wait for readers, and tells whether it has.
    pub(super) fn cut(&self, cut: impl FnOnce(Duration) -> bool) {
        if !self.shared.cut_wanted() {
            return;
        }
        let done = cut(PATIENCE);
        let mut state = self.shared.lock();
        state.cut = Some(done);
        self.shared.cut_wanted.store(false, Ordering::Release);
        self.shared.done.notify_all();
    }

    /// End the thread and close its connection.
    pub(super) fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
        self.shared.done.notify_all();
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
                self.look_for_file();
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
        match checkpoint(conn, CheckpointMode::Passive) {
            // A reader still needs what is in the WAL: no write is made to wait for it.
            Ok(copied) if copied.busy || copied.checkpointed < copied.log => false,
            Ok(_) if idle || size > CUT_ABOVE => self.have_it_cut(),
            copied => copied.is_ok(),
        }
    }

    /// Have the writer cut what is copied; what it has written meanwhile is short. Whether it has.
    fn have_it_cut(&self) -> bool {
        let mut state = self.lock();
        state.cut = None;
        self.cut_wanted.store(true, Ordering::Release);
        self.done.notify_all();
        (self.wake_writer)();
        let (state, _) = self
            .done
            .wait_timeout_while(state, LONGEST_WAIT, |state| state.cut.is_none() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        self.cut_wanted.store(false, Ordering::Release);
        state.cut == Some(true)
    }

    fn cut_wanted(&self) -> bool {
        self.cut_wanted.load(Ordering::Acquire)
    }

    /// Let the write go on that waits for a shorter WAL.
    fn let_go(&self, done: bool) {
        let mut state = self.lock();
        state.held = false;
        state.in_vain_until = (!done).then(|| Instant::now() + TICK);
        self.done.notify_all();
    }

    /// Whether another file, or none, is where ours was opened.
    fn look_for_file(&self) -> bool {
        let moved = match (self.inode, inode(&self.file)) {
            (Some(own), Ok(found)) => found != own,
            (Some(_), Err(error)) => error.kind() == ErrorKind::NotFound,
            (None, _) => false,
        };
        self.moved.store(moved, Ordering::Relaxed);
        moved
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

#[cfg(unix)]
fn inode(file: &Path) -> io::Result<u64> {
    std::fs::metadata(file).map(|file| std::os::unix::fs::MetadataExt::ino(&file))
}

/// Elsewhere a file that is open stays where it is.
#[cfg(not(unix))]
fn inode(_file: &Path) -> io::Result<u64> {
    Err(ErrorKind::Unsupported.into())
}
