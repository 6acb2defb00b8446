-- Settings of a usage monitor, one row of them active, and the history of its snapshots.
-- Times are INTEGER milliseconds since 1970.

CREATE TABLE usage_config (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  plan TEXT NOT NULL DEFAULT 'custom' CHECK (plan IN ('pro', 'max5', 'max20', 'custom')),
  custom_limit_tokens INTEGER CHECK (custom_limit_tokens IS NULL OR custom_limit_tokens > 0),
  view TEXT NOT NULL DEFAULT 'realtime' CHECK (view IN ('realtime', 'daily', 'monthly', 'session')),
  timezone TEXT NOT NULL DEFAULT 'auto',
  time_format TEXT NOT NULL DEFAULT 'auto' CHECK (time_format IN ('12h', '24h', 'auto')),
  theme TEXT NOT NULL DEFAULT 'auto' CHECK (theme IN ('light', 'dark', 'classic', 'auto')),
  refresh_rate INTEGER NOT NULL DEFAULT 10 CHECK (refresh_rate BETWEEN 1 AND 60),
  refresh_per_second REAL NOT NULL DEFAULT 0.75 CHECK (refresh_per_second BETWEEN 0.1 AND 20.0),
  reset_hour INTEGER CHECK (reset_hour IS NULL OR reset_hour BETWEEN 0 AND 23),
  created_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  updated_at INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER)),
  is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1))
);

CREATE TABLE usage_snapshots (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL REFERENCES telemetry_sessions(id) ON UPDATE CASCADE ON DELETE CASCADE,
  snapshot_data TEXT NOT NULL,
  snapshot_type TEXT NOT NULL DEFAULT 'stats' CHECK (snapshot_type IN ('stats', 'config', 'session')),
  timestamp INTEGER NOT NULL DEFAULT (CAST(round(unixepoch('subsec') * 1000) AS INTEGER))
);

-- At most one row is active; finding it.
CREATE UNIQUE INDEX idx_usage_config_active ON usage_config(is_active) WHERE is_active = 1;
-- getUsageSnapshotsBySession in time order, getUsageSnapshots of a session, the cascade from sessions.
CREATE INDEX idx_usage_snapshots_session_id ON usage_snapshots(session_id, timestamp);
-- getUsageSnapshots, deleteOldUsageSnapshots.
CREATE INDEX idx_usage_snapshots_timestamp ON usage_snapshots(timestamp);
-- Queries by type through getConnection().
CREATE INDEX idx_usage_snapshots_type ON usage_snapshots(snapshot_type);

-- Every change moves updated_at, also one by plain SQL, and never back. The inner condition ends a recursion where
-- recursive triggers are on.
CREATE TRIGGER usage_config_updated_at AFTER UPDATE ON usage_config WHEN NEW.updated_at IS OLD.updated_at
BEGIN
  UPDATE usage_config SET updated_at = CAST(round(unixepoch('subsec') * 1000) AS INTEGER)
  WHERE id = NEW.id AND updated_at < CAST(round(unixepoch('subsec') * 1000) AS INTEGER);
END;

INSERT INTO usage_config DEFAULT VALUES;
