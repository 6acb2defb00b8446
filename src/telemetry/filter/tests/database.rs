#![forbid(unsafe_code)]
//! A database with the tables and indexes of telemetry.md §5, for the tests of the filters.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::client::Query;
use crate::packed::Input;
use crate::telemetry::shape;

const INDEXES: &str = "
CREATE INDEX idx_sessions_start_time ON telemetry_sessions(start_time, id);
CREATE INDEX idx_sessions_status ON telemetry_sessions(status, start_time, id);
CREATE INDEX idx_sessions_agent_type ON telemetry_sessions(agent_type, start_time, id);
CREATE INDEX idx_events_session_id ON telemetry_events(session_id, timestamp);
CREATE INDEX idx_events_timestamp ON telemetry_events(timestamp);
CREATE INDEX idx_events_event_type ON telemetry_events(event_type, timestamp) WHERE event_type <> 'stream';
CREATE INDEX idx_events_compound ON telemetry_events(session_id, event_type, timestamp) WHERE event_type <> 'stream';
CREATE INDEX idx_buffers_session ON telemetry_buffers(session_id);
CREATE INDEX idx_buffers_status ON telemetry_buffers(status, flushed_at);
CREATE INDEX idx_errors_timestamp ON telemetry_errors(timestamp);
CREATE INDEX idx_errors_session ON telemetry_errors(session_id, timestamp);
CREATE INDEX idx_errors_event ON telemetry_errors(event_id) WHERE event_id IS NOT NULL;
CREATE INDEX idx_audit_compound ON telemetry_audit_log(table_name, record_id, timestamp);
CREATE INDEX idx_validation_table_field ON telemetry_validation_rules(table_name, field_name);
";

/// The tables, without constraints: the tests insert what they like.
pub(super) fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    for shape in shape::ALL {
        let columns: Vec<_> = shape
            .columns
            .iter()
            .map(|column| match (column.name, column.kind) {
                ("id", crate::packed::Kind::Integer) => "id INTEGER PRIMARY KEY AUTOINCREMENT".to_owned(),
                ("id", _) => "id TEXT PRIMARY KEY NOT NULL".to_owned(),
                (name, crate::packed::Kind::Real) => format!("{name} REAL"),
                (name, crate::packed::Kind::Integer | crate::packed::Kind::Boolean) => format!("{name} INTEGER"),
                (name, _) => format!("{name} TEXT"),
            })
            .collect();
        connection.execute_batch(&format!("CREATE TABLE {} ({})", shape.table, columns.join(", "))).unwrap();
    }
    connection.execute_batch(INDEXES).unwrap();
    connection
}

/// The query plan, a step a line.
pub(super) fn plan(connection: &Connection, query: &Query) -> String {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", query.sql)).unwrap();
    let steps = statement.query_map(params_from_iter(&query.params), |row| row.get::<_, String>(3)).unwrap();
    steps.map(Result::unwrap).collect::<Vec<_>>().join("\n")
}

/// The values of one column of the result.
pub(super) fn column(connection: &Connection, query: &Query, position: usize) -> Vec<Value> {
    let mut statement = connection.prepare(&query.sql).unwrap();
    let rows = statement.query_map(params_from_iter(&query.params), |row| row.get(position)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// A filter object.
pub(super) fn map(entries: &[(&str, Input)]) -> Input {
    Input::Map(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

pub(super) fn text(text: &str) -> Input {
    Input::Text(text.to_owned())
}

pub(super) fn number(number: impl Into<f64>) -> Input {
    Input::Number(number.into())
}
