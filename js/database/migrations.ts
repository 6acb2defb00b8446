/**
 * `runledger/database/migrations`: migrations of an application, as functions and as SQL.
 */
export { MigrationError, RunledgerError } from '../errors.js';
export type { MigrationChange, MigrationPlanItem, ValidationReport } from '../migration/reports.js';
export { discoverMigrations, discoverMigrationsSync } from './discovery.js';
export type { Migration, MigrationRecord, MigrationResult, RunOptions } from './migration.js';
export { MigrationRunner } from './runner.js';
