#![forbid(unsafe_code)]
//! The settings: the active row of `usage_config`.

use rusqlite::{Connection, params_from_iter, types::Value};
use serde_json::Value as Json;

use super::{check, rows, transaction};
use crate::client::check::{valid_name, whole};
use crate::error::Result;
use crate::packed::{Field, Input};

/// What the value of a setting has to be. The table knows the ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    IntegerOrNull,
    Real,
}

/// Every setting: its name, what it has to be, and its default in SQL, as in the table's definition.
const SETTINGS: [(&str, Kind, &str); 9] = [
    ("plan", Kind::Text, "'custom'"),
    ("custom_limit_tokens", Kind::IntegerOrNull, "NULL"),
    ("view", Kind::Text, "'realtime'"),
    ("timezone", Kind::Text, "'auto'"),
    ("time_format", Kind::Text, "'auto'"),
    ("theme", Kind::Text, "'auto'"),
    ("refresh_rate", Kind::Integer, "10"),
    ("refresh_per_second", Kind::Real, "0.75"),
    ("reset_hour", Kind::IntegerOrNull, "NULL"),
];

/// getUsageConfig: the active row, or null.
pub(super) fn get(conn: &Connection) -> Result<Json> {
    let settings = SETTINGS.map(|(name, ..)| name).join(", ");
    let sql = format!("SELECT id, {settings}, created_at, updated_at FROM main.usage_config WHERE is_active = 1");
    Ok(rows::all(conn, &sql, [])?.into_first().unwrap_or_default())
}

/// updateUsageConfig: whether there was something to set, and a row to set it in.
pub(super) fn update(conn: &Connection, updates: &Input) -> Result<bool> {
    let updates = check::object("updates", updates)?;
    let mut names = Vec::new();
    let mut values = Vec::new();
    for (name, kind, _) in SETTINGS {
        if let Some(value) = value(name, kind, updates.get(name).field())? {
            names.push(format!("{name} = ?"));
            values.push(value);
        }
    }
    if names.is_empty() {
        return Ok(false);
    }
    let sql = format!("UPDATE main.usage_config SET {} WHERE is_active = 1", names.join(", "));
    transaction::write(conn, || Ok(conn.prepare_cached(&sql)?.execute(params_from_iter(values))? > 0))
}

/// resetUsageConfig: the defaults in the active row, which is made if there is none.
pub(super) fn reset(conn: &Connection) -> Result<()> {
    let defaults = SETTINGS.map(|(name, _, default)| format!("{name} = {default}")).join(", ");
    transaction::write(conn, || {
        let sql = format!("UPDATE main.usage_config SET {defaults} WHERE is_active = 1");
        if conn.prepare_cached(&sql)?.execute([])? == 0 {
            conn.prepare_cached("INSERT INTO main.usage_config DEFAULT VALUES")?.execute([])?;
        }
        Ok(())
    })
}

/// The value to set; `None` leaves the setting as it is.
fn value(name: &str, kind: Kind, field: Field<'_>) -> Result<Option<Value>> {
    let found = match (kind, field) {
        (_, Field::Absent) => return Ok(None),
        (Kind::IntegerOrNull, Field::Null) => Some(Value::Null),
        (Kind::Text, text) => valid_name(text).map(|it| Value::Text(it.to_owned())),
        (Kind::Integer | Kind::IntegerOrNull, number) => whole(number).map(Value::Integer),
        (Kind::Real, Field::Number(number)) => Some(number).filter(|it| it.is_finite()).map(Value::Real),
        _ => None,
    };
    let wanted = match kind {
        Kind::Text => "a string that is not empty",
        Kind::Integer => "an integer within ±(2^53 − 1)",
        Kind::IntegerOrNull => "an integer within ±(2^53 − 1), or null",
        Kind::Real => "a finite number",
    };
    found.map(Some).ok_or_else(|| check::refuse(name, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::testing::file;

    #[test]
    fn a_reset_row_is_one_of_defaults() {
        let conn = file();
        let fresh = get(&conn).expect("row");
        conn.execute_batch(
            "UPDATE usage_config SET plan = 'max5', custom_limit_tokens = 5, view = 'daily', timezone = 'UTC', time_format = \
             '12h', theme = 'dark', refresh_rate = 5, refresh_per_second = 2.0, reset_hour = 5",
        )
        .expect("change");
        reset(&conn).expect("reset");
        let mut after = get(&conn).expect("row");
        after["updated_at"] = fresh["updated_at"].clone();
        assert_eq!(after, fresh);
        conn.execute_batch("DELETE FROM usage_config").expect("delete");
        assert_eq!(get(&conn).expect("none"), Json::Null);
        reset(&conn).expect("insert");
        let mut inserted = get(&conn).expect("row");
        assert_eq!(inserted["id"], 2, "ids are not given twice");
        for key in ["id", "created_at", "updated_at"] {
            inserted[key] = fresh[key].clone();
        }
        assert_eq!(inserted, fresh);
    }

    #[test]
    fn updated_at_moves_with_every_change_and_never_back() {
        let conn = file();
        for recursive in ["OFF", "ON"] {
            conn.execute_batch(&format!(
                "PRAGMA recursive_triggers = {recursive}; UPDATE usage_config SET updated_at = 5"
            ))
            .expect("set");
            conn.execute_batch("UPDATE usage_config SET theme = 'light'").expect("change");
            assert!(get(&conn).expect("row")["updated_at"].as_i64() > Some(1_700_000_000_000));
            conn.execute_batch("UPDATE usage_config SET updated_at = 9000000000000").expect("set");
            conn.execute_batch("UPDATE usage_config SET theme = 'dark'").expect("change");
            assert_eq!(get(&conn).expect("row")["updated_at"], 9_000_000_000_000_i64);
        }
    }
}
