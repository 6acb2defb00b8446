//! Opening the file of a module with a synchronous connection: what is looked at first, set, applied, and left alone.

mod common;

use std::{path::Path, sync::mpsc, time::Duration};

use common::*;
use runledger::{
    database,
    error::Error,
    migration::{MigrationSet, Opened},
    store::{JournalMode, Location, Settings},
    sync_conn::{Connection, Failure, Misuse, ModuleFile, OpenedFile},
};
use rusqlite::ffi;

fn settings(path: &Path) -> Settings {
    database::settings(Location::File(path.to_owned()))
}

fn try_open(settings: &Settings, migrate: bool) -> Result<OpenedFile, Failure> {
    let sets = [database::schema::migrations().expect("set")];
    ModuleFile { settings, sets: &sets, migrate }.open()
}

fn open(path: &Path) -> OpenedFile {
    try_open(&settings(path), true).expect("open")
}

fn refused(path: &Path, sets: &[MigrationSet]) -> (OpenedFile, &'static str) {
    let opened = ModuleFile { settings: &settings(path), sets, migrate: true }.open().expect("open");
    match &opened.migrated {
        Err(Error::Migration(error)) => {
            let code = error.code.as_str();
            (opened, code)
        }
        other => panic!("expected a MigrationError, found {other:?}"),
    }
}

fn exec(opened: &OpenedFile, sql: &str) {
    opened.connection.exec(sql, None).expect(sql);
}

fn applied(migrated: &[Opened]) -> Vec<String> {
    outcomes(&migrated[0].items)
}

#[test]
fn a_new_file_is_made_with_its_directories_and_migrated() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("a/b/app.db");
    let opened = open(&path);
    assert_eq!((opened.journal, opened.warnings.len()), (JournalMode::Wal, 0));
    assert_eq!(applied(opened.migrated.as_ref().expect("migrated")), ["applied", "applied"]);
    exec(&opened, "INSERT INTO agents (name, description) VALUES ('a', 'd')");
    drop(opened);
    let again = open(&path);
    assert_eq!(applied(again.migrated.as_ref().expect("migrated"))[0], "skipped: Already applied");
    drop(again);
    let names: Vec<_> = std::fs::read_dir(path.parent().expect("parent")).expect("directory").collect();
    assert_eq!(names.len(), 1, "the last one to close leaves the main file alone: {names:?}");
}

#[test]
fn without_migrations_the_file_is_compared_and_configured_all_the_same() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("app.db");
    let opened = try_open(&settings(&path), false).expect("open");
    assert_eq!(opened.journal, JournalMode::Wal);
    assert!(opened.migrated.expect("migrated")[0].items.is_empty());
    drop(opened.connection);
    assert_eq!(objects(&file(&path, "")), Vec::<String>::new());
}

#[test]
fn a_file_that_is_not_ours_stays_as_it_is_and_can_be_worked_with() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("app.db");
    drop(file(&path, "CREATE TABLE agents (foo)"));
    let before = std::fs::read(&path).expect("bytes");
    let sets = [database::schema::migrations().expect("set")];
    let (opened, code) = refused(&path, &sets);
    assert_eq!((code, opened.journal), ("MIGRATION_CONFLICT", JournalMode::Delete));
    assert_eq!(std::fs::read(&path).expect("bytes"), before);
    exec(&opened, "INSERT INTO agents VALUES (1)");
}

#[test]
fn what_was_applied_before_a_failure_stays() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("app.db");
    let sets = [set(&["CREATE TABLE a (x)", "selekt"])];
    let (opened, code) = refused(&path, &sets);
    assert_eq!((code, opened.journal), ("MIGRATION_FAILED", JournalMode::Wal));
    exec(&opened, "INSERT INTO a VALUES (1)");
}

#[test]
fn what_is_required_is_looked_at_before_anything_is_changed() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("app.db");
    drop(file(&path, "CREATE TABLE audit_log (foo)"));
    let before = std::fs::read(&path).expect("bytes");
    let sets = [set(&["CREATE TABLE a (x)"]), database::schema::migrations().expect("set")];
    assert_eq!(refused(&path, &sets).1, "MIGRATION_CONFLICT");
    assert_eq!(std::fs::read(&path).expect("bytes"), before);
}

#[test]
fn what_an_adoption_creates_anew_may_be_spelled_as_its_owner_did() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("app.db");
    let older = database::schema::list()[0].up.clone();
    let runledger::migration::Script::Sql(older) = older else { panic!("SQL") };
    let older = older.replace(" DEFAULT ''", "");
    drop(file(&path, &format!("{older}; CREATE INDEX mine ON agents(name) WHERE description <> \"none\"")));
    let opened = open(&path);
    opened.migrated.expect("adopted");
    drop(opened.connection);
    assert!(objects(&file(&path, "")).contains(&"mine".to_owned()));
}

#[test]
fn a_private_file_and_what_lies_beside_it_are_their_owners_alone() {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("new/app.db");
        let opened = try_open(&Settings { private: true, ..settings(&path) }, true).expect("open");
        let mode = |path: &Path| std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode(path.parent().expect("parent")), 0o700);
        for name in ["app.db", "app.db-wal", "app.db-shm"] {
            assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
        }
        drop(opened);
    }
}

#[test]
fn a_reader_creates_and_sets_nothing() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("no/app.db");
    let code = |settings: &Settings| match Connection::open_readonly(settings).expect_err("refused") {
        Failure::Sqlite { extended, message, .. } => (extended, message),
        other => panic!("{other:?}"),
    };
    assert_eq!(code(&settings(&path)), (ffi::SQLITE_CANTOPEN, "unable to open database file".to_owned()));
    assert!(!path.parent().expect("parent").exists());
    let memory = Connection::open_readonly(&database::settings(Location::memory()));
    assert!(matches!(memory, Err(Failure::Misuse(misuse)) if misuse == Misuse::READONLY_MEMORY));

    let path = dir.path().join("app.db");
    drop(file(&path, "CREATE TABLE agents (foo)"));
    let before = std::fs::read(&path).expect("bytes");
    let conn = Connection::open_readonly(&settings(&path)).expect("open");
    let failed = conn.exec("INSERT INTO agents VALUES (1)", None).expect_err("read-only");
    assert!(matches!(failed, Failure::Sqlite { extended: ffi::SQLITE_READONLY, .. }), "{failed:?}");
    drop(conn);
    assert_eq!(std::fs::read(&path).expect("bytes"), before);
}

#[test]
fn what_cannot_be_opened_says_why() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("text");
    std::fs::write(&path, "no database, but longer than its header is").expect("write");
    let code = |path: &Path| match try_open(&settings(path), true).expect_err("refused") {
        Failure::Sqlite { extended, .. } => extended & 0xff,
        other => panic!("{other:?}"),
    };
    assert_eq!((code(&path), code(dir.path())), (ffi::SQLITE_NOTADB, ffi::SQLITE_CANTOPEN));
    let below = try_open(&settings(&path.join("below/app.db")), true).expect_err("refused");
    assert!(matches!(below, Failure::Other(Error::Directory { code: "ENOTDIR", .. })), "{below:?}");
}

#[test]
fn a_lock_is_awaited_before_the_first_look() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("app.db");
    let holder = file(&path, "CREATE TABLE mine (x); BEGIN EXCLUSIVE");
    let (opened, outcome) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| opened.send(open(&path).migrated.map(|sets| sets[0].items.len()).map_err(|it| it.to_string())));
        std::thread::sleep(Duration::from_millis(100));
        assert!(outcome.try_recv().is_err(), "it waits");
        holder.execute_batch("COMMIT").expect("commit");
        assert_eq!(outcome.recv().expect("opened"), Ok(2));
    });
    let held = file(&path, "");
    held.execute_batch("BEGIN IMMEDIATE").expect("lock");
    assert!(open(&path).migrated.is_ok(), "where nothing is to be done no lock is needed");
    drop(held);
    let other = dir.path().join("other.db");
    let held = file(&other, "CREATE TABLE mine (x); BEGIN EXCLUSIVE");
    let short = Settings { busy_timeout: Duration::from_millis(50), ..settings(&other) };
    let failed = try_open(&short, true).expect_err("locked");
    assert!(matches!(failed, Failure::Sqlite { extended: ffi::SQLITE_BUSY, .. }), "{failed:?}");
    drop(held);
}
