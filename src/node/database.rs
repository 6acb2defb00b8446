//! `runledger/database`: which migrations apply, and opening the file.

use napi::{
    Env, Result,
    bindgen_prelude::{Object, Unknown},
};
use napi_derive::napi;

use super::{input, sqlite};
use crate::{
    command, database, migration,
    packed::Input,
    store::Location,
    sync_conn::{Connection, Failure, ModuleFile, OpenedFile, Result as Outcome},
};

/// Whether the built-in migrations stand before those that are given for a module, or undefined. Null: failed.
#[napi(catch_unwind)]
pub fn continues_built_in(module: String, migrations: Unknown<'_>) -> Result<Option<bool>> {
    let given = input::input(&migrations)?;
    let list = if given == Input::Undefined { Ok(None) } else { migration::listed(&module, &given).map(Some) };
    let continues = list.and_then(|list| database::continues_built_in(&module, list.as_deref()));
    sqlite::value(continues.map_err(Failure::from))
}

/// Open the application database at the absolute `path`, or `':memory:'`, and compare it with its migrations, none of which
/// is applied. Null: failed.
#[napi(catch_unwind)]
pub fn open_database<'env>(
    env: &'env Env,
    path: String,
    module: String,
    migrations: Unknown<'_>,
    readonly: bool,
) -> Result<Option<Object<'env>>> {
    let settings = database::settings(Location::of(&path));
    let list = input::input(&migrations)?;
    if readonly {
        return sqlite::opened_readonly(env, Connection::open_readonly(&settings));
    }
    let open = || -> Outcome<OpenedFile> {
        let sets = [command::listed_set(&module, &list)?];
        ModuleFile { settings: &settings, sets: &sets, migrate: false }.open()
    };
    sqlite::opened(env, open())
}
