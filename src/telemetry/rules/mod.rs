#![forbid(unsafe_code)]
//! Validation rules (telemetry.md §9): what a caller adds to the checks of every session and event.

mod config;
mod json_schema;
mod test;

pub(crate) use config::refuse_rule;
use test::Test;

use std::sync::Arc;

use crate::error::{Error, Invalid, Result};
use crate::packed::{Field, Shape};
use crate::telemetry::kinds::{RuleTable, RuleType};
use crate::telemetry::shape::{EVENT, SESSION};

impl RuleTable {
    /// The shape of the table's rows.
    pub fn shape(self) -> &'static Shape {
        match self {
            Self::Sessions => &SESSION,
            Self::Events => &EVENT,
        }
    }
}

/// A rule as it stands in its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition<'a> {
    /// The row's id.
    pub id: i64,
    /// `telemetry_sessions` or `telemetry_events`
    pub table_name: &'a str,
    /// A property or column name of that table.
    pub field_name: &'a str,
    /// One of the six types.
    pub rule_type: &'a str,
    /// A JSON object.
    pub rule_config: &'a str,
    /// The message of the error.
    pub error_message: &'a str,
    /// Lower ones apply first.
    pub priority: i64,
}

/// A rule that is ready to test values.
#[derive(Debug, Clone)]
pub struct CompiledRule {
    id: i64,
    priority: i64,
    table: RuleTable,
    position: usize,
    field_name: String,
    error_message: String,
    rule_type: RuleType,
    test: Test,
}

impl CompiledRule {
    /// Compile a rule.
    ///
    /// # Errors
    /// `Invalid validation rule: <reason>` with the key that is wrong.
    pub fn new(definition: &Definition<'_>) -> Result<Self> {
        let Definition { id, table_name, field_name, rule_type, rule_config, error_message, priority } = *definition;
        let unknown =
            |what: &str, key: &str, name| refuse_rule(&format!("unknown {what} \"{name}\""), key, Field::Text(name));
        let table = RuleTable::parse(table_name).ok_or_else(|| unknown("table", "tableName", table_name))?;
        let position = table
            .shape()
            .columns
            .iter()
            .position(|column| column.key == field_name || column.name == field_name)
            .ok_or_else(|| unknown("field", "fieldName", field_name))?;
        let rule_type = RuleType::parse(rule_type).ok_or_else(|| unknown("type", "ruleType", rule_type))?;
        let test = Test::compile(rule_type, rule_config)?;
        Ok(Self {
            id,
            priority,
            table,
            position,
            field_name: field_name.to_owned(),
            error_message: error_message.to_owned(),
            rule_type,
            test,
        })
    }

    /// The id of the rule's row.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// The table that the rule watches.
    pub fn table(&self) -> RuleTable {
        self.table
    }

    /// What the rule tests.
    pub fn rule_type(&self) -> RuleType {
        self.rule_type
    }

    /// Whether `field` passes. [`Field::Absent`], a column that is not set, passes every rule; `null` every rule but
    /// `required`.
    pub fn check(&self, field: Field<'_>) -> bool {
        match field {
            Field::Absent => true,
            Field::Null => self.rule_type != RuleType::Required,
            field => self.test.passes(field),
        }
    }

    fn refuse(&self, field: Field<'_>) -> Error {
        Error::Validation(Box::new(Invalid {
            message: self.error_message.clone(),
            field: Some(self.field_name.clone()),
            value: field.to_json(),
            rule_id: Some(self.id),
        }))
    }
}

/// The rules in force, in the order in which they apply. Cheap to clone: the writer keeps one and renews it when the
/// rules change.
#[derive(Debug, Clone, Default)]
pub struct RuleSet {
    sessions: Arc<[CompiledRule]>,
    events: Arc<[CompiledRule]>,
}

impl RuleSet {
    /// A set of `rules`, which may come in any order.
    pub fn new(rules: impl IntoIterator<Item = CompiledRule>) -> Self {
        let mut rules: Vec<_> = rules.into_iter().collect();
        rules.sort_by_key(|rule| (rule.priority, rule.id));
        let (events, sessions) = rules.into_iter().partition::<Vec<_>, _>(|rule| rule.table == RuleTable::Events);
        Self { sessions: sessions.into(), events: events.into() }
    }

    /// Whether no rule watches `table`, so that its records need no look-up.
    pub fn is_empty(&self, table: RuleTable) -> bool {
        self.of(table).is_empty()
    }

    /// Test a record of `table`. `lookup` gives the value at a position of the table's shape as it will be stored:
    /// `null` for a column without a value, [`Field::Absent`] for one that an update leaves as it is.
    ///
    /// # Errors
    /// `Error::Validation` of the first rule that fails, with its message, the field as the rule names it, the value and
    /// the rule's id.
    pub fn check_record<'a>(&self, table: RuleTable, lookup: impl Fn(usize) -> Field<'a>) -> Result<()> {
        for rule in self.of(table) {
            let field = lookup(rule.position);
            if !rule.check(field) {
                return Err(rule.refuse(field));
            }
        }
        Ok(())
    }

    fn of(&self, table: RuleTable) -> &[CompiledRule] {
        match table {
            RuleTable::Sessions => &self.sessions,
            RuleTable::Events => &self.events,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::check::testing::refusal;

    fn definition<'a>(field_name: &'a str, rule_type: &'a str, rule_config: &'a str) -> Definition<'a> {
        Definition {
            id: 1,
            table_name: "telemetry_events",
            field_name,
            rule_type,
            rule_config,
            error_message: "bad mode",
            priority: 100,
        }
    }

    #[test]
    fn a_rule_of_nothing_known_is_refused_by_key() {
        let refused = |change: fn(&mut Definition<'_>)| {
            let mut definition = definition("mode", "required", "{}");
            change(&mut definition);
            refusal(CompiledRule::new(&definition))
        };
        let expected = |reason: &str, key: &str| (format!("Invalid validation rule: {reason}"), key.to_owned());
        assert_eq!(
            refused(|rule| rule.table_name = "telemetry_errors"),
            expected("unknown table \"telemetry_errors\"", "tableName")
        );
        assert_eq!(refused(|rule| rule.field_name = "Mode"), expected("unknown field \"Mode\"", "fieldName"));
        assert_eq!(refused(|rule| rule.rule_type = ""), expected("unknown type \"\"", "ruleType"));
    }

    #[test]
    fn a_field_goes_by_its_property_or_its_column_name() {
        for name in ["sessionId", "session_id"] {
            let rule = CompiledRule::new(&definition(name, "required", "{}")).unwrap();
            assert_eq!(rule.position, EVENT.position("sessionId"));
            let set = RuleSet::new([rule]);
            let error = set.check_record(RuleTable::Events, |_| Field::Text(" ")).unwrap_err();
            let Error::Validation(invalid) = error else { panic!("{error}") };
            assert_eq!((invalid.message.as_str(), invalid.field.as_deref()), ("bad mode", Some(name)));
            assert_eq!((invalid.value, invalid.rule_id), (Some(" ".into()), Some(1)));
        }
    }

    #[test]
    fn the_rule_of_the_lowest_priority_number_and_then_id_speaks_first() {
        let rule = |id, priority| {
            let rule = Definition { id, priority, ..definition("mode", "enum", r#"{"values":["code"]}"#) };
            CompiledRule::new(&rule).unwrap()
        };
        let set = RuleSet::new([rule(1, 100), rule(3, 5), rule(2, 5)]);
        let Err(Error::Validation(invalid)) = set.check_record(RuleTable::Events, |_| Field::Text("x")) else {
            panic!("passed")
        };
        assert_eq!(invalid.rule_id, Some(2));
        assert!(set.is_empty(RuleTable::Sessions));
        assert!(set.check_record(RuleTable::Sessions, |_| Field::Text("x")).is_ok());
    }

    #[test]
    fn null_passes_all_but_required_and_what_an_update_leaves_alone_passes_all() {
        for (rule_type, config) in [
            ("required", "{}"),
            ("pattern", r#"{"regex":"^a"}"#),
            ("range", r#"{"min":1}"#),
            ("enum", r#"{"values":["a"]}"#),
            ("length", r#"{"min":1}"#),
            ("json_schema", "{}"),
        ] {
            let rule = CompiledRule::new(&definition("prompt", rule_type, config)).unwrap();
            assert_eq!(rule.check(Field::Null), rule_type != "required", "{rule_type}");
            assert!(rule.check(Field::Absent), "{rule_type}");
        }
    }
}
