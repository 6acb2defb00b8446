#![forbid(unsafe_code)]
//! One client of one database file.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use serde_json::Value as Json;

use super::{
    Action, Args, ClientModule, Method, Options, Outcome, Reply, Value, action::Work, call::Call, recorder::Recorder,
};
use crate::{
    error::{Error, Result},
    store::{Cancel, Control, Isolation, Lease, Listener, Metrics, Query, Settings, Store, StoreFigures, WriteSession},
};

/// One client of a database of the module `M`. Closed until [`Client::open`].
pub struct Client<M: ClientModule> {
    config: Arc<M::Config>,
    options: Options,
    recorder: Arc<Recorder>,
    lease: Mutex<Option<Lease<M>>>,
    /// Sequence number of the last write; reads wait for it.
    written: AtomicU64,
}

impl<M: ClientModule> Client<M> {
    /// A client that touches no file yet. `listener` hears its notices and its query log.
    pub fn new(config: M::Config, listener: Arc<dyn Listener>) -> Self {
        let options = M::options(&config);
        let recorder = Recorder {
            metrics: Metrics::new(options.metrics, options.slow_above),
            log_queries: options.log_queries,
            listener,
            report: M::report,
        };
        Self {
            config: Arc::new(config),
            options,
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
        let mut joined = true;
        let open = || {
            joined = false;
            M::open(Arc::clone(&self.config), &listener)
        };
        let lease = M::stores().acquire(&M::store_key(&self.config), open).map_err(Error::while_opening)?;
        let store = lease.store()?;
        store.notices().subscribe(&listener);
        if joined {
            M::joined(store, listener.as_ref());
        }
        *self.lock() = Some(lease);
        self.written.store(0, Ordering::Relaxed);
        self.recorder.metrics.opened();
        Ok(())
    }

    /// Write what is left ([`ClientModule::leave`]) and let go of the database; the last client of a store closes it. Blocks.
    /// May be called again.
    pub fn close(&self) {
        let Some(lease) = self.lock().take() else { return };
        if let Ok(store) = lease.store() {
            let leave = |session: &mut WriteSession<M>| {
                M::leave(session);
                Ok(())
            };
            wait(|done| store.alone(leave, done));
        }
    }

    /// Start a call. The answer goes to `reply`.
    pub fn call(&self, method: &'static Method<M>, args: &Args, cancel: Cancel, reply: Arc<dyn Reply>) {
        let call = Call::new(method.name, cancel, Arc::clone(&self.recorder), reply);
        self.start(method.plan(args, &self.config), call);
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

    /// What it was made with.
    pub(crate) fn config(&self) -> &M::Config {
        &self.config
    }

    /// What it counts with.
    pub(crate) fn recorder(&self) -> &Arc<Recorder> {
        &self.recorder
    }

    /// The deadline of a call that nobody can cancel.
    pub(crate) fn control(&self) -> Control {
        Control { limit: self.options.deadline, cancel: Cancel::default() }
    }

    /// Carry out what was planned.
    pub(crate) fn start(&self, action: Result<Action<M>>, call: Call) {
        let Action { sql, query_type, work } = match action {
            Err(error) => return call.refuse(error),
            Ok(Action { work: Work::Nothing(value), .. }) => return call.answer(value),
            Ok(Action { work: Work::SignOfLife, sql, .. }) => return self.check_health(sql.into_owned(), call),
            Ok(action) => action,
        };
        self.with_store(call, |store, call| {
            let reply = call.outlet();
            let limited = Control { limit: self.options.deadline, cancel: call.cancel() };
            if let Work::Steps(run) = work {
                let recorder = Arc::clone(&self.recorder);
                self.note(store.alone(
                    move |session| run(session, reply.as_ref(), &recorder),
                    move |result, _| match result {
                        Ok(value) => call.answer(value),
                        Err(error) => call.refuse(error),
                    },
                ));
                return;
            }
            if let Work::Each { isolation, load, run } = work {
                let done = move |result, took| match result {
                    Ok(inserted) => call.finish_each(inserted, &sql, took),
                    Err(error) => call.fail_each(load.0, &error, &sql, took),
                };
                self.note(store.write(Control::default(), isolation, load, run, done));
                return;
            }
            let done = move |result: Result<Outcome>, took| call.finish(query_type, &sql, took, result);
            match work {
                Work::Write { bytes, run } => {
                    self.note(store.write(limited, Isolation::Savepoint, (1, bytes), run, done));
                }
                Work::Read(run) => {
                    let after = self.written.load(Ordering::Relaxed);
                    store.read(limited, after, move |conn| run(conn, reply.as_ref()), done);
                }
                Work::Alone(run) => {
                    self.note(store.alone(move |session| run(session, reply.as_ref()), done));
                }
                Work::Kept(run) => store.kept(limited, run, done),
                Work::Beside(run) => {
                    self.note(store.beside(move |conn| run(conn, reply.as_ref()), done));
                }
                Work::Steps(_) | Work::Each { .. } | Work::SignOfLife | Work::Nothing(_) => {}
            }
        });
    }

    /// Whether a reader and the writer answer within the client's patience; no while closed.
    fn check_health(&self, sql: String, call: Call) {
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
        let control = Control { limit: Some(self.options.patience), ..Control::default() };
        let question = sql.clone();
        store.read(
            control,
            0,
            move |conn| Ok(conn.query_row(&question, [], |_| Ok(()))?),
            move |result, _| {
                let _ = answers.send(result.is_ok());
            },
        );
        let give_up = Instant::now() + self.options.patience;
        let waiting = std::thread::Builder::new().name("runledger-health".into()).spawn(move || {
            let began = Instant::now();
            let answer = || inbox.recv_timeout(give_up.saturating_duration_since(Instant::now())).unwrap_or(false);
            let healthy = answer() && answer();
            call.finish(None, &sql, began.elapsed(), Ok((Value::Boolean(healthy), None)));
        });
        // Without a thread the call is dropped, and answers for itself.
        drop(waiting);
    }

    /// Start something on the store, if it is open.
    pub(crate) fn with_store(&self, call: Call, start: impl FnOnce(&Store<M>, Call)) {
        let lease = self.lock();
        match lease.as_ref().map_or(Err(Error::Closed), Lease::store) {
            Ok(store) => start(store, call),
            Err(error) => call.refuse(error),
        }
    }

    /// A write of this client has the number `sequence`: reads wait for it.
    pub(crate) fn note(&self, sequence: u64) {
        self.written.fetch_max(sequence, Ordering::Relaxed);
    }

    fn figures(&self) -> StoreFigures {
        let lease = self.lock();
        match lease.as_ref().and_then(|lease| lease.store().ok()) {
            Some(store) => store.figures(),
            None => StoreFigures::on_disk(&M::location(&self.config)),
        }
    }

    /// Its share of the store, while it is open.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Option<Lease<M>>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: ClientModule> Drop for Client<M> {
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
