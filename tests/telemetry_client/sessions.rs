//! Counts and times of sessions where they are easy to get wrong.

use runledger::packed::{Field, Input};
use serde_json::Value as Json;

use crate::{
    recount,
    user::{Event, LATER, T, User, event, plain, session, text},
};

struct File(tempfile::TempDir);

impl File {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("directory"))
    }

    fn path(&self) -> std::path::PathBuf {
        self.0.path().join("t.db")
    }

    fn user(&self) -> User {
        User::open(&self.path(), &[])
    }

    fn without_foreign_keys(&self) -> User {
        User::open(&self.path(), &[("enableForeignKeys", Input::Boolean(false))])
    }
}

fn of(session: &str, timestamp: f64) -> Event {
    Event { session: session.into(), ..event(timestamp) }
}

#[test]
fn a_session_keeps_its_counts_when_it_takes_an_id_that_an_event_was_refused_for() {
    let file = File::new();
    let user = file.user();
    user.create_session("s1");
    user.insert_each(&[event(T), event(T + 1.0)]);
    assert_eq!(user.insert_each(&[of("ghost", T)]).failures.len(), 1);
    user.update_session("s1", &[("id", Field::Text("ghost"))]).expect("rename");
    assert_eq!(user.insert_each(&[of("ghost", T + 2.0)]).failures.len(), 0);
    assert_eq!(user.session("ghost")["eventCount"], 3);
    user.verify();
    recount::check(&file.path());
}

#[test]
fn a_session_that_takes_the_id_of_events_without_one_counts_them_once() {
    let file = File::new();
    let user = file.without_foreign_keys();
    user.create_session("s1");
    user.insert_each(&[event(T), event(T + 10.0)]);
    user.insert_each(&[of("orphan", T), of("orphan", T + 20.0)]);
    user.update_session("s1", &[("id", Field::Text("orphan")), ("duration", Field::Number(500.0))]).expect("rename");
    let row = user.session("orphan");
    assert_eq!((&row["eventCount"], &row["duration"]), (&4.into(), &500.into()));
    user.verify();
    recount::check(&file.path());
}

#[test]
fn events_that_a_client_without_foreign_keys_left_are_counted_by_one_with_them() {
    for rename in [false, true] {
        let file = File::new();
        let (careless, careful) = (file.without_foreign_keys(), file.user());
        careful.create_session("s1");
        careless.insert_each(&[of("orphan", T), of("orphan", T + 20.0)]);
        if rename {
            careful.update_session("s1", &[("id", Field::Text("orphan"))]).expect("rename");
        } else {
            careful.create_session("orphan");
        }
        assert_eq!(careful.session("orphan")["eventCount"], 2);
        careful.insert_each(&[of("orphan", T)]);
        assert_eq!(careful.session("orphan")["eventCount"], 3);
        careful.verify();
        recount::check(&file.path());
    }
}

#[test]
fn the_average_duration_survives_one_that_was_beyond_all_measure() {
    let file = File::new();
    let user = file.user();
    let create = |id: &str, duration: f64| {
        let fields = [("id", Field::Text(id)), ("duration", Field::Number(duration))];
        user.call("createSession", vec![session(&fields)]).result.expect("createSession");
    };
    create("s1", 0.1);
    create("s2", 0.3);
    for huge in [1e300, 253_402_300_800_000.7] {
        create("huge", huge);
        user.call("deleteSession", vec![plain(text("huge"))]).result.expect("deleteSession");
        user.verify();
        let average = user.call("getStatistics", vec![]).json().expect("getStatistics")["avgSessionDuration"].clone();
        assert!((average.as_f64().expect("a number") - 0.2).abs() < 1e-9, "{average}");
    }
    // Rounding error of its own size may be left when it goes, or goes while others change.
    user.insert_batch(&[of("s1", T), of("s1", 1e300), of("s2", T), of("s2", T + 4.0)]).expect("insertEventBatch");
    create("huge", 3e299);
    user.update_session("huge", &[("duration", Field::Number(1e284))]).expect("updateSession");
    user.call("deleteSession", vec![plain(text("s1"))]).result.expect("deleteSession");
    user.verify();
    user.update_session("huge", &[("duration", Field::Null)]).expect("updateSession");
    user.verify();
    recount::check(&file.path());
}

#[test]
fn inserted_events_set_the_end_and_the_duration_of_their_session() {
    let file = File::new();
    let user = file.user();
    user.create_session("s1");
    let times = || {
        let row = user.session("s1");
        (row["endTime"].clone(), row["duration"].clone())
    };
    let expect = |end: f64, duration: Option<f64>| {
        assert_eq!(times().0.as_f64(), Some(end));
        assert_eq!(times().1.as_f64(), duration);
    };
    user.insert_each(&[event(T + 0.25)]);
    expect(T + 0.25, Some(0.0));
    user.insert_each(&[event(T), event(LATER + 0.5)]);
    expect(LATER + 0.5, Some(LATER + 0.5 - T));
    user.insert_each(&[event(0.0)]);
    expect(LATER + 0.5, None);
    // Deleting leaves the times of the run; a recount does not.
    user.call("deleteEventsBefore", vec![plain(Input::Number(T + 0.1))]).number().expect("deleteEventsBefore");
    expect(LATER + 0.5, None);
    user.call("updateSessionStats", vec![plain(text("s1"))]).result.expect("updateSessionStats");
    expect(LATER + 0.5, Some(LATER + 0.25 - T));
    user.verify();
}

#[test]
fn a_callers_counts_are_kept_until_the_first_event_and_ignored_from_then_on() {
    let file = File::new();
    let user = file.user();
    let fields = [("id", Field::Text("s1")), ("eventCount", Field::Number(7.0)), ("errorCount", Field::Number(3.0))];
    user.call("createSession", vec![session(&fields)]).result.expect("createSession");
    assert_eq!(user.session("s1")["eventCount"], 7);
    user.insert_each(&[event(T)]);
    let row = user.session("s1");
    assert_eq!((&row["eventCount"], &row["errorCount"]), (&1.into(), &0.into()));
    user.update_session("s1", &[("eventCount", Field::Number(9.0))]).expect("updateSession");
    assert_eq!(user.session("s1")["eventCount"], 1);
    user.call("deleteEvents", vec![plain(Input::Undefined)]).number().expect("deleteEvents");
    assert_eq!(user.session("s1")["eventCount"], 0);
    user.update_session("s1", &[("eventCount", Field::Number(9.0))]).expect("updateSession");
    user.insert_batch(&[event(T), event(T)]).expect("insertEventBatch");
    assert_eq!(user.session("s1")["eventCount"], 2);
    user.verify();
}

#[test]
fn one_refused_event_among_many_costs_only_itself() {
    let file = File::new();
    let user = file.user();
    user.create_session("s1");
    let mut events: Vec<Event> = (0..1_000).map(|number| event(T + f64::from(number))).collect();
    events.insert(500, of("ghost", T));
    events.insert(700, Event { kind: "bad", ..event(T) });
    let inserted = user.insert_each(&events);
    let failed: Vec<usize> = inserted.failures.iter().map(|(index, _)| *index).collect();
    assert_eq!(failed, [500, 700]);
    let ids: Vec<f64> = inserted.ids.iter().copied().filter(|id| !id.is_nan()).collect();
    assert!(ids.is_sorted_by(|one, next| one < next));
    assert_eq!(ids, user.event_ids());
    assert_eq!(user.session("s1")["eventCount"], 1_000);
    user.verify();
}

#[test]
fn a_batch_that_fails_half_way_leaves_no_trace_and_names_the_event() {
    let file = File::new();
    let user = file.user();
    user.create_session("s1");
    let error = user.insert_batch(&[event(T), of("ghost", T), event(T)]).expect_err("refused");
    let report = error.report("insertEventBatch");
    assert_eq!((report.index, report.extended_code), (Some(1), Some("SQLITE_CONSTRAINT_FOREIGNKEY")));
    assert_eq!(user.event_ids(), Vec::<f64>::new());
    assert_eq!(user.session("s1")["eventCount"], 0);
    assert_eq!(user.session("s1")["endTime"], Json::Null);
    user.verify();
}
