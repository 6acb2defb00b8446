//! Reads: what they see, what they wait for, and what they cost each other.

use std::{
    sync::{Arc, Barrier, Condvar, Mutex, mpsc},
    time::Duration,
};

use runledger::{
    error::Error,
    store::{Cancel, Conn, Control, Isolation, Location},
};

use crate::probe::*;

#[test]
fn a_read_sees_a_write_that_was_issued_before_it_and_not_awaited() {
    let Fixture { store, .. } = &Fixture::new();
    for number in 1..=50 {
        let (sequence, _unheard) = insert(store, Isolation::Savepoint, &number.to_string());
        assert_eq!(read(store, Control::default(), sequence, count).wait().expect("read"), number);
    }
}

#[test]
fn a_read_waits_for_a_write_before_it_even_if_that_fails() {
    let Fixture { store, .. } = &Fixture::new();
    let gate = Gate::close(store);
    let (sequence, fails) = issue(store, Isolation::Savepoint, |_, _| Err(Error::Aborted));
    let waiting = read(store, Control::default(), sequence, count);
    assert!(!waiting.is_there(Duration::from_millis(50)), "the write has not been settled");
    let waiting = read(store, Control::default(), sequence, count);
    gate.open();
    fails.wait().expect_err("fails");
    assert_eq!(waiting.wait().expect("read"), 0);
}

#[test]
fn a_read_waits_for_nothing_that_was_issued_later() {
    let Fixture { store, .. } = &Fixture::new();
    let sequence = inserted(store, "before");
    let _gate = Gate::close(store);
    let (_, _later) = insert(store, Isolation::Savepoint, "later");
    assert_eq!(read(store, Control::default(), sequence, count).wait().expect("read"), 1);
}

#[test]
fn reads_behind_different_writes_are_answered_each_in_its_turn() {
    let Fixture { store, .. } = &Fixture::new();
    let gate = Gate::close(store);
    let mut reads = Vec::new();
    for number in 1..=40_i64 {
        let (sequence, _) = insert(store, Isolation::Own, &number.to_string());
        reads.push((number, read(store, Control::default(), sequence, count)));
    }
    gate.open();
    for (number, read) in reads.into_iter().rev() {
        let seen = read.wait().expect("read");
        assert!(seen >= number, "read {number} saw {seen}");
    }
}

/// As many reads as there are readers, each of which ends only when all of them run.
fn meeting(readers: usize) -> impl Fn(&Conn) -> runledger::error::Result<bool> + Clone {
    let met = Arc::new((Mutex::new(0), Condvar::new()));
    move |_| {
        let (arrived, news) = &*met;
        let mut arrived = arrived.lock().expect("lock");
        *arrived += 1;
        news.notify_all();
        let waited = news.wait_timeout_while(arrived, Duration::from_secs(5), |arrived| *arrived < readers);
        Ok(!waited.expect("lock").1.timed_out())
    }
}

#[test]
fn reads_run_side_by_side() {
    let Fixture { store, .. } = &Fixture::new();
    // The second round finds every reader started and idle.
    for _ in 0..2 {
        let meet = meeting(4);
        let reads: Vec<_> = (0..4).map(|_| read(store, Control::default(), 0, meet.clone())).collect();
        for read in reads {
            assert!(read.wait().expect("read"), "a read waited for another");
        }
    }
}

#[test]
fn reads_that_waited_for_the_same_write_run_side_by_side() {
    let Fixture { store, .. } = &Fixture::new();
    let gate = Gate::close(store);
    let (sequence, _) = insert(store, Isolation::Own, "one");
    let meet = meeting(4);
    let reads: Vec<_> = (0..4).map(|_| read(store, Control::default(), sequence, meet.clone())).collect();
    gate.open();
    for read in reads {
        assert!(read.wait().expect("read"), "a read waited for another");
    }
}

#[test]
fn there_are_never_more_readers_than_were_asked_for() {
    let Fixture { store, .. } = &Fixture::with(|settings| runledger::store::Settings { readers: 2, ..settings });
    let running = Arc::new(Mutex::new((0, 0)));
    let reads: Vec<_> = (0..20)
        .map(|_| {
            let running = Arc::clone(&running);
            read(store, Control::default(), 0, move |_| {
                let mut now = running.lock().expect("lock");
                *now = (now.0 + 1, now.1.max(now.0 + 1));
                drop(now);
                std::thread::sleep(Duration::from_millis(2));
                running.lock().expect("lock").0 -= 1;
                Ok(())
            })
        })
        .collect();
    for read in reads {
        read.wait().expect("read");
    }
    assert_eq!(running.lock().expect("lock").1, 2);
}

#[test]
fn a_read_that_runs_too_long_fails_alone() {
    let Fixture { store, .. } = &Fixture::with(|settings| runledger::store::Settings { readers: 1, ..settings });
    let endless = read(store, limit(30), 0, |conn| Ok(conn.query_row(FOREVER, [], |_| Ok(()))?));
    let next = read(store, limit(10_000), 0, count);
    let error = endless.wait().expect_err("endless");
    assert!(matches!(error, Error::Timeout { ms: 30 }), "{error:?}");
    assert_eq!(error.report("queryEvents").message, "Query exceeded queryTimeoutMs (30 ms) during queryEvents");
    assert_eq!(next.wait().expect("next"), 0);
}

#[test]
fn time_that_a_read_waits_for_its_consumer_is_not_counted() {
    let Fixture { store, .. } = &Fixture::new();
    let slow_consumer = read(store, limit(100), 0, |conn| {
        conn.off_the_clock(|| std::thread::sleep(Duration::from_millis(200)));
        conn.query_row(
            "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number LIMIT 20000) SELECT max(n) FROM number",
            [],
            |_| Ok(()),
        )?;
        Ok(())
    });
    slow_consumer.wait().expect("only SQL counts");
}

#[test]
fn a_cancelled_read_that_waits_never_runs() {
    let Fixture { store, .. } = &Fixture::new();
    let cancel = Cancel::default();
    let gate = Gate::close(store);
    let (sequence, _) = insert(store, Isolation::Own, "one");
    let control = Control { cancel: cancel.clone(), ..Control::default() };
    let cancelled = read(store, control, sequence, |_| -> runledger::error::Result<()> { panic!("it runs") });
    cancel.cancel();
    gate.open();
    assert!(matches!(cancelled.wait(), Err(Error::Aborted)));
}

#[test]
fn a_cancelled_read_that_runs_is_interrupted() {
    let Fixture { store, .. } = &Fixture::new();
    let cancel = Cancel::default();
    let control = Control { cancel: cancel.clone(), ..Control::default() };
    let (begin, begun) = mpsc::channel();
    let cancelled = read(store, control, 0, move |conn| {
        let _ = begin.send(());
        Ok(conn.query_row(FOREVER, [], |_| Ok(()))?)
    });
    begun.recv().expect("it runs");
    cancel.cancel();
    assert!(matches!(cancelled.wait(), Err(Error::Aborted)));
    assert_eq!(read(store, Control::default(), 0, count).wait().expect("read"), 0);
}

#[test]
fn a_read_that_panics_fails_alone() {
    let Fixture { store, .. } = &Fixture::with(|settings| runledger::store::Settings { readers: 1, ..settings });
    let panics = read(store, Control::default(), 0, |_| -> runledger::error::Result<()> { panic!("in a read") });
    let next = read(store, Control::default(), 0, count);
    assert_eq!(code(&panics.wait().expect_err("panic")), "INTERNAL_ERROR");
    assert_eq!(next.wait().expect("next"), 0);
}

#[test]
fn a_read_is_one_state_of_the_database_however_many_statements_it_has() {
    let Fixture { store, .. } = &Fixture::new();
    inserted(store, "first");
    let (reader, writer) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (began, go_on) = (Arc::clone(&reader), Arc::clone(&writer));
    let twice = read(store, Control::default(), 0, move |conn| {
        let first = count(conn)?;
        began.wait();
        go_on.wait();
        Ok((first, count(conn)?))
    });
    reader.wait();
    inserted(store, "second");
    writer.wait();
    assert_eq!(twice.wait().expect("read"), (1, 1));
}

#[test]
fn a_read_cannot_write() {
    let Fixture { store, .. } = &Fixture::new();
    let writes = read(store, Control::default(), 0, |conn| Ok(conn.execute_batch("DELETE FROM total")?));
    assert_eq!(code(&writes.wait().expect_err("read only")), "SQLITE_READONLY");
}

#[test]
fn a_database_in_memory_is_read_and_written_and_is_nobody_elses() {
    let memory = || open(runledger::store::Settings { location: Location::memory(), ..settings("unused".as_ref()) });
    let (store, other) = (memory().expect("open"), memory().expect("open"));
    let (sequence, _) = insert(&store, Isolation::Savepoint, "one");
    assert_eq!(read(&store, Control::default(), sequence, count).wait().expect("read"), 1);
    assert_eq!(read(&other, Control::default(), 0, count).wait().expect("read"), 0);
    let endless = read(&store, limit(30), 0, |conn| Ok(conn.query_row(FOREVER, [], |_| Ok(()))?));
    assert!(matches!(endless.wait(), Err(Error::Timeout { .. })));
    let panics = read(&store, Control::default(), 0, |_| -> runledger::error::Result<()> { panic!("in a read") });
    assert_eq!(code(&panics.wait().expect_err("panic")), "INTERNAL_ERROR");
    inserted(&store, "two");
    assert_eq!(names(&store), ["one", "two"]);
    assert_eq!(store.figures().journal_mode, Some("memory"));
}
