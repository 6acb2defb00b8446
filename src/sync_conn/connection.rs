#![forbid(unsafe_code)]
//! A connection and its statements.

use std::{
    cell::{Cell as Place, RefCell, RefMut},
    path::Path,
    rc::Rc,
    time::Duration,
};

use super::{
    Access, Amount, Backup, BackupSource, Binder, Failure, Fetched, Misuse, OpenOptions, Reading, Result, Rows,
    Statement, Step, backup,
    cache::{Cache, Kind},
    open, raw, script,
};
use crate::migration::Drive;
use crate::store::{Location, Settings};

/// The number of a statement, unique among the living ones of its connection.
pub type StatementId = u32;

/// Hears the text of a statement.
pub type Hear<'h> = dyn FnMut(&str) -> Result<()> + 'h;

type Slot = Option<Rc<RefCell<Statement>>>;

/// A connection of one thread.
///
/// All methods take `&self`: what is called back from JavaScript in the middle of a call may call again, and is told
/// that the connection is busy where that would disturb.
#[derive(Debug)]
pub struct Connection {
    // Before the connection: fields are dropped in order, and statements go first.
    pub(super) statements: RefCell<Vec<Slot>>,
    pub(super) free: RefCell<Vec<StatementId>>,
    pub(super) control: RefCell<[Option<StatementId>; Step::ALL.len()]>,
    pub(super) cache: RefCell<Cache>,
    /// Statements that are being iterated.
    iterating: Place<u32>,
    /// JavaScript is being called from within a call.
    calling: Place<bool>,
    timeout: Duration,
    source: BackupSource,
    /// A migration that waits for its function.
    pub(super) migrating: RefCell<Option<Drive>>,
    /// Borrowed for as long as a call of SQLite's, and exclusively only to migrate.
    pub(super) db: RefCell<rusqlite::Connection>,
}

impl Connection {
    /// Open a database.
    ///
    /// # Errors
    /// [`Misuse`] for options that make no sense, [`Failure::Sqlite`] with `SQLITE_CANTOPEN`.
    pub fn open(options: &OpenOptions) -> Result<Self> {
        let source = match &options.place {
            super::Place::File(path) => BackupSource::File(path.clone()),
            _ => BackupSource::Connection,
        };
        Ok(Self::over(open::open(options)?, options.timeout, source))
    }

    /// Open another connection to the database of a store, with the store's settings.
    ///
    /// # Errors
    /// [`Failure::Sqlite`]
    pub fn join(settings: &Settings) -> Result<Self> {
        Ok(Self::to_database(open::join(settings)?, settings))
    }

    /// Over an open connection to the database of `settings`.
    pub(super) fn to_database(db: rusqlite::Connection, settings: &Settings) -> Self {
        let source = match &settings.location {
            Location::File(path) => BackupSource::File(path.clone()),
            Location::Memory(_) => BackupSource::Connection,
        };
        Self::over(db, settings.busy_timeout, source)
    }

    fn over(db: rusqlite::Connection, timeout: Duration, source: BackupSource) -> Self {
        Self {
            statements: RefCell::default(),
            free: RefCell::default(),
            control: RefCell::default(),
            cache: RefCell::default(),
            iterating: Place::new(0),
            calling: Place::new(false),
            timeout,
            source,
            migrating: RefCell::default(),
            db: RefCell::new(db),
        }
    }

    /// Give a statement its parameters: for the run or read that follows, or ([`Access::Touch`]) for good.
    ///
    /// # Errors
    /// [`Misuse`] for values that do not fit.
    pub fn bind(
        &self,
        id: StatementId,
        access: Access,
        values: impl FnOnce(&mut Binder<'_>) -> Result<()>,
    ) -> Result<()> {
        let statement = self.statement(id)?;
        let mut statement = self.enter(&statement, access)?;
        statement.bind(values)?;
        if access == Access::Touch {
            statement.keep_bindings();
        }
        Ok(())
    }

    /// Whether a statement could do now what `access` says.
    ///
    /// # Errors
    /// [`Misuse`] if it could not.
    pub fn check(&self, id: StatementId, access: Access) -> Result<()> {
        let statement = self.statement(id)?;
        self.enter(&statement, access).map(drop)
    }

    /// The text of a statement with its bound values, before it does what `access` says.
    ///
    /// # Errors
    /// [`Misuse`] if it could not do that now.
    pub fn expanded(&self, id: StatementId, access: Access) -> Result<String> {
        let statement = self.statement(id)?;
        let statement = self.enter(&statement, access)?;
        Ok(statement.expanded())
    }

    /// Run a statement to its end. `values: None` runs it with what is bound. Returns the number of rows that it has
    /// changed, and the rowid that was inserted last on this connection.
    ///
    /// # Errors
    /// [`Misuse`], [`Failure::Sqlite`]
    pub fn run(
        &self,
        id: StatementId,
        values: Option<impl FnOnce(&mut Binder<'_>) -> Result<()>>,
    ) -> Result<(i64, i64)> {
        let statement = self.statement(id)?;
        let mut statement = self.enter(&statement, Access::Run)?;
        if let Some(values) = values {
            statement.bind(values)?;
        }
        let (_, before) = raw::changes(&self.db.borrow());
        let ran = loop {
            match statement.raw.step() {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        statement.rest();
        self.has_run(&mut statement, &ran);
        ran?;
        let db = self.db.borrow();
        let (changes, after) = raw::changes(&db);
        Ok((if after == before { 0 } else { changes }, db.last_insert_rowid()))
    }

    /// Read the first rows of a statement. `values: None` reads with what is bound. If there may be more, the statement
    /// is busy until [`Connection::resume`] has read them or [`Connection::stop`] was called.
    ///
    /// # Errors
    /// [`Misuse`], [`Failure::Sqlite`], those of `rows`
    pub fn query(
        &self,
        id: StatementId,
        values: Option<impl FnOnce(&mut Binder<'_>) -> Result<()>>,
        amount: Amount,
        reading: Reading,
        rows: &mut impl Rows,
    ) -> Result<Fetched> {
        let statement = self.statement(id)?;
        let mut statement = self.enter(&statement, Access::Read)?;
        if let Some(values) = values {
            statement.bind(values)?;
        }
        let fetched = statement.fetch(amount, reading, rows);
        self.has_run(&mut statement, &fetched);
        let fetched = fetched?;
        if fetched.more && amount != Amount::First {
            statement.active = true;
            self.iterating.set(self.iterating.get() + 1);
        }
        Ok(fetched)
    }

    /// Read on.
    ///
    /// # Errors
    /// [`Failure::Sqlite`], those of `rows`; the statement is not busy any more then.
    pub fn resume(&self, id: StatementId, limit: u32, reading: Reading, rows: &mut impl Rows) -> Result<Fetched> {
        self.not_calling()?;
        let statement = self.statement(id)?;
        let mut statement = statement.try_borrow_mut().map_err(|_| Misuse::STATEMENT_BUSY)?;
        if !statement.active {
            return Ok(Fetched::default());
        }
        let fetched = statement.fetch(Amount::UpTo(limit), reading, rows);
        self.has_run(&mut statement, &fetched);
        match fetched {
            Ok(Fetched { more: true, .. }) => statement.worked = true,
            Ok(_) => {
                self.stopped(&mut statement);
                self.give_back(id, &mut statement);
            }
            Err(_) => self.stopped(&mut statement),
        }
        fetched
    }

    /// End an iteration.
    ///
    /// # Errors
    /// [`Misuse::BUSY`] from within a call.
    pub fn stop(&self, id: StatementId) -> Result<()> {
        self.not_calling()?;
        let statement = self.statement(id)?;
        let mut statement = statement.try_borrow_mut().map_err(|_| Misuse::STATEMENT_BUSY)?;
        if statement.active {
            statement.rest();
            let worked = statement.worked;
            self.stopped(&mut statement);
            if worked {
                self.give_back(id, &mut statement);
            }
        }
        Ok(())
    }

    /// End every iteration.
    pub(super) fn stop_all(&self) {
        let active: Vec<_> = self.statements.borrow().iter().flatten().map(Rc::clone).collect();
        for statement in active {
            if let Ok(mut statement) = statement.try_borrow_mut()
                && statement.active
            {
                statement.rest();
                self.stopped(&mut statement);
            }
        }
    }

    /// Run all statements of `sql`. `before` hears the text of each one before it runs.
    ///
    /// # Errors
    /// [`Failure::Sqlite`] of the first one that fails; those before it stay in effect. Those of `before`.
    pub fn exec(&self, sql: &str, before: Option<&mut Hear<'_>>) -> Result<()> {
        self.quiet()?;
        let mut before = before;
        let mut disturbed = false;
        let ran = script::run(&self.db.borrow(), sql, &mut |text, kind| {
            disturbed |= kind == Kind::Disturbing;
            match &mut before {
                Some(before) => self.calling(|| before(&text())),
                None => Ok(()),
            }
        });
        if disturbed || (ran.is_err() && !self.in_transaction()) {
            self.forget_shared();
        }
        ran
    }

    /// Call JavaScript, which may not use this connection meanwhile.
    pub fn calling<T>(&self, call: impl FnOnce() -> T) -> T {
        struct Calling<'c>(&'c Place<bool>);
        impl Drop for Calling<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }
        self.calling.set(true);
        let _calling = Calling(&self.calling);
        call()
    }

    /// Whether a transaction is open.
    pub fn in_transaction(&self) -> bool {
        !self.db.borrow().is_autocommit()
    }

    /// A copy to make on another thread; `None` where only [`Connection::copy`] can.
    pub fn backup(&self, target: &Path) -> Option<Backup> {
        match &self.source {
            BackupSource::File(source) => {
                Some(Backup { source: source.clone(), target: target.to_owned(), timeout: self.timeout })
            }
            BackupSource::Connection => None,
        }
    }

    /// Copy all pages to a new file, on this thread. Returns their number.
    ///
    /// # Errors
    /// As [`Backup::run`].
    pub fn copy(&self, target: &Path) -> Result<i32> {
        self.not_calling()?;
        backup::copy(&self.db.borrow(), target)
    }

    /// Whether it may be closed now.
    ///
    /// # Errors
    /// [`Misuse::BUSY`] while something runs or is being iterated, [`Misuse::MIGRATING`].
    pub fn may_close(&self) -> Result<()> {
        if self.is_migrating() {
            return Err(Misuse::MIGRATING.into());
        }
        self.quiet()
    }

    /// Finalise all statements, roll back an open transaction, and let go of the file. Dropping does the same.
    pub fn close(self) {
        drop(self);
    }

    /// Take a statement for a call, if nothing stands against it.
    fn enter<'s>(&self, statement: &'s RefCell<Statement>, access: Access) -> Result<RefMut<'s, Statement>> {
        self.not_calling()?;
        let statement = statement.try_borrow_mut().map_err(|_| Misuse::STATEMENT_BUSY)?;
        if access == Access::Read && !statement.reader() {
            return Err(Misuse::NO_DATA.into());
        }
        if statement.active {
            return Err(Misuse::STATEMENT_BUSY.into());
        }
        let writes = match access {
            Access::Run => true,
            Access::Read => !statement.readonly(),
            Access::Touch => false,
        };
        if writes && self.iterating.get() > 0 {
            return Err(Misuse::BUSY.into());
        }
        Ok(statement)
    }

    /// A statement has run. If that may have changed what texts mean, none is shared any longer. A failure may have had
    /// SQLite roll back by itself, changes of the schema included.
    fn has_run<T>(&self, statement: &mut Statement, outcome: &Result<T>) {
        let undone = || matches!(outcome, Err(Failure::Sqlite { .. })) && !self.in_transaction();
        if statement.kind == Kind::Disturbing || undone() {
            statement.shared = false;
            self.forget_shared();
        }
    }

    pub(super) fn stopped(&self, statement: &mut Statement) {
        statement.active = false;
        statement.worked = false;
        self.iterating.set(self.iterating.get() - 1);
    }

    pub(super) fn not_calling(&self) -> Result<()> {
        if self.calling.get() { Err(Failure::Misuse(Misuse::BUSY)) } else { Ok(()) }
    }

    /// Nothing is being called and nothing is being iterated.
    pub(super) fn quiet(&self) -> Result<()> {
        self.not_calling()?;
        if self.iterating.get() > 0 { Err(Misuse::BUSY.into()) } else { Ok(()) }
    }
}
