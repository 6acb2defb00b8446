#![forbid(unsafe_code)]
//! A panic in the work of a call is the failure of that call, not the end of the process.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::error::{Error, Result};

/// Run `work`; a panic in it becomes an error.
pub(super) fn contained<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(Error::Internal(panic_text(panic.as_ref()))))
}

/// Run `work` of whose panic nobody need hear: it answers its caller by itself, or has none.
pub(super) fn unheard(work: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(work));
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".to_owned());
    format!("panic in native code: {text}")
}
