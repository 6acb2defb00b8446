#![forbid(unsafe_code)]
//! A store: the threads of one open database and the ways to hand them work.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::{
    Conn, Control, Isolation, JournalMode, Location, Module, Notices, Retry, Settings, StoreFigures, WriteSession,
    contain::contained,
    job::{Job, Task, WriteJob},
    shared::Shared,
    snapshot::snapshot,
    writer::serve,
};
use crate::error::{Error, Result};

/// An open database.
pub struct Store<M: Module> {
    shared: Arc<Shared<M>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// What a module can say to a question.
pub enum Known<M: Module, T> {
    /// The answer, from what it keeps.
    Now(T),
    /// That it has to be read; and that it wants to keep something of it.
    AfterReading(Reading<M, T>),
}

type Reading<M, T> = Box<dyn FnOnce(&Conn) -> Result<(T, Keeping<M>)> + Send>;
type Keeping<M> = Box<dyn FnOnce(&mut WriteSession<M>) + Send>;

impl<M: Module> Store<M> {
    /// Open the database: `prepare` runs first on the writer's thread with a connection that has nothing but its busy
    /// timeout set; it looks at the file, configures the connection ([`Conn::configure`]) and makes the module's state.
    ///
    /// # Errors
    /// Those of `prepare` and of opening the file. Nothing stays open then.
    pub fn open(
        settings: Settings,
        notices: Arc<Notices>,
        prepare: impl FnOnce(&mut Conn, &Settings, &Arc<Notices>) -> Result<(M, JournalMode)> + Send + 'static,
    ) -> Result<Self> {
        let shared = Arc::new(Shared::new(settings, notices));
        let (opened, answer) = mpsc::channel();
        let own = Arc::clone(&shared);
        let writer = std::thread::Builder::new()
            .name("runledger-write".into())
            .spawn(move || match contained(|| own.begin(prepare)) {
                Ok(session) => {
                    *own.session() = Some(session);
                    let _ = opened.send(Ok(()));
                    if let Some(session) = serve(&own) {
                        own.end(session);
                    }
                }
                Err(error) => {
                    let _ = opened.send(Err(error));
                }
            })
            .map_err(|error| Error::Internal(format!("cannot start the writer thread: {error}")))?;
        let opened =
            answer.recv().unwrap_or_else(|_| Err(Error::Internal("the writer thread ended while opening".into())));
        let store = Self { shared, writer: Mutex::new(Some(writer)) };
        // On failure the store is dropped here, which waits for the thread.
        opened.map(|()| store)
    }

    /// Queue a write of `calls` public calls that holds `bytes` of input. `run` may be run more than once; `done` hears
    /// the outcome after the commit. Returns the sequence number that reads can wait for.
    pub fn write<T: Send + 'static>(
        &self,
        control: Control,
        isolation: Isolation,
        (calls, bytes): (usize, usize),
        run: impl FnMut(&Conn, &mut M) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>, Duration) + Send + 'static,
    ) -> u64 {
        let work = Box::new(Task { run, value: None, took: Duration::ZERO, done });
        self.push(Job::Write(WriteJob { control, isolation, calls, bytes, work, failure: None, runs: 0 }))
    }

    /// Run a write on the calling thread and commit it, if the writer is idle, nothing is queued and nobody holds the
    /// write lock. `None`: it was not run, or has left no trace, and is to be queued. The caller must have no write in the
    /// queue that this one would overtake.
    pub fn write_now<T>(&self, run: impl FnOnce(&Conn, &mut M) -> Result<T>) -> Option<(T, Duration)> {
        if self.shared.queue.len() > 0 || self.shared.wants_cut() {
            return None;
        }
        self.shared.session.try_lock().ok()?.as_mut()?.transaction_now(run)
    }

    /// Queue work that has the writer to itself, outside of a transaction.
    pub fn alone<T: Send + 'static>(
        &self,
        run: impl FnOnce(&mut WriteSession<M>) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>, Duration) + Send + 'static,
    ) -> u64 {
        self.push(Job::Alone(Box::new(move |session| {
            let began = Instant::now();
            let result = contained(|| run(session));
            done(result, began.elapsed());
        })))
    }

    /// Queue a read that sees everything up to the write `after`. An in-memory database is read on the writer's
    /// connection.
    pub fn read<T: Send + 'static>(
        &self,
        control: Control,
        after: u64,
        run: impl FnOnce(&Conn) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>, Duration) + Send + 'static,
    ) {
        if matches!(self.shared.settings.location, Location::Memory(_)) {
            self.alone(move |session| session.controlled(&control, |conn| snapshot(conn, Retry::default(), run)), done);
            return;
        }
        let retry = self.shared.settings.retry;
        self.shared.readers.submit(
            after,
            Box::new(move |conn| {
                let began = Instant::now();
                let result = conn.and_then(|conn| conn.controlled(&control, || snapshot(conn, retry, run)));
                done(result, began.elapsed());
            }),
        );
    }

    /// Ask what the module keeps on the writer's thread, after every write that was queued before. What it does not know is
    /// read as by [`Store::read`], and told to it.
    pub fn kept<T: Send + 'static>(
        &self,
        control: Control,
        ask: impl FnOnce(&mut WriteSession<M>) -> Result<Known<M, T>> + Send + 'static,
        done: impl FnOnce(Result<T>, Duration) + Send + 'static,
    ) {
        let shared = Arc::downgrade(&self.shared);
        let retry = self.shared.settings.retry;
        self.push(Job::Alone(Box::new(move |session| {
            let began = Instant::now();
            let read = match contained(|| ask(session)) {
                Ok(Known::AfterReading(read)) => read,
                Ok(Known::Now(value)) => return done(Ok(value), began.elapsed()),
                Err(error) => return done(Err(error), began.elapsed()),
            };
            if matches!(session.settings().location, Location::Memory(_)) {
                let result =
                    session.controlled(&control, |conn| snapshot(conn, Retry::default(), read)).map(|(value, keep)| {
                        keep(session);
                        value
                    });
                return done(result, began.elapsed());
            }
            // Without it the store is closed, and `done` answers for itself.
            let Some(store) = shared.upgrade() else { return };
            store.readers.submit(
                0,
                Box::new(move |conn| {
                    let began = Instant::now();
                    let result = conn.and_then(|conn| conn.controlled(&control, || snapshot(conn, retry, read)));
                    let result = result.map(|(value, keep)| {
                        if let Some(store) = shared.upgrade() {
                            // A store that is closing keeps nothing.
                            let _ = store.queue.push(Job::Alone(keep));
                        }
                        value
                    });
                    done(result, began.elapsed());
                }),
            );
        })));
    }

    /// Run `work` on a thread and a connection of its own, after everything that was queued before, beside everything
    /// that comes later. An in-memory database has only the writer's connection.
    pub fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Conn) -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>, Duration) + Send + 'static,
    ) -> u64 {
        if matches!(self.shared.settings.location, Location::Memory(_)) {
            return self.alone(move |session| work(&session.conn), done);
        }
        let settings = self.shared.settings.clone();
        let cache = Arc::clone(&self.shared.cache);
        let notices = Arc::clone(&self.shared.notices);
        let shared = Arc::downgrade(&self.shared);
        self.push(Job::Alone(Box::new(move |_| {
            let job = move || {
                let began = Instant::now();
                let result = contained(|| {
                    let mut conn = Conn::join(&settings, false, cache)?;
                    conn.log_to(&notices, &settings)?;
                    work(&conn)
                });
                done(result, began.elapsed());
            };
            // Without a thread for it the work is dropped, and with it `done`, which answers for itself.
            if let (Ok(task), Some(shared)) =
                (std::thread::Builder::new().name("runledger-task".into()).spawn(job), shared.upgrade())
            {
                shared.began(task);
            }
        })))
    }

    /// Who hears what the store has to say.
    pub fn notices(&self) -> &Notices {
        &self.shared.notices
    }

    /// What it was opened with.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Counters and sizes.
    pub fn figures(&self) -> StoreFigures {
        self.shared.figures()
    }

    /// Finish what is queued, close every connection and end the threads. May be called again.
    pub fn close(&self) {
        self.shared.queue.close();
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The writer contains every panic of its jobs.
            let _ = writer.join();
        }
    }

    fn push(&self, job: Job<M>) -> u64 {
        match self.shared.queue.push(job) {
            Ok(sequence) => sequence,
            Err(Job::Write(write)) => {
                write.work.settle(Some(Error::Closed));
                0
            }
            // Dropping it drops the caller's reply, which answers for itself.
            Err(Job::Alone(_)) => 0,
        }
    }
}

impl<M: Module> Drop for Store<M> {
    fn drop(&mut self) {
        self.close();
    }
}
