/**
 * `runledger/connection`: the database class and the registry of databases.
 */
export { RunledgerError } from './errors.js';
export { closeTelemetryDB, getTelemetryDB, initializeTelemetryDB } from './registry.js';
export { DrizzleTelemetryDB } from './telemetry-db.js';
