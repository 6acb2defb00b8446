#![forbid(unsafe_code)]
//! The closed sets of texts.

/// A closed set of texts: TypeScript type, name of the exported array, members.
pub(super) struct Choice {
    pub(super) ts: &'static str,
    pub(super) array: &'static str,
    pub(super) doc: &'static str,
    pub(super) members: &'static [&'static str],
}

pub(super) const CHOICES: [Choice; 10] = [
    Choice {
        ts: "EventType",
        array: "eventTypes",
        doc: "What an event reports.",
        members: &["start", "stream", "end", "error"],
    },
    Choice {
        ts: "SessionStatus",
        array: "sessionStatuses",
        doc: "Where a session stands.",
        members: &["active", "completed", "failed", "timeout"],
    },
    Choice {
        ts: "BufferStatus",
        array: "bufferStatuses",
        doc: "Whether a buffer's events are in `telemetry_events` yet.",
        members: &["pending", "flushed", "failed"],
    },
    Choice {
        ts: "'INSERT' | 'UPDATE' | 'DELETE'",
        array: "auditOperations",
        doc: "What an audit row records.",
        members: &["INSERT", "UPDATE", "DELETE"],
    },
    Choice {
        ts: "ErrorSeverity",
        array: "severityLevels",
        doc: "How bad a logged error is.",
        members: &["low", "medium", "high", "critical"],
    },
    Choice {
        ts: "ValidationRuleType",
        array: "validationRuleTypes",
        doc: "How a validation rule decides.",
        members: &["required", "pattern", "range", "enum", "length", "json_schema"],
    },
    Choice {
        ts: "ToolCallStatus",
        array: "toolCallStatuses",
        doc: "How a tool call ended.",
        members: &["success", "error", "timeout"],
    },
    Choice {
        ts: "InstanceType",
        array: "instanceTypes",
        doc: "What an agent is for.",
        members: &["coding", "review", "planning"],
    },
    Choice {
        ts: "InstanceStatus",
        array: "instanceStatuses",
        doc: "Where an instance stands.",
        members: &["started", "waiting_review", "pr_created", "pr_merged", "pr_closed", "terminated"],
    },
    Choice {
        ts: "RelationshipType",
        array: "relationshipTypes",
        doc: "How one instance came from another.",
        members: &["spawned_review", "created_fork", "planning_to_issue"],
    },
];
