#![forbid(unsafe_code)]
//! The rows of the two tables, in the key order of the public types.

use crate::packed::{Column, Kind, Shape};

use Kind::{Integer, Label, Seconds, Text};

/// `sessions`
pub static SESSION: Shape = Shape {
    name: "SessionRecord",
    table: "sessions",
    columns: &[
        Column::new("id", "id", Text).about("A random UUID, unless it was given."),
        Column::new("startedAt", "started_at", Seconds).about("When it began; its milliseconds are 0."),
        Column::new("endedAt", "ended_at", Seconds).nullable().about("When it ended; `null` while it is active."),
        Column::new("toolCount", "tool_count", Integer).about("Calls that recorders have recorded in it."),
    ],
    aliases: &[],
};

/// `tool_calls`
pub static TOOL_CALL: Shape = Shape {
    name: "ToolCallRecord",
    table: "tool_calls",
    columns: &[
        Column::new("id", "id", Text).about("A random UUID, unless it was given."),
        Column::new("toolName", "tool_name", Label).about("Which tool; never empty."),
        Column::new("durationMs", "duration_ms", Integer).about("How long it took, whole milliseconds."),
        Column::new("status", "status", Label).typed("ToolCallStatus").about("How it ended."),
        Column::new("errorType", "error_type", Label).nullable().about("What went wrong, in the caller's words."),
        Column::new("timestamp", "timestamp", Seconds).about("When it was made; its milliseconds are 0."),
        Column::new("sessionId", "session_id", Label).about("The session that it belongs to, and is deleted with."),
    ],
    aliases: &[],
};

/// All shapes of the module.
pub static ALL: [&Shape; 2] = [&SESSION, &TOOL_CALL];
