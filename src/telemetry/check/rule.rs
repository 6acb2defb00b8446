#![forbid(unsafe_code)]
//! The checks of addValidationRule. What its `ruleConfig` means is for `telemetry::rules` to say.

use crate::client::check::{boolean, column, count, is_blank, json, real, refuse_field, text, whole};
use crate::error::Result;
use crate::packed::Record;
use crate::telemetry::kinds::{RuleTable, RuleType};
use crate::telemetry::rules::{CompiledRule, Definition, refuse_rule};
use crate::telemetry::shape::RULE;

const ID: usize = RULE.position("id");
const TABLE_NAME: usize = RULE.position("tableName");
const FIELD_NAME: usize = RULE.position("fieldName");
const RULE_TYPE: usize = RULE.position("ruleType");
const RULE_CONFIG: usize = RULE.position("ruleConfig");
const ERROR_MESSAGE: usize = RULE.position("errorMessage");
const IS_ACTIVE: usize = RULE.position("isActive");
const PRIORITY: usize = RULE.position("priority");
const CREATED_AT: usize = RULE.position("createdAt");
const UPDATED_AT: usize = RULE.position("updatedAt");

/// Applied before rules of a higher number.
const DEFAULT_PRIORITY: i64 = 100;

/// A valid rule. `createdAt` and `updatedAt` were checked and are left out: we set them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewRule<'a> {
    /// The caller's own id.
    pub id: Option<i64>,
    /// The table that it watches.
    pub table: RuleTable,
    /// A property or column name of that table, as the caller spells it.
    pub field_name: &'a str,
    /// What it tests.
    pub rule_type: RuleType,
    /// A JSON object that compiles; stored verbatim.
    pub rule_config: &'a str,
    /// The message of the error; not blank.
    pub error_message: &'a str,
    /// Default `true`.
    pub is_active: bool,
    /// Default 100.
    pub priority: i64,
}

/// Check the argument of addValidationRule.
///
/// # Errors
/// `Error::Validation` with the message and field of the first row of telemetry.md §13 that matches.
pub fn rule<'a>(record: &Record<'a>) -> Result<NewRule<'a>> {
    let required = |position: usize| {
        text(record, position)?.value().ok_or_else(|| refuse_field(RULE.key(position), record.at(position)))
    };
    let rule_config = json(record, RULE_CONFIG)?;
    let id = count(record, ID)?.value();
    let table_name = required(TABLE_NAME)?;
    let field_name = required(FIELD_NAME)?;
    let rule_type = required(RULE_TYPE)?;
    let rule_config = rule_config.value().ok_or_else(|| refuse_field(RULE.key(RULE_CONFIG), record.at(RULE_CONFIG)))?;
    let error_message = required(ERROR_MESSAGE)?;
    let is_active = boolean(record, IS_ACTIVE)?.value().unwrap_or(true);
    let priority = column(record, PRIORITY, whole)?.value().unwrap_or(DEFAULT_PRIORITY);
    real(record, CREATED_AT)?;
    real(record, UPDATED_AT)?;
    let definition = Definition { id: 0, table_name, field_name, rule_type, rule_config, error_message, priority };
    let compiled = CompiledRule::new(&definition)?;
    if is_blank(error_message) {
        return Err(refuse_rule("errorMessage is blank", RULE.key(ERROR_MESSAGE), record.at(ERROR_MESSAGE)));
    }
    Ok(NewRule {
        id,
        table: compiled.table(),
        field_name,
        rule_type: compiled.rule_type(),
        rule_config,
        error_message,
        is_active,
        priority,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::check::testing::{record, refusal};
    use crate::packed::Field;

    const VALID: &[(&str, Field<'static>)] = &[
        ("tableName", Field::Text("telemetry_events")),
        ("fieldName", Field::Text("mode")),
        ("ruleType", Field::Text("enum")),
        ("ruleConfig", Field::Text(r#"{"values":["code","chat"]}"#)),
        ("errorMessage", Field::Text("bad mode")),
    ];

    #[test]
    fn a_rule_is_active_at_priority_100_unless_told_otherwise() {
        let batch = record(&RULE, VALID, &[]);
        let new = rule(&batch.record(0)).unwrap();
        assert_eq!((new.table, new.rule_type), (RuleTable::Events, RuleType::Enum));
        assert_eq!((new.is_active, new.priority, new.id), (true, 100, None));
        let batch = record(&RULE, VALID, &[("isActive", Field::Boolean(false)), ("priority", Field::Number(-1.0))]);
        let new = rule(&batch.record(0)).unwrap();
        assert_eq!((new.is_active, new.priority), (false, -1));
    }

    #[test]
    fn each_wrong_key_has_its_message() {
        let metadata = "Metadata must be a string, a JSON-serialisable object or null";
        for (key, field, message) in [
            ("ruleConfig", Field::Number(1.0), metadata),
            ("ruleConfig", Field::Null, "Field \"ruleConfig\" is invalid"),
            ("tableName", Field::Absent, "Field \"tableName\" is invalid"),
            ("errorMessage", Field::Number(1.0), "Field \"errorMessage\" is invalid"),
            ("isActive", Field::Number(1.0), "Field \"isActive\" is invalid"),
            ("priority", Field::Number(1.5), "Field \"priority\" is invalid"),
            ("tableName", Field::Text("x"), "Invalid validation rule: unknown table \"x\""),
            ("fieldName", Field::Text("x"), "Invalid validation rule: unknown field \"x\""),
            ("ruleType", Field::Text("x"), "Invalid validation rule: unknown type \"x\""),
            ("ruleConfig", Field::Text("{}"), "Invalid validation rule: values is required"),
            ("errorMessage", Field::Text(" "), "Invalid validation rule: errorMessage is blank"),
        ] {
            let batch = record(&RULE, VALID, &[(key, field)]);
            assert_eq!(refusal(rule(&batch.record(0))), (message.to_owned(), key.to_owned()));
        }
    }
}
