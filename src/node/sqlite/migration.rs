//! Migrations on a connection of this thread. What the functions among them do runs between two calls.

use std::path::Path;

use napi::{
    Env, JsValue, Result,
    bindgen_prelude::{Null, Object, Unknown},
};
use napi_derive::napi;
use serde::Serialize;

use super::{answer, table};
use crate::{
    command,
    error::Error,
    migration::{self, ApplyOptions, Migration, Script},
    node::{input, output},
    packed::Input,
    sync_conn::{Failure, Next, Result as Outcome},
};

/// Apply what is pending of a list. Returns the version whose function has to run now, after which comes
/// `migrationResume`; the report at the end; null after a failure.
#[napi(catch_unwind)]
pub fn migration_apply<'env>(
    env: &'env Env,
    connection: u32,
    module: String,
    list: Unknown<'_>,
    allow_destructive: bool,
    dry_run: bool,
) -> Result<Option<Unknown<'env>>> {
    let list = input::input(&list)?;
    next(
        env,
        table::get(connection).and_then(|connection| {
            connection.migrate(&command::listed_set(&module, &list)?, ApplyOptions { allow_destructive, dry_run })
        }),
    )
}

/// Roll a list back to a version, by default to the one before the current one; otherwise as `migrationApply`.
#[napi(catch_unwind)]
pub fn migration_roll_back<'env>(
    env: &'env Env,
    connection: u32,
    module: String,
    list: Unknown<'_>,
    target: Unknown<'_>,
) -> Result<Option<Unknown<'env>>> {
    let (list, target) = (input::input(&list)?, input::input(&target)?);
    next(
        env,
        table::get(connection)
            .and_then(|connection| connection.roll_back(&command::listed_set(&module, &list)?, &target)),
    )
}

/// Roll one migration back, which must be the highest that is applied; otherwise as `migrationApply`.
#[napi(catch_unwind)]
pub fn migration_roll_back_only<'env>(
    env: &'env Env,
    connection: u32,
    module: String,
    migration: Unknown<'_>,
) -> Result<Option<Unknown<'env>>> {
    let list = Input::List(vec![input::input(&migration)?]);
    next(
        env,
        table::get(connection).and_then(|connection| match &migration::listed(&module, &list)?[..] {
            [migration] => connection.roll_back_only(&module, migration),
            _ => Err(Error::Internal("one migration makes a list of one".to_owned()).into()),
        }),
    )
}

/// The function that was asked for has run. What it threw comes as a string and as its message alone.
#[napi(catch_unwind)]
pub fn migration_resume(
    env: &Env,
    connection: u32,
    returned_promise: bool,
    thrown: Option<String>,
    message: Option<String>,
) -> Result<Option<Unknown<'_>>> {
    let outcome = match thrown {
        Some(text) => Err(migration::Failure::thrown(text, message.unwrap_or_default())),
        None if returned_promise => Err(migration::Failure::promise()),
        None => Ok(()),
    };
    next(env, table::get(connection).and_then(|connection| connection.resume_migration(outcome)))
}

/// The journal of a module. Null after a failure.
#[napi(catch_unwind)]
pub fn migration_journal(env: &Env, connection: u32, module: String) -> Result<Option<Unknown<'_>>> {
    reported(env, table::get(connection).and_then(|connection| connection.journal(&module)))
}

/// Compare a file with its modules: pairs of a name and a list, or null for what the journal tells. Null after a failure.
#[napi(catch_unwind)]
pub fn migration_validate<'env>(
    env: &'env Env,
    connection: u32,
    modules: Unknown<'_>,
) -> Result<Option<Unknown<'env>>> {
    let given = input::input(&modules)?;
    reported(
        env,
        table::get(connection).and_then(|connection| {
            let pairs = if let Input::List(pairs) = &given { &pairs[..] } else { &[] };
            let modules = pairs.iter().map(known).collect::<Outcome<Vec<_>>>()?;
            connection.validate(&modules)
        }),
    )
}

/// Whether an application may have migrations of this module. 0: yes.
#[napi(catch_unwind)]
pub fn migration_check_module(module: String) -> Result<u32> {
    answer::done(migration::check_application(&module).map(|()| 0).map_err(Failure::from))
}

/// The built-in migrations of a module, as `migrationApply` takes them. Null after a failure.
#[napi(catch_unwind)]
pub fn migration_built_in(env: &Env, module: String) -> Result<Option<Unknown<'_>>> {
    match command::built_in(&module) {
        Ok(set) => {
            let migrations = set.as_ref().map_or(&[][..], |set| set.migrations());
            let mut list = env.create_array(u32::try_from(migrations.len()).unwrap_or(u32::MAX))?;
            for (position, migration) in (0..).zip(migrations) {
                list.set(position, described(env, migration)?)?;
            }
            Ok(Some(list.to_unknown()))
        }
        Err(error) => answer::failed(error.into()).map(|()| None),
    }
}

/// The migrations in a directory, by number: file, number, and what is SQL as `migrationApply` takes it, or null for a
/// file that has to be loaded. Null after a failure.
#[napi(catch_unwind)]
pub fn migration_find(env: &Env, dir: String) -> Result<Option<Unknown<'_>>> {
    let found = match migration::find(Path::new(&dir)) {
        Ok(found) => found,
        Err(error) => return answer::failed(error.into()).map(|()| None),
    };
    let mut list = env.create_array(u32::try_from(found.len()).unwrap_or(u32::MAX))?;
    for (position, found) in (0..).zip(&found) {
        let mut entry = Object::new(env)?;
        entry.set("file", found.path.to_string_lossy().as_ref())?;
        entry.set("version", float(found.version))?;
        match &found.sql {
            Some(migration) => entry.set("sql", described(env, migration)?)?,
            None => entry.set("sql", Null)?,
        }
        list.set(position, entry)?;
    }
    Ok(Some(list.to_unknown()))
}

/// Whether what a file exports is the migration of this version. 0: yes.
#[napi(catch_unwind)]
pub fn migration_check_loaded(file: String, version: f64, exported: Unknown<'_>) -> Result<u32> {
    let exported = input::input(&exported)?;
    #[expect(clippy::cast_possible_truncation, reason = "a version that migrationFind has given")]
    let checked = migration::check_loaded(Path::new(&file), version as i64, &exported);
    answer::done(checked.map(|()| 0).map_err(Failure::from))
}

fn known(pair: &Input) -> Outcome<(String, Option<migration::MigrationSet>)> {
    let Input::List(pair) = pair else { return Err(Error::Internal("no pair".to_owned()).into()) };
    let [module, list] = &pair[..] else { return Err(Error::Internal("no pair".to_owned()).into()) };
    let module = module.field().text().unwrap_or_default().to_owned();
    let set = if *list == Input::Null { None } else { Some(command::listed_set(&module, list)?) };
    Ok((module, set))
}

/// A migration in SQL, as `migrationApply` takes it.
fn described<'env>(env: &'env Env, migration: &Migration) -> Result<Object<'env>> {
    let sql = |script: &Script| match script {
        Script::Sql(sql) => Some(sql.to_string()),
        Script::External => None,
    };
    let mut object = Object::new(env)?;
    object.set("version", float(migration.version))?;
    object.set("name", migration.name.as_str())?;
    object.set("up", sql(&migration.up))?;
    object.set("down", migration.down.as_ref().and_then(sql))?;
    object.set("destructive", migration.destructive)?;
    object.set("foreignKeys", !migration.foreign_keys_off)?;
    Ok(object)
}

#[allow(clippy::cast_precision_loss, reason = "versions are checked to be below 2^53")]
fn float(version: i64) -> f64 {
    version as f64
}

fn next(env: &Env, next: Outcome<Next>) -> Result<Option<Unknown<'_>>> {
    match next {
        Ok(Next::Function(version)) => reported(env, Ok(version)),
        Ok(Next::Done(driven)) => reported(env, Ok(driven)),
        Err(failure) => answer::failed(failure).map(|()| None),
    }
}

fn reported(env: &Env, report: Outcome<impl Serialize>) -> Result<Option<Unknown<'_>>> {
    let report = report
        .and_then(|report| serde_json::to_value(report).map_err(|error| Error::Internal(error.to_string()).into()));
    match report {
        Ok(report) => output::json(env, &report).map(Some),
        Err(failure) => answer::failed(failure).map(|()| None),
    }
}
