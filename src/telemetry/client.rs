#![forbid(unsafe_code)]
//! A client: one `DrizzleTelemetryDB` with everything that is built on it.

use std::{
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use serde_json::{Map, Value as Json};

use super::{
    action::{Action, Args, Outcome, Work},
    buffers,
    call::{Call, Inserted, Recorder, Reply, Value},
    config::{Durability, OnSizeLimit, TelemetryConfig},
    events::{self, MicroBatch},
    kinds::OnError,
    methods::Method,
    open,
    state::Telemetry,
};
use crate::{
    error::{Error, Result},
    packed::Parcel,
    store::{
        Cancel, Control, Isolation, Lease, Level, Listener, Metrics, Query, Registry, Settings, Store, StoreFigures,
        WriteSession,
    },
};

/// The open telemetry stores of this process.
static STORES: LazyLock<Registry<Telemetry>> = LazyLock::new(Registry::default);

/// One client of a telemetry database. Closed until [`Client::open`].
pub struct Client {
    config: Arc<TelemetryConfig>,
    recorder: Arc<Recorder>,
    lease: Mutex<Option<Lease<Telemetry>>>,
    /// Sequence number of the last write; reads wait for it.
    written: AtomicU64,
}

impl Listener for Recorder {
    fn notice(&self, level: Level, message: &str, fields: Map<String, Json>) {
        if level == Level::Warn {
            self.metrics.warn(message);
        }
        self.listener.notice(level, message, fields);
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

impl Client {
    /// A client that touches no file yet. `listener` hears its notices and its query log.
    pub fn new(config: TelemetryConfig, listener: Arc<dyn Listener>) -> Self {
        let recorder = Recorder {
            metrics: Metrics::new(config.enable_metrics, config.slow_query_threshold_ms),
            log_queries: config.query_logging,
            listener,
        };
        Self {
            config: Arc::new(config),
            recorder: Arc::new(recorder),
            lease: Mutex::new(None),
            written: AtomicU64::new(0),
        }
    }

    /// Open the database, or join the store that has it open with the same settings. Blocks.
    ///
    /// # Errors
    /// [`Error::Open`] with the reason; the next call tries again.
    pub fn open(&self) -> Result<()> {
        if self.lock().is_some() {
            return Ok(());
        }
        let listener: Arc<dyn Listener> = Arc::clone(&self.recorder) as Arc<dyn Listener>;
        let lease = STORES
            .acquire(&open::store_key(&self.config), || open::open(Arc::clone(&self.config), &listener))
            .map_err(|error| Error::Open(Box::new(error)))?;
        lease.store()?.notices().subscribe(&listener);
        *self.lock() = Some(lease);
        self.written.store(0, Ordering::Relaxed);
        self.recorder.metrics.opened();
        Ok(())
    }

    /// Flush managed buffers and let go of the database; the last client of a store closes it. Blocks. May be called
    /// again.
    pub fn close(&self) {
        let Some(lease) = self.lock().take() else { return };
        if let Ok(store) = lease.store() {
            let flush = |session: &mut WriteSession<Telemetry>| {
                buffers::flush_managed(session);
                Ok(())
            };
            wait(|done| store.alone(flush, done));
        }
    }

    /// Start a call. The answer goes to `reply`.
    pub fn call(&self, method: &'static Method, args: &Args, cancel: Cancel, reply: Arc<dyn Reply>) {
        let call = Call::new(method.name, cancel, Arc::clone(&self.recorder), reply);
        self.start(method.plan(args, &self.config), call);
    }

    /// Insert events. The answer goes to `reply`.
    pub fn insert_events(&self, parcel: Parcel, mode: InsertMode, reply: Arc<dyn Reply>) {
        let name = match mode {
            InsertMode::Each => "insertEvent",
            InsertMode::Batch(_) => "insertEventBatch",
            InsertMode::Buffer => "insertEventBuffer",
        };
        let call = Call::new(name, Cancel::default(), Arc::clone(&self.recorder), reply);
        let action = match mode {
            InsertMode::Each => return self.insert_each(parcel, call),
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
        let lease = self.lock();
        let quick = parcel.len() == 1
            && self.config.durability == Durability::Normal
            && self.config.on_size_limit != OnSizeLimit::Reject
            && !self.config.query_logging;
        let store = lease.as_ref().filter(|_| quick)?.store().ok()?;
        let mut micro = MicroBatch::new(parcel, Control { limit: self.limit(), cancel: Cancel::default() });
        let (inserted, took) = store.write_now(|conn, state| micro.run(conn, state))?;
        self.recorder.record_inserted(&inserted, events::INSERT, took);
        Some(inserted)
    }

    /// optimize: vacuum, then analyze.
    pub fn optimize(&self, reply: Arc<dyn Reply>) {
        let call = Call::new("optimize", Cancel::default(), Arc::clone(&self.recorder), reply);
        self.with_store(call, |store, call| {
            let recorder = Arc::clone(&self.recorder);
            let outlet = call.outlet();
            self.note(store.alone(
                move |session| {
                    for sql in ["VACUUM", "ANALYZE"] {
                        outlet.progress(sql, 0, None);
                        let began = Instant::now();
                        let result = session.conn.execute_batch(sql).map_err(Error::from);
                        let outcome = result.as_ref().map(|()| None).map_err(ToString::to_string);
                        recorder.record(sql, sql, began.elapsed(), outcome);
                        result?;
                    }
                    Ok(())
                },
                move |result, _| match result {
                    Ok(()) => call.answer(Value::Nothing),
                    Err(error) => call.refuse(error),
                },
            ));
        });
    }

    /// healthCheck: whether a reader and the writer answer within the query timeout; no while closed.
    pub fn health_check(&self, reply: Arc<dyn Reply>) {
        let call = Call::new("healthCheck", Cancel::default(), Arc::clone(&self.recorder), reply);
        let lease = self.lock();
        let Some(store) = lease.as_ref().and_then(|lease| lease.store().ok()) else {
            return call.answer(Value::Boolean(false));
        };
        let (answers, inbox) = mpsc::channel();
        let from_writer = answers.clone();
        store.alone(
            |_| Ok(()),
            move |result, _| {
                // Nobody listens any more once the time is up.
                let _ = from_writer.send(result.is_ok());
            },
        );
        let control = Control { limit: Some(self.patience()), ..Control::default() };
        store.read(
            control,
            0,
            |conn| Ok(conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?),
            move |result, _| {
                let _ = answers.send(result.is_ok());
            },
        );
        let give_up = Instant::now() + self.patience();
        let waiting = std::thread::Builder::new().name("runledger-health".into()).spawn(move || {
            let began = Instant::now();
            let answer = || inbox.recv_timeout(give_up.saturating_duration_since(Instant::now())).unwrap_or(false);
            let healthy = answer() && answer();
            call.finish("SELECT count(*) FROM sqlite_schema", began.elapsed(), Ok((Value::Boolean(healthy), None)));
        });
        // Without a thread the call is dropped, and answers for itself.
        drop(waiting);
    }

    /// The settings of the open database, for a connection beside it.
    ///
    /// # Errors
    /// [`Error::Closed`]
    pub fn settings(&self) -> Result<Settings> {
        let lease = self.lock();
        lease.as_ref().map_or(Err(Error::Closed), |lease| Ok(lease.store()?.settings().clone()))
    }

    /// `getMetrics()`
    pub fn metrics(&self) -> Json {
        self.recorder.metrics.report(&self.figures())
    }

    /// `getQueryHistory()`
    pub fn history(&self) -> Vec<Query> {
        self.recorder.metrics.history()
    }

    /// `resetMetrics()`
    pub fn reset_metrics(&self) {
        self.recorder.metrics.reset(self.figures());
    }

    /// `executeWithMetrics`: count work of the caller's own as one query.
    pub fn record(&self, query_type: &str, took: Duration, error: Option<String>) {
        self.recorder.metrics.record(query_type, "", took, error.map_or(Ok(None), Err));
    }

    fn start(&self, action: Result<Action>, call: Call) {
        let (sql, work) = match action {
            Err(error) => return call.refuse(error),
            Ok(Action { work: Work::Nothing(value), .. }) => return call.answer(value),
            Ok(Action { sql, work }) => (sql, work),
        };
        self.with_store(call, |store, call| {
            let reply = call.outlet();
            let limited = Control { limit: self.limit(), cancel: call.cancel.clone() };
            let name = call.operation();
            let done = move |result: Result<Outcome>, took| match name {
                "pruneOldData" => call.finish_as("DELETE_OLD_EVENTS", &sql, took, result),
                _ => call.finish(&sql, took, result),
            };
            match work {
                Work::Write { isolation, bytes, run } => {
                    self.note(store.write(limited, isolation, (1, bytes), run, done));
                }
                Work::Read(run) => {
                    let after = self.written.load(Ordering::Relaxed);
                    store.read(limited, after, move |conn| run(conn, reply.as_ref()), done);
                }
                Work::Alone(run) => {
                    self.note(store.alone(move |session| run(session, reply.as_ref()), done));
                }
                Work::Beside(run) => {
                    self.note(store.beside(move |conn| run(conn, reply.as_ref()), done));
                }
                Work::Nothing(_) => {}
            }
        });
    }

    fn insert_each(&self, parcel: Parcel, call: Call) {
        self.with_store(call, |store, call| {
            let (calls, bytes) = (parcel.len(), parcel.bytes());
            let mut micro = MicroBatch::new(parcel, Control { limit: self.limit(), cancel: Cancel::default() });
            self.note(store.write(
                Control::default(),
                Isolation::Own,
                (calls, bytes),
                move |conn, state| micro.run(conn, state),
                move |result, took| match result {
                    Err(error) => call.fail_each(calls, &error, took),
                    Ok(inserted) => call.finish_each(inserted, events::INSERT, took),
                },
            ));
        });
    }

    fn with_store(&self, call: Call, start: impl FnOnce(&Store<Telemetry>, Call)) {
        let lease = self.lock();
        match lease.as_ref().map_or(Err(Error::Closed), Lease::store) {
            Ok(store) => start(store, call),
            Err(error) => call.refuse(error),
        }
    }

    fn note(&self, sequence: u64) {
        self.written.fetch_max(sequence, Ordering::Relaxed);
    }

    fn limit(&self) -> Option<Duration> {
        (self.config.query_timeout_ms > 0).then(|| Duration::from_millis(self.config.query_timeout_ms))
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.config.busy_timeout_ms())
    }

    fn figures(&self) -> StoreFigures {
        let lease = self.lock();
        match lease.as_ref().and_then(|lease| lease.store().ok()) {
            Some(store) => store.figures(),
            None => open::figures_while_closed(&self.config),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Lease<Telemetry>>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Client {
    /// A client that nobody holds any more lets go of the file, without making the thread that dropped it wait.
    fn drop(&mut self) {
        if let Some(lease) = self.lock().take() {
            // Where no thread can be started the closure, and with it the lease, is dropped here and now.
            let _ = std::thread::Builder::new().name("runledger-close".into()).spawn(move || drop(lease));
        }
    }
}

/// Start something on the store and wait for its end.
fn wait(start: impl FnOnce(Box<dyn FnOnce(Result<()>, Duration) + Send>) -> u64) {
    let (done, ended) = mpsc::channel();
    start(Box::new(move |_, _| {
        let _ = done.send(());
    }));
    // The sender is dropped unused where the store was closed meanwhile: nothing is left to wait for then.
    let _ = ended.recv();
}
