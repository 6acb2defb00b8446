#![forbid(unsafe_code)]
//! When the writer does timed work: never before it is told to start.

use std::time::{Duration, Instant};

const DAY: Duration = Duration::from_secs(86_400);

/// The clock hands of one client.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    vacuum_interval: Option<Duration>,
    /// Expired events, and backups.
    daily: Option<Instant>,
    vacuum: Option<Instant>,
}

/// Timed work that is due.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) daily: bool,
    pub(super) vacuum: bool,
}

impl Schedule {
    pub(super) fn new(vacuum_interval: Option<Duration>) -> Self {
        Self { vacuum_interval, ..Self::default() }
    }

    /// Let the hands turn; the daily work is due at once. Nothing if they turn already.
    pub(super) fn start(&mut self) {
        if self.daily.is_none() {
            let now = Instant::now();
            self.daily = Some(now);
            self.vacuum = self.vacuum_interval.map(|interval| now + interval);
        }
    }

    /// Stop the hands.
    pub(super) fn stop(&mut self) {
        (self.daily, self.vacuum) = (None, None);
    }

    /// When the next work is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.daily.into_iter().chain(self.vacuum).min()
    }

    /// Take what is due: it counts as done, whatever becomes of it.
    pub(super) fn take(&mut self) -> Due {
        let now = Instant::now();
        let past = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let due = Due { daily: past(self.daily), vacuum: past(self.vacuum) };
        if due.daily {
            self.daily = Some(now + DAY);
        }
        if due.vacuum {
            self.vacuum = self.vacuum_interval.map(|interval| now + interval);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_due_before_a_start_or_after_a_stop() {
        let mut schedule = Schedule::new(Some(Duration::ZERO));
        assert_eq!((schedule.due(), schedule.take()), (None, Due::default()));
        schedule.start();
        assert_eq!(schedule.take(), Due { daily: true, vacuum: true });
        schedule.start();
        assert!(!schedule.take().daily, "a second start is none");
        schedule.stop();
        assert_eq!((schedule.due(), schedule.take()), (None, Due::default()));
    }

    #[test]
    fn a_vacuum_waits_for_its_interval_and_may_never_come() {
        for interval in [None, Some(Duration::from_secs(60))] {
            let mut schedule = Schedule::new(interval);
            schedule.start();
            assert_eq!(schedule.take(), Due { daily: true, vacuum: false });
            let next = schedule.due().unwrap() - Instant::now();
            let expected = interval.unwrap_or(DAY);
            assert!(next <= expected && next > expected - Duration::from_secs(5));
        }
    }
}
