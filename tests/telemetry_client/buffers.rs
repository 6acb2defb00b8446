//! Buffered events: safe once acknowledged, moved exactly once, and never the reason why a call fails.

use std::path::{Path, PathBuf};

use runledger::{
    client::Arg,
    packed::{Field, Input},
    telemetry::{InsertMode, shape::RULE},
};
use rusqlite::Connection;
use serde_json::Value as Json;

use crate::{
    recount,
    user::{Event, LATER, T, User, code, event, plain, record, text},
};

fn file() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("t.db");
    (directory, path)
}

fn user(path: &Path, batch_size: u32) -> User {
    let user = User::open(path, &[("streamBatchSize", Input::Number(batch_size.into()))]);
    user.create_session("s1");
    user
}

fn capped(path: &Path, batch_size: u32) -> User {
    let options = [
        ("streamBatchSize", Input::Number(batch_size.into())),
        ("maxSizeMB", Input::Number(1.0)),
        ("onSizeLimit", text("reject")),
    ];
    let user = User::open(path, &options);
    user.create_session("s1");
    user
}

fn large(bytes: usize) -> Event {
    Event { prompt: "x".repeat(bytes), ..event(LATER) }
}

/// Status, number of events and attempts of every row.
fn rows(user: &User) -> Vec<(String, i64, i64)> {
    let number = |row: &Json, key: &str| row[key].as_i64().expect("a number");
    let rows = user.query("queryBuffers");
    rows.iter()
        .map(|row| {
            let status = row["status"].as_str().expect("status").to_owned();
            (status, number(row, "eventCount"), number(row, "flushAttempts"))
        })
        .collect()
}

#[test]
fn a_buffer_is_moved_in_order_by_the_call_that_fills_it() {
    let (_directory, path) = file();
    let user = user(&path, 10);
    let events: Vec<Event> =
        (0..10).map(|number| Event { prompt: format!("\"{number}\"\0\u{1F600}"), ..event(T + 0.1) }).collect();
    user.buffer(&events[..9]).expect("insertEventBuffer");
    assert_eq!(user.event_ids().len(), 0);
    assert_eq!(rows(&user), [("pending".into(), 9, 0)]);
    user.buffer(&events[9..]).expect("insertEventBuffer");
    let mut stored = user.query("queryEvents");
    stored.reverse();
    assert_eq!(stored.len(), 10);
    for (row, event) in stored.iter().zip(&events) {
        assert_eq!(
            (&row["prompt"], row["timestamp"].as_f64()),
            (&Json::from(event.prompt.clone()), Some(event.timestamp))
        );
    }
    assert_eq!(rows(&user), [("flushed".into(), 10, 0)]);
    user.verify();
}

#[test]
fn buffered_events_that_a_kill_left_are_moved_once_by_the_next_open() {
    let (directory, path) = file();
    let user = user(&path, 100);
    user.buffer(&[event(T), event(T + 1.0)]).expect("insertEventBuffer");
    // The files as a kill at this moment would leave them.
    let killed = directory.path().join("killed.db");
    for suffix in ["", "-wal"] {
        let name = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        std::fs::copy(name(&path), name(&killed)).expect("copy");
    }
    for _ in 0..2 {
        let next = User::open(&killed, &[]);
        assert_eq!(next.event_ids().len(), 2);
        next.verify();
        next.close();
    }
    recount::check(&killed);
    user.close();
    assert_eq!(recount::number(&path, "SELECT count(*) FROM telemetry_events"), 2, "and by close");
}

#[test]
fn two_clients_move_each_buffered_event_once() {
    let (_directory, path) = file();
    let (one, two) = (user(&path, 7), User::open(&path, &[("streamBatchSize", Input::Number(5.0))]));
    let mut answers = Vec::new();
    for round in 0..40 {
        for user in [&one, &two] {
            answers.push(user.insert(&vec![event(T); 1 + round % 3], InsertMode::Buffer));
            if round % 5 == 0 {
                answers.push(user.issue("flushEventBuffers", vec![]));
            }
        }
    }
    for answer in answers {
        answer.wait().result.expect("accepted");
    }
    one.close();
    two.close();
    let accepted: i64 = (0..40).map(|round| 2 * (1 + round % 3)).sum();
    assert_eq!(recount::number(&path, "SELECT count(*) FROM telemetry_events"), accepted);
    recount::check(&path);
}

#[test]
fn events_in_a_buffer_follow_their_renamed_session_and_go_with_a_deleted_one() {
    let (_directory, path) = file();
    let user = user(&path, 100);
    user.create_session("s2");
    user.buffer(&[event(T), Event { session: "s2".into(), ..event(T) }]).expect("insertEventBuffer");
    user.update_session("s1", &[("id", Field::Text("renamed"))]).expect("rename");
    user.call("deleteSession", vec![plain(text("s2"))]).result.expect("deleteSession");
    user.buffer(&[Event { session: "renamed".into(), ..event(T) }]).expect("insertEventBuffer");
    user.call("flushEventBuffers", vec![]).result.expect("flushEventBuffers");
    assert_eq!(user.session("renamed")["eventCount"], 2);
    assert_eq!(user.event_ids().len(), 2);
    user.verify();
}

#[test]
fn a_flush_that_finds_no_room_fails_no_call_and_loses_nothing() {
    let (_directory, path) = file();
    let user = capped(&path, 200);
    // The row fits below the cap, the events beside it do not.
    user.buffer(&vec![large(3_000); 200]).expect("insertEventBuffer");
    assert_eq!(rows(&user), [("pending".into(), 200, 1)]);
    user.call("flushEventBuffers", vec![]).result.expect("flushEventBuffers");
    let moved = user.call("flushBuffer", vec![plain(text("s1"))]).number();
    assert_eq!(moved.expect("flushBuffer"), 0.0);
    assert_eq!(rows(&user), [("pending".into(), 200, 3)]);
    assert_eq!(user.event_ids().len(), 0);
    assert!(user.warnings().iter().any(|warning| warning.contains("is pending")), "{:?}", user.warnings());
    user.verify();
    user.close();
    assert!(recount::number(&path, "SELECT flush_attempts FROM telemetry_buffers") > 3, "close has tried again");
    let roomy = User::open(&path, &[]);
    assert_eq!(roomy.event_ids().len(), 200);
    roomy.verify();
}

#[test]
fn a_row_that_finds_no_room_keeps_no_other_from_being_moved() {
    let (_directory, path) = file();
    let user = capped(&path, 1_000);
    user.create_session("s2");
    user.buffer(&vec![large(3_000); 150]).expect("insertEventBuffer");
    user.buffer(&vec![Event { session: "s2".into(), ..large(10) }; 3]).expect("insertEventBuffer");
    user.insert_batch(&vec![large(10_000); 20]).expect("insertEventBatch");
    user.call("flushEventBuffers", vec![]).result.expect("flushEventBuffers");
    assert_eq!(rows(&user), [("pending".into(), 150, 1), ("flushed".into(), 3, 0)]);
    assert_eq!(user.session("s2")["eventCount"], 3);
    user.verify();
    recount::check(&path);
}

#[test]
fn a_full_buffer_is_moved_even_if_a_neighbour_costs_its_transaction() {
    let (_directory, path) = file();
    let user = capped(&path, 3);
    let other = Connection::open(&path).expect("open");
    other.execute_batch("BEGIN IMMEDIATE").expect("lock");
    // The first write waits for the lock; the others share the transaction behind it.
    let first = user.insert(&[event(T)], InsertMode::Each);
    std::thread::sleep(std::time::Duration::from_millis(100));
    let fills = user.insert(&[event(T), event(T), event(T)], InsertMode::Buffer);
    let costs = user.insert(&[large(2 << 20)], InsertMode::Each);
    other.execute_batch("COMMIT").expect("unlock");
    first.wait().result.expect("first");
    fills.wait().result.expect("fills");
    let [(0, error)] = &costs.wait().inserted().failures[..] else { panic!("it has no room") };
    assert_eq!(code(error), "SQLITE_FULL");
    assert_eq!(rows(&user), [("flushed".into(), 3, 0)]);
    assert_eq!(user.event_ids().len(), 4);
    user.verify();
}

#[test]
fn a_flush_that_runs_too_long_does_not_fail_the_call_that_caused_it() {
    let (_directory, path) = file();
    let patient = user(&path, 1_000_000);
    patient.buffer(&vec![event(T); 20_000]).expect("insertEventBuffer");
    let options = [("streamBatchSize", Input::Number(10.0)), ("queryTimeoutMs", Input::Number(150.0))];
    // Opening flushes what is left, so the row is marked as the caller's own meanwhile.
    let outside = Connection::open(&path).expect("open");
    outside.execute_batch("UPDATE telemetry_buffers SET version = 1").expect("update");
    let hasty = User::open(&path, &options);
    outside.execute_batch("UPDATE telemetry_buffers SET version = 2").expect("update");
    hasty.buffer(&[event(T)]).expect("insertEventBuffer");
    let (status, events, _) = rows(&hasty).remove(0);
    assert_eq!((status.as_str(), events), ("pending", 20_001));
    hasty.close();
    assert_eq!(recount::number(&path, "SELECT count(*) FROM telemetry_events"), 20_001);
    recount::check(&path);
}

#[test]
fn a_row_that_a_rule_refuses_is_kept_and_tried_again_when_that_is_asked_for() {
    let (_directory, path) = file();
    let user = user(&path, 100);
    user.buffer(&[event(T), event(T)]).expect("insertEventBuffer");
    let fields = [
        ("tableName", Field::Text("telemetry_events")),
        ("fieldName", Field::Text("mode")),
        ("ruleType", Field::Text("enum")),
        ("ruleConfig", Field::Text(r#"{"values":["chat"]}"#)),
        ("errorMessage", Field::Text("bad mode")),
    ];
    user.call("addValidationRule", vec![Arg::Record(Some(record(&RULE, &fields)))]).number().expect("rule");
    user.call("flushEventBuffers", vec![]).result.expect("flushEventBuffers");
    assert_eq!(rows(&user), [("failed".into(), 2, 1)]);
    user.call("removeValidationRule", vec![plain(Input::Number(1.0))]).result.expect("rule");
    user.call("flushEventBuffers", vec![]).result.expect("flushEventBuffers");
    assert_eq!(user.event_ids().len(), 0, "only on demand");
    user.call("flushEventBuffers", vec![plain(Input::Boolean(true))]).result.expect("flushEventBuffers");
    assert_eq!(rows(&user), [("flushed".into(), 2, 1)]);
    assert_eq!(user.event_ids().len(), 2);
    user.verify();
}

#[test]
fn the_clock_moves_what_waits() {
    let (_directory, path) = file();
    let user = User::open(&path, &[("streamFlushIntervalMs", Input::Number(50.0))]);
    user.create_session("s1");
    user.buffer(&[event(T)]).expect("insertEventBuffer");
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while user.event_ids().is_empty() {
        assert!(std::time::Instant::now() < give_up, "nothing was moved");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    user.verify();
}
