//! Every refusal of telemetry.md §13 with an input that gives it, in the order of that table. A text that changes here
//! changes for callers who match it.

use runledger::error::{Error, Result};
use runledger::packed::{Batch, Field, Input, Record, Shape};
use runledger::telemetry::check::{self, Argument};
use runledger::telemetry::config::{Environment, TelemetryConfig};
use runledger::telemetry::filter::{BufferFilter, ErrorFilter, EventDeletion, EventFilter, SessionFilter, Window};
use runledger::telemetry::shape::{BUFFER, ERROR, EVENT, RULE, SESSION};

const NONE: Field<'static> = Field::Absent;

fn t(text: &str) -> Field<'_> {
    Field::Text(text)
}

fn n(number: f64) -> Field<'static> {
    Field::Number(number)
}

/// What the refusal says: message and field.
#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T>, message: &str, field: &str) {
    let Err(Error::Validation(invalid)) = result else { panic!("{message}: {result:?}") };
    assert_eq!((invalid.message.as_str(), invalid.field.as_deref()), (message, Some(field)));
}

/// The result of `check` on a valid record with one change.
fn changed<T>(
    shape: &'static Shape,
    valid: &[(&str, Field<'_>)],
    change: &[(&str, Field<'_>)],
    check: impl FnOnce(&Record<'_>) -> Result<T>,
) -> Result<()> {
    let mut fields = vec![NONE; shape.width()];
    for (key, field) in valid.iter().chain(change) {
        fields[shape.position(key)] = *field;
    }
    let mut batch = Batch::new(shape);
    batch.push(&fields);
    check(&batch.record(0)).map(drop)
}

fn event(key: &str, field: Field<'_>) -> Result<()> {
    let valid = [
        ("sessionId", t("s1")),
        ("eventType", t("stream")),
        ("agentType", t("claude")),
        ("mode", t("code")),
        ("timestamp", n(1.0)),
    ];
    changed(&EVENT, &valid, &[(key, field)], |record| check::event(record).map(drop))
}

const A_SESSION: [(&str, Field<'static>); 5] = [
    ("id", Field::Text("s1")),
    ("agentType", Field::Text("claude")),
    ("mode", Field::Text("code")),
    ("status", Field::Text("active")),
    ("startTime", Field::Number(10.0)),
];

fn session(key: &str, field: Field<'_>) -> Result<()> {
    changed(&SESSION, &A_SESSION, &[(key, field)], |record| check::create_session(record).map(drop))
}

fn upsert(key: &str, field: Field<'_>) -> Result<()> {
    changed(&SESSION, &A_SESSION, &[(key, field)], |record| check::upsert_session(record).map(drop))
}

fn update(change: &[(&str, Field<'_>)]) -> Result<()> {
    changed(&SESSION, &[], change, |record| check::update_session(record).map(drop))
}

fn buffer(key: &str, field: Field<'_>) -> Result<()> {
    let valid = [("sessionId", t("s1")), ("bufferData", t("[]"))];
    changed(&BUFFER, &valid, &[(key, field)], |record| check::buffer(record).map(drop))
}

fn error(change: &[(&str, Field<'_>)]) -> Result<()> {
    let valid = [("errorType", t("E")), ("errorMessage", t("m"))];
    changed(&ERROR, &valid, change, |record| check::error(record).map(drop))
}

fn rule(key: &str, field: Field<'_>) -> Result<()> {
    let valid = [
        ("tableName", t("telemetry_events")),
        ("fieldName", t("mode")),
        ("ruleType", t("range")),
        ("ruleConfig", t("{}")),
        ("errorMessage", t("m")),
    ];
    changed(&RULE, &valid, &[(key, field)], |record| check::rule(record).map(drop))
}

/// A filter in JSON; `"undefined"` and `"NaN"` stand for what JSON has not.
fn filter(json: &str) -> Input {
    fn input(value: &serde_json::Value) -> Input {
        match value {
            serde_json::Value::Null => Input::Null,
            serde_json::Value::Bool(value) => Input::Boolean(*value),
            serde_json::Value::Number(number) => Input::Number(number.as_f64().unwrap()),
            serde_json::Value::String(text) if text == "undefined" => Input::Undefined,
            serde_json::Value::String(text) if text == "NaN" => Input::Number(f64::NAN),
            serde_json::Value::String(text) => Input::Text(text.clone()),
            serde_json::Value::Array(items) => Input::List(items.iter().map(input).collect()),
            serde_json::Value::Object(entries) => {
                Input::Map(entries.iter().map(|(key, value)| (key.clone(), input(value))).collect())
            }
        }
    }
    input(&serde_json::from_str(json).unwrap())
}

fn events(json: &str) -> Result<EventFilter> {
    EventFilter::query(&filter(json))
}

fn iterate(json: &str) -> Result<EventFilter> {
    EventFilter::iteration(&filter(json))
}

fn sessions(json: &str) -> Result<SessionFilter> {
    SessionFilter::query(&filter(json))
}

fn delete(json: &str) -> Result<EventDeletion> {
    EventDeletion::parse(&filter(json))
}

fn config(json: &str) -> Result<TelemetryConfig> {
    TelemetryConfig::parse(&filter(json), &Environment::default())
}

#[test]
fn records_and_arguments_are_refused_in_these_words() {
    for (argument, message, field) in [
        (Argument::Event, "Event must be an object", "event"),
        (Argument::Session, "Session must be an object", "session"),
        (Argument::Buffer, "Buffer must be an object", "buffer"),
        (Argument::Error, "Error must be an object", "error"),
        (Argument::Updates, "Updates must be an object", "updates"),
        (Argument::Filter, "Filter must be an object", "filter"),
        (Argument::Rule, "Rule must be an object", "rule"),
        (Argument::Events, "Events must be an array", "events"),
    ] {
        refused(Err::<(), _>(check::not_an_object(argument)), message, field);
    }

    let long = "x".repeat(256);
    for bad in
        [NONE, Field::Null, n(1.0), t(""), t(" "), t(&long), t("a\0"), t("a\u{9f}"), Field::Malformed("\u{fffd}")]
    {
        refused(event("sessionId", bad), "Valid session ID is required", "sessionId");
        refused(buffer("sessionId", bad), "Valid session ID is required", "sessionId");
        refused(session("id", bad), "Valid session ID is required", "id");
        refused(check::session_id_argument(bad), "Session ID is required", "sessionId");
    }
    refused(update(&[("id", Field::Null)]), "Valid session ID is required", "id");

    for bad in [NONE, Field::Null, t("Start"), t("bad"), n(1.0)] {
        refused(event("eventType", bad), "Valid event type is required", "eventType");
    }
    for bad in [NONE, Field::Null, t(""), t("\t"), n(1.0), Field::Invalid] {
        refused(event("agentType", bad), "Agent type is required", "agentType");
        refused(event("mode", bad), "Mode is required", "mode");
        refused(session("agentType", bad), "Agent type is required", "agentType");
        refused(session("mode", bad), "Mode is required", "mode");
    }
    refused(update(&[("agentType", t(" "))]), "Agent type is required", "agentType");

    for bad in [n(1.0), Field::Boolean(false), Field::Invalid] {
        refused(event("prompt", bad), "Prompt must be a string or null", "prompt");
    }
    assert!(event("prompt", t("")).is_ok());

    for bad in [Field::Null, t("1"), n(-1.0), n(f64::NAN), n(f64::INFINITY), Field::Invalid] {
        refused(event("timestamp", bad), "Timestamp must be a positive number", "timestamp");
        refused(error(&[("timestamp", bad)]), "Timestamp must be a positive number", "timestamp");
        refused(session("startTime", bad), "Start time must be a positive timestamp", "startTime");
        refused(update(&[("startTime", bad)]), "Start time must be a positive timestamp", "startTime");
    }
    refused(event("timestamp", NONE), "Timestamp must be a positive number", "timestamp");
    refused(session("startTime", NONE), "Start time must be a positive timestamp", "startTime");

    let long = "x".repeat(65);
    for bad in [t(""), t(" "), t(&long), Field::Null, n(1.0)] {
        refused(session("status", bad), "Valid session status is required", "status");
        refused(update(&[("status", bad)]), "Valid session status is required", "status");
    }
    for bad in [NONE, t("paused")] {
        refused(upsert("status", bad), "Valid session status is required", "status");
    }
    for bad in [t("1"), n(-1.0), n(f64::NAN)] {
        refused(session("endTime", bad), "End time must be a positive timestamp", "endTime");
    }
    refused(session("endTime", n(9.0)), "End time must be after start time", "endTime");
    assert!(session("endTime", n(10.0)).is_ok());

    refused(error(&[("errorType", t(" "))]), "Error type is required", "errorType");
    refused(error(&[("errorMessage", NONE)]), "Error message is required", "errorMessage");
    refused(error(&[("severity", t("huge"))]), "Invalid severity", "severity");

    let json = "Metadata must be a string, a JSON-serialisable object or null";
    for bad in [n(1.0), Field::Boolean(true), Field::Invalid] {
        refused(event("metadata", bad), json, "metadata");
        refused(session("metadata", bad), json, "metadata");
        refused(buffer("bufferData", bad), json, "bufferData");
        refused(error(&[("context", bad)]), json, "context");
        refused(rule("ruleConfig", bad), json, "ruleConfig");
    }
}

#[test]
fn fields_without_words_of_their_own_are_named() {
    let named = |field: &str| format!("Field \"{field}\" is invalid");
    for (key, bad) in [
        ("streamData", n(1.0)),
        ("sandboxId", Field::Invalid),
        ("repoUrl", Field::Boolean(true)),
        ("id", n(-1.0)),
        ("id", Field::Null),
        ("version", n(1.5)),
        ("createdAt", Field::Null),
        ("schemaVersion", Field::Null),
    ] {
        refused(event(key, bad), &named(key), key);
    }
    for (key, bad) in [("duration", n(-1.0)), ("eventCount", n(0.5)), ("errorCount", Field::Null)] {
        refused(session(key, bad), &named(key), key);
        refused(update(&[(key, bad)]), &named(key), key);
    }
    refused(update(&[]), "No values to set", "updates");
    refused(check::row_id_argument("id", t("1")), &named("id"), "id");
    refused(check::max_age_argument(n(f64::NAN)), &named("maxAgeMs"), "maxAgeMs");
    refused(check::page_size_argument(n(0.0)), &named("pageSize"), "pageSize");
    refused(check::timestamp_argument(Field::Invalid), "Timestamp must be a positive number", "timestamp");
    refused(check::limit_argument(n(0.0)), "Limit must be an integer between 1 and 10000", "limit");
    let conflict = "Conflicting values for errorStack and stackTrace";
    refused(error(&[("errorStack", t("a")), ("stackTrace", t("b"))]), conflict, "errorStack");
}

#[test]
fn filters_are_refused_in_these_words() {
    for json in ["null", "[]", "\"s1\"", "5"] {
        refused(events(json), "Filter must be an object", "filter");
        refused(sessions(json), "Filter must be an object", "filter");
        refused(delete(json), "Filter must be an object", "filter");
    }
    for json in [r#"{"sessionId":5}"#, r#"{"sessionId":" "}"#] {
        refused(events(json), "Invalid session ID format", "sessionId");
        refused(ErrorFilter::query(&filter(json)), "Invalid session ID format", "sessionId");
        refused(BufferFilter::query(&filter(json)), "Invalid session ID format", "sessionId");
    }
    refused(sessions(r#"{"id":5}"#), "Invalid session ID format", "sessionId");
    refused(events(r#"{"eventType":"bad"}"#), "Invalid event type", "eventType");
    for json in [r#"{"status":"paused"}"#, r#"{"status":["active",""]}"#, r#"{"status":5}"#] {
        refused(sessions(json), "Invalid session status", "status");
    }
    refused(ErrorFilter::query(&filter(r#"{"severity":["low","x"]}"#)), "Invalid severity", "severity");
    for (json, field) in [(r#"{"category":5}"#, "category"), (r#"{"sandboxId":true}"#, "sandboxId")] {
        refused(events(json), &format!("Field \"{field}\" is invalid"), field);
    }
    refused(ErrorFilter::query(&filter(r#"{"eventId":null}"#)), "Field \"eventId\" is invalid", "eventId");
    refused(sessions(r#"{"includeEvents":1}"#), "Field \"includeEvents\" is invalid", "includeEvents");
    refused(BufferFilter::query(&filter(r#"{"status":"x"}"#)), "Field \"status\" is invalid", "status");

    let (query, plain) = ("Query limit must be between 1 and 10000", "Limit must be an integer between 1 and 10000");
    for (limit, message) in
        [("0", query), ("-1.5", query), ("null", query), ("\"1\"", query), ("1.5", plain), ("\"NaN\"", plain)]
    {
        let json = format!(r#"{{"limit":{limit}}}"#);
        refused(events(&json), message, "limit");
        refused(iterate(&json), plain, "limit");
        refused(sessions(&json), plain, "limit");
        refused(delete(&json), plain, "limit");
    }
    assert_eq!(events(r#"{"limit":20000}"#).unwrap().slice.limit, Some(20_000));
    let (query, plain) = ("Query offset must be non-negative", "Offset must be a non-negative integer");
    for (offset, message) in [("-1", query), ("null", query), ("0.5", plain), ("\"NaN\"", plain)] {
        let json = format!(r#"{{"offset":{offset}}}"#);
        refused(events(&json), message, "offset");
        refused(iterate(&json), plain, "offset");
        refused(BufferFilter::query(&filter(&json)), plain, "offset");
    }

    for bad in ["-1", "null", "\"NaN\"", "\"2025\""] {
        for (key, noun) in [("from", "From"), ("fromTime", "From"), ("to", "To"), ("toTime", "To")] {
            let message = format!("{noun} time must be a positive timestamp");
            refused(events(&format!(r#"{{"{key}":{bad}}}"#)), &message, key);
            refused(Window::query(&filter(&format!(r#"{{"{key}":{bad}}}"#))), &message, key);
        }
    }
    refused(events(r#"{"from":5,"to":5}"#), "To time must be after from time", "to");
    refused(sessions(r#"{"fromTime":5,"toTime":4}"#), "To time must be after from time", "toTime");
    assert!(events(r#"{"from":0,"to":0}"#).is_ok());

    for (key, noun) in [
        ("minDuration", "Min duration"),
        ("maxDuration", "Max duration"),
        ("minEventCount", "Min event count"),
        ("maxEventCount", "Max event count"),
    ] {
        for bad in ["-1", "null", "\"NaN\""] {
            let json = format!(r#"{{"{key}":{bad}}}"#);
            refused(sessions(&json), &format!("{noun} must be non-negative"), key);
        }
    }
    let (longer, more) =
        ("Max duration must be greater than min duration", "Max event count must be greater than min event count");
    refused(sessions(r#"{"minDuration":2,"maxDuration":1}"#), longer, "maxDuration");
    refused(sessions(r#"{"minEventCount":2,"maxEventCount":1}"#), more, "maxEventCount");
    assert!(sessions(r#"{"minDuration":1,"maxDuration":1}"#).is_ok());

    for bad in ["\"x\"", "\"\"", "null", "\"start_time_asc\""] {
        refused(events(&format!(r#"{{"orderBy":{bad}}}"#)), "Invalid orderBy value", "orderBy");
    }
    for (one, other, a, b) in [
        ("agentType", "category", "\"x\"", "\"y\""),
        ("mode", "action", "\"x\"", "\"y\""),
        ("from", "fromTime", "1", "2"),
        ("to", "toTime", "1", "2"),
    ] {
        let json = format!(r#"{{"{other}":{b},"{one}":{a}}}"#);
        refused(events(&json), &format!("Conflicting values for {one} and {other}"), one);
    }
    refused(sessions(r#"{"id":"a","sessionId":"b"}"#), "Conflicting values for sessionId and id", "sessionId");

    refused(delete(r#"{"foo":1}"#), "Unknown filter key \"foo\"", "foo");
    refused(delete(r#"{"sessionId":"undefined"}"#), "Delete filter has no usable key", "filter");
    refused(delete(r#"{"limit":1,"mode":""}"#), "Empty value for filter key \"mode\"", "mode");
}

#[test]
fn the_first_row_of_the_table_that_matches_a_filter_counts() {
    // Each key is wrong in a row of its own; taking the first away uncovers the next.
    let rows = [
        (r#""sessionId":" ""#, "Invalid session ID format"),
        (r#""eventType":"x""#, "Invalid event type"),
        (r#""sandboxId":5"#, "Field \"sandboxId\" is invalid"),
        (r#""limit":0"#, "Limit must be an integer between 1 and 10000"),
        (r#""offset":-1"#, "Offset must be a non-negative integer"),
        (r#""from":-1"#, "From time must be a positive timestamp"),
        (r#""orderBy":"x""#, "Invalid orderBy value"),
        (r#""mode":"a","action":"b""#, "Conflicting values for mode and action"),
        (r#""foo":1"#, "Unknown filter key \"foo\""),
        (r#""agentType":"""#, "Empty value for filter key \"agentType\""),
    ];
    for first in 0..rows.len() {
        let rest: Vec<_> = rows[first..].iter().rev().map(|(json, _)| *json).collect();
        let result = delete(&format!("{{{}}}", rest.join(",")));
        let Err(Error::Validation(invalid)) = result else { panic!("{result:?}") };
        assert_eq!(invalid.message, rows[first].1);
    }
}

#[test]
fn configurations_and_rules_are_refused_in_these_words() {
    refused(config("[]"), "Invalid config value for config", "config");
    refused(config(r#"{"poolSize":65}"#), "Invalid config value for poolSize", "poolSize");
    refused(config(r#"{"dbPath":""}"#), "Invalid config value for dbPath", "dbPath");
    let contradiction = r#"{"enableWAL":false,"journalMode":"wal"}"#;
    refused(config(contradiction), "Invalid config value for journalMode", "journalMode");

    refused(rule("tableName", t("x")), "Invalid validation rule: unknown table \"x\"", "tableName");
    refused(rule("fieldName", t("x")), "Invalid validation rule: unknown field \"x\"", "fieldName");
    refused(rule("ruleType", t("x")), "Invalid validation rule: unknown type \"x\"", "ruleType");
    refused(rule("ruleConfig", t("[]")), "Invalid validation rule: ruleConfig must be a JSON object", "ruleConfig");
    refused(rule("ruleConfig", t(r#"{"a":1}"#)), "Invalid validation rule: unknown key \"a\"", "ruleConfig");
}
