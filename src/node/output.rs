//! Values on their way out to JavaScript.

use std::ptr;

use napi::{
    Env, JsValue, Property, PropertyAttributes, Result,
    bindgen_prelude::{
        Array, Float64ArraySlice, JsObjectValue, Null, Object, Uint8ArraySlice, Uint16ArraySlice, Unknown,
    },
    sys,
};
use serde_json::Value as Json;

use super::mailbox::{Completion, Outcomes, Payload};
use crate::{
    client::Value,
    error::Report,
    packed::{OutText, Rows},
    shapes,
};

/// The kinds of completions, as js/native.ts numbers them.
const DONE: u32 = 0;
const FAILED: u32 = 1;
const ROWS: u32 = 2;
const PROGRESS: u32 = 3;
const LOG: u32 = 4;

/// `[number, kind, payload]`
pub(super) fn completion<'env>(env: &'env Env, completion: &Completion) -> Result<Array<'env>> {
    let (kind, payload) = match &completion.payload {
        Payload::Done(value) => (DONE, done(env, value)?),
        Payload::Inserted(outcomes) => (DONE, insert_reply(env, outcomes)?.to_unknown()),
        Payload::Failed(report) => (FAILED, failure(env, report)?.to_unknown()),
        Payload::Rows(chunk, _) => (ROWS, rows(env, chunk)?.to_unknown()),
        Payload::Progress { operation, done, total } => {
            let mut report = Object::new(env)?;
            report.set("operation", operation.as_str())?;
            report.set("done", float(*done))?;
            report.set("total", total.map(float))?;
            (PROGRESS, report.to_unknown())
        }
        Payload::Log { level, message, fields } => {
            let mut line = Object::new(env)?;
            line.set("level", level.as_str())?;
            line.set("message", message.as_str())?;
            line.set("fields", json(env, &Json::Object(fields.clone()))?)?;
            (LOG, line.to_unknown())
        }
    };
    let mut entry = env.create_array(3)?;
    entry.set(0, completion.number)?;
    entry.set(1, kind)?;
    entry.set(2, payload)?;
    Ok(entry)
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
        Value::Nothing => env.to_js_value_of(()),
        Value::Boolean(value) => env.to_js_value_of(*value),
        Value::Number(number) => env.to_js_value_of(*number),
        Value::Json(value) => json(env, value),
        // These come as their own kind of completion.
        Value::Inserted(_) => env.to_js_value_of(()),
        Value::Row(row) => Ok(rows(env, row)?.to_unknown()),
    }
}

pub(super) fn insert_reply<'env>(env: &'env Env, inserted: &Outcomes) -> Result<Object<'env>> {
    let mut reply = Object::new(env)?;
    reply.set("ids", Float64ArraySlice::copy_from(env, &inserted.ids)?)?;
    reply.set("createdAt", Float64ArraySlice::copy_from(env, &inserted.created_at)?)?;
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

/// A chunk of rows as columns (js/native.ts, `RowChunk`).
fn rows<'env>(env: &'env Env, rows: &Rows) -> Result<Object<'env>> {
    let length = rows.len();
    let mut chunk = Object::new(env)?;
    let position = shapes::position(rows.shape()).unwrap_or(usize::MAX);
    chunk.set("shape", u32::try_from(position).unwrap_or(u32::MAX))?;
    chunk.set("length", u32::try_from(length).unwrap_or(u32::MAX))?;

    let numbers: Vec<f64> = rows.numbers().iter().flat_map(|column| column.values.iter().copied()).collect();
    chunk.set("numbers", Float64ArraySlice::copy_from(env, &numbers)?)?;
    if rows.numbers().iter().any(|column| !column.nulls.is_empty()) {
        let nulls: Vec<u8> =
            rows.numbers().iter().flat_map(|column| (0..length).map(|row| u8::from(column.is_null(row)))).collect();
        chunk.set("nulls", Uint8ArraySlice::copy_from(env, &nulls)?)?;
    } else {
        chunk.set("nulls", Null)?;
    }

    let indices: Vec<u16> = rows.labels().iter().flat_map(|column| column.indices.iter().copied()).collect();
    chunk.set("indices", Uint16ArraySlice::copy_from(env, &indices)?)?;
    let mut dictionaries = env.create_array(u32::try_from(rows.labels().len()).unwrap_or(u32::MAX))?;
    for (position, column) in (0..).zip(rows.labels()) {
        let values = column.values.iter().map(|value| value.as_deref().map(|text| OutText { text, ascii: false }));
        dictionaries.set(position, texts(env, column.values.len(), values)?)?;
    }
    chunk.set("dictionaries", dictionaries)?;

    let cells = rows.texts().iter().flat_map(|column| column.iter());
    chunk.set("texts", texts(env, length * rows.texts().len(), cells)?)?;
    Ok(chunk)
}

fn texts<'env, 'a>(
    env: &'env Env,
    count: usize,
    values: impl Iterator<Item = Option<OutText<'a>>>,
) -> Result<Array<'env>> {
    let list = env.create_array(u32::try_from(count).unwrap_or(u32::MAX))?;
    for (index, value) in (0..).zip(values) {
        let mut cell = ptr::null_mut();
        // SAFETY: texts are passed with their length and copied; the list lives in the handle scope of this call.
        let status = unsafe {
            let made = match value {
                Some(OutText { text, ascii: true }) => {
                    sys::napi_create_string_latin1(env.raw(), text.as_ptr().cast(), text.len() as isize, &raw mut cell)
                }
                Some(OutText { text, ascii: false }) => {
                    sys::napi_create_string_utf8(env.raw(), text.as_ptr().cast(), text.len() as isize, &raw mut cell)
                }
                None => sys::napi_get_null(env.raw(), &raw mut cell),
            };
            if made == sys::Status::napi_ok { sys::napi_set_element(env.raw(), list.raw(), index, cell) } else { made }
        };
        if status != sys::Status::napi_ok {
            return Err(napi::Error::from_status(status.into()));
        }
    }
    Ok(list)
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
