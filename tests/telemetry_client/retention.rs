//! What is pruned, when, and where it goes.

use std::{collections::BTreeSet, io::Read, path::Path};

use flate2::read::GzDecoder;
use runledger::packed::Input;
use serde_json::Value as Json;

use crate::{
    recount,
    user::{LATER, T, User, code, event, text},
};

/// The rows in the archives of a directory, which must not overlap.
fn archived(directory: &Path) -> Vec<Json> {
    let mut rows = Vec::new();
    for entry in std::fs::read_dir(directory).expect("directory") {
        let path = entry.expect("entry").path();
        let mut lines = String::new();
        GzDecoder::new(std::fs::File::open(&path).expect("archive")).read_to_string(&mut lines).expect("gzip");
        let file: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).expect("a row")).collect();
        let ids: Vec<i64> = file.iter().map(|row| row["id"].as_i64().expect("id")).collect();
        let name = format!("events-{}-{}.jsonl.gz", ids[0], ids[ids.len() - 1]);
        assert_eq!(path.file_name().expect("name").to_str(), Some(name.as_str()));
        rows.extend(file);
    }
    let ids: BTreeSet<i64> = rows.iter().map(|row| row["id"].as_i64().expect("id")).collect();
    assert_eq!(ids.len(), rows.len(), "no event is in two archives");
    rows
}

#[test]
fn pruned_events_are_in_the_archive_first_and_nothing_else_is() {
    let directory = tempfile::tempdir().expect("directory");
    let (path, archive) = (directory.path().join("t.db"), directory.path().join("a/b"));
    let options = [("pruneDays", Input::Number(30.0)), ("archiveDir", text(archive.to_str().expect("path")))];
    let user = User::open(&path, &options);
    user.create_session("s1");
    let old: Vec<_> = (0..2_500).map(|number| event(T + f64::from(number) * 1_000_000.5)).collect();
    user.insert_batch(&old).expect("insertEventBatch");
    user.insert_batch(&[event(LATER), event(LATER)]).expect("insertEventBatch");
    let before = user.query("queryEvents");
    let plan = user.call("planRetention", vec![]).json().expect("planRetention");
    assert_eq!(plan["events"], 2_500);

    assert_eq!(user.call("pruneOldData", vec![]).number().expect("pruneOldData"), 2_500.0);
    let mut gone = archived(&archive);
    gone.sort_by_key(|row| row["id"].as_i64());
    let mut expected: Vec<Json> = before.into_iter().filter(|row| row["timestamp"] != LATER as i64).collect();
    expected.sort_by_key(|row| row["id"].as_i64());
    assert_eq!(gone, expected);
    assert_eq!(user.event_ids(), [2_501.0, 2_502.0]);
    assert_eq!(user.call("pruneOldData", vec![]).number().expect("pruneOldData"), 0.0);
    assert_eq!(std::fs::read_dir(&archive).expect("directory").count(), 3, "a file for each batch, none for nothing");
    assert_eq!(user.session("s1")["eventCount"], 2);
    user.verify();
    recount::check(&path);
    let audited = "SELECT metadata ->> 'count' FROM telemetry_audit_log WHERE reason = 'retention' ORDER BY id";
    assert_eq!(recount::numbers(&path, audited), [1_000, 1_000, 500]);
}

#[test]
fn nothing_is_deleted_that_could_not_be_archived() {
    let directory = tempfile::tempdir().expect("directory");
    let (path, archive) = (directory.path().join("t.db"), directory.path().join("a"));
    std::fs::write(&archive, "somebody else's file").expect("file");
    let options = [("pruneDays", Input::Number(30.0)), ("archiveDir", text(archive.to_str().expect("path")))];
    let user = User::open(&path, &options);
    user.create_session("s1");
    user.insert_batch(&[event(T), event(LATER)]).expect("insertEventBatch");
    let error = user.call("pruneOldData", vec![]).number().expect_err("no directory");
    assert_eq!(code(&error), "CONNECTION_ERROR");
    assert_eq!(user.event_ids().len(), 2);
    user.verify();
    // An opening prunes too: it warns and goes on.
    user.close();
    let again = User::open(&path, &options);
    assert_eq!(again.event_ids().len(), 2);
    assert!(again.warnings()[0].starts_with("pruning failed: "), "{:?}", again.warnings());
}

#[test]
fn opening_prunes_what_is_expired_and_never_more() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("t.db");
    let user = User::open(&path, &[]);
    user.create_session("s1");
    let now = runledger::clock::now();
    let days = |days: f64| event(now - days * runledger::clock::DAY);
    user.insert_batch(&[days(40.0), days(29.9), days(30.1), days(1.0), event(0.0)]).expect("insertEventBatch");
    user.close();
    let keeper = User::open(&path, &[("pruneDays", Input::Number(0.0))]);
    assert_eq!(keeper.event_ids().len(), 5);
    keeper.close();
    let pruner = User::open(&path, &[("pruneDays", Input::Number(30.0))]);
    assert_eq!(pruner.event_ids(), [2.0, 4.0]);
    assert_eq!(pruner.session("s1")["eventCount"], 2);
    pruner.verify();
    recount::check(&path);
}
