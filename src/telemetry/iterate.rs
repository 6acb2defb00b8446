#![forbid(unsafe_code)]
//! Iteration: pages that each go on behind the last row of the one before.

use rusqlite::types::Value as Sql;
use serde_json::{Value as Json, json};

use super::{
    Action, check,
    filter::{Cursor, EventFilter, Progress, SessionFilter},
    shape::{EVENT, SESSION},
};
use crate::{
    client::{Args, Query, Value, reads},
    error::{Error, Result},
    packed::{Input, Shape, json_number},
};

/// A page of iterateEvents. The value is the cursor of the next page, `null` behind the last.
pub(super) fn events(args: &Args) -> Result<Action> {
    let (progress, page_size) = position(args)?;
    let filter = EventFilter::iteration(args.plain(0))?;
    let key = filter.order_by.order().position;
    page(&EVENT, key, filter.page(&progress, page_size), progress, page_size)
}

/// A page of iterateSessions.
pub(super) fn sessions(args: &Args) -> Result<Action> {
    let (progress, page_size) = position(args)?;
    let filter = SessionFilter::query(args.plain(0))?;
    let key = filter.order_by.order().position;
    page(&SESSION, key, filter.page(&progress, page_size), progress, page_size)
}

fn page(shape: &'static Shape, key: usize, query: Option<Query>, progress: Progress, page_size: i64) -> Result<Action> {
    let Some(query) = query else { return Action::nothing(Value::Json(Json::Null)) };
    Action::read(query.sql.clone(), move |conn, reply| {
        let mut last = None;
        let sent = reads::send_each(conn, shape, &query, reply, |row| {
            last = Some(Cursor { key: row.get(key)?, id: row.get(0)? });
            Ok(())
        })?;
        let rows = i64::try_from(sent).unwrap_or(i64::MAX);
        let next = match last {
            Some(cursor) if rows == page_size => {
                json!([to_json(&cursor.key), to_json(&cursor.id), progress.returned + rows])
            }
            _ => Json::Null,
        };
        Ok((Value::Json(next), Some(sent)))
    })
}

/// Where the iteration stands, from the cursor that the page before has given.
fn position(args: &Args) -> Result<(Progress, i64)> {
    let page_size = check::page_size_argument(args.field(2))?;
    let progress = match args.plain(1) {
        Input::List(parts) => match parts.as_slice() {
            [key, id, Input::Number(returned)] => {
                #[allow(clippy::cast_possible_truncation, reason = "a count of rows")]
                let returned = *returned as i64;
                Progress { after: Some(Cursor { key: to_sql(key), id: to_sql(id) }), returned }
            }
            _ => return Err(Error::Internal("a cursor has three parts".into())),
        },
        _ => Progress::default(),
    };
    Ok((progress, page_size))
}

fn to_json(value: &Sql) -> Json {
    match value {
        Sql::Null | Sql::Blob(_) => Json::Null,
        Sql::Integer(number) => (*number).into(),
        Sql::Real(number) => json_number(*number),
        Sql::Text(text) => text.as_str().into(),
    }
}

fn to_sql(input: &Input) -> Sql {
    match input {
        Input::Number(number) => Sql::Real(*number),
        Input::Text(text) | Input::Malformed(text) => Sql::Text(text.clone()),
        _ => Sql::Null,
    }
}
