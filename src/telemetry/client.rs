#![forbid(unsafe_code)]
//! What a client of telemetry is, and what it can do beyond the public methods by name: insert packed events.

use std::sync::{Arc, LazyLock};

use serde_json::Value as Json;

use super::{
    buffers,
    config::{Durability, OnSizeLimit, TelemetryConfig},
    events,
    kinds::OnError,
    methods::METHODS,
    open, report,
    state::Telemetry,
};
use crate::{
    client::{Call, Client, ClientModule, Inserted, Method, MicroBatch, Options, Reply, key_of},
    error::{Error, Report, Result},
    packed::Parcel,
    store::{Cancel, Listener, Location, Registry, Store, WriteSession},
};

/// The open telemetry stores of this process.
static STORES: LazyLock<Registry<Telemetry>> = LazyLock::new(Registry::default);

impl ClientModule for Telemetry {
    type Config = TelemetryConfig;

    fn stores() -> &'static Registry<Self> {
        &STORES
    }

    fn methods() -> &'static [Method<Self>] {
        METHODS
    }

    fn report(error: &Error, operation: &str) -> Report {
        report::report(error, operation)
    }

    fn options(config: &TelemetryConfig) -> Options {
        Options {
            deadline: config.deadline(),
            patience: config.busy_timeout(),
            metrics: config.enable_metrics,
            slow_above: config.slow_query_threshold_ms,
            log_queries: config.query_logging,
        }
    }

    fn location(config: &TelemetryConfig) -> Location {
        open::location(config)
    }

    fn store_key(config: &TelemetryConfig) -> String {
        let options: Vec<Json> = config
            .entries()
            .iter()
            .filter(|(key, _)| key != "dbPath")
            .map(|(key, value)| Json::Array(vec![key.as_str().into(), value.to_json()]))
            .collect();
        key_of(&open::location(config), &Json::from(options).to_string())
    }

    fn open(config: Arc<TelemetryConfig>, listener: &Arc<dyn Listener>) -> Result<Store<Self>> {
        open::open(config, listener)
    }

    fn leave(session: &mut WriteSession<Self>) {
        buffers::flush_managed(session);
    }
}

/// What insertEvents is to do with its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertMode {
    /// Calls of insertEvent that came together.
    Each,
    /// insertEventBatch
    Batch(OnError),
    /// insertEventBuffer
    Buffer,
}

impl Client<Telemetry> {
    /// Insert events. The answer goes to `reply`.
    pub fn insert_events(&self, parcel: Parcel, mode: InsertMode, reply: Arc<dyn Reply>) {
        let name = match mode {
            InsertMode::Each => "insertEvent",
            InsertMode::Batch(_) => "insertEventBatch",
            InsertMode::Buffer => "insertEventBuffer",
        };
        let call = Call::new(name, Cancel::default(), Arc::clone(self.recorder()), reply);
        let action = match mode {
            InsertMode::Each => events::insert_each(parcel, self.control()),
            InsertMode::Batch(_) if parcel.is_empty() => events::insert_nothing(),
            InsertMode::Batch(on_error) => events::insert_batch(parcel, on_error),
            InsertMode::Buffer => buffers::insert(parcel),
        };
        self.start(action, call);
    }

    /// Insert one event on the calling thread, if that needs no waiting: an idle store, a free lock, no fsync and no pruning
    /// to make room, no query log that would come late. `None`: it has not been inserted. The caller must have no call in
    /// flight that this one would overtake.
    pub fn insert_now(&self, parcel: Parcel) -> Option<Inserted> {
        let (lease, config) = (self.lock(), self.config());
        let quick = parcel.len() == 1
            && config.durability == Durability::Normal
            && config.on_size_limit != OnSizeLimit::Reject
            && !config.query_logging;
        let store = lease.as_ref().filter(|_| quick)?.store().ok()?;
        let mut calls = MicroBatch::new(parcel, self.control());
        let (inserted, took) = store.write_now(|conn, state| events::run_each(&mut calls, conn, state))?;
        self.recorder().record_each("insertEvent", &inserted, events::INSERT, took);
        Some(inserted)
    }
}
