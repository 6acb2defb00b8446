DROP TABLE workflows;
DROP TABLE rules;
DROP TABLE agents;
