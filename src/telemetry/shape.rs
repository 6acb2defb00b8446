#![forbid(unsafe_code)]
//! The rows of the eight tables, in the key order of the public types.

use crate::packed::{Column, Kind, Shape};

use Kind::{Boolean, Integer, Json, Label, Real, Text};

const VERSION: Column = Column::new("version", "version", Integer);
const SCHEMA_VERSION: Column = Column::new("schemaVersion", "schema_version", Label);
const METADATA: Column = Column::new("metadata", "metadata", Json).nullable();
const CREATED_AT: Column = Column::new("createdAt", "created_at", Real);

/// `telemetry_events`
pub static EVENT: Shape = Shape {
    name: "TelemetryEvent",
    table: "telemetry_events",
    columns: &[
        Column::new("id", "id", Integer),
        Column::new("sessionId", "session_id", Label),
        Column::new("eventType", "event_type", Label).typed("EventType"),
        Column::new("agentType", "agent_type", Label),
        Column::new("mode", "mode", Label),
        Column::new("prompt", "prompt", Text).nullable(),
        Column::new("streamData", "stream_data", Text).nullable(),
        Column::new("sandboxId", "sandbox_id", Label).nullable(),
        Column::new("repoUrl", "repo_url", Label).nullable(),
        METADATA,
        Column::new("timestamp", "timestamp", Real),
        CREATED_AT,
        VERSION,
        SCHEMA_VERSION,
    ],
    aliases: &[],
};

/// `telemetry_sessions`
pub static SESSION: Shape = Shape {
    name: "TelemetrySession",
    table: "telemetry_sessions",
    columns: &[
        Column::new("id", "id", Text),
        Column::new("agentType", "agent_type", Label),
        Column::new("mode", "mode", Label),
        Column::new("status", "status", Label).typed("SessionStatus"),
        Column::new("startTime", "start_time", Real),
        Column::new("endTime", "end_time", Real).nullable(),
        Column::new("duration", "duration", Real).nullable(),
        Column::new("eventCount", "event_count", Integer),
        Column::new("streamEventCount", "stream_event_count", Integer),
        Column::new("errorCount", "error_count", Integer),
        Column::new("sandboxId", "sandbox_id", Label).nullable(),
        Column::new("repoUrl", "repo_url", Label).nullable(),
        METADATA,
        CREATED_AT,
        Column::new("updatedAt", "updated_at", Real),
        VERSION,
        SCHEMA_VERSION,
    ],
    aliases: &[],
};

/// `telemetry_buffers`
pub static BUFFER: Shape = Shape {
    name: "TelemetryBuffer",
    table: "telemetry_buffers",
    columns: &[
        Column::new("id", "id", Integer),
        Column::new("sessionId", "session_id", Label),
        Column::new("status", "status", Label).typed("BufferStatus"),
        Column::new("eventCount", "event_count", Integer),
        Column::new("bufferData", "buffer_data", Json),
        Column::new("maxSize", "max_size", Integer),
        CREATED_AT,
        Column::new("lastUpdated", "last_updated", Real),
        Column::new("flushedAt", "flushed_at", Real).nullable(),
        Column::new("flushAttempts", "flush_attempts", Integer),
        VERSION,
        SCHEMA_VERSION,
    ],
    aliases: &[],
};

/// `telemetry_errors`
pub static ERROR: Shape = Shape {
    name: "TelemetryError",
    table: "telemetry_errors",
    columns: &[
        Column::new("id", "id", Integer),
        Column::new("sessionId", "session_id", Label).nullable(),
        Column::new("eventId", "event_id", Integer).nullable(),
        Column::new("errorType", "error_type", Label),
        Column::new("errorMessage", "error_message", Text),
        Column::new("errorStack", "error_stack", Text).nullable(),
        Column::new("context", "context", Json).nullable(),
        Column::new("severity", "severity", Label).typed("ErrorSeverity"),
        Column::new("resolved", "resolved", Boolean),
        METADATA,
        Column::new("timestamp", "timestamp", Real),
        CREATED_AT,
        Column::new("resolvedAt", "resolved_at", Real).nullable(),
        Column::new("resolvedBy", "resolved_by", Label).nullable(),
        VERSION,
        SCHEMA_VERSION,
    ],
    aliases: &["stackTrace"],
};

/// `telemetry_stats`, without its internal columns
pub static STATS: Shape = Shape {
    name: "TelemetryStatsRecord",
    table: "telemetry_stats",
    columns: &[
        Column::new("id", "id", Integer),
        Column::new("statType", "stat_type", Label),
        Column::new("statKey", "stat_key", Text),
        Column::new("totalEvents", "total_events", Integer),
        Column::new("startEvents", "start_events", Integer),
        Column::new("streamEvents", "stream_events", Integer),
        Column::new("endEvents", "end_events", Integer),
        Column::new("errorEvents", "error_events", Integer),
        Column::new("uniqueSessions", "unique_sessions", Integer),
        Column::new("agentBreakdown", "agent_breakdown", Json).nullable(),
        Column::new("modeBreakdown", "mode_breakdown", Json).nullable(),
        Column::new("avgSessionDuration", "avg_session_duration", Real).nullable(),
        Column::new("minTimestamp", "min_timestamp", Real).nullable(),
        Column::new("maxTimestamp", "max_timestamp", Real).nullable(),
        Column::new("computedAt", "computed_at", Real),
        Column::new("updatedAt", "updated_at", Real),
        VERSION,
        SCHEMA_VERSION,
    ],
    aliases: &[],
};

/// `telemetry_audit_log`
pub static AUDIT: Shape = Shape {
    name: "TelemetryAuditLog",
    table: "telemetry_audit_log",
    columns: &[
        Column::new("id", "id", Integer),
        Column::new("tableName", "table_name", Label),
        Column::new("recordId", "record_id", Text),
        Column::new("operation", "operation", Label).typed("'INSERT' | 'UPDATE' | 'DELETE'"),
        Column::new("oldValues", "old_values", Json).nullable(),
        Column::new("newValues", "new_values", Json).nullable(),
        Column::new("changedFields", "changed_fields", Json).nullable(),
        Column::new("userId", "user_id", Label).nullable(),
        Column::new("sessionId", "session_id", Label).nullable(),
        Column::new("reason", "reason", Label).nullable(),
        METADATA,
        Column::new("timestamp", "timestamp", Real),
        CREATED_AT,
    ],
    aliases: &[],
};

/// `telemetry_validation_rules`
pub static RULE: Shape = Shape {
    name: "TelemetryValidationRule",
    table: "telemetry_validation_rules",
    columns: &[
        Column::new("id", "id", Integer),
        Column::new("tableName", "table_name", Label),
        Column::new("fieldName", "field_name", Label),
        Column::new("ruleType", "rule_type", Label).typed("ValidationRuleType"),
        Column::new("ruleConfig", "rule_config", Json),
        Column::new("errorMessage", "error_message", Text),
        Column::new("isActive", "is_active", Boolean),
        Column::new("priority", "priority", Integer),
        CREATED_AT,
        Column::new("updatedAt", "updated_at", Real),
    ],
    aliases: &[],
};

/// `telemetry_schema_versions`
pub static SCHEMA_VERSIONS: Shape = Shape {
    name: "TelemetrySchemaVersion",
    table: "telemetry_schema_versions",
    columns: &[
        Column::new("id", "id", Integer),
        Column::new("version", "version", Text),
        Column::new("description", "description", Text),
        Column::new("migrationScript", "migration_script", Text).nullable(),
        Column::new("rollbackScript", "rollback_script", Text).nullable(),
        Column::new("appliedAt", "applied_at", Real),
        Column::new("isActive", "is_active", Boolean),
        Column::new("metadata", "metadata", Text).nullable(),
    ],
    aliases: &[],
};

/// All shapes of the module.
pub static ALL: [&Shape; 8] = [&EVENT, &SESSION, &BUFFER, &ERROR, &STATS, &AUDIT, &RULE, &SCHEMA_VERSIONS];
