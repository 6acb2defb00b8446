#![forbid(unsafe_code)]
//! The writer thread: it runs what is queued. Between its jobs a lone write may borrow its session
//! ([`WriteSession::transaction_now`]).
//!
//! It takes everything that is queued, opens one `BEGIN IMMEDIATE`, runs the writes one after another, commits once,
//! and only then settles them. A write that fails is undone alone.

use std::{collections::VecDeque, time::Instant};

use super::{
    Isolation, Module, WriteSession,
    contain::{contained, unheard},
    job::{Job, WriteJob},
    queue::Next,
    shared::Shared,
};
use crate::error::{Error, Result};

/// Most bytes of input in one transaction: a flood is cut into commits that readers and other processes get between.
const GROUP_BYTES: usize = 4 << 20;

/// How often a write may be run again because its transaction was lost before it counts as failed. A micro-batch may
/// lose it once for each of its records.
const MOST_RUNS: usize = 1_000;

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

impl<M: Module> WriteSession<M> {
    fn run_jobs_and_ticks(&mut self, jobs: VecDeque<Job<M>>) {
        self.run_jobs(jobs);
        if self.module.due().is_some_and(|due| due <= Instant::now()) {
            unheard(|| M::tick(self));
            self.recover();
        }
        self.cut_copied_log();
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
                    unheard(|| work(self));
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
        if let Err(error) = contained(|| self.commit_group(&mut group)) {
            // SQLite may have rolled back by itself: the module has to hear of it all the same.
            self.end(false);
            for write in &mut group {
                write.failure.get_or_insert_with(|| error.clone());
            }
        }
        self.shared.settled(group.len() as u64);
        for write in group {
            let WriteJob { work, failure, .. } = write;
            unheard(|| work.settle(failure));
        }
    }

    /// Run every write that has not failed yet in one transaction; again without those that took it down.
    fn commit_group(&mut self, group: &mut [WriteJob<M>]) -> Result<()> {
        loop {
            let standing = group.iter().filter(|write| write.failure.is_none()).count();
            if standing == 0 {
                return Ok(());
            }
            let patience = self.give_way();
            self.begin(patience)?;
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
            self.commit()?;
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

    fn close(&mut self) {
        unheard(|| M::close(self));
        self.recover();
    }
}

/// A write failed. `true`: it has been undone alone and the transaction stands.
struct Lost(bool);
