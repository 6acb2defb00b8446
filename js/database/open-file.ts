import { facts } from '../migration/script.js';
import { type AppliedReport, native } from '../native.js';
import { adopt, type Database } from '../sqlite/database.js';
import { systemError, toError } from '../sqlite/failure.js';
import { AppDatabaseError } from './errors.js';
import type { Migration } from './migration.js';

/** A file that was opened and compared with its migrations, none of which has been applied. */
export interface OpenedFile {
  connection: Database;
  /** For `logger.warn`. */
  warnings: string[];
  /** What was converted and adopted. */
  prepared: AppliedReport['prepared'] | undefined;
  /** What stands against the migrations. The connection works all the same. */
  failure: Error | undefined;
}

/**
 * Opens the file of an application database.
 *
 * @param path absolute, or `':memory:'`
 * @throws {AppDatabaseError} `APPDB_DIR_FAILED`
 * @throws {SqliteError}
 */
export function openFile(path: string, module: string, list: readonly Migration[], readonly: boolean): OpenedFile {
  const opened = native().openDatabase(path, module, facts(list).entries, readonly);
  if (opened === null) throw openingFailed();
  const { connection, warnings, migrations, failure } = opened;
  return {
    connection: adopt(connection, path, path === ':memory:', readonly),
    warnings,
    prepared: migrations?.[0]?.prepared,
    failure: failure === undefined ? undefined : toError(failure, 'initDatabase'),
  };
}

function openingFailed(): Error {
  const failure = native().sqliteFailure();
  if (failure.code !== 'ERR_DIRECTORY') return toError(failure, 'initDatabase');
  return new AppDatabaseError(`Cannot create the directory ${failure.path}: ${failure.message}`, {
    code: 'APPDB_DIR_FAILED',
    operation: 'initDatabase',
    cause: systemError(failure),
  });
}
