#![forbid(unsafe_code)]
//! Migrations that a caller lists, before anything of them was checked.

use crate::error::{Error, Result};
use crate::packed::{Field, Input};

use super::error::{MigrationCode, MigrationError};
use super::set::{self, Migration, Script};

/// The migrations of a list: objects with `version`, `name`, `up`, `down`, `destructive` and `foreignKeys`. A script is
/// its SQL, or `true` for a function.
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
    let up = script(entry.get("up")).ok_or_else(|| wrong("up", "a function"))?;
    let down = match entry.get("down") {
        Input::Undefined | Input::Null => None,
        given => Some(script(given).ok_or_else(|| wrong("down", "a function"))?),
    };
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

fn script(given: &Input) -> Option<Script> {
    match given {
        Input::Boolean(true) => Some(Script::External),
        Input::Text(sql) => Some(Script::Sql(sql.clone().into())),
        _ => None,
    }
}

fn shown(value: &Input) -> String {
    match value {
        Input::Undefined => "undefined".to_owned(),
        Input::List(_) => "a list".to_owned(),
        Input::Map(_) => "an object".to_owned(),
        Input::Other => "something else".to_owned(),
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

    fn entry(fields: &[(&str, Input)]) -> Input {
        let mut all = vec![
            ("version".to_owned(), Input::Number(1.0)),
            ("name".to_owned(), Input::Text("a".to_owned())),
            ("up".to_owned(), Input::Boolean(true)),
        ];
        for (key, value) in fields {
            all.retain(|(name, _)| name != key);
            all.push(((*key).to_owned(), value.clone()));
        }
        Input::Map(all)
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
        let sql = "-- runledger: destructive\nDROP TABLE a".to_owned();
        let list = Input::List(vec![
            entry(&[("down", Input::Null), ("foreignKeys", Input::Boolean(false))]),
            entry(&[("version", Input::Number(2.0)), ("up", Input::Text(sql)), ("down", Input::Boolean(true))]),
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
        let text = |text: &str| Input::Text(text.to_owned());
        for (given, expected) in [
            (Input::Null, "A migration must be an object, found null"),
            (Input::Other, "A migration must be an object, found something else"),
            (entry(&[("version", text("1"))]), "Migration version must be an integer from 1, found \"1\""),
            (entry(&[("version", Input::Number(1.5))]), "Migration version must be an integer from 1, found 1.5"),
            (entry(&[("version", Input::Number(f64::NAN))]), "Migration version must be an integer from 1, found NaN"),
            (entry(&[("version", Input::Undefined)]), "Migration version must be an integer from 1, found undefined"),
            (entry(&[("name", Input::Undefined)]), "Migration name must be a well-formed text, found undefined"),
            (
                entry(&[("name", Input::Malformed("\u{fffd}".to_owned()))]),
                "Migration name must be a well-formed text, found \"\u{fffd}\"",
            ),
            (entry(&[("up", Input::Null)]), "up of migration 1 (a) must be a function, found null"),
            (entry(&[("up", Input::Boolean(false))]), "up of migration 1 (a) must be a function, found false"),
            (entry(&[("down", Input::Number(1.0))]), "down of migration 1 (a) must be a function, found 1"),
            (entry(&[("destructive", text("no"))]), "destructive of migration 1 (a) must be a boolean, found \"no\""),
            (entry(&[("foreignKeys", Input::Null)]), "foreignKeys of migration 1 (a) must be a boolean, found null"),
        ] {
            assert_eq!(refused(given), expected);
        }
        assert!(listed("app", &Input::Undefined).is_err());
    }
}
