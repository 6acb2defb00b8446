#![forbid(unsafe_code)]
//! The statements of a connection: compiling, sharing, freeing.

use std::{cell::RefCell, rc::Rc};

use super::{Connection, Misuse, Result, Statement, StatementId, Step, cache::Cache};

impl Connection {
    /// Compile exactly one statement, or share one that was compiled from the same text.
    ///
    /// # Errors
    /// [`Misuse::NO_STATEMENT`], [`Misuse::MORE_THAN_ONE`], [`Failure::Sqlite`] for SQL that does not compile.
    pub fn prepare(&self, sql: &str) -> Result<StatementId> {
        self.not_calling()?;
        let shareable = Cache::takes(sql);
        if shareable {
            let known = self.cache.borrow_mut().find(sql);
            if let Some(id) = known
                && let Ok(mut statement) = self.statement(id)?.try_borrow_mut()
            {
                statement.users += 1;
                return Ok(id);
            }
        }
        let mut statement = Statement::compile(&self.db.borrow(), sql.into())?;
        let text = Rc::clone(&statement.text);
        statement.shared = shareable;
        let id = self.keep(statement);
        if shareable {
            self.cache.borrow_mut().replace(&text, id);
        }
        Ok(id)
    }

    /// Have a statement to oneself, for an iteration or for good: what is bound, and where it stands, is nobody else's
    /// then. Returns its number.
    ///
    /// # Errors
    /// [`Failure::Sqlite`] if it has to be compiled again, and does not.
    pub fn claim(&self, id: StatementId, for_good: bool) -> Result<StatementId> {
        let statement = self.statement(id)?;
        let mut statement = statement.try_borrow_mut().map_err(|_| Misuse::STATEMENT_BUSY)?;
        if !statement.shared {
            statement.lent &= !for_good;
            return Ok(id);
        }
        if statement.users == 1 {
            statement.shared = false;
            statement.lent = !for_good;
            self.cache.borrow_mut().remove(&statement.text);
            return Ok(id);
        }
        let own = Statement::compile(&self.db.borrow(), Rc::clone(&statement.text))?;
        statement.users -= 1;
        Ok(self.keep(own))
    }

    /// An iteration is over, in which the statement has worked: it may be shared again.
    pub(super) fn give_back(&self, id: StatementId, statement: &mut Statement) {
        if std::mem::take(&mut statement.lent) {
            statement.shared = self.cache.borrow_mut().insert(&statement.text, id);
        }
    }

    /// Compile `PRAGMA source`, to be read and freed at once.
    ///
    /// # Errors
    /// As [`Connection::prepare`]; [`Misuse::BUSY`] while something is being iterated.
    pub fn pragma(&self, source: &str) -> Result<StatementId> {
        self.quiet()?;
        let mut statement = Statement::compile(&self.db.borrow(), format!("PRAGMA {source}").into())?;
        statement.read_as_pragma();
        Ok(self.keep(statement))
    }

    /// The statement that takes a step of a transaction; compiled at first use and kept.
    ///
    /// # Errors
    /// [`Failure::Sqlite`]
    pub fn control(&self, step: Step) -> Result<StatementId> {
        let known = self.control.borrow()[step as usize];
        if let Some(id) = known {
            return Ok(id);
        }
        let id = self.prepare(step.sql())?;
        self.control.borrow_mut()[step as usize] = Some(id);
        Ok(id)
    }

    /// The statement with this number.
    ///
    /// # Errors
    /// [`Misuse::NOT_OPEN`] if there is none: it went with its connection.
    pub fn statement(&self, id: StatementId) -> Result<Rc<RefCell<Statement>>> {
        let statements = self.statements.borrow();
        let statement = statements.get(id as usize).and_then(Option::as_ref).ok_or(Misuse::NOT_OPEN)?;
        Ok(Rc::clone(statement))
    }

    /// One object less has this statement. When none is left, an iteration of it ends, and it is finalised or, if it is
    /// shared, kept for a while.
    pub fn free(&self, id: StatementId) {
        let Ok(statement) = self.statement(id) else { return };
        let Ok(mut statement) = statement.try_borrow_mut() else { return };
        statement.users = statement.users.saturating_sub(1);
        if statement.users > 0 {
            return;
        }
        if !statement.shared {
            if statement.active {
                self.stopped(&mut statement);
            }
            drop(statement);
            return self.finalise(id);
        }
        let Some(oldest) = self.cache.borrow_mut().rest(id) else { return };
        if oldest == id {
            self.cache.borrow_mut().remove(&statement.text);
        } else if let Ok(oldest) = self.statement(oldest) {
            self.cache.borrow_mut().remove(&oldest.borrow().text);
        }
        self.finalise(oldest);
    }

    /// Share no statement any longer: what their texts mean may have changed.
    pub(super) fn forget_shared(&self) {
        let (idle, used) = self.cache.borrow_mut().clear();
        for id in idle {
            self.finalise(id);
        }
        for id in used {
            if let Ok(statement) = self.statement(id)
                && let Ok(mut statement) = statement.try_borrow_mut()
            {
                statement.shared = false;
            }
        }
    }

    fn finalise(&self, id: StatementId) {
        let slot = self.statements.borrow_mut().get_mut(id as usize).and_then(Option::take);
        if slot.is_some() {
            self.free.borrow_mut().push(id);
        }
    }

    fn keep(&self, statement: Statement) -> StatementId {
        let slot = Some(Rc::new(RefCell::new(statement)));
        let mut statements = self.statements.borrow_mut();
        match self.free.borrow_mut().pop() {
            Some(id) => {
                statements[id as usize] = slot;
                id
            }
            None => {
                statements.push(slot);
                StatementId::try_from(statements.len() - 1).unwrap_or(StatementId::MAX)
            }
        }
    }
}
