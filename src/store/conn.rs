#![forbid(unsafe_code)]
//! A connection of a store: settings applied, statements cached, SQL under the control of a call.

use std::{
    cell::Cell,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Instant,
};

use rusqlite::{CachedStatement, Connection, OpenFlags, StatementStatus, config::DbConfig};

use super::{
    Control, JournalMode, Notices, Settings,
    configure::{apply_reading, apply_writing, configure},
    control::Guard,
    make_room,
    metrics::StatementCache,
    statement_log::log_statements,
};
use crate::error::{Error, Result};

/// Virtual-machine steps between two looks at the deadline: some ten microseconds.
const STEPS_BETWEEN_CHECKS: i32 = 2_000;

/// More than the distinct statement texts of any module, so that a text that was prepared once stays prepared.
const CACHED_STATEMENTS: usize = 256;

/// A connection that keeps the statements that it has compiled: one of a store, which counts them, or any other.
pub trait Cached {
    /// The cached statement for `sql`.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if it does not compile.
    fn cached(&self, sql: &str) -> Result<CachedStatement<'_>>;
}

impl Cached for Connection {
    fn cached(&self, sql: &str) -> Result<CachedStatement<'_>> {
        Ok(self.prepare_cached(sql)?)
    }
}

impl Cached for Conn {
    fn cached(&self, sql: &str) -> Result<CachedStatement<'_>> {
        self.cached(sql)
    }
}

/// A connection of a store.
pub struct Conn {
    raw: Connection,
    guard: Arc<Guard>,
    cache: Arc<StatementCache>,
    page_limit: Cell<i64>,
}

impl Deref for Conn {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.raw
    }
}

impl DerefMut for Conn {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.raw
    }
}

impl Conn {
    /// Open the database for writing, creating the file and its directory if they are missing. No setting but the busy
    /// timeout is applied yet: a file that turns out to be somebody else's must stay as it is.
    ///
    /// # Errors
    /// Those of [`make_room`]; [`Error::Sqlite`] if the file cannot be opened.
    pub(super) fn create(settings: &Settings, cache: Arc<StatementCache>) -> Result<Self> {
        make_room(settings)?;
        Self::connect(settings, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE, cache)
    }

    /// Open another connection to a database that is there: `readonly` for the reader pool.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if the file cannot be opened or configured.
    pub(super) fn join(settings: &Settings, readonly: bool, cache: Arc<StatementCache>) -> Result<Self> {
        let flags = if readonly { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
        // Without WAL a writer may hold the file to itself, and then not even a setting can be made.
        settings.retry.run(|| {
            let conn = Self::connect(settings, flags, Arc::clone(&cache))?;
            apply_reading(&conn, settings)?;
            if !readonly {
                apply_writing(&conn, settings)?;
            }
            Ok(conn)
        })
    }

    /// [`Conn::create`] for a program that works on the file alone, without a store.
    ///
    /// # Errors
    /// As [`Conn::create`].
    pub fn create_alone(settings: &Settings) -> Result<Self> {
        Self::create(settings, Arc::default())
    }

    /// [`Conn::join`] for a program that works on the file alone, without a store: the file must be there, and keeps its
    /// journal mode.
    ///
    /// # Errors
    /// As [`Conn::join`].
    pub fn join_alone(settings: &Settings) -> Result<Self> {
        Self::join(settings, false, Arc::default())
    }

    fn connect(settings: &Settings, flags: OpenFlags, cache: Arc<StatementCache>) -> Result<Self> {
        let mut raw = settings.location.connect(flags)?;
        raw.busy_timeout(settings.busy_timeout)?;
        raw.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
        // A plan that depended on a bound LIMIT would be made anew for each call.
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        let guard = Arc::new(Guard::default());
        let watch = Arc::clone(&guard);
        raw.progress_handler(STEPS_BETWEEN_CHECKS, Some(move || watch.must_stop()))?;
        Ok(Self { raw, guard, cache, page_limit: Cell::new(0) })
    }

    /// [`configure()`] this connection.
    ///
    /// # Errors
    /// As [`configure()`].
    pub fn configure(&self, settings: &Settings) -> Result<(JournalMode, Option<String>)> {
        configure(self, settings)
    }

    /// Tell `notices` of every statement from now on, if the settings say so.
    ///
    /// # Errors
    /// Those of SQLite.
    pub(super) fn log_to(&mut self, notices: &Arc<Notices>, settings: &Settings) -> Result<()> {
        if settings.log_statements { log_statements(&mut self.raw, notices) } else { Ok(()) }
    }

    /// The cached statement for `sql`.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if it does not compile.
    pub fn cached(&self, sql: &str) -> Result<CachedStatement<'_>> {
        let statement = self.raw.prepare_cached(sql)?;
        // One that has never run was compiled just now.
        self.cache.count(statement.get_status(StatementStatus::Run) > 0);
        Ok(statement)
    }

    /// Run `work` under the deadline and the cancel flag of a call.
    ///
    /// # Errors
    /// Those of `work`; [`Error::Timeout`] or [`Error::Aborted`] where the control ended it.
    pub fn controlled<T>(&self, control: &Control, work: impl FnOnce() -> Result<T>) -> Result<T> {
        if control.cancel.is_cancelled() {
            return Err(Error::Aborted);
        }
        self.guard.arm(control);
        self.guard.disarm(work())
    }

    /// Wait for somebody else in the middle of a call: the time does not count against its deadline.
    pub fn off_the_clock<T>(&self, wait: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let value = wait();
        self.guard.extend(began.elapsed());
        value
    }

    /// An integer pragma, such as `page_count`.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if SQLite refuses it.
    pub fn pragma_integer(&self, name: &str) -> Result<i64> {
        Ok(self.cached(&format!("PRAGMA {name}"))?.query_row([], |row| row.get(0))?)
    }

    /// Size of the main file and its `-wal`, in bytes; of an in-memory database that of its pages.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if SQLite refuses to tell.
    pub fn size_on_disk(&self) -> Result<u64> {
        let size = |path: &str| std::fs::metadata(path).map_or(0, |file| file.len());
        match self.path().filter(|path| !path.is_empty() && !path.starts_with("/runledger-")) {
            Some(path) => Ok(size(path) + size(&format!("{path}-wal"))),
            None => Ok((self.pragma_integer("page_count")? * self.pragma_integer("page_size")?).unsigned_abs()),
        }
    }

    /// Limit the file to `pages`; 0 lifts the limit. A write that needs more ends with `SQLITE_FULL`.
    ///
    /// # Errors
    /// [`Error::Sqlite`] if SQLite refuses it.
    pub fn limit_pages(&self, pages: i64) -> Result<()> {
        if self.page_limit.get() != pages {
            // SQLite reads 0 as a question; its own default is the largest page number.
            let value = if pages == 0 { 4_294_967_294 } else { pages };
            self.cached(&format!("PRAGMA max_page_count = {value}"))?.query_row([], |_| Ok(()))?;
            self.page_limit.set(pages);
        }
        Ok(())
    }
}
