#![forbid(unsafe_code)]
//! A configuration as it may be shown: given values over the defaults, without secrets.

use serde_json::{Map, Value as Json, json};

use crate::packed::Input;

/// What stands where a secret was.
const REDACTED: &str = "[REDACTED]";

/// Keys that have no default and are no secrets, with their sections.
const OPTIONAL: [(&str, &str); 4] =
    [("cloud", "syncUrl"), ("maintenance", "backupDir"), ("drizzle", "logger"), ("drizzle", "casing")];

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

/// `input` merged into the defaults, key by key at every level, right or wrong. Secrets are `[REDACTED]`, and so is what stands
/// under a key that means nothing: it may be one that was misspelt.
pub fn shown(input: &Input, node_env: Option<&str>) -> Json {
    let mut shown = defaults(node_env == Some("development"));
    if let (Input::Map(given), Json::Object(shown)) = (input, &mut shown) {
        for (key, value) in given.iter().filter(|(key, _)| key != "logger") {
            merge(shown, "", key, value);
        }
    }
    redact(&mut shown, &["encryption", "key"]);
    redact(&mut shown, &["cloud", "authToken"]);
    redact(&mut shown, &["cloud", "syncUrl"]);
    redact(&mut shown, &["local", "file"]);
    shown
}

fn merge(into: &mut Map<String, Json>, section: &str, key: &str, given: &Input) {
    match given {
        Input::Undefined => {}
        Input::Map(entries) => {
            let mut inner = match into.remove(key) {
                Some(Json::Object(inner)) => inner,
                _ => Map::new(),
            };
            for (name, value) in entries {
                merge(&mut inner, key, name, value);
            }
            into.insert(key.to_owned(), inner.into());
        }
        value => {
            let is_known = into.contains_key(key) || OPTIONAL.contains(&(section, key));
            into.insert(key.to_owned(), if is_known { value.to_json() } else { REDACTED.into() });
        }
    }
}

/// A section that is no object may be the secret itself, misplaced.
fn redact(shown: &mut Json, path: &[&str; 2]) {
    let Some(section) = shown.get_mut(path[0]) else { return };
    match section {
        Json::Object(section) => {
            // A URL without credentials is worth seeing, and so is the path of a file.
            let is_open = |it: &Json| {
                it.as_str().is_some_and(|url| match path[1] {
                    "syncUrl" => !url.contains(['@', '?']),
                    "file" => !url.contains("://") || !url.contains(['@', '?']),
                    _ => false,
                })
            };
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
            ("authToken", text("s3cret")),
            ("syncUrl", text("libsql://u:s3cret@host")),
            ("clowd", map(&[("authtoken", text("s3cret"))])),
            ("maintenance", map(&[("backupDir", text("/b")), ("password", text("s3cret"))])),
        ]);
        let shown = shown(&given, None);
        assert_eq!(shown["local"]["busyTimeout"], -1);
        assert_eq!(shown["local"]["enableWAL"], true);
        assert_eq!(shown["encryption"], json!({ "key": "[REDACTED]" }));
        assert_eq!((&shown["authToken"], &shown["maintenance"]["backupDir"]), (&json!("[REDACTED]"), &json!("/b")));
        assert!(!shown.to_string().contains("s3cret"), "{shown}");
        for (file, seen) in [("libsql://h?authToken=s3cret", "[REDACTED]"), ("/a@b/x?.db", "/a@b/x?.db")] {
            assert_eq!(super::shown(&map(&[("local", map(&[("file", text(file))]))]), None)["local"]["file"], seen);
        }
        let misplaced = super::shown(&map(&[("encryption", text("s3cret"))]), None);
        assert!(!misplaced.to_string().contains("s3cret"), "{misplaced}");
    }
}
