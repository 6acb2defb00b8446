#![forbid(unsafe_code)]
//! Which index answers which listing: a user with a million rows notices nothing else as much.

use super::database::plan;
use super::*;

/// Uses `index` and neither sorts nor looks at other rows.
#[track_caller]
fn assert_walks(connection: &Connection, query: &Query, index: &str) {
    let plan = plan(connection, query);
    assert!(plan.contains(&format!("INDEX {index}")), "{}\n{plan}", query.sql);
    assert!(!plan.contains("TEMP B-TREE"), "{}\n{plan}", query.sql);
}

#[test]
fn each_listing_walks_its_index_with_and_without_planner_statistics() {
    for connection in [database(), analyzed()] {
        for order in ["timestamp_asc", "timestamp_desc"] {
            let order = ("orderBy", text(order));
            let s1 = ("sessionId", text("s1"));
            let error = ("eventType", text("error"));
            let window = [("from", number(100)), ("to", number(200))];
            for (entries, index) in [
                (vec![], "idx_events_timestamp"),
                (vec![s1.clone()], "idx_events_session_id"),
                (vec![s1.clone(), ("eventType", text("stream"))], "idx_events_session_id"),
                (vec![s1.clone(), error.clone()], "idx_events_compound"),
                (vec![error.clone()], "idx_events_event_type"),
                (window.to_vec(), "idx_events_timestamp"),
                (vec![window[0].clone()], "idx_events_timestamp"),
                ([&[s1.clone()][..], &window[..]].concat(), "idx_events_session_id"),
                (vec![("agentType", text("claude"))], "idx_events_timestamp"),
                (vec![("mode", text("code")), ("sandboxId", text("x"))], "idx_events_timestamp"),
            ] {
                for slice in [vec![], vec![("limit", number(10)), ("offset", number(5))]] {
                    let filter = events(&[&entries[..], std::slice::from_ref(&order), &slice[..]].concat());
                    assert_walks(&connection, &filter.to_sql(), index);
                    let progress = Progress {
                        after: Some(Cursor { key: Value::Real(150.0), id: Value::Integer(150) }),
                        returned: 1,
                    };
                    assert_walks(&connection, &filter.page(&progress, 100).unwrap(), index);
                }
            }
        }
        for order in ["start_time_asc", "start_time_desc"] {
            for (entries, index) in [
                (vec![], "idx_sessions_start_time"),
                (vec![("status", text("active"))], "idx_sessions_status"),
                (vec![("status", Input::List(vec![text("active"), text("active")]))], "idx_sessions_status"),
                (vec![("agentType", text("claude"))], "idx_sessions_agent_type"),
                (vec![("from", number(5))], "idx_sessions_start_time"),
            ] {
                let filter = sessions(&[&entries[..], &[("orderBy", text(order))]].concat());
                assert_walks(&connection, &filter.to_sql(), index);
                let cursor = Cursor { key: Value::Real(9.0), id: Value::Text("s9".to_owned()) };
                let progress = Progress { after: Some(cursor), returned: 1 };
                assert_walks(&connection, &filter.page(&progress, 100).unwrap(), index);
            }
        }
        assert_walks(&connection, &ErrorFilter::recent(50).to_sql(), "idx_errors_timestamp");
        let of_session = ErrorFilter::query(&map(&[("sessionId", text("s1"))])).unwrap();
        assert_walks(&connection, &of_session.to_sql(), "idx_errors_session");
        assert_walks(&connection, &audit_trail("telemetry_sessions", "s1", 50), "idx_audit_compound");
        assert_walks(&connection, &events_of("s1"), "idx_events_session_id");
    }
}

#[test]
fn a_page_starts_at_its_cursor_instead_of_scanning_up_to_it() {
    let connection = database();
    let progress = Progress { after: Some(Cursor { key: Value::Real(1.0), id: Value::Integer(1) }), returned: 0 };
    let steps = |query: Option<Query>| plan(&connection, &query.unwrap());
    let page = steps(events(&[]).page(&progress, 10));
    assert!(page.contains("idx_events_timestamp (timestamp=? AND rowid<?)"), "{page}");
    assert!(page.contains("idx_events_timestamp (timestamp<?)"), "{page}");
    let page = steps(events(&[("sessionId", text("s1"))]).page(&progress, 10));
    assert!(page.contains("idx_events_session_id (session_id=? AND timestamp=? AND rowid<?)"), "{page}");
    assert!(page.contains("idx_events_session_id (session_id=? AND timestamp<?)"), "{page}");
    let page = steps(sessions(&[("orderBy", text("start_time_asc"))]).page(&progress, 10));
    assert!(page.contains("idx_sessions_start_time ((start_time,id)>(?,?))"), "{page}");
}

#[test]
fn many_events_at_one_time_do_not_slow_the_iteration_down() {
    let connection = database();
    connection
        .execute_batch(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
             INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, timestamp, created_at)
             SELECT 's1', 'stream', 'a', 'm', 5, 5 FROM n;",
        )
        .unwrap();
    let progress = Progress { after: Some(Cursor { key: Value::Real(5.0), id: Value::Integer(100) }), returned: 0 };
    let query = events(&[]).page(&progress, 50).unwrap();
    let mut statement = connection.prepare(&query.sql).unwrap();
    let rows = statement.query_map(rusqlite::params_from_iter(&query.params), |_| Ok(())).unwrap().count();
    assert_eq!(rows, 50);
    let steps = statement.get_status(rusqlite::StatementStatus::VmStep);
    assert!(steps < 5000, "{steps} steps for 50 rows");
}
