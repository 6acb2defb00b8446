#![forbid(unsafe_code)]
//! Tool calls: recording one, many, and listing them.

use std::collections::HashMap;

use rusqlite::Params;
use serde_json::json;

use super::{
    Action, check,
    check::NewToolCall,
    filter::{Listing, ToolCallFilter},
    report::refused,
    sessions::count_calls,
    shape::TOOL_CALL,
    state::Analytics,
};
use crate::{
    client::{
        Args, Query, Value,
        check::{not_an_array, not_an_object},
        reads, rows,
    },
    clock::now_seconds,
    error::{Error, Result},
    packed::Rows,
    store::Conn,
};

macro_rules! insert {
    ($tail:literal) => {
        concat!(
            "INSERT INTO tool_calls (id, tool_name, duration_ms, status, error_type, timestamp, session_id) VALUES \
             (coalesce(?1, ",
            uuid!(),
            "), ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING",
            $tail
        )
    };
}

const INSERT: &str = insert!("");
const INSERT_RETURNING: &str =
    insert!(" RETURNING id, tool_name, duration_ms, status, error_type, timestamp, session_id");

/// recordToolCall. Answers with the row.
pub(super) fn record(args: &Args) -> Result<Action> {
    let batch = args.record(0, || not_an_object("call"))?;
    check::tool_call(&batch.record(0))?;
    let now = now_seconds();
    Action::write(INSERT, batch.bytes(), move |conn, state| {
        let call = check::tool_call(&batch.record(0))?;
        count_calls(conn, call.session_id, 1)?;
        let row = insert_returning(conn, &call, now)?;
        state.recorded(&call);
        Ok((Value::Row(Box::new(row)), Some(1)))
    })
}

/// recordToolCalls: all or none. The first bad one is named, whatever is wrong with it.
pub(super) fn record_all(args: &Args) -> Result<Action> {
    let parcel = args.records(0, || not_an_array("calls"))?;
    let now = now_seconds();
    if parcel.is_empty() {
        return Action::nothing(Value::Json(json!({ "inserted": 0 })));
    }
    let mut parcel = parcel;
    Action::write(INSERT, parcel.bytes(), move |conn, state| {
        let batch = parcel.batch()?;
        let mut calls_of: HashMap<&str, i64> = HashMap::new();
        for (index, record) in batch.records().enumerate() {
            check::tool_call(&record)
                .and_then(|call| {
                    if !calls_of.contains_key(call.session_id) {
                        count_calls(conn, call.session_id, 0)?;
                    }
                    insert_plain(conn, &call, now)?;
                    *calls_of.entry(call.session_id).or_default() += 1;
                    state.recorded(&call);
                    Ok(())
                })
                .map_err(|error| error.at_index(index))?;
        }
        for (session_id, calls) in calls_of {
            count_calls(conn, session_id, calls)?;
        }
        Ok((Value::Json(json!({ "inserted": batch.len() })), Some(batch.len() as u64)))
    })
}

/// listToolCalls
pub(super) fn list(args: &Args) -> Result<Action> {
    let input = args.plain(0);
    let (filter, listing) = (ToolCallFilter::parse(input)?, Listing::parse(input)?);
    reads::list(&TOOL_CALL, listing.sort(filter.restrict(Query::rows(&TOOL_CALL)), "timestamp"))
}

fn insert_returning(conn: &Conn, call: &NewToolCall<'_>, now: i64) -> Result<Rows> {
    let row = rows::returned(conn, &TOOL_CALL, INSERT_RETURNING, cells(call, now))?;
    if row.is_empty() { Err(exists(call)) } else { Ok(row) }
}

fn insert_plain(conn: &Conn, call: &NewToolCall<'_>, now: i64) -> Result<()> {
    let inserted = conn.cached(INSERT)?.execute(cells(call, now))?;
    if inserted == 0 { Err(exists(call)) } else { Ok(()) }
}

/// The parameters of both.
fn cells<'a>(call: &'a NewToolCall<'_>, now: i64) -> impl Params + 'a {
    let time = call.timestamp.unwrap_or(now);
    (call.id, call.tool_name, call.duration_ms, call.status.as_str(), call.error_type, time, call.session_id)
}

fn exists(call: &NewToolCall<'_>) -> Error {
    let id = call.id.unwrap_or_default();
    refused("ANALYTICS_CALL_EXISTS", format!("The tool call exists already: {id}"), "id", id)
}

impl Analytics {
    fn recorded(&mut self, call: &NewToolCall<'_>) {
        self.kept.add(call.tool_name, call.status, call.duration_ms);
    }
}
