#![forbid(unsafe_code)]
//! A configuration as it may be shown: given values over the defaults, without secrets.

use serde_json::{Map, Value as Json, json};

use crate::packed::Input;

/// What stands where a secret was.
const REDACTED: &str = "[REDACTED]";

/// The defaults, as `getDefaultDatabaseConfig()` gives them.
fn defaults(development: bool) -> Json {
    json!({
        "local": {
            "file": super::DEFAULT_FILE,
            "enableWAL": true,
            "busyTimeout": 5000,
            "autoMigrate": true,
            "logQueries": development,
            "foreignKeys": true,
        },
        "cloud": { "enabled": false, "syncInterval": 300, "readYourWrites": true },
        "connection": { "maxRetries": 3, "retryDelay": 1000, "queryTimeout": 30000 },
        "maintenance": {
            "vacuumInterval": 86400,
            "backupRetention": 7,
            "logRetention": 30,
            "autoBackup": true,
            "autoStart": false,
        },
        "encryption": {},
    })
}

/// `input` merged into the defaults, key by key at every level, right or wrong; secrets are `[REDACTED]`.
pub fn shown(input: &Input, node_env: Option<&str>) -> Json {
    let mut shown = defaults(node_env == Some("development"));
    if let (Input::Map(given), Json::Object(shown)) = (input, &mut shown) {
        for (key, value) in given.iter().filter(|(key, _)| key != "logger") {
            merge(shown, key, value);
        }
    }
    redact(&mut shown, &["encryption", "key"]);
    redact(&mut shown, &["cloud", "authToken"]);
    redact(&mut shown, &["cloud", "syncUrl"]);
    shown
}

fn merge(into: &mut Map<String, Json>, key: &str, given: &Input) {
    match (into.get_mut(key), given) {
        (_, Input::Undefined) => {}
        (Some(Json::Object(section)), Input::Map(entries)) => {
            for (key, value) in entries {
                merge(section, key, value);
            }
        }
        (_, value) => {
            into.insert(key.to_owned(), value.to_json());
        }
    }
}

/// A section that is no object may be the secret itself, misplaced.
fn redact(shown: &mut Json, path: &[&str; 2]) {
    let Some(section) = shown.get_mut(path[0]) else { return };
    match section {
        Json::Object(section) => {
            // A URL without credentials is worth seeing.
            let is_open = |it: &Json| path[1] == "syncUrl" && it.as_str().is_some_and(|url| !url.contains(['@', '?']));
            if let Some(secret) = section.get_mut(path[1]).filter(|it| !is_open(it)) {
                *secret = REDACTED.into();
            }
        }
        other => *other = REDACTED.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, Input)]) -> Input {
        Input::Map(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    #[test]
    fn given_values_stand_in_the_defaults_and_secrets_do_not() {
        let text = |text: &str| Input::Text(text.to_owned());
        let given = map(&[
            ("local", map(&[("busyTimeout", Input::Number(-1.0)), ("enableWAL", Input::Undefined)])),
            ("cloud", map(&[("authToken", text("s3cret")), ("syncUrl", text("libsql://u:s3cret@host"))])),
            ("encryption", map(&[("key", text("s3cret"))])),
            ("logger", text("s3cret")),
        ]);
        let shown = shown(&given, None);
        assert_eq!(shown["local"]["busyTimeout"], -1);
        assert_eq!(shown["local"]["enableWAL"], true);
        assert_eq!(shown["encryption"], json!({ "key": "[REDACTED]" }));
        assert!(!shown.to_string().contains("s3cret"), "{shown}");
        let misplaced = super::shown(&map(&[("encryption", text("s3cret"))]), None);
        assert!(!misplaced.to_string().contains("s3cret"), "{misplaced}");
    }
}
