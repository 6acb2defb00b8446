#![forbid(unsafe_code)]
//! The modules of the command line.

use std::path::Path;

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::migration::{self, DEPENDENCIES, Migration, MigrationSet};
use crate::packed::Input;
use crate::store::{Location, Settings};
use crate::{analytics, database, instances, telemetry, usage};

/// A module that has a migration set of its own.
#[derive(Debug, Clone, Copy)]
pub struct Module {
    /// Journal name, and the first word on the command line.
    pub name: &'static str,
    /// Its migrations.
    pub set: fn() -> Result<MigrationSet>,
    /// What a client of the module that has no configuration opens the file at this path with.
    pub settings: fn(&Path) -> Result<Settings>,
}

/// Every module that is built. One that joins needs its entry here and one in js/cli/modules.ts.
pub const MODULES: &[Module] = &[
    Module {
        name: telemetry::schema::MODULE,
        set: telemetry::schema::migrations,
        settings: telemetry::default_settings,
    },
    Module {
        name: database::schema::MODULE,
        set: database::schema::migrations,
        settings: |path| Ok(database::settings(Location::File(path.to_owned()))),
    },
    Module {
        name: analytics::schema::MODULE,
        set: analytics::schema::migrations,
        settings: |path| Ok(analytics::settings(Location::File(path.to_owned()))),
    },
    Module {
        name: usage::schema::MODULE,
        set: usage::schema::migrations,
        settings: |path| Ok(usage::settings(Location::File(path.to_owned()))),
    },
    Module {
        name: instances::schema::MODULE,
        set: instances::schema::migrations,
        settings: instances::default_settings,
    },
];

/// The module of that name.
///
/// # Errors
/// [`Error::Validation`] for a module that is not there.
pub fn find(name: &str) -> Result<&'static Module> {
    MODULES
        .iter()
        .find(|module| module.name == name)
        .ok_or_else(|| Error::invalid(format!("Unknown module \"{name}\""), "module"))
}

/// The modules that have to be applied for `name` to be applied: first those it requires, then itself.
///
/// # Errors
/// As [`find`].
pub fn with_required(name: &str) -> Result<Vec<&'static Module>> {
    let mut modules = Vec::new();
    for needed in DEPENDENCIES.iter().filter(|it| it.module == name) {
        modules.extend(with_required(needed.requires)?);
    }
    modules.push(find(name)?);
    Ok(modules)
}

/// The set of `module` that a caller lists; where it repeats or continues the built-in one, with that one's rules.
///
/// # Errors
/// Those of [`migration::listed`] and [`MigrationSet::new`].
pub fn listed_set(module: &str, list: &Input) -> Result<MigrationSet> {
    let set = MigrationSet::new(module, migration::listed(module, list)?)?;
    Ok(match built_in(module)? {
        Some(built_in) => set.like(&built_in),
        None => set,
    })
}

/// The set of `module` that the journal of a file tells of. `given` is one of its migrations.
///
/// # Errors
/// As [`migration::recorded`].
pub fn recorded_set(conn: &Connection, module: &str, given: Option<&Migration>) -> Result<MigrationSet> {
    migration::recorded(conn, module, built_in(module)?.as_ref(), given)
}

/// The built-in set of `module`, if it has one.
///
/// # Errors
/// None in practice: the sets are constants of this crate.
pub fn built_in(module: &str) -> Result<Option<MigrationSet>> {
    MODULES.iter().find(|it| it.name == module).map(|it| (it.set)()).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migration::BUILT_IN;

    #[test]
    fn every_module_is_one_of_the_contract_and_has_the_set_of_its_name() {
        for module in MODULES {
            assert!(BUILT_IN.contains(&module.name), "{}", module.name);
            assert_eq!((module.set)().expect("set").module(), module.name);
            assert!((module.settings)(Path::new("/t.db")).is_ok());
        }
    }

    #[test]
    fn every_index_is_introduced_by_the_queries_it_serves() {
        let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        // The queries on the database module are its owner's.
        for module in MODULES.iter().filter(|it| it.name != "database") {
            for migration in std::fs::read_dir(migrations.join(module.name)).expect(module.name) {
                let up = std::fs::read_to_string(migration.expect("folder").path().join("up.sql")).expect("up.sql");
                let is_index = |line: &str| line.starts_with("CREATE INDEX") || line.starts_with("CREATE UNIQUE INDEX");
                let lines: Vec<&str> = up.lines().collect();
                assert!(lines.iter().any(|line| is_index(line)), "{}", module.name);
                for pair in lines.windows(2).filter(|pair| is_index(pair[1])) {
                    assert!(pair[0].starts_with("-- "), "{}", pair[1]);
                }
            }
        }
    }

    #[test]
    fn what_a_module_requires_stands_before_it() {
        let names = |name| with_required(name).expect(name).iter().map(|it| it.name).collect::<Vec<_>>();
        assert_eq!(names("telemetry"), ["telemetry"]);
        assert_eq!(names("usage"), ["telemetry", "usage"]);
        assert!(find("nonsense").is_err());
    }
}
