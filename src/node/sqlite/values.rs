//! Single values in and out, by Node-API directly: each costs one call, or two.

use std::ptr;

use napi::{ValueType, sys};

use crate::sync_conn::{Cell, Failure, Misuse, Result as Outcome};

/// Longest character in UTF-8: Node-API leaves that much of a buffer empty rather than cut one.
const LONGEST_CHARACTER: usize = 4;

/// What Node-API answered. A pending exception stays where it is, for the caller.
pub(super) fn check(status: sys::napi_status) -> Outcome<()> {
    match status {
        sys::Status::napi_ok => Ok(()),
        _ => Err(Failure::Thrown),
    }
}

/// The SQLite value of a JavaScript value. Text and blobs are in `text`, or where JavaScript has them.
pub(super) fn read<'b>(env: sys::napi_env, value: sys::napi_value, text: &'b mut Vec<u8>) -> Outcome<Cell<'b>> {
    let mut number = 0.0;
    // SAFETY: `value` lives in the handle scope of this call. For any other type Node-API says so, which is cheaper than
    // asking for the type first.
    if unsafe { sys::napi_get_value_double(env, value, &raw mut number) } == sys::Status::napi_ok {
        return Ok(Cell::Real(number));
    }
    let mut kind = 0;
    check(unsafe {
        // SAFETY: as above.
        sys::napi_typeof(env, value, &raw mut kind)
    })?;
    match ValueType::from(kind) {
        ValueType::Undefined | ValueType::Null => Ok(Cell::Null),
        ValueType::String => string(env, value, text),
        ValueType::BigInt => {
            let (mut integer, mut lossless) = (0, false);
            check(unsafe {
                // SAFETY: the type was checked.
                sys::napi_get_value_bigint_int64(env, value, &raw mut integer, &raw mut lossless)
            })?;
            if lossless { Ok(Cell::Integer(integer)) } else { Err(Misuse::TOO_BIG.into()) }
        }
        ValueType::Object => blob(env, value),
        _ => Err(Misuse::UNBINDABLE.into()),
    }
}

fn string<'b>(env: sys::napi_env, value: sys::napi_value, text: &'b mut Vec<u8>) -> Outcome<Cell<'b>> {
    text.clear();
    text.reserve(256);
    let mut length = fill(env, value, text)?;
    if length + LONGEST_CHARACTER >= text.capacity() {
        // It may have been cut.
        check(unsafe {
            // SAFETY: the type was checked; a null buffer asks for the length only.
            sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &raw mut length)
        })?;
        text.reserve(length + 1);
        length = fill(env, value, text)?;
    }
    // SAFETY: Node-API has written so many bytes.
    unsafe { text.set_len(length) };
    Ok(Cell::Text(text))
}

/// Write as much of a text as the free capacity of `text` holds, lone surrogates as U+FFFD.
fn fill(env: sys::napi_env, value: sys::napi_value, text: &mut Vec<u8>) -> Outcome<usize> {
    let mut length = 0;
    check(unsafe {
        // SAFETY: the buffer has the capacity that is named, the terminator included; `text` is empty.
        sys::napi_get_value_string_utf8(env, value, text.as_mut_ptr().cast(), text.capacity(), &raw mut length)
    })?;
    Ok(length)
}

/// The bytes of a Buffer or another view. They are copied by SQLite before JavaScript runs again.
fn blob<'b>(env: sys::napi_env, value: sys::napi_value) -> Outcome<Cell<'b>> {
    let is = |test: unsafe fn(sys::napi_env, sys::napi_value, *mut bool) -> sys::napi_status| {
        let mut answer = false;
        check(unsafe {
            // SAFETY: a predicate of Node-API on a value of this scope.
            test(env, value, &raw mut answer)
        })
        .map(|()| answer)
    };
    let (mut data, mut length) = (ptr::null_mut(), 0);
    let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
    if is(sys::napi_is_typedarray)? {
        // Left as it is for a kind that this Node-API has no number for.
        let mut kind = -1;
        check(unsafe {
            // SAFETY: the type was checked; null results are not wanted.
            sys::napi_get_typedarray_info(env, value, &raw mut kind, &raw mut length, &raw mut data, buffer, offset)
        })?;
        length *= bytes_per_element(kind);
    } else if is(sys::napi_is_dataview)? {
        check(unsafe {
            // SAFETY: as above.
            sys::napi_get_dataview_info(env, value, &raw mut length, &raw mut data, buffer, offset)
        })?;
    } else {
        return Err(Misuse::UNBINDABLE.into());
    }
    if data.is_null() || length == 0 {
        return Ok(Cell::Blob(&[]));
    }
    // SAFETY: JavaScript holds `length` bytes there and does not run until SQLite has copied them.
    Ok(Cell::Blob(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) }))
}

fn bytes_per_element(kind: sys::napi_typedarray_type) -> usize {
    match kind {
        sys::TypedarrayType::int8_array
        | sys::TypedarrayType::uint8_array
        | sys::TypedarrayType::uint8_clamped_array => 1,
        sys::TypedarrayType::int32_array | sys::TypedarrayType::uint32_array | sys::TypedarrayType::float32_array => 4,
        sys::TypedarrayType::float64_array
        | sys::TypedarrayType::bigint64_array
        | sys::TypedarrayType::biguint64_array => 8,
        // Those of 16 bits: Float16Array, too, which is younger than most versions of Node-API.
        _ => 2,
    }
}

/// The JavaScript value of a cell; `bigint` for integers that shall be one.
#[inline(always)]
pub(super) fn write(env: sys::napi_env, cell: Cell<'_>, bigint: bool) -> Outcome<sys::napi_value> {
    let mut value = ptr::null_mut();
    let made = match cell {
        // SAFETY: Node-API copies what it is given into a value of the current handle scope.
        Cell::Null => unsafe { sys::napi_get_null(env, &raw mut value) },
        // SAFETY: as above.
        Cell::Integer(integer) if bigint => unsafe { sys::napi_create_bigint_int64(env, integer, &raw mut value) },
        #[allow(clippy::cast_precision_loss, reason = "the core lets no larger integer through")]
        // SAFETY: as above.
        Cell::Integer(integer) => unsafe { sys::napi_create_double(env, integer as f64, &raw mut value) },
        // SAFETY: as above.
        Cell::Real(number) => unsafe { sys::napi_create_double(env, number, &raw mut value) },
        Cell::Text(text) => return string_of(env, text),
        Cell::Blob(bytes) => unsafe {
            // SAFETY: as above; the pointer of a slice is never null.
            sys::napi_create_buffer_copy(env, bytes.len(), bytes.as_ptr().cast(), ptr::null_mut(), &raw mut value)
        },
    };
    check(made).map(|()| value)
}

/// A text as a JavaScript string; what is not UTF-8 becomes U+FFFD.
pub(super) fn string_of(env: sys::napi_env, text: &[u8]) -> Outcome<sys::napi_value> {
    let mut value = ptr::null_mut();
    let (start, length) = (text.as_ptr().cast(), isize::try_from(text.len()).unwrap_or(isize::MAX));
    let made = if text.is_ascii() {
        // SAFETY: the slice holds `length` bytes, which Node-API copies.
        unsafe { sys::napi_create_string_latin1(env, start, length, &raw mut value) }
    } else if std::str::from_utf8(text).is_ok() {
        // SAFETY: as above.
        unsafe { sys::napi_create_string_utf8(env, start, length, &raw mut value) }
    } else {
        return string_of(env, String::from_utf8_lossy(text).as_bytes());
    };
    check(made).map(|()| value)
}

/// Call a function of JavaScript's. An exception stays pending.
pub(super) fn call(
    env: sys::napi_env,
    function: sys::napi_value,
    arguments: &[sys::napi_value],
) -> Outcome<sys::napi_value> {
    let mut result = ptr::null_mut();
    check(unsafe {
        // SAFETY: all values live in the handle scope of the current call. Any value will do for `this`.
        sys::napi_call_function(env, function, function, arguments.len(), arguments.as_ptr(), &raw mut result)
    })?;
    Ok(result)
}
