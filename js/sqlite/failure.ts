/**
 * From the core's description of a failure to the error that the caller catches.
 */
import { MigrationError, RunledgerError } from '../errors.js';
import { type FailureReport, native } from '../native.js';
import { SqliteError } from './sqlite-error.js';

/** An error of the language with a stable `code`. */
export function misuse(Class: typeof TypeError | typeof RangeError, code: string, message: string): Error {
  return Object.assign(new Class(message), { code });
}

/** The argument `what` is of the wrong type. */
export function wrongType(what: string, wanted: string): Error {
  return misuse(TypeError, 'ERR_INVALID_ARG_TYPE', `Expected ${what} to be ${wanted}`);
}

/** The error for the failure of `operation` that native code has kept. */
export function lastFailure(operation: string): Error {
  return toError(native().sqliteFailure(), operation);
}

/** The error for a failure of `operation`. */
export function toError(report: FailureReport, operation: string): Error {
  const { class: name, code, message, rawCode, offset, module = '', version, details } = report;
  switch (name) {
    case 'TypeError':
      return misuse(TypeError, code, message);
    case 'RangeError':
      return misuse(RangeError, code, message);
    case 'SqliteError':
      return new SqliteError(message, code, { rawCode, offset, operation });
    case 'MigrationError': {
      const cause = report.cause === undefined ? undefined : toError(report.cause, operation);
      return new MigrationError(message, { code, operation, module, version, details, cause });
    }
    default:
      return new RunledgerError(message, { code, operation, cause: systemError(report) });
  }
}

/** What the system said, in the shape of Node's own errors. */
export function systemError({ message, systemCode, path }: FailureReport): Error | undefined {
  if (systemCode === undefined) return undefined;
  return Object.assign(new Error(message), { code: systemCode, syscall: 'mkdir', path });
}
