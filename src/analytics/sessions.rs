#![forbid(unsafe_code)]
//! Sessions: starting, ending and reading them.

use rusqlite::{OptionalExtension, params};

use super::{
    Action, check,
    filter::{self, Listing},
    id,
    report::session_refused,
    shape::SESSION,
};
use crate::{
    client::{Args, Query, Value, check::not_an_object, reads, rows},
    clock::now_seconds,
    error::{Error, Result},
    packed::Input,
    store::Conn,
};

const INSERT: &str = "INSERT INTO sessions (id, started_at) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING \
                      RETURNING id, started_at, ended_at, tool_count";
const END: &str = "UPDATE sessions SET ended_at = ?2 WHERE id = ?1";

/// startSession. Answers with the row.
pub(super) fn start(args: &Args) -> Result<Action> {
    let batch = args.record(0, || not_an_object("session"))?;
    let session = check::session(&batch.record(0))?;
    let id = session.id.map_or_else(id::random, Ok)?;
    let started_at = session.started_at.unwrap_or_else(now_seconds);
    Action::write(INSERT, batch.bytes(), move |conn, _| {
        let row = rows::returned(conn, &SESSION, INSERT, params![id, started_at])?;
        if row.is_empty() {
            return Err(session_refused("ANALYTICS_SESSION_EXISTS", "The session exists already", &id));
        }
        Ok((Value::Row(Box::new(row)), Some(1)))
    })
}

/// endSession. Answers with the row.
pub(super) fn end(args: &Args) -> Result<Action> {
    let id = check::id(args.field(0))?.to_owned();
    let given = check::time("endedAt", args.field(1))?;
    let called = now_seconds();
    Action::write(END, 0, move |conn, _| {
        let known = conn
            .cached("SELECT started_at, ended_at FROM sessions WHERE id = ?1")?
            .query_row([&id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?)))
            .optional()?;
        let Some((started_at, ended_at)) = known else { return Err(not_found(&id)) };
        if let Some(ended_at) = given.or(if ended_at.is_none() { Some(called) } else { None }) {
            if ended_at < started_at {
                return Err(Error::invalid(format!("The session cannot end before it has started: {id}"), "endedAt"));
            }
            conn.cached(END)?.execute(params![id, ended_at])?;
        }
        Ok((Value::Row(Box::new(rows::chunk(conn, &SESSION, &id)?)), Some(1)))
    })
}

/// getSession
pub(super) fn get(args: &Args) -> Result<Action> {
    let id = check::id(args.field(0))?;
    let mut query = Query::rows(&SESSION);
    query.only("id = ?", Some(id.to_owned()));
    reads::list(&SESSION, query)
}

/// listSessions
pub(super) fn list(args: &Args) -> Result<Action> {
    let options: &Input = args.plain(0);
    let (listing, active) = (Listing::parse(options)?, filter::active(options)?);
    let mut query = Query::rows(&SESSION);
    match active {
        Some(true) => query.and("ended_at IS NULL", []),
        Some(false) => query.and("ended_at IS NOT NULL", []),
        None => {}
    }
    reads::list(&SESSION, listing.sort(query, "started_at"))
}

/// Count `calls` more of a session that has to be there.
pub(super) fn count_calls(conn: &Conn, id: &str, calls: i64) -> Result<()> {
    const COUNT: &str = "UPDATE sessions SET tool_count = tool_count + ?2 WHERE id = ?1";
    let counted = conn.cached(COUNT)?.execute(params![id, calls])?;
    if counted == 0 { Err(not_found(id)) } else { Ok(()) }
}

fn not_found(id: &str) -> Error {
    session_refused("ANALYTICS_SESSION_NOT_FOUND", "There is no session", id)
}
