import { resolve } from 'node:path';
import { isLogger } from '../log.js';
import { checkModule } from '../migration/engine.js';
import type { Logger } from '../types.js';
import { AppDatabaseError } from './errors.js';
import { discoverMigrationsSync } from './discovery.js';
import type { Migration } from './migration.js';

/** The file that is opened when none is named, under the working directory. */
export const DEFAULT_FILE = 'data/app.db';

/** How an application database is opened. */
export interface DatabaseOptions {
  /**
   * The file, relative to the working directory; `':memory:'` is a private database in memory. Missing directories are
   * created.
   *
   * @defaultValue `'data/app.db'`
   */
  path?: string;
  /**
   * Open an existing file for reading: nothing is created, set or migrated.
   *
   * @defaultValue false
   */
  readonly?: boolean;
  /**
   * `false`: do not apply pending migrations. The file is compared with them all the same.
   *
   * @defaultValue true
   */
  runMigrations?: boolean;
  /** Your migrations: from version 1 instead of the built-in set, from version 3 on top of it. */
  migrations?: readonly Migration[];
  /** A directory of migrations (`discoverMigrations`), in place of `migrations`. */
  migrationsDir?: string;
  /**
   * The name under which the file's journal has these migrations. Any other than the default starts from an empty set.
   *
   * @defaultValue `'database'`
   */
  module?: string;
  /**
   * `'log'`: a migration that fails, or a file that has been migrated differently, goes to `logger.error`, and the
   * database is opened with the schema as it is. A list that is not one throws all the same.
   *
   * @defaultValue `'throw'`
   */
  onMigrationError?: 'throw' | 'log';
  /** Is told of each run of migrations (`info`), of blocked ones (`warn`), and what `onMigrationError` says (`error`). */
  logger?: Logger;
}

/** Options with their defaults. */
export interface CheckedOptions {
  /** Absolute, or `':memory:'`. */
  path: string;
  readonly: boolean;
  runMigrations: boolean;
  migrations: readonly Migration[] | undefined;
  module: string;
  tolerant: boolean;
  logger: Logger | undefined;
}

/**
 * Checks the options of a database and fills in their defaults.
 *
 * @throws {AppDatabaseError} `APPDB_INVALID_OPTION`
 * @throws {MigrationError} `MIGRATION_INVALID_MODULE`, `MIGRATION_LOAD_FAILED`
 */
export function checkOptions(options: DatabaseOptions): CheckedOptions {
  if (typeof options !== 'object' || options === null) throw invalid('The options must be an object');
  if ('readOnly' in options) throw invalid('Misspelled option "readOnly" should be "readonly"');
  const { path = '', readonly = false, migrationsDir, module = 'database', onMigrationError = 'throw', logger } = options;
  if (typeof path !== 'string' || path.includes('\0')) throw invalid('The option path must be the path of a file');
  if (typeof readonly !== 'boolean') throw invalid('The option readonly must be a boolean');
  if (readonly && path === ':memory:') throw invalid('A database in memory cannot be read-only');
  if (onMigrationError !== 'throw' && onMigrationError !== 'log') {
    throw invalid('The option onMigrationError must be "throw" or "log"');
  }
  if (!isLogger(logger)) {
    throw invalid('The option logger must be an object with the methods of console');
  }
  return {
    path: path === ':memory:' ? path : resolve(path === '' ? DEFAULT_FILE : path),
    readonly,
    runMigrations: options.runMigrations !== false,
    migrations: given(options.migrations, migrationsDir),
    module: checkModule(module),
    tolerant: onMigrationError === 'log',
    logger,
  };
}

function given(migrations: readonly Migration[] | undefined, directory: string | undefined): readonly Migration[] | undefined {
  if (directory === undefined) return migrations;
  if (migrations !== undefined) throw invalid('The options migrations and migrationsDir exclude each other');
  if (typeof directory !== 'string' || directory === '') throw invalid('The option migrationsDir must be a directory');
  return discoverMigrationsSync(directory);
}

function invalid(message: string): AppDatabaseError {
  return new AppDatabaseError(message, { code: 'APPDB_INVALID_OPTION', operation: 'initDatabase' });
}
