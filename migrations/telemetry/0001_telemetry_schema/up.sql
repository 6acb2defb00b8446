-- The eight tables of telemetry. Times are REAL milliseconds since 1970, fractions kept.
-- The columns stand in the key order of the public row types; no triggers, no CHECKs.

CREATE TABLE telemetry_sessions (
  id TEXT PRIMARY KEY NOT NULL,
  agent_type TEXT NOT NULL,
  mode TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'active',
  start_time REAL NOT NULL,
  end_time REAL,
  duration REAL,
  event_count INTEGER NOT NULL DEFAULT 0,
  stream_event_count INTEGER NOT NULL DEFAULT 0,
  error_count INTEGER NOT NULL DEFAULT 0,
  sandbox_id TEXT,
  repo_url TEXT,
  metadata TEXT,
  created_at REAL NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  updated_at REAL NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  version INTEGER NOT NULL DEFAULT 1,
  schema_version TEXT NOT NULL DEFAULT '1.0.0'
);

CREATE TABLE telemetry_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL REFERENCES telemetry_sessions(id) ON UPDATE CASCADE ON DELETE CASCADE,
  event_type TEXT NOT NULL,
  agent_type TEXT NOT NULL,
  mode TEXT NOT NULL,
  prompt TEXT,
  stream_data TEXT,
  sandbox_id TEXT,
  repo_url TEXT,
  metadata TEXT,
  timestamp REAL NOT NULL,
  created_at REAL NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  version INTEGER NOT NULL DEFAULT 1,
  schema_version TEXT NOT NULL DEFAULT '1.0.0'
);

CREATE TABLE telemetry_buffers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL REFERENCES telemetry_sessions(id) ON UPDATE CASCADE ON DELETE CASCADE,
  status TEXT NOT NULL DEFAULT 'pending',
  event_count INTEGER NOT NULL DEFAULT 0,
  buffer_data TEXT NOT NULL,
  max_size INTEGER NOT NULL DEFAULT 50,
  created_at REAL NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  last_updated REAL NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  flushed_at REAL,
  flush_attempts INTEGER NOT NULL DEFAULT 0,
  version INTEGER NOT NULL DEFAULT 1,
  schema_version TEXT NOT NULL DEFAULT '1.0.0'
);

CREATE TABLE telemetry_errors (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT REFERENCES telemetry_sessions(id) ON UPDATE CASCADE ON DELETE SET NULL,
  event_id INTEGER REFERENCES telemetry_events(id) ON UPDATE CASCADE ON DELETE SET NULL,
  error_type TEXT NOT NULL,
  error_message TEXT NOT NULL,
  error_stack TEXT,
  context TEXT,
  severity TEXT NOT NULL DEFAULT 'medium',
  resolved INTEGER NOT NULL DEFAULT 0,
  metadata TEXT,
  timestamp REAL NOT NULL,
  created_at REAL NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  resolved_at REAL,
  resolved_by TEXT,
  version INTEGER NOT NULL DEFAULT 1,
  schema_version TEXT NOT NULL DEFAULT '1.0.0'
);

-- One row ('total', 'all') and one per UTC day of event timestamps. The last three columns are internal.
CREATE TABLE telemetry_stats (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stat_type TEXT NOT NULL,
  stat_key TEXT NOT NULL,
  total_events INTEGER NOT NULL DEFAULT 0,
  start_events INTEGER NOT NULL DEFAULT 0,
  stream_events INTEGER NOT NULL DEFAULT 0,
  end_events INTEGER NOT NULL DEFAULT 0,
  error_events INTEGER NOT NULL DEFAULT 0,
  unique_sessions INTEGER NOT NULL DEFAULT 0,
  agent_breakdown TEXT,
  mode_breakdown TEXT,
  avg_session_duration REAL,
  min_timestamp REAL,
  max_timestamp REAL,
  computed_at REAL NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  updated_at REAL NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  version INTEGER NOT NULL DEFAULT 1,
  schema_version TEXT NOT NULL DEFAULT '1.0.0',
  duration_sum REAL NOT NULL DEFAULT 0,
  duration_count INTEGER NOT NULL DEFAULT 0,
  last_event_id INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE telemetry_audit_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  table_name TEXT NOT NULL,
  record_id TEXT NOT NULL,
  operation TEXT NOT NULL,
  old_values TEXT,
  new_values TEXT,
  changed_fields TEXT,
  user_id TEXT,
  session_id TEXT,
  reason TEXT,
  metadata TEXT,
  timestamp REAL NOT NULL,
  created_at REAL NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER))
);

CREATE TABLE telemetry_validation_rules (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  table_name TEXT NOT NULL,
  field_name TEXT NOT NULL,
  rule_type TEXT NOT NULL,
  rule_config TEXT NOT NULL,
  error_message TEXT NOT NULL,
  is_active INTEGER NOT NULL DEFAULT 1,
  priority INTEGER NOT NULL DEFAULT 100,
  created_at REAL NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  updated_at REAL NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER))
);

CREATE TABLE telemetry_schema_versions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  version TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  migration_script TEXT,
  rollback_script TEXT,
  applied_at REAL NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  is_active INTEGER NOT NULL DEFAULT 1,
  metadata TEXT
);

-- querySessions without a filter, iterateSessions, `from` and `to`.
CREATE INDEX idx_sessions_start_time ON telemetry_sessions(start_time, id);
-- querySessions by status, in time order.
CREATE INDEX idx_sessions_status ON telemetry_sessions(status, start_time, id);
-- querySessions by agent, in time order.
CREATE INDEX idx_sessions_agent_type ON telemetry_sessions(agent_type, start_time, id);

-- queryEvents of a session in time order, its first and last event, the cascade from sessions.
CREATE INDEX idx_events_session_id ON telemetry_events(session_id, timestamp);
-- queryEvents by time and without a filter, iterateEvents, retention, dateRange.
CREATE INDEX idx_events_timestamp ON telemetry_events(timestamp);
-- queryEvents by start, end or error over all sessions. Stream events, the bulk of the rows, do not pay for it.
CREATE INDEX idx_events_event_type ON telemetry_events(event_type, timestamp) WHERE event_type <> 'stream';
-- queryEvents by start, end or error within a session.
CREATE INDEX idx_events_compound ON telemetry_events(session_id, event_type, timestamp) WHERE event_type <> 'stream';

-- flushBuffer, queryBuffers of a session, the cascade from sessions.
CREATE INDEX idx_buffers_session ON telemetry_buffers(session_id);
-- flushEventBuffers, recovery of pending buffers at open, cleanupBuffers.
CREATE INDEX idx_buffers_status ON telemetry_buffers(status, flushed_at);

-- getRecentErrors and queryErrors, newest first.
CREATE INDEX idx_errors_timestamp ON telemetry_errors(timestamp);
-- queryErrors of a session, SET NULL when a session is deleted.
CREATE INDEX idx_errors_session ON telemetry_errors(session_id, timestamp);
-- SET NULL when events are deleted.
CREATE INDEX idx_errors_event ON telemetry_errors(event_id) WHERE event_id IS NOT NULL;

-- Reading and rewriting one aggregate row.
CREATE UNIQUE INDEX idx_stats_type_key ON telemetry_stats(stat_type, stat_key);
-- getAuditTrail, newest first.
CREATE INDEX idx_audit_compound ON telemetry_audit_log(table_name, record_id, timestamp);
-- listValidationRules, and the rules of a field.
CREATE INDEX idx_validation_table_field ON telemetry_validation_rules(table_name, field_name);
