import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { BetterSQLite3Database } from '../drizzle-driver.js';
import { drizzlePeer } from '../drizzle-peer.js';
import { drizzle } from '../drizzle.js';
import { writeLog } from '../log.js';
import { native } from '../native.js';
import { toError } from '../report.js';
import { adopt, closeNow, type Database } from '../sqlite/database.js';
import type { Logger } from '../types.js';
import { drizzleMissing, errorsOf, logged } from './errors.js';
import { placeOf } from './options.js';
import type * as schema from './schema.js';
import { tablesOf } from './tables.js';
import type { AnalyticsOptions } from './types.js';

/** A Drizzle database with the tables of `runledger/analytics/schema`; `any` where the optional peer is not installed. */
export type AnalyticsDatabase = BetterSQLite3Database<typeof schema> & {
  /** The synchronous connection; `close()` closes it. */
  $client: Database;
};

/**
 * Open the analytics file with Drizzle, on a connection of its own: `db.$client.close()` closes it. The directory is made with
 * mode 0700 and the file with 0600. What is written through it does not change `tool_count`.
 *
 * @throws {AnalyticsError} `ANALYTICS_DRIZZLE_MISSING` without the peer `drizzle-orm`; else as `AnalyticsRecorder.open`.
 *
 * @example
 * import { sessions } from 'runledger/analytics/schema';
 *
 * const db = createAnalyticsDb();
 * db.insert(sessions).values({ startedAt: new Date() }).run();
 * db.$client.close();
 */
export function createAnalyticsDb(options?: AnalyticsOptions): AnalyticsDatabase {
  const { path, migrate, logger } = placeOf(options, 'createAnalyticsDb');
  return logged(logger, () => open(path, migrate, logger));
}

/** The same function under the name that DevFlow analytics has for it. */
export const createAnalyticsDatabase: typeof createAnalyticsDb = createAnalyticsDb;

function open(path: string, migrate: boolean, logger: Logger | undefined): AnalyticsDatabase {
  const peer = drizzlePeer();
  if (peer === undefined) throw drizzleMissing('createAnalyticsDb');
  const directory = path !== ':memory:' && !existsSync(dirname(path)) ? dirname(path) : undefined;
  const answer = native().openAnalytics(path, migrate);
  if (directory !== undefined && existsSync(directory)) {
    writeLog(logger, { level: 'info', message: 'analytics: directory created', fields: { path: directory } });
  }
  if ('error' in answer) throw toError(answer.error, 'createAnalyticsDb', undefined, errorsOf(path));
  const { connection, journalMode, warnings, migrations = [] } = answer.opened;
  for (const message of warnings) writeLog(logger, { level: 'warn', message });
  writeLog(logger, { level: 'info', message: 'analytics: database opened', fields: { path, journalMode } });
  const applied = migrations.flatMap(({ items }) => items).filter(({ status }) => status === 'applied').length;
  if (applied > 0) writeLog(logger, { level: 'info', message: 'analytics: migrations applied', fields: { applied } });
  return drizzle(adopt(connection, path, path === ':memory:'), { schema: tablesOf(peer) }) as AnalyticsDatabase;
}

let kept: AnalyticsDatabase | undefined;

/**
 * The database of this thread with default options, opened by the first call, and again after it was closed.
 *
 * @throws as {@link createAnalyticsDb}
 */
export function getAnalyticsDatabase(): AnalyticsDatabase {
  if (kept === undefined || !kept.$client.open) kept = createAnalyticsDb();
  return kept;
}

/**
 * Close the database of {@link getAnalyticsDatabase} and forget it; without one do nothing. A transaction that is open is
 * rolled back.
 */
export function closeAnalyticsDatabase(): void {
  if (kept !== undefined) closeNow(kept.$client);
  kept = undefined;
}
