#![forbid(unsafe_code)]
//! The user's configuration, cell by cell; some cells are encrypted (instances.md §6).

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};
use serde_json::Map;
use zeroize::Zeroizing;

use super::{
    Action, check,
    config::InstancesConfig,
    keys::Keys,
    report::{GENERAL, decrypt_failed},
    secret::PREFIX,
};
use crate::{
    client::{Args, Value, nothing},
    clock::now_seconds,
    error::{Error, Result},
    store::{Cancel, Control, overwriting},
};

const GET: &str = "SELECT CAST(value AS BLOB), encrypted <> 0 FROM user_config WHERE key = ?1";
const SET: &str = "INSERT INTO user_config (key, value, encrypted, updated_at) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value, encrypted = excluded.encrypted, \
                   updated_at = excluded.updated_at";
const DELETE: &str = "DELETE FROM user_config WHERE key = ?1";
/// Whether a key must be there already.
const ANY_ENCRYPTED: &str =
    "SELECT 1 FROM user_config WHERE encrypted <> 0 AND substr(value, 1, length(?1)) = ?1 LIMIT 1";
/// Whether the cell of this name holds plain text.
const IS_PLAIN: &str =
    "SELECT 1 FROM user_config WHERE key = ?2 AND NOT (encrypted <> 0 AND substr(value, 1, length(?1)) = ?1)";

/// getConfig. Answers with the value, or with `null`.
pub(super) fn get(args: &Args, keys: &Arc<Keys>) -> Result<Action> {
    let name = check::config_key(args.field(0))?.to_owned();
    let keys = Arc::clone(keys);
    Action::read(GET, move |conn, _| {
        let found = conn.cached(GET)?.query_row([&name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let value = found.map(|(cell, encrypted)| shown(cell, encrypted, &name, &keys)).transpose()?;
        let count = u64::from(value.is_some());
        Ok((Value::Json(value.into()), Some(count)))
    })
}

/// A flagged cell without the prefix is plaintext of an older file. What is not UTF-8 was damaged.
fn shown(cell: Vec<u8>, encrypted: bool, name: &str, keys: &Keys) -> Result<String> {
    if !encrypted || !cell.starts_with(PREFIX.as_bytes()) {
        return Ok(String::from_utf8_lossy(&cell).into_owned());
    }
    let key = keys.find().map_err(|error| decrypt_failed(&error.to_string(), Some(error)))?;
    let key = key.ok_or_else(|| decrypt_failed("there is no key", None))?;
    let value = std::str::from_utf8(&cell).ok().and_then(|cell| key.open(name, cell));
    value.ok_or_else(|| decrypt_failed("the key is another one, or the value is damaged", None))
}

/// setConfig
pub(super) fn set(args: &Args, config: &InstancesConfig) -> Result<Action> {
    let name = check::config_key(args.field(0))?.to_owned();
    let value = Zeroizing::new(check::config_value(args.field(1))?.to_owned());
    if check::encrypted(args.field(2))? {
        return set_encrypted(name, value, config);
    }
    Action::write(SET, name.len() + value.len(), move |conn, module| {
        module.plain_in_log = true;
        overwriting(conn, || Ok(conn.cached(SET)?.execute(params![name, value.as_str(), false, now_seconds()])?))?;
        nothing(1)
    })
}

/// The value may have been here in plain text, and the write-ahead log, or the page below it, has that until the log is cut:
/// it is, before the call ends.
fn set_encrypted(name: String, value: Zeroizing<String>, config: &InstancesConfig) -> Result<Action> {
    let keys = Arc::clone(&config.keys);
    let control = Control { limit: config.query_timeout, cancel: Cancel::default() };
    Action::alone(SET, move |session, _| {
        session.transaction(|conn, module| {
            conn.controlled(&control, || {
                let no_cell_yet = || Ok(!conn.cached(ANY_ENCRYPTED)?.exists([PREFIX])?);
                let key = keys.find_or_create(no_cell_yet)?.ok_or_else(no_key)?;
                let cell = key.seal(&name, &value)?;
                module.plain_in_log |= conn.cached(IS_PLAIN)?.exists([PREFIX, &name])?;
                overwriting(conn, || Ok(conn.cached(SET)?.execute(params![name, cell, true, now_seconds()])?))
            })
        })?;
        if session.module.plain_in_log {
            session.module.plain_in_log = !session.cut_log();
        }
        nothing(1)
    })
}

fn no_key() -> Error {
    let message = "The database holds encrypted values, but their key is missing; a second key would lose them";
    let details = Map::from_iter([("error".to_owned(), message.into())]);
    Error::refused(GENERAL, message, details)
}

/// deleteConfig
pub(super) fn delete(args: &Args) -> Result<Action> {
    let name = check::config_key(args.field(0))?.to_owned();
    Action::write(DELETE, 0, move |conn, module| {
        module.plain_in_log = true;
        nothing(overwriting(conn, || Ok(conn.cached(DELETE)?.execute([&name])?))? as u64)
    })
}
