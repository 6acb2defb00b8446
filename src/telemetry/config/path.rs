#![forbid(unsafe_code)]
//! Which file a configuration means (telemetry.md §3, "Path").

use std::path::{Component, Path, PathBuf};

use crate::packed::Field;

/// The spelling of the private database in memory.
pub const MEMORY: &str = ":memory:";
/// The file of a client that names none.
pub const DEFAULT_PATH: &str = ".vibekit/telemetry.db";

/// What the process tells about itself at construction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Environment {
    /// `NODE_ENV`
    pub node_env: Option<String>,
    /// `VIBEKIT_DB_PATH`
    pub db_path: Option<String>,
    /// The working directory; relative paths resolve against it.
    pub cwd: String,
    /// `DEBUG`
    pub debug: Option<String>,
}

/// The file of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The path in effect, in the spelling of whoever gave it.
    pub shown: String,
    /// The same path, absolute and free of `.` and `..`; `':memory:'` stays.
    pub path: String,
    /// Whether getTelemetryDB keeps its client.
    pub registrable: bool,
}

impl Environment {
    /// The file that a client with `dbPath: given` uses; also the key under which closeTelemetryDB finds it.
    pub fn target(&self, given: Option<&str>) -> Target {
        let shown = match given {
            Some(path) if path != DEFAULT_PATH => path.to_owned(),
            // The default's exact text follows NODE_ENV like the default, but it is given: the variable has no say.
            Some(_) => self.default_path().to_owned(),
            None => match self.db_path.as_deref() {
                Some(path) if !path.is_empty() => path.to_owned(),
                _ => self.default_path().to_owned(),
            },
        };
        let path = absolute(&shown, &self.cwd);
        let throw_away = self.node_env.as_deref() == Some("test")
            && given.is_some_and(|path| path.starts_with("/tmp/") || path.contains("vibekit-test-"));
        Target { registrable: path != MEMORY && !throw_away, shown, path }
    }

    /// Whether `DEBUG` switches the query log on.
    pub fn asks_for_query_logging(&self) -> bool {
        self.debug.as_deref().is_some_and(|debug| debug.contains("drizzle:*") || debug.contains("runledger:*"))
    }

    fn default_path(&self) -> &'static str {
        match self.node_env.as_deref() {
            Some("development") => ".vibekit/telemetry-dev.db",
            Some("test") => ".vibekit/telemetry-test.db",
            _ => DEFAULT_PATH,
        }
    }
}

/// `path` against `cwd` with `.` and `..` taken out, by text alone as Node's `path.resolve` does: the registry must not
/// depend on which directories exist yet.
pub fn absolute(path: &str, cwd: &str) -> String {
    if path == MEMORY {
        return MEMORY.to_owned();
    }
    let mut resolved = PathBuf::new();
    for component in Path::new(cwd).join(path).components() {
        match component {
            Component::CurDir => {}
            // `pop` leaves the root alone, as `/..` is `/`.
            Component::ParentDir => {
                resolved.pop();
            }
            other => resolved.push(other),
        }
    }
    resolved.to_string_lossy().into_owned()
}

/// Whether a path from the caller can name anything: text, not empty, without U+0000 and lone surrogates.
pub(crate) fn is_usable(field: Field<'_>) -> bool {
    matches!(field, Field::Text(text) if !text.is_empty() && !text.contains('\0'))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn environment(node_env: &str, db_path: &str) -> Environment {
        Environment {
            node_env: Some(node_env.to_owned()),
            db_path: Some(db_path.to_owned()),
            cwd: "/srv".to_owned(),
            debug: None,
        }
    }

    #[test]
    fn the_default_file_follows_node_env_and_the_variable_comes_before_it() {
        for (node_env, variable, given, shown) in [
            ("", "", None, ".vibekit/telemetry.db"),
            ("production", "", None, ".vibekit/telemetry.db"),
            ("development", "", None, ".vibekit/telemetry-dev.db"),
            ("test", "", None, ".vibekit/telemetry-test.db"),
            ("test", "v.db", None, "v.db"),
            ("test", DEFAULT_PATH, None, DEFAULT_PATH),
            ("test", "v.db", Some(DEFAULT_PATH), ".vibekit/telemetry-test.db"),
            ("test", "v.db", Some("./.vibekit/telemetry.db"), "./.vibekit/telemetry.db"),
            ("test", "v.db", Some(":memory:"), ":memory:"),
        ] {
            assert_eq!(environment(node_env, variable).target(given).shown, shown, "{node_env} {variable} {given:?}");
        }
    }

    #[test]
    fn every_spelling_of_a_path_is_one_file() {
        for path in ["x.db", "./x.db", "a/../x.db", "/srv/x.db", "/srv//./x.db", "../srv/x.db", "/../srv/b/../x.db"] {
            assert_eq!(absolute(path, "/srv"), "/srv/x.db", "{path}");
        }
        assert_eq!(absolute(MEMORY, "/srv"), MEMORY);
        assert_eq!(absolute("../../../x.db", "/srv"), "/x.db");
    }

    #[test]
    fn throw_away_files_are_not_registered_under_test() {
        let registrable = |node_env: &str, given| environment(node_env, "/tmp/v.db").target(given).registrable;
        assert!(!registrable("production", Some(":memory:")));
        assert!(!registrable("test", Some("/tmp/t.db")));
        assert!(!registrable("test", Some("/data/vibekit-test-1/t.db")));
        assert!(registrable("test", Some("/data/t.db")));
        assert!(registrable("production", Some("/tmp/t.db")));
        assert!(registrable("test", None), "only a given path counts");
    }
}
