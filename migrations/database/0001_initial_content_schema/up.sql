-- database, version 1: agents, rules and workflows (docs/database.md).

CREATE TABLE agents (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  content TEXT NOT NULL DEFAULT '',
  tags TEXT,
  path TEXT,
  file_hash TEXT,
  version TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  updated_at DATETIME DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE rules (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  content TEXT NOT NULL DEFAULT '',
  tags TEXT,
  path TEXT,
  file_hash TEXT,
  globs TEXT,
  always_apply INTEGER DEFAULT 0,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  updated_at DATETIME DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE workflows (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  content TEXT NOT NULL DEFAULT '',
  tags TEXT,
  path TEXT,
  file_hash TEXT,
  version TEXT,
  triggers TEXT,
  complexity_hint TEXT,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  updated_at DATETIME DEFAULT CURRENT_TIMESTAMP
);

-- The owner's queries: by tags, and the rules that always apply.
CREATE INDEX idx_agents_tags ON agents(tags);
CREATE INDEX idx_rules_tags ON rules(tags);
CREATE INDEX idx_rules_always_apply ON rules(always_apply);
CREATE INDEX idx_workflows_tags ON workflows(tags);

-- An UPDATE that does not set updated_at sets it to now. A row that has it already is left alone, else the trigger would
-- go on calling itself where recursive_triggers is on.
CREATE TRIGGER update_agents_timestamp AFTER UPDATE ON agents
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT CURRENT_TIMESTAMP
BEGIN
  UPDATE agents SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER update_rules_timestamp AFTER UPDATE ON rules
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT CURRENT_TIMESTAMP
BEGIN
  UPDATE rules SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;

CREATE TRIGGER update_workflows_timestamp AFTER UPDATE ON workflows
WHEN NEW.updated_at IS OLD.updated_at AND NEW.updated_at IS NOT CURRENT_TIMESTAMP
BEGIN
  UPDATE workflows SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id;
END;
