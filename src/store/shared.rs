#![forbid(unsafe_code)]
//! What the threads of a store share, and how they begin and end.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{
    Conn, JournalMode, Module, Notices, Settings, StoreFigures, WriteSession, checkpoint::Checkpointer, job::Job,
    metrics::StatementCache, queue::Queue, readers::Readers,
};
use crate::error::Result;

/// What the threads of a store share.
pub(super) struct Shared<M: Module> {
    pub(super) settings: Settings,
    pub(super) notices: Arc<Notices>,
    pub(super) queue: Queue<Job<M>>,
    pub(super) readers: Readers,
    pub(super) cache: Arc<StatementCache>,
    checkpointer: OnceLock<Checkpointer>,
    /// Threads of [`super::Store::beside`].
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// The writer's connection, while the store is open.
    pub(super) session: Mutex<Option<WriteSession<M>>>,
    journal: OnceLock<JournalMode>,
    settled: AtomicU64,
    commits: AtomicU64,
    calls: AtomicU64,
}

impl<M: Module> Shared<M> {
    pub(super) fn new(settings: Settings, notices: Arc<Notices>) -> Self {
        let cache = Arc::new(StatementCache::default());
        Self {
            readers: Readers::new(settings.clone(), Arc::clone(&cache), Arc::clone(&notices)),
            settings,
            notices,
            queue: Queue::new(),
            cache,
            checkpointer: OnceLock::new(),
            tasks: Mutex::default(),
            session: Mutex::new(None),
            journal: OnceLock::new(),
            settled: AtomicU64::new(0),
            commits: AtomicU64::new(0),
            calls: AtomicU64::new(0),
        }
    }

    /// On the writer's thread, before it serves.
    pub(super) fn begin(
        self: &Arc<Self>,
        prepare: impl FnOnce(&mut Conn, &Settings, &Arc<Notices>) -> Result<(M, JournalMode)>,
    ) -> Result<WriteSession<M>> {
        let mut conn = Conn::create(&self.settings, Arc::clone(&self.cache))?;
        let (module, journal) = prepare(&mut conn, &self.settings, &self.notices)?;
        conn.log_to(&self.notices, &self.settings)?;
        let _ = self.journal.set(journal);
        if journal == JournalMode::Wal {
            let own = Arc::downgrade(self);
            let wake_writer = move || {
                if let Some(shared) = own.upgrade() {
                    shared.queue.poke();
                }
            };
            let _ = self.checkpointer.set(Checkpointer::start(&self.settings, Arc::clone(&self.cache), wake_writer)?);
        }
        Ok(WriteSession::new(conn, module, Arc::clone(self)))
    }

    /// On the writer's thread, after it has served: end the other threads.
    pub(super) fn end(&self, session: WriteSession<M>) {
        self.readers.close();
        for task in std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner)) {
            let _ = task.join();
        }
        if let Some(checkpointer) = self.checkpointer.get() {
            checkpointer.close();
        }
        session.finish();
    }

    /// A thread of [`super::Store::beside`] has begun.
    pub(super) fn began(&self, task: JoinHandle<()>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.retain(|task| !task.is_finished());
        tasks.push(task);
    }

    pub(super) fn session(&self) -> MutexGuard<'_, Option<WriteSession<M>>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `jobs` more entries of the queue have been settled.
    pub(super) fn settled(&self, jobs: u64) {
        let settled = self.settled.fetch_add(jobs, Ordering::Relaxed) + jobs;
        self.readers.settled(settled);
    }

    pub(super) fn committed(&self, calls: usize) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.calls.fetch_add(calls as u64, Ordering::Relaxed);
    }

    /// Before a transaction: let the checkpointer catch up with a flood.
    pub(super) fn hold_back(&self) {
        if let Some(checkpointer) = self.checkpointer.get() {
            checkpointer.hold_back();
        }
    }

    /// Between two transactions: have the log cut, if the checkpointer has copied it.
    pub(super) fn cut_log(&self, cut: impl FnOnce(Duration) -> bool) {
        if let Some(checkpointer) = self.checkpointer.get() {
            checkpointer.cut(cut);
        }
    }

    /// Whether what is written would be lost ([`Checkpointer::lost_file`]).
    pub(super) fn lost_file(&self) -> bool {
        self.checkpointer.get().is_some_and(Checkpointer::lost_file)
    }

    /// Whether a transaction might have to wait for the log.
    pub(super) fn wants_cut(&self) -> bool {
        self.checkpointer.get().is_some_and(Checkpointer::wants_writer)
    }

    pub(super) fn wrote(&self) {
        if let Some(checkpointer) = self.checkpointer.get() {
            checkpointer.wrote();
        }
    }

    /// Counters and sizes.
    pub(super) fn figures(&self) -> StoreFigures {
        let (prepared, hits) = self.cache.prepared_and_hits();
        StoreFigures {
            commits: self.commits.load(Ordering::Relaxed),
            calls: self.calls.load(Ordering::Relaxed),
            prepared,
            hits,
            queued: self.queue.len() as u64,
            journal_mode: self.journal.get().map(|mode| mode.as_str()),
            ..StoreFigures::on_disk(&self.settings.location)
        }
    }
}
