import { assign, type ErrorFacts, nameClasses, RunledgerError } from '../errors.js';

/** What a {@link SqliteError} knows besides its message. */
export interface SqliteErrorFacts extends ErrorFacts {
  /** SQLite's extended result code as a number. */
  rawCode?: number | undefined;
  /** Byte offset in the SQL. */
  offset?: number | undefined;
}

/**
 * SQLite refused a statement or a file. `message` is SQLite's own text.
 *
 * @example
 * try {
 *   insert.run(email);
 * } catch (error) {
 *   if (error instanceof SqliteError && error.code === 'SQLITE_CONSTRAINT_UNIQUE') return 'taken';
 *   throw error;
 * }
 */
export class SqliteError extends RunledgerError {
  /** The extended result code by name: `'SQLITE_CONSTRAINT_UNIQUE'`, `'SQLITE_BUSY'`, `'SQLITE_ERROR'`, … */
  declare readonly code: string;
  /** The same as `code`. */
  declare readonly extendedCode: string;
  /** The extended result code as a number, for instance 2067. */
  declare readonly rawCode: number;
  /** Byte offset in the SQL, when SQLite knows it. */
  declare readonly offset?: number;

  constructor(message: string, code: string, facts: SqliteErrorFacts = {}) {
    super(message, { ...facts, code, extendedCode: code });
    assign(this, { rawCode: facts.rawCode, offset: facts.offset });
  }
}

nameClasses({ SqliteError });
