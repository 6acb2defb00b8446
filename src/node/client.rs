//! `NativeClient`: one client of one database file, of whatever module.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use napi::{
    Env, Result,
    bindgen_prelude::{Array, ClassInstance, Object, Unknown},
};
use napi_derive::napi;

use super::{
    channel::NativeChannel,
    input,
    mailbox::{CallReply, ClientListener, Credits, Mailbox},
    modules::{self, NewClient},
    output,
};
use crate::{
    client::{Connected, Reply, Value},
    error::Error,
    store::{Cancel, Listener, Settings},
    telemetry,
};

/// The calls that can be cancelled, by number.
type InFlight = Arc<Mutex<HashMap<u32, (Cancel, Arc<Credits>)>>>;

/// One client of one database file. No method throws or blocks; answers come through the channel.
#[napi]
pub struct NativeClient {
    client: Arc<dyn Connected>,
    /// The same client, if it is one of telemetry.
    pub(super) telemetry: Option<Arc<telemetry::Client>>,
    mailbox: Arc<Mailbox>,
    in_flight: InFlight,
    /// Holds one group of texts on its way in.
    pub(super) scratch: Mutex<Vec<u16>>,
}

#[napi]
impl NativeClient {
    /// A client of `module` for the file at `path`, with a configuration that `resolveConfig` has checked.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        channel: ClassInstance<'_, NativeChannel>,
        module: String,
        config: Unknown<'_>,
        path: String,
        client_id: u32,
    ) -> Result<Self> {
        let mailbox = Arc::clone(&channel.mailbox);
        let listener: Arc<dyn Listener> = Arc::new(ClientListener { mailbox: Arc::clone(&mailbox), client: client_id });
        let NewClient { client, telemetry } = modules::client(&module, input::input(&config)?, path, listener)?;
        channel.clients.enrol(&client);
        Ok(Self { client, telemetry, mailbox, in_flight: InFlight::default(), scratch: Mutex::default() })
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

    /// Start a call of a method by its name.
    #[napi(catch_unwind)]
    pub fn call(&self, call: u32, method: String, args: Array<'_>) -> Result<()> {
        let reply = self.reply(call);
        let started = match self.client.record_argument(&method) {
            Ok(record) => {
                let args = input::args(record, &args)?;
                self.client.call(&method, &args, reply.cancel.clone(), Arc::clone(&reply) as Arc<dyn Reply>)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = started {
            reply.done("call", Err(error));
        }
        Ok(())
    }

    /// How a call of `method` fails while the file is closed.
    #[napi(catch_unwind)]
    pub fn closed<'env>(&self, env: &'env Env, method: String) -> Result<Object<'env>> {
        output::failure(env, &self.client.reporter()(&Error::Closed, &method))
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
        work: impl FnOnce(&dyn Connected) -> crate::error::Result<Value> + Send + 'static,
    ) {
        let reply = self.reply(call);
        let answer = Arc::clone(&reply);
        let client = Arc::clone(&self.client);
        let started = std::thread::Builder::new().name("runledger-open".into()).spawn(move || {
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(client.as_ref())))
                .unwrap_or_else(|_| Err(Error::Internal("panic in native code".into())));
            answer.done(operation, result);
        });
        if let Err(error) = started {
            reply.done(operation, Err(Error::Internal(format!("cannot start a thread: {error}"))));
        }
    }

    pub(super) fn reply(&self, call: u32) -> Arc<CallReply> {
        let (cancel, credits) = (Cancel::default(), Arc::<Credits>::default());
        lock(&self.in_flight).insert(call, (cancel.clone(), Arc::clone(&credits)));
        let in_flight = Arc::clone(&self.in_flight);
        Arc::new(CallReply {
            mailbox: Arc::clone(&self.mailbox),
            number: call,
            cancel,
            credits,
            tail: Mutex::default(),
            report: self.client.reporter(),
            ended: Box::new(move |call| drop(lock(&in_flight).remove(&call))),
        })
    }
}

fn lock(in_flight: &InFlight) -> MutexGuard<'_, HashMap<u32, (Cancel, Arc<Credits>)>> {
    in_flight.lock().unwrap_or_else(PoisonError::into_inner)
}
