//! The file of a module, opened.

use napi::{Env, Error, Result, bindgen_prelude::Object};

use super::{answer, table};
use crate::{
    error::{self, Report},
    node::output,
    sync_conn::{Connection, Failure, OpenedFile, Result as Outcome},
};

/// The facade's `OpenedModule`; nothing if it could not be opened, and then `sqliteFailure` tells why.
pub(in crate::node) fn opened(env: &Env, outcome: Outcome<OpenedFile>) -> Result<Option<Object<'_>>> {
    let Some(file) = answer::value(outcome)? else { return Ok(None) };
    let OpenedFile { connection, journal, warnings, migrated } = file;
    let mut opened = Object::new(env)?;
    opened.set("connection", table::insert(env, connection)?)?;
    opened.set("journalMode", journal.as_str())?;
    opened.set("warnings", warnings)?;
    match migrated {
        Ok(sets) => {
            let sets = serde_json::to_value(sets).map_err(|error| Error::from_reason(error.to_string()))?;
            opened.set("migrations", output::json(env, &sets)?)?;
        }
        Err(error) => opened.set("failure", answer::report(env, &Failure::from(error))?)?,
    }
    Ok(Some(opened))
}

/// The same for a file that was opened for reading.
pub(in crate::node) fn opened_readonly(env: &Env, outcome: Outcome<Connection>) -> Result<Option<Object<'_>>> {
    let Some(connection) = answer::value(outcome)? else { return Ok(None) };
    let mut opened = Object::new(env)?;
    opened.set("connection", table::insert(env, connection)?)?;
    opened.set("warnings", Vec::<String>::new())?;
    Ok(Some(opened))
}

/// A file as `opened`, or the `error` in the words of its module.
pub(in crate::node) fn opened_or(
    env: &Env,
    outcome: error::Result<OpenedFile>,
    report: impl FnOnce(&error::Error) -> Report,
) -> Result<Object<'_>> {
    let mut answer = Object::new(env)?;
    match outcome {
        Ok(file) => answer.set("opened", opened(env, Ok(file))?)?,
        Err(error) => answer.set("error", output::failure(env, &report(&error))?)?,
    }
    Ok(answer)
}
