DROP TABLE tool_calls;
DROP TABLE sessions;
