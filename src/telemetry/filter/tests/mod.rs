#![forbid(unsafe_code)]
//! What the filters promise a caller, tried on a database.

mod database;
mod plans;
mod random;

use std::fmt::Debug;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::*;
use crate::client::Query;
use crate::client::check::testing::refusal;
use crate::error::Result;
use crate::packed::Input;
use database::{column, database, map, number, text};

fn refused<T: Debug>(parse: fn(&Input) -> Result<T>, entries: &[(&str, Input)]) -> (String, String) {
    refusal(parse(&map(entries)))
}

fn events(entries: &[(&str, Input)]) -> EventFilter {
    EventFilter::query(&map(entries)).unwrap()
}

fn sessions(entries: &[(&str, Input)]) -> SessionFilter {
    SessionFilter::query(&map(entries)).unwrap()
}

/// A database with rows enough that the planner's statistics say something.
fn analyzed() -> Connection {
    let connection = database();
    connection
        .execute_batch(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2000)
             INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, timestamp, created_at)
             SELECT 's' || (n % 20), iif(n % 50 = 0, 'error', 'stream'), 'claude', 'code', n, n FROM n;
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 200)
             INSERT INTO telemetry_sessions (id, agent_type, mode, status, start_time)
             SELECT 's' || n, 'claude', 'code', iif(n % 2, 'active', 'completed'), n FROM n;
             ANALYZE;",
        )
        .unwrap();
    connection
}

/// Follows `page` to its end and returns the ids.
fn iterate(
    connection: &Connection,
    order: Order,
    id_position: usize,
    page_size: i64,
    page: impl Fn(&Progress, i64) -> Option<Query>,
) -> Vec<Value> {
    let mut progress = Progress::default();
    let mut ids = Vec::new();
    while let Some(query) = page(&progress, page_size) {
        let keys = column(connection, &query, order.position);
        let page_ids = column(connection, &query, id_position);
        let (Some(key), Some(id)) = (keys.last(), page_ids.last()) else { break };
        progress.after = Some(Cursor { key: key.clone(), id: id.clone() });
        progress.returned += i64::try_from(page_ids.len()).unwrap();
        ids.extend(page_ids);
    }
    ids
}

#[test]
fn iterating_returns_what_the_listing_returns_in_every_order_and_page_size() {
    let connection = database();
    connection
        .execute_batch(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 60)
             INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, timestamp, created_at)
             SELECT 's' || (n % 2), 'stream', 'a', 'm', (n * 7) % 5, (n * 3) % 4 FROM n;
             WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 60)
             INSERT INTO telemetry_sessions (id, start_time, duration, status)
             SELECT 's' || n, (n * 7) % 5, iif(n % 3, (n * 5) % 7, NULL), 'active' FROM n;",
        )
        .unwrap();
    let slices = [
        vec![],
        vec![("limit", number(17))],
        vec![("offset", number(13))],
        vec![("limit", number(20)), ("offset", number(50))],
        vec![("offset", number(99))],
    ];
    for slice in &slices {
        for page_size in [1, 7, 17, 1000] {
            for &order in EventOrder::ALL {
                let filter = events(&[&slice[..], &[("orderBy", text(order.as_str()))]].concat());
                let paged =
                    iterate(&connection, order.order(), 0, page_size, |progress, size| filter.page(progress, size));
                assert_eq!(paged, column(&connection, &filter.to_sql(), 0), "{filter:?} {page_size}");
            }
            for &order in SessionOrder::ALL {
                let filter = sessions(&[&slice[..], &[("orderBy", text(order.as_str()))]].concat());
                let paged =
                    iterate(&connection, order.order(), 0, page_size, |progress, size| filter.page(progress, size));
                assert_eq!(paged, column(&connection, &filter.to_sql(), 0), "{filter:?} {page_size}");
            }
        }
    }
}

#[test]
fn equal_keys_are_in_id_order_and_sessions_without_a_duration_are_the_shortest() {
    let connection = database();
    connection
        .execute_batch(
            "INSERT INTO telemetry_events (timestamp, created_at) VALUES (5, 1), (5, 1), (5, 1);
             INSERT INTO telemetry_sessions (id, duration) VALUES ('a', 1), ('b', NULL), ('c', 0);",
        )
        .unwrap();
    let ids = |entries: &[(&str, Input)]| column(&connection, &events(entries).to_sql(), 0);
    let integers = |ids: &[i64]| ids.iter().map(|id| Value::Integer(*id)).collect::<Vec<_>>();
    assert_eq!(ids(&[]), integers(&[3, 2, 1]));
    assert_eq!(ids(&[("orderBy", text("timestamp_asc"))]), integers(&[1, 2, 3]));
    assert_eq!(ids(&[("orderBy", text("created_at_desc"))]), integers(&[3, 2, 1]));
    assert_eq!(ids(&[("offset", number(1))]), integers(&[2, 1]));
    assert_eq!(ids(&[("limit", number(20_000))]), integers(&[3, 2, 1]));
    let names = |order: &str| {
        let rows = column(&connection, &sessions(&[("orderBy", text(order))]).to_sql(), 0);
        rows.into_iter()
            .map(|id| match id {
                Value::Text(id) => id,
                other => panic!("{other:?}"),
            })
            .collect::<String>()
    };
    assert_eq!(names("duration_asc"), "bca");
    assert_eq!(names("duration_desc"), "acb");
}

#[test]
fn both_spellings_of_a_condition_select_the_same_rows() {
    let pairs = [("category", "agentType"), ("action", "mode")];
    for (alias, key) in pairs {
        assert_eq!(events(&[(alias, text("x"))]), events(&[(key, text("x"))]));
        assert_eq!(events(&[(alias, text("x")), (key, text("x"))]), events(&[(key, text("x"))]));
        assert_eq!(sessions(&[(alias, text("x"))]), sessions(&[(key, text("x"))]));
    }
    assert_eq!(
        events(&[("fromTime", number(1)), ("toTime", number(2))]).window,
        events(&[("from", number(1)), ("to", number(2))]).window
    );
    assert_eq!(sessions(&[("id", text("s1"))]), sessions(&[("sessionId", text("s1"))]));
}

#[test]
fn empty_text_conditions_and_unknown_keys_of_a_query_are_ignored() {
    let nothing = [
        ("sessionId", text("")),
        ("eventType", Input::Null),
        ("agentType", text("")),
        ("category", Input::Null),
        ("sandboxId", text("")),
        ("foo", number(1)),
        ("limit", Input::Undefined),
    ];
    assert_eq!(events(&nothing), EventFilter::default());
    assert_eq!(EventFilter::query(&Input::Undefined).unwrap(), EventFilter::default());
    assert_eq!(sessions(&[("status", text(""))]).statuses, []);
    assert_eq!(sessions(&[("status", Input::List(vec![]))]).statuses, []);
    assert_eq!(events(&[("agentType", text("")), ("category", text("x"))]).agent_type.as_deref(), Some("x"));
}

#[test]
fn deleting_selects_exactly_the_rows_that_the_query_returns() {
    let connection = analyzed();
    for entries in [
        vec![],
        vec![("category", text("claude")), ("limit", number(1))],
        vec![("sessionId", text("s1")), ("eventType", text("stream"))],
        vec![("offset", number(1990)), ("orderBy", text("timestamp_asc"))],
        vec![("from", number(10)), ("to", number(20)), ("limit", number(5)), ("offset", number(3))],
    ] {
        let deletion = EventDeletion::parse(&map(&entries)).unwrap();
        let mut deleted = column(&connection, &deletion.filter.to_ids_sql(), 0);
        let mut returned = column(&connection, &events(&entries).to_sql(), 0);
        let by_id = |id: &Value| if let Value::Integer(id) = id { *id } else { 0 };
        deleted.sort_by_key(by_id);
        returned.sort_by_key(by_id);
        assert_eq!(deleted, returned);
    }
}

#[test]
fn a_delete_filter_with_a_mistake_deletes_nothing() {
    let refused = |entries: &[(&str, Input)]| refused(EventDeletion::parse, entries);
    assert_eq!(refused(&[("foo", number(1))]), ("Unknown filter key \"foo\"".into(), "foo".into()));
    assert_eq!(refused(&[("foo", Input::Undefined)]).0, "Unknown filter key \"foo\"");
    let unusable = refused(&[("sessionId", Input::Undefined), ("from", Input::Undefined)]);
    assert_eq!(unusable, ("Delete filter has no usable key".into(), "filter".into()));
    for key in ["sessionId", "eventType", "agentType", "category", "mode", "action", "sandboxId"] {
        for empty in [text(""), Input::Null] {
            let expected = (format!("Empty value for filter key \"{key}\""), key.to_owned());
            assert_eq!(refused(&[(key, empty)]), expected);
        }
    }
    assert_eq!(refused(&[("from", Input::Null)]).0, "From time must be a positive timestamp");
    assert_eq!(refused(&[("limit", number(0))]).0, "Limit must be an integer between 1 and 10000");
    assert_eq!(refusal(EventDeletion::parse(&Input::Null)).0, "Filter must be an object");
}

#[test]
fn the_audit_shows_a_delete_filter_as_the_caller_spelled_it() {
    let given = |input: &Input| EventDeletion::parse(input).unwrap().given;
    assert_eq!(given(&Input::Undefined), "{}");
    assert_eq!(given(&map(&[])), "{}");
    assert_eq!(given(&map(&[("sessionId", text("s1"))])), r#"{"sessionId":"s1"}"#);
    let entries =
        [("toTime", number(1.5)), ("mode", Input::Undefined), ("category", text("é\"")), ("limit", number(3))];
    assert_eq!(given(&map(&entries)), r#"{"toTime":1.5,"category":"é\"","limit":3}"#);
}
