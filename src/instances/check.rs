#![forbid(unsafe_code)]
//! The checks of everything that a caller passes, before the database sees it (instances.md §5, §11).

use super::{
    cells::Cells,
    shape::{GITHUB_ISSUE, MCP_EVENT, RELATIONSHIP},
};
use crate::{
    client::check::{not_an_object, refuse, refuse_field, seconds, valid_name, whole},
    error::{Error, Result},
    packed::{Field, Record},
};

/// Check the argument of createInstance.
///
/// # Errors
/// `Error::Validation` with the column.
pub fn new_instance(record: &Record<'_>) -> Result<Cells> {
    let required = ["id", "type", "status", "worktree_path", "branch_name", "tmux_session"];
    Cells::new(record, &required, |_| true)
}

/// Check the second argument of updateInstance. `id` may only repeat the id.
///
/// # Errors
/// As [`new_instance`].
pub fn instance_update(record: &Record<'_>, id: &str) -> Result<Cells> {
    match record.get("id") {
        Field::Absent => {}
        Field::Text(same) if same == id => {}
        field => return Err(refuse("The id of an instance cannot be changed", "id", field)),
    }
    Cells::of(record, |column| column == "last_activity")?;
    Cells::of(record, |column| !matches!(column, "id" | "last_activity"))
}

/// Check the argument of logMCPEvent.
///
/// # Errors
/// As [`new_instance`].
pub fn new_event(record: &Record<'_>) -> Result<Cells> {
    debug_assert!(std::ptr::eq(record.shape(), &MCP_EVENT));
    Cells::new(record, &["instance_id", "tool_name", "success"], |column| column != "id")
}

/// Check the argument of createRelationship.
///
/// # Errors
/// As [`new_instance`].
pub fn new_relationship(record: &Record<'_>) -> Result<Cells> {
    debug_assert!(std::ptr::eq(record.shape(), &RELATIONSHIP));
    Cells::new(record, &["parent_instance", "child_instance", "relationship_type"], |column| column != "id")
}

/// Check the second argument of updateRelationship.
///
/// # Errors
/// As [`new_instance`]; `No values to set`.
pub fn relationship_update(record: &Record<'_>) -> Result<Cells> {
    let cells = Cells::of(record, |column| column != "id")?;
    if cells.is_empty() { Err(Error::invalid("No values to set", "updates")) } else { Ok(cells) }
}

/// Check an issue. `synced_at` is ours.
///
/// # Errors
/// As [`new_instance`].
pub fn issue(record: &Record<'_>) -> Result<Cells> {
    debug_assert!(std::ptr::eq(record.shape(), &GITHUB_ISSUE));
    if !record.is_object() {
        return Err(not_an_object("issue"));
    }
    let required = ["number", "title", "state", "repo_owner", "repo_name"];
    Cells::new(record, &required, |column| column != "synced_at")
}

/// Check the id of an instance that is to be there. `None` for a text that no row can have.
///
/// # Errors
/// `Field "<argument>" is invalid`
pub fn id<'a>(argument: &str, field: Field<'a>) -> Result<Option<&'a str>> {
    match field {
        Field::Text(text) => Ok(Some(text)),
        Field::Malformed(_) => Ok(None),
        _ => Err(refuse_field(argument, field)),
    }
}

/// Check the number of a row: an id or an issue's.
///
/// # Errors
/// `Field "<argument>" is invalid`
pub fn number(argument: &str, field: Field<'_>) -> Result<i64> {
    whole(field).ok_or_else(|| refuse_field(argument, field))
}

/// Check a status.
///
/// # Errors
/// `Field "status" is invalid`
pub fn status(field: Field<'_>) -> Result<&str> {
    field.text().ok_or_else(|| refuse_field("status", field))
}

/// Check the limit of getMCPEvents: 100 by default; `None` for a negative one, which is none.
///
/// # Errors
/// `Field "limit" is invalid`
pub fn event_limit(field: Field<'_>) -> Result<Option<i64>> {
    match field {
        Field::Absent | Field::Null => Ok(Some(100)),
        _ => number("limit", field).map(|limit| Some(limit).filter(|limit| *limit >= 0)),
    }
}

/// Check a time argument; whole seconds.
///
/// # Errors
/// `Field "<argument>" is invalid`
pub fn time(argument: &str, field: Field<'_>) -> Result<i64> {
    seconds(field).ok_or_else(|| refuse(format!("{argument} must be a valid Date"), argument, field))
}

/// The key of a configuration cell. Not empty; an altered one would be another.
///
/// # Errors
/// `Field "key" is invalid`
pub fn config_key(field: Field<'_>) -> Result<&str> {
    valid_name(field).ok_or_else(|| Error::invalid("key must be a string that is not empty", "key"))
}

/// The value of a configuration cell. The refusal does not show it: it may be a secret.
///
/// # Errors
/// `Field "value" is invalid`
pub fn config_value(field: Field<'_>) -> Result<&str> {
    match field {
        Field::Text(text) => Ok(text),
        Field::Malformed(_) => Err(Error::invalid("value must be well-formed Unicode", "value")),
        _ => Err(Error::invalid("value must be a string", "value")),
    }
}

/// Whether a configuration cell is to be encrypted.
///
/// # Errors
/// `Field "encrypted" is invalid`
pub fn encrypted(field: Field<'_>) -> Result<bool> {
    match field {
        Field::Absent => Ok(false),
        Field::Boolean(value) => Ok(value),
        _ => Err(refuse_field("encrypted", field)),
    }
}

/// Check the target of a backup.
///
/// # Errors
/// `Field "path" is invalid`
pub fn backup_path(field: Field<'_>) -> Result<&str> {
    match field {
        Field::Text(path) if !path.is_empty() && !path.contains('\0') && path != ":memory:" => Ok(path),
        _ => Err(refuse_field("path", field)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::check::testing::{record, refusal};
    use crate::instances::shape::INSTANCE;
    use crate::packed::{Kind, Shape};

    const VALID: &[(&str, Field<'static>)] = &[
        ("id", Field::Text("a")),
        ("type", Field::Text("coding")),
        ("status", Field::Text("started")),
        ("worktree_path", Field::Text("/w")),
        ("branch_name", Field::Text("b")),
        ("tmux_session", Field::Text("t")),
    ];
    const EVENT: &[(&str, Field<'static>)] =
        &[("instance_id", Field::Text("a")), ("tool_name", Field::Text("t")), ("success", Field::Boolean(true))];
    const ISSUE: &[(&str, Field<'static>)] = &[
        ("number", Field::Number(1.0)),
        ("title", Field::Text("t")),
        ("state", Field::Text("open")),
        ("repo_owner", Field::Text("o")),
        ("repo_name", Field::Text("r")),
    ];
    const RELATION: &[(&str, Field<'static>)] = &[
        ("parent_instance", Field::Text("a")),
        ("child_instance", Field::Text("b")),
        ("relationship_type", Field::Text("created_fork")),
    ];

    type Check = fn(&Record<'_>) -> Result<Cells>;
    type Row = (&'static Shape, &'static [(&'static str, Field<'static>)], Check);

    const ROWS: [Row; 4] = [
        (&INSTANCE, VALID, new_instance),
        (&MCP_EVENT, EVENT, new_event),
        (&RELATIONSHIP, RELATION, new_relationship),
        (&GITHUB_ISSUE, ISSUE, issue),
    ];

    #[test]
    fn a_new_row_needs_its_required_cells_and_no_others() {
        for (shape, base, check) in ROWS {
            assert_eq!(check(&record(shape, base, &[]).record(0)).unwrap().iter().len(), base.len(), "{}", shape.name);
            for (key, _) in base {
                for nothing in [Field::Absent, Field::Null] {
                    let refused = refusal(check(&record(shape, base, &[(key, nothing)]).record(0)));
                    assert_eq!(refused, (format!("{key} is required"), (*key).to_owned()));
                }
            }
        }
    }

    #[test]
    fn every_cell_takes_its_kind_and_null_only_where_the_column_does() {
        let wrong: [Field<'static>; 6] = [
            Field::Number(f64::NAN),
            Field::Number(0.5),
            Field::Number(-1.0),
            Field::Boolean(true),
            Field::Text("1"),
            Field::Invalid,
        ];
        for (shape, base, check) in ROWS {
            let is_ours = |key: &str| key == "synced_at" || (key == "id" && shape.name != "Instance");
            for column in shape.columns.iter().filter(|column| !is_ours(column.key)) {
                let with = |field| check(&record(shape, base, &[(column.key, field)]).record(0));
                assert_eq!(with(Field::Null).is_ok(), column.nullable, "{}", column.key);
                for field in wrong {
                    let fits = match column.kind {
                        Kind::Text | Kind::Label | Kind::Json => field.text().is_some(),
                        Kind::Boolean => matches!(field, Field::Boolean(_)),
                        Kind::Seconds => field == Field::Number(0.5) || field == Field::Number(-1.0),
                        Kind::Integer | Kind::Real => false,
                    };
                    assert_eq!(with(field).is_ok(), fits, "{} {field:?}", column.key);
                }
            }
        }
    }

    #[test]
    fn a_name_is_not_empty_and_arrives_unaltered() {
        for bad in [Field::Text(""), Field::Malformed("a\u{fffd}")] {
            assert_eq!(refusal(new_instance(&record(&INSTANCE, VALID, &[("id", bad)]).record(0))).1, "id");
            let parent = record(&INSTANCE, VALID, &[("parent_instance_id", bad)]);
            assert_eq!(refusal(new_instance(&parent.record(0))).1, "parent_instance_id");
            assert!(config_key(bad).is_err());
        }
        assert_eq!(id("id", Field::Malformed("a\u{fffd}")).unwrap(), None);
        assert!(id("id", Field::Null).is_err());
    }

    #[test]
    fn an_update_may_repeat_the_id_and_says_nothing_of_last_activity() {
        let update = |changes: &[(&str, Field<'static>)]| {
            instance_update(&record(&INSTANCE, &[], changes).record(0), "a").map(|cells| cells.iter().len())
        };
        assert_eq!(update(&[]).unwrap(), 0);
        assert_eq!(update(&[("id", Field::Text("a")), ("last_activity", Field::Number(1.0))]).unwrap(), 0);
        assert_eq!(update(&[("pr_url", Field::Null), ("status", Field::Text(""))]).unwrap(), 2);
        for bad in [Field::Text("other"), Field::Null] {
            assert_eq!(refusal(update(&[("id", bad)])).1, "id");
        }
        assert_eq!(refusal(update(&[("last_activity", Field::Number(f64::NAN))])).1, "last_activity");
    }

    #[test]
    fn a_refused_configuration_value_is_not_shown() {
        for (bad, what) in [(Field::Number(12345.0), "string"), (Field::Malformed("s3cret\u{fffd}"), "well-formed")] {
            let Err(Error::Validation(invalid)) = config_value(bad) else { panic!("not refused") };
            assert!(invalid.message.contains(what) && invalid.value.is_none());
        }
    }
}
