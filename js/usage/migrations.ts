/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `runledger/usage/migrations`: the migrations of the usage tables, and further ones of an application.
 */
export { MigrationError, RunledgerError } from '../errors.js';
export type { MigrationChange, MigrationPlanItem, ValidationReport } from '../migration/reports.js';
export type { Migration, MigrationRecord, MigrationStatus } from './migration.js';
export { MigrationRunner } from './runner.js';
