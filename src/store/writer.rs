#![forbid(unsafe_code)]
//! The writer thread: the owner of the write connection of a store. Between its jobs a lone write may borrow it
//! ([`WriteSession::transaction_now`]).
//!
//! It takes everything that is queued, opens one `BEGIN IMMEDIATE`, runs the writes one after another, commits once,
//! and only then settles them. A write that fails is undone alone.

use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    CheckpointMode, Conn, Control, Isolation, Notices, Settings, checkpoint,
    engine::Shared,
    job::{Job, WriteJob},
    queue::Next,
};
use crate::error::{Error, Result};

/// Most bytes of input in one transaction: a flood is cut into commits that readers and other processes get between.
const GROUP_BYTES: usize = 4 << 20;

/// How long somebody else may need the WAL when it is to be cut.
const PATIENCE: Duration = Duration::from_millis(100);

/// How often a write may be run again because its transaction was lost before it counts as failed. A micro-batch may
/// lose it once for each of its records.
const MOST_RUNS: usize = 1_000;

/// What a module keeps on the writer thread, next to the connection.
///
/// The state may hold changes that are not in the file yet (counters): [`Module::flush`] writes them. It must be able
/// to forget what was done since [`Module::mark`] or since [`Module::begin`].
pub trait Module: Send + Sized + 'static {
    /// A transaction has begun. `foreign`: another connection has committed since the last one.
    ///
    /// # Errors
    /// The transaction does not take place.
    fn begin(&mut self, conn: &Conn, foreign: bool) -> Result<()>;

    /// Write what is only in memory. Called before each write in a savepoint and before COMMIT.
    ///
    /// # Errors
    /// The transaction does not take place.
    fn flush(&mut self, conn: &Conn) -> Result<()>;

    /// A write begins.
    fn mark(&mut self);

    /// The write since [`Module::mark`] has been undone.
    fn undo(&mut self);

    /// The transaction is committed (`true`) or undone (`false`).
    fn ended(&mut self, committed: bool);

    /// When [`Module::tick`] has something to do.
    fn due(&self) -> Option<Instant>;

    /// Do the timed work that is due: a short piece, writes are waiting.
    fn tick(session: &mut WriteSession<Self>);

    /// The store is closing; every write has been settled.
    fn close(session: &mut WriteSession<Self>);
}

/// The writer's connection and the module's state, as the writer thread sees them.
pub struct WriteSession<M: Module> {
    /// The write connection.
    pub conn: Conn,
    /// The module's state.
    pub module: M,
    pub(super) data_version: i64,
    pub(super) shared: Arc<Shared<M>>,
}

impl<M: Module> WriteSession<M> {
    /// Run `work` in a transaction of its own.
    ///
    /// # Errors
    /// Those of `work` and of SQLite; nothing is written then.
    pub fn transaction<T>(&mut self, work: impl FnOnce(&Conn, &mut M) -> Result<T>) -> Result<T> {
        self.mind_the_log();
        self.transact(work)
    }

    fn transact<T>(&mut self, work: impl FnOnce(&Conn, &mut M) -> Result<T>) -> Result<T> {
        self.begin()?;
        let result = contained(|| {
            let value = work(&self.conn, &mut self.module)?;
            self.module.flush(&self.conn)?;
            self.commit_now()?;
            Ok(value)
        });
        self.end(result.is_ok());
        result
    }

    /// Run `work` outside of a transaction under the deadline of a call.
    ///
    /// # Errors
    /// Those of `work`; a panic in it is [`Error::Internal`].
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
        let done = self.transact(work);
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

    fn run_jobs_and_ticks(&mut self, jobs: VecDeque<Job<M>>) {
        self.run_jobs(jobs);
        if self.module.due().is_some_and(|due| due <= Instant::now()) {
            let _ = contained(|| {
                M::tick(self);
                Ok(())
            });
            self.recover();
        }
        self.shared.cut_log(|patience| self.cut_log_within(patience));
    }

    fn close(&mut self) {
        let _ = contained(|| {
            M::close(self);
            Ok(())
        });
        self.recover();
    }

    /// Move what the WAL holds into the main file and cut it to nothing. `false`: somebody else needs it for longer than a
    /// moment; then the checkpointer does it, or the last one to go.
    pub fn cut_log(&self) -> bool {
        self.cut_log_within(PATIENCE)
    }

    fn cut_log_within(&self, patience: Duration) -> bool {
        let cut = self.conn.busy_timeout(patience).is_ok()
            && checkpoint(&self.conn, CheckpointMode::Truncate).is_ok_and(|done| !done.busy);
        // Fails only for a connection that is closed.
        let _ = self.conn.busy_timeout(self.shared.settings.busy_timeout);
        cut
    }

    /// The last act of a store: the WAL disappears.
    pub(super) fn finish(self) {
        self.conn.flush_prepared_statement_cache();
        self.cut_log();
    }

    fn run_jobs(&mut self, jobs: VecDeque<Job<M>>) {
        let mut group = Vec::new();
        let mut bytes = 0;
        for job in jobs {
            match job {
                Job::Write(write) => {
                    bytes += write.bytes;
                    group.push(write);
                    if bytes >= GROUP_BYTES {
                        self.run_group(std::mem::take(&mut group));
                        bytes = 0;
                    }
                }
                Job::Alone(work) => {
                    self.run_group(std::mem::take(&mut group));
                    bytes = 0;
                    // The work replies by itself, whatever happens in it.
                    let _ = contained(|| {
                        work(self);
                        Ok(())
                    });
                    self.recover();
                    self.shared.settled(1);
                }
            }
        }
        self.run_group(group);
    }

    fn run_group(&mut self, mut group: Vec<WriteJob<M>>) {
        if group.is_empty() {
            return;
        }
        if let Err(error) = contained(|| self.commit(&mut group)) {
            // SQLite may have rolled back by itself: the module has to hear of it all the same.
            self.end(false);
            for write in &mut group {
                write.failure.get_or_insert_with(|| error.clone());
            }
        }
        self.shared.settled(group.len() as u64);
        for write in group {
            let WriteJob { work, failure, .. } = write;
            let _ = contained(|| {
                work.settle(failure);
                Ok(())
            });
        }
    }

    /// Run every write that has not failed yet in one transaction; again without those that took it down.
    fn commit(&mut self, group: &mut [WriteJob<M>]) -> Result<()> {
        loop {
            let standing = group.iter().filter(|write| write.failure.is_none()).count();
            if standing == 0 {
                return Ok(());
            }
            self.mind_the_log();
            self.begin()?;
            let whole = group.iter_mut().filter(|write| write.failure.is_none()).all(|write| {
                match self.run_write(write, standing == 1) {
                    Ok(()) => true,
                    Err(Lost(stands)) => stands,
                }
            });
            if !whole {
                self.end(false);
                continue;
            }
            self.module.flush(&self.conn)?;
            self.commit_now()?;
            self.shared.committed(group.iter().map(|write| write.calls).sum());
            self.end(true);
            return Ok(());
        }
    }

    /// Run one write. `Err(Lost(false))`: the transaction is gone and has to be run again without it.
    fn run_write(&mut self, write: &mut WriteJob<M>, alone: bool) -> Result<(), Lost> {
        let savepoint = write.isolation == Isolation::Savepoint && !alone;
        let ran = (|| {
            if write.isolation == Isolation::Savepoint {
                self.module.flush(&self.conn)?;
            }
            if savepoint {
                self.conn.cached("SAVEPOINT job")?.execute([])?;
            }
            Ok(())
        })();
        self.module.mark();
        let WriteJob { work, control, runs, .. } = write;
        *runs += 1;
        let ran =
            ran.and_then(|()| self.conn.controlled(control, || contained(|| work.run(&self.conn, &mut self.module))));
        let error = match ran {
            // The write has dealt with an error that cost the transaction, and wants to be run again.
            Ok(()) if self.conn.is_autocommit() && *runs < MOST_RUNS => return Err(Lost(false)),
            Ok(()) if self.conn.is_autocommit() => Error::Internal("the transaction was lost again and again".into()),
            Ok(()) if !savepoint => return Ok(()),
            Ok(()) => match self.conn.execute_batch("RELEASE job") {
                Ok(()) => return Ok(()),
                Err(error) => error.into(),
            },
            Err(error) => error,
        };
        write.failure = Some(error);
        self.module.undo();
        let undone =
            savepoint && !self.conn.is_autocommit() && self.conn.execute_batch("ROLLBACK TO job; RELEASE job").is_ok();
        Err(Lost(undone))
    }

    /// Before a transaction on the writer's thread, which may wait: keep the log short.
    fn mind_the_log(&self) {
        self.shared.hold_back();
        self.shared.cut_log(|patience| self.cut_log_within(patience));
    }

    fn begin(&mut self) -> Result<()> {
        self.retrying("BEGIN IMMEDIATE")?;
        let began = contained(|| {
            let version = self.conn.pragma_integer("data_version")?;
            let foreign = std::mem::replace(&mut self.data_version, version) != version;
            self.module.begin(&self.conn, foreign)
        });
        if began.is_err() {
            self.end(false);
        }
        began
    }

    fn commit_now(&self) -> Result<()> {
        self.retrying("COMMIT")
    }

    /// Run a statement that may have to wait for a lock.
    fn retrying(&self, sql: &str) -> Result<()> {
        self.settings().retry.run(|| {
            self.conn.cached(sql)?.execute([])?;
            Ok(())
        })
    }

    fn end(&mut self, committed: bool) {
        if !self.conn.is_autocommit() {
            // Fails only if SQLite has rolled back by itself in the meantime.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        self.module.ended(committed);
        if committed {
            self.shared.wrote();
        }
    }

    /// Leave no transaction behind, whatever happened.
    fn recover(&mut self) {
        if !self.conn.is_autocommit() {
            self.end(false);
        }
    }
}

/// The life of the writer thread. Between its jobs the session is free for [`WriteSession::transaction_now`].
pub(super) fn serve<M: Module>(shared: &Shared<M>) -> Option<WriteSession<M>> {
    loop {
        let due = shared.session().as_ref()?.module.due();
        let jobs = match shared.queue.next(due) {
            Next::Jobs(jobs) => jobs,
            Next::Due => VecDeque::new(),
            Next::Closed => break,
        };
        shared.session().as_mut()?.run_jobs_and_ticks(jobs);
    }
    let mut session = shared.session().take()?;
    session.close();
    Some(session)
}

/// A write failed. `true`: it has been undone alone and the transaction stands.
struct Lost(bool);

/// Run `work`; a panic in it becomes an error of the call instead of the end of the process.
pub(super) fn contained<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Error::Internal(panic_text(panic.as_ref()))))
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".to_owned());
    format!("panic in native code: {text}")
}
