DROP TABLE main.audit_log;
