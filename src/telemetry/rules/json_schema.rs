#![forbid(unsafe_code)]
//! The part of JSON Schema that rules offer. As there, a keyword says nothing about values of another type.

use regex_lite::Regex;
use serde_json::{Map, Value};

use super::config::{Keys, Reason, length_within, regex};
use crate::telemetry::kinds::JsonType;

impl JsonType {
    fn fits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Null, Value::Null)
            | (Self::Boolean, Value::Bool(_))
            | (Self::Object, Value::Object(_))
            | (Self::Array, Value::Array(_))
            | (Self::Number, Value::Number(_))
            | (Self::String, Value::String(_)) => true,
            (Self::Integer, Value::Number(number)) => number.as_f64().is_some_and(|number| number.fract() == 0.0),
            _ => false,
        }
    }
}

/// A compiled schema. Its depth is bounded: serde_json reads 128 levels.
#[derive(Debug, Clone, Default)]
pub(super) struct Schema {
    types: Option<Vec<JsonType>>,
    values: Option<Vec<Value>>,
    required: Vec<String>,
    properties: Vec<(String, Schema)>,
    closed: bool,
    items: Option<Box<Schema>>,
    range: (Option<f64>, Option<f64>),
    length: (Option<usize>, Option<usize>),
    pattern: Option<Regex>,
}

impl Schema {
    /// Unknown keywords are refused: one that is ignored would be a rule that tests less than it says.
    pub(super) fn compile(schema: Map<String, Value>) -> Result<Self, Reason> {
        let mut keys = Keys::new(schema);
        let compiled = Self {
            types: keys.take("type").map(types).transpose()?,
            values: keys.list("enum")?,
            required: names(keys.list("required")?.unwrap_or_default())?,
            properties: properties(keys.object("properties")?.unwrap_or_default())?,
            closed: keys.boolean("additionalProperties")? == Some(false),
            items: keys.object("items")?.map(Self::compile).transpose()?.map(Box::new),
            range: keys.bounds(["minimum", "maximum"], Keys::number)?,
            length: keys.bounds(["minLength", "maxLength"], Keys::count)?,
            pattern: keys.text("pattern")?.map(|pattern| regex(&pattern, "")).transpose()?,
        };
        keys.finish()?;
        Ok(compiled)
    }

    /// Whether `value` fits.
    pub(super) fn fits(&self, value: &Value) -> bool {
        self.types.as_ref().is_none_or(|types| types.iter().any(|kind| kind.fits(value)))
            && self.values.as_ref().is_none_or(|values| values.iter().any(|other| same(other, value)))
            && match value {
                Value::Object(object) => self.fits_object(object),
                Value::Array(items) => {
                    self.items.as_ref().is_none_or(|schema| items.iter().all(|item| schema.fits(item)))
                }
                Value::Number(number) => number.as_f64().is_none_or(|number| {
                    self.range.0.is_none_or(|min| number >= min) && self.range.1.is_none_or(|max| number <= max)
                }),
                Value::String(text) => {
                    length_within(text, self.length)
                        && self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(text))
                }
                Value::Null | Value::Bool(_) => true,
            }
    }

    fn fits_object(&self, object: &Map<String, Value>) -> bool {
        let known = |key: &str| self.properties.iter().any(|(name, _)| name == key);
        self.required.iter().all(|name| object.contains_key(name))
            && self.properties.iter().all(|(name, schema)| object.get(name).is_none_or(|value| schema.fits(value)))
            && (!self.closed || object.keys().all(|key| known(key)))
    }
}

fn types(value: Value) -> Result<Vec<JsonType>, Reason> {
    let names = match value {
        Value::Array(names) if !names.is_empty() => names,
        Value::Array(_) => return Err("type must not be empty".to_owned()),
        name => vec![name],
    };
    let parse = |name: &Value| name.as_str().and_then(JsonType::parse).ok_or_else(|| format!("unknown type {name}"));
    names.iter().map(parse).collect()
}

fn names(values: Vec<Value>) -> Result<Vec<String>, Reason> {
    let name = |value| match value {
        Value::String(name) => Ok(name),
        _ => Err("required must hold strings only".to_owned()),
    };
    values.into_iter().map(name).collect()
}

fn properties(object: Map<String, Value>) -> Result<Vec<(String, Schema)>, Reason> {
    let property = |(name, value)| match value {
        Value::Object(schema) => Ok((name, Schema::compile(schema)?)),
        _ => Err(format!("property \"{name}\" must be an object")),
    };
    object.into_iter().map(property).collect()
}

/// Equality in which 1 is 1.0, as in JavaScript.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compile(schema: &Value) -> Result<Schema, Reason> {
        Schema::compile(schema.as_object().unwrap().clone())
    }

    #[track_caller]
    fn assert_fits(schema: Value, good: &[Value], bad: &[Value]) {
        let compiled = compile(&schema).unwrap();
        for value in good {
            assert!(compiled.fits(value), "{schema} {value}");
        }
        for value in bad {
            assert!(!compiled.fits(value), "{schema} {value}");
        }
    }

    #[test]
    fn each_keyword_tests_values_of_its_own_type() {
        assert_fits(json!({}), &[json!(null), json!([1])], &[]);
        assert_fits(json!({"type": "integer"}), &[json!(1), json!(1.0)], &[json!(1.5), json!("1"), json!(true)]);
        assert_fits(json!({"type": ["null", "string"]}), &[json!(null), json!("")], &[json!(0), json!({})]);
        assert_fits(
            json!({"enum": [1, {"a": [1]}]}),
            &[json!(1.0), json!({"a": [1.0]})],
            &[json!("1"), json!({"a": []})],
        );
        assert_fits(json!({"minimum": 1, "maximum": 2}), &[json!(1), json!(2), json!("9")], &[json!(0), json!(2.5)]);
        assert_fits(json!({"minLength": 1, "maxLength": 2}), &[json!("é😀"), json!(1)], &[json!(""), json!("abc")]);
        assert_fits(json!({"pattern": "^a"}), &[json!("ab"), json!(1)], &[json!("ba")]);
        assert_fits(json!({"items": {"type": "number"}}), &[json!([]), json!([1, 2]), json!("x")], &[json!([1, "2"])]);
    }

    #[test]
    fn objects_are_tested_property_by_property() {
        let schema = json!({
            "type": "object",
            "required": ["a"],
            "properties": {"a": {"type": "string"}, "b": {"properties": {"c": {"enum": [1]}}}},
            "additionalProperties": false,
        });
        let good = [json!({"a": "x"}), json!({"a": "x", "b": {"c": 1, "d": 2}})];
        let bad = [json!({}), json!({"a": 1}), json!({"a": "x", "b": {"c": 2}}), json!({"a": "x", "z": 1}), json!([])];
        assert_fits(schema, &good, &bad);
        assert_fits(json!({"properties": {"a": {}}}), &[json!({"z": 1})], &[]);
    }

    #[test]
    fn a_schema_that_would_test_less_than_it_says_is_refused() {
        for (schema, reason) in [
            (json!({"oneOf": []}), "unknown key \"oneOf\""),
            (json!({"type": "text"}), "unknown type \"text\""),
            (json!({"type": []}), "type must not be empty"),
            (json!({"required": [1]}), "required must hold strings only"),
            (json!({"properties": {"a": true}}), "property \"a\" must be an object"),
            (json!({"properties": {"a": {"x": 1}}}), "unknown key \"x\""),
            (json!({"additionalProperties": {}}), "additionalProperties must be a boolean"),
            (json!({"items": []}), "items must be an object"),
            (json!({"minLength": -1}), "minLength must be an integer of at least 0"),
            (json!({"minimum": 2, "maximum": 1}), "maximum must not be less than minimum"),
            (json!({"pattern": "["}), "regex: found unclosed character class"),
        ] {
            assert_eq!(compile(&schema).unwrap_err(), reason, "{schema}");
        }
    }
}
