/**
 * `runledger/instances/errors`: what the methods of the instances module throw.
 */
import { RunledgerError } from '../errors.js';

export { RunledgerError } from '../errors.js';

/** The codes that are thrown, and behind them those that exist so that comparisons of older code compile. */
const CODES = [
  'DATABASE_CONNECTION_FAILED',
  'DATABASE_INITIALIZATION_FAILED',
  'DATABASE_SCHEMA_MIGRATION_FAILED',
  'DATABASE_INSTANCE_EXISTS',
  'DATABASE_INSTANCE_NOT_FOUND',
  'DATABASE_RELATIONSHIP_EXISTS',
  'DATABASE_INSERT_FAILED',
  'DATABASE_UPDATE_FAILED',
  'DATABASE_DELETE_FAILED',
  'DATABASE_QUERY_FAILED',
  'DATABASE_LOG_FAILED',
  'DATABASE_OPERATION_FAILED',
  'DATABASE_FILE_PERMISSION_DENIED',
  'DATABASE_VALIDATION_FAILED',
  'DATABASE_INVALID_STATUS_TRANSITION',
  'DATABASE_PARENT_INSTANCE_NOT_FOUND',
  'DATABASE_CHILD_INSTANCE_NOT_FOUND',
] as const;

/** A code of {@link DatabaseError}. */
export type ErrorCode = (typeof CODES)[number];

/** Every code; each value equals its key. The last five are never thrown. */
export const ERROR_CODES = Object.freeze(Object.fromEntries(CODES.map((code) => [code, code]))) as {
  readonly [Code in ErrorCode]: Code;
};

const SUGGESTIONS: { readonly [Code in ErrorCode]?: string } = {
  DATABASE_CONNECTION_FAILED: 'Check the path and your access rights.',
  DATABASE_INITIALIZATION_FAILED: 'Check the path, your access rights and the tables that exist.',
  DATABASE_SCHEMA_MIGRATION_FAILED: 'Run `runledger instances status`.',
  DATABASE_INSTANCE_EXISTS: 'Choose another id or update the existing instance.',
  DATABASE_INSTANCE_NOT_FOUND: 'Check the id with `listInstances`.',
  DATABASE_RELATIONSHIP_EXISTS: 'Update the existing relationship.',
};

/** What a {@link DatabaseError} knows besides its message. */
export interface DatabaseErrorFacts {
  code: ErrorCode;
  details?: Readonly<Record<string, unknown>>;
  extendedCode?: string | undefined;
  operation?: string | undefined;
  cause?: unknown;
}

/**
 * Every error of the instances module. Branch on `code`; `details` holds the ids of the call and, as `error`, the text of
 * the cause.
 *
 * @example
 * try {
 *   await db.createInstance(instance);
 * } catch (error) {
 *   if (error instanceof DatabaseError && error.code === ERROR_CODES.DATABASE_INSTANCE_EXISTS) return;
 *   throw error;
 * }
 */
export class DatabaseError extends RunledgerError {
  declare readonly code: ErrorCode;
  declare readonly details: Readonly<Record<string, unknown>>;
  /** Always `'database'`. */
  declare readonly module: 'database';
  /** When it was made. */
  declare readonly timestamp: Date;

  constructor(message: string, facts: DatabaseErrorFacts) {
    super(message, { ...facts, details: facts.details ?? {} });
    for (const [key, value] of Object.entries({ module: 'database', timestamp: new Date() })) {
      Object.defineProperty(this, key, { value, enumerable: true, configurable: true });
    }
  }

  /** What a log can hold. */
  toJSON(): {
    name: string;
    message: string;
    code: string;
    module: string;
    details: object;
    timestamp: string;
    stack?: string;
  } {
    const { name, message, code, module, details, timestamp, stack } = this;
    const json = { name, message, code, module, details, timestamp: timestamp.toISOString() };
    return stack === undefined ? json : { ...json, stack };
  }

  /** The message, and what to do about it where that can be said. */
  getUserMessage(): string {
    const suggestion = SUGGESTIONS[this.code];
    return suggestion === undefined ? this.message : `${this.message}\n\nSuggestion: ${suggestion}`;
  }
}

// On the prototype, so that the name survives minification and is no property of each error.
Object.defineProperty(DatabaseError.prototype, 'name', { value: 'DatabaseError', writable: true, configurable: true });
