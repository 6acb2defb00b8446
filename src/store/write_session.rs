#![forbid(unsafe_code)]
//! The write connection of a store with its module's state, and how a transaction of it begins and ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::ffi;

use super::{
    CheckpointMode, Conn, Control, Location, Module, Notices, Settings, checkpoint,
    contain::contained,
    retry::is_locked,
    shared::Shared,
    turns::{NAP, Turns},
};
use crate::{
    clock,
    error::{Error, Result},
};

/// How long somebody else may need the WAL when it is to be cut.
const PATIENCE: Duration = Duration::from_millis(100);

/// The writer's connection and the module's state, as the writer thread sees them.
pub struct WriteSession<M: Module> {
    /// The write connection.
    pub conn: Conn,
    /// The module's state.
    pub module: M,
    pub(super) shared: Arc<Shared<M>>,
    /// [`WriteSession::version`] when the last transaction began.
    data_version: i64,
    turns: Turns,
}

impl<M: Module> WriteSession<M> {
    pub(super) fn new(conn: Conn, module: M, shared: Arc<Shared<M>>) -> Self {
        // −1 is no data version: the first transaction counts as behind a foreign commit.
        Self { conn, module, shared, data_version: -1, turns: Turns::new() }
    }

    /// Run `work` in a transaction of its own.
    ///
    /// # Errors
    /// Those of `work` and of SQLite; nothing is written then.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&Conn, &mut M) -> Result<T>) -> Result<T> {
        let patience = self.give_way();
        self.transact(patience, work)
    }

    /// Run `work` in a transaction of its own, if that can be done without waiting for anybody. `None`: it was not run,
    /// or has left no trace.
    pub(super) fn transaction_now<T>(
        &mut self,
        work: impl FnOnce(&Conn, &mut M) -> Result<T>,
    ) -> Option<(T, Duration)> {
        let due = self.module.due();
        if due.is_some_and(|due| due <= Instant::now()) {
            return None;
        }
        self.conn.busy_timeout(Duration::ZERO).ok()?;
        let began = Instant::now();
        let done = self.transact(Duration::ZERO, work);
        let took = began.elapsed();
        // Fails only for a connection that is closed.
        let _ = self.conn.busy_timeout(self.shared.settings.busy_timeout);
        if self.module.due() != due {
            self.shared.queue.poke();
        }
        let value = done.ok()?;
        self.shared.committed(1);
        Some((value, took))
    }

    /// Run `work` outside of a transaction under the deadline of a call.
    ///
    /// # Errors
    /// Those of `work`; a panic in it is [`Error::Internal`](crate::error::Error::Internal).
    pub fn controlled<T>(&mut self, control: &Control, work: impl FnOnce(&Conn) -> Result<T>) -> Result<T> {
        self.conn.controlled(control, || contained(|| work(&self.conn)))
    }

    /// Changes whenever another connection has committed or cut the log (sqlite.org/pragma.html#pragma_data_version); not by
    /// what the store writes and cuts itself.
    ///
    /// # Errors
    /// Those of SQLite.
    pub fn version(&self) -> Result<i64> {
        self.conn.pragma_integer("data_version")
    }

    /// What the store was opened with.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Who hears what the store has to say.
    pub fn notices(&self) -> &Notices {
        &self.shared.notices
    }

    /// Move what the WAL holds into the main file and cut it to nothing. `false`: somebody else needs it for longer than a
    /// moment; then the checkpointer does it, or the last one to go.
    pub fn cut_log(&self) -> bool {
        self.cut_log_within(PATIENCE)
    }

    /// Cut the log, if the checkpointer has copied it.
    pub(super) fn cut_copied_log(&self) {
        self.shared.cut_log(|patience| self.cut_log_within(patience));
    }

    fn cut_log_within(&self, patience: Duration) -> bool {
        let cut = self.conn.busy_timeout(patience).is_ok()
            && checkpoint(&self.conn, CheckpointMode::Truncate).is_ok_and(|done| !done.busy);
        // Fails only for a connection that is closed.
        let _ = self.conn.busy_timeout(self.shared.settings.busy_timeout);
        self.turns.released(Instant::now());
        cut
    }

    /// The last act of a store: the WAL disappears.
    pub(super) fn finish(self) {
        self.conn.flush_prepared_statement_cache();
        self.cut_log();
    }

    /// Before a transaction on the writer's thread, which may wait: keep the log short, and let others at the file. Answers how
    /// long it may wait for the lock.
    pub(super) fn give_way(&mut self) -> Duration {
        if matches!(self.settings().location, Location::File(_)) {
            let owed = self.turns.owed(Instant::now(), clock::now());
            if !owed.is_zero() {
                std::thread::sleep(owed);
            }
        }
        self.shared.hold_back();
        self.cut_copied_log();
        self.settings().busy_timeout
    }

    fn transact<T>(&mut self, patience: Duration, work: impl FnOnce(&Conn, &mut M) -> Result<T>) -> Result<T> {
        self.begin(patience)?;
        let result = contained(|| {
            let value = work(&self.conn, &mut self.module)?;
            self.commit()?;
            Ok(value)
        });
        self.end(result.is_ok());
        result
    }

    pub(super) fn begin(&mut self, patience: Duration) -> Result<()> {
        if self.shared.lost_file() {
            let message = "the file was deleted, moved or replaced while it was open".to_owned();
            return Err(Error::Sqlite { extended: ffi::SQLITE_READONLY_DBMOVED, message });
        }
        self.lock(patience)?;
        let began = contained(|| {
            let version = self.version()?;
            let foreign = std::mem::replace(&mut self.data_version, version) != version;
            self.module.begin(&self.conn, foreign)
        });
        if began.is_err() {
            self.end(false);
        }
        began
    }

    /// Begin a transaction when the write lock is free. SQLite's own busy handler looks ever more rarely, and would miss the
    /// short pauses of other writers.
    fn lock(&self, patience: Duration) -> Result<()> {
        self.settings().retry.run(|| {
            let deadline = Instant::now() + patience;
            self.conn.busy_timeout(Duration::ZERO)?;
            let locked = loop {
                match self.run("BEGIN IMMEDIATE") {
                    Err(error) if is_locked(&error) && Instant::now() < deadline => std::thread::sleep(NAP),
                    result => break result,
                }
            };
            self.conn.busy_timeout(patience)?;
            locked
        })
    }

    /// Write what the module has only in memory, and COMMIT. [`WriteSession::end`] follows, whatever comes of it.
    pub(super) fn commit(&mut self) -> Result<()> {
        self.module.flush(&self.conn)?;
        self.settings().retry.run(|| self.run("COMMIT"))
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.conn.cached(sql)?.execute([])?;
        Ok(())
    }

    pub(super) fn end(&mut self, committed: bool) {
        if !self.conn.is_autocommit() {
            // Fails only if SQLite has rolled back by itself in the meantime.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        self.module.ended(committed);
        self.turns.released(Instant::now());
        if committed {
            self.shared.wrote();
        }
    }

    /// Leave no transaction behind, whatever happened.
    pub(super) fn recover(&mut self) {
        if !self.conn.is_autocommit() {
            self.end(false);
        }
    }
}
