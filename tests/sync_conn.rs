//! The synchronous connection without JavaScript: what it opens, binds, reads and refuses.

use std::{path::Path, time::Duration};

use runledger::sync_conn::{
    Access, Amount, Binder, Cell, Connection, Failure, Misuse, OpenOptions, Place, Reading, Result, Rows, Step,
};

type Values = fn(&mut Binder<'_>) -> Result<()>;
const NOTHING: Option<Values> = Some(|_| Ok(()));

#[derive(Default)]
struct Taken(Vec<String>);

impl Rows for Taken {
    fn cell(&mut self, cell: Cell<'_>) -> Result<()> {
        self.0.push(match cell {
            Cell::Text(text) => String::from_utf8_lossy(text).into_owned(),
            other => format!("{other:?}"),
        });
        Ok(())
    }

    fn row(&mut self) -> bool {
        true
    }
}

fn memory() -> Connection {
    open(Place::Memory, false).unwrap()
}

fn open(place: Place, readonly: bool) -> Result<Connection> {
    Connection::open(&OpenOptions { place, readonly, must_exist: false, timeout: Duration::ZERO })
}

fn all(db: &Connection, sql: &str) -> Result<Vec<String>> {
    let mut taken = Taken::default();
    db.query(db.prepare(sql)?, NOTHING, Amount::UpTo(u32::MAX), Reading::default(), &mut taken)?;
    Ok(taken.0)
}

fn misuse<T: std::fmt::Debug>(result: Result<T>) -> Misuse {
    match result.unwrap_err() {
        Failure::Misuse(misuse) => misuse,
        other => panic!("not refused but {other:?}"),
    }
}

#[test]
fn a_path_is_never_a_uri_and_a_nul_is_refused() {
    let directory = Path::new("/somewhere");
    assert_eq!(Place::parse(":memory:", directory).unwrap(), Place::Memory);
    assert_eq!(Place::parse(" ", directory).unwrap(), Place::Temporary);
    assert_eq!(Place::parse("file:x?mode=ro", directory).unwrap(), Place::File(directory.join("file:x?mode=ro")));
    assert_eq!(misuse(Place::parse("a\0b", directory)), Misuse::NUL_IN_PATH);
}

#[test]
fn what_cannot_be_opened_is_refused_and_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let missing = Place::File(directory.path().join("no/x.db"));
    assert_eq!(misuse(open(missing, false)), Misuse::DIRECTORY_MISSING);
    assert_eq!(misuse(open(Place::Memory, true)), Misuse::READONLY_MEMORY);
    for (place, readonly) in [(directory.path().join("x.db"), true), (directory.path().to_owned(), false)] {
        let Failure::Sqlite { extended, .. } = open(Place::File(place), readonly).unwrap_err() else { panic!() };
        assert_eq!(Failure::sqlite_code(extended), "SQLITE_CANTOPEN");
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn values_go_to_parameters_by_position_and_by_name() {
    let db = memory();
    let id = db.prepare("select ?, @a, ?2, ?").unwrap();
    let mut taken = Taken::default();
    let values = |binder: &mut Binder<'_>| {
        binder.object([2])?;
        binder.positional(Cell::Integer(1))?;
        binder.named(2, Cell::Text(b"two"))?;
        binder.positional(Cell::Blob(&[3]))
    };
    db.query(id, Some(values), Amount::First, Reading::default(), &mut taken).unwrap();
    assert_eq!(taken.0, ["Integer(1)", "two", "two", "Blob([3])"]);
    let missing = db.run(id, Some(|binder: &mut Binder<'_>| binder.positional(Cell::Null)));
    assert_eq!(misuse(missing), Misuse::missing_named("a"));
    let two = db.prepare("select ?, ?").unwrap();
    assert_eq!(misuse(db.run(two, NOTHING)), Misuse::TOO_FEW);
    assert_eq!(
        misuse(db.run(two, Some(|b: &mut Binder<'_>| (0..3).try_for_each(|_| b.positional(Cell::Null))))),
        Misuse::TOO_MANY
    );
}

#[test]
fn while_something_is_iterated_others_read_and_nobody_writes() {
    let db = memory();
    db.exec("create table t(a); insert into t values (1), (2), (3)", None).unwrap();
    let id = db.claim(db.prepare("select a from t").unwrap(), false).unwrap();
    let mut taken = Taken::default();
    assert!(db.query(id, NOTHING, Amount::UpTo(1), Reading::default(), &mut taken).unwrap().more);
    assert_eq!(all(&db, "select count(*) from t").unwrap(), ["Integer(3)"]);
    let write = db.prepare("delete from t").unwrap();
    assert_eq!(misuse(db.run(write, NOTHING)), Misuse::BUSY);
    assert_eq!(misuse(db.exec("select 1", None)), Misuse::BUSY);
    assert_eq!(misuse(db.may_close()), Misuse::BUSY);
    assert_eq!(misuse(db.check(id, Access::Touch)), Misuse::STATEMENT_BUSY);
    assert!(!db.resume(id, u32::MAX, Reading::default(), &mut taken).unwrap().more);
    assert_eq!(taken.0, ["Integer(1)", "Integer(2)", "Integer(3)"]);
    assert_eq!(db.run(write, NOTHING).unwrap().0, 3);
    db.may_close().unwrap();
}

#[test]
fn a_text_is_compiled_once_until_the_schema_changes() {
    let db = memory();
    db.exec("create table t(a)", None).unwrap();
    let first = db.prepare("select * from t").unwrap();
    assert_eq!(db.prepare("select * from t").unwrap(), first);
    let own = db.claim(first, true).unwrap();
    assert_ne!(own, first);
    db.free(first);
    assert_eq!(db.prepare("select * from t").unwrap(), first, "kept for the next one");
    db.exec("drop table t", None).unwrap();
    assert!(db.prepare("select * from t").is_err());
    for i in 0..200 {
        db.free(db.prepare(&format!("select {i}")).unwrap());
    }
    assert!(db.prepare("select 1000").unwrap() < 100, "numbers are used again, and few statements are kept");
}

#[test]
fn no_number_is_rounded_and_the_column_is_named() {
    let db = memory();
    let refused = misuse(all(&db, "select 1 a, 9007199254740993 b"));
    assert_eq!(refused.code, "ERR_OUT_OF_RANGE");
    assert!(refused.message.contains("\"b\""), "{}", refused.message);
    let mut taken = Taken::default();
    let reading = Reading { safe_integers: true, pluck: false };
    let id = db.prepare("select 9007199254740993").unwrap();
    db.query(id, NOTHING, Amount::First, reading, &mut taken).unwrap();
    assert_eq!(taken.0, ["Integer(9007199254740993)"]);
}

#[test]
fn steps_of_a_transaction_nest() {
    let db = memory();
    db.exec("create table t(a)", None).unwrap();
    let step = |step| db.run(db.control(step).unwrap(), NOTHING).unwrap();
    step(Step::Immediate);
    step(Step::Savepoint);
    db.exec("insert into t values (1)", None).unwrap();
    step(Step::Savepoint);
    db.exec("insert into t values (2)", None).unwrap();
    step(Step::RollbackTo);
    step(Step::Release);
    step(Step::Release);
    assert!(db.in_transaction());
    step(Step::Commit);
    assert_eq!(all(&db, "select a from t").unwrap(), ["Integer(1)"]);
}

#[test]
fn a_backup_never_writes_over_a_file_and_leaves_no_half_of_one() {
    let directory = tempfile::tempdir().unwrap();
    let (source, target) = (directory.path().join("x.db"), directory.path().join("copy.db"));
    let db = open(Place::File(source), false).unwrap();
    db.exec("create table t(a); insert into t values (1)", None).unwrap();
    assert!(db.backup(&target).unwrap().run().unwrap() > 0);
    assert!(db.backup(&target).unwrap().run().is_err());
    assert!(memory().copy(&target).is_err());
    let copy = open(Place::File(target), true).unwrap();
    assert_eq!(all(&copy, "select a from t").unwrap(), ["Integer(1)"]);
    std::fs::write(directory.path().join("broken.db"), "no database".repeat(100)).unwrap();
    let broken = open(Place::File(directory.path().join("broken.db")), false).unwrap();
    let half = directory.path().join("half.db");
    assert!(broken.backup(&half).unwrap().run().is_err());
    assert!(!half.exists());
}
