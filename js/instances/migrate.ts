/**
 * `runledger/instances/migrate`: the tables of instances, created or brought up to date.
 */
import { applyMigrations, builtInMigrations } from '../migration/engine.js';
import { Database } from '../sqlite/database.js';
import { migrate, open } from './database.js';
import { DatabaseError, ERROR_CODES } from './errors.js';
import { toError } from './report.js';
import type { DatabaseInterface } from './interface.js';

export { MigrationError, RunledgerError } from '../errors.js';
export type { MigrationChange, MigrationPlanItem, ValidationReport } from '../migration/reports.js';

const { DATABASE_SCHEMA_MIGRATION_FAILED } = ERROR_CODES;

/**
 * Create the tables in the file that `url` names, or bring them up to date: a path, with or without `file:`.
 *
 * @throws {DatabaseError} `DATABASE_SCHEMA_MIGRATION_FAILED`
 */
export async function runMigrations(url: string): Promise<void> {
  if (typeof url !== 'string') throw refusal('runMigrations', 'url must be a string');
  try {
    const db = await open({ local: { file: url, logQueries: false } });
    await db.disconnect();
  } catch (error) {
    throw renamed(error, 'runMigrations');
  }
}

/**
 * Create the tables in an open database, or bring them up to date. On a synchronous `Database` of `runledger/sqlite`, and a
 * Drizzle database over one, this happens on the calling thread.
 *
 * @throws {DatabaseError} `DATABASE_SCHEMA_MIGRATION_FAILED`
 */
export async function runMigrationsWithDatabase(
  db: DatabaseInterface | Database | { $client: Database },
): Promise<void> {
  const operation = 'runMigrationsWithDatabase';
  if (typeof db !== 'object' || db === null) throw refusal(operation, 'db must be a database');
  const client: unknown = '$client' in db ? db.$client : db;
  if (client instanceof Database) {
    migrateNow(client, operation);
    return;
  }
  const migrating = migrate(db);
  if (migrating === undefined) throw refusal(operation, 'db must be a database of runledger');
  const report = await migrating;
  if (report !== undefined) throw toError(report, operation, {}, DATABASE_SCHEMA_MIGRATION_FAILED);
}

function migrateNow(db: Database, operation: string): void {
  try {
    applyMigrations(db, 'instances', builtInMigrations('instances'), { allowDestructive: false, dryRun: false }, operation);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new DatabaseError(message, { code: DATABASE_SCHEMA_MIGRATION_FAILED, details: { error: message }, operation, cause });
  }
}

/** The same failure as one of a migration. */
function renamed(error: unknown, operation: string): unknown {
  if (!(error instanceof DatabaseError)) return error;
  const { message, cause, extendedCode, details } = error;
  return new DatabaseError(message, {
    code: DATABASE_SCHEMA_MIGRATION_FAILED,
    details: { error: details['error'] ?? message },
    extendedCode,
    operation,
    cause,
  });
}

function refusal(operation: string, message: string): DatabaseError {
  return new DatabaseError(message, { code: DATABASE_SCHEMA_MIGRATION_FAILED, details: { error: message }, operation });
}
