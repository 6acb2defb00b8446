//! Other connections on the same file, of this process or of another.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use runledger::store::{Control, Isolation, JournalChoice, Settings};
use rusqlite::Connection;

use crate::probe::*;

/// Another program with the write lock in its hand.
fn locked(fixture: &Fixture) -> Connection {
    let other = Connection::open(&fixture.path).expect("open");
    other.execute_batch("BEGIN IMMEDIATE").expect("lock");
    other
}

#[test]
fn a_write_that_gets_no_lock_in_time_is_busy_and_so_are_its_neighbours() {
    let fixture = Fixture::with(|settings| Settings { busy_timeout: Duration::from_millis(200), ..settings });
    let other = locked(&fixture);
    let gate = Gate::close(&fixture.store);
    let writes: Vec<_> = (0..5).map(|number| insert(&fixture.store, Isolation::Own, &number.to_string()).1).collect();
    let began = Instant::now();
    gate.open();
    for write in writes {
        let report = write.wait().expect_err("busy").report("insertEvent");
        assert_eq!(report.code, "SQLITE_BUSY");
        assert_eq!(report.message, "Database is locked during insertEvent. Try again later.");
    }
    let waited = began.elapsed();
    assert!((200..1_000).contains(&waited.as_millis()), "{waited:?}");
    let seen = read(&fixture.store, Control::default(), 0, count);
    assert_eq!(seen.wait().expect("reads go on"), 0);
    other.execute_batch("COMMIT").expect("commit");
    inserted(&fixture.store, "later");
    assert_eq!(fixture.names(), ["later"]);
}

#[test]
fn a_write_waits_for_a_lock_that_is_let_go_in_time() {
    let fixture = Fixture::with(|settings| Settings { busy_timeout: Duration::from_secs(20), ..settings });
    let other = locked(&fixture);
    let (_, waits) = insert(&fixture.store, Isolation::Own, "waits");
    std::thread::sleep(Duration::from_millis(100));
    other
        .execute_batch("INSERT INTO item (name) VALUES ('first'); UPDATE total SET items = 1; COMMIT")
        .expect("commit");
    waits.wait().expect("it waited");
    assert_eq!(fixture.names(), ["first", "waits"]);
}

#[test]
fn an_idle_store_keeps_nobody_from_writing() {
    let fixture = Fixture::new();
    inserted(&fixture.store, "one");
    read(&fixture.store, Control::default(), 0, count).wait().expect("read");
    let other = Connection::open(&fixture.path).expect("open");
    other.busy_timeout(Duration::ZERO).expect("busy timeout");
    other.execute_batch("INSERT INTO item (name) VALUES ('theirs'); UPDATE total SET items = 2").expect("free");
    inserted(&fixture.store, "two");
    assert_eq!(fixture.names(), ["one", "theirs", "two"]);
}

#[test]
fn what_another_connection_commits_is_seen_by_the_next_write_and_the_next_read() {
    let fixture = Fixture::new();
    let other = open(settings(&fixture.path)).expect("open");
    for round in 0..10 {
        inserted(&fixture.store, &format!("ours {round}"));
        inserted(&other, &format!("theirs {round}"));
    }
    assert_eq!(fixture.names().len(), 20);
    assert_eq!(names(&other).len(), 20);
}

#[test]
fn two_stores_that_write_at_once_lose_nothing() {
    let fixture = Fixture::with(|settings| Settings { busy_timeout: Duration::from_secs(20), ..settings });
    let other = open(Settings { busy_timeout: Duration::from_secs(20), ..settings(&fixture.path) }).expect("open");
    std::thread::scope(|scope| {
        for (name, store) in [("ours", &fixture.store), ("theirs", &other)] {
            scope.spawn(move || {
                let writes: Vec<_> =
                    (0..200).map(|number| insert(store, Isolation::Own, &format!("{name} {number}")).1).collect();
                for write in writes {
                    write.wait().expect("write");
                }
            });
        }
    });
    assert_eq!(fixture.names().len(), 400);
}

#[test]
fn without_a_write_ahead_log_writes_and_reads_take_turns() {
    let fixture = Fixture::with(|settings| Settings {
        journal: JournalChoice::Delete,
        busy_timeout: Duration::from_secs(20),
        ..settings
    });
    assert_eq!(fixture.store.figures().journal_mode, Some("delete"));
    let mut answers = Vec::new();
    for number in 1..=60_i64 {
        let (sequence, write) = insert(&fixture.store, Isolation::Savepoint, &number.to_string());
        answers.push((number, write, read(&fixture.store, Control::default(), sequence, count)));
        if number % 20 == 0 {
            for (number, write, read) in answers.drain(..) {
                write.wait().expect("write");
                assert!(read.wait().expect("read") >= number);
            }
        }
    }
    assert!(!beside(&fixture.path, "-wal").exists());
    assert_eq!(fixture.names().len(), 60);
}

#[test]
fn without_a_write_ahead_log_a_reader_that_does_not_end_makes_a_write_busy_and_no_more() {
    let fixture = Fixture::with(|settings| Settings {
        journal: JournalChoice::Delete,
        busy_timeout: Duration::from_millis(100),
        ..settings
    });
    inserted(&fixture.store, "one");
    let other = Connection::open(&fixture.path).expect("open");
    other.execute_batch("BEGIN").expect("begin");
    other.query_row("SELECT count(*) FROM item", [], |_| Ok(())).expect("read");
    let (_, busy) = insert(&fixture.store, Isolation::Own, "two");
    assert_eq!(code(&busy.wait().expect_err("busy")), "SQLITE_BUSY");
    other.execute_batch("COMMIT").expect("end");
    inserted(&fixture.store, "three");
    assert_eq!(fixture.names(), ["one", "three"]);
}

#[test]
fn a_writer_without_a_break_lets_other_stores_and_other_programs_at_the_file() {
    let fixture = Fixture::new();
    let patient = Settings { busy_timeout: Duration::from_secs(3), ..settings(&fixture.path) };
    let other = open(patient).expect("open");
    let foreign = Connection::open(&fixture.path).expect("open");
    foreign.busy_timeout(Duration::from_secs(10)).expect("busy timeout");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut under_way = VecDeque::new();
            for number in 0..4_000 {
                let name = format!("flood {number}");
                let slow = issue(&fixture.store, Isolation::Savepoint, move |conn, probe| {
                    std::thread::sleep(Duration::from_millis(5));
                    probe.insert(conn, &name)
                });
                under_way.push_back(slow.1);
                if under_way.len() > 8 {
                    under_way.pop_front().expect("one").wait().expect("the flood goes on");
                }
                if done.load(Ordering::SeqCst) {
                    break;
                }
            }
        });
        for number in 0..5 {
            inserted(&other, &format!("other {number}"));
        }
        let theirs = foreign.execute_batch("INSERT INTO blob (data) VALUES (x'00')");
        done.store(true, Ordering::SeqCst);
        theirs.expect("a turn of its own");
    });
}
