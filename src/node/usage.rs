//! `runledger/usage`: opening its file, and its methods on an open connection.

use napi::{
    Env, Result,
    bindgen_prelude::{Array, Object, Unknown},
};
use napi_derive::napi;
use serde_json::Value as Json;

use super::{input, output, sqlite};
use crate::{
    error::Error,
    packed::Input,
    store::Location,
    sync_conn::Failure,
    usage::{self, Answer, Method, MissingSession, Rows},
};

/// Open the file of usage at the absolute `path`, or `':memory:'`, and apply the migrations of telemetry and of usage.
/// Answers with `opened` or `error`.
#[napi(catch_unwind)]
pub fn open_usage(env: &Env, path: String) -> Result<Object<'_>> {
    sqlite::opened_or(env, usage::open(Location::of(&path)), |error| usage::report(error, "initDatabase"))
}

/// Check the migrations of usage with what an application has added. 0: they can be applied, and rolled back.
#[napi(catch_unwind)]
pub fn check_usage_migrations(list: Unknown<'_>) -> Result<u32> {
    sqlite::done(usage::schema::check_registered(&input::input(&list)?).map(|()| 0).map_err(Failure::from))
}

/// Run a method of usage. Answers with `value`, `rows` or `error`. `create`: what insertUsageSnapshot does without a session.
#[napi(catch_unwind)]
pub fn call_usage<'env>(
    env: &'env Env,
    connection: u32,
    method: String,
    create: bool,
    args: Array<'_>,
) -> Result<Object<'env>> {
    let missing = if create { MissingSession::Create } else { MissingSession::Reject };
    let run = Method::named(&method, missing).map_err(|error| napi::Error::from_reason(error.to_string()))?;
    // Before the arguments: a getter among them may close the file, and its number be given to another one.
    let connection = sqlite::open_connection(connection);
    let args = arguments(&args)?;
    let worked = connection.and_then(|connection| connection.work(run.writes(), |db| run.run(db, &args)));
    let mut answer = Object::new(env)?;
    match worked.map_err(Error::from).flatten() {
        Ok(Answer::Value(value)) => answer.set("value", output::json(env, &value)?)?,
        Ok(Answer::Rows(rows)) => answer.set("rows", table(env, rows)?)?,
        Err(error) => answer.set("error", output::failure(env, &usage::report(&error, &method))?)?,
    }
    Ok(answer)
}

fn arguments(args: &Array<'_>) -> Result<Vec<Input>> {
    let mut inputs = Vec::with_capacity(args.len() as usize);
    for position in 0..args.len() {
        inputs.push(match args.get::<Unknown<'_>>(position)? {
            Some(value) => input::input(&value)?,
            None => Input::Undefined,
        });
    }
    Ok(inputs)
}

/// Rows as the facade's `UsageRows`.
fn table(env: &Env, rows: Rows) -> Result<Object<'_>> {
    let mut table = Object::new(env)?;
    table.set("columns", rows.columns)?;
    table.set("cells", output::json(env, &Json::Array(rows.cells))?)?;
    Ok(table)
}
