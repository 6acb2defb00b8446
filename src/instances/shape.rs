#![forbid(unsafe_code)]
//! The rows of four of the five tables, in the key order of the public types. `user_config` is read cell by cell.

use crate::packed::{Column, Kind, Shape};

use Kind::{Boolean, Integer, Json, Label, Seconds, Text};

/// A column whose name is the same in JavaScript and in SQL.
const fn column(name: &'static str, kind: Kind) -> Column {
    Column::new(name, name, kind)
}

/// A JSON column: objects come in, their text goes out.
const fn json(name: &'static str) -> Column {
    column(name, Json).nullable().typed("string")
}

/// A time that comes in as a `Date` and nothing else.
const fn date(name: &'static str) -> Column {
    column(name, Seconds).typed("Date")
}

/// `instances`
pub static INSTANCE: Shape = Shape {
    name: "Instance",
    table: "instances",
    columns: &[
        column("id", Text),
        column("type", Label).typed("InstanceType"),
        column("status", Label).typed("InstanceStatus"),
        column("worktree_path", Text),
        column("branch_name", Text),
        column("base_branch", Label).nullable(),
        column("tmux_session", Text),
        column("claude_pid", Integer).nullable(),
        column("issue_number", Integer).nullable(),
        column("pr_number", Integer).nullable(),
        column("pr_url", Text).nullable(),
        column("parent_instance_id", Label).nullable(),
        date("created_at"),
        date("terminated_at").nullable(),
        date("last_activity"),
        column("system_prompt", Text).nullable(),
        column("prompt_used", Text).nullable(),
        column("prompt_context", Text).nullable(),
        column("agent_number", Integer),
    ],
    aliases: &[],
};

/// `mcp_events`
pub static MCP_EVENT: Shape = Shape {
    name: "MCPEvent",
    table: "mcp_events",
    columns: &[
        column("id", Integer),
        column("instance_id", Label),
        column("tool_name", Label),
        column("success", Boolean),
        column("error_message", Text).nullable(),
        json("metadata"),
        column("git_commit_hash", Label).nullable(),
        column("status_change", Label).nullable(),
        column("is_status_updating", Boolean),
        date("timestamp"),
    ],
    aliases: &[],
};

/// `instance_relationships`
pub static RELATIONSHIP: Shape = Shape {
    name: "Relationship",
    table: "instance_relationships",
    columns: &[
        column("id", Integer),
        column("parent_instance", Label),
        column("child_instance", Label),
        column("relationship_type", Label).typed("RelationshipType"),
        column("review_iteration", Integer),
        date("created_at"),
        json("metadata"),
    ],
    aliases: &[],
};

/// `github_issues`
pub static GITHUB_ISSUE: Shape = Shape {
    name: "GitHubIssue",
    table: "github_issues",
    columns: &[
        column("number", Integer),
        column("title", Text),
        column("body", Text).nullable(),
        column("state", Label),
        column("assignee", Label).nullable(),
        json("labels"),
        date("created_at"),
        date("updated_at"),
        date("synced_at"),
        column("repo_owner", Label),
        column("repo_name", Label),
    ],
    aliases: &[],
};

/// All shapes of the module.
pub static ALL: [&Shape; 4] = [&INSTANCE, &MCP_EVENT, &RELATIONSHIP, &GITHUB_ISSUE];
