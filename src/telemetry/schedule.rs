#![forbid(unsafe_code)]
//! When the writer does timed work.

use std::time::{Duration, Instant};

use super::config::TelemetryConfig;

const HOUR: Duration = Duration::from_secs(3600);
/// The file is held against `maxSizeMB` after as many bytes, or as long after it grew.
const CHECK_AFTER: usize = 64 << 10;
const SIZE_CHECK: Duration = Duration::from_secs(1);

/// The clock hands of one store.
#[derive(Debug)]
pub(super) struct Schedule {
    flush_interval: Option<Duration>,
    capped: bool,
    hourly: Instant,
    /// Expired events are left: a batch is due as soon as the writer has a moment.
    pruning: bool,
    /// Free pages are left: some of them go back to the file system as soon as the writer has a moment and nothing is pruned.
    vacuuming: bool,
    /// Events that the run has deleted so far.
    pruned: u64,
    size_check: Option<Instant>,
    grown: usize,
    /// The caller has been warned that the file is over its cap, and it still is.
    pub(super) warned: bool,
}

/// Timed work that is due.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) flush: bool,
    pub(super) hourly: bool,
    pub(super) prune: bool,
    pub(super) vacuum: bool,
    pub(super) size_check: bool,
}

impl Schedule {
    pub(super) fn new(config: &TelemetryConfig) -> Self {
        Self {
            flush_interval: (config.stream_flush_interval_ms > 0)
                .then(|| Duration::from_millis(config.stream_flush_interval_ms)),
            capped: config.max_size_mb.is_some(),
            hourly: Instant::now() + HOUR,
            pruning: false,
            vacuuming: false,
            pruned: 0,
            size_check: None,
            grown: 0,
            warned: false,
        }
    }

    /// The file has grown by about `bytes`.
    pub(super) fn grew(&mut self, bytes: usize) {
        if self.capped {
            self.grown += bytes;
            let now = Instant::now();
            let at = if self.grown >= CHECK_AFTER { now } else { now + SIZE_CHECK };
            self.size_check = Some(self.size_check.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// There is more to prune, or there is not.
    pub(super) fn prune(&mut self, more: bool) {
        self.pruning = more;
    }

    /// There are more free pages to give back, or there are not.
    pub(super) fn vacuum(&mut self, more: bool) {
        self.vacuuming = more;
    }

    /// Count a batch of a run. Returns the size of the run when it is over, 0 before.
    pub(super) fn pruned(&mut self, deleted: u64, more: bool) -> u64 {
        self.pruned += deleted;
        if more { 0 } else { std::mem::take(&mut self.pruned) }
    }

    /// When the next work is due; `buffered` is the arrival of the oldest buffered event.
    pub(super) fn due(&self, buffered: Option<Instant>) -> Option<Instant> {
        let flush = self.flush_at(buffered);
        let at_once = (self.pruning || self.vacuuming).then(Instant::now);
        [Some(self.hourly), flush, at_once, self.size_check].into_iter().flatten().min()
    }

    /// Take what is due: it counts as done.
    pub(super) fn take(&mut self, buffered: Option<Instant>) -> Due {
        let now = Instant::now();
        let past = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let due = Due {
            flush: past(self.flush_at(buffered)),
            hourly: past(Some(self.hourly)),
            prune: self.pruning,
            vacuum: self.vacuuming && !self.pruning,
            size_check: past(self.size_check),
        };
        if due.hourly {
            self.hourly = now + HOUR;
        }
        if due.size_check {
            self.size_check = None;
            self.grown = 0;
        }
        due
    }

    /// An hour has passed.
    #[cfg(test)]
    pub(super) fn pass_hour(&mut self) {
        self.hourly = Instant::now();
    }

    fn flush_at(&self, buffered: Option<Instant>) -> Option<Instant> {
        Some(buffered? + self.flush_interval?)
    }
}
