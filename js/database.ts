/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `runledger/database`: an application database that migrates itself when it opens.
 */
export { AppDatabase, initDatabase } from './database/app-database.js';
export { AppDatabaseError } from './database/errors.js';
export type { DatabaseOptions } from './database/options.js';
export { MigrationError, RunledgerError } from './errors.js';
