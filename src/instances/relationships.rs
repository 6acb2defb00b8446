#![forbid(unsafe_code)]
//! Which instance came from which, and why.

use rusqlite::{OptionalExtension, ffi};

use super::{
    Action,
    cells::Cells,
    check, filter,
    report::relationship_exists,
    rows::{self, is_refused, missing_reference},
    shape::RELATIONSHIP,
};
use crate::{
    client::{Args, Value, check::not_an_object, nothing, reads},
    clock::now_seconds,
    error::{Error, Result},
    store::Conn,
};

const TABLE: &str = "instance_relationships";

/// createRelationship. Answers with the id.
pub(super) fn create(args: &Args) -> Result<Action> {
    let batch = args.record(0, || not_an_object("relationship"))?;
    let cells = check::new_relationship(&batch.record(0))?;
    Action::write("INSERT INTO instance_relationships (…) VALUES (…)", batch.bytes(), move |conn, _| {
        let cells = cells.clone().or("created_at", now_seconds());
        #[allow(clippy::cast_precision_loss, reason = "an id below 2^53")]
        let id = rows::insert(conn, TABLE, &cells).map_err(|error| refused(conn, &cells, None, error))? as f64;
        Ok((Value::Number(id), Some(1)))
    })
}

/// getRelationships: as parent or as child.
pub(super) fn of_instance(args: &Args) -> Result<Action> {
    match check::id("instanceId", args.field(0))? {
        Some(id) => reads::list(&RELATIONSHIP, filter::relationships_of(id)),
        None => Action::nothing(Value::Nothing),
    }
}

/// updateRelationship: set the given columns of one that exists.
pub(super) fn update(args: &Args) -> Result<Action> {
    let id = check::number("id", args.field(0))?;
    let batch = args.record(1, || not_an_object("updates"))?;
    let cells = check::relationship_update(&batch.record(0))?;
    Action::write("UPDATE instance_relationships SET … WHERE id = ?", batch.bytes(), move |conn, _| {
        let found =
            rows::update(conn, TABLE, &cells, "id", id).map_err(|error| refused(conn, &cells, Some(id), error))?;
        if found { nothing(1) } else { Err(Error::invalid(format!("There is no relationship {id}"), "id")) }
    })
}

/// What the refusal of `cells` means; `id` is the row that they were to change.
fn refused(conn: &Conn, cells: &Cells, id: Option<i64>, error: Error) -> Error {
    if !is_refused(&error, ffi::SQLITE_CONSTRAINT_UNIQUE) {
        return missing_reference(conn, cells, &["parent_instance", "child_instance"], error);
    }
    let names = ["parent_instance", "child_instance", "relationship_type"];
    let before = id.and_then(|id| stored(conn, id).ok().flatten()).unwrap_or_default();
    let after: Vec<&str> = names.iter().zip(&before).map(|(name, old)| cells.text(name).unwrap_or(old)).collect();
    match after[..] {
        [parent, child, kind] => relationship_exists([parent, child, kind], error),
        _ => error,
    }
}

/// Parent, child and type of a relationship.
fn stored(conn: &Conn, id: i64) -> Result<Option<[String; 3]>> {
    let sql = "SELECT parent_instance, child_instance, relationship_type FROM instance_relationships WHERE id = ?1";
    Ok(conn.cached(sql)?.query_row([id], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).optional()?)
}
