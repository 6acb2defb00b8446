#![forbid(unsafe_code)]
//! The migration engine: one journal a file, for all modules.
//!
//! - what there is to do: [`MigrationSet`], [`Migration`], [`Script`], `checksum`, `module`; [`listed()`],
//!   [`find()`], [`recorded()`]
//! - what a file holds: [`Schema`], `journal`, `snapshot`
//! - looking without touching: [`inspect()`], [`status()`], [`validate()`], [`plan()`]
//! - changing: [`open()`], [`prepare()`], [`apply()`], [`rollback()`]; for scripts that are functions [`Drive`] over [`Run`]
//!   and [`Rollback`]
//! - one migration: `step` (its transaction), `guard` (what it may not do), `destructive` (what it lost)
//! - files of others: `recognise`, `adoption`, `rebuild`, `keys`, `quarantine`, and [`ModuleRules`] for what a module adds

mod adoption;
pub mod checksum;
mod definition;
mod destructive;
mod drive;
mod dry_run;
mod error;
mod failure;
mod folder;
mod foreign_keys;
mod guard;
mod inspect;
pub mod journal;
mod keys;
mod legacy_journal;
mod listed;
mod module;
mod open;
mod plan;
mod quarantine;
mod rebuild;
mod recognise;
mod recorded;
mod rollback;
mod rules;
mod runner;
mod schema;
mod set;
mod snapshot;
mod step;
#[cfg(test)]
pub(crate) mod testing;
mod validate;

pub use adoption::Adoption;
pub use definition::same_definition;
pub use drive::{Drive, Driven, Stage};
pub use error::{MigrationCode, MigrationError, SqliteCause};
pub use failure::Failure;
pub use folder::{Found, check_loaded, find};
pub use inspect::{Inspection, inspect, status};
pub use journal::JournalRow;
pub use listed::listed;
pub use module::{BUILT_IN, DEPENDENCIES, Dependency, check_application, check_custom};
pub use open::{Opened, Prepared, open, open_with, prepare};
pub use plan::{
    ChangeKind, MigrationChange, MigrationPlanItem, MigrationRef, ObjectKind, Problem, ProblemKind, Status,
    StatusReport, ValidationReport,
};
pub use rebuild::Mapping;
pub use recognise::{check_names, lacks};
pub use recorded::recorded;
pub use rollback::{Rollback, rollback, target_of, target_of_text};
pub use rules::{Applied, ModuleRules, Standard};
pub use runner::{ApplyOptions, Run, apply, plan, run_script};
pub use schema::{Affinity, Column, Index, Schema, Table, Trigger, View, quoted};
pub use set::{Migration, MigrationSet, Script, version_of};
pub use validate::{check_file, check_objects, validate, validate_all};
