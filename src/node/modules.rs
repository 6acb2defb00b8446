//! The modules that are used through a `NativeClient`, by name.

use std::sync::Arc;

use napi::Result;

use super::instances::surroundings;
use crate::{
    analytics::{self, Analytics, config::AnalyticsConfig},
    client::{Client, Connected},
    instances::{self, Instances, config::InstancesConfig},
    packed::{Field, Input},
    store::{Listener, Location},
    telemetry::{
        self,
        config::{Environment, TelemetryConfig},
    },
};

/// A new client.
pub(super) struct NewClient {
    pub(super) client: Arc<dyn Connected>,
    /// The same one, if it is of telemetry.
    pub(super) telemetry: Option<Arc<telemetry::Client>>,
}

/// A client of the module called `module`.
pub(super) fn client(module: &str, config: Input, path: String, listener: Arc<dyn Listener>) -> Result<NewClient> {
    match module {
        telemetry::schema::MODULE => {
            let client = Arc::new(Client::new(telemetry_config(config, path)?, listener));
            Ok(NewClient { client: Arc::clone(&client) as Arc<dyn Connected>, telemetry: Some(client) })
        }
        analytics::schema::MODULE => {
            let client = Client::<Analytics>::new(analytics_config(&config, &path), listener);
            Ok(NewClient { client: Arc::new(client), telemetry: None })
        }
        instances::schema::MODULE => {
            let config = InstancesConfig::parse(config.get("config"), &surroundings(config.get("environment")))
                .map_err(|error| napi::Error::from_reason(error.to_string()))?;
            Ok(NewClient { client: Arc::new(Client::<Instances>::new(config, listener)), telemetry: None })
        }
        other => Err(napi::Error::from_reason(format!("there is no module {other}"))),
    }
}

fn analytics_config(config: &Input, path: &str) -> AnalyticsConfig {
    let migrate = config.get("migrate").field() != Field::Boolean(false);
    AnalyticsConfig { location: Location::of(path), migrate }
}

/// A configuration that has been checked before, for the file at `path`.
fn telemetry_config(config: Input, path: String) -> Result<TelemetryConfig> {
    let entries = match config {
        Input::Map(entries) => entries,
        _ => Vec::new(),
    };
    let entries = entries
        .into_iter()
        .map(|(key, value)| if key == "dbPath" { (key, Input::Text(path.clone())) } else { (key, value) })
        .collect();
    let environment = Environment {
        cwd: std::env::current_dir().unwrap_or_default().to_string_lossy().into_owned(),
        debug: std::env::var("DEBUG").ok(),
        ..Environment::default()
    };
    TelemetryConfig::parse(&Input::Map(entries), &environment)
        .map_err(|error| napi::Error::from_reason(error.to_string()))
}
