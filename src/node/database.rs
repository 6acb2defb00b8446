//! `runledger/database`: opening its file.

use napi::{Env, Result, bindgen_prelude::Object};
use napi_derive::napi;

use super::sqlite;
use crate::{
    database,
    store::Location,
    sync_conn::{ModuleFile, OpenedFile, Result as Outcome},
};

/// Open the application database at the absolute `path`, or `':memory:'`, and apply the built-in migrations. Nothing:
/// failed.
#[napi(catch_unwind)]
pub fn open_database(env: &Env, path: String) -> Result<Option<Object<'_>>> {
    sqlite::opened(env, open(&path))
}

fn open(path: &str) -> Outcome<OpenedFile> {
    let settings = database::settings(Location::of(path));
    let sets = [database::schema::migrations()?];
    ModuleFile { settings: &settings, sets: &sets, migrate: true }.open()
}
