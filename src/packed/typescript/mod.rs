#![forbid(unsafe_code)]
//! The TypeScript half of the row codecs: `js/generated/rows.ts`, written from the [`Shape`]s.
//!
//! `cargo run --no-default-features --example rows > js/generated/rows.ts`

mod choice;
mod table;

use super::{Column, HEAD, Kind, Shape};
use crate::{shapes, telemetry};
use choice::CHOICES;
use table::{Default, default_of, tables};

/// The text of `js/generated/rows.ts`.
pub fn rows() -> String {
    let shapes: Vec<_> = shapes::all().collect();
    let telemetry = &telemetry::shape::ALL;
    let times = shapes.iter().any(|shape| shape.columns.iter().any(|it| it.kind == Kind::Seconds && it.ts.is_none()));
    let mut out = HEADER.replace("textOutput }", if times { "textOutput, timeCell }" } else { "textOutput }" });
    for choice in &CHOICES {
        let members = choice.members.iter().map(|member| format!("'{member}'")).collect::<Vec<_>>();
        put(&mut out, &format!("/** {} */", choice.doc));
        put(&mut out, &format!("export const {} = Object.freeze([{}] as const);", choice.array, members.join(", ")));
        if !choice.ts.starts_with('\'') {
            put(&mut out, &format!("/** {} */", choice.doc));
            put(&mut out, &format!("export type {} = {};", choice.ts, members.join(" | ")));
        }
        put(&mut out, "");
    }
    for shape in &shapes {
        interface(&mut out, shape);
        decoder(&mut out, shape);
        fields(&mut out, shape);
        labels(&mut out, shape);
    }
    pack(&mut out, telemetry[0]);
    stored(&mut out, telemetry[0]);
    index(&mut out, &shapes);
    tables(&mut out, telemetry);
    out
}

const HEADER: &str = "\
// Generated from src/shapes.rs by `npm run rows`: do not edit.

import { dateCell, jsonCell, jsonOutput, textOutput } from '../codec.js';
import type { RowChunk } from '../native.js';
import type { Packer } from '../packer.js';
import type { JsonOutput } from '../types.js';

";

fn put(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

fn has(shape: &Shape, kind: Kind) -> bool {
    shape.columns.iter().any(|column| column.kind == kind)
}

fn has_json(shape: &Shape) -> bool {
    shape.columns.iter().any(is_parsed)
}

/// Whether the reader decides if a JSON column is parsed; one with a type of its own stays what it is.
fn is_parsed(column: &Column) -> bool {
    column.kind == Kind::Json && column.ts.is_none()
}

fn ts_type(column: &Column) -> String {
    let base = match column.kind {
        Kind::Json if column.ts.is_some() => column.ts.unwrap_or_default(),
        Kind::Json if column.nullable => return "JsonOutput<F>".to_owned(),
        Kind::Json => return "Exclude<JsonOutput<F>, null>".to_owned(),
        Kind::Integer | Kind::Real => "number",
        Kind::Boolean => "boolean",
        Kind::Seconds => "Date",
        Kind::Text | Kind::Label => column.ts.unwrap_or("string"),
    };
    if column.nullable { format!("{base} | null") } else { base.to_owned() }
}

fn interface(out: &mut String, shape: &Shape) {
    let times = if has(shape, Kind::Seconds) { "in whole seconds" } else { "milliseconds" };
    put(out, &format!("/** A row of `{}`. Times are {times}; SQL NULL is `null`. */", shape.table));
    let generic = if has_json(shape) { "<F = 'text'>" } else { "" };
    put(out, &format!("export interface {}{generic} {{", shape.name));
    for column in shape.columns {
        if !column.about.is_empty() {
            put(out, &format!("  /** {} */", column.about));
        }
        put(out, &format!("  {}: {};", column.key, ts_type(column)));
    }
    put(out, "}\n");
}

/// How many columns cross as numbers, labels and texts.
fn widths(shape: &Shape) -> [usize; 3] {
    let count = |wanted: fn(Kind) -> bool| shape.columns.iter().filter(|column| wanted(column.kind)).count();
    [count(Kind::is_number), count(|kind| kind == Kind::Label), count(Kind::is_text)]
}

/// One object literal in key order, so that all rows of a type share one hidden class.
fn decoder(out: &mut String, shape: &Shape) {
    let parsed = if has_json(shape) { "parsed" } else { "_parsed" };
    let nulls = shape.columns.iter().any(|column| column.nullable && column.kind.is_number());
    let [numbers, labels, texts] = widths(shape);
    put(out, &format!("function decode{}(chunk: RowChunk, rows: unknown[], {parsed}: boolean): void {{", shape.name));
    let mut parts = vec!["length", "numbers"];
    parts.extend((labels > 0).then_some("labels"));
    parts.extend(nulls.then_some("bytes"));
    put(out, &format!("  const {{ {} }} = chunk;", parts.join(", ")));
    put(out, "  const cells = chunk.cells as string[];");
    if nulls {
        let null = 8 * numbers + 2 * labels;
        put(out, &format!("  const nulls = chunk.nulls ? {null} * length + {} : 0;", 7 * HEAD));
    }
    let (mut starts, mut steps) = (vec![format!("number = {HEAD}")], vec![format!("number += {numbers}")]);
    if labels > 0 {
        starts.push(format!("label = {} * length + {}", 4 * numbers, 4 * HEAD));
        steps.push(format!("label += {labels}"));
    }
    if texts > 0 {
        starts.push("text = chunk.texts".to_owned());
        steps.push(format!("text += {texts}"));
    }
    put(out, &format!("  let {};", starts.join(", ")));
    put(out, &format!("  for (let i = 0; i < length; i++, {}) {{", steps.join(", ")));
    put(out, "    rows.push({");
    let (mut number, mut label, mut text) = (0, 0, 0);
    for column in shape.columns {
        let value = match column.kind {
            Kind::Integer | Kind::Real | Kind::Boolean | Kind::Seconds => {
                let place = next("number", &mut number);
                match column.kind {
                    Kind::Boolean => format!("numbers[{place}] !== 0"),
                    kind => {
                        let number = match kind {
                            Kind::Seconds => format!("new Date(numbers[{place}]! * 1000)"),
                            _ => format!("numbers[{place}]"),
                        };
                        let null = format!("nulls !== 0 && bytes[nulls + {place}] === 1 ? null : ");
                        if column.nullable { null + &number } else { number }
                    }
                }
            }
            Kind::Label => format!("cells[labels[{}]!]", next("label", &mut label)),
            Kind::Text => format!("cells[{}]", next("text", &mut text)),
            Kind::Json if !is_parsed(column) => format!("cells[{}]", next("text", &mut text)),
            Kind::Json => {
                let place = next("text", &mut text);
                format!("parsed ? jsonOutput(cells[{place}]!) : cells[{place}]")
            }
        };
        put(out, &format!("      {}: {value},", column.key));
    }
    put(out, "    });\n  }\n}\n");
}

/// The place of the next column, from where its row begins.
fn next(start: &str, column: &mut usize) -> String {
    *column += 1;
    match *column {
        1 => start.to_owned(),
        column => format!("{start} + {}", column - 1),
    }
}

fn fields(out: &mut String, shape: &Shape) {
    put(
        out,
        &format!("/** The cells of an input record in the order of {}'s columns, then its aliases. */", shape.name),
    );
    put(out, &format!("export function fieldsOf{}(record: any): unknown[] {{", shape.name));
    put(out, "  return [");
    for column in shape.columns {
        let key = column.key;
        put(
            out,
            &match column.kind {
                Kind::Json => format!("    jsonCell(record.{key}),"),
                Kind::Seconds if column.ts.is_some() => format!("    dateCell(record.{key}),"),
                Kind::Seconds => format!("    timeCell(record.{key}),"),
                _ => format!("    record.{key},"),
            },
        );
    }
    for alias in shape.aliases {
        put(out, &format!("    record.{alias},"));
    }
    put(out, "  ];\n}\n");
}

/// The same cells straight into a packer, for records that come by the thousand.
fn pack(out: &mut String, shape: &Shape) {
    put(out, "/** Add an input record to a packer, cell by cell. */");
    put(out, &format!("export function pack{}(packer: Packer, record: any): void {{", shape.name));
    for (position, column) in shape.columns.iter().enumerate() {
        let key = column.key;
        put(
            out,
            &match column.kind {
                Kind::Label => format!("  packer.label({position}, record.{key});"),
                Kind::Json => format!("  packer.cell(jsonCell(record.{key}));"),
                _ => format!("  packer.cell(record.{key});"),
            },
        );
    }
    for alias in shape.aliases {
        put(out, &format!("  packer.cell(record.{alias});"));
    }
    put(out, "  packer.end();\n}\n");
}

/// The row that an accepted input record has become, without reading it back.
fn stored(out: &mut String, shape: &Shape) {
    let name = shape.name;
    put(out, &format!("/** The {name} that the accepted cells have become, as reading it back would give it. */"));
    put(out, &format!("export function stored{name}<F>("));
    put(out, "  cells: readonly unknown[],\n  id: number,\n  createdAt: number,\n  parsed: boolean,");
    put(out, &format!("): {name}<F> {{\n  const row = {{"));
    for (position, column) in shape.columns.iter().enumerate() {
        let cell = format!("cells[{position}]");
        let value = match (column.key, column.kind, default_of(shape, column)) {
            ("id" | "createdAt", ..) => {
                put(out, &format!("    {},", column.key));
                continue;
            }
            (_, Kind::Integer | Kind::Real, Some(Default::Literal(literal))) => {
                format!("((({cell} as number | undefined) ?? {literal}) + 0)")
            }
            (_, Kind::Integer | Kind::Real, _) => format!("(({cell} as number) + 0)"),
            (_, Kind::Boolean | Kind::Seconds, _) => cell,
            (_, Kind::Text | Kind::Label, Some(Default::Literal(literal))) => {
                format!("textOutput({cell} ?? {literal})")
            }
            (_, Kind::Text | Kind::Label, _) => format!("textOutput({cell})"),
            (_, Kind::Json, _) => format!("parsed ? jsonOutput(textOutput({cell})) : textOutput({cell})"),
        };
        put(out, &format!("    {}: {value},", column.key));
    }
    put(out, &format!("  }};\n  return row as {name}<F>;\n}}\n"));
}

fn labels(out: &mut String, shape: &Shape) {
    let flags: Vec<_> = shape.columns.iter().map(|column| (column.kind == Kind::Label).to_string()).collect();
    put(
        out,
        &format!("/** The columns of {} in which neighbouring records tend to hold the same text. */", shape.name),
    );
    put(out, &format!("export const labelsOf{}: readonly boolean[] = [{}];\n", shape.name, flags.join(", ")));
}

fn index(out: &mut String, shapes: &[&Shape]) {
    put(out, "/** The position of each shape in {@link decoders}: `RowChunk.shape`. */");
    put(out, "export const Shape = {");
    for (position, shape) in shapes.iter().enumerate() {
        put(out, &format!("  {}: {position},", shape.name));
    }
    put(out, "} as const;\n");
    put(out, "/** Append the rows of a chunk to `rows`, by shape. */");
    put(out, "export const decoders: readonly ((chunk: RowChunk, rows: unknown[], parsed: boolean) => void)[] = [");
    for shape in shapes {
        put(out, &format!("  decode{},", shape.name));
    }
    put(out, "];\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_narrow_type_of_a_column_is_declared_in_the_generated_file() {
        for shape in shapes::all() {
            for column in shape.columns {
                if let Some(ts) = column.ts.filter(|_| !matches!(column.kind, Kind::Json | Kind::Seconds)) {
                    assert!(CHOICES.iter().any(|choice| choice.ts == ts), "{}.{}: {ts}", shape.name, column.key);
                }
            }
        }
    }

    #[test]
    fn the_generated_file_in_the_repository_is_the_one_that_the_shapes_give() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/js/generated/rows.ts");
        let committed = std::fs::read_to_string(path).unwrap();
        assert_eq!(committed.replace("\r\n", "\n"), rows(), "run `npm run rows`");
    }
}
