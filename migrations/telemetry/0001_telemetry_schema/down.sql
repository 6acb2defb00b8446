-- Children before their parents, so that no implicit delete has to follow the foreign keys.
DROP TABLE telemetry_errors;
DROP TABLE telemetry_buffers;
DROP TABLE telemetry_events;
DROP TABLE telemetry_sessions;
DROP TABLE telemetry_stats;
DROP TABLE telemetry_audit_log;
DROP TABLE telemetry_validation_rules;
DROP TABLE telemetry_schema_versions;
