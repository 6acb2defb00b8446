/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `runledger/usage`: the settings of a usage monitor and the history of its snapshots, in the file of telemetry.
 *
 * The functions work on one connection of the thread that calls them.
 */
export { MigrationError, RunledgerError } from './errors.js';
export type { Logger } from './types/vocabulary.js';
export { closeDatabase, getConnection, initDatabase } from './usage/connection.js';
export { UsageError } from './usage/errors.js';
export {
  getMigrationRunner,
  getMigrationStatus,
  rollbackMigrations,
  runMigrations,
} from './usage/migration-functions.js';
export {
  deleteOldUsageSnapshots,
  getUsageConfig,
  getUsageSnapshots,
  getUsageSnapshotsBySession,
  insertUsageSnapshot,
  resetUsageConfig,
  updateUsageConfig,
  validateDatabase,
} from './usage/operations.js';
export type { NewUsageSnapshot, UsageConfig, UsageOptions, UsagePlan, UsageSnapshot } from './usage/types.js';
