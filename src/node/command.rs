//! `runCommand`, `diagnose` and `backupDatabase`: the command line. They block, and run in its process only.

use std::{path::PathBuf, time::Duration};

use napi::{
    Env, Result,
    bindgen_prelude::{FnArgs, Function, Object, Unknown},
};
use napi_derive::napi;
use serde::Serialize;

use super::{input, output};
use crate::command::{self, Request, Verb};
use crate::error::Error;
use crate::migration::ApplyOptions;
use crate::packed::{Field, Input};

/// Migrate, inspect or roll back the file of a module. Answers with `report` or `error`.
#[napi(catch_unwind)]
pub fn run_command<'env>(env: &'env Env, module: String, verb: String, request: Unknown<'_>) -> Result<Object<'env>> {
    let given = input::input(&request)?;
    let flag = |key: &str| given.get(key).field() == Field::Boolean(true);
    let text = |key: &str| given.get(key).field().text().map(str::to_owned);
    let request = Request {
        path: PathBuf::from(text("file").unwrap_or_default()),
        target: text("target"),
        migrations: Some(given.get("migrations").clone()).filter(|list| *list != Input::Undefined),
        apply: ApplyOptions { allow_destructive: flag("allowDestructive"), dry_run: flag("dryRun") },
        busy_timeout: match given.get("busyTimeoutMs").field() {
            Field::Number(ms) => Duration::try_from_secs_f64(ms / 1000.0).ok(),
            _ => None,
        },
    };
    let report = Verb::parse(&verb).and_then(|verb| command::run(&module, verb, &request));
    answer(env, report, &verb)
}

/// Examine the add-on, and a file if there is a path. A missing file is wrong only if it is `required`.
#[napi(catch_unwind)]
pub fn diagnose<'env>(env: &'env Env, path: Option<String>, required: bool) -> Result<Object<'env>> {
    answer(env, Ok(command::diagnose(path.map(PathBuf::from).as_deref(), required)), "doctor")
}

/// Copy any SQLite database to a file that does not exist yet. Answers with `report` or `error`.
#[napi(catch_unwind)]
pub fn backup_database<'env>(
    env: &'env Env,
    source: String,
    target: String,
    on_progress: Option<Function<'_, FnArgs<(f64, f64)>, ()>>,
) -> Result<Object<'env>> {
    #[allow(clippy::cast_precision_loss, reason = "page numbers are below 2^32")]
    let mut progress = |copied: u64, total: u64| {
        if let Some(tell) = &on_progress {
            // The copy does not depend on whether anybody can be told.
            let _ = tell.call((copied as f64, total as f64).into());
        }
    };
    let report = command::backup(&PathBuf::from(source), &PathBuf::from(target), &mut progress);
    answer(env, report, "backup")
}

fn answer<'env>(env: &'env Env, report: crate::error::Result<impl Serialize>, operation: &str) -> Result<Object<'env>> {
    let mut answer = Object::new(env)?;
    match report.and_then(|it| serde_json::to_value(it).map_err(|error| Error::Internal(error.to_string()))) {
        Ok(report) => answer.set("report", output::json(env, &report)?)?,
        Err(error) => answer.set("error", output::failure(env, &error.report(operation))?)?,
    }
    Ok(answer)
}
