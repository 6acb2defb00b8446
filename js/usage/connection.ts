import { writeLog } from '../log.js';
import { native, type OpenedModule } from '../native.js';
import { toError } from '../report.js';
import { adopt, closeNow, type Database } from '../sqlite/database.js';
import type { Logger } from '../types.js';
import { notInitialized, openingErrors, UsageError } from './errors.js';
import { tellRun } from './log.js';
import { checkOptions } from './options.js';
import { MigrationRunner, MODULE, REQUIRED } from './runner.js';
import type { UsageOptions } from './types.js';

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
  const answer = native().openUsage(path);
  if ('error' in answer) throw toError(answer.error, operation, undefined, openingErrors(path));
  const { connection } = answer.opened;
  const db = adopt(connection, path, path === ':memory:');
  const { logger } = checked;
  usage = { path, db, runner: new MigrationRunner(db, logger === undefined ? {} : { logger }), options: checked };
  tellOpened(answer.opened, logger);
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

function tellOpened({ warnings, migrations = [] }: OpenedModule, logger: Logger | undefined): void {
  for (const message of warnings) writeLog(logger, { level: 'warn', message });
  for (const [position, report] of migrations.entries()) tellRun(logger, [REQUIRED, MODULE][position]!, report);
}
