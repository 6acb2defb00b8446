DROP TABLE usage_snapshots;
DROP TABLE usage_config;
