//! `runledger/analytics`: opening its file with a synchronous connection.

use napi::{Env, Result, bindgen_prelude::Object};
use napi_derive::napi;

use super::{output, sqlite};
use crate::{
    analytics::{self, Analytics},
    client::ClientModule,
    store::Location,
};

/// Open the analytics database at the absolute `path`, or `':memory:'`. Answers with `opened` or `error`.
#[napi(catch_unwind)]
pub fn open_analytics(env: &Env, path: String, migrate: bool) -> Result<Object<'_>> {
    let mut answer = Object::new(env)?;
    match analytics::open_synchronous(Location::of(&path), migrate) {
        Ok(file) => answer.set("opened", sqlite::opened(env, Ok(file))?)?,
        Err(error) => answer.set("error", output::failure(env, &Analytics::report(&error, "createAnalyticsDb"))?)?,
    }
    Ok(answer)
}
