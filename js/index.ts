/**
 * runledger: the local database for AI-agent telemetry.
 */
export { DB_VERSION, DEFAULT_DB_CONFIG, SCHEMA_VERSION } from './config.js';
export {
  ConnectionError,
  DatabaseError,
  DrizzleTelemetryConnectionError,
  DrizzleTelemetryError,
  DrizzleTelemetryMigrationError,
  DrizzleTelemetryQueryError,
  MigrationError,
  QueryError,
  QueryTimeoutError,
  RunledgerError,
  ValidationError,
} from './errors.js';
export { DrizzleTelemetryOperations } from './operations.js';
export {
  auditOperations,
  bufferStatuses,
  eventTypes,
  sessionStatuses,
  severityLevels,
  telemetryAuditLog,
  telemetryBuffers,
  telemetryBuffersRelations,
  telemetryErrors,
  telemetryErrorsRelations,
  telemetryEvents,
  telemetryEventsRelations,
  telemetrySchemaVersions,
  telemetrySessions,
  telemetrySessionsRelations,
  telemetryStats,
  telemetryValidationRules,
} from './schema.js';
export { closeTelemetryDB, getTelemetryDB, initializeTelemetryDB } from './registry.js';
export { DrizzleTelemetryDB } from './telemetry-db.js';
export type * from './types.js';
