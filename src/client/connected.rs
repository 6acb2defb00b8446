#![forbid(unsafe_code)]
//! A client of whatever module, as the binding holds it.

use std::{sync::Arc, time::Duration};

use serde_json::Value as Json;

use super::{Args, Client, ClientModule, Method, RecordArgument, Reply, module::Reporter};
use crate::{
    error::Result,
    store::{Cancel, Query, Settings},
};

/// A [`Client`] without its module's type.
pub trait Connected: Send + Sync {
    /// As [`Client::open`].
    ///
    /// # Errors
    /// As [`Client::open`].
    fn open(&self) -> Result<()>;

    /// As [`Client::close`].
    fn close(&self);

    /// Which argument of the method called `name` is a record.
    ///
    /// # Errors
    /// As [`Method::named`].
    fn record_argument(&self, name: &str) -> Result<Option<RecordArgument>>;

    /// Start a call of the method called `name`. The answer goes to `reply`.
    ///
    /// # Errors
    /// As [`Method::named`]: no answer comes then.
    fn call(&self, name: &str, args: &Args, cancel: Cancel, reply: Arc<dyn Reply>) -> Result<()>;

    /// How the module words its errors.
    fn reporter(&self) -> Reporter;

    /// As [`Client::settings`].
    ///
    /// # Errors
    /// As [`Client::settings`].
    fn settings(&self) -> Result<Settings>;

    /// As [`Client::metrics`].
    fn metrics(&self) -> Json;

    /// As [`Client::history`].
    fn history(&self) -> Vec<Query>;

    /// As [`Client::reset_metrics`].
    fn reset_metrics(&self);

    /// As [`Client::record`].
    fn record(&self, query_type: &str, took: Duration, error: Option<String>);
}

impl<M: ClientModule> Connected for Client<M> {
    fn open(&self) -> Result<()> {
        Self::open(self)
    }

    fn close(&self) {
        Self::close(self);
    }

    fn record_argument(&self, name: &str) -> Result<Option<RecordArgument>> {
        Ok(Method::<M>::named(name)?.record)
    }

    fn call(&self, name: &str, args: &Args, cancel: Cancel, reply: Arc<dyn Reply>) -> Result<()> {
        Self::call(self, Method::named(name)?, args, cancel, reply);
        Ok(())
    }

    fn reporter(&self) -> Reporter {
        M::report
    }

    fn settings(&self) -> Result<Settings> {
        Self::settings(self)
    }

    fn metrics(&self) -> Json {
        Self::metrics(self)
    }

    fn history(&self) -> Vec<Query> {
        Self::history(self)
    }

    fn reset_metrics(&self) {
        Self::reset_metrics(self);
    }

    fn record(&self, query_type: &str, took: Duration, error: Option<String>) {
        Self::record(self, query_type, took, error);
    }
}
