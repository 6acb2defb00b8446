import { resolveConfig } from '../config.js';
import { MigrationError } from '../errors.js';
import { writeLog } from '../log.js';
import { native, type OpenedModule } from '../native.js';
import { adopt, closeNow, type Database } from '../sqlite/database.js';
import { lastFailure, toError } from '../sqlite/failure.js';
import { SqliteError } from '../sqlite/sqlite-error.js';
import type { Logger } from '../types.js';
import { invalidInput, notInitialized, UsageError } from './errors.js';
import { tellRun } from './log.js';
import { MigrationRunner, MODULE, REQUIRED } from './runner.js';
import type { UsageOptions } from './types.js';

/** The codes of errors about the file rather than the call: they are thrown as they are. */
const ABOUT_THE_FILE = ['MIGRATION_CONFLICT', 'MIGRATION_DIVERGED', 'MIGRATION_AHEAD', 'MIGRATION_GAP'];

/** What is open on this thread. */
export interface OpenUsage {
  readonly path: string;
  readonly db: Database;
  readonly runner: MigrationRunner;
  readonly options: Omit<UsageOptions, 'path'>;
}

let usage: OpenUsage | undefined;

/** What is open on this thread, unless the caller has closed its connection. */
export function opened(): OpenUsage | undefined {
  if (usage?.db.open === false) usage = undefined;
  return usage;
}

/**
 * Open the file of telemetry on this thread, create it if it is missing, and bring the tables of telemetry and usage up to
 * date. When the same path is open already nothing happens.
 *
 * @throws {UsageError} `USAGE_OPEN_FAILED`, `USAGE_MIGRATION_FAILED`, `USAGE_ALREADY_INITIALIZED` while another path is
 * open, `USAGE_INVALID_INPUT` for a bad option. Nothing is open then that was not before.
 * @throws {MigrationError} `MIGRATION_CONFLICT`, `MIGRATION_DIVERGED`, `MIGRATION_AHEAD`, `MIGRATION_GAP`: the file is not
 * what this release can work with, and is as it was.
 *
 * @example
 * initDatabase({ path: '.vibekit/telemetry.db', onError: console.error });
 */
export function initDatabase(options: UsageOptions = {}): void {
  const operation = 'initDatabase';
  const { path, ...checked } = checkOptions(options, operation);
  const open = opened();
  if (open?.path === path) return;
  if (open !== undefined) {
    const message = `The usage database is open already, with the file ${open.path}. Call closeDatabase() first`;
    throw new UsageError(message, { code: 'USAGE_ALREADY_INITIALIZED', operation, details: { path: open.path } });
  }
  const file = native().openUsage(path);
  if (file === null) throw failed(lastFailure(operation), path, operation);
  const db = adopt(file.connection, path, path === ':memory:');
  if (file.failure !== undefined) {
    closeNow(db);
    throw failed(toError(file.failure, operation), path, operation);
  }
  const { logger } = checked;
  usage = { path, db, runner: new MigrationRunner(db, logger === undefined ? {} : { logger }), options: checked };
  tellOpened(file, logger);
}

/** Close the file. Without an open one it does nothing. */
export function closeDatabase(): void {
  if (usage !== undefined) closeNow(usage.db);
  usage = undefined;
}

/**
 * The connection of this thread, for SQL of one's own.
 *
 * @throws {UsageError} `USAGE_NOT_INITIALIZED`
 */
export function getConnection(): Database {
  return required('getConnection').db;
}

/** What is open on this thread. */
export function required(operation: string): OpenUsage {
  const open = opened();
  if (open === undefined) throw notInitialized(operation);
  return open;
}

function checkOptions(options: unknown, operation: string): UsageOptions & { path: string } {
  if (typeof options !== 'object' || options === null) throw invalidInput('options', 'an object', operation);
  const { path, missingSession = 'reject', logger, onError } = options as UsageOptions;
  if (missingSession !== 'reject' && missingSession !== 'create') {
    throw invalidInput('missingSession', "'reject' or 'create'", operation);
  }
  if (logger !== undefined && (typeof logger !== 'object' || logger === null)) {
    throw invalidInput('logger', 'an object', operation);
  }
  if (onError !== undefined && typeof onError !== 'function') throw invalidInput('onError', 'a function', operation);
  return {
    path: resolvePath(path, operation),
    missingSession,
    ...(logger === undefined ? {} : { logger }),
    ...(onError === undefined ? {} : { onError }),
  };
}

/** As telemetry resolves its path: both have one file. */
function resolvePath(path: unknown, operation: string): string {
  try {
    return resolveConfig({ dbPath: path }).path;
  } catch {
    throw invalidInput('path', 'the path of a file', operation);
  }
}

/** Opening never meets these: they come from the SQL of a migration or an adoption. */
const OF_A_MIGRATION = /^(MIGRATION_|SQLITE_ERROR|SQLITE_CONSTRAINT|INTERNAL_ERROR)/;

function failed(cause: Error, path: string, operation: string): Error {
  if (cause instanceof MigrationError && ABOUT_THE_FILE.includes(cause.code)) return cause;
  const extendedCode = cause instanceof SqliteError ? cause.extendedCode : undefined;
  const isOpen = OF_A_MIGRATION.test(String((cause as { code?: unknown }).code));
  const [code, what] = isOpen ? ['USAGE_MIGRATION_FAILED', 'migrate'] : ['USAGE_OPEN_FAILED', 'open'];
  const message = `Failed to ${what} the usage database ${path}: ${cause.message}`;
  return new UsageError(message, { code, extendedCode, operation, details: { path }, cause });
}

function tellOpened({ warnings, migrations = [] }: OpenedModule, logger: Logger | undefined): void {
  for (const message of warnings) writeLog(logger, { level: 'warn', message });
  for (const [position, report] of migrations.entries()) tellRun(logger, [REQUIRED, MODULE][position]!, report);
}
