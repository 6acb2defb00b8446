#![forbid(unsafe_code)]
//! Watches one connection while a script of somebody else runs on it.
//!
//! The script must stay inside the transaction that the engine opened. The authorizer refuses the statements that
//! would leave it, the commit hook refuses a commit that happens all the same: after `INSERT OR ROLLBACK`, say, when
//! SQLite is back in autocommit mode and a caller who swallowed the error goes on.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use crate::error::Result;

use super::destructive::Watch;

/// Savepoints of the engine begin with this; scripts cannot name them.
pub(super) const SAVEPOINT: &str = "runledger_step";

const FORBIDDEN_PRAGMAS: [&str; 3] = ["writable_schema", "foreign_keys", "journal_mode"];

/// The hooks of one running script. [`Guard::lift`] takes them off; without it the connection cannot commit.
#[derive(Debug)]
pub(super) struct Guard {
    watch: Option<Arc<Mutex<Watch>>>,
}

impl Guard {
    /// Sets the hooks; with a `watch`, events are judged as well.
    pub(super) fn set(conn: &mut Connection, watch: Option<Watch>) -> Result<Self> {
        let watch = watch.map(|watch| Arc::new(Mutex::new(watch)));
        let seen = watch.clone();
        conn.authorizer(Some(move |event: AuthContext<'_>| {
            if is_forbidden(&event.action) {
                return Authorization::Deny;
            }
            if let Some(watch) = &seen {
                watch.lock().unwrap_or_else(PoisonError::into_inner).see(&event);
            }
            Authorization::Allow
        }))?;
        conn.commit_hook(Some(|| true))?;
        Ok(Self { watch })
    }

    /// Takes the hooks off and hands the watch back.
    pub(super) fn lift(self, conn: &mut Connection) -> Result<Option<Watch>> {
        lift(conn)?;
        // The authorizer is gone, so this is the only reference left.
        let watch = self.watch.and_then(Arc::into_inner);
        Ok(watch.map(|watch| watch.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }
}

fn lift(conn: &mut Connection) -> Result<()> {
    conn.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)?;
    conn.commit_hook(None::<fn() -> bool>)?;
    Ok(())
}

// VACUUM needs no entry: SQLite refuses it within a transaction.
fn is_forbidden(action: &AuthAction<'_>) -> bool {
    match action {
        AuthAction::Transaction { .. } | AuthAction::Attach { .. } | AuthAction::Detach { .. } => true,
        AuthAction::Pragma { pragma_name, .. } => {
            FORBIDDEN_PRAGMAS.iter().any(|name| name.eq_ignore_ascii_case(pragma_name))
        }
        AuthAction::Savepoint { savepoint_name, .. } => savepoint_name.to_ascii_lowercase().starts_with("runledger_"),
        _ => false,
    }
}
