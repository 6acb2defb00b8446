#![forbid(unsafe_code)]
//! What the module is to its clients.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use super::{config::AnalyticsConfig, methods::METHODS, open, report, state::Analytics};
use crate::{
    client::{ClientModule, Method, Options, key_of},
    error::{Error, Report, Result},
    store::{Level, Listener, Location, Registry, Store},
};

/// The open analytics stores of this process.
static STORES: LazyLock<Registry<Analytics>> = LazyLock::new(Registry::default);

impl ClientModule for Analytics {
    type Config = AnalyticsConfig;

    fn stores() -> &'static Registry<Self> {
        &STORES
    }

    fn methods() -> &'static [Method<Self>] {
        METHODS
    }

    fn report(error: &Error, operation: &str) -> Report {
        report::report(error, operation)
    }

    fn options(_config: &AnalyticsConfig) -> Options {
        Options {
            deadline: None,
            patience: Duration::from_secs(5),
            metrics: false,
            slow_above: f64::INFINITY,
            log_queries: false,
        }
    }

    fn location(config: &AnalyticsConfig) -> Location {
        config.location.clone()
    }

    fn store_key(config: &AnalyticsConfig) -> String {
        key_of(&config.location, &config.migrate.to_string())
    }

    fn open(config: Arc<AnalyticsConfig>, listener: &Arc<dyn Listener>) -> Result<Store<Self>> {
        open::open(&config, listener)
    }

    fn joined(store: &Store<Self>, listener: &dyn Listener) {
        let (message, fields) = open::opened(store.settings(), store.figures().journal_mode.unwrap_or_default());
        listener.notice(Level::Info, message, fields);
    }
}
