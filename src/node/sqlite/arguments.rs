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

/// Bind named values to their indexes, then a list by position.
pub(super) fn bind_mixed(
    binder: &mut Binder<'_>,
    positional: &Array<'_>,
    named: Option<(Vec<u32>, Array<'_>)>,
    text: &mut Vec<u8>,
) -> Outcome<()> {
    if let Some((indexes, given)) = named {
        binder.object();
        for (position, index) in (0..).zip(indexes) {
            let value = item(&given, position)?;
            let cell = values::read(value.value().env, value.raw(), text)?;
            binder.named(index as usize, cell)?;
        }
    }
    for position in 0..positional.len() {
        let value = item(positional, position)?;
        let cell = values::read(value.value().env, value.raw(), text)?;
        binder.positional(cell)?;
    }
    Ok(())
}

fn item<'l>(list: &'l Array<'_>, position: u32) -> Outcome<Unknown<'l>> {
    list.get_element::<Unknown<'_>>(position).map_err(|_| Failure::Thrown)
}
