/**
 * `runledger/instances`: the database of a multi-agent runner.
 */
import { open } from './instances/database.js';
import type { DatabaseInterface } from './instances/interface.js';
import type { DatabaseConfig, DeepPartial } from './instances/types.js';

export { MigrationError, RunledgerError } from './errors.js';
export { getDefaultDatabaseConfig } from './instances/config.js';
export { SQLiteDatabase } from './instances/database.js';
export type { DatabaseInterface } from './instances/interface.js';
export type * from './instances/types.js';

/**
 * Open a database of instances: make the file and its tables if they are missing.
 *
 * @throws {DatabaseError} `DATABASE_INITIALIZATION_FAILED`: `details.field` names a bad value of the configuration; a file
 * that is not ours is left as it is, with the `MigrationError` as `cause`.
 *
 * @example
 * const db = await initializeDatabase({ local: { file: 'agents.db' } });
 */
export async function initializeDatabase(config?: DeepPartial<DatabaseConfig>): Promise<DatabaseInterface> {
  return open(config);
}
