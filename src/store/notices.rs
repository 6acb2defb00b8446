#![forbid(unsafe_code)]
//! What a store has to say to the clients that use it.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Map, Value};

/// Severity of a notice; the method of the caller's logger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// `logger.debug`
    Debug,
    /// `logger.info`
    Info,
    /// `logger.warn`
    Warn,
    /// `logger.error`
    Error,
}

impl Level {
    /// The method's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Somebody who wants to hear notices.
pub trait Listener: Send + Sync {
    /// Take a notice. Must not block.
    fn notice(&self, level: Level, message: &str, fields: Map<String, Value>);
}

/// The listeners of a store.
#[derive(Default)]
pub struct Notices(Mutex<Vec<Weak<dyn Listener>>>);

impl Notices {
    /// Notices for one listener.
    pub fn to(listener: &Arc<dyn Listener>) -> Self {
        Self(Mutex::new(vec![Arc::downgrade(listener)]))
    }

    /// Let another listener hear what comes from now on; one that is known stays so.
    pub fn subscribe(&self, listener: &Arc<dyn Listener>) {
        let mut listeners = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|known| known.strong_count() > 0);
        let listener = Arc::downgrade(listener);
        if !listeners.iter().any(|known| known.ptr_eq(&listener)) {
            listeners.push(listener);
        }
    }

    /// Tell all listeners.
    pub fn tell(&self, level: Level, message: &str, fields: Map<String, Value>) {
        let listeners: Vec<_> =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect();
        for listener in listeners {
            listener.notice(level, message, fields.clone());
        }
    }

    /// Tell all listeners a warning without fields.
    pub fn warn(&self, message: &str) {
        self.tell(Level::Warn, message, Map::new());
    }
}
