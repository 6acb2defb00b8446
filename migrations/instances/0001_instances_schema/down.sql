-- The view first, and children before their parents, so that no implicit delete has to follow the foreign keys.
DROP VIEW relationships;
DROP TABLE instance_relationships;
DROP TABLE mcp_events;
DROP TABLE instances;
DROP TABLE github_issues;
DROP TABLE user_config;
