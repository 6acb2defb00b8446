#![forbid(unsafe_code)]
//! The public methods by name: what each one does.

use super::{
    sessions,
    shape::{SESSION, TOOL_CALL},
    state::Analytics,
    stats, tool_calls,
};
use crate::client::Method;

pub(super) static METHODS: &[Method<Analytics>] = &[
    Method::with_record("startSession", 0, &SESSION, |args, _| sessions::start(args)),
    Method::plain("endSession", |args, _| sessions::end(args)),
    Method::plain("getSession", |args, _| sessions::get(args)),
    Method::plain("listSessions", |args, _| sessions::list(args)),
    Method::with_records("recordToolCall", 0, &TOOL_CALL, |args, _| tool_calls::record_each(args)),
    Method::with_records("recordToolCalls", 0, &TOOL_CALL, |args, _| tool_calls::record_all(args)),
    Method::plain("listToolCalls", |args, _| tool_calls::list(args)),
    Method::plain("toolStats", |args, _| stats::tool_stats(args)),
];
