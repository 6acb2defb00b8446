//! `NativeClient`: one client of one database file.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use napi::{
    Env, JsValue, Result,
    bindgen_prelude::{Array, ClassInstance, Float64ArraySlice, Int32ArraySlice, Object, Uint8ArraySlice, Unknown},
};
use napi_derive::napi;

use super::{
    channel::NativeChannel,
    input,
    mailbox::{CallReply, ClientListener, Credits, Mailbox},
    output,
};
use crate::{
    error::Error,
    packed::{Input, Parcel, TextGroup},
    store::{Cancel, Listener, Settings},
    telemetry::{
        Args, Client, InsertMode, Method, Reply, Value,
        config::{Environment, TelemetryConfig},
        kinds::OnError,
        shape,
    },
};

/// The calls that can be cancelled, by number.
type InFlight = Arc<Mutex<HashMap<u32, (Cancel, Arc<Credits>)>>>;

/// One client of one database file. No method throws or blocks; answers come through the channel.
#[napi]
pub struct NativeClient {
    client: Arc<Client>,
    mailbox: Arc<Mailbox>,
    in_flight: InFlight,
    /// Holds one group of texts on its way in.
    scratch: Mutex<Vec<u16>>,
}

#[napi]
impl NativeClient {
    /// A client of the file at `path` with a configuration that `resolveConfig` has checked.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        channel: ClassInstance<'_, NativeChannel>,
        config: Unknown<'_>,
        path: String,
        client_id: u32,
    ) -> Result<Self> {
        let config = resolved(input::input(&config)?, path)?;
        let mailbox = Arc::clone(&channel.mailbox);
        let listener: Arc<dyn Listener> = Arc::new(ClientListener { mailbox: Arc::clone(&mailbox), client: client_id });
        let client = Arc::new(Client::new(config, listener));
        // A thread that ends without close() lets go of the file. It does not wait for longer than a moment: what is
        // acknowledged is committed, and what is not may be lost.
        let leaving = Arc::downgrade(&client);
        env.add_env_cleanup_hook(leaving, |client| {
            if let Some(client) = client.upgrade() {
                let (done, ended) = std::sync::mpsc::channel::<()>();
                let closing = std::thread::Builder::new().spawn(move || {
                    client.close();
                    drop(done);
                });
                if closing.is_ok() {
                    let _ = ended.recv_timeout(LEAVE_WITHIN);
                }
            }
        })?;
        Ok(Self { client, mailbox, in_flight: InFlight::default(), scratch: Mutex::default() })
    }

    /// Open the file.
    #[napi(catch_unwind)]
    pub fn open(&self, call: u32) {
        self.blocking(call, "initialize", |client| client.open().map(|()| Value::Nothing));
    }

    /// Close it.
    #[napi(catch_unwind)]
    pub fn close(&self, call: u32) {
        self.blocking(call, "close", |client| {
            client.close();
            Ok(Value::Nothing)
        });
    }

    /// Insert packed events. `mode`: 0 each alone, 1 all or none, 2 leave bad ones out, 3 into stream buffers. With `atOnce` a
    /// lone event is inserted on this thread if that needs no waiting; the answer is then returned, and else null: there is
    /// no answer to come, and the event has not been inserted.
    #[napi(catch_unwind)]
    #[allow(clippy::too_many_arguments, reason = "the packed form is flat on purpose")]
    pub fn insert_events<'env>(
        &self,
        env: &'env Env,
        call: u32,
        mode: u32,
        count: u32,
        tags: Uint8ArraySlice<'_>,
        lengths: Int32ArraySlice<'_>,
        numbers: Float64ArraySlice<'_>,
        texts: Array<'_>,
        at_once: bool,
    ) -> Result<Option<Object<'env>>> {
        let mut groups = Vec::with_capacity(texts.len() as usize);
        let mut units = self.scratch.lock().unwrap_or_else(PoisonError::into_inner);
        for position in 0..texts.len() {
            if let Some(text) = texts.get::<Unknown<'_>>(position)? {
                input::read_utf16(text.value().env, text.raw(), &mut units)?;
                groups.push(TextGroup::new(&units));
            }
        }
        let cells = count as usize * shape::EVENT.width();
        let tags = tags.get(..cells).unwrap_or(&tags);
        let mode = match mode {
            0 => InsertMode::Each,
            1 => InsertMode::Batch(OnError::Rollback),
            2 => InsertMode::Batch(OnError::Skip),
            _ => InsertMode::Buffer,
        };
        let parcel = Parcel::new(&shape::EVENT, tags.to_vec(), lengths.to_vec(), numbers.to_vec(), groups);
        if at_once {
            return self.client.insert_now(parcel).map(|inserted| output::insert_reply(env, &inserted)).transpose();
        }
        self.client.insert_events(parcel, mode, self.reply(call));
        Ok(None)
    }

    /// Start any other call.
    #[napi(catch_unwind)]
    pub fn call(&self, call: u32, method: String, args: Array<'_>) -> Result<()> {
        let reply = self.reply(call);
        match method.as_str() {
            "optimize" => self.client.optimize(reply),
            "healthCheck" | "getHealthStatus" => self.client.health_check(reply),
            name => match Method::named(name) {
                Err(error) => reply.done("call", Err(error)),
                Ok(method) => {
                    let args: Args = input::args(method, &args)?;
                    let cancel = reply.cancel.clone();
                    self.client.call(method, &args, cancel, reply);
                }
            },
        }
        Ok(())
    }

    /// Stop a call: its SQL is interrupted.
    #[napi(catch_unwind)]
    pub fn cancel(&self, call: u32) {
        if let Some((cancel, credits)) = lock(&self.in_flight).get(&call) {
            cancel.cancel();
            credits.close();
        }
    }

    /// Counters and latencies.
    #[napi(catch_unwind)]
    pub fn metrics<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        output::json(env, &self.client.metrics())
    }

    /// The last calls, oldest first.
    #[napi(catch_unwind)]
    pub fn history<'env>(&self, env: &'env Env) -> Result<Unknown<'env>> {
        output::json(env, &serde_json::to_value(self.client.history()).unwrap_or_default())
    }

    /// Start the counters anew.
    #[napi(catch_unwind)]
    pub fn reset_metrics(&self) {
        self.client.reset_metrics();
    }

    /// Count work of the caller's own.
    #[napi(catch_unwind)]
    pub fn record_query(&self, query_type: String, duration_ms: f64, error: Option<String>) {
        let took = Duration::try_from_secs_f64(duration_ms / 1000.0).unwrap_or_default();
        self.client.record(&query_type, took, error);
    }

    /// The settings of the open database, for a connection beside it.
    pub(super) fn settings(&self) -> crate::error::Result<Settings> {
        self.client.settings()
    }

    /// Run what blocks on a thread of its own.
    fn blocking(
        &self,
        call: u32,
        operation: &'static str,
        work: impl FnOnce(&Client) -> crate::error::Result<Value> + Send + 'static,
    ) {
        let reply = self.reply(call);
        let answer = Arc::clone(&reply);
        let client = Arc::clone(&self.client);
        let started = std::thread::Builder::new().name("runledger-open".into()).spawn(move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&client)))
                .unwrap_or_else(|_| Err(Error::Internal("panic in native code".into())));
            answer.done(operation, result);
        });
        if let Err(error) = started {
            reply.done(operation, Err(Error::Internal(format!("cannot start a thread: {error}"))));
        }
    }

    fn reply(&self, call: u32) -> Arc<CallReply> {
        let (cancel, credits) = (Cancel::default(), Arc::<Credits>::default());
        lock(&self.in_flight).insert(call, (cancel.clone(), Arc::clone(&credits)));
        let in_flight = Arc::clone(&self.in_flight);
        Arc::new(CallReply {
            mailbox: Arc::clone(&self.mailbox),
            number: call,
            cancel,
            credits,
            tail: Mutex::default(),
            ended: Box::new(move |call| drop(lock(&in_flight).remove(&call))),
        })
    }
}

/// How long a thread that ends without close() waits for its last commit and checkpoint.
const LEAVE_WITHIN: Duration = Duration::from_millis(500);

/// A configuration that has been checked before, for the file at `path`.
fn resolved(config: Input, path: String) -> Result<TelemetryConfig> {
    let entries = match config {
        Input::Map(entries) => entries,
        _ => Vec::new(),
    };
    let entries = entries
        .into_iter()
        .map(|(key, value)| if key == "dbPath" { (key, Input::Text(path.clone())) } else { (key, value) })
        .collect();
    let environment = Environment {
        cwd: std::env::current_dir().unwrap_or_default().to_string_lossy().into_owned(),
        debug: std::env::var("DEBUG").ok(),
        ..Environment::default()
    };
    TelemetryConfig::parse(&Input::Map(entries), &environment)
        .map_err(|error| napi::Error::from_reason(error.to_string()))
}

fn lock(in_flight: &InFlight) -> MutexGuard<'_, HashMap<u32, (Cancel, Arc<Credits>)>> {
    in_flight.lock().unwrap_or_else(PoisonError::into_inner)
}
