//! JavaScript values on their way in. Types are reported, not judged.

use std::ptr;

use napi::{
    JsValue, Result, Status, ValueType,
    bindgen_prelude::{Array, Float64ArraySlice, Int32ArraySlice, Object, Uint8ArraySlice, Unknown},
    sys,
};

use crate::{
    client::{Arg, Args, RecordArgument},
    packed::{Batch, Field, Input, Parcel, Shape, TextGroup},
};

/// Nesting that no option or filter has; deeper values count as something that is no option.
const DEEPEST: u32 = 16;

/// The arguments of a method, of which `record` is one that is a record.
pub(super) fn args(record: Option<RecordArgument>, values: &Array<'_>) -> Result<Args> {
    let mut args = Vec::with_capacity(values.len() as usize);
    for position in 0..values.len() {
        let value =
            values.get::<Unknown<'_>>(position)?.ok_or_else(|| napi::Error::from_status(Status::ArrayExpected))?;
        args.push(match record {
            Some(record) if record.position == position as usize => {
                if record.many {
                    Arg::Records(parcel_of(record.shape, &value)?)
                } else {
                    Arg::Record(record_of(record.shape, &value)?)
                }
            }
            _ => Arg::Plain(input(&value)?),
        });
    }
    Ok(Args(args))
}

/// A value as it came.
pub(super) fn input(value: &Unknown<'_>) -> Result<Input> {
    nested(value.value().env, value.raw(), 0)
}

/// A text as UTF-16, exactly as JavaScript has it.
pub(super) fn utf16(env: sys::napi_env, value: sys::napi_value) -> Result<Vec<u16>> {
    let mut units = Vec::new();
    read_utf16(env, value, &mut units)?;
    Ok(units)
}

/// Read a text over what is in `units`: a buffer that is used again needs no new memory.
pub(super) fn read_utf16(env: sys::napi_env, value: sys::napi_value, units: &mut Vec<u16>) -> Result<()> {
    let mut length = 0;
    check(unsafe {
        // SAFETY: a null buffer asks for the length only.
        sys::napi_get_value_string_utf16(env, value, ptr::null_mut(), 0, &raw mut length)
    })?;
    units.clear();
    units.reserve(length + 1);
    check(unsafe {
        // SAFETY: the buffer has room for `length` units and the terminator that Node-API adds.
        sys::napi_get_value_string_utf16(env, value, units.as_mut_ptr(), length + 1, &raw mut length)
    })?;
    // SAFETY: Node-API has written `length` units.
    unsafe { units.set_len(length) };
    Ok(())
}

/// A record from the list of its cells; `None` if it is something else.
fn record_of(shape: &'static Shape, value: &Unknown<'_>) -> Result<Option<Batch>> {
    let Input::List(cells) = input(value)? else { return Ok(None) };
    let fields: Vec<Field<'_>> = cells.iter().map(Input::field).collect();
    let mut batch = Batch::new(shape);
    batch.push(&fields);
    Ok(Some(batch))
}

/// Records in the packed form of js/packer.ts; `None` if the facade has been given something else.
fn parcel_of(shape: &'static Shape, value: &Unknown<'_>) -> Result<Option<Parcel>> {
    if value.get_type()? != ValueType::Object {
        return Ok(None);
    }
    // SAFETY: the type was checked.
    let packed: Object<'_> = unsafe { value.cast()? };
    let part = |name: &str| napi::Error::from_reason(format!("the records have no {name}"));
    let tags: Uint8ArraySlice<'_> = packed.get("tags")?.ok_or_else(|| part("tags"))?;
    let lengths: Int32ArraySlice<'_> = packed.get("lengths")?.ok_or_else(|| part("lengths"))?;
    let numbers: Float64ArraySlice<'_> = packed.get("numbers")?.ok_or_else(|| part("numbers"))?;
    let texts: Array<'_> = packed.get("texts")?.ok_or_else(|| part("texts"))?;
    let groups = groups(&texts, &mut Vec::new())?;
    Ok(Some(Parcel::new(shape, tags.to_vec(), lengths.to_vec(), numbers.to_vec(), groups)))
}

/// The texts of packed records. `units` holds one group at a time: a buffer that is used again needs no new memory.
pub(super) fn groups(texts: &Array<'_>, units: &mut Vec<u16>) -> Result<Vec<TextGroup>> {
    let mut groups = Vec::with_capacity(texts.len() as usize);
    for position in 0..texts.len() {
        if let Some(text) = texts.get::<Unknown<'_>>(position)? {
            read_utf16(text.value().env, text.raw(), units)?;
            groups.push(TextGroup::new(units));
        }
    }
    Ok(groups)
}

fn nested(env: sys::napi_env, value: sys::napi_value, depth: u32) -> Result<Input> {
    let mut kind = 0;
    check(unsafe {
        // SAFETY: `value` lives in the handle scope of this call.
        sys::napi_typeof(env, value, &raw mut kind)
    })?;
    Ok(match ValueType::from(kind) {
        ValueType::Undefined => Input::Undefined,
        ValueType::Null => Input::Null,
        ValueType::Boolean => {
            let mut boolean = false;
            check(unsafe {
                // SAFETY: the type was checked.
                sys::napi_get_value_bool(env, value, &raw mut boolean)
            })?;
            Input::Boolean(boolean)
        }
        ValueType::Number => {
            let mut number = 0.0;
            check(unsafe {
                // SAFETY: the type was checked.
                sys::napi_get_value_double(env, value, &raw mut number)
            })?;
            Input::Number(number)
        }
        ValueType::String => {
            let units = utf16(env, value)?;
            match String::from_utf16(&units) {
                Ok(text) => Input::Text(text),
                Err(_) => Input::Malformed(String::from_utf16_lossy(&units)),
            }
        }
        ValueType::Object if depth < DEEPEST => object(env, value, depth)?,
        _ => Input::Other,
    })
}

fn object(env: sys::napi_env, value: sys::napi_value, depth: u32) -> Result<Input> {
    let is = |test: unsafe fn(sys::napi_env, sys::napi_value, *mut bool) -> sys::napi_status| {
        let mut answer = false;
        check(unsafe {
            // SAFETY: a predicate of Node-API on a value of this scope.
            test(env, value, &raw mut answer)
        })
        .map(|()| answer)
    };
    if is(sys::napi_is_array)? {
        return Ok(Input::List(
            elements(env, value)?.map(|item| nested(env, item?, depth + 1)).collect::<Result<_>>()?,
        ));
    }
    if is(sys::napi_is_date)? || is(sys::napi_is_buffer)? || is(sys::napi_is_promise)? || is(sys::napi_is_error)? {
        return Ok(Input::Other);
    }
    let mut names = ptr::null_mut();
    let listed = unsafe {
        // SAFETY: as above; the filters are plain numbers.
        sys::napi_get_all_property_names(
            env,
            value,
            sys::KeyCollectionMode::own_only,
            sys::KeyFilter::enumerable | sys::KeyFilter::skip_symbols,
            sys::KeyConversion::numbers_to_strings,
            &raw mut names,
        )
    };
    if listed != sys::Status::napi_ok {
        return Ok(thrown(env));
    }
    let mut entries = Vec::new();
    for name in elements(env, names)? {
        let name = name?;
        let mut member = ptr::null_mut();
        let got = unsafe {
            // SAFETY: `name` is a property name of `value`. A getter may run, and throw.
            sys::napi_get_property(env, value, name, &raw mut member)
        };
        let member = if got == sys::Status::napi_ok { nested(env, member, depth + 1)? } else { thrown(env) };
        entries.push((String::from_utf16_lossy(&utf16(env, name)?), member));
    }
    // An empty Map or Set is not an empty filter: that would mean everything.
    if entries.is_empty() && !is_plain(env, value)? {
        return Ok(Input::Other);
    }
    Ok(Input::Map(entries))
}

/// Whether the object was written as `{}`: its prototype has none itself.
fn is_plain(env: sys::napi_env, value: sys::napi_value) -> Result<bool> {
    let mut link = value;
    for _ in 0..2 {
        let mut prototype = ptr::null_mut();
        check(unsafe {
            // SAFETY: `link` is an object of this scope.
            sys::napi_get_prototype(env, link, &raw mut prototype)
        })?;
        let mut kind = 0;
        check(unsafe {
            // SAFETY: as above.
            sys::napi_typeof(env, prototype, &raw mut kind)
        })?;
        if ValueType::from(kind) == ValueType::Null {
            return Ok(true);
        }
        link = prototype;
    }
    Ok(false)
}

fn elements(env: sys::napi_env, list: sys::napi_value) -> Result<impl Iterator<Item = Result<sys::napi_value>>> {
    let mut length = 0;
    check(unsafe {
        // SAFETY: `list` is an array of this scope.
        sys::napi_get_array_length(env, list, &raw mut length)
    })?;
    Ok((0..length).map(move |index| {
        let mut item = ptr::null_mut();
        check(unsafe {
            // SAFETY: as above.
            sys::napi_get_element(env, list, index, &raw mut item)
        })
        .map(|()| item)
    }))
}

/// A getter or a proxy has thrown: the value is nothing that an option can be.
fn thrown(env: sys::napi_env) -> Input {
    let mut exception = ptr::null_mut();
    // SAFETY: takes the pending exception, if there is one, so that the next call into JavaScript can be made.
    unsafe { sys::napi_get_and_clear_last_exception(env, &raw mut exception) };
    Input::Other
}

fn check(status: sys::napi_status) -> Result<()> {
    match status {
        sys::Status::napi_ok => Ok(()),
        other => Err(napi::Error::from_status(Status::from(other))),
    }
}
