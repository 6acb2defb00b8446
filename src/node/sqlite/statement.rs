//! Statements: compiling, binding, and what is known of them.

use napi::{
    Env, JsValue, Result,
    bindgen_prelude::{Array, FromNapiValue, Function, Unknown},
    sys,
};
use napi_derive::napi;

use super::{answer, arguments::bind_mixed, connection::tell, table, values};
use crate::sync_conn::{Access, Cell, Connection, Failure, Result as Outcome, StatementId, Step};

/// Compile one statement. Returns what `collect` makes of its number, 1 if it has rows, 1 if it only reads, the number of
/// its parameters, its generation, and the names of its columns; null after a failure.
#[napi(catch_unwind)]
pub fn sqlite_prepare<'env>(
    env: &'env Env,
    connection: u32,
    sql: String,
    collect: Unknown<'env>,
) -> Result<Option<Unknown<'env>>> {
    described(table::get(connection).and_then(|connection| {
        let id = connection.prepare(&sql)?;
        describe(env, &connection, id, collect.raw())
    }))
}

/// Compile `PRAGMA source`; otherwise as `sqlitePrepare`.
#[napi(catch_unwind)]
pub fn sqlite_pragma<'env>(
    env: &'env Env,
    connection: u32,
    source: String,
    collect: Unknown<'env>,
) -> Result<Option<Unknown<'env>>> {
    described(table::get(connection).and_then(|connection| {
        let id = connection.pragma(&source)?;
        describe(env, &connection, id, collect.raw())
    }))
}

/// The number of the statement that takes a step of a transaction; null after a failure.
#[napi(catch_unwind)]
pub fn sqlite_control(connection: u32, step: u32) -> Result<Option<u32>> {
    list(table::get(connection).and_then(|connection| {
        let step = Step::ALL.get(step as usize).copied().unwrap_or(Step::Rollback);
        connection.control(step)
    }))
}

/// Have a statement to oneself, to iterate or, for good, to fix its parameters. Returns its number; null after a failure.
#[napi(catch_unwind)]
pub fn sqlite_claim(connection: u32, statement: u32, for_good: bool) -> Result<Option<u32>> {
    list(table::get(connection).and_then(|connection| connection.claim(statement, for_good)))
}

/// One object less has a statement.
#[napi(catch_unwind)]
pub fn sqlite_free(connection: u32, statement: u32) {
    if let Ok(connection) = table::get(connection) {
        connection.free(statement);
    }
}

/// The names of a statement's parameters by position, with their signs; null for `?`. Null after a failure.
#[napi(catch_unwind)]
pub fn sqlite_parameters(connection: u32, statement: u32) -> Result<Option<Vec<Option<String>>>> {
    let found = table::get(connection).and_then(|connection| connection.statement(statement));
    list(found.map(|statement| statement.borrow().parameters().to_vec()))
}

/// The names of a statement's columns. Null after a failure.
#[napi(catch_unwind)]
pub fn sqlite_names(connection: u32, statement: u32) -> Result<Option<Vec<String>>> {
    let found = table::get(connection).and_then(|connection| connection.statement(statement));
    list(found.map(|statement| statement.borrow().names()))
}

/// Name, column, table, database and declared type of each of a statement's columns. Null after a failure.
#[napi(catch_unwind)]
pub fn sqlite_columns(connection: u32, statement: u32) -> Result<Option<Vec<Vec<Option<String>>>>> {
    let found = table::get(connection).and_then(|connection| connection.statement(statement));
    list(found.map(|statement| {
        let columns = statement.borrow().columns();
        columns.into_iter().map(|c| vec![Some(c.name), c.column, c.table, c.database, c.declared]).collect()
    }))
}

/// Whether a statement could do something now: 0 a run, 1 a read, 2 nothing but be used. Without a statement: whether the
/// connection is open.
#[napi(catch_unwind)]
pub fn sqlite_check(connection: u32, statement: Option<u32>, access: u32) -> Result<u32> {
    let checked = table::get(connection).and_then(|connection| match statement {
        Some(statement) => connection.check(statement, access_of(access)),
        None => Ok(()),
    });
    answer::done(checked.map(|()| 0))
}

/// Bind the arguments of a call in their order. `kinds` says what each of the `values` is: 0 by position, above 0 the
/// index of the parameter that it is for; for what is no value: below 0 the index of a parameter that the object has no
/// member for, the largest and the smallest number a second object and one of a class. `object`: whether there was one.
/// `access` as in `sqliteCheck`.
#[napi(catch_unwind)]
pub fn sqlite_bind(
    connection: u32,
    statement: u32,
    access: u32,
    object: bool,
    kinds: Vec<i32>,
    values: Array<'_>,
) -> Result<u32> {
    let bound = table::get(connection).and_then(|connection| {
        connection.bind(statement, access_of(access), |binder| bind_mixed(binder, object, &kinds, &values))
    });
    answer::done(bound.map(|()| 0))
}

/// Tell `hear` the text of a statement with the values that are bound. `access` as in
/// `sqliteCheck`.
#[napi(catch_unwind)]
pub fn sqlite_log(
    env: Env,
    connection: u32,
    statement: u32,
    access: u32,
    hear: Function<'_, String, ()>,
) -> Result<u32> {
    let told = table::get(connection).and_then(|connection| {
        let text = connection.expanded(statement, access_of(access))?;
        connection.calling(|| tell(&env, &hear, &text))
    });
    answer::done(told.map(|()| 0))
}

/// End an iteration.
#[napi(catch_unwind)]
pub fn sqlite_stop(connection: u32, statement: u32) -> Result<u32> {
    answer::done(table::get(connection).and_then(|connection| connection.stop(statement)).map(|()| 0))
}

fn access_of(access: u32) -> Access {
    match access {
        0 => Access::Run,
        1 => Access::Read,
        _ => Access::Touch,
    }
}

fn describe<'env>(
    env: &'env Env,
    connection: &Connection,
    id: StatementId,
    collect: sys::napi_value,
) -> Outcome<Unknown<'env>> {
    let statement = connection.statement(id)?;
    let statement = statement.borrow();
    let parameters = u32::try_from(statement.parameters().len()).unwrap_or(u32::MAX);
    let generation = statement.generation().cast_unsigned();
    let facts = [id, statement.reader().into(), statement.readonly().into(), parameters, generation];
    let mut description = Vec::with_capacity(facts.len() + 8);
    for fact in facts {
        description.push(values::write(env.raw(), Cell::Integer(fact.into()), false)?);
    }
    for name in statement.names() {
        description.push(values::string_of(env.raw(), name.as_bytes())?);
    }
    let described = values::call(env.raw(), collect, &description)?;
    // SAFETY: the value lives in the handle scope of the current call.
    unsafe { Unknown::from_napi_value(env.raw(), described) }.map_err(|_| Failure::Thrown)
}

fn described(result: Outcome<Unknown<'_>>) -> Result<Option<Unknown<'_>>> {
    match result {
        Ok(description) => Ok(Some(description)),
        Err(failure) => answer::failed(failure).map(|()| None),
    }
}

fn list<T>(result: Outcome<T>) -> Result<Option<T>> {
    match result {
        Ok(list) => Ok(Some(list)),
        Err(failure) => answer::failed(failure).map(|()| None),
    }
}
