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
import { SqliteError } from './sqlite/sqlite-error.js';

/** What an error is made of. */
export interface ReportFacts extends ErrorFacts {
  field?: string | undefined;
  index?: number | undefined;
  ruleId?: number | undefined;
  value?: unknown;
}

/** Makes the error of one class. */
export type ErrorMaker = (message: string, facts: ReportFacts) => Error;

/** The errors of a module by class name; `other` makes those of all other classes. */
export interface ErrorMakers {
  readonly other: ErrorMaker;
  readonly [name: string]: ErrorMaker;
}

/** The errors of telemetry. */
export const telemetryErrors: ErrorMakers = {
  ValidationError: (message, facts) => new ValidationError(message, facts),
  ConnectionError: (message, facts) => new ConnectionError(message, facts),
  QueryTimeoutError: (message, facts) => new QueryTimeoutError(message, facts),
  DrizzleTelemetryConnectionError: (message, facts) =>
    new DrizzleTelemetryConnectionError(message, facts.cause, facts),
  DrizzleTelemetryMigrationError: (message, facts) => new DrizzleTelemetryMigrationError(message, facts.cause, facts),
  other: (message, facts) => new DatabaseError(message, facts),
};

/**
 * The error for a failed `operation`. Call it in the continuation of the public method, where V8's asynchronous stack
 * still names the caller's line. `source` is the record or filter that was given, for the error's `value`.
 */
export function toError(
  report: ErrorReport,
  operation: string,
  source?: unknown,
  makers: ErrorMakers = telemetryErrors,
): Error {
  const { code, extendedCode, message, field, index, ruleId } = report;
  if (report.class === 'MigrationError') return migrationError(report, operation);
  if (report.class === 'AbortError') return new DOMException(message, 'AbortError');
  const make = makers[report.class] ?? makers.other;
  return make(message, {
    code,
    extendedCode,
    operation,
    cause: causeOf(report),
    details: detailsOf(report),
    field,
    index,
    ruleId,
    value: valueOf(report, source),
  });
}

/** A failure that the facade itself met. */
export function internalReport(operation: string, error: unknown): ErrorReport {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `Database operation failed during ${operation}: ${reason}`;
  return { class: 'DatabaseError', code: 'INTERNAL_ERROR', message, reason };
}

/** What was the reason, as an error of its own. */
export function causeOf(report: ErrorReport): unknown {
  if (report.migration !== undefined) return migrationError(report);
  const { code, extendedCode, reason, reasonCode } = report;
  return reason === undefined ? undefined : new RunledgerError(reason, { code: extendedCode ?? reasonCode ?? code, extendedCode });
}

function migrationError({ migration, message, code }: ErrorReport, operation?: string): MigrationError {
  if (migration === undefined) return new MigrationError(message, { code, operation, module: 'telemetry' });
  const { cause } = migration;
  return new MigrationError(migration.message, {
    ...migration,
    operation,
    cause: cause && new SqliteError(cause.message, cause.code, { rawCode: cause.rawCode }),
  });
}

function detailsOf({ field, index, ruleId, details, migration }: ErrorReport): Record<string, unknown> | undefined {
  if (migration !== undefined) return migration.details;
  const given = Object.entries({ field, index, ruleId, ...details }).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

/** The core knows primitives only; the rest is looked up where the caller gave it. */
function valueOf({ field, value }: ErrorReport, source: unknown): unknown {
  if (value !== undefined || field === undefined || typeof source !== 'object' || source === null) return value;
  return (source as Record<string, unknown>)[field];
}
