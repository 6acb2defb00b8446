-- Sessions of an agent and the tools that it called in them. Times are INTEGER seconds since 1970.

CREATE TABLE sessions (
  id TEXT PRIMARY KEY NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  tool_count INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE tool_calls (
  id TEXT PRIMARY KEY NOT NULL,
  tool_name TEXT NOT NULL,
  duration_ms INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('success', 'error', 'timeout')),
  error_type TEXT,
  timestamp INTEGER NOT NULL,
  session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE
);

-- toolStats and listToolCalls of some tools.
CREATE INDEX tool_name_idx ON tool_calls(tool_name);
-- listToolCalls in time order, windows of time.
CREATE INDEX timestamp_idx ON tool_calls(timestamp);
-- Which tools were called in a window: queries through Drizzle.
CREATE INDEX timestamp_tool_name_idx ON tool_calls(timestamp, tool_name);
-- toolStats and listToolCalls of a session, the cascade from sessions.
CREATE INDEX tool_calls_session_id_idx ON tool_calls(session_id);
