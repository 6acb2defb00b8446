#![forbid(unsafe_code)]
//! Migrations that a caller lists, before anything of them was checked.

use crate::error::{Error, Result};
use crate::packed::{Field, Input};

use super::error::{MigrationCode, MigrationError};
use super::set::{self, Migration, Script};

/// The migrations of a list: objects with `version`, `name`, `up`, `down`, `destructive` and `foreignKeys`. Those of `up`
/// and `down` that are functions come as `scripts`: `true`, or the SQL that the function stands for.
///
/// # Errors
/// `MIGRATION_INVALID` for whatever is none of that.
pub fn listed(module: &str, list: &Input) -> Result<Vec<Migration>> {
    match list {
        Input::List(entries) => entries.iter().map(|entry| one(module, entry)).collect(),
        other => Err(invalid(module, None, format!("Migrations must be given as a list, found {}", shown(other)))),
    }
}

/// One of them.
pub(super) fn one(module: &str, entry: &Input) -> Result<Migration> {
    if !matches!(entry, Input::Map(_)) {
        return Err(invalid(module, None, format!("A migration must be an object, found {}", shown(entry))));
    }
    let version = match entry.get("version") {
        Input::Number(version) => set::version_of(module, *version)?,
        other => {
            let text = format!("Migration version must be an integer from 1, found {}", shown(other));
            return Err(invalid(module, None, text));
        }
    };
    let Field::Text(name) = entry.get("name").field() else {
        let text = format!("Migration name must be a well-formed text, found {}", shown(entry.get("name")));
        return Err(invalid(module, Some(version), text));
    };
    let wrong = |what: &str, wanted: &str| {
        let found = shown(entry.get(what));
        invalid(
            module,
            Some(version),
            format!("{what} of migration {version} ({name}) must be {wanted}, found {found}"),
        )
    };
    let up = script(entry, "up").ok_or_else(|| wrong("up", "a function"))?;
    let down = script(entry, "down");
    if down.is_none() && !matches!(entry.get("down"), Input::Undefined | Input::Null) {
        return Err(wrong("down", "a function"));
    }
    let flag = |what: &str, default: bool| match entry.get(what) {
        Input::Undefined => Ok(default),
        Input::Boolean(on) => Ok(*on),
        _ => Err(wrong(what, "a boolean")),
    };
    let (destructive, foreign_keys) = (flag("destructive", false)?, flag("foreignKeys", true)?);
    let migration = Migration::of(version, name, up, down);
    Ok(Migration {
        destructive: destructive || migration.destructive,
        foreign_keys_off: !foreign_keys || migration.foreign_keys_off,
        ..migration
    })
}

fn script(entry: &Input, which: &str) -> Option<Script> {
    match entry.get("scripts").get(which) {
        Input::Boolean(true) => Some(Script::External),
        Input::Text(sql) => Some(Script::Sql(sql.clone().into())),
        _ => None,
    }
}

/// A value for messages, as JavaScript would write it.
pub(super) fn shown(value: &Input) -> String {
    match value {
        Input::Undefined => "undefined".to_owned(),
        Input::List(_) => "a list".to_owned(),
        Input::Map(_) => "an object".to_owned(),
        Input::Other => "something else".to_owned(),
        Input::Number(number) if number.is_infinite() => number.to_string().replace("inf", "Infinity"),
        Input::Number(number) => number.to_string(),
        scalar => scalar.to_json().to_string(),
    }
}

fn invalid(module: &str, version: Option<i64>, text: String) -> Error {
    let error = MigrationError::new(MigrationCode::Invalid, module, text);
    version.map_or(error.clone(), |version| error.at(version)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Input {
        Input::Text(text.to_owned())
    }

    fn entry(scripts: &[(&str, Input)], fields: &[(&str, Input)]) -> Input {
        let map = |fields: &[(&str, Input)]| {
            Input::Map(fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
        };
        let defaults = [("version", Input::Number(1.0)), ("name", text("a")), ("scripts", map(scripts))];
        map(&[fields, &defaults].concat())
    }

    fn refused(entry: Input) -> String {
        match listed("app", &Input::List(vec![entry])) {
            Err(Error::Migration(error)) => {
                assert_eq!(error.code, MigrationCode::Invalid);
                error.message
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn functions_and_sql_are_told_apart_and_flags_of_both_kinds_count() {
        let function = || Input::Boolean(true);
        let sql = text("-- runledger: destructive\nDROP TABLE a");
        let list = Input::List(vec![
            entry(&[("up", function())], &[("down", Input::Null), ("foreignKeys", Input::Boolean(false))]),
            entry(&[("up", sql), ("down", function())], &[("version", Input::Number(2.0))]),
        ]);
        let [one, two] = &listed("app", &list).expect("list")[..] else { panic!("two") };
        assert_eq!(
            (&one.up, &one.down, one.destructive, one.foreign_keys_off),
            (&Script::External, &None, false, true)
        );
        assert!(matches!(two.up, Script::Sql(_)) && two.down == Some(Script::External));
        assert!(two.destructive && !two.foreign_keys_off);
    }

    #[test]
    fn whatever_is_no_migration_is_refused_with_the_reason() {
        let with = |key: &str, value: Input| entry(&[("up", Input::Boolean(true))], &[(key, value)]);
        for (given, expected) in [
            (Input::Null, "A migration must be an object, found null"),
            (Input::Other, "A migration must be an object, found something else"),
            (with("version", text("1")), "Migration version must be an integer from 1, found \"1\""),
            (with("version", Input::Number(1.5)), "Migration version must be an integer from 1, found 1.5"),
            (with("version", Input::Number(f64::NAN)), "Migration version must be an integer from 1, found NaN"),
            (with("version", Input::Undefined), "Migration version must be an integer from 1, found undefined"),
            (with("name", Input::Undefined), "Migration name must be a well-formed text, found undefined"),
            (
                with("name", Input::Malformed("\u{fffd}".to_owned())),
                "Migration name must be a well-formed text, found \"\u{fffd}\"",
            ),
            (entry(&[], &[("up", text("SELECT 1"))]), "up of migration 1 (a) must be a function, found \"SELECT 1\""),
            (entry(&[], &[]), "up of migration 1 (a) must be a function, found undefined"),
            (with("down", Input::Number(1.0)), "down of migration 1 (a) must be a function, found 1"),
            (with("destructive", text("no")), "destructive of migration 1 (a) must be a boolean, found \"no\""),
            (with("foreignKeys", Input::Null), "foreignKeys of migration 1 (a) must be a boolean, found null"),
        ] {
            assert_eq!(refused(given), expected);
        }
        assert!(listed("app", &Input::Undefined).is_err());
    }
}
