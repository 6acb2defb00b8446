DROP TABLE main.workflows;
DROP TABLE main.rules;
DROP TABLE main.agents;
