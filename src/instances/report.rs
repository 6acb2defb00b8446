#![forbid(unsafe_code)]
//! The module's errors as its callers read them: the codes of instances.md §7, a closed list.

use serde_json::{Map, Value as Json, json};

use crate::error::{Error, ErrorClass, Refused, Report};

/// The file cannot be opened.
const CONNECTION_FAILED: &str = "DATABASE_CONNECTION_FAILED";
/// The configuration is wrong, or the file is not ours.
const INITIALIZATION_FAILED: &str = "DATABASE_INITIALIZATION_FAILED";
/// The tables could not be brought up to date.
const SCHEMA_MIGRATION_FAILED: &str = "DATABASE_SCHEMA_MIGRATION_FAILED";
/// The id is in use.
const INSTANCE_EXISTS: &str = "DATABASE_INSTANCE_EXISTS";
/// There is no instance of that id.
const INSTANCE_NOT_FOUND: &str = "DATABASE_INSTANCE_NOT_FOUND";
/// There is such a relationship.
const RELATIONSHIP_EXISTS: &str = "DATABASE_RELATIONSHIP_EXISTS";
const INSERT_FAILED: &str = "DATABASE_INSERT_FAILED";
const UPDATE_FAILED: &str = "DATABASE_UPDATE_FAILED";
const DELETE_FAILED: &str = "DATABASE_DELETE_FAILED";
const QUERY_FAILED: &str = "DATABASE_QUERY_FAILED";
const LOG_FAILED: &str = "DATABASE_LOG_FAILED";
const OPERATION_FAILED: &str = "DATABASE_OPERATION_FAILED";

/// The class of the module's errors.
const CLASS: ErrorClass = ErrorClass("InstancesError");

/// The code of a refusal that has none of its own: that of its method.
pub(super) const GENERAL: &str = "";

/// The code of everything that has none of its own.
fn general(operation: &str) -> &'static str {
    match operation {
        "constructor" => INITIALIZATION_FAILED,
        "initialize" | "connect" => CONNECTION_FAILED,
        "runMigrations" | "runMigrationsWithDatabase" => SCHEMA_MIGRATION_FAILED,
        "createInstance" | "createRelationship" => INSERT_FAILED,
        "updateInstance" | "updateInstanceStatus" | "updateRelationship" => UPDATE_FAILED,
        "deleteInstance" | "deleteConfig" => DELETE_FAILED,
        "logMCPEvent" => LOG_FAILED,
        "getInstance" | "listInstances" | "getMCPEvents" | "getRecentMCPEvents" | "getRelationships"
        | "getGitHubIssue" | "getConfig" => QUERY_FAILED,
        _ => OPERATION_FAILED,
    }
}

/// A cell of `user_config` that does not open. What it holds is in no message.
pub(super) fn decrypt_failed(why: &str, because: Option<Error>) -> Error {
    let message = format!("The value cannot be decrypted: {why}");
    let reason = because.as_ref().map_or_else(|| message.clone(), ToString::to_string);
    let details = [("reason".to_owned(), json!("decrypt")), ("error".to_owned(), json!(reason))];
    refused(GENERAL, message, Map::from_iter(details), because)
}

/// No instance has the id `id`; `field` is the column that refers to it.
pub(super) fn instance_not_found(id: &str, field: Option<&str>, because: Option<Error>) -> Error {
    let mut details = Map::from_iter([("instanceId".to_owned(), json!(id))]);
    if let Some(field) = field {
        details.insert("field".to_owned(), json!(field));
    }
    refused(INSTANCE_NOT_FOUND, format!("Instance not found: {id}"), details, because)
}

/// The id `id` is in use.
pub(super) fn instance_exists(id: &str, because: Error) -> Error {
    let details = Map::from_iter([("instanceId".to_owned(), json!(id))]);
    refused(INSTANCE_EXISTS, format!("Instance already exists: {id}"), details, Some(because))
}

/// There is a relationship of that type between the two.
pub(super) fn relationship_exists([parent, child, kind]: [&str; 3], because: Error) -> Error {
    let details = json!({ "parent_instance": parent, "child_instance": child, "relationship_type": kind });
    let Json::Object(details) = details else { return because };
    let message = format!("Relationship already exists: {parent} -> {child} ({kind})");
    refused(RELATIONSHIP_EXISTS, message, details, Some(because))
}

fn refused(code: &'static str, message: String, details: Map<String, Json>, because: Option<Error>) -> Error {
    Error::Refused(Box::new(Refused { code, message, details, because }))
}

/// The error as the caller of `operation` reads it.
pub(super) fn report(error: &Error, operation: &str) -> Report {
    let report = match error {
        Error::At { index, error } => {
            let mut report = report(error, operation);
            report.details.insert("index".to_owned(), json!(index));
            return report;
        }
        Error::Retried { attempts, error } => {
            let mut report = report(error, operation);
            report.details.insert("attempts".to_owned(), json!(attempts));
            return report;
        }
        Error::Open(error) => return report_open(error, operation),
        Error::Refused(refused) => return report_refused(refused, error, operation),
        _ => error.report(operation),
    };
    let reason = match error {
        Error::Timeout { ms } => format!("The query ran longer than queryTimeout ({ms} ms)"),
        _ => error.to_string(),
    };
    let mut details = Map::from_iter([("error".to_owned(), json!(reason))]);
    match error {
        Error::Validation(invalid) => {
            drop(invalid.field.as_ref().map(|field| details.insert("field".into(), json!(field))))
        }
        Error::Unsupported { reason, .. } => drop(details.insert("reason".into(), json!(reason))),
        Error::Closed => drop(details.insert("reason".into(), json!("closed"))),
        Error::Timeout { ms } => drop(details.insert("timeoutMs".into(), json!(ms))),
        _ => {}
    }
    let code = general(operation);
    let message = match operation {
        "constructor" => reason.clone(),
        _ => format!("{operation} failed: {reason}"),
    };
    let reason = report.reason.map(|_| reason);
    Report { class: CLASS, code, message, reason, details, invalid: None, index: None, ..report }
}

fn report_refused(refused: &Refused, error: &Error, operation: &str) -> Report {
    let Refused { code, message, details, because } = refused;
    let base = because.as_ref().unwrap_or(error).report(operation);
    if *code == GENERAL {
        let (message, details) = (message.clone(), details.clone());
        return Report { class: CLASS, code: general(operation), message, details, ..base };
    }
    Report { class: CLASS, code, message: message.clone(), details: details.clone(), ..base }
}

/// A file that cannot be opened, or that is not ours.
fn report_open(error: &Error, operation: &str) -> Report {
    let report = report(error, operation);
    let code = match error {
        Error::Migration(_) => INITIALIZATION_FAILED,
        _ => CONNECTION_FAILED,
    };
    Report { code, message: format!("Failed to open the database: {error}"), ..report }
}
