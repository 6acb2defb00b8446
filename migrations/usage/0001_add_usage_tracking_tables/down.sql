DROP TABLE main.usage_snapshots;
DROP TABLE main.usage_config;
