#![forbid(unsafe_code)]
//! Letting others at the file. SQLite's locks have no queue: who waits looks again after a nap, and a writer that always
//! has something to do holds the lock whenever they look. So it leaves the lock alone for a moment now and then.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// Over how long it is reckoned whether a writer has a break. It has one if it leaves the lock free for a fifth.
const SPAN: Duration = Duration::from_millis(200);

/// How long a writer without a break leaves the lock alone after each span: other stores look each [`NAP`].
const PAUSE: Duration = Duration::from_millis(4);

/// How often a store looks whether the lock is free.
pub(super) const NAP: Duration = Duration::from_millis(2);

/// Everybody else has SQLite's busy handler, which naps for up to a tenth of a second (sqlite.org/c3ref/busy_timeout.html). For them
/// all writers without a break are quiet at the same time: when the clock begins another of these slots, in ms …
const SLOT: u64 = 2_000;

/// … for this long, in ms.
const QUIET: u64 = 130;

/// The least of it for a writer that comes late from a long transaction, in ms.
const LEAST_QUIET: u64 = 100;

/// How much of the time a writer has held the lock.
pub(super) struct Turns {
    span: Instant,
    /// Of this span.
    free: Duration,
    /// Whether there was no break in the span before.
    pressing: bool,
    slot: u64,
    released: Cell<Instant>,
}

impl Turns {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { span: now, free: Duration::ZERO, pressing: false, slot: 0, released: Cell::new(now) }
    }

    /// The lock is to be taken: how long it has to be left alone before. `clock` is the time of day in ms.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of day")]
    pub(super) fn owed(&mut self, now: Instant, clock: f64) -> Duration {
        self.free += now.saturating_duration_since(self.released.get());
        self.released.set(now);
        let length = now.saturating_duration_since(self.span);
        let ended = length >= SPAN;
        if ended {
            self.pressing = self.free < length / 5;
            (self.span, self.free) = (now, Duration::ZERO);
        }
        let clock = clock as u64;
        let slot = clock / SLOT;
        let entered = std::mem::replace(&mut self.slot, slot) != slot;
        match self.pressing {
            true if entered => Duration::from_millis(QUIET.saturating_sub(clock % SLOT).max(LEAST_QUIET)),
            true if ended => PAUSE,
            _ => Duration::ZERO,
        }
    }

    /// The lock has been let go.
    pub(super) fn released(&self, now: Instant) {
        self.released.set(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is owed in each of `rounds` in which the lock is free for `free` ms and then held for `held` ms.
    fn owed(rounds: u64, free: u64, held: u64) -> Vec<u64> {
        let mut turns = Turns::new();
        let (mut now, mut clock) = (turns.released.get(), 1_700_000_000_000);
        let round = |_| {
            let owed = turns.owed(now + Duration::from_millis(free), (clock + free) as f64);
            let owed = u64::try_from(owed.as_millis()).expect("short");
            now += Duration::from_millis(free + owed + held);
            clock += free + owed + held;
            turns.released(now);
            owed
        };
        (0..rounds).map(round).filter(|owed| *owed > 0).collect()
    }

    #[test]
    fn a_writer_without_a_break_pauses_shortly_and_when_a_slot_begins_for_longer() {
        let pauses = owed(420, 0, 10);
        let long: Vec<_> = pauses.iter().filter(|pause| **pause != 4).collect();
        assert_eq!(long.len(), 2, "{pauses:?}");
        assert!(long.iter().all(|pause| (120..=130).contains(*pause)), "{pauses:?}");
        assert!((18..=22).contains(&(pauses.len() - long.len())), "{pauses:?}");
    }

    #[test]
    fn writers_without_a_break_are_quiet_at_the_same_time() {
        let mut late = Turns::new();
        let now = late.released.get();
        assert_eq!(late.owed(now, (9 * SLOT) as f64), Duration::ZERO);
        late.released(now + SPAN);
        assert_eq!(late.owed(now + SPAN, (9 * SLOT + 200) as f64), PAUSE);
        late.released(now + SPAN * 2);
        assert_eq!(late.owed(now + SPAN * 2, (10 * SLOT + 20) as f64).as_millis(), 110);
        late.released(now + SPAN * 3);
        assert_eq!(late.owed(now + SPAN * 3, (11 * SLOT + 500) as f64).as_millis(), 100, "late, and all the same");
    }

    #[test]
    fn who_leaves_the_lock_free_by_himself_owes_nothing() {
        assert_eq!(owed(1_000, 3, 7), [0; 0]);
        assert_eq!(owed(1_000, 1_000, 100), [0; 0]);
        assert_eq!(owed(10, 0, 10), [0; 0], "shorter than a span");
        assert!(!owed(1_000, 1, 9).is_empty());
    }
}
