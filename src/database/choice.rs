#![forbid(unsafe_code)]
//! Which migrations apply to an application database (database.md §4).

use crate::error::Result;
use crate::migration::{self, Migration, MigrationCode, MigrationError};

use super::schema;

/// Whether the built-in migrations stand before those that were `given` for `module`: without any, and where these begin
/// at the version after the last one. Otherwise the list stands for itself; whether it is one, the set will tell.
///
/// # Errors
/// `MIGRATION_INVALID_MODULE`; `MIGRATION_GAP` for an empty list of module `database`.
pub fn continues_built_in(module: &str, given: Option<&[Migration]>) -> Result<bool> {
    if module != schema::MODULE {
        return migration::check_custom(module).map(|()| false);
    }
    let Some(list) = given else { return Ok(true) };
    let lowest = list.iter().map(|it| it.version).min().ok_or_else(empty)?;
    Ok(usize::try_from(lowest - 1) == Ok(schema::list().len()))
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
    use crate::migration::MigrationSet;

    fn list(versions: &[i64]) -> Option<Vec<Migration>> {
        Some(versions.iter().map(|version| Migration::external(*version, format!("m{version}"), true)).collect())
    }

    fn set(module: &str, given: Option<Vec<Migration>>) -> Result<MigrationSet> {
        let before = if continues_built_in(module, given.as_deref())? { schema::list() } else { Vec::new() };
        MigrationSet::new(module, [before, given.unwrap_or_default()].concat())
    }

    fn names(module: &str, given: Option<Vec<Migration>>) -> Vec<String> {
        set(module, given).expect("set").migrations().iter().map(|it| it.name.clone()).collect()
    }

    fn refused(module: &str, versions: &[i64]) -> &'static str {
        match set(module, list(versions)).err() {
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
