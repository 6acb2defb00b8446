#![forbid(unsafe_code)]
//! Trying again what a lock kept from being done. The thread waits that does the work, never the event loop, and what is
//! queued behind it keeps its order.

use std::time::Duration;

use rusqlite::ffi;

use crate::error::{Error, Result};

/// How often something is tried again after `SQLITE_BUSY` or `SQLITE_LOCKED`, each time having waited for the lock as long
/// as the busy timeout says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retry {
    /// Further attempts; 0: none.
    pub times: u32,
    /// Time between two attempts.
    pub delay: Duration,
}

impl Retry {
    /// Run `attempt` until it succeeds, fails for another reason, or has been tried often enough.
    ///
    /// # Errors
    /// That of the last attempt; [`Error::Retried`] around it if it was not the first.
    pub fn run<T>(&self, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        let mut attempts = 1;
        loop {
            match attempt() {
                Err(error) if attempts <= self.times && is_locked(&error) => {
                    std::thread::sleep(self.delay);
                    attempts += 1;
                }
                Err(error) if attempts > 1 => return Err(Error::Retried { attempts, error: Box::new(error) }),
                result => return result,
            }
        }
    }
}

/// Whether somebody else has the lock.
pub(super) fn is_locked(error: &Error) -> bool {
    matches!(error.sqlite_code(), Some(ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Error {
        Error::Sqlite { extended: ffi::SQLITE_BUSY, message: "database is locked".into() }
    }

    /// How many attempts were made, and what they came to.
    fn attempts(times: u32, outcome: impl Fn(u32) -> Result<()>) -> (u32, Result<()>) {
        let mut count = 0;
        let retry = Retry { times, delay: Duration::ZERO };
        let result = retry.run(|| {
            count += 1;
            outcome(count)
        });
        (count, result)
    }

    #[test]
    fn a_lock_is_tried_again_and_the_error_counts_the_attempts() {
        assert!(matches!(attempts(0, |_| Err(busy())), (1, Err(Error::Sqlite { .. }))));
        assert!(matches!(attempts(3, |_| Err(busy())), (4, Err(Error::Retried { attempts: 4, .. }))));
        assert!(matches!(attempts(3, |count| if count == 3 { Ok(()) } else { Err(busy()) }), (3, Ok(()))));
    }

    #[test]
    fn nothing_else_is_tried_again() {
        assert!(matches!(attempts(3, |_| Err(Error::Closed)), (1, Err(Error::Closed))));
        let (count, result) = attempts(3, |count| Err(if count == 1 { busy() } else { Error::Closed }));
        assert!(matches!((count, result), (2, Err(Error::Retried { attempts: 2, .. }))));
    }
}
