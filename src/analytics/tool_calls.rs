#![forbid(unsafe_code)]
//! Tool calls: recording one, many, and listing them.

use std::collections::HashMap;

use rusqlite::{
    CachedStatement, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use serde_json::json;

use super::{
    Action, check,
    check::NewToolCall,
    filter::{Listing, ToolCallFilter},
    id,
    report::refused,
    sessions::count_calls,
    shape::TOOL_CALL,
    state::Analytics,
};
use crate::{
    client::{
        Args, Inserted, MicroBatch, Query, Value,
        check::{not_an_array, not_an_object},
        reads,
    },
    clock::now_seconds,
    error::Result,
    packed::Rows,
    store::{Control, Isolation},
};

const INSERT: &str = "INSERT INTO tool_calls (id, tool_name, duration_ms, status, error_type, timestamp, session_id) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING";

/// recordToolCall: calls that came together, each alone. Answers with the rows.
pub(super) fn record_each(args: &Args) -> Result<Action> {
    let parcel = args.records(0, || not_an_object("call"))?;
    let now = now_seconds();
    let mut calls = MicroBatch::new(parcel, Control::default());
    Action::each(INSERT, Isolation::Savepoint, calls.load(), move |conn, state| {
        let mut calls_of: HashMap<String, i64> = HashMap::new();
        let mut rows = Rows::new(&TOOL_CALL);
        let mut insert = conn.cached(INSERT)?;
        let inserted = calls.run(conn, |record| {
            let call = check::tool_call(record)?;
            if !calls_of.contains_key(call.session_id) {
                count_calls(conn, call.session_id, 0)?;
                calls_of.insert(call.session_id.to_owned(), 0);
            }
            let id = call.id.map_or_else(id::random, |id| Ok(id.to_owned()))?;
            let cells = cells(&call, &id, now);
            run(&mut insert, cells)?;
            rows.push_values(&cells)?;
            if let Some(calls) = calls_of.get_mut(call.session_id) {
                *calls += 1;
            }
            state.recorded(&call);
            Ok(conn.last_insert_rowid())
        })?;
        let Some(inserted) = inserted else { return Ok(Inserted::default()) };
        for (session_id, calls) in calls_of {
            count_calls(conn, &session_id, calls)?;
        }
        Ok(Inserted { rows: Some(Box::new(rows)), ..inserted })
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
        let mut insert = conn.cached(INSERT)?;
        let mut calls_of: HashMap<&str, i64> = HashMap::new();
        for (index, record) in batch.records().enumerate() {
            check::tool_call(&record)
                .and_then(|call| {
                    if !calls_of.contains_key(call.session_id) {
                        count_calls(conn, call.session_id, 0)?;
                    }
                    let id = call.id.map_or_else(id::random, |id| Ok(id.to_owned()))?;
                    run(&mut insert, cells(&call, &id, now))?;
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

/// The columns of the row that a call becomes, in their order.
fn cells<'a>(call: &NewToolCall<'a>, id: &'a str, now: i64) -> [ValueRef<'a>; 7] {
    [
        id.into(),
        call.tool_name.into(),
        ValueRef::Integer(call.duration_ms),
        call.status.as_str().into(),
        call.error_type.map_or(ValueRef::Null, ValueRef::from),
        ValueRef::Integer(call.timestamp.unwrap_or(now)),
        call.session_id.into(),
    ]
}

fn run(insert: &mut CachedStatement<'_>, cells: [ValueRef<'_>; 7]) -> Result<()> {
    let inserted = insert.execute(params_from_iter(cells.map(ToSqlOutput::Borrowed)))?;
    if inserted > 0 {
        return Ok(());
    }
    let id = cells[0].as_str().unwrap_or_default();
    Err(refused("ANALYTICS_CALL_EXISTS", format!("The tool call exists already: {id}"), "id", id))
}

impl Analytics {
    fn recorded(&mut self, call: &NewToolCall<'_>) {
        self.kept.add(call.tool_name, call.status, call.duration_ms);
    }
}
