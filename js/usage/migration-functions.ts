import { required } from './connection.js';
import type { MigrationStatus } from './migration.js';
import type { MigrationRunner } from './runner.js';

/**
 * The runner of the open file, the same one until that is closed: what is registered with it stays so long.
 *
 * @throws {UsageError} `USAGE_NOT_INITIALIZED`
 */
export function getMigrationRunner(): MigrationRunner {
  return required('getMigrationRunner').runner;
}

/**
 * Where the open file stands; see {@link MigrationRunner.getStatus}.
 *
 * @throws {UsageError} `USAGE_NOT_INITIALIZED`
 */
export function getMigrationStatus(): MigrationStatus {
  return required('getMigrationStatus').runner.getStatus();
}

/**
 * Apply what is pending; see {@link MigrationRunner.migrate}. What loses data needs the approval that `migrate` takes.
 *
 * @throws {UsageError} `USAGE_NOT_INITIALIZED`, as a rejection like the others.
 * @throws {MigrationError} as {@link MigrationRunner.migrate}
 */
export async function runMigrations(): Promise<void> {
  await required('runMigrations').runner.migrate();
}

/**
 * Roll the usage tables back; see {@link MigrationRunner.rollback}. Version 0 has none: their data is gone.
 *
 * @param targetVersion an integer from 0 to the current version − 1, which is the default.
 * @throws {UsageError} `USAGE_NOT_INITIALIZED`, as a rejection like the others.
 * @throws {MigrationError} as {@link MigrationRunner.rollback}
 */
export async function rollbackMigrations(targetVersion?: number): Promise<void> {
  await required('rollbackMigrations').runner.rollback(targetVersion);
}
