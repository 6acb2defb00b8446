#![forbid(unsafe_code)]
//! `doctor`: what this build is, and what is wrong with a file, whoever made it. Leaves no trace.

use std::{collections::BTreeMap, path::Path, time::Duration};

use rusqlite::Connection;
use serde::Serialize;

use super::catalog::MODULES;
use crate::error::{Error, Result};
use crate::migration::{self, Problem, journal};
use crate::store::{self, JournalMode, OnDisk, automatic_mode, may_write};

/// How long a lock on the file is awaited.
const PATIENCE: Duration = Duration::from_secs(5);

/// What `doctor` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Version of the SQLite library in this binary.
    pub sqlite: String,
    /// What this binary was built for.
    pub target: String,
    /// The file, if there is one to look at.
    pub file: Option<FileDiagnosis>,
}

/// The state of one file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileDiagnosis {
    /// Where it is, or would be.
    pub path: String,
    /// Whether it is there.
    pub exists: bool,
    /// Bytes of the main file.
    pub size: u64,
    /// Bytes of its write-ahead log.
    pub wal_size: u64,
    /// Permission bits in octal, on POSIX.
    pub permissions: Option<String>,
    /// Whether this user may write to it.
    pub writable: bool,
    /// The network or shared file system that it is on; `None` for a local one.
    pub shared_file_system: Option<&'static str>,
    /// The journal mode that `journalMode: 'auto'` chooses there.
    pub journal_mode_chosen: &'static str,
    /// The journal mode that the file is in.
    pub journal_mode: Option<&'static str>,
    /// The versions that its journal records, by module.
    pub modules: Vec<ModuleVersion>,
    /// Whether its content could be checked.
    pub checked: bool,
    /// What is wrong. Empty: nothing.
    pub findings: Vec<Finding>,
}

/// How far a module's schema is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleVersion {
    /// Journal name.
    pub module: String,
    /// Highest applied version.
    pub version: i64,
    /// Highest version that this release knows; `None` for a module that it does not know.
    pub latest: Option<i64>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `file`, `permissions`, `journal_mode`, `open`, or the kind of a validation's problem.
    pub kind: String,
    /// Text for people.
    pub message: String,
}

impl Finding {
    fn new(kind: &str, message: impl Into<String>) -> Self {
        Self { kind: kind.to_owned(), message: message.into() }
    }
}

impl From<Problem> for Finding {
    fn from(problem: Problem) -> Self {
        Self::new(problem.kind.as_str(), problem.message)
    }
}

/// Examine this build and the file at `path`. A file that is missing is wrong only where it is `required`.
pub fn diagnose(path: Option<&Path>, required: bool) -> Diagnosis {
    let libc = if cfg!(target_env = "musl") { " musl" } else { "" };
    Diagnosis {
        sqlite: rusqlite::version().to_owned(),
        target: format!("{} {}{libc}", std::env::consts::OS, std::env::consts::ARCH),
        file: path.map(|path| examine(path, required)),
    }
}

fn examine(path: &Path, required: bool) -> FileDiagnosis {
    let (chosen, shared_file_system) = automatic_mode(path);
    let mut file = FileDiagnosis {
        path: path.display().to_string(),
        exists: path.exists(),
        size: 0,
        wal_size: 0,
        permissions: permissions(path),
        writable: may_write(path),
        shared_file_system,
        journal_mode_chosen: chosen.as_str(),
        journal_mode: None,
        modules: Vec::new(),
        checked: false,
        findings: Vec::new(),
    };
    match OnDisk::at(path) {
        Ok(None) if required => file.findings.push(Finding::new("file", "the file does not exist")),
        Ok(None) => {}
        Err(error) => file.findings.push(Finding::new("file", error.to_string())),
        Ok(Some(found)) => {
            (file.size, file.wal_size) = (found.size, found.wal.unwrap_or(0));
            file.journal_mode = found.journal_mode().map(JournalMode::as_str);
            check_surroundings(&mut file, &found, chosen);
            match store::look(path, PATIENCE, |conn| content(conn)) {
                Ok(Some((modules, findings))) => {
                    (file.modules, file.checked) = (modules, true);
                    file.findings.extend(findings);
                }
                Ok(None) => file.findings.push(Finding::new("file", "the file has just been removed")),
                Err(error) => file.findings.push(Finding::new("open", error.to_string())),
            }
        }
    }
    file
}

fn check_surroundings(file: &mut FileDiagnosis, found: &OnDisk, chosen: JournalMode) {
    if !file.writable {
        file.findings.push(Finding::new("permissions", "this user may not write to the file"));
    }
    if let Some(directory) = found.path.parent().filter(|directory| !may_write(directory)) {
        let text = format!("this user may not write to {}, where SQLite keeps its journal", directory.display());
        file.findings.push(Finding::new("permissions", text));
    }
    if let (Some(name), Some(JournalMode::Wal)) = (file.shared_file_system, found.journal_mode())
        && chosen != JournalMode::Wal
    {
        let text = format!("the file is in WAL mode, which does not work across hosts, and lies on {name}");
        file.findings.push(Finding::new("journal_mode", text));
    }
}

/// Versions and problems of a file that can be read.
fn content(conn: &Connection) -> Result<(Vec<ModuleVersion>, Vec<Finding>)> {
    let mut problems = Vec::new();
    let mut findings = Vec::new();
    migration::check_file(conn, &mut problems)?;
    let versions = match recorded(conn) {
        Ok(versions) => versions,
        Err(Error::Migration(error)) => {
            findings.push(Finding::new("conflict", error.message));
            BTreeMap::new()
        }
        Err(error) => return Err(error),
    };
    let mut modules = Vec::new();
    for (module, version) in versions {
        let known = MODULES.iter().find(|it| it.name == module);
        let latest = match known {
            Some(known) => {
                let set = (known.set)()?;
                migration::check_objects(conn, &set, &mut problems)?;
                Some(set.latest())
            }
            None => None,
        };
        modules.push(ModuleVersion { module, version, latest });
    }
    findings.extend(problems.into_iter().map(Finding::from));
    Ok((modules, findings))
}

fn recorded(conn: &Connection) -> Result<BTreeMap<String, i64>> {
    let kind = journal::JournalKind::read(conn, "runledger")?;
    Ok(journal::all_rows(conn, kind)?.into_iter().map(|row| (row.module, row.version)).collect())
}

#[cfg(unix)]
fn permissions(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    Some(format!("{:04o}", mode & 0o7777))
}

#[cfg(not(unix))]
fn permissions(_path: &Path) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Request, Verb, run};

    fn kinds(path: &Path, required: bool) -> Vec<String> {
        let file = diagnose(Some(path), required).file.expect("file");
        file.findings.into_iter().map(|finding| finding.kind).collect()
    }

    fn migrated(path: &Path) {
        run("telemetry", Verb::Migrate, &Request { path: path.to_owned(), ..Request::default() }).expect("migrate");
    }

    #[test]
    fn a_healthy_file_has_no_findings_and_its_versions() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("t.db");
        migrated(&path);
        let file = diagnose(Some(&path), true).file.expect("file");
        assert_eq!(file.findings, []);
        let telemetry = ModuleVersion { module: "telemetry".to_owned(), version: 1, latest: Some(1) };
        assert_eq!(file.modules, [telemetry]);
        assert!(file.exists && file.checked && file.writable && file.size > 0);
        assert_eq!(file.journal_mode, Some(file.journal_mode_chosen));
    }

    #[test]
    fn a_missing_file_is_wrong_only_where_it_was_asked_for() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("no/t.db");
        assert_eq!(kinds(&path, false), [""; 0]);
        assert_eq!(kinds(&path, true), ["file"]);
        assert!(!path.parent().expect("parent").exists());
    }

    #[test]
    fn each_kind_of_damage_is_named() {
        let dir = tempfile::tempdir().expect("dir");
        let text = dir.path().join("text.db");
        std::fs::write(&text, "no database, but longer than a header is").expect("write");
        assert_eq!((kinds(&text, true), kinds(dir.path(), true)), (vec!["open".to_owned()], vec!["file".to_owned()]));

        let conflict = dir.path().join("conflict.db");
        let conn = Connection::open(&conflict).expect("open");
        conn.execute_batch("CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, foo TEXT)").expect("table");
        assert_eq!(kinds(&conflict, true), ["conflict"]);

        let path = dir.path().join("t.db");
        migrated(&path);
        let conn = Connection::open(&path).expect("open");
        conn.execute_batch(
            "PRAGMA foreign_keys = OFF; DROP INDEX idx_events_timestamp;
             INSERT INTO telemetry_buffers (session_id, buffer_data) VALUES ('ghost', '[]');
             INSERT INTO schema_migrations (module, version, name, applied_at) VALUES ('elsewhere', 1, 'a', 0)",
        )
        .expect("damage");
        drop(conn);
        assert_eq!(kinds(&path, true), ["foreign_key", "missing"]);
        let modules = diagnose(Some(&path), true).file.expect("file").modules;
        assert_eq!(modules[0].latest, None, "a module of another release");
    }
}
