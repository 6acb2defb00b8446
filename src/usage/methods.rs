#![forbid(unsafe_code)]
//! The public methods by name: what each one does.

use rusqlite::Connection;
use serde_json::Value as Json;

use super::{Rows, settings, snapshots};
use crate::error::{Error, Result};
use crate::packed::Input;

/// What becomes of a snapshot of a session that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingSession {
    /// It is refused.
    Reject,
    /// The session is made, in the same transaction.
    Create,
}

/// What a method answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// One value.
    Value(Json),
    /// Any number of rows.
    Rows(Rows),
}

/// A public method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `getUsageConfig()`: the active row or null.
    GetConfig,
    /// `updateUsageConfig(updates)`: whether a row was changed.
    UpdateConfig,
    /// `resetUsageConfig()`: true.
    ResetConfig,
    /// `insertUsageSnapshot(snapshot)`: the row.
    InsertSnapshot(MissingSession),
    /// `getUsageSnapshots(sessionId, limit, hoursBack)`: rows.
    GetSnapshots,
    /// `getUsageSnapshotsBySession(sessionId)`: rows.
    GetSnapshotsBySession,
    /// `deleteOldUsageSnapshots(daysOld)`: the number of deleted rows.
    DeleteOldSnapshots,
}

impl Method {
    /// The method called `name`; `missing` is for insertUsageSnapshot.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is none: a defect of the facade.
    pub fn named(name: &str, missing: MissingSession) -> Result<Self> {
        Ok(match name {
            "getUsageConfig" => Self::GetConfig,
            "updateUsageConfig" => Self::UpdateConfig,
            "resetUsageConfig" => Self::ResetConfig,
            "insertUsageSnapshot" => Self::InsertSnapshot(missing),
            "getUsageSnapshots" => Self::GetSnapshots,
            "getUsageSnapshotsBySession" => Self::GetSnapshotsBySession,
            "deleteOldUsageSnapshots" => Self::DeleteOldSnapshots,
            _ => return Err(Error::Internal(format!("there is no method {name}"))),
        })
    }

    /// Whether it changes the file.
    pub fn writes(self) -> bool {
        match self {
            Self::GetConfig | Self::GetSnapshots | Self::GetSnapshotsBySession => false,
            Self::UpdateConfig | Self::ResetConfig | Self::InsertSnapshot(_) | Self::DeleteOldSnapshots => true,
        }
    }

    /// Do it. What is missing in `args` is `undefined`.
    ///
    /// # Errors
    /// [`Error::Validation`], `USAGE_SESSION_NOT_FOUND` and those of SQLite. Nothing was changed then.
    pub fn run(self, conn: &Connection, args: &[Input]) -> Result<Answer> {
        let arg = |position: usize| args.get(position).unwrap_or(&Input::Undefined);
        let value = match self {
            Self::GetConfig => settings::get(conn)?,
            Self::UpdateConfig => settings::update(conn, arg(0))?.into(),
            Self::ResetConfig => {
                settings::reset(conn)?;
                true.into()
            }
            Self::InsertSnapshot(missing) => snapshots::insert(conn, arg(0), missing)?,
            Self::GetSnapshots => return snapshots::recent(conn, arg(0), arg(1), arg(2)).map(Answer::Rows),
            Self::GetSnapshotsBySession => return snapshots::of_session(conn, arg(0)).map(Answer::Rows),
            Self::DeleteOldSnapshots => snapshots::delete_old(conn, arg(0))?.into(),
        };
        Ok(Answer::Value(value))
    }
}
