#![forbid(unsafe_code)]
//! What the module is to its clients.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU64, Ordering},
};

use super::{config::InstancesConfig, methods::METHODS, open, report, state::Instances};
use crate::{
    client::{ClientModule, Method, Options},
    error::{Error, Report, Result},
    store::{Listener, Location, Registry, Store},
};

/// The open instances stores of this process.
static STORES: LazyLock<Registry<Instances>> = LazyLock::new(Registry::default);

impl ClientModule for Instances {
    type Config = InstancesConfig;

    fn stores() -> &'static Registry<Self> {
        &STORES
    }

    fn methods() -> &'static [Method<Self>] {
        METHODS
    }

    fn report(error: &Error, operation: &str) -> Report {
        report::report(error, operation)
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
