#![forbid(unsafe_code)]
//! What the instances module keeps on the writer thread, and what it is to its clients.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use super::{config::InstancesConfig, failure, maintenance, methods, open, schedule::Schedule};
use crate::{
    client::{self, ClientModule, Method, Options},
    error::{Error, Report, Result},
    store::{Conn, Listener, Location, Module, Registry, Store, WriteSession},
};

/// A planned call.
pub(super) type Action = client::Action<Instances>;

/// The open stores of this process.
static STORES: LazyLock<Registry<Instances>> = LazyLock::new(Registry::default);

/// The module's state on the writer thread.
pub struct Instances {
    pub(super) config: Arc<InstancesConfig>,
    pub(super) schedule: Schedule,
}

impl Instances {
    pub(super) fn new(config: Arc<InstancesConfig>) -> Self {
        let mut schedule = Schedule::new(config.maintenance.vacuum_interval);
        if config.maintenance.auto_start {
            schedule.start();
        }
        Self { config, schedule }
    }
}

impl Module for Instances {
    fn begin(&mut self, _conn: &Conn, _foreign: bool) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self, _conn: &Conn) -> Result<()> {
        Ok(())
    }

    fn mark(&mut self) {}

    fn undo(&mut self) {}

    fn ended(&mut self, _committed: bool) {}

    fn due(&self) -> Option<Instant> {
        self.schedule.due()
    }

    fn tick(session: &mut WriteSession<Self>) {
        maintenance::tick(session);
    }

    fn close(_session: &mut WriteSession<Self>) {}
}

impl ClientModule for Instances {
    type Config = InstancesConfig;

    fn stores() -> &'static Registry<Self> {
        &STORES
    }

    fn methods() -> &'static [Method<Self>] {
        methods::METHODS
    }

    fn report(error: &Error, operation: &str) -> Report {
        failure::report(error, operation)
    }

    fn options(config: &InstancesConfig) -> Options {
        Options {
            deadline: config.query_timeout,
            patience: config.busy_timeout,
            metrics: false,
            slow_above: f64::INFINITY,
            // Its statements are logged, by the store.
            log_queries: false,
        }
    }

    fn location(config: &InstancesConfig) -> Location {
        open::location(config)
    }

    /// Timers and loggers are a client's own: it shares its store with nobody, and meets others at SQLite's lock.
    fn store_key(_config: &InstancesConfig) -> String {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed).to_string()
    }

    fn open(config: Arc<InstancesConfig>, listener: &Arc<dyn Listener>) -> Result<Store<Self>> {
        open::open(config, listener)
    }
}
