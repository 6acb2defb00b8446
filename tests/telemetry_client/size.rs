//! A file with a cap.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use runledger::packed::Input;

use crate::{
    recount,
    user::{Event, LATER, T, User, code, event, object, plain, text},
};

const MIB: u64 = 1 << 20;

fn file() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("t.db");
    (directory, path)
}

fn capped(path: &Path) -> User {
    let options =
        [("maxSizeMB", Input::Number(1.0)), ("onSizeLimit", text("reject")), ("pruneDays", Input::Number(30.0))];
    let user = User::open(path, &options);
    user.create_session("s1");
    user
}

fn large(bytes: usize) -> Event {
    Event { prompt: "x".repeat(bytes), ..event(LATER) }
}

/// Size of the main file with everything in it that is in the log.
fn size(user: &User, path: &Path) -> u64 {
    user.call("checkpoint", vec![plain(text("truncate"))]).result.expect("checkpoint");
    std::fs::metadata(path).expect("file").len()
}

#[test]
fn a_capped_file_stays_below_its_cap_and_holds_every_acknowledged_event() {
    let (_directory, path) = file();
    let user = capped(&path);
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for round in 0..12 {
        let events: Vec<Event> =
            (0..30).map(|number| large(if number % 7 == round % 7 { 300 } else { 10_000 })).collect();
        let outcome = user.insert_each(&events);
        acknowledged.extend(outcome.ids.iter().copied().filter(|id| !id.is_nan()));
        for (_, error) in &outcome.failures {
            assert_eq!(code(error), "SQLITE_FULL");
            assert!(error.report("insertEvent").message.starts_with("Database size limit of 1 MB reached"), "{error}");
        }
        refused += outcome.failures.len();
        assert!(size(&user, &path) <= MIB);
    }
    assert!(refused > 0 && acknowledged.len() > 80, "{refused} refused, {} stored", acknowledged.len());
    assert_eq!(user.event_ids(), acknowledged);
    assert_eq!(code(&user.insert_batch(&vec![large(10_000); 20]).expect_err("full")), "SQLITE_FULL");
    assert_eq!(code(&user.buffer(&vec![large(10_000); 20]).expect_err("full")), "SQLITE_FULL");
    assert_eq!(user.event_ids(), acknowledged);
    user.verify();
    recount::check(&path);

    // Deleting goes on, and makes room.
    let deleted = user.call("deleteEvents", vec![]).number().expect("deleteEvents");
    assert_eq!(deleted, acknowledged.len() as f64);
    assert_eq!(user.insert_each(&[large(10_000), large(10_000)]).failures.len(), 0);
    assert!(size(&user, &path) <= MIB);
    user.verify();
}

#[test]
fn at_the_cap_expired_events_make_room() {
    let (_directory, path) = file();
    let user = capped(&path);
    let old: Vec<Event> = (0..60).map(|number| Event { timestamp: T + f64::from(number), ..large(10_000) }).collect();
    assert_eq!(user.insert_each(&old).failures.len(), 0);
    for _ in 0..4 {
        assert_eq!(user.insert_each(&vec![large(10_000); 20]).failures.len(), 0, "old events are pruned for them");
        assert!(size(&user, &path) <= MIB);
    }
    let left = user.query("queryEvents");
    assert_eq!(left.iter().filter(|row| row["timestamp"] == LATER as i64).count(), 80);
    user.verify();
    recount::check(&path);
    let audited = "SELECT count(*) FROM telemetry_audit_log WHERE reason = 'maxSizeMB'";
    assert!(recount::number(&path, audited) > 0);
}

#[test]
fn thousands_of_calls_at_the_cap_are_answered_one_by_one_and_soon() {
    let (_directory, path) = file();
    let user = capped(&path);
    while user.insert_each(&vec![large(10_000); 10]).failures.is_empty() {}
    while user.insert_each(&vec![large(100); 10]).failures.is_empty() {}
    let oldest = [("limit", Input::Number(5.0)), ("orderBy", text("timestamp_asc"))];
    let room = user.call("deleteEvents", vec![object(&oldest)]);
    assert_eq!(room.number().expect("deleteEvents"), 5.0);
    let began = Instant::now();
    let outcome = user.insert_each(&vec![large(500); 3_000]);
    let took = began.elapsed();
    let stored = outcome.ids.iter().filter(|id| !id.is_nan()).count();
    for (_, error) in &outcome.failures {
        assert_eq!(code(error), "SQLITE_FULL");
    }
    assert!(stored > 10 && stored < 2_900, "{stored} found room");
    assert!(took < Duration::from_secs(5), "{took:?}");
    user.verify();
    recount::check(&path);
}

#[test]
fn a_file_over_its_cap_goes_on_with_a_warning_by_default() {
    let (_directory, path) = file();
    let user = User::open(&path, &[("maxSizeMB", Input::Number(0.5))]);
    user.create_session("s1");
    assert_eq!(user.insert_each(&vec![large(10_000); 100]).failures.len(), 0);
    assert!(size(&user, &path) > MIB / 2);
    assert!(user.warnings().iter().any(|warning| warning.contains("over maxSizeMB (0.5 MB)")), "{:?}", user.warnings());
}
