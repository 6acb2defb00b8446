#![forbid(unsafe_code)]
//! What the command line does, without its words: each verb works on one file and returns a report for JSON.
//!
//! - `catalog`: the modules that there are, and which must be applied first; a new module joins here
//! - `migrate`, `rollback`: change a file
//! - `inspect`: `status` and `validate`, which leave no trace
//! - `doctor`: what is wrong with a file, whoever made it
//! - `copy`: `backup`

mod catalog;
mod copy;
mod doctor;
mod inspect;
mod migrate;
mod request;
mod rollback;

pub use catalog::{MODULES, Module, built_in, find, listed_set, recorded_set, with_required};
pub use copy::{BackupReport, backup};
pub use doctor::{Diagnosis, FileDiagnosis, Finding, ModuleVersion, diagnose};
pub use inspect::{FileStatus, FileValidation};
pub use migrate::{MigrateReport, ModuleMigration};
pub use request::{Request, Verb, run};
pub use rollback::RollbackReport;
