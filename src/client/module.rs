#![forbid(unsafe_code)]
//! What a module says of itself to be used through a client.

use std::{sync::Arc, time::Duration};

use super::Method;
use crate::{
    error::{Error, Report, Result},
    store::{Listener, Location, Module, Registry, Store, WriteSession},
};

/// The words in which a module tells the caller of a method what went wrong.
pub type Reporter = fn(&Error, operation: &str) -> Report;

/// A module that is used through a [`super::Client`].
pub trait ClientModule: Module {
    /// The checked configuration of a client.
    type Config: Send + Sync + 'static;

    /// The open stores of this process.
    fn stores() -> &'static Registry<Self>;

    /// The public methods.
    fn methods() -> &'static [Method<Self>];

    /// How `error` reads to the caller of `operation`: class, code, message, details.
    fn report(error: &Error, operation: &str) -> Report;

    /// What a client does the same way in every module, and this configuration decides.
    fn options(config: &Self::Config) -> Options;

    /// Where the database is.
    fn location(config: &Self::Config) -> Location;

    /// Clients with the same key share a store; see [`key_of`].
    fn store_key(config: &Self::Config) -> String;

    /// Open the database, with its schema. Blocks.
    ///
    /// # Errors
    /// The reason; nothing stays open then.
    fn open(config: Arc<Self::Config>, listener: &Arc<dyn Listener>) -> Result<Store<Self>>;

    /// A client has joined a store that was open already.
    fn joined(store: &Store<Self>, listener: &dyn Listener) {
        let _ = (store, listener);
    }

    /// A client is closing: write what it has left in the state. The last client of a store closes that afterwards.
    fn leave(session: &mut WriteSession<Self>) {
        let _ = session;
    }
}

/// What a client does the same way in every module.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long the SQL of a call may run; `None`: as long as it takes.
    pub deadline: Option<Duration>,
    /// How long a sign of life is awaited.
    pub patience: Duration,
    /// Whether metrics keep history and percentiles.
    pub metrics: bool,
    /// A query above this is slow, ms.
    pub slow_above: f64,
    /// Whether queries go to the query log.
    pub log_queries: bool,
}

/// The key of a store: the same file under the same `options`. Two spellings of one directory, a link for instance, are one
/// file; a private in-memory database is nobody else's.
pub fn key_of(location: &Location, options: &str) -> String {
    match location {
        Location::Memory(uri) => uri.clone(),
        Location::File(path) => {
            let directory = path.parent().and_then(|directory| directory.canonicalize().ok());
            let path = match (directory, path.file_name()) {
                (Some(directory), Some(name)) => directory.join(name),
                _ => path.clone(),
            };
            format!("{}\n{options}", path.display())
        }
    }
}
