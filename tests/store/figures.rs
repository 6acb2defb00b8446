//! What `getMetrics()` tells about a store.

use runledger::store::{Control, Isolation};

use crate::probe::*;

#[test]
fn a_statement_that_was_compiled_once_is_not_compiled_again() {
    let Fixture { store, .. } = &Fixture::new();
    for number in 0..100 {
        inserted(store, &number.to_string());
        let one = |conn: &runledger::store::Conn| Ok(conn.cached("SELECT 1")?.query_row([], |_| Ok(()))?);
        read(store, Control::default(), 0, one).wait().expect("read");
    }
    let figures = store.figures();
    assert!(figures.prepared > 400, "{figures:?}");
    let rate = figures.hits as f64 / figures.prepared as f64;
    assert!(rate > 0.95 && rate < 1.0, "{figures:?}");
}

#[test]
fn figures_tell_calls_commits_sizes_and_the_mode() {
    let fixture = Fixture::new();
    let (reply, answer) = answer();
    let run = |conn: &_, probe: &mut Probe| {
        probe.insert(conn, "one")?;
        probe.insert(conn, "two")
    };
    fixture.store.write(Control::default(), Isolation::Own, (2, 1), run, reply);
    answer.wait().expect("write");
    let figures = fixture.store.figures();
    assert_eq!((figures.calls, figures.commits, figures.queued), (2, 1, 0));
    assert_eq!(figures.journal_mode, Some("wal"));
    assert_eq!(figures.wal_bytes, size_beside(&fixture.path, "-wal"));
    assert_eq!(figures.file_bytes, size_beside(&fixture.path, ""));
}

#[test]
fn a_write_that_was_not_committed_counts_as_no_commit() {
    let fixture = Fixture::new();
    let (_, fails) = issue(&fixture.store, Isolation::Own, |_, _| Err(runledger::error::Error::Aborted));
    fails.wait().expect_err("fails");
    let figures = fixture.store.figures();
    assert_eq!((figures.calls, figures.commits), (0, 0));
}
