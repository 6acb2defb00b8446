#![forbid(unsafe_code)]
//! Deadline and cancellation of one call, enforced while its SQL runs.
//!
//! SQLite asks the progress handler of a connection every few thousand virtual-machine steps whether to go on
//! (sqlite.org/c3ref/progress_handler.html). That needs no timer thread and cannot hit the call that comes next.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::ffi;

use crate::error::Error;

/// A flag that the owner of a call raises to stop it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Stop the call: its running SQL is interrupted, SQL that has not begun does not begin.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`Cancel::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What limits one call.
#[derive(Debug, Clone, Default)]
pub struct Control {
    /// How long its SQL may run; `None` = no limit.
    pub limit: Option<Duration>,
    /// The caller's way to stop it.
    pub cancel: Cancel,
}

/// The control that is in force on a connection; shared with its progress handler.
#[derive(Debug, Default)]
pub(super) struct Guard(Mutex<Armed>);

#[derive(Debug, Default)]
struct Armed {
    control: Control,
    until: Option<Instant>,
    tripped: Option<Error>,
}

impl Guard {
    pub(super) fn arm(&self, control: &Control) {
        let mut armed = self.lock();
        armed.until = control.limit.map(|limit| Instant::now() + limit);
        armed.control = control.clone();
        armed.tripped = None;
    }

    /// End the call. An interruption becomes the error that names its cause.
    pub(super) fn disarm<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        let tripped = std::mem::take(&mut *self.lock()).tripped;
        match (result, tripped) {
            (Err(error), Some(cause)) if error.sqlite_code() == Some(ffi::SQLITE_INTERRUPT) => Err(cause),
            (result, _) => result,
        }
    }

    /// Give back time that the call spent waiting for its consumer.
    pub(super) fn extend(&self, by: Duration) {
        let mut armed = self.lock();
        armed.until = armed.until.map(|until| until + by);
    }

    /// Whether the running SQL has to stop.
    pub(super) fn must_stop(&self) -> bool {
        let mut armed = self.lock();
        if armed.control.cancel.is_cancelled() {
            armed.tripped = Some(Error::Aborted);
        } else if armed.until.is_some_and(|until| Instant::now() >= until) {
            #[allow(clippy::cast_possible_truncation, reason = "a limit is far below 2^64 ms")]
            let ms = armed.control.limit.unwrap_or_default().as_millis() as u64;
            armed.tripped = Some(Error::Timeout { ms });
        }
        armed.tripped.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Armed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
