//! `resolveInstancesConfig`, `defaultInstancesConfig`

use napi::{
    Env, Result,
    bindgen_prelude::{Object, Unknown},
};
use napi_derive::napi;

use super::{input, output};
use crate::{
    client::ClientModule,
    instances::{
        Instances,
        config::{Environment, InstancesConfig, shown},
    },
    packed::Input,
};

/// Check a configuration of instances. Answers with the absolute `path` or an `error`, and with the configuration as it may
/// be `shown`.
#[napi(catch_unwind)]
pub fn resolve_instances_config<'env>(
    env: &'env Env,
    config: Unknown<'_>,
    environment: Unknown<'_>,
) -> Result<Object<'env>> {
    let (given, environment) = (input::input(&config)?, surroundings(&input::input(&environment)?));
    let mut answer = Object::new(env)?;
    answer.set("shown", output::json(env, &shown(&given, environment.node_env.as_deref()))?)?;
    match InstancesConfig::parse(&given, &environment) {
        Ok(config) => {
            let path = config.path.map_or_else(|| ":memory:".to_owned(), |path| path.to_string_lossy().into_owned());
            answer.set("path", path)?;
        }
        Err(error) => answer.set("error", output::failure(env, &Instances::report(&error, "constructor"))?)?,
    }
    Ok(answer)
}

/// The defaults of a configuration of instances.
#[napi(catch_unwind)]
pub fn default_instances_config<'env>(env: &'env Env, environment: Unknown<'_>) -> Result<Unknown<'env>> {
    let environment = surroundings(&input::input(&environment)?);
    output::json(env, &shown(&Input::Undefined, environment.node_env.as_deref()))
}

/// What JavaScript sees of its process.
pub(super) fn surroundings(given: &Input) -> Environment {
    let text = |key: &str| given.get(key).field().text().map(str::to_owned);
    Environment {
        node_env: text("nodeEnv"),
        encryption_key: text("encryptionKey"),
        cwd: text("cwd").unwrap_or_default(),
    }
}
