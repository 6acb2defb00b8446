//! Values on their way out to JavaScript.

use std::ptr;

use napi::{
    Env, JsValue, Property, PropertyAttributes, Result,
    bindgen_prelude::{Float64ArraySlice, Function, JsObjectValue, Null, Object, Unknown},
    sys,
};
use serde_json::Value as Json;

use super::mailbox::{Completion, Outcomes, Payload};
use crate::{
    client::Value,
    error::{Report, extended_code_name},
    migration::SqliteCause,
    packed::{HEAD, OutText, Rows},
    shapes,
};

/// What `take` has brought, as js/native.ts numbers it.
mod kind {
    pub(super) const DONE: u32 = 0;
    pub(super) const FAILED: u32 = 1;
    pub(super) const ROWS: u32 = 2;
    pub(super) const PROGRESS: u32 = 3;
    pub(super) const LOG: u32 = 4;
    pub(super) const LAST: u32 = 5;
    pub(super) const NOTHING: u32 = 6;
    pub(super) const TOO_SMALL: u32 = 7;
    /// It cannot be brought into JavaScript (a text that is too long there): `take` throws.
    pub(super) const LOST: u32 = 8;
}

/// Cells that cross as arguments of one call, over the stack; a chunk hardly ever has more.
const MOST_CELLS: usize = 4096;

/// The memory that both sides see: [`HEAD`] numbers about the completion, then the numbers of its rows, their labels (16
/// bits each) and, where there are NULLs among the numbers, a byte for each number.
///
/// Head: whether more is waiting, number of the call, kind, and of rows: shape, how many, whether there are NULLs, position
/// of the first text among the cells. [`kind::TOO_SMALL`] has the bytes that are needed in the place of the number.
pub(super) struct Memory<'m>(pub(super) &'m mut [u8]);

impl Memory<'_> {
    pub(super) fn nothing(&mut self) {
        self.head(&[0, 0, kind::NOTHING]);
    }

    pub(super) fn too_small(&mut self, needed: usize) {
        self.head(&[1, u32::try_from(needed).unwrap_or(u32::MAX), kind::TOO_SMALL]);
    }

    fn head(&mut self, head: &[u32]) {
        for (place, number) in self.0.chunks_exact_mut(8).zip(head) {
            place.copy_from_slice(&f64::from(*number).to_ne_bytes());
        }
    }

    /// `first`: position of the first label value among the cells.
    #[allow(clippy::cast_possible_truncation, reason = "a chunk has far fewer labels than 2^16")]
    fn rows(&mut self, rows: &Rows, first: usize) {
        let (numbers, rest) = self.0[HEAD * 8..].split_at_mut(rows.numbers().len() * 8);
        for (place, number) in numbers.chunks_exact_mut(8).zip(rows.numbers()) {
            place.copy_from_slice(&number.to_ne_bytes());
        }
        let (labels, nulls) = rest.split_at_mut(rows.labels().indices.len() * 2);
        for (place, index) in labels.chunks_exact_mut(2).zip(&rows.labels().indices) {
            place.copy_from_slice(&(index + first as u16).to_ne_bytes());
        }
        if !rows.nulls().is_empty() {
            let (given, rest) = nulls[..rows.numbers().len()].split_at_mut(rows.nulls().len());
            given.copy_from_slice(rows.nulls());
            rest.fill(0);
        }
    }
}

/// Bytes of memory that a completion needs.
pub(super) fn memory_for(completion: &Completion) -> usize {
    let rows = match &completion.payload {
        Payload::Rows(rows, _) | Payload::Done(_, Some(rows)) | Payload::Inserted(_, Some(rows)) => {
            rows.numbers().len() * 9 + rows.labels().indices.len() * 2
        }
        _ => 0,
    };
    HEAD * 8 + rows
}

/// The payload of a completion, or the cells of its rows: those begin with the payload, if the call ends with them, or
/// `undefined`, then come the values of the labels and the texts.
pub(super) fn completion<'env>(
    env: &'env Env,
    completion: &Completion,
    more: bool,
    memory: &mut Memory<'_>,
    collect: &Function<'env, (), Unknown<'env>>,
) -> Result<Unknown<'env>> {
    let mut head = [u32::from(more), completion.number, kind::LOST, 0, 0, 0, 0];
    memory.head(&head);
    let value = match &completion.payload {
        Payload::Done(value, None) => {
            head[2] = kind::DONE;
            done(env, value)?
        }
        Payload::Inserted(outcomes, None) => {
            head[2] = kind::DONE;
            insert_reply(env, outcomes)?.to_unknown()
        }
        Payload::Inserted(outcomes, Some(chunk)) => {
            head[2] = kind::LAST;
            rows(env, chunk, insert_reply(env, outcomes)?.to_unknown(), &mut head, memory, collect)?
        }
        Payload::Failed(report) => {
            head[2] = kind::FAILED;
            failure(env, report)?.to_unknown()
        }
        Payload::Rows(chunk, _) => {
            head[2] = kind::ROWS;
            rows(env, chunk, env.to_js_value_of(())?, &mut head, memory, collect)?
        }
        Payload::Done(value, Some(chunk)) => {
            head[2] = kind::LAST;
            rows(env, chunk, done(env, value)?, &mut head, memory, collect)?
        }
        Payload::Progress { operation, done, total } => {
            head[2] = kind::PROGRESS;
            let mut report = Object::new(env)?;
            report.set("operation", operation.as_str())?;
            report.set("done", float(*done))?;
            report.set("total", total.map(float))?;
            report.to_unknown()
        }
        Payload::Log { level, message, fields } => {
            head[2] = kind::LOG;
            let mut line = Object::new(env)?;
            line.set("level", level.as_str())?;
            line.set("message", message.as_str())?;
            line.set("fields", json(env, &Json::Object(fields.clone()))?)?;
            line.to_unknown()
        }
    };
    memory.head(&head);
    Ok(value)
}

/// An error as the facade's `ErrorReport`.
pub(super) fn failure<'env>(env: &'env Env, failed: &Report) -> Result<Object<'env>> {
    let mut report = Object::new(env)?;
    report.set("class", failed.class.0)?;
    report.set("code", failed.code)?;
    report.set("message", failed.message.as_str())?;
    if let Some(reason) = &failed.reason {
        report.set("reason", reason.as_str())?;
    }
    if let Some(extended) = failed.extended_code {
        report.set("extendedCode", extended)?;
    }
    if let Some(code) = failed.reason_code {
        report.set("reasonCode", code)?;
    }
    if let Some(index) = failed.index {
        report.set("index", float(index as u64))?;
    }
    if let Some(invalid) = &failed.invalid {
        if let Some(field) = &invalid.field {
            report.set("field", field.as_str())?;
        }
        if let Some(value) = &invalid.value {
            report.set("value", json(env, value)?)?;
        }
        if let Some(rule) = invalid.rule_id {
            report.set("ruleId", float(u64::try_from(rule).unwrap_or(0)))?;
        }
    }
    if !failed.details.is_empty() {
        report.set("details", json(env, &Json::Object(failed.details.clone()))?)?;
    }
    if let Some(migration) = &failed.migration {
        let mut facts = Object::new(env)?;
        facts.set("code", migration.code.as_str())?;
        facts.set("message", migration.message.as_str())?;
        facts.set("module", migration.module.as_str())?;
        if let Some(version) = migration.version {
            facts.set("version", version)?;
        }
        facts.set("details", json(env, &Json::Object(migration.details.clone()))?)?;
        if let Some(SqliteCause { extended, message }) = &migration.cause {
            let mut cause = Object::new(env)?;
            cause.set("code", extended_code_name(*extended))?;
            cause.set("message", message.as_str())?;
            cause.set("rawCode", *extended)?;
            facts.set("cause", cause)?;
        }
        report.set("migration", facts)?;
    }
    Ok(report)
}

/// JSON as JavaScript values. Whole numbers stay numbers, however large.
pub(super) fn json<'env>(env: &'env Env, value: &Json) -> Result<Unknown<'env>> {
    match value {
        Json::Null => env.to_js_value_of(Null),
        Json::Bool(value) => env.to_js_value_of(*value),
        Json::Number(number) => env.to_js_value_of(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => env.to_js_value_of(text.as_str()),
        Json::Array(items) => {
            let mut list = env.create_array(u32::try_from(items.len()).unwrap_or(u32::MAX))?;
            for (index, item) in (0..).zip(items) {
                list.set(index, json(env, item)?)?;
            }
            Ok(list.to_unknown())
        }
        Json::Object(entries) => {
            let mut object = Object::new(env)?;
            for (key, entry) in entries {
                let value = json(env, entry)?;
                if key == "__proto__" {
                    // Setting it would replace the prototype; defining it makes it a key like any other.
                    let all = PropertyAttributes::Writable
                        | PropertyAttributes::Enumerable
                        | PropertyAttributes::Configurable;
                    let property =
                        Property::new().with_utf8_name(key)?.with_value(&value).with_property_attributes(all);
                    object.define_properties(&[property])?;
                } else {
                    object.set(key, value)?;
                }
            }
            Ok(object.to_unknown())
        }
    }
}

fn done<'env>(env: &'env Env, value: &Value) -> Result<Unknown<'env>> {
    match value {
        Value::Boolean(value) => env.to_js_value_of(*value),
        Value::Number(number) => env.to_js_value_of(*number),
        Value::Json(value) => json(env, value),
        // Inserts come as their own kind of completion, and a row has gone as rows do (`Call::finish`).
        Value::Nothing | Value::Inserted(_) | Value::Row(_) => env.to_js_value_of(()),
    }
}

pub(super) fn insert_reply<'env>(env: &'env Env, inserted: &Outcomes) -> Result<Object<'env>> {
    let mut reply = Object::new(env)?;
    // Two buffers are half of what a lone call costs on its way back, and who gets rows needs none.
    if !inserted.created_at.is_empty() {
        reply.set("ids", Float64ArraySlice::copy_from(env, &inserted.ids)?)?;
        reply.set("createdAt", Float64ArraySlice::copy_from(env, &inserted.created_at)?)?;
    }
    let mut failures = env.create_array(u32::try_from(inserted.failures.len()).unwrap_or(u32::MAX))?;
    for (position, (index, report)) in (0..).zip(&inserted.failures) {
        let mut entry = env.create_array(2)?;
        entry.set(0, float(*index as u64))?;
        entry.set(1, failure(env, report)?)?;
        failures.set(position, entry)?;
    }
    reply.set("failures", failures)?;
    Ok(reply)
}

/// The cells of a chunk of rows, behind `payload`.
fn rows<'env>(
    env: &'env Env,
    rows: &Rows,
    payload: Unknown<'env>,
    head: &mut [u32; 7],
    memory: &mut Memory<'_>,
    collect: &Function<'env, (), Unknown<'env>>,
) -> Result<Unknown<'env>> {
    let small = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let values = &rows.labels().values;
    let shape = shapes::position(rows.shape()).unwrap_or(usize::MAX);
    head[3..].copy_from_slice(&[
        small(shape),
        small(rows.len()),
        u32::from(!rows.nulls().is_empty()),
        small(1 + values.len()),
    ]);
    memory.rows(rows, 1);
    let mut cells = Vec::with_capacity(1 + values.len() + rows.texts().len());
    cells.push(payload.raw());
    let null = env.to_js_value_of(Null)?.raw();
    for text in values.iter().chain(rows.texts().iter()) {
        cells.push(text.map_or(Ok(null), |text| string(env, text))?);
    }
    let (first, rest) = cells.split_at(cells.len().min(MOST_CELLS));
    let mut list = ptr::null_mut();
    check(unsafe {
        // SAFETY: all values live in the handle scope of the current call. Any value will do for `this`.
        let collect = collect.raw();
        sys::napi_call_function(env.raw(), collect, collect, first.len(), first.as_ptr(), &raw mut list)
    })?;
    for (index, cell) in (small(first.len())..).zip(rest) {
        // SAFETY: as above; the function has returned an array.
        check(unsafe { sys::napi_set_element(env.raw(), list, index, *cell) })?;
    }
    // SAFETY: as above.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), list) })
}

fn string(env: &Env, text: OutText<'_>) -> Result<sys::napi_value> {
    let mut value = ptr::null_mut();
    check(match text {
        OutText::Ascii(text) => unsafe {
            // SAFETY: the text is passed with its length and copied.
            sys::napi_create_string_latin1(env.raw(), text.as_ptr().cast(), text.len().cast_signed(), &raw mut value)
        },
        OutText::Wide(units) => unsafe {
            // SAFETY: as above.
            sys::napi_create_string_utf16(env.raw(), units.as_ptr(), units.len().cast_signed(), &raw mut value)
        },
    })?;
    Ok(value)
}

fn check(status: sys::napi_status) -> Result<()> {
    match status {
        sys::Status::napi_ok => Ok(()),
        other => Err(napi::Error::from_status(other.into())),
    }
}

#[allow(clippy::cast_precision_loss, reason = "JavaScript has no other number")]
fn float(count: u64) -> f64 {
    count as f64
}

/// A plain value as a JavaScript value of unknown type.
trait ToUnknown {
    fn to_js_value_of<T: napi::bindgen_prelude::ToNapiValue>(&self, value: T) -> Result<Unknown<'_>>;
}

impl ToUnknown for Env {
    fn to_js_value_of<T: napi::bindgen_prelude::ToNapiValue>(&self, value: T) -> Result<Unknown<'_>> {
        // SAFETY: the value is made in, and lives in, the handle scope of the current call.
        unsafe {
            let raw = T::to_napi_value(self.raw(), value)?;
            napi::bindgen_prelude::FromNapiValue::from_napi_value(self.raw(), raw)
        }
    }
}
