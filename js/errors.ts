/** What an error knows besides its message. */
export interface ErrorFacts {
  /** Stable and upper case. */
  code?: string | undefined;
  /** SQLite's extended result code by name. */
  extendedCode?: string | undefined;
  /** The method that failed. */
  operation?: string | undefined;
  /** Structured facts for programs and logs. */
  details?: Readonly<Record<string, unknown>> | undefined;
  /** The underlying error. */
  cause?: unknown;
}

/** Copies facts that are there: an absent one is no property at all. */
export function assign(target: object, facts: object): void {
  for (const [key, value] of Object.entries(facts)) {
    if (value !== undefined) Object.defineProperty(target, key, { value, enumerable: true, configurable: true });
  }
}

/**
 * Every error that runledger makes. Branch on {@link RunledgerError.code}, never on the message.
 *
 * @example
 * try {
 *   await operations.insertEvent(event);
 * } catch (error) {
 *   if (error instanceof RunledgerError && error.code === 'SQLITE_BUSY') retryLater(event);
 *   else throw error;
 * }
 */
export class RunledgerError extends Error {
  /** The class name. */
  declare readonly name: string;
  /** Stable, upper case. */
  declare readonly code: string;
  /** For instance `'SQLITE_CONSTRAINT_UNIQUE'`, when SQLite was the reason. */
  declare readonly extendedCode?: string;
  /** The method that failed, for instance `'insertEvent'`. */
  declare readonly operation?: string;
  /** Structured facts. */
  declare readonly details?: Readonly<Record<string, unknown>>;
  /** The underlying error. */
  declare readonly cause?: unknown;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    const { code = 'UNKNOWN_ERROR', extendedCode, operation, details } = facts;
    assign(this, { code, extendedCode, operation, details });
  }
}

/** Base class of the errors of the telemetry module. */
export class DrizzleTelemetryError extends RunledgerError {
  constructor(message: string, cause?: unknown, facts: ErrorFacts = {}) {
    super(message, cause === undefined ? facts : { ...facts, cause });
  }
}

/** The file could not be opened. `code` is SQLite's primary code or `CONNECTION_ERROR`. */
export class DrizzleTelemetryConnectionError extends DrizzleTelemetryError {
  constructor(message: string, cause?: unknown, facts: ErrorFacts = {}) {
    super(message, cause, { ...facts, code: facts.code ?? 'CONNECTION_ERROR' });
  }
}

/** Migrating or adopting the file failed; `cause` is the {@link MigrationError}. `code` is `MIGRATION_ERROR`. */
export class DrizzleTelemetryMigrationError extends DrizzleTelemetryConnectionError {
  constructor(message: string, cause?: unknown, facts: ErrorFacts = {}) {
    super(message, cause, { ...facts, code: facts.code ?? 'MIGRATION_ERROR' });
  }
}

/** Kept for code that names it; never thrown. */
export class DrizzleTelemetryQueryError extends DrizzleTelemetryError {}

/** An operation failed in the database. */
export class DatabaseError extends DrizzleTelemetryError {
  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts.cause, facts);
  }

  /** The same as `cause`. */
  get originalError(): unknown {
    return this.cause;
  }

  /** A {@link MigrationError} counts as a `DatabaseError`, though it stands elsewhere in the hierarchy. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true;
    return this === DatabaseError && value instanceof MigrationError;
  }
}

/** The connection failed (`CONNECTION_ERROR`) or was closed under an iterator (`DATABASE_CLOSED`). */
export class ConnectionError extends DatabaseError {}

/** What was wrong with a piece of input. */
export interface ValidationFacts extends ErrorFacts {
  field?: string | undefined;
  value?: unknown;
  index?: number | undefined;
  ruleId?: number | undefined;
}

/** Input was refused: before the database (`VALIDATION_ERROR`) or by a constraint (`SQLITE_CONSTRAINT`). */
export class ValidationError extends DatabaseError {
  /** The property that was refused. */
  declare readonly field?: string;
  /** The refused value. */
  declare readonly value?: unknown;
  /** Position within the batch. */
  declare readonly index?: number;
  /** The validation rule that refused it. */
  declare readonly ruleId?: number;

  constructor(message: string, facts: ValidationFacts = {}) {
    super(message, { ...facts, code: facts.code ?? 'VALIDATION_ERROR' });
    const { field, value, index, ruleId } = facts;
    assign(this, { field, value, index, ruleId });
  }
}

/** A query failed. */
export class QueryError extends DatabaseError {}

/** The SQL of a call ran longer than `queryTimeoutMs`. `code` is `SQLITE_INTERRUPT`. */
export class QueryTimeoutError extends QueryError {}

/** What a migration error knows. */
export interface MigrationFacts extends ErrorFacts {
  module: string;
  version?: number | undefined;
}

/** A migration, an adoption or a rollback did not happen; codes `MIGRATION_…`. */
export class MigrationError extends RunledgerError {
  /** The module whose migrations these are, for instance `'telemetry'`. */
  declare readonly module: string;
  /** The version at fault. */
  declare readonly version?: number;

  constructor(message: string, facts: MigrationFacts) {
    super(message, facts);
    assign(this, { module: facts.module, version: facts.version });
  }
}

/** Puts names on the prototypes, so that they survive minification and are no properties of each error. */
export function nameClasses(classes: Record<string, { prototype: object }>): void {
  for (const [name, type] of Object.entries(classes)) {
    Object.defineProperty(type.prototype, 'name', { value: name, writable: true, configurable: true });
  }
}

nameClasses({
  RunledgerError,
  DrizzleTelemetryError,
  DrizzleTelemetryConnectionError,
  DrizzleTelemetryMigrationError,
  DrizzleTelemetryQueryError,
  DatabaseError,
  ConnectionError,
  ValidationError,
  QueryError,
  QueryTimeoutError,
  MigrationError,
});
