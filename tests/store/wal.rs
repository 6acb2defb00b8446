//! The write-ahead log stays short without anybody asking for it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use runledger::store::{Conn, Control, Isolation, Settings};
use rusqlite::Connection;

use crate::probe::*;

const MIB: u64 = 1 << 20;

#[test]
fn the_log_of_a_store_at_rest_is_cut_to_nothing() {
    let fixture = Fixture::new();
    inserted(&fixture.store, "one");
    assert!(size_beside(&fixture.path, "-wal") > 0);
    eventually("an empty log", || size_beside(&fixture.path, "-wal") == 0);
    inserted(&fixture.store, "two");
    eventually("an empty log", || size_beside(&fixture.path, "-wal") == 0);
    assert_eq!(fixture.names(), ["one", "two"]);
}

#[test]
fn the_log_is_cut_once_the_reader_that_needed_it_has_gone() {
    let fixture = Fixture::new();
    let reader = long_reader(&fixture);
    inserted(&fixture.store, "one");
    std::thread::sleep(Duration::from_millis(1_500));
    assert!(size_beside(&fixture.path, "-wal") > 0, "the reader still needs it");
    reader.execute_batch("COMMIT").expect("end");
    eventually("an empty log", || size_beside(&fixture.path, "-wal") == 0);
}

#[test]
fn a_sustained_flood_does_not_make_the_log_grow_without_end() {
    let fixture = Fixture::new();
    let highest = flood(&fixture, 60 * MIB, |_| {});
    assert!(highest < 48 * MIB, "{} MiB of log", highest / MIB);
}

#[test]
fn a_flood_recovers_from_a_reader_that_kept_the_log() {
    let fixture = Fixture::new();
    let mut reader = Some(long_reader(&fixture));
    let highest = flood(&fixture, 96 * MIB, |written| {
        if written > 16 * MIB {
            reader = None;
        }
    });
    // Each attempt in vain lets it grow for a tenth of a second.
    assert!(highest < 80 * MIB, "{} MiB of log", highest / MIB);
}

fn long_reader(fixture: &Fixture) -> Connection {
    let reader = Connection::open(&fixture.path).expect("open");
    reader.execute_batch("BEGIN").expect("begin");
    reader.query_row("SELECT count(*) FROM blob", [], |_| Ok(())).expect("read");
    reader
}

/// Write `bytes` in rows of a kilobyte as fast as they go. Returns the largest size of the log.
fn flood(fixture: &Fixture, bytes: u64, mut watch: impl FnMut(u64)) -> u64 {
    const CALL: u64 = 128 << 10;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut highest = 0;
            while !done.load(Ordering::Relaxed) {
                highest = size_beside(&fixture.path, "-wal").max(highest);
                std::thread::sleep(Duration::from_millis(1));
            }
            highest
        });
        let mut answers = std::collections::VecDeque::new();
        for number in 0..bytes / CALL {
            let (reply, answer) = answer();
            let run = |conn: &Conn, _: &mut Probe| {
                let mut insert = conn.cached("INSERT INTO blob (data) VALUES (hex(randomblob(512)))")?;
                for _ in 0..128 {
                    insert.execute([])?;
                }
                Ok(())
            };
            fixture.store.write(Control::default(), Isolation::Own, (1, 128 << 10), run, reply);
            answers.push_back(answer);
            if answers.len() >= 64 {
                answers.pop_front().expect("an answer").wait().expect("write");
            }
            watch(number * CALL);
        }
        for answer in answers {
            answer.wait().expect("write");
        }
        done.store(true, Ordering::Relaxed);
        watcher.join().expect("watcher")
    })
}

#[test]
fn a_reader_of_the_pool_that_runs_into_its_limit_lets_the_log_go() {
    let fixture = Fixture::with(|settings| Settings { readers: 1, ..settings });
    inserted(&fixture.store, "one");
    let endless = read(&fixture.store, limit(300), 0, |conn| Ok(conn.query_row(FOREVER, [], |_| Ok(()))?));
    endless.wait().expect_err("endless");
    eventually("an empty log", || size_beside(&fixture.path, "-wal") == 0);
}

#[test]
fn a_read_that_panicked_lets_the_log_go() {
    let fixture = Fixture::new();
    inserted(&fixture.store, "one");
    let panics = read(&fixture.store, Control::default(), 0, |conn| -> runledger::error::Result<()> {
        count(conn)?;
        panic!("in a read")
    });
    panics.wait().expect_err("panic");
    eventually("an empty log", || size_beside(&fixture.path, "-wal") == 0);
}

#[test]
fn cutting_the_log_looks_like_no_commit_of_another_and_such_a_commit_still_does() {
    let fixture = Fixture::new();
    let version = || {
        let (reply, answer) = answer();
        fixture.store.alone(|session| session.version(), reply);
        answer.wait().expect("version")
    };
    inserted(&fixture.store, "one");
    let first = version();
    eventually("an empty log", || size_beside(&fixture.path, "-wal") == 0);
    inserted(&fixture.store, "two");
    flood(&fixture, 40 * MIB, |_| {});
    eventually("an empty log", || size_beside(&fixture.path, "-wal") == 0);
    assert_eq!(version(), first, "the store has done all of it");

    let other = Connection::open(&fixture.path).expect("open");
    let mut last = first;
    for (number, at) in
        ["in an empty log", "in a log with a commit of ours", "before the log is cut"].iter().enumerate()
    {
        if number > 0 {
            inserted(&fixture.store, at);
        }
        other.execute("INSERT INTO blob (data) VALUES ('theirs')", []).expect("a foreign commit");
        if number == 2 {
            eventually("an empty log", || size_beside(&fixture.path, "-wal") == 0);
        }
        let next = version();
        assert_ne!(next, last, "{at}");
        last = next;
    }
}
