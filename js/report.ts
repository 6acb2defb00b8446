/**
 * From the core's description of a failure to the error that the caller catches.
 */
import {
  ConnectionError,
  DatabaseError,
  DrizzleTelemetryConnectionError,
  DrizzleTelemetryMigrationError,
  type ErrorFacts,
  MigrationError,
  QueryTimeoutError,
  RunledgerError,
  ValidationError,
} from './errors.js';
import type { ErrorReport } from './native.js';

/**
 * The error for a failed `operation`. Call it in the continuation of the public method, where V8's asynchronous stack
 * still names the caller's line. `source` is the record or filter that was given, for the error's `value`.
 */
export function toError(report: ErrorReport, operation: string, source?: unknown): Error {
  const { code, extendedCode, message } = report;
  const facts: ErrorFacts = { code, extendedCode, operation, cause: causeOf(report), details: detailsOf(report) };
  switch (report.class) {
    case 'ValidationError': {
      const { field, index, ruleId } = report;
      return new ValidationError(message, { ...facts, field, index, ruleId, value: valueOf(report, source) });
    }
    case 'ConnectionError':
      return new ConnectionError(message, facts);
    case 'QueryTimeoutError':
      return new QueryTimeoutError(message, facts);
    case 'DrizzleTelemetryConnectionError':
      return new DrizzleTelemetryConnectionError(message, facts.cause, facts);
    case 'DrizzleTelemetryMigrationError':
      return new DrizzleTelemetryMigrationError(message, facts.cause, facts);
    case 'MigrationError':
      return migrationError(report);
    case 'AbortError':
      return new DOMException(message, 'AbortError');
    default:
      return new DatabaseError(message, facts);
  }
}

/** A failure that the facade itself met. */
export function internalReport(operation: string, error: unknown): ErrorReport {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `Database operation failed during ${operation}: ${reason}`;
  return { class: 'DatabaseError', code: 'INTERNAL_ERROR', message, reason };
}

/** The underlying error of a failure, where there is one. */
export function causeOf(report: ErrorReport): unknown {
  if (report.migration !== undefined) return migrationError(report);
  const { code, extendedCode, reason } = report;
  // These are the reason themselves.
  if (/^(VALIDATION_ERROR|DATABASE_CLOSED|ERR_.*)$/.test(code)) return undefined;
  return new RunledgerError(reason, { code: extendedCode ?? code, extendedCode });
}

function migrationError({ migration, message, code }: ErrorReport): MigrationError {
  return migration === undefined
    ? new MigrationError(message, { code, module: 'telemetry' })
    : new MigrationError(migration.message, migration);
}

function detailsOf({ field, index, ruleId, migration }: ErrorReport): Record<string, unknown> | undefined {
  if (migration !== undefined) return migration.details;
  const given = Object.entries({ field, index, ruleId }).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** The core knows primitives only; the rest is looked up where the caller gave it. */
function valueOf({ field, value }: ErrorReport, source: unknown): unknown {
  if (value !== undefined || field === undefined || typeof source !== 'object' || source === null) return value;
  return (source as Record<string, unknown>)[field];
}
