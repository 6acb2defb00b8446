//! `runledger/analytics`: opening its file with a synchronous connection.

use napi::{Env, Result, bindgen_prelude::Object};
use napi_derive::napi;

use super::sqlite;
use crate::{
    analytics::{self, Analytics},
    client::ClientModule,
    store::Location,
};

/// Open the analytics database at the absolute `path`, or `':memory:'`. Answers with `opened` or `error`.
#[napi(catch_unwind)]
pub fn open_analytics(env: &Env, path: String, migrate: bool) -> Result<Object<'_>> {
    let opened = analytics::open_synchronous(Location::of(&path), migrate);
    sqlite::opened_or(env, opened, |error| Analytics::report(error, "createAnalyticsDb"))
}
