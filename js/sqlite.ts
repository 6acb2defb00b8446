/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `runledger/sqlite`: a synchronous connection in the shape of better-sqlite3.
 */
import { native } from './native.js';

export { RunledgerError } from './errors.js';
export { Database, Database as default } from './sqlite/database.js';
export { SqliteError } from './sqlite/sqlite-error.js';
export type {
  BindArgs,
  BindValue,
  ColumnInfo,
  OpenOptions,
  RunResult,
  SqlValue,
  Statement,
  Transaction,
} from './sqlite/types.js';

/** The version of the SQLite that is built in, for instance `'3.50.0'`. */
export const sqliteVersion: string = native().sqliteVersion();
