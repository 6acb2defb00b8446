//! The file of a module, opened.

use napi::{Env, Error, Result, bindgen_prelude::Object};

use super::{answer, table};
use crate::{
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
