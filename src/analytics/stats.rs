#![forbid(unsafe_code)]
//! toolStats: counts and percentiles by tool.

use super::{
    Action,
    digest::{COLUMNS, Digest},
    filter::ToolCallFilter,
    state::Analytics,
};
use crate::{
    client::{Args, Outcome, Query, Value},
    error::Result,
    store::{Conn, Known, WriteSession},
};

/// toolStats. For all calls, or those of some tools and statuses, the writer keeps what it takes.
pub(super) fn tool_stats(args: &Args) -> Result<Action> {
    let filter = ToolCallFilter::parse(args.plain(0))?;
    if !filter.is_by_kind() {
        let query = filter.restrict(Query::of(COLUMNS));
        return Action::read(query.sql.clone(), move |conn, _| Ok(answer(&Digest::read(conn, &query)?, &filter)));
    }
    Action::kept(COLUMNS, move |session| {
        let version = session.version()?;
        if let Some(digest) = session.module.kept.at(version) {
            return Ok(Known::Now(answer(digest, &filter)));
        }
        Ok(Known::AfterReading(Box::new(move |conn| {
            let mut digest = Digest::read(conn, &Query::of(COLUMNS))?;
            let last = last_row(conn)?;
            let outcome = answer(&digest, &filter);
            // If this fails the digest is not kept, and the next call reads again.
            let keep = move |session: &mut WriteSession<Analytics>| {
                let since = format!("{COLUMNS} WHERE rowid > {last}");
                if digest.add_all(&session.conn, &Query::of(&since)).is_ok() && session.version().ok() == Some(version)
                {
                    session.module.kept.keep(digest, version);
                }
            };
            Ok((outcome, Box::new(keep)))
        })))
    })
}

fn answer(digest: &Digest, filter: &ToolCallFilter) -> Outcome {
    let stats = digest.stats(filter);
    let count = stats.len() as u64;
    (Value::Json(stats.into()), Some(count))
}

/// The last row: what we insert ourselves comes behind it.
fn last_row(conn: &Conn) -> Result<i64> {
    Ok(conn.cached("SELECT coalesce(max(rowid), 0) FROM tool_calls")?.query_row([], |row| row.get(0))?)
}
