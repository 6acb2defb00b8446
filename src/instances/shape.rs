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
        column("id", Text).about("Chosen by the caller, not empty, unique."),
        column("type", Label).typed("InstanceType").about("What the agent is for."),
        column("status", Label).typed("InstanceStatus").about("Where it stands. No transition is forbidden."),
        column("worktree_path", Text).about("The working tree in which it works."),
        column("branch_name", Text).about("The branch that it works on."),
        column("base_branch", Label).nullable().about("The branch that its own came from."),
        column("tmux_session", Text).about("The terminal session in which it runs."),
        column("claude_pid", Integer).nullable().about("The process number of the agent; at least 0."),
        column("issue_number", Integer).nullable().about("The GitHub issue that it works on; at least 1."),
        column("pr_number", Integer).nullable().about("The pull request that it has opened; at least 0."),
        column("pr_url", Text).nullable().about("The address of that pull request."),
        column("parent_instance_id", Label)
            .nullable()
            .about("The instance that it came from; `null` again when that is deleted."),
        date("created_at").about("Default: now."),
        date("terminated_at").nullable().about("When it came to an end; `updateInstanceStatus` sets it."),
        date("last_activity").about("When it was created or last changed. Default: now."),
        column("system_prompt", Text).nullable().about("The system prompt that it was started with."),
        column("prompt_used", Text).nullable().about("The prompt that it was given."),
        column("prompt_context", Text).nullable().about("What the prompt was made from."),
        column("agent_number", Integer).about("Its number among agents that work on the same; at least 0. Default 1."),
    ],
    aliases: &[],
};

/// `mcp_events`
pub static MCP_EVENT: Shape = Shape {
    name: "MCPEvent",
    table: "mcp_events",
    columns: &[
        column("id", Integer).about("Given by the database, ascending."),
        column("instance_id", Label).about("The instance whose event it is; it must exist."),
        column("tool_name", Label).about("The tool that was used."),
        column("success", Boolean).about("Whether it succeeded."),
        column("error_message", Text).nullable().about("Why it did not."),
        json("metadata").about("JSON text."),
        column("git_commit_hash", Label).nullable().about("The commit that it made."),
        column("status_change", Label).nullable().about("The status that it led to."),
        column("is_status_updating", Boolean).about("Whether it changed the status of its instance. Default `false`."),
        date("timestamp").about("When it happened. Default: now."),
    ],
    aliases: &[],
};

/// `instance_relationships`
pub static RELATIONSHIP: Shape = Shape {
    name: "Relationship",
    table: "instance_relationships",
    columns: &[
        column("id", Integer).about("Given by the database, ascending."),
        column("parent_instance", Label).about("The instance that the other came from; it must exist."),
        column("child_instance", Label).about("The instance that came from it; it must exist."),
        column("relationship_type", Label).typed("RelationshipType").about("One of a type between two instances."),
        column("review_iteration", Integer).about("Which round of reviews it is; at least 0. Default 1."),
        date("created_at").about("Default: now."),
        json("metadata").about("JSON text."),
    ],
    aliases: &[],
};

/// `github_issues`
pub static GITHUB_ISSUE: Shape = Shape {
    name: "GitHubIssue",
    table: "github_issues",
    columns: &[
        column("number", Integer).about("At least 1; the key."),
        column("title", Text).about("The title of the issue."),
        column("body", Text).nullable().about("The text of the issue."),
        column("state", Label).about("For instance `'open'` or `'closed'`."),
        column("assignee", Label).nullable().about("The name of whom it is assigned to."),
        json("labels").about("JSON text."),
        date("created_at").about("Default: now."),
        date("updated_at").about("Default: now, at each upsert."),
        date("synced_at").about("When it was last written here; always set by the database."),
        column("repo_owner", Label).about("The owner of its repository."),
        column("repo_name", Label).about("The name of its repository."),
    ],
    aliases: &[],
};

/// All shapes of the module.
pub static ALL: [&Shape; 4] = [&INSTANCE, &MCP_EVENT, &RELATIONSHIP, &GITHUB_ISSUE];
