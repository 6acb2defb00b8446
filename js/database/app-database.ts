import { tell, writeLog } from '../log.js';
import { closeNow, type Database } from '../sqlite/database.js';
import type { Statement } from '../sqlite/types.js';
import { AppDatabaseError } from './errors.js';
import { applicableMigrations } from './applicable.js';
import type { MigrationResult } from './migration.js';
import { openFile } from './open-file.js';
import { checkOptions, type DatabaseOptions } from './options.js';
import { MigrationRunner } from './runner.js';

/**
 * An application database: one synchronous connection with WAL and sensible settings, statements that are compiled once,
 * and migrations that are applied when it opens.
 *
 * It belongs to the thread that made it. What SQLite refuses is a `SqliteError` of `runledger/sqlite`.
 *
 * @example
 * using db = new AppDatabase({ path: 'data/app.db' });
 * const add = db.prepare('INSERT INTO agents (name, description) VALUES (?, ?)');
 * db.transaction(() => {
 *   add.run('reviewer', 'Reads what others wrote');
 * });
 * const agents = db.prepare<{ name: string }>('SELECT name FROM agents').all();
 */
export class AppDatabase implements Disposable {
  /** The file, absolute; or `':memory:'`. */
  readonly path: string;
  /** What the automatic run made of each migration, by version; `[]` if there was none. */
  readonly migrationResults: readonly MigrationResult[] = [];
  readonly #connection: Database;
  readonly #module: string;
  readonly #readonly: boolean;
  readonly #statements = new Map<string, Statement>();

  /**
   * Opens the file, creates it if it is missing, and applies what is pending. Migrations that lose data are blocked, which
   * is no error.
   *
   * @throws {AppDatabaseError} `APPDB_INVALID_OPTION`, `APPDB_DIR_FAILED`
   * @throws {MigrationError} a migration has failed, or the file or the list is not what it should be: then the file is
   * closed, and unless a migration itself has failed nothing of it was changed.
   * @throws {SqliteError} for instance `SQLITE_CANTOPEN`, `SQLITE_NOTADB`, `SQLITE_BUSY`
   */
  constructor(options: DatabaseOptions = {}) {
    const { path, module, readonly, runMigrations, tolerant, logger, migrations } = checkOptions(options);
    const list = applicableMigrations(module, migrations);
    const { connection, warnings, prepared, failure } = openFile(path, module, list, readonly);
    this.path = path;
    this.#module = module;
    this.#readonly = readonly;
    this.#connection = connection;
    try {
      for (const message of warnings) {
        // Those of an adoption name the module themselves.
        if (prepared?.warnings.includes(message)) writeLog(logger, { level: 'warn', message, fields: { module } });
        else tell(logger, 'warn', module, message);
      }
      if (failure !== undefined) throw failure;
      if (runMigrations && !readonly) {
        this.migrationResults = new MigrationRunner(this.#connection, { module, logger }).runMigrations(list);
      }
    } catch (error) {
      if (!tolerant) {
        closeNow(this.#connection);
        throw error;
      }
      tell(logger, 'error', module, error instanceof Error ? error.message : String(error), { error });
    }
  }

  /**
   * The connection itself.
   *
   * @throws {AppDatabaseError} `APPDB_CLOSED`
   */
  get connection(): Database {
    return this.#open('connection');
  }

  /**
   * The statement of this text: the same object each time until {@link AppDatabase.close}, so `raw`, `pluck`,
   * `safeIntegers` and `bind` affect everybody who has it. `connection.prepare` gives one of your own.
   *
   * @throws {AppDatabaseError} `APPDB_CLOSED`
   * @throws {SqliteError} `SQLITE_ERROR` for SQL that does not compile.
   */
  prepare<R = any>(sql: string): Statement<R> {
    const connection = this.#open('prepare');
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = connection.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /**
   * Run `fn` in a transaction and return its value. An exception rolls back and is thrown on; a call within a call is a
   * savepoint.
   *
   * The write lock is taken at once, so that a transaction which reads before it writes is not refused half-way. Reading
   * as of one moment, without the lock, is `connection.transaction(fn)()`.
   *
   * @throws {AppDatabaseError} `APPDB_CLOSED`
   * @throws {TypeError} "Transaction function cannot return a promise", after everything was rolled back.
   */
  transaction<T>(fn: (db: Database) => T): T {
    const connection = this.#open('transaction');
    const transaction = connection.transaction(fn);
    return this.#readonly ? transaction(connection) : transaction.immediate(connection);
  }

  /**
   * Run all statements of a text in order. It stops at the first error, and what ran before stays in effect.
   *
   * @throws {AppDatabaseError} `APPDB_CLOSED`
   * @throws {SqliteError}
   */
  exec(sql: string): void {
    this.#open('exec').exec(sql);
  }

  /** Whether it answers. Never throws; `false` once it is closed. */
  isHealthy(): boolean {
    try {
      return this.#connection.prepare('SELECT 1').pluck().get() === 1;
    } catch {
      return false;
    }
  }

  /** The highest applied version of its module; 0 if there is none, after any error, and once it is closed. */
  getSchemaVersion(): number {
    try {
      return new MigrationRunner(this.#connection, { module: this.#module }).getCurrentVersion();
    } catch {
      return 0;
    }
  }

  /**
   * Finalise all statements, roll back an open transaction, and let go of the file. May be called again.
   *
   * @throws {TypeError} `ERR_BUSY` while a statement is being iterated; it stays open then.
   */
  close(): void {
    this.#connection.close();
    this.#statements.clear();
  }

  /** The same as {@link AppDatabase.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #open(operation: string): Database {
    if (this.#connection.open) return this.#connection;
    throw new AppDatabaseError('Database is closed', { code: 'APPDB_CLOSED', operation });
  }
}

/**
 * Opens an application database: the same as `new AppDatabase(options)`.
 *
 * @throws as {@link AppDatabase}
 *
 * @example
 * const db = initDatabase({ path: 'data/app.db' });
 * db.getSchemaVersion(); // 2
 */
export function initDatabase(options?: DatabaseOptions): AppDatabase {
  return new AppDatabase(options);
}
