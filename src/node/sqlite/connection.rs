//! Opening, closing, and what concerns a whole connection.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::Duration,
};

use napi::{
    Env, JsValue, Result, ScopedTask,
    bindgen_prelude::{AsyncTask, ClassInstance, Function, Object, Unknown},
};
use napi_derive::napi;

use super::{answer, table, values};
use crate::{
    error::Error,
    node::client::NativeClient,
    sync_conn::{self, Backup, Connection, Failure, OpenOptions, Place, Result as Outcome},
};

/// The version of the SQLite that is built in.
#[napi(catch_unwind)]
pub fn sqlite_version() -> &'static str {
    sync_conn::sqlite_version()
}

/// Open a database; a relative path is resolved against `directory`. Returns the number of the connection; 0: failed.
#[napi(catch_unwind)]
pub fn sqlite_open(
    env: Env,
    path: String,
    directory: String,
    readonly: bool,
    must_exist: bool,
    timeout_ms: u32,
) -> Result<u32> {
    let opened = Place::parse(&path, Path::new(&directory)).and_then(|place| {
        let timeout = Duration::from_millis(timeout_ms.into());
        Connection::open(&OpenOptions { place, readonly, must_exist, timeout })
    });
    number(&env, opened)
}

/// Open another connection to the open database of a client, with the client's settings. 0: failed.
#[napi(catch_unwind)]
pub fn sqlite_join(env: Env, client: ClassInstance<'_, NativeClient>) -> Result<u32> {
    let joined = client.settings().map_err(Failure::from).and_then(|settings| Connection::join(&settings));
    number(&env, joined)
}

/// Close a connection, unless it is busy.
#[napi(catch_unwind)]
pub fn sqlite_close(connection: u32) -> Result<u32> {
    let may = table::get(connection).and_then(|connection| connection.may_close());
    if may.is_ok() {
        table::remove(connection);
    }
    answer::done(may.map(|()| 0))
}

/// Close a connection that nobody can reach any more, whatever it is doing.
#[napi(catch_unwind)]
pub fn sqlite_abandon(connection: u32) {
    table::remove(connection);
}

/// What has failed last on this thread.
#[napi(catch_unwind)]
pub fn sqlite_failure(env: &Env) -> Result<Object<'_>> {
    let unknown = || Failure::Other(Error::Internal("nothing has failed".into()));
    answer::report(env, &table::take_failure().unwrap_or_else(unknown))
}

/// Run all statements of a text. `before`, if it is a function, hears the text of each one.
#[napi(catch_unwind)]
pub fn sqlite_exec(env: Env, connection: u32, sql: String, before: Option<Function<'_, String, ()>>) -> Result<u32> {
    let ran = table::get(connection).and_then(|connection| match &before {
        Some(before) => connection.exec(&sql, Some(&mut |text| tell(&env, before, text))),
        None => connection.exec(&sql, None),
    });
    answer::done(ran.map(|()| 0))
}

/// Copy a database to a new file: by a promise off the thread, at once if it is in memory. The answer is the number of
/// pages, or a failure report.
#[napi(catch_unwind)]
pub fn sqlite_backup<'env>(env: &'env Env, connection: u32, target: String) -> Result<Unknown<'env>> {
    let target = Path::new(&target);
    let copied = match table::get(connection) {
        Ok(connection) => match connection.backup(target) {
            Some(backup) => return into_unknown(env, AsyncTask::new(BackupTask(backup))),
            None => connection.copy(target),
        },
        Err(failure) => Err(failure),
    };
    match copied {
        Ok(pages) => into_unknown(env, pages),
        Err(failure) => into_unknown(env, answer::report(env, &failure)?),
    }
}

/// Makes a copy on a thread of the runtime's pool.
pub struct BackupTask(Backup);

impl<'task> ScopedTask<'task> for BackupTask {
    type Output = Outcome<i32>;
    type JsValue = Unknown<'task>;

    fn compute(&mut self) -> Result<Self::Output> {
        let copied = catch_unwind(AssertUnwindSafe(|| self.0.run()));
        Ok(copied.unwrap_or_else(|_| Err(Failure::Other(Error::Internal("panic in native code".into())))))
    }

    fn resolve(&mut self, env: &'task Env, output: Self::Output) -> Result<Self::JsValue> {
        match output {
            Ok(pages) => into_unknown(env, pages),
            Err(failure) => into_unknown(env, answer::report(env, &failure)?),
        }
    }
}

/// Tell a function of JavaScript's a text. An exception stays pending.
pub(super) fn tell(env: &Env, function: &Function<'_, String, ()>, text: &str) -> Outcome<()> {
    let text = values::string_of(env.raw(), text.as_bytes())?;
    values::call(env.raw(), function.raw(), &[text]).map(drop)
}

fn number(env: &Env, opened: Outcome<Connection>) -> Result<u32> {
    match opened {
        Ok(connection) => table::insert(env, connection),
        Err(failure) => answer::failed(failure).map(|()| 0),
    }
}

fn into_unknown<T: napi::bindgen_prelude::ToNapiValue>(env: &Env, value: T) -> Result<Unknown<'_>> {
    // SAFETY: the value is made in, and lives in, the handle scope of the current call.
    unsafe {
        let raw = T::to_napi_value(env.raw(), value)?;
        napi::bindgen_prelude::FromNapiValue::from_napi_value(env.raw(), raw)
    }
}
