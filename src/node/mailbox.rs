//! Completions on their way from the store's threads to one JavaScript thread.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value as Json};

use crate::{
    client::{Inserted, Reply, Reporter, Value},
    error::{Error, Report, Result},
    packed::{Rows, Shape},
    store::{Cancel, Level, Listener},
};

/// Chunks of one call that may wait for JavaScript; then its reader waits. Memory stays flat, and the event loop decodes
/// at its own pace.
const CHUNKS_AHEAD: usize = 8;

/// Something that has happened, for the call (or, for a log line, the client) with this number.
pub(super) struct Completion {
    pub(super) number: u32,
    pub(super) payload: Payload,
}

pub(super) enum Payload {
    /// The end of a call, with its last rows.
    Done(Value, Option<Rows>),
    /// The end of calls that crossed together, with their rows.
    Inserted(Outcomes, Option<Rows>),
    Failed(Box<Report>),
    Rows(Rows, Arc<Credits>),
    Progress {
        operation: String,
        done: u64,
        total: Option<u64>,
    },
    Log {
        level: Level,
        message: String,
        fields: Map<String, Json>,
    },
}

/// What [`Mailbox::take`] has found.
#[allow(clippy::large_enum_variant, reason = "it is taken apart at once")]
pub(super) enum Taken {
    /// The box is empty, and the next completion wakes JavaScript.
    Nothing,
    /// A completion that was refused, and is still there.
    Unfit,
    /// A completion, and whether more are waiting. If not, the next one wakes JavaScript.
    One(Completion, bool),
}

/// What has become of inserts that crossed together, in the words of their module.
pub(super) struct Outcomes {
    pub(super) ids: Vec<f64>,
    pub(super) created_at: Vec<f64>,
    pub(super) failures: Vec<(usize, Report)>,
}

impl Outcomes {
    pub(super) fn new(inserted: Inserted, operation: &str, report: Reporter) -> Self {
        let Inserted { ids, created_at, failures, .. } = inserted;
        let failures = failures.into_iter().map(|(index, error)| (index, report(&error, operation))).collect();
        Self { ids, created_at, failures }
    }
}

/// The completions of one JavaScript thread.
pub(super) struct Mailbox {
    state: Mutex<State>,
    wake: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Completion>,
    /// JavaScript has been woken and has not found the box empty since.
    awake: bool,
    closed: bool,
}

impl Mailbox {
    /// An empty box; `wake` makes JavaScript look into it.
    pub(super) fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self { state: Mutex::default(), wake: Box::new(wake) }
    }

    /// Take the completion that has waited for longest, if `fits` accepts it.
    pub(super) fn take(&self, fits: impl FnOnce(&Completion) -> bool) -> Taken {
        let mut state = self.lock();
        let Some(first) = state.waiting.pop_front() else {
            state.awake = false;
            return Taken::Nothing;
        };
        if !fits(&first) {
            state.waiting.push_front(first);
            return Taken::Unfit;
        }
        state.awake = !state.waiting.is_empty();
        Taken::One(first, state.awake)
    }

    /// The JavaScript thread is going away: nobody will take what is here or what comes.
    pub(super) fn close(&self) {
        let left = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        for completion in left {
            if let Payload::Rows(_, credits) = completion.payload {
                credits.close();
            }
        }
    }

    /// Put a completion in. `false`: nobody will ever take it.
    fn put(&self, number: u32, payload: Payload) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.waiting.push_back(Completion { number, payload });
        let asleep = !std::mem::replace(&mut state.awake, true);
        drop(state);
        if asleep {
            (self.wake)();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many chunks of a call wait for JavaScript.
#[derive(Default)]
pub(super) struct Credits {
    state: Mutex<Ahead>,
    room: Condvar,
}

#[derive(Default)]
struct Ahead {
    chunks: usize,
    closed: bool,
    /// Chunks that JavaScript has taken, empty: their memory is used again.
    spare: Vec<Rows>,
}

impl Credits {
    /// JavaScript has taken a chunk.
    pub(super) fn give_back(&self, mut rows: Rows) {
        rows.clear();
        let mut ahead = self.lock();
        ahead.chunks -= 1;
        ahead.spare.push(rows);
        drop(ahead);
        self.room.notify_one();
    }

    /// Nobody takes chunks any more, or the call was cancelled.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.room.notify_all();
    }

    /// Wait for room for one more chunk. `false`: nobody wants it.
    fn spend(&self) -> bool {
        let mut ahead = self.lock();
        while ahead.chunks >= CHUNKS_AHEAD && !ahead.closed {
            ahead = self.room.wait(ahead).unwrap_or_else(PoisonError::into_inner);
        }
        ahead.chunks += 1;
        !ahead.closed
    }

    fn spare(&self, shape: &'static Shape) -> Rows {
        let spare = self.lock().spare.pop().filter(|rows| std::ptr::eq(rows.shape(), shape));
        spare.unwrap_or_else(|| Rows::new(shape))
    }

    fn lock(&self) -> MutexGuard<'_, Ahead> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reply of one call: everything goes into the box of the thread that asked.
pub(super) struct CallReply {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) number: u32,
    pub(super) cancel: Cancel,
    pub(super) credits: Arc<Credits>,
    /// Rows that wait for more or for the end of the call.
    pub(super) tail: Mutex<Option<Rows>>,
    pub(super) report: Reporter,
    /// Called when the call has its end.
    pub(super) ended: Box<dyn Fn(u32) + Send + Sync>,
}

impl CallReply {
    fn send(&self, rows: Rows) -> Result<()> {
        if !self.credits.spend() || self.cancel.is_cancelled() {
            return Err(Error::Aborted);
        }
        match self.mailbox.put(self.number, Payload::Rows(rows, Arc::clone(&self.credits))) {
            true => Ok(()),
            false => Err(Error::Closed),
        }
    }

    fn replace_tail(&self, rows: Option<Rows>) -> Option<Rows> {
        std::mem::replace(&mut *self.tail.lock().unwrap_or_else(PoisonError::into_inner), rows)
    }
}

impl Reply for CallReply {
    fn rows(&self, rows: Rows) -> Result<Rows> {
        self.replace_tail(None).map_or(Ok(()), |before| self.send(before))?;
        let shape = rows.shape();
        self.send(rows)?;
        Ok(self.credits.spare(shape))
    }

    /// The last rows of a call leave with its end: JavaScript wakes up once for both.
    fn tail(&self, rows: Rows) -> Result<()> {
        self.replace_tail(Some(rows)).map_or(Ok(()), |before| self.send(before))
    }

    fn progress(&self, operation: &str, done: u64, total: Option<u64>) {
        self.mailbox.put(self.number, Payload::Progress { operation: operation.to_owned(), done, total });
    }

    fn done(&self, operation: &'static str, result: Result<Value>) {
        (self.ended)(self.number);
        let tail = self.replace_tail(None);
        let payload = match result {
            Ok(Value::Inserted(inserted)) => Payload::Inserted(Outcomes::new(inserted, operation, self.report), tail),
            Ok(value) => Payload::Done(value, tail),
            Err(error) => Payload::Failed(Box::new((self.report)(&error, operation))),
        };
        self.mailbox.put(self.number, payload);
    }
}

/// Carries the notices of a store to the client with this number.
pub(super) struct ClientListener {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) client: u32,
}

impl Listener for ClientListener {
    fn notice(&self, level: Level, message: &str, fields: Map<String, Json>) {
        self.mailbox.put(self.client, Payload::Log { level, message: message.to_owned(), fields });
    }
}
