//! Files as `@vibe-kit/db` leaves them, made from their description in telemetry.md §5 and §14.

/// Bootstrapped on a fresh file: five tables, no foreign keys, three of them malformed, columns in another order.
pub const BOOTSTRAPPED: &str = "
CREATE TABLE telemetry_sessions (
  id TEXT PRIMARY KEY NOT NULL, agent_type TEXT NOT NULL, mode TEXT NOT NULL,
  status TEXT DEFAULT 'active' NOT NULL, start_time REAL NOT NULL, end_time REAL, duration REAL,
  event_count INTEGER DEFAULT 0, stream_event_count INTEGER DEFAULT 0, error_count INTEGER DEFAULT 0,
  sandbox_id TEXT, repo_url TEXT, metadata TEXT,
  version INTEGER DEFAULT 1, schema_version TEXT DEFAULT '1.0.0',
  created_at REAL DEFAULT (unixepoch() * 1000), updated_at REAL DEFAULT (unixepoch() * 1000));
CREATE TABLE telemetry_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, event_type TEXT NOT NULL,
  agent_type TEXT NOT NULL, mode TEXT NOT NULL, prompt TEXT NOT NULL, timestamp REAL NOT NULL,
  stream_data TEXT, sandbox_id TEXT, repo_url TEXT, metadata TEXT,
  created_at REAL DEFAULT (unixepoch() * 1000), version INTEGER DEFAULT 1, schema_version TEXT DEFAULT '1.0.0');
CREATE TABLE telemetry_buffers (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, data TEXT);
CREATE TABLE telemetry_errors (
  id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, error_type TEXT NOT NULL, error_message TEXT NOT NULL,
  stack_trace TEXT, timestamp REAL NOT NULL);
CREATE TABLE telemetry_stats (id INTEGER PRIMARY KEY AUTOINCREMENT, total_sessions INTEGER, updated_at REAL);
CREATE INDEX idx_events_session_id ON telemetry_events(session_id);
CREATE INDEX idx_events_timestamp ON telemetry_events(timestamp);
CREATE INDEX idx_sessions_status ON telemetry_sessions(status);
INSERT INTO telemetry_sessions (id, agent_type, mode, start_time, end_time, duration, event_count, created_at,
  updated_at) VALUES ('s1', 'claude', 'code', 1750000000000.25, 1750000000900, 900, 99, 1750000000000, 1750000000000),
  ('idle', 'claude', 'code', 1750000000000, NULL, NULL, 7, 1750000000000, 1750000000000);
INSERT INTO telemetry_events (id, session_id, event_type, agent_type, mode, prompt, timestamp, created_at) VALUES
  (3, 's1', 'start', 'claude', 'code', 'p', 1750000000000, 1750000000000),
  (4, 's1', 'stream', 'claude', 'code', 'p', 1750000000010.5, 1750000000011),
  (7, 'ghost', 'error', 'codex', 'chat', 'p', 1750000000005, 1750000000006);
INSERT INTO telemetry_events (id, session_id, event_type, agent_type, mode, prompt, timestamp) VALUES
  (20, 's1', 'end', 'x', 'y', 'z', 0);
DELETE FROM telemetry_events WHERE id = 20;
INSERT INTO telemetry_errors (id, session_id, error_type, error_message, stack_trace, timestamp) VALUES
  (2, 's1', 'E', 'm', 'st', 1750000000000), (5, 'nobody', 'E', 'm', NULL, 1750000000000);
";

/// Migrated: eight tables with foreign keys, whose defaults are seconds.
pub const MIGRATED: &str = "
CREATE TABLE telemetry_sessions (
  id TEXT PRIMARY KEY NOT NULL, agent_type TEXT NOT NULL, mode TEXT NOT NULL,
  status TEXT DEFAULT 'active' NOT NULL, start_time REAL NOT NULL, end_time REAL, duration REAL,
  event_count INTEGER DEFAULT 0 NOT NULL, stream_event_count INTEGER DEFAULT 0 NOT NULL,
  error_count INTEGER DEFAULT 0 NOT NULL, sandbox_id TEXT, repo_url TEXT, metadata TEXT,
  created_at REAL DEFAULT (unixepoch()) NOT NULL, updated_at REAL DEFAULT (unixepoch()) NOT NULL,
  version INTEGER DEFAULT 1 NOT NULL, schema_version TEXT DEFAULT '1.0.0' NOT NULL);
CREATE TABLE telemetry_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  session_id TEXT NOT NULL REFERENCES telemetry_sessions(id) ON UPDATE cascade ON DELETE cascade,
  event_type TEXT NOT NULL, agent_type TEXT NOT NULL, mode TEXT NOT NULL, prompt TEXT NOT NULL, stream_data TEXT,
  sandbox_id TEXT, repo_url TEXT, metadata TEXT, timestamp REAL NOT NULL,
  created_at REAL DEFAULT (unixepoch()) NOT NULL, version INTEGER DEFAULT 1 NOT NULL,
  schema_version TEXT DEFAULT '1.0.0' NOT NULL, owner_note TEXT NOT NULL DEFAULT 'n', owner_at REAL,
  owner_made TEXT GENERATED ALWAYS AS (owner_note || 'm') VIRTUAL);
CREATE TABLE telemetry_buffers (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  session_id TEXT NOT NULL REFERENCES telemetry_sessions(id) ON UPDATE cascade ON DELETE cascade,
  status TEXT DEFAULT 'pending' NOT NULL, event_count INTEGER DEFAULT 0 NOT NULL, buffer_data TEXT NOT NULL,
  max_size INTEGER DEFAULT 50 NOT NULL, created_at REAL DEFAULT (unixepoch()) NOT NULL,
  last_updated REAL DEFAULT (unixepoch()) NOT NULL, flushed_at REAL, flush_attempts INTEGER DEFAULT 0 NOT NULL,
  version INTEGER DEFAULT 1 NOT NULL, schema_version TEXT DEFAULT '1.0.0' NOT NULL);
CREATE TABLE telemetry_errors (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  session_id TEXT REFERENCES telemetry_sessions(id) ON DELETE set null,
  event_id INTEGER REFERENCES telemetry_events(id) ON DELETE set null,
  error_type TEXT NOT NULL, error_message TEXT NOT NULL, error_stack TEXT, context TEXT,
  severity TEXT DEFAULT 'medium' NOT NULL, resolved INTEGER DEFAULT 0 NOT NULL, metadata TEXT,
  timestamp REAL NOT NULL, created_at REAL DEFAULT (unixepoch()) NOT NULL, resolved_at REAL, resolved_by TEXT,
  version INTEGER DEFAULT 1 NOT NULL, schema_version TEXT DEFAULT '1.0.0' NOT NULL);
CREATE TABLE telemetry_stats (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, stat_type TEXT NOT NULL, stat_key TEXT NOT NULL,
  total_events INTEGER DEFAULT 0 NOT NULL, start_events INTEGER DEFAULT 0 NOT NULL,
  stream_events INTEGER DEFAULT 0 NOT NULL, end_events INTEGER DEFAULT 0 NOT NULL,
  error_events INTEGER DEFAULT 0 NOT NULL, unique_sessions INTEGER DEFAULT 0 NOT NULL, agent_breakdown TEXT,
  mode_breakdown TEXT, avg_session_duration REAL, min_timestamp REAL, max_timestamp REAL,
  computed_at REAL DEFAULT (unixepoch()) NOT NULL, updated_at REAL DEFAULT (unixepoch()) NOT NULL,
  version INTEGER DEFAULT 1 NOT NULL, schema_version TEXT DEFAULT '1.0.0' NOT NULL);
CREATE TABLE telemetry_audit_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, table_name TEXT NOT NULL, record_id TEXT NOT NULL,
  operation TEXT NOT NULL, old_values TEXT, new_values TEXT, changed_fields TEXT, user_id TEXT, session_id TEXT,
  reason TEXT, metadata TEXT, timestamp REAL NOT NULL, created_at REAL DEFAULT (unixepoch()) NOT NULL);
CREATE TABLE telemetry_validation_rules (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, table_name TEXT NOT NULL, field_name TEXT NOT NULL,
  rule_type TEXT NOT NULL, rule_config TEXT NOT NULL, error_message TEXT NOT NULL,
  is_active INTEGER DEFAULT 1 NOT NULL, priority INTEGER DEFAULT 100 NOT NULL,
  created_at REAL DEFAULT (unixepoch()) NOT NULL, updated_at REAL DEFAULT (unixepoch()) NOT NULL);
CREATE TABLE telemetry_schema_versions (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, version TEXT NOT NULL UNIQUE, description TEXT NOT NULL,
  migration_script TEXT, rollback_script TEXT, applied_at REAL DEFAULT (unixepoch()) NOT NULL,
  is_active INTEGER DEFAULT 1 NOT NULL, metadata TEXT);
CREATE TABLE __drizzle_migrations (id INTEGER PRIMARY KEY, hash TEXT NOT NULL, created_at INTEGER);
INSERT INTO __drizzle_migrations VALUES (1, 'abc', 1750000000000);
CREATE INDEX idx_events_session_id ON telemetry_events(session_id);
CREATE INDEX idx_events_event_type ON telemetry_events(event_type);
CREATE INDEX idx_events_agent_type ON telemetry_events(agent_type);
CREATE INDEX idx_events_compound ON telemetry_events(session_id, event_type, timestamp);
CREATE INDEX idx_errors_severity ON telemetry_errors(severity);
CREATE UNIQUE INDEX idx_stats_type_key ON telemetry_stats(stat_type, stat_key);
CREATE UNIQUE INDEX `telemetry_schema_versions_version_unique` ON `telemetry_schema_versions` (`version`);
CREATE INDEX owner_note_index ON telemetry_events(owner_note);
CREATE TABLE owner_log (text TEXT);
CREATE TRIGGER owner_trigger AFTER UPDATE ON telemetry_sessions BEGIN INSERT INTO owner_log VALUES (new.id); END;
CREATE VIEW owner_view AS SELECT id, owner_note FROM telemetry_events;
INSERT INTO telemetry_sessions (id, agent_type, mode, start_time, created_at, updated_at)
  VALUES ('s1', 'claude', 'code', 1750000000000, 1750000000, 1750000000123);
INSERT INTO telemetry_events (id, session_id, event_type, agent_type, mode, prompt, timestamp, created_at, owner_at)
  VALUES (11, 's1', 'stream', 'claude', 'code', 'p', 1750000000000, 1750000001, 5);
INSERT INTO telemetry_buffers (id, session_id, buffer_data, created_at, last_updated)
  VALUES (4, 's1', '[]', 1750000002, 1750000003);
INSERT INTO telemetry_errors (id, session_id, event_id, error_type, error_message, timestamp, created_at)
  VALUES (6, 's1', 11, 'E', 'm', 1750000000000, 1750000004);
INSERT INTO telemetry_stats (id, stat_type, stat_key, total_events, computed_at, updated_at)
  VALUES (8, 'daily', '1999-01-01', 5, 1750000005, 1750000005), (9, 'total', 'all', 5, 1750000005, 1750000005),
         (10, 'hourly', 'x', 5, 1750000005, 1750000005);
INSERT INTO telemetry_audit_log (id, table_name, record_id, operation, timestamp, created_at)
  VALUES (12, 't', '1', 'INSERT', 1750000000000, 1750000006);
INSERT INTO telemetry_validation_rules (id, table_name, field_name, rule_type, rule_config, error_message, created_at,
  updated_at) VALUES (13, 't', 'f', 'enum', '{}', 'no', 1750000007, 1750000007);
INSERT INTO telemetry_schema_versions (id, version, description, applied_at)
  VALUES (14, '1.0.0', 'theirs', 1750000008), (15, '0.9.0', 'older', 1750000009);
";
