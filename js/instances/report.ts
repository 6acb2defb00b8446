/**
 * From the core's description of a failure to the error that the caller catches.
 */
import type { ErrorReport } from '../native.js';
import { causeOf } from '../report.js';
import { DatabaseError, ERROR_CODES, type ErrorCode } from './errors.js';

/** Codes that say by themselves what is wrong: the ids of the call would only repeat it. */
const SPECIFIC: readonly ErrorCode[] = [
  ERROR_CODES.DATABASE_INSTANCE_EXISTS,
  ERROR_CODES.DATABASE_INSTANCE_NOT_FOUND,
  ERROR_CODES.DATABASE_RELATIONSHIP_EXISTS,
];

/**
 * The error for a failed `operation`; `ids` are what its arguments name. Call it where V8's asynchronous stack still names
 * the caller's line.
 */
export function toError(
  report: ErrorReport,
  operation: string,
  ids: Readonly<Record<string, unknown>> = {},
  code = codeOf(report),
): DatabaseError {
  const { message, extendedCode, details = { error: report.reason ?? message } } = report;
  return new DatabaseError(message, {
    code,
    details: SPECIFIC.includes(code) ? details : { ...ids, ...details },
    extendedCode,
    operation,
    cause: causeOf(report),
  });
}

/** What the facade itself has met has no code of the module. */
function codeOf({ code }: ErrorReport): ErrorCode {
  return Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : ERROR_CODES.DATABASE_OPERATION_FAILED;
}
