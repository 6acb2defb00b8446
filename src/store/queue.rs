#![forbid(unsafe_code)]
//! The writer's queue: first in, first out, with sequence numbers that reads wait for.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Jobs that the writer has not taken yet.
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    arrived: Condvar,
}

struct State<J> {
    jobs: VecDeque<J>,
    issued: u64,
    closed: bool,
    poked: bool,
}

/// What the writer woke up for.
pub(super) enum Next<J> {
    /// Everything that was queued, in order.
    Jobs(VecDeque<J>),
    /// The time that the writer asked for has come.
    Due,
    /// The queue is closed and empty.
    Closed,
}

impl<J> Queue<J> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State { jobs: VecDeque::new(), issued: 0, closed: false, poked: false }),
            arrived: Condvar::new(),
        }
    }

    /// Append a job. Returns its sequence number, or the job itself if the queue is closed.
    pub(super) fn push(&self, job: J) -> Result<u64, J> {
        let mut state = self.lock();
        if state.closed {
            return Err(job);
        }
        state.jobs.push_back(job);
        state.issued += 1;
        let sequence = state.issued;
        // Woken under the lock the writer would go back to sleep at once to wait for it.
        drop(state);
        self.arrived.notify_one();
        Ok(sequence)
    }

    /// Wait for jobs, for `due`, or for the end.
    pub(super) fn next(&self, due: Option<Instant>) -> Next<J> {
        let mut state = self.lock();
        loop {
            if !state.jobs.is_empty() {
                return Next::Jobs(std::mem::take(&mut state.jobs));
            }
            if state.closed {
                return Next::Closed;
            }
            if std::mem::take(&mut state.poked) {
                return Next::Due;
            }
            state = match due {
                None => self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                        return Next::Due;
                    };
                    self.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Make the writer ask again when it is due.
    pub(super) fn poke(&self) {
        self.lock().poked = true;
        self.arrived.notify_one();
    }

    /// Refuse further jobs; those that are queued are still run.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    /// Number of jobs that wait.
    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
