#![forbid(unsafe_code)]
//! Instances: creating, changing, deleting and reading them.

use rusqlite::{ffi, params};

use super::{
    Action, check, filter,
    report::{instance_exists, instance_not_found},
    rows::{self, is_refused, missing_reference},
    shape::INSTANCE,
};
use crate::{
    client::{Args, Value, check::not_an_object, nothing, reads},
    clock::now_seconds,
    error::Result,
    store::Conn,
};

/// The column by which an instance refers to another.
const REFERENCES: &[&str] = &["parent_instance_id"];

/// createInstance. Answers with the id.
pub(super) fn create(args: &Args) -> Result<Action> {
    let batch = args.record(0, || not_an_object("instance"))?;
    let cells = check::new_instance(&batch.record(0))?;
    let id = cells.text("id").unwrap_or_default().to_owned();
    Action::write("INSERT INTO instances (…) VALUES (…)", batch.bytes(), move |conn, _| {
        let now = now_seconds();
        let cells = cells.clone().or("created_at", now).or("last_activity", now);
        rows::insert(conn, "instances", &cells).map_err(|error| {
            match is_refused(&error, ffi::SQLITE_CONSTRAINT_PRIMARYKEY) {
                true => instance_exists(&id, error),
                false => missing_reference(conn, &cells, REFERENCES, error),
            }
        })?;
        Ok((Value::Json(id.as_str().into()), Some(1)))
    })
}

/// updateInstance: set the given columns; `last_activity` is always now.
pub(super) fn update(args: &Args) -> Result<Action> {
    let id = check::id("id", args.field(0))?.map(str::to_owned);
    let batch = args.record(1, || not_an_object("updates"))?;
    let given = args.field(0).text().unwrap_or_default().to_owned();
    let cells = check::instance_update(&batch.record(0), &given)?;
    Action::write("UPDATE instances SET … WHERE id = ?", batch.bytes(), move |conn, _| {
        let cells = cells.clone().with("last_activity", now_seconds());
        let Some(id) = &id else { return Err(instance_not_found(&given, None, None)) };
        let found = rows::update(conn, "instances", &cells, "id", id.clone())
            .map_err(|error| missing_reference(conn, &cells, REFERENCES, error))?;
        if found { nothing(1) } else { Err(instance_not_found(id, None, None)) }
    })
}

/// updateInstanceStatus: the status, what it says of the end, and an event that tells of it.
pub(super) fn update_status(args: &Args) -> Result<Action> {
    let id = check::id("id", args.field(0))?.map(str::to_owned);
    let status = check::status(args.field(1))?.to_owned();
    let given = args.field(0).text().unwrap_or_default().to_owned();
    Action::write("UPDATE instances SET status = …; INSERT INTO mcp_events …", status.len(), move |conn, _| {
        match &id {
            Some(id) if set_status(conn, id, &status)? => nothing(1),
            _ => Err(instance_not_found(&given, None, None)),
        }
    })
}

/// Whether there is such an instance.
fn set_status(conn: &Conn, id: &str, status: &str) -> Result<bool> {
    let now = now_seconds();
    let changed = conn
        .cached(
            "UPDATE instances SET status = ?2, last_activity = ?3, terminated_at = CASE WHEN ?2 IN \
             ('terminated', 'pr_closed', 'pr_merged') THEN ?3 ELSE terminated_at END WHERE id = ?1",
        )?
        .execute(params![id, status, now])?;
    if changed == 0 {
        return Ok(false);
    }
    conn.cached(
        "INSERT INTO mcp_events (instance_id, tool_name, success, status_change, is_status_updating, timestamp) \
         VALUES (?1, 'update_instance_status', 1, ?2, 1, ?3)",
    )?
    .execute(params![id, status, now])?;
    Ok(true)
}

/// getInstance
pub(super) fn get(args: &Args) -> Result<Action> {
    match check::id("id", args.field(0))? {
        Some(id) => reads::list(&INSTANCE, filter::instance(id)),
        None => Action::nothing(Value::Nothing),
    }
}

/// listInstances
pub(super) fn list(args: &Args) -> Result<Action> {
    reads::list(&INSTANCE, filter::instances(args.plain(0))?)
}

/// deleteInstance: its events and relationships go with it, its children stay.
pub(super) fn delete(args: &Args) -> Result<Action> {
    let id = check::id("id", args.field(0))?.map(str::to_owned);
    let given = args.field(0).text().unwrap_or_default().to_owned();
    Action::write("DELETE FROM instances WHERE id = ?1", 0, move |conn, _| {
        let deleted = match &id {
            Some(id) => conn.cached("DELETE FROM instances WHERE id = ?1")?.execute([id])?,
            None => 0,
        };
        if deleted > 0 { nothing(1) } else { Err(instance_not_found(&given, None, None)) }
    })
}
