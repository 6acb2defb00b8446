#![forbid(unsafe_code)]
//! The six kinds of test and their configurations.

use regex_lite::Regex;
use serde_json::Value;

use super::config::{Keys, Reason, length_within, refuse_rule, regex};
use super::json_schema::Schema;
use crate::client::check::is_blank;
use crate::error::Result;
use crate::packed::Field;
use crate::telemetry::kinds::RuleType;

/// What a rule demands of a value that is there.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Required,
    Pattern(Regex),
    Range { min: Option<f64>, max: Option<f64>, inclusive: bool },
    Enum { texts: Vec<String>, numbers: Vec<f64>, case_sensitive: bool },
    Length(Option<usize>, Option<usize>),
    JsonSchema(Option<Schema>),
}

impl Test {
    /// # Errors
    /// `Invalid validation rule: <reason>` [ruleConfig]
    pub(super) fn compile(rule_type: RuleType, config: &str) -> Result<Self> {
        Self::read(rule_type, config).map_err(|reason| refuse_rule(&reason, "ruleConfig", Field::Text(config)))
    }

    fn read(rule_type: RuleType, config: &str) -> Result<Self, Reason> {
        let mut keys = Keys::parse(config)?;
        let test = match rule_type {
            RuleType::Required => Self::Required,
            RuleType::Pattern => {
                let pattern = keys.text("regex")?.ok_or("regex is required")?;
                Self::Pattern(regex(&pattern, &keys.text("flags")?.unwrap_or_default())?)
            }
            RuleType::Range => {
                let (min, max) = keys.bounds(["min", "max"], Keys::number)?;
                Self::Range { min, max, inclusive: keys.boolean("inclusive")?.unwrap_or(true) }
            }
            RuleType::Enum => Self::read_enum(&mut keys)?,
            RuleType::Length => {
                let (min, max) = keys.bounds(["min", "max"], Keys::count)?;
                Self::Length(min, max)
            }
            RuleType::JsonSchema => Self::JsonSchema(keys.object("schema")?.map(Schema::compile).transpose()?),
        };
        keys.finish()?;
        Ok(test)
    }

    fn read_enum(keys: &mut Keys) -> Result<Self, Reason> {
        let values = keys.list("values")?.ok_or("values is required")?;
        let case_sensitive = keys.boolean("caseSensitive")?.unwrap_or(true);
        if values.is_empty() {
            return Err("values must not be empty".to_owned());
        }
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        for value in values {
            match value {
                Value::String(text) if case_sensitive => texts.push(text),
                Value::String(text) => texts.push(text.to_lowercase()),
                Value::Number(number) => numbers.extend(number.as_f64()),
                _ => return Err("values must hold strings and numbers only".to_owned()),
            }
        }
        Ok(Self::Enum { texts, numbers, case_sensitive })
    }

    /// Whether `field`, which is neither absent nor null, passes.
    pub(super) fn passes(&self, field: Field<'_>) -> bool {
        match (self, field) {
            (Self::Required, Field::Text(text) | Field::Malformed(text)) => !is_blank(text),
            (Self::Required, _) => true,
            (Self::Pattern(regex), field) => field.text().is_some_and(|text| regex.is_match(text)),
            (Self::Range { min, max, inclusive }, Field::Number(number)) => {
                let within = |bound: Option<f64>, inside: fn(f64, f64) -> bool| {
                    bound.is_none_or(|bound| inside(number, bound) || (*inclusive && number == bound))
                };
                number.is_finite() && within(*min, |n, min| n > min) && within(*max, |n, max| n < max)
            }
            (Self::Enum { numbers, .. }, Field::Number(number)) => numbers.contains(&number),
            (Self::Enum { texts, case_sensitive, .. }, field) => field.text().is_some_and(|text| {
                if *case_sensitive {
                    texts.iter().any(|value| value == text)
                } else {
                    texts.contains(&text.to_lowercase())
                }
            }),
            (Self::Length(min, max), field) => field.text().is_some_and(|text| length_within(text, (*min, *max))),
            (Self::JsonSchema(schema), field) => field
                .text()
                .and_then(|text| serde_json::from_str::<Value>(text).ok())
                .is_some_and(|value| schema.as_ref().is_none_or(|schema| schema.fits(&value))),
            (Self::Range { .. }, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::check::testing::refusal;

    fn test(rule_type: RuleType, config: &str) -> Test {
        Test::compile(rule_type, config).unwrap()
    }

    #[track_caller]
    fn assert_passes(test: &Test, good: &[Field<'_>], bad: &[Field<'_>]) {
        for field in good {
            assert!(test.passes(*field), "{test:?} {field:?}");
        }
        for field in bad {
            assert!(!test.passes(*field), "{test:?} {field:?}");
        }
    }

    #[test]
    fn required_means_something_to_read() {
        assert_passes(
            &test(RuleType::Required, "{}"),
            &[Field::Text("x"), Field::Number(0.0)],
            &[Field::Text(""), Field::Text(" \u{feff}")],
        );
    }

    #[test]
    fn a_pattern_is_found_anywhere_in_text_only() {
        let pattern = test(RuleType::Pattern, r#"{"regex":"^cl.ude$"}"#);
        let bad = [Field::Text("Claude"), Field::Text("x\nclaude"), Field::Text("cl\nude"), Field::Number(1.0)];
        assert_passes(&pattern, &[Field::Text("claude")], &bad);
        assert_passes(&test(RuleType::Pattern, r#"{"regex":"^cl.ude$","flags":"imsu"}"#), &bad[..3], &bad[3..]);
        assert_passes(&test(RuleType::Pattern, r#"{"regex":"é"}"#), &[Field::Text("café")], &[Field::Text("cafe")]);
    }

    #[test]
    fn a_range_takes_finite_numbers_and_its_bounds_unless_told_otherwise() {
        let good = [Field::Number(1.0), Field::Number(2.0)];
        let bad = [Field::Number(0.9), Field::Number(2.1), Field::Number(f64::NAN), Field::Text("1")];
        assert_passes(&test(RuleType::Range, r#"{"min":1,"max":2}"#), &good, &bad);
        assert_passes(
            &test(RuleType::Range, r#"{"min":1,"max":2,"inclusive":false}"#),
            &[Field::Number(1.5)],
            &[&good[..], &bad[..]].concat(),
        );
        let any = test(RuleType::Range, "{}");
        assert_passes(&any, &[Field::Number(-1e300)], &[Field::Number(f64::INFINITY)]);
    }

    #[test]
    fn an_enum_compares_like_with_like() {
        let values = r#"{"values":["Code","ÄHM",1]}"#;
        assert_passes(
            &test(RuleType::Enum, values),
            &[Field::Text("Code"), Field::Number(1.0)],
            &[Field::Text("code"), Field::Text("1"), Field::Number(2.0)],
        );
        assert_passes(
            &test(RuleType::Enum, &values.replace('}', r#","caseSensitive":false}"#)),
            &[Field::Text("cODE"), Field::Text("ähm"), Field::Number(1.0)],
            &[Field::Text("1"), Field::Text("")],
        );
    }

    #[test]
    fn a_length_counts_what_people_would_call_characters() {
        assert_passes(
            &test(RuleType::Length, r#"{"min":2,"max":3}"#),
            &[Field::Text("ab"), Field::Text("😀😀😀")],
            &[Field::Text("a"), Field::Text("😀"), Field::Text("abcd"), Field::Text("éééé"), Field::Number(22.0)],
        );
    }

    #[test]
    fn json_means_the_text_of_a_json_value() {
        let json = test(RuleType::JsonSchema, "{}");
        assert_passes(&json, &[Field::Text("{}"), Field::Text(" 5 ")], &[Field::Text("x"), Field::Number(5.0)]);
        let schema = test(RuleType::JsonSchema, r#"{"schema":{"type":"object","required":["model"]}}"#);
        assert_passes(&schema, &[Field::Text(r#"{"model":1}"#)], &[Field::Text("{}"), Field::Text("[]")]);
    }

    #[test]
    fn a_config_that_would_not_do_what_it_says_is_refused() {
        for (rule_type, config, reason) in [
            (RuleType::Required, "", "ruleConfig must be a JSON object"),
            (RuleType::Required, "[]", "ruleConfig must be a JSON object"),
            (RuleType::Required, r#"{"value":1}"#, "unknown key \"value\""),
            (RuleType::Pattern, "{}", "regex is required"),
            (RuleType::Pattern, r#"{"regex":1}"#, "regex must be a string"),
            (RuleType::Pattern, r#"{"regex":"a(?=b)"}"#, "regex: look-around is not supported"),
            (RuleType::Pattern, r#"{"regex":"(a)\\1"}"#, "regex: backreferences are not supported"),
            (RuleType::Pattern, r#"{"regex":"("}"#, "regex: found open group without closing ')'"),
            (RuleType::Pattern, r#"{"regex":"((a{1000}){1000}){1000}"}"#, "regex: compiled regex exceeded size limit"),
            (RuleType::Pattern, r#"{"regex":"\\p{L}"}"#, "regex: Unicode character classes are not supported"),
            (RuleType::Pattern, r#"{"regex":"a","flags":"g"}"#, "unknown flag \"g\""),
            (RuleType::Pattern, r#"{"regex":"a","flags":"ii"}"#, "flag \"i\" is given twice"),
            (RuleType::Range, r#"{"min":"1"}"#, "min must be a finite number"),
            (RuleType::Range, r#"{"min":2,"max":1}"#, "max must not be less than min"),
            (RuleType::Range, r#"{"inclusive":1}"#, "inclusive must be a boolean"),
            (RuleType::Enum, "{}", "values is required"),
            (RuleType::Enum, r#"{"values":[]}"#, "values must not be empty"),
            (RuleType::Enum, r#"{"values":[null]}"#, "values must hold strings and numbers only"),
            (RuleType::Length, r#"{"max":1.5}"#, "max must be an integer of at least 0"),
            (RuleType::Length, r#"{"min":-1}"#, "min must be an integer of at least 0"),
            (RuleType::JsonSchema, r#"{"schema":[]}"#, "schema must be an object"),
            (RuleType::JsonSchema, r#"{"schema":{"$ref":"x"}}"#, "unknown key \"$ref\""),
        ] {
            let expected = (format!("Invalid validation rule: {reason}"), "ruleConfig".to_owned());
            assert_eq!(refusal(Test::compile(rule_type, config)), expected, "{config}");
        }
    }
}
