#![forbid(unsafe_code)]
//! What the telemetry module keeps on the writer thread.

use std::{sync::Arc, time::Instant};

use serde_json::Map;

use super::{
    buffers::Mirror,
    config::{OnSizeLimit, TelemetryConfig},
    maintenance, retention,
    rules::RuleSet,
    schedule::Schedule,
    statistics::Counters,
};
use crate::{
    error::{Error, Result},
    store::{Conn, Level, Module, Notices, WriteSession},
};

/// The module's state on the writer thread.
pub struct Telemetry {
    pub(super) config: Arc<TelemetryConfig>,
    pub(super) notices: Arc<Notices>,
    pub(super) counters: Counters,
    pub(super) buffers: Mirror,
    pub(super) schedule: Schedule,
    /// The active rules; `None`: not read since they may have changed.
    rules: Option<Arc<RuleSet>>,
    /// Warnings of a transaction that is not committed yet.
    warnings: Vec<String>,
}

impl Telemetry {
    pub(super) fn new(config: Arc<TelemetryConfig>, notices: Arc<Notices>) -> Self {
        let schedule = Schedule::new(&config);
        Self {
            config,
            notices,
            counters: Counters::default(),
            buffers: Mirror::default(),
            schedule,
            rules: None,
            warnings: Vec::new(),
        }
    }

    /// The active validation rules.
    pub(super) fn rules(&mut self, conn: &Conn) -> Result<Arc<RuleSet>> {
        if let Some(rules) = &self.rules {
            return Ok(Arc::clone(rules));
        }
        let rules = Arc::new(super::rule_table::active(conn)?);
        self.rules = Some(Arc::clone(&rules));
        Ok(rules)
    }

    pub(super) fn forget_rules(&mut self) {
        self.rules = None;
    }

    /// Warn once the transaction is committed.
    pub(super) fn warn(&mut self, message: String) {
        self.warnings.push(message);
    }

    /// Run a write that makes the file grow by about `bytes`, within `maxSizeMB` if that is to be enforced.
    pub(super) fn growing<T>(
        &mut self,
        conn: &Conn,
        bytes: usize,
        work: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.schedule.grew(bytes);
        let Some(megabytes) = self.config.max_size_mb else { return work(self) };
        if self.config.on_size_limit != OnSizeLimit::Reject {
            return work(self);
        }
        let limit = retention::page_limit(conn, megabytes)?;
        retention::make_room(conn, self, limit, bytes)?;
        conn.limit_pages(limit)?;
        let result = work(self);
        conn.limit_pages(0)?;
        result.map_err(|error| match error.sqlite_code() {
            Some(rusqlite::ffi::SQLITE_FULL) => Error::SizeLimit { megabytes },
            _ => error,
        })
    }

    /// Run `work` in a savepoint of its own, so that its failure leaves no trace while the transaction goes on.
    pub(super) fn attempt<T>(&mut self, conn: &Conn, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        // What was counted before must not be undone with it.
        self.counters.flush(conn)?;
        conn.cached("SAVEPOINT attempt")?.execute([])?;
        match work(self) {
            Ok(value) => {
                conn.cached("RELEASE attempt")?.execute([])?;
                Ok(value)
            }
            Err(error) => {
                self.counters.forget();
                self.buffers.forget();
                if !conn.is_autocommit() {
                    conn.execute_batch("ROLLBACK TO attempt; RELEASE attempt")?;
                }
                Err(error)
            }
        }
    }
}

impl Module for Telemetry {
    fn begin(&mut self, conn: &Conn, foreign: bool) -> Result<()> {
        if foreign {
            self.counters.foreign_commit(conn)?;
            self.buffers.forget();
            self.rules = None;
        }
        Ok(())
    }

    fn flush(&mut self, conn: &Conn) -> Result<()> {
        self.counters.flush(conn)
    }

    fn mark(&mut self) {}

    fn undo(&mut self) {
        self.counters.forget();
        self.buffers.forget();
        self.rules = None;
    }

    fn ended(&mut self, committed: bool) {
        if !committed {
            self.undo();
            self.warnings.clear();
        }
        for warning in std::mem::take(&mut self.warnings) {
            self.notices.tell(Level::Warn, &warning, Map::new());
        }
    }

    fn due(&self) -> Option<Instant> {
        self.schedule.due(self.buffers.oldest())
    }

    fn tick(session: &mut WriteSession<Self>) {
        maintenance::tick(session);
    }

    fn close(session: &mut WriteSession<Self>) {
        super::buffers::flush_managed(session);
    }
}
