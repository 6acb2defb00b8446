import { type ErrorFacts, nameClasses, RunledgerError } from '../errors.js';
import type { ErrorMakers } from '../report.js';

/**
 * A call of `runledger/usage` failed; codes `USAGE_…`.
 *
 * @example
 * initDatabase({ onError: (error) => error.code === 'USAGE_SESSION_NOT_FOUND' || report(error) });
 */
export class UsageError extends RunledgerError {
  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts);
  }
}

nameClasses({ UsageError });

/** The refusal of an argument that native code never sees. */
export function invalidInput(field: string, wanted: string, operation: string): UsageError {
  return new UsageError(`${field} must be ${wanted}`, { code: 'USAGE_INVALID_INPUT', operation, details: { field } });
}

/** What functions that do not throw would have to. */
export function notInitialized(operation: string): UsageError {
  return new UsageError('The usage database is not open: call initDatabase() first', {
    code: 'USAGE_NOT_INITIALIZED',
    operation,
  });
}

/** The errors of usage. */
export const usageErrors: ErrorMakers = { other: (message, facts) => new UsageError(message, facts) };

/** The errors of opening the file at `path`. */
export function openingErrors(path: string): ErrorMakers {
  return { other: (message, facts) => new UsageError(message, { ...facts, details: { path, ...facts.details } }) };
}
