-- The five tables of instances, and `relationships`, a view for who looks for that name. Times are INTEGER seconds since
-- 1970, booleans are 0 and 1, types and statuses are free text. No triggers, no CHECKs.

CREATE TABLE instances (
  id TEXT PRIMARY KEY NOT NULL,
  type TEXT NOT NULL,
  status TEXT NOT NULL,
  worktree_path TEXT NOT NULL,
  branch_name TEXT NOT NULL,
  base_branch TEXT,
  tmux_session TEXT NOT NULL,
  claude_pid INTEGER,
  issue_number INTEGER,
  pr_number INTEGER,
  pr_url TEXT,
  parent_instance_id TEXT REFERENCES instances(id) ON DELETE SET NULL,
  created_at INTEGER NOT NULL DEFAULT (unixepoch()),
  terminated_at INTEGER,
  last_activity INTEGER NOT NULL DEFAULT (unixepoch()),
  system_prompt TEXT,
  agent_number INTEGER NOT NULL DEFAULT 1,
  prompt_used TEXT,
  prompt_context TEXT
);

CREATE TABLE mcp_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  instance_id TEXT NOT NULL REFERENCES instances(id) ON DELETE CASCADE,
  tool_name TEXT NOT NULL,
  success INTEGER NOT NULL,
  error_message TEXT,
  metadata TEXT,
  git_commit_hash TEXT,
  status_change TEXT,
  is_status_updating INTEGER NOT NULL DEFAULT 0,
  timestamp INTEGER NOT NULL DEFAULT (unixepoch())
);

CREATE TABLE instance_relationships (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  parent_instance TEXT NOT NULL REFERENCES instances(id) ON DELETE CASCADE,
  child_instance TEXT NOT NULL REFERENCES instances(id) ON DELETE CASCADE,
  relationship_type TEXT NOT NULL,
  review_iteration INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL DEFAULT (unixepoch()),
  metadata TEXT
);

CREATE TABLE github_issues (
  number INTEGER PRIMARY KEY NOT NULL,
  title TEXT NOT NULL,
  body TEXT,
  state TEXT NOT NULL,
  assignee TEXT,
  labels TEXT,
  created_at INTEGER NOT NULL DEFAULT (unixepoch()),
  updated_at INTEGER NOT NULL DEFAULT (unixepoch()),
  synced_at INTEGER NOT NULL DEFAULT (unixepoch()),
  repo_owner TEXT NOT NULL,
  repo_name TEXT NOT NULL
);

CREATE TABLE user_config (
  key TEXT PRIMARY KEY NOT NULL,
  value TEXT NOT NULL,
  encrypted INTEGER NOT NULL DEFAULT 0,
  updated_at INTEGER NOT NULL DEFAULT (unixepoch())
);

-- listInstances({ statuses })
CREATE INDEX idx_instances_status ON instances(status);
-- listInstances() in its default order
CREATE INDEX idx_instances_last_activity ON instances(last_activity);
-- listInstances({ issueNumber })
CREATE INDEX idx_instances_issue_number ON instances(issue_number);
-- listInstances({ types })
CREATE INDEX idx_instances_type ON instances(type);
-- listInstances({ parentInstance }), and children when a parent is deleted
CREATE INDEX idx_instances_parent ON instances(parent_instance_id);

-- getMCPEvents, and events when their instance is deleted
CREATE INDEX idx_mcp_events_instance_id ON mcp_events(instance_id);
-- getRecentMCPEvents, and what maintenance deletes
CREATE INDEX idx_mcp_events_timestamp ON mcp_events(timestamp);
-- queries of the caller's own: which tools were used
CREATE INDEX idx_mcp_events_tool_name ON mcp_events(tool_name);
-- queries of the caller's own: what failed
CREATE INDEX idx_mcp_events_success ON mcp_events(success);

-- getRelationships, and relationships when their parent is deleted
CREATE INDEX idx_relationships_parent ON instance_relationships(parent_instance);
-- getRelationships, and relationships when their child is deleted
CREATE INDEX idx_relationships_child ON instance_relationships(child_instance);
-- queries of the caller's own: all of a type
CREATE INDEX idx_relationships_type ON instance_relationships(relationship_type);
-- createRelationship and updateRelationship: one of a kind
CREATE UNIQUE INDEX instance_relationships_parent_instance_child_instance_relationship_type_unique
  ON instance_relationships(parent_instance, child_instance, relationship_type);

-- queries of the caller's own: open issues
CREATE INDEX idx_github_issues_state ON github_issues(state);
-- queries of the caller's own: which copies are old
CREATE INDEX idx_github_issues_synced_at ON github_issues(synced_at);
-- queries of the caller's own: issues of a repository
CREATE INDEX idx_github_issues_repo ON github_issues(repo_owner, repo_name);

CREATE VIEW relationships AS
  SELECT id, parent_instance, child_instance, relationship_type, review_iteration, created_at, metadata
  FROM instance_relationships;
