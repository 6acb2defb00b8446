import { required } from './connection.js';
import type { MigrationStatus } from './migration.js';
import type { MigrationRunner } from './runner.js';

/**
 * The runner of the open file, always the same one: what is registered with it stays.
 *
 * @throws {UsageError} `USAGE_NOT_INITIALIZED`
 */
export function getMigrationRunner(): MigrationRunner {
  return required('getMigrationRunner').runner;
}

/**
 * Where the open file stands.
 *
 * @throws {UsageError} `USAGE_NOT_INITIALIZED`
 */
export function getMigrationStatus(): MigrationStatus {
  return required('getMigrationStatus').runner.getStatus();
}

/**
 * Apply what is pending; see {@link MigrationRunner.migrate}.
 *
 * @throws {UsageError} `USAGE_NOT_INITIALIZED`
 */
export async function runMigrations(): Promise<void> {
  await required('runMigrations').runner.migrate();
}

/**
 * Roll the usage tables back; see {@link MigrationRunner.rollback}. Version 0 has none: their data is gone.
 *
 * @throws {UsageError} `USAGE_NOT_INITIALIZED`
 */
export async function rollbackMigrations(targetVersion?: number): Promise<void> {
  await required('rollbackMigrations').runner.rollback(targetVersion);
}
