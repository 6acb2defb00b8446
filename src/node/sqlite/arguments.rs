//! The parameters of a statement, on their way in.

use std::ptr;

use napi::{
    JsValue,
    bindgen_prelude::{Array, JsObjectValue, Unknown},
    sys,
};

use super::values;
use crate::sync_conn::{Binder, Failure, Misuse, Result as Outcome};

/// Bind values: the arguments themselves, or the elements of the array that is the only one. `by_index`: to all
/// parameters in their order; else to those that take values by position.
pub(super) fn bind_list(
    env: sys::napi_env,
    binder: &mut Binder<'_>,
    arguments: &[sys::napi_value],
    in_array: bool,
    by_index: bool,
    text: &mut Vec<u8>,
) -> Outcome<()> {
    if by_index {
        binder.object(1..=binder.parameters())?;
    }
    let mut bind = |position: usize, value| {
        let cell = values::read(env, value, text)?;
        if by_index { binder.named(position + 1, cell) } else { binder.positional(cell) }
    };
    if !in_array {
        return arguments.iter().enumerate().try_for_each(|(position, value)| bind(position, *value));
    }
    let list = *arguments.first().ok_or(Failure::Misuse(Misuse::TOO_FEW))?;
    let mut length = 0;
    values::check(unsafe {
        // SAFETY: `list` is an array of the facade's own making.
        sys::napi_get_array_length(env, list, &raw mut length)
    })?;
    for position in 0..length {
        let mut value = ptr::null_mut();
        values::check(unsafe {
            // SAFETY: as above.
            sys::napi_get_element(env, list, position, &raw mut value)
        })?;
        bind(position as usize, value)?;
    }
    Ok(())
}

/// What the facade has found among the arguments of a call, as js/sqlite/binding.ts numbers it; a larger number is the
/// index of a parameter and means a member of the object, a smaller one that of a parameter for which it has none.
const POSITIONAL: i32 = 0;
const SECOND_OBJECT: i32 = i32::MAX;
const OTHER_OBJECT: i32 = i32::MIN;

/// Bind the arguments of a call in their order: `kinds` says what each of the `values` is.
pub(super) fn bind_mixed(binder: &mut Binder<'_>, object: bool, kinds: &[i32], given: &Array<'_>) -> Outcome<()> {
    let mut text = Vec::new();
    if object {
        let indexes = kinds.iter().filter(|kind| **kind > POSITIONAL && **kind != SECOND_OBJECT);
        binder.object(indexes.map(|kind| kind.unsigned_abs() as usize))?;
    }
    for (position, kind) in (0..).zip(kinds) {
        match *kind {
            SECOND_OBJECT => return Err(Misuse::TWO_OBJECTS.into()),
            OTHER_OBJECT => return Err(Misuse::NOT_PLAIN.into()),
            absent if absent < POSITIONAL => binder.absent(absent.unsigned_abs() as usize)?,
            kind => {
                let value = item(given, position)?;
                let cell = values::read(value.value().env, value.raw(), &mut text)?;
                match kind {
                    POSITIONAL => binder.positional(cell)?,
                    index => binder.named(index.unsigned_abs() as usize, cell)?,
                }
            }
        }
    }
    Ok(())
}

fn item<'l>(list: &'l Array<'_>, position: u32) -> Outcome<Unknown<'l>> {
    list.get_element::<Unknown<'_>>(position).map_err(|_| Failure::Thrown)
}
