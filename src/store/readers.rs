#![forbid(unsafe_code)]
//! The reader pool: threads that each own a read-only connection, started on demand.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{JoinHandle, Thread},
};

use super::{Conn, Notices, Settings, contain::unheard, metrics::StatementCache};
use crate::error::{Error, Result};

/// One read. It is given the connection, or the reason why there is none, and replies by itself.
pub(super) type Read = Box<dyn FnOnce(Result<&Conn>) + Send>;

pub(super) struct Readers {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    settings: Settings,
    cache: Arc<StatementCache>,
    notices: Arc<Notices>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Read>,
    /// Reads behind a write that is not committed yet, the earliest write on top.
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// Every write up to this sequence number has been settled.
    settled: u64,
    /// Threads that wait for a read. The one that came last goes first: its connection has the pages of the last reads.
    idle: Vec<Thread>,
    /// Threads that were woken or started for a read and have not come yet.
    coming: usize,
    threads: usize,
    closed: bool,
}

struct Waiting {
    after: u64,
    order: u64,
    read: Read,
}

impl Readers {
    pub(super) fn new(settings: Settings, cache: Arc<StatementCache>, notices: Arc<Notices>) -> Self {
        let shared = Shared { settings, cache, notices, state: Mutex::default() };
        Self { shared: Arc::new(shared), threads: Mutex::default() }
    }

    /// Run `read` once the write with the sequence number `after` has been settled.
    pub(super) fn submit(&self, after: u64, read: Read) {
        let mut state = self.shared.lock();
        if state.closed {
            drop(state);
            return read(Err(Error::Closed));
        }
        if after > state.settled {
            let order = state.waiting.len() as u64;
            state.waiting.push(Reverse(Waiting { after, order, read }));
            return;
        }
        state.ready.push_back(read);
        self.staff(state);
    }

    /// Every write up to `sequence` has been settled: let the reads behind it go.
    pub(super) fn settled(&self, sequence: u64) {
        let mut state = self.shared.lock();
        state.settled = sequence;
        while state.waiting.peek().is_some_and(|Reverse(waiting)| waiting.after <= sequence) {
            if let Some(Reverse(waiting)) = state.waiting.pop() {
                state.ready.push_back(waiting.read);
            }
        }
        self.staff(state);
    }

    /// Finish the reads that are queued and close the connections.
    pub(super) fn close(&self) {
        let idle = {
            let mut state = self.shared.lock();
            state.closed = true;
            state.coming += state.idle.len();
            std::mem::take(&mut state.idle)
        };
        idle.iter().for_each(Thread::unpark);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A reader contains the panics of its reads; there is nothing to learn from the join.
            let _ = thread.join();
        }
        let mut state = self.shared.lock();
        let left: Vec<Read> = state.ready.drain(..).collect();
        drop(state);
        for read in left {
            read(Err(Error::Closed));
        }
    }

    /// Wake a reader for each read that is ready, and start as many as are missing.
    fn staff(&self, mut state: MutexGuard<'_, State>) {
        let wanted = state.ready.len().saturating_sub(state.coming);
        let rest = state.idle.len().saturating_sub(wanted);
        let woken = state.idle.split_off(rest);
        let missing = wanted - woken.len();
        let possible = self.shared.settings.readers.saturating_sub(state.threads);
        state.coming += woken.len();
        for _ in 0..missing.min(possible) {
            let shared = Arc::clone(&self.shared);
            let started = std::thread::Builder::new().name("runledger-read".into()).spawn(move || shared.serve());
            match started {
                Ok(thread) => {
                    state.threads += 1;
                    state.coming += 1;
                    self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
                }
                // With no thread at all nobody would ever answer.
                Err(error) if state.threads == 0 => {
                    for read in state.ready.drain(..) {
                        read(Err(Error::Internal(format!("cannot start a reader thread: {error}"))));
                    }
                }
                Err(_) => {}
            }
        }
        // Woken under the lock they would go back to sleep at once to wait for it.
        drop(state);
        woken.iter().for_each(Thread::unpark);
    }
}

impl Shared {
    fn serve(&self) {
        let mut conn: Option<Conn> = None;
        let mut state = self.lock();
        state.coming -= 1;
        loop {
            if let Some(read) = state.ready.pop_front() {
                drop(state);
                unheard(|| self.answer(&mut conn, read));
                state = self.lock();
            } else if state.closed {
                state.threads -= 1;
                return;
            } else {
                state = self.sleep(state);
            }
        }
    }

    /// Wait until this thread is taken from the idle ones.
    fn sleep<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        let own = std::thread::current();
        state.idle.push(own.clone());
        while state.idle.iter().any(|idle| idle.id() == own.id()) {
            drop(state);
            std::thread::park();
            state = self.lock();
        }
        state.coming -= 1;
        state
    }

    fn answer(&self, conn: &mut Option<Conn>, read: Read) {
        if conn.is_none() {
            match self.connect() {
                Ok(opened) => *conn = Some(opened),
                Err(error) => return read(Err(error)),
            }
        }
        if let Some(conn) = conn {
            read(Ok(conn));
        }
    }

    fn connect(&self) -> Result<Conn> {
        let mut conn = Conn::join(&self.settings, true, Arc::clone(&self.cache))?;
        conn.log_to(&self.notices, &self.settings)?;
        Ok(conn)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.after, self.order).cmp(&(other.after, other.order))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}
