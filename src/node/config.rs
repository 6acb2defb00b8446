//! `resolveConfig`

use napi::{
    Env, Result,
    bindgen_prelude::{Object, Unknown},
};
use napi_derive::napi;

use super::{input, output};
use crate::telemetry::config::{Environment, TelemetryConfig};

/// Check a configuration and fill in its defaults.
#[napi(catch_unwind)]
pub fn resolve_config<'env>(env: &'env Env, config: Unknown<'_>, environment: Unknown<'_>) -> Result<Object<'env>> {
    let mut answer = Object::new(env)?;
    match TelemetryConfig::parse(&input::input(&config)?, &surroundings(&environment)?) {
        Err(error) => answer.set("error", output::failure(env, &error.report("constructor"))?)?,
        Ok(config) => {
            let mut resolved = Object::new(env)?;
            for (key, value) in config.entries() {
                resolved.set(key, output::json(env, &value.to_json())?)?;
            }
            answer.set("config", resolved)?;
            answer.set("path", config.path.as_str())?;
            answer.set("registrable", config.registrable)?;
        }
    }
    Ok(answer)
}

fn surroundings(value: &Unknown<'_>) -> Result<Environment> {
    let given = input::input(value)?;
    let text = |key: &str| given.get(key).field().text().map(str::to_owned);
    Ok(Environment {
        node_env: text("nodeEnv"),
        db_path: text("dbPath"),
        cwd: text("cwd").unwrap_or_default(),
        debug: text("debug"),
    })
}
