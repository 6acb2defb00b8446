//! Writes: group commit, order, and failures that stay with their cause.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use runledger::{
    error::Error,
    store::{Cancel, Control, Isolation, JournalMode},
};

use crate::probe::*;

const KINDS: [Isolation; 2] = [Isolation::Own, Isolation::Savepoint];

#[test]
fn a_write_that_panics_fails_alone_and_the_store_goes_on() {
    for kind in KINDS {
        let Fixture { store, .. } = &Fixture::new();
        let gate = Gate::close(store);
        let (_, before) = insert(store, kind, "before");
        let (_, panics) = issue(store, kind, |conn, probe| {
            probe.insert(conn, "half")?;
            panic!("in a write");
        });
        let (_, after) = insert(store, kind, "after");
        gate.open();
        let error = panics.wait().expect_err("a panic is no success");
        assert_eq!(code(&error), "INTERNAL_ERROR");
        assert!(error.to_string().contains("in a write"), "{error}");
        before.wait().expect("before");
        after.wait().expect("after");
        inserted(store, "later");
        assert_eq!(names(store), ["before", "after", "later"]);
    }
}

#[test]
fn a_failing_write_is_undone_alone_after_several_statements() {
    for kind in KINDS {
        let Fixture { store, .. } = &Fixture::new();
        let gate = Gate::close(store);
        let (_, before) = insert(store, Isolation::Own, "before");
        let (_, fails) = issue(store, kind, |conn, probe| {
            probe.insert(conn, "first")?;
            probe.insert(conn, "second")?;
            probe.insert(conn, "before")
        });
        let (_, after) = insert(store, Isolation::Own, "after");
        gate.open();
        assert_eq!(code(&fails.wait().expect_err("taken")), "SQLITE_CONSTRAINT");
        before.wait().expect("before");
        after.wait().expect("after");
        assert_eq!(names(store), ["before", "after"]);
    }
}

#[test]
fn a_failing_write_with_a_savepoint_does_not_make_its_neighbours_run_again() {
    let Fixture { store, .. } = &Fixture::new();
    let runs = Arc::new(AtomicUsize::new(0));
    let gate = Gate::close(store);
    let counted = Arc::clone(&runs);
    let (_, good) = issue(store, Isolation::Savepoint, move |conn, probe| {
        counted.fetch_add(1, Ordering::SeqCst);
        probe.insert(conn, "good")
    });
    let (_, bad) = issue(store, Isolation::Savepoint, |_, _| Err(Error::Aborted));
    gate.open();
    good.wait().expect("good");
    bad.wait().expect_err("bad");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[test]
fn a_write_alone_in_its_transaction_leaves_nothing_when_it_fails() {
    for kind in KINDS {
        let Fixture { store, .. } = &Fixture::new();
        let (_, fails) = issue(store, kind, |conn, probe| {
            probe.insert(conn, "half")?;
            Err(Error::Aborted)
        });
        fails.wait().expect_err("fails");
        inserted(store, "whole");
        assert_eq!(names(store), ["whole"]);
    }
}

#[test]
fn a_write_that_costs_the_transaction_costs_no_neighbour() {
    for kind in KINDS {
        let Fixture { store, .. } = &Fixture::new();
        let gate = Gate::close(store);
        let mut answers = Vec::new();
        for number in 0..3 {
            answers.push(insert(store, KINDS[number % 2], &format!("before {number}")).1);
        }
        let (_, costs) = issue(store, kind, |conn, probe| {
            probe.insert(conn, "half")?;
            conn.execute_batch("ROLLBACK")?;
            Err(Error::Internal("lost".into()))
        });
        for number in 0..3 {
            answers.push(insert(store, KINDS[number % 2], &format!("after {number}")).1);
        }
        gate.open();
        assert_eq!(costs.wait().expect_err("costs").to_string(), "lost");
        for answer in answers {
            answer.wait().expect("neighbour");
        }
        assert_eq!(names(store), ["before 0", "before 1", "before 2", "after 0", "after 1", "after 2"]);
    }
}

#[test]
fn a_write_that_runs_too_long_is_undone_and_costs_no_neighbour() {
    for kind in KINDS {
        let Fixture { store, .. } = &Fixture::new();
        let gate = Gate::close(store);
        let (_, before) = insert(store, Isolation::Own, "before");
        let (_, endless) = issue_under(store, limit(30), kind, |conn, probe| {
            probe.insert(conn, "half")?;
            Ok(conn.execute_batch(WRITES_FOREVER)?)
        });
        let (_, after) = insert(store, Isolation::Savepoint, "after");
        gate.open();
        let error = endless.wait().expect_err("endless");
        assert!(matches!(error, Error::Timeout { ms: 30 }), "{error:?}");
        assert_eq!(code(&error), "SQLITE_INTERRUPT");
        before.wait().expect("before");
        after.wait().expect("after");
        assert_eq!(names(store), ["before", "after"]);
    }
}

#[test]
fn a_write_that_survives_the_loss_of_its_transaction_takes_effect_once() {
    let Fixture { store, .. } = &Fixture::new();
    let gate = Gate::close(store);
    let (_, before) = insert(store, Isolation::Own, "before");
    let mut runs = 0;
    let (_, again) = issue(store, Isolation::Savepoint, move |conn, probe| {
        runs += 1;
        probe.insert(conn, &format!("run {runs}"))?;
        if runs < 3 {
            conn.execute_batch("ROLLBACK")?;
        }
        Ok(())
    });
    let (_, after) = insert(store, Isolation::Own, "after");
    gate.open();
    for answer in [before, again, after] {
        answer.wait().expect("write");
    }
    assert_eq!(names(store), ["before", "run 3", "after"]);
}

#[test]
fn a_write_that_loses_its_transaction_again_and_again_is_given_up() {
    let Fixture { store, .. } = &Fixture::new();
    let gate = Gate::close(store);
    let (_, hopeless) = issue(store, Isolation::Own, |conn, _| Ok(conn.execute_batch("ROLLBACK")?));
    let (_, neighbour) = insert(store, Isolation::Own, "neighbour");
    gate.open();
    assert_eq!(code(&hopeless.wait().expect_err("hopeless")), "INTERNAL_ERROR");
    neighbour.wait().expect("neighbour");
    assert_eq!(names(store), ["neighbour"]);
}

#[test]
fn a_commit_that_sqlite_undoes_acknowledges_nothing_and_spoils_no_count() {
    let Fixture { store, .. } = &Fixture::new();
    inserted(store, "first");
    let refuse = |refused: bool| {
        let (reply, answer) = answer();
        store.alone(move |session| Ok(session.conn.commit_hook(refused.then_some(|| true))?), reply);
        answer.wait().expect("hook");
    };
    refuse(true);
    let gate = Gate::close(store);
    let lost = [insert(store, Isolation::Own, "a").1, insert(store, Isolation::Savepoint, "b").1];
    gate.open();
    for answer in lost {
        assert_eq!(code(&answer.wait().expect_err("not committed")), "SQLITE_CONSTRAINT");
    }
    refuse(false);
    inserted(store, "second");
    assert_eq!(names(store), ["first", "second"]);
}

#[test]
fn a_commit_that_a_constraint_refuses_leaves_no_transaction_behind() {
    let Fixture { store, .. } = &Fixture::new();
    let (reply, made) = answer();
    let tables = "CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (parent INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);";
    store.alone(|session| Ok(session.conn.execute_batch(tables)?), reply);
    made.wait().expect("tables");
    let (_, orphan) = issue(store, Isolation::Own, |conn, probe| {
        probe.insert(conn, "orphan")?;
        Ok(conn.execute_batch("INSERT INTO child VALUES (7)")?)
    });
    assert_eq!(code(&orphan.wait().expect_err("an orphan")), "SQLITE_CONSTRAINT");
    inserted(store, "later");
    assert_eq!(names(store), ["later"]);
}

#[test]
fn queued_writes_share_their_commit() {
    let Fixture { store, .. } = &Fixture::new();
    let before = store.figures().commits;
    let gate = Gate::close(store);
    let answers: Vec<_> = (0..200).map(|number| insert(store, KINDS[number % 2], &format!("{number}")).1).collect();
    assert_eq!(store.figures().queued, 200);
    gate.open();
    for answer in answers {
        answer.wait().expect("write");
    }
    let figures = store.figures();
    assert_eq!(figures.commits - before, 1);
    assert_eq!(figures.calls, 200);
}

#[test]
fn a_flood_is_cut_into_commits_that_others_get_between() {
    let Fixture { store, .. } = &Fixture::new();
    let gate = Gate::close(store);
    let answers: Vec<_> = (0..12)
        .map(|number| {
            let (reply, answer) = answer();
            let name = number.to_string();
            let run = move |conn: &_, probe: &mut Probe| probe.insert(conn, &name);
            store.write(Control::default(), Isolation::Own, (1, 1 << 20), run, reply);
            answer
        })
        .collect();
    gate.open();
    for answer in answers {
        answer.wait().expect("write");
    }
    assert_eq!(store.figures().commits, 3);
}

#[test]
fn writes_take_effect_in_the_order_in_which_they_were_issued() {
    let Fixture { store, .. } = &Fixture::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let mut expected = Vec::new();
    for number in 0..300_usize {
        let name = format!("{number}");
        let fails = number % 7 == 3;
        if !fails {
            expected.push(name.clone());
        }
        let run = move |conn: &_, probe: &mut Probe| {
            probe.insert(conn, &name)?;
            if fails { Err(Error::Aborted) } else { Ok(()) }
        };
        let list = Arc::clone(&heard);
        let done = move |_, _| list.lock().expect("list").push(number);
        if number % 50 == 20 {
            store.alone(move |session| session.transaction(|conn, probe| run(conn, probe)), done);
        } else {
            store.write(Control::default(), KINDS[number % 3 % 2], (1, 100), run, done);
        }
    }
    assert_eq!(names(store), expected);
    assert_eq!(*heard.lock().expect("list"), (0..300).collect::<Vec<_>>());
}

#[test]
fn an_acknowledged_write_is_in_the_file_before_its_caller_hears_of_it() {
    let fixture = &Fixture::new();
    let other = rusqlite::Connection::open(&fixture.path).expect("open");
    for number in 1..=20_i64 {
        inserted(&fixture.store, &number.to_string());
        let items: (i64, i64) = other
            .query_row("SELECT count(*), (SELECT items FROM total) FROM item", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("count");
        assert_eq!(items, (number, number));
    }
}

#[test]
fn a_cancelled_write_that_waits_never_runs() {
    let Fixture { store, .. } = &Fixture::new();
    let cancel = Cancel::default();
    let gate = Gate::close(store);
    let control = Control { cancel: cancel.clone(), ..Control::default() };
    let (_, cancelled) =
        issue_under(store, control, Isolation::Savepoint, |conn, probe| probe.insert(conn, "cancelled"));
    let (_, other) = insert(store, Isolation::Savepoint, "other");
    cancel.cancel();
    gate.open();
    assert!(matches!(cancelled.wait(), Err(Error::Aborted)));
    other.wait().expect("other");
    assert_eq!(names(store), ["other"]);
}

#[test]
fn a_cancelled_write_that_runs_is_interrupted_and_undone() {
    let Fixture { store, .. } = &Fixture::new();
    let cancel = Cancel::default();
    let (begin, begun) = mpsc::channel();
    let control = Control { cancel: cancel.clone(), ..Control::default() };
    let (_, cancelled) = issue_under(store, control, Isolation::Savepoint, move |conn, probe| {
        probe.insert(conn, "half")?;
        let _ = begin.send(());
        Ok(conn.execute_batch(WRITES_FOREVER)?)
    });
    begun.recv().expect("it runs");
    cancel.cancel();
    assert!(matches!(cancelled.wait(), Err(Error::Aborted)));
    inserted(store, "later");
    assert_eq!(names(store), ["later"]);
}

#[test]
fn the_limit_of_one_write_does_not_hold_for_the_next() {
    let Fixture { store, .. } = &Fixture::new();
    let (_, short) = issue_under(store, limit(5), Isolation::Own, |conn, probe| probe.insert(conn, "short"));
    short.wait().expect("short");
    let (_, long) = issue(store, Isolation::Own, |conn, probe| {
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(30) {
            conn.query_row("SELECT count(*) FROM (VALUES (1), (2)), item, item", [], |_| Ok(()))?;
        }
        probe.insert(conn, "long")
    });
    long.wait().expect("long");
    assert_eq!(names(store), ["short", "long"]);
}

#[test]
fn a_panic_in_work_that_has_the_writer_to_itself_is_an_error_and_undone() {
    let Fixture { store, .. } = &Fixture::new();
    let (reply, in_transaction) = answer::<()>();
    store.alone(
        |session| {
            session.transaction(|conn, probe| {
                probe.insert(conn, "half")?;
                panic!("in a transaction")
            })
        },
        reply,
    );
    assert_eq!(code(&in_transaction.wait().expect_err("panic")), "INTERNAL_ERROR");
    let (reply, outside) = answer::<()>();
    store.alone(
        |session| {
            session.conn.execute_batch("BEGIN; INSERT INTO item (name) VALUES ('left open')")?;
            panic!("outside")
        },
        reply,
    );
    assert_eq!(code(&outside.wait().expect_err("panic")), "INTERNAL_ERROR");
    inserted(store, "later");
    assert_eq!(names(store), ["later"]);
}

#[test]
fn a_panic_in_an_answer_stays_with_that_answer() {
    let Fixture { store, .. } = &Fixture::new();
    let gate = Gate::close(store);
    let run = |conn: &_, probe: &mut Probe| probe.insert(conn, "panics");
    store.write(Control::default(), Isolation::Own, (1, 1), run, |_, _| panic!("in the answer of a write"));
    store.alone(|_| Ok(()), |_, _| panic!("in the answer of work alone"));
    store.read(Control::default(), 0, count, |_, _| panic!("in the answer of a read"));
    store.beside(|_| Ok(()), |_, _| panic!("in the answer of work beside"));
    let (_, neighbour) = insert(store, Isolation::Own, "neighbour");
    gate.open();
    neighbour.wait().expect("neighbour");
    assert_eq!(names(store), ["panics", "neighbour"]);
}

#[test]
fn a_panic_in_timed_work_and_at_the_end_is_contained() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("items.db");
    let ticks = Arc::default();
    let probe =
        Probe { due: Some(Instant::now()), panic_in_close: true, ticks: Arc::clone(&ticks), ..Probe::default() };
    let store = open_as(settings(&path), probe).expect("open");
    eventually("a tick", || ticks.load(Ordering::SeqCst) == 1);
    inserted(&store, "after the tick");
    store.close();
    assert_eq!(names(&open(settings(&path)).expect("open")), ["after the tick"]);
}

#[test]
fn a_panic_while_opening_is_an_error_and_the_file_can_be_opened_again() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("items.db");
    let opened = runledger::store::Store::<Probe>::open(
        settings(&path),
        Arc::default(),
        |_, _, _| -> runledger::error::Result<(Probe, JournalMode)> { panic!("while opening") },
    );
    assert_eq!(code(&opened.err().expect("panic")), "INTERNAL_ERROR");
    inserted(&open(settings(&path)).expect("open"), "later");
}
