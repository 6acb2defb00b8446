#![forbid(unsafe_code)]
//! Listings: rows leave in chunks, as fast as their consumer takes them.

use rusqlite::{Row, params_from_iter};

use super::{Action, Query, Reply, Value};
use crate::{
    error::Result,
    packed::{Rows, Shape},
    store::{Conn, Module},
};

/// Send the rows of `query`. Returns how many there were.
pub(crate) fn send(conn: &Conn, shape: &'static Shape, query: &Query, reply: &dyn Reply) -> Result<u64> {
    send_each(conn, shape, query, reply, |_| Ok(()))
}

/// The same, and `see` each row.
pub(crate) fn send_each(
    conn: &Conn,
    shape: &'static Shape,
    query: &Query,
    reply: &dyn Reply,
    mut see: impl FnMut(&Row<'_>) -> Result<()>,
) -> Result<u64> {
    let mut sent = 0;
    let mut chunk = Rows::new(shape);
    let mut statement = conn.cached(&query.sql)?;
    let mut rows = statement.query(params_from_iter(&query.params))?;
    while let Some(row) = rows.next()? {
        chunk.push(row)?;
        see(row)?;
        sent += 1;
        if chunk.is_full() {
            chunk = conn.off_the_clock(|| reply.rows(chunk))?;
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
