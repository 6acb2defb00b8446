#![forbid(unsafe_code)]
//! Filters of any content.

use proptest::prelude::*;
use rusqlite::params_from_iter;

use super::*;

fn value() -> impl Strategy<Value = Input> {
    let words = [
        "",
        " ",
        "s1",
        "stream",
        "error",
        "start",
        "active",
        "completed",
        "pending",
        "high",
        "timestamp_asc",
        "created_at_desc",
        "duration_asc",
        "start_time_asc",
        "\u{0}",
        "é'; --",
    ];
    let scalar = prop_oneof![
        Just(Input::Undefined),
        Just(Input::Null),
        any::<bool>().prop_map(Input::Boolean),
        (0..5u8).prop_map(|n| Input::Number(f64::from(n))),
        any::<f64>().prop_map(Input::Number),
        proptest::sample::select(words.to_vec()).prop_map(text),
        Just(Input::Malformed("\u{fffd}".to_owned())),
        Just(Input::Other),
    ];
    prop_oneof![9 => scalar.clone(), 1 => proptest::collection::vec(scalar, 0..4).prop_map(Input::List)]
}

fn filter() -> impl Strategy<Value = Input> {
    let keys = [
        "sessionId",
        "id",
        "eventType",
        "agentType",
        "category",
        "mode",
        "action",
        "sandboxId",
        "from",
        "to",
        "fromTime",
        "toTime",
        "limit",
        "offset",
        "orderBy",
        "status",
        "minDuration",
        "maxDuration",
        "minEventCount",
        "maxEventCount",
        "includeEvents",
        "eventId",
        "errorType",
        "severity",
        "resolved",
        "tableName",
        "isActive",
        "other",
    ];
    // Few keys each, so that a good part of the filters is valid.
    let entry = (proptest::sample::select(keys.to_vec()), value());
    let entries = proptest::collection::vec(entry, 0..4);
    entries.prop_map(|entries| map(&entries))
}

fn queries(input: &Input) -> Vec<Query> {
    let cursors = [Value::Null, Value::Real(1.0)]
        .map(|key| Progress { after: Some(Cursor { key, id: Value::Integer(1) }), returned: 1 });
    let progresses = [&[Progress::default()][..], &cursors].concat();
    let mut queries = Vec::new();
    for filter in [EventFilter::query(input), EventFilter::iteration(input)].into_iter().flatten() {
        queries.extend(progresses.iter().filter_map(|progress| filter.page(progress, 5)));
        queries.extend([filter.to_sql(), filter.to_ids_sql()]);
    }
    queries.extend(EventDeletion::parse(input).map(|deletion| deletion.filter.to_ids_sql()));
    if let Ok(filter) = SessionFilter::query(input) {
        queries.extend(progresses.iter().filter_map(|progress| filter.page(progress, 5)));
        queries.push(filter.to_sql());
    }
    queries.extend(BufferFilter::query(input).map(|filter| filter.to_sql()));
    queries.extend(ErrorFilter::query(input).map(|filter| filter.to_sql()));
    queries.extend(RuleFilter::query(input).map(|filter| filter.to_sql()));
    queries
}

proptest! {
    #[test]
    fn a_filter_is_refused_or_its_sql_runs(inputs in proptest::collection::vec(filter(), 20)) {
        let connection = database();
        for query in inputs.iter().flat_map(queries) {
            let mut statement = connection.prepare_cached(&query.sql).unwrap();
            prop_assert_eq!(statement.parameter_count(), query.params.len());
            prop_assert!(statement.query(params_from_iter(&query.params)).unwrap().next().is_ok());
        }
    }
}
