//! Input of any content: refused or fit to be stored, and never a panic.

use proptest::prelude::*;
use runledger::error::Error;
use runledger::packed::{Batch, Field, Input};
use runledger::telemetry::check;
use runledger::telemetry::kinds::RuleTable;
use runledger::telemetry::rules::{CompiledRule, Definition, RuleSet};
use runledger::telemetry::shape::{self, EVENT};

fn field() -> impl Strategy<Value = Input> {
    prop_oneof![
        Just(Input::Undefined),
        Just(Input::Null),
        any::<bool>().prop_map(Input::Boolean),
        any::<f64>().prop_map(Input::Number),
        (0..3u8).prop_map(|number| Input::Number(f64::from(number))),
        any::<String>().prop_map(Input::Text),
        proptest::sample::select(vec!["s1", "stream", "active", "mode", "range", "{}", "telemetry_events", "low"])
            .prop_map(|text| Input::Text(text.to_owned())),
        Just(Input::Malformed("\u{fffd}".to_owned())),
        Just(Input::Other),
    ]
}

proptest! {
    #[test]
    fn any_record_is_refused_or_fit_to_be_stored(cells in proptest::collection::vec(field(), 20)) {
        let fields: Vec<_> = cells.iter().map(Input::field).collect();
        for shape in shape::ALL {
            let mut batch = Batch::new(shape);
            batch.push(&fields);
            let record = batch.record(0);
            match shape.name {
                "TelemetryEvent" => drop(check::event(&record)),
                "TelemetrySession" => {
                    let _ = check::create_session(&record);
                    let _ = check::upsert_session(&record);
                    let _ = check::update_session(&record);
                }
                "TelemetryBuffer" => drop(check::buffer(&record)),
                "TelemetryError" => drop(check::error(&record)),
                "TelemetryValidationRule" => drop(check::rule(&record)),
                _ => {}
            }
        }
    }

    #[test]
    fn an_event_with_one_odd_cell_keeps_every_other(cell in field(), position in 0..14usize) {
        let valid = [
            ("id", Field::Number(1.0)), ("sessionId", Field::Text("s1")), ("eventType", Field::Text("end")), ("agentType", Field::Text("a")), ("mode", Field::Text("m")),
            ("prompt", Field::Text("p")), ("streamData", Field::Text("d")), ("sandboxId", Field::Text("b")), ("repoUrl", Field::Text("r")),
            ("metadata", Field::Text("{}")), ("timestamp", Field::Number(2.0)), ("createdAt", Field::Number(3.0)), ("version", Field::Number(4.0)),
            ("schemaVersion", Field::Text("5")),
        ];
        let mut fields = vec![Field::Absent; EVENT.width()];
        for (key, field) in valid {
            fields[EVENT.position(key)] = field;
        }
        fields[position] = cell.field();
        let mut batch = Batch::new(&EVENT);
        batch.push(&fields);
        match check::event(&batch.record(0)) {
            Ok(event) => for (other, field) in fields.iter().enumerate() {
                prop_assert!(other == position || event.stored(other, 3.0) == *field, "{}", EVENT.key(other));
            },
            Err(Error::Validation(invalid)) => prop_assert_eq!(invalid.field.as_deref(), Some(EVENT.key(position))),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn any_rule_is_refused_or_tests_any_value(
        rule_type in proptest::sample::select(vec!["required", "pattern", "range", "enum", "length", "json_schema"]),
        rule_config in prop_oneof![
            any::<String>(),
            any::<String>().prop_map(|text| serde_json::json!({"regex": text}).to_string()),
            any::<(f64, f64)>().prop_map(|(min, max)| serde_json::json!({"min": min, "max": max}).to_string()),
            any::<Vec<String>>().prop_map(|values| serde_json::json!({"values": values}).to_string()),
            any::<String>().prop_map(|text| serde_json::json!({"schema": {"type": "string", "pattern": text}}).to_string()),
        ],
        cell in field(),
    ) {
        let definition = Definition {
            id: 1, table_name: "telemetry_events", field_name: "prompt", rule_type, rule_config: &rule_config,
            error_message: "no", priority: 1,
        };
        if let Ok(rule) = CompiledRule::new(&definition) {
            let _ = RuleSet::new([rule]).check_record(RuleTable::Events, |_| cell.field());
        }
    }
}
