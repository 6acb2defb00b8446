//! Migrations that are functions, on the synchronous connection and without JavaScript: the caller stands in for them.

use std::time::Duration;

use runledger::error::Error;
use runledger::migration::{
    ApplyOptions, Driven, Failure as Thrown, Migration, MigrationCode, MigrationSet, Script, Status,
};
use runledger::packed::Input;
use runledger::sync_conn::{Connection, Failure, Misuse, Next, OpenOptions, Place, Result};

const APPROVED: ApplyOptions = ApplyOptions { allow_destructive: true, dry_run: false };

fn open(place: Place) -> Connection {
    Connection::open(&OpenOptions { place, readonly: false, must_exist: false, timeout: Duration::ZERO }).unwrap()
}

fn memory() -> Connection {
    open(Place::Memory)
}

/// Functions up to `last`, and SQL where the version is even.
fn set(last: i64) -> MigrationSet {
    let migration = |version| {
        let name = format!("m{version}");
        if version % 2 == 0 {
            let down = format!("DROP TABLE t{version}");
            return Migration::sql(version, name, format!("CREATE TABLE t{version} (x)"), Some(down.into()));
        }
        Migration::external(version, name, true)
    };
    MigrationSet::new("app", (1..=last).map(migration).collect()).unwrap()
}

/// Goes on until the end; `function` stands in for the functions.
fn drive(
    db: &Connection,
    first: Result<Next>,
    mut function: impl FnMut(i64) -> std::result::Result<(), Thrown>,
) -> Result<Driven> {
    let mut next = first?;
    loop {
        match next {
            Next::Function(version) => next = db.resume_migration(function(version))?,
            Next::Done(driven) => return Ok(driven),
        }
    }
}

fn create(db: &Connection) -> impl FnMut(i64) -> std::result::Result<(), Thrown> + '_ {
    |version| {
        db.exec(&format!("CREATE TABLE t{version} (x)"), None).unwrap();
        Ok(())
    }
}

fn migrate(db: &Connection, last: i64) -> Result<Driven> {
    drive(db, db.migrate(&set(last), APPROVED), create(db))
}

fn version(db: &Connection) -> usize {
    db.journal("app").unwrap().len()
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> MigrationCode {
    match result.unwrap_err() {
        Failure::Other(Error::Migration(error)) => error.code,
        other => panic!("no migration error but {other:?}"),
    }
}

fn unharmed(db: &Connection) {
    assert!(!db.in_transaction());
    db.exec("BEGIN; CREATE TABLE unharmed (x); COMMIT; DROP TABLE unharmed", None).unwrap();
    db.may_close().unwrap();
}

#[test]
fn sql_runs_by_itself_and_functions_are_asked_for() {
    let db = memory();
    let mut asked = Vec::new();
    let mut create = create(&db);
    let driven = drive(&db, db.migrate(&set(5), APPROVED), |version| {
        asked.push(version);
        create(version)
    });
    let Driven::Up(opened) = driven.unwrap() else { panic!("up") };
    assert!(opened.items.iter().all(|item| item.status == Status::Applied));
    assert_eq!((asked, version(&db)), (vec![1, 3, 5], 5));
    let driven = drive(&db, db.roll_back(&set(5), &Input::Number(1.0)), |version| {
        db.exec(&format!("DROP TABLE t{version}"), None).unwrap();
        Ok(())
    });
    let Driven::Down(rows) = driven.unwrap() else { panic!("down") };
    assert_eq!(rows.iter().map(|row| row.version).collect::<Vec<_>>(), [5, 4, 3, 2]);
    unharmed(&db);
}

#[test]
fn a_function_that_fails_is_undone_and_those_before_it_stay() {
    let db = memory();
    let failing = |outcome: fn() -> Thrown| {
        let mut create = create(&db);
        let first = db.migrate(&set(5), APPROVED);
        drive(&db, first, move |version| {
            create(version)?;
            if version == 3 { Err(outcome()) } else { Ok(()) }
        })
    };
    assert_eq!(code(failing(|| Thrown::thrown("Error: boom", "boom"))), MigrationCode::Failed);
    assert_eq!(version(&db), 2);
    assert_eq!(code(failing(Thrown::promise)), MigrationCode::Async);
    assert_eq!(version(&db), 2);
    unharmed(&db);
    migrate(&db, 5).unwrap();
}

#[test]
fn a_migration_that_waits_for_its_function_has_the_connection_to_itself() {
    let db = memory();
    assert!(matches!(db.migrate(&set(3), APPROVED).unwrap(), Next::Function(1)));
    assert_eq!(code(db.migrate(&set(3), APPROVED)), MigrationCode::InTransaction);
    assert_eq!(code(db.roll_back(&set(3), &Input::Number(0.0))), MigrationCode::InTransaction);
    assert_eq!(code(db.roll_back_only("app", &Migration::external(1, "m1", true))), MigrationCode::InTransaction);
    assert!(matches!(db.may_close(), Err(Failure::Misuse(misuse)) if misuse == Misuse::MIGRATING));
    assert!(db.exec("COMMIT", None).is_err());
    assert_eq!(version(&db), 0);
    assert!(matches!(db.resume_migration(Ok(())).unwrap(), Next::Function(3)));
    assert!(matches!(db.resume_migration(Ok(())).unwrap(), Next::Done(_)));
    assert!(matches!(db.resume_migration(Ok(())), Err(Failure::Other(Error::Internal(_)))));
    unharmed(&db);
}

#[test]
fn a_connection_that_goes_in_the_middle_has_changed_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = Place::File(directory.path().join("m.db"));
    let db = open(path.clone());
    db.exec("CREATE TABLE mine (x)", None).unwrap();
    assert!(matches!(db.migrate(&set(1), APPROVED).unwrap(), Next::Function(1)));
    create(&db)(1).unwrap();
    drop(db);
    let db = open(path);
    assert_eq!(version(&db), 0);
    assert!(db.exec("SELECT * FROM t1", None).is_err());
    migrate(&db, 1).unwrap();
}

#[test]
fn one_migration_is_rolled_back_by_what_the_journal_knows_of_the_others() {
    let db = memory();
    migrate(&db, 4).unwrap();
    let fourth = set(4).get(4).unwrap().clone();
    let second = set(4).get(2).unwrap().clone();
    assert_eq!(code(db.roll_back_only("app", &second)), MigrationCode::NotLatest);
    assert_eq!(code(db.roll_back_only("app", &Migration::external(5, "m5", true))), MigrationCode::InvalidTarget);
    assert_eq!(code(db.roll_back_only("app", &Migration::external(4, "other", true))), MigrationCode::Diverged);
    let changed = Migration { up: Script::Sql("CREATE TABLE t4 (y)".into()), ..fourth.clone() };
    assert_eq!(code(db.roll_back_only("app", &changed)), MigrationCode::Diverged);
    assert!(matches!(db.roll_back_only("app", &fourth).unwrap(), Next::Done(Driven::Down(_))));
    assert_eq!(version(&db), 3);
    unharmed(&db);
}

#[test]
fn validation_knows_what_sql_declares_and_takes_a_journal_out_of_order_for_a_finding() {
    let db = memory();
    let sql =
        |version: i64| Migration::sql(version, format!("m{version}"), format!("CREATE TABLE t{version} (x)"), None);
    let set = MigrationSet::new("app", vec![sql(1), sql(2), Migration::external(3, "m3", false)]).unwrap();
    drive(&db, db.migrate(&set, APPROVED), |_| Ok(())).unwrap();
    let modules = [("app".to_owned(), Some(set))];
    assert!(db.validate(&modules).unwrap().ok);
    db.exec("DROP TABLE t2", None).unwrap();
    let report = db.validate(&modules).unwrap();
    assert_eq!(report.problems.iter().map(|it| it.object.as_str()).collect::<Vec<_>>(), ["t2"]);
    // Without the list nobody knows of t2. A journal with a gap is wrong all the same.
    assert!(db.validate(&[("app".to_owned(), None)]).unwrap().ok);
    db.exec("DELETE FROM schema_migrations WHERE version = 1", None).unwrap();
    assert!(!db.validate(&[("app".to_owned(), None)]).unwrap().ok);
}
