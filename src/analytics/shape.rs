#![forbid(unsafe_code)]
//! The rows of the two tables, in the key order of the public types.

use crate::packed::{Column, Kind, Shape};

use Kind::{Integer, Label, Seconds, Text};

/// `sessions`
pub static SESSION: Shape = Shape {
    name: "SessionRecord",
    table: "sessions",
    columns: &[
        Column::new("id", "id", Text),
        Column::new("startedAt", "started_at", Seconds),
        Column::new("endedAt", "ended_at", Seconds).nullable(),
        Column::new("toolCount", "tool_count", Integer),
    ],
    aliases: &[],
};

/// `tool_calls`
pub static TOOL_CALL: Shape = Shape {
    name: "ToolCallRecord",
    table: "tool_calls",
    columns: &[
        Column::new("id", "id", Text),
        Column::new("toolName", "tool_name", Label),
        Column::new("durationMs", "duration_ms", Integer),
        Column::new("status", "status", Label).typed("ToolCallStatus"),
        Column::new("errorType", "error_type", Label).nullable(),
        Column::new("timestamp", "timestamp", Seconds),
        Column::new("sessionId", "session_id", Label),
    ],
    aliases: &[],
};

/// All shapes of the module.
pub static ALL: [&Shape; 2] = [&SESSION, &TOOL_CALL];
