#![forbid(unsafe_code)]
//! What agents did with their tools.

use super::{
    Action, check, filter,
    rows::{self, missing_reference},
    shape::MCP_EVENT,
};
use crate::{
    client::{Args, Value, check::not_an_object, nothing, reads},
    clock::now_seconds,
    error::Result,
    store::Conn,
};

/// logMCPEvent
pub(super) fn log(args: &Args) -> Result<Action> {
    let batch = args.record(0, || not_an_object("event"))?;
    let cells = check::new_event(&batch.record(0))?;
    Action::write("INSERT INTO mcp_events (…) VALUES (…)", batch.bytes(), move |conn, _| {
        let cells = cells.clone().or("timestamp", now_seconds());
        rows::insert(conn, "mcp_events", &cells)
            .map_err(|error| missing_reference(conn, &cells, &["instance_id"], error))?;
        nothing(1)
    })
}

/// getMCPEvents: those of one instance, the newest first.
pub(super) fn of_instance(args: &Args) -> Result<Action> {
    let id = check::id("instanceId", args.field(0))?;
    match (id, check::event_limit(args.field(1))?) {
        (None, _) | (_, Some(0)) => Action::nothing(Value::Nothing),
        (Some(id), limit) => reads::list(&MCP_EVENT, filter::events_of(id, limit)),
    }
}

/// getRecentMCPEvents: those since a time, the newest first.
pub(super) fn recent(args: &Args) -> Result<Action> {
    reads::list(&MCP_EVENT, filter::events_since(args.field(0))?)
}

/// Most events that one transaction of maintenance deletes: others get their turn in between.
const DELETE_STEP: i64 = 5_000;

const DELETE_SOME: &str =
    "DELETE FROM mcp_events WHERE id IN (SELECT id FROM mcp_events WHERE timestamp < ?1 LIMIT ?2)";

/// Delete events from before `cutoff`, at most a step of them. Returns how many.
pub(super) fn delete_some_before(conn: &Conn, cutoff: i64) -> Result<u64> {
    Ok(conn.cached(DELETE_SOME)?.execute([cutoff, DELETE_STEP])? as u64)
}
