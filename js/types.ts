/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `runledger/types`: all types of the telemetry module, and its oldest errors.
 */
export type { TelemetryDrizzle } from './drizzle-peer.js';
export {
  DrizzleTelemetryConnectionError,
  DrizzleTelemetryError,
  DrizzleTelemetryMigrationError,
  DrizzleTelemetryQueryError,
  RunledgerError,
} from './errors.js';
export type {
  BufferStatus,
  ErrorSeverity,
  EventType,
  SessionStatus,
  TelemetryAuditLog,
  TelemetryBuffer,
  TelemetryError,
  TelemetryEvent,
  TelemetrySchemaVersion,
  TelemetrySession,
  TelemetryStatsRecord,
  TelemetryValidationRule,
  ValidationRuleType,
} from './generated/rows.js';
export type * from './types/config.js';
export type * from './types/filter.js';
export type * from './types/input.js';
export type * from './types/option.js';
export type * from './types/payload.js';
export type * from './types/result.js';
export type * from './types/vocabulary.js';
