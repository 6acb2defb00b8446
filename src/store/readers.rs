#![forbid(unsafe_code)]
//! The reader pool: threads that each own a read-only connection, started on demand.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use super::{Conn, Settings, metrics::StatementCache};
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
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Read>,
    /// Reads behind a write that is not committed yet, the earliest write on top.
    waiting: BinaryHeap<Reverse<Waiting>>,
    /// Every write up to this sequence number has been settled.
    settled: u64,
    /// Threads that wait for a read, and those that were started for one and have not come yet.
    idle: usize,
    starting: usize,
    threads: usize,
    closed: bool,
}

struct Waiting {
    after: u64,
    order: u64,
    read: Read,
}

impl Readers {
    pub(super) fn new(settings: Settings, cache: Arc<StatementCache>) -> Self {
        let shared = Shared { settings, cache, state: Mutex::default(), arrived: Condvar::new() };
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
        self.staff(&mut state);
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
        self.staff(&mut state);
    }

    /// Finish the reads that are queued and close the connections.
    pub(super) fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.arrived.notify_all();
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

    /// Wake a reader for the reads that are ready, and start as many as are missing.
    fn staff(&self, state: &mut State) {
        if state.ready.is_empty() {
            return;
        }
        if state.idle > 0 {
            self.shared.arrived.notify_one();
        }
        let missing = state.ready.len().saturating_sub(state.idle + state.starting);
        let possible = self.shared.settings.readers.saturating_sub(state.threads);
        for _ in 0..missing.min(possible) {
            let shared = Arc::clone(&self.shared);
            let started = std::thread::Builder::new().name("runledger-read".into()).spawn(move || shared.serve());
            match started {
                Ok(thread) => {
                    state.threads += 1;
                    state.starting += 1;
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
    }
}

impl Shared {
    fn serve(&self) {
        let mut conn: Option<Conn> = None;
        let mut state = self.lock();
        state.starting -= 1;
        loop {
            if let Some(read) = state.ready.pop_front() {
                if !state.ready.is_empty() && state.idle > 0 {
                    self.arrived.notify_one();
                }
                drop(state);
                // The read replies before a panic can leave it, so containing it here is enough.
                let _ = catch_unwind(AssertUnwindSafe(|| self.answer(&mut conn, read)));
                state = self.lock();
            } else if state.closed {
                state.threads -= 1;
                return;
            } else {
                state.idle += 1;
                state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }

    fn answer(&self, conn: &mut Option<Conn>, read: Read) {
        if conn.is_none() {
            match Conn::join(&self.settings, true, Arc::clone(&self.cache)) {
                Ok(opened) => *conn = Some(opened),
                Err(error) => return read(Err(error)),
            }
        }
        if let Some(conn) = conn {
            read(Ok(conn));
        }
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
