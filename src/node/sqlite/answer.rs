//! What a call answers.

use napi::{Env, Result, Status, bindgen_prelude::Object};

use serde_json::Value as Json;

use super::{status, table};
use crate::{
    error::Error,
    migration::SqliteCause,
    node::output,
    sync_conn::{Failure, MisuseClass, Result as Outcome, THROWN},
};

/// 0, or what the call has to say.
pub(in crate::node) fn done(result: Outcome<u32>) -> Result<u32> {
    match result {
        Ok(bits) => Ok(bits),
        Err(failure) => failed(failure).map(|()| status::FAILED),
    }
}

/// The value; nothing if it failed, and then `sqliteFailure` tells why.
pub(in crate::node) fn value<T>(result: Outcome<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(failure) => failed(failure).map(|()| None),
    }
}

/// Keep a failure for `sqliteFailure`; an exception of JavaScript's is passed on.
pub(super) fn failed(failure: Failure) -> Result<()> {
    if matches!(failure, Failure::Thrown) {
        return Err(napi::Error::new(Status::PendingException, String::new()));
    }
    table::fail(failure);
    Ok(())
}

/// A failure as the facade's `FailureReport`.
pub(super) fn report<'env>(env: &'env Env, failure: &Failure) -> Result<Object<'env>> {
    let mut report = Object::new(env)?;
    match failure {
        Failure::Misuse(misuse) => {
            let class = match misuse.class {
                MisuseClass::Type => "TypeError",
                MisuseClass::Range => "RangeError",
            };
            report.set("class", class)?;
            report.set("code", misuse.code)?;
            report.set("message", misuse.message.as_ref())?;
        }
        Failure::Sqlite { extended, message, offset } => {
            sqlite(&mut report, *extended, message)?;
            if let Some(offset) = offset {
                report.set("offset", *offset)?;
            }
        }
        Failure::Other(Error::Migration(error)) => {
            report.set("class", "MigrationError")?;
            report.set("code", error.code.as_str())?;
            report.set("message", error.message.as_str())?;
            report.set("module", error.module.as_str())?;
            if let Some(version) = error.version {
                report.set("version", version)?;
            }
            report.set("details", output::json(env, &Json::Object(error.details.clone()))?)?;
            if let Some(SqliteCause { extended, message }) = &error.cause {
                let mut cause = Object::new(env)?;
                sqlite(&mut cause, *extended, message)?;
                report.set("cause", cause)?;
            }
        }
        Failure::Other(Error::Directory { path, code, message }) => {
            report.set("class", "RunledgerError")?;
            report.set("code", "ERR_DIRECTORY")?;
            report.set("message", message.as_str())?;
            report.set("path", path.as_str())?;
            report.set("systemCode", *code)?;
        }
        Failure::Other(error) => {
            let code = match error {
                Error::FileExists { .. } => "ERR_FILE_EXISTS",
                Error::DirectoryMissing { .. } => "ERR_DIRECTORY_MISSING",
                Error::Io { .. } => "CONNECTION_ERROR",
                _ => "INTERNAL_ERROR",
            };
            report.set("class", "RunledgerError")?;
            report.set("code", code)?;
            report.set("message", error.to_string())?;
        }
        Failure::Thrown => {
            report.set("class", "RunledgerError")?;
            report.set("code", "INTERNAL_ERROR")?;
            report.set("message", THROWN)?;
        }
    }
    Ok(report)
}

fn sqlite(report: &mut Object<'_>, extended: i32, message: &str) -> Result<()> {
    report.set("class", "SqliteError")?;
    report.set("code", Failure::sqlite_code(extended))?;
    report.set("message", message)?;
    report.set("rawCode", extended)
}
