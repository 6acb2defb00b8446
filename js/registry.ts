import { locate } from './config.js';
import { clientOf, DrizzleTelemetryDB } from './telemetry-db.js';
import type { DrizzleTelemetryConfig, MetadataFormat } from './types.js';

/** The databases of this thread by absolute path. A closed one stays: its next call opens it again. */
const databases = new Map<string, DrizzleTelemetryDB<MetadataFormat>>();

/**
 * The database of this thread for the file that `config` means. One is made at the first call for a path; later calls
 * return it whatever else their config says. `':memory:'` is a new database each time.
 *
 * @throws {ValidationError} `VALIDATION_ERROR`: `Invalid config value for <key>`.
 *
 * @example
 * getTelemetryDB({ dbPath: 'x.db' }) === getTelemetryDB({ dbPath: './x.db' }); // true
 */
export function getTelemetryDB(config?: DrizzleTelemetryConfig | null): DrizzleTelemetryDB {
  const place = locate(config?.dbPath);
  const known = place?.registrable ? databases.get(place.path) : undefined;
  if (known !== undefined) return known as DrizzleTelemetryDB;
  const db = new DrizzleTelemetryDB(config);
  const { registrable, path } = clientOf(db).configuration;
  if (registrable) databases.set(path, db);
  return db as DrizzleTelemetryDB;
}

/**
 * The database of {@link getTelemetryDB}, opened.
 *
 * @throws {DrizzleTelemetryConnectionError} if the file cannot be opened; see {@link DrizzleTelemetryDB.initialize}.
 */
export async function initializeTelemetryDB(config?: DrizzleTelemetryConfig | null): Promise<DrizzleTelemetryDB> {
  const db = getTelemetryDB(config);
  await db.initialize();
  return db;
}

/**
 * Close the database of this thread for `dbPath`, in any spelling, and forget it; without argument all of them. Does
 * nothing for a path that {@link getTelemetryDB} does not know.
 */
export async function closeTelemetryDB(dbPath?: string): Promise<void> {
  if (dbPath === undefined) {
    const all = [...databases.values()];
    databases.clear();
    await Promise.all(all.map((db) => db.close()));
    return;
  }
  const path = locate(dbPath)?.path ?? '';
  const db = databases.get(path);
  databases.delete(path);
  await db?.close();
}
