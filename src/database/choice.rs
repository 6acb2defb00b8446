#![forbid(unsafe_code)]
//! Which migrations apply to an application database (database.md §4).

use crate::error::Result;
use crate::migration::{Migration, MigrationCode, MigrationError, MigrationSet};

use super::schema;

/// The set that was chosen, and where it comes from.
#[derive(Clone)]
pub struct Choice {
    /// The set.
    pub set: MigrationSet,
    /// Whether the built-in migrations stand before those that were given.
    pub continues: bool,
}

impl Choice {
    /// The set of `module`: the built-in one, which belongs to module `database` alone; the list that was `given`; or the
    /// built-in one and behind it the list.
    ///
    /// # Errors
    /// `MIGRATION_INVALID_MODULE`; those of [`MigrationSet::new`]; `MIGRATION_GAP` for a list that starts neither at 1 nor
    /// where the built-in set ends.
    pub fn of(module: &str, given: Option<Vec<Migration>>) -> Result<Self> {
        if module != schema::MODULE {
            return Ok(Self { set: MigrationSet::custom(module, given.unwrap_or_default())?, continues: false });
        }
        let built_in = schema::list();
        let Some(list) = given else {
            return Ok(Self { set: schema::migrations()?, continues: true });
        };
        let next = built_in.len() + 1;
        let continues = match list.iter().map(|it| it.version).min() {
            None => return Err(empty().into()),
            Some(lowest) => usize::try_from(lowest) == Ok(next),
        };
        let list = if continues { [built_in, list].concat() } else { list };
        Ok(Self { set: MigrationSet::new(module, list)?, continues })
    }
}

/// A list that may grow to anything says nothing about which tables are wanted.
fn empty() -> MigrationError {
    let text = "The list of migrations is empty. Leave it out for the built-in set.";
    MigrationError::new(MigrationCode::Gap, schema::MODULE, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn list(versions: &[i64]) -> Option<Vec<Migration>> {
        Some(versions.iter().map(|version| Migration::external(*version, format!("m{version}"), true)).collect())
    }

    fn names(module: &str, given: Option<Vec<Migration>>) -> Vec<String> {
        let choice = Choice::of(module, given).expect("choice");
        choice.set.migrations().iter().map(|it| it.name.clone()).collect()
    }

    fn refused(module: &str, versions: &[i64]) -> &'static str {
        match Choice::of(module, list(versions)).err() {
            Some(Error::Migration(error)) => error.code.as_str(),
            other => panic!("expected a MigrationError, found {other:?}"),
        }
    }

    #[test]
    fn a_list_replaces_the_built_in_set_or_continues_it() {
        assert_eq!(names("database", None), ["initial_content_schema", "add_audit_log"]);
        assert_eq!(names("database", list(&[1, 2])), ["m1", "m2"]);
        assert_eq!(names("database", list(&[2, 1, 3])), ["m1", "m2", "m3"]);
        assert_eq!(names("database", list(&[4, 3])), ["initial_content_schema", "add_audit_log", "m3", "m4"]);
    }

    #[test]
    fn anything_else_is_a_gap() {
        for versions in [&[][..], &[2], &[4], &[1, 3], &[3, 5], &[3, 3], &[1, 1]] {
            assert_eq!(refused("database", versions), "MIGRATION_GAP", "{versions:?}");
        }
        assert_eq!(refused("database", &[0, 1]), "MIGRATION_INVALID");
    }

    #[test]
    fn another_module_starts_from_nothing() {
        assert_eq!(names("mine", None), Vec::<String>::new());
        assert_eq!(names("mine", list(&[])), Vec::<String>::new());
        assert_eq!(names("mine", list(&[1])), ["m1"]);
        assert_eq!(refused("mine", &[3]), "MIGRATION_GAP");
        assert_eq!(refused("telemetry", &[1]), "MIGRATION_INVALID_MODULE");
        assert_eq!(refused("Mine", &[1]), "MIGRATION_INVALID_MODULE");
    }
}
