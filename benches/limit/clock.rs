//! Wall time and the CPU time of this thread.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// When a measurement began.
pub(crate) struct Clock {
    wall: Instant,
    cpu: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { cpu: thread_time(), wall: Instant::now() }
    }

    /// The figures for one of `calls` calls, in milliseconds. There is one thread: main and all CPU time are the same.
    pub(crate) fn stop(&self, calls: usize) -> Value {
        let wall = self.wall.elapsed();
        let cpu = thread_time() - self.cpu;
        let each = |time: Duration| time.as_secs_f64() * 1000.0 / calls as f64;
        json!({ "wall": each(wall), "main": each(cpu), "cpu": each(cpu) })
    }
}

#[cfg(unix)]
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Where nothing better is at hand: a single thread that never waits for long.
#[cfg(not(unix))]
fn thread_time() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
