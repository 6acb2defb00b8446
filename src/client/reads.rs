#![forbid(unsafe_code)]
//! Listings: rows leave in chunks, as fast as their consumer takes them.

use rusqlite::params_from_iter;

use super::{Action, Query, Reply, Value};
use crate::{
    error::Result,
    packed::{Rows, Shape},
    store::{Conn, Module},
};

/// Rows of a chunk: decoding one holds the event loop for less than a millisecond.
const CHUNK: usize = 500;

/// Send the rows of `query`. Returns how many there were.
pub(crate) fn send(conn: &Conn, shape: &'static Shape, query: &Query, reply: &dyn Reply) -> Result<u64> {
    let mut sent = 0;
    let mut chunk = Rows::new(shape);
    let mut statement = conn.cached(&query.sql)?;
    let mut rows = statement.query(params_from_iter(&query.params))?;
    while let Some(row) = rows.next()? {
        chunk.push(row)?;
        sent += 1;
        if chunk.len() == CHUNK {
            let full = std::mem::replace(&mut chunk, Rows::new(shape));
            conn.off_the_clock(|| reply.rows(full))?;
        }
    }
    if !chunk.is_empty() {
        conn.off_the_clock(|| reply.tail(chunk))?;
    }
    Ok(sent)
}

/// A call that answers with the rows of one query.
pub(crate) fn list<M: Module>(shape: &'static Shape, query: Query) -> Result<Action<M>> {
    Action::read(query.sql.clone(), move |conn, reply| {
        let sent = send(conn, shape, &query, reply)?;
        Ok((Value::Nothing, Some(sent)))
    })
}
