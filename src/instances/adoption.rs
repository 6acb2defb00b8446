#![forbid(unsafe_code)]
//! What the files of `@claude-codex/core` differ in (instances.md §3). Their tables have no foreign keys and there is no
//! view; the engine does the rest: it moves rows of instances that no longer exist to the quarantine, and clears a parent
//! that is gone.

use crate::migration::{Column, quoted};

/// Columns that came in a later release.
pub(super) const OPTIONAL_COLUMNS: &[(&str, &str)] = &[("instances", "prompt_used"), ("instances", "prompt_context")];

/// Columns that may hold a JSON string around the JSON that was meant.
const WRAPPED: [(&str, &str); 3] =
    [("mcp_events", "metadata"), ("instance_relationships", "metadata"), ("github_issues", "labels")];

/// How `column` is read from the existing table, where that is not simply the column: a JSON string literal is unwrapped
/// once.
pub(super) fn value(table: &str, column: &Column) -> Option<String> {
    let name = quoted(&column.name);
    WRAPPED.contains(&(table, &column.name)).then(|| {
        format!(
            "CASE WHEN json_valid({name}) THEN CASE json_type({name}) WHEN 'text' THEN {name} ->> '$' ELSE {name} END \
             ELSE {name} END"
        )
    })
}
