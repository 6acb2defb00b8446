#![forbid(unsafe_code)]
//! What `js/schema.ts` has to know of the tables.

use std::fmt::Write as _;

use super::{choice::CHOICES, put};
use crate::packed::{Column, Kind, Shape};

/// DEFAULT of a column in the schema.
pub(super) enum Default {
    /// The moment of the insert.
    Now,
    /// A TypeScript literal.
    Literal(&'static str),
}

pub(super) fn default_of(shape: &Shape, column: &Column) -> Option<Default> {
    Some(Default::Literal(match (shape.table, column.name) {
        (_, "created_at" | "updated_at" | "last_updated" | "computed_at" | "applied_at") => return Some(Default::Now),
        (_, "version") if column.kind == Kind::Integer => "1",
        (_, "schema_version") => "'1.0.0'",
        (_, "is_active") => "true",
        (_, "resolved") => "false",
        (_, "priority") => "100",
        (_, "max_size") => "50",
        (_, "severity") => "'medium'",
        ("telemetry_sessions", "status") => "'active'",
        ("telemetry_buffers", "status") => "'pending'",
        (_, "flush_attempts" | "unique_sessions") => "0",
        (_, name) if column.kind == Kind::Integer && (name.ends_with("_count") || name.ends_with("_events")) => "0",
        _ => return None,
    }))
}

/// The table a column refers to, and what happens when the row there is deleted; updates cascade.
fn reference_of(shape: &Shape, column: &Column) -> Option<(&'static str, &'static str)> {
    match (shape.table, column.name) {
        ("telemetry_events" | "telemetry_buffers", "session_id") => Some(("telemetrySessions", "cascade")),
        ("telemetry_errors", "session_id") => Some(("telemetrySessions", "set null")),
        ("telemetry_errors", "event_id") => Some(("telemetryEvents", "set null")),
        _ => None,
    }
}

fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        let (first, rest) = word.split_at(1);
        let _ = write!(name, "{}{rest}", first.to_uppercase());
    }
    name
}

/// Facts for `js/schema.ts`.
pub(super) fn tables(out: &mut String, shapes: &[&Shape]) {
    put(out, "/** The tables and their columns, for js/schema.ts. */");
    put(out, "export const tables = {");
    for shape in shapes {
        put(out, &format!("  {}: {{\n    name: '{}',\n    columns: {{", camel(shape.table), shape.table));
        for column in shape.columns {
            put(out, &format!("      {}: {{ {} }},", column.key, facts(shape, column).join(", ")));
        }
        put(out, "    },\n  },");
    }
    put(out, "} as const;");
}

fn facts(shape: &Shape, column: &Column) -> Vec<String> {
    let primary = column.name == "id";
    let (sql, data_type) = match column.kind {
        Kind::Integer | Kind::Seconds => ("integer", "number"),
        Kind::Real => ("real", "number"),
        Kind::Boolean => ("boolean", "boolean"),
        Kind::Text | Kind::Label | Kind::Json => ("text", "string"),
    };
    let default = default_of(shape, column);
    let has_default = default.is_some() || (primary && column.kind == Kind::Integer);
    let mut facts = vec![
        format!("name: '{}'", column.name),
        format!("sql: '{sql}'"),
        format!("dataType: '{data_type}'"),
        format!("notNull: {}", !column.nullable),
        format!("hasDefault: {has_default}"),
        format!("primary: {primary}"),
    ];
    match default {
        Some(Default::Now) => facts.push("defaultNow: true".to_owned()),
        Some(Default::Literal(literal)) => facts.push(format!("default: {literal}")),
        None => {}
    }
    if let Some(choice) = column.ts.and_then(|ts| CHOICES.iter().find(|choice| choice.ts == ts)) {
        facts.push(format!("enumValues: {}", choice.array));
    }
    if (shape.table, column.name) == ("telemetry_schema_versions", "version") {
        facts.push("unique: true".to_owned());
    }
    if let Some((table, on_delete)) = reference_of(shape, column) {
        facts.push(format!("references: '{table}', onDelete: '{on_delete}'"));
    }
    facts
}
