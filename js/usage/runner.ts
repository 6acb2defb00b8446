import { MigrationError } from '../errors.js';
import { isLogger, tell, writeLog } from '../log.js';
import {
  applyMigrations,
  builtInMigrations,
  journalOf,
  rollBackTo,
  validateModules,
} from '../migration/engine.js';
import type { ValidationReport } from '../migration/reports.js';
import { facts } from '../migration/script.js';
import { native } from '../native.js';
import { Database } from '../sqlite/database.js';
import { lastFailure } from '../sqlite/failure.js';
import type { Logger } from '../types.js';
import { tellRun } from './log.js';
import type { Migration, MigrationRecord, MigrationStatus } from './migration.js';

/** Journal name. */
export const MODULE = 'usage';

/** What usage requires, and needs to be valid. */
export const REQUIRED = 'telemetry';

/**
 * Applies the migrations of the usage tables to a database, and rolls them back. It knows the built-in ones; an
 * application can {@link MigrationRunner.register} further ones.
 *
 * Each migration and its row in the journal `schema_migrations` are one transaction. Errors are {@link MigrationError};
 * what SQLite itself refuses, a lock for instance, is passed on as `SqliteError`.
 *
 * @example
 * const runner = new MigrationRunner(db).register({
 *   version: 2,
 *   name: 'add_labels',
 *   up: (db) => db.exec('CREATE TABLE usage_labels (id INTEGER PRIMARY KEY, label TEXT NOT NULL)'),
 *   down: (db) => db.exec('DROP TABLE usage_labels'),
 * });
 * await runner.migrate();
 */
export class MigrationRunner {
  readonly #db: Database;
  readonly #logger: Logger | undefined;
  readonly #migrations: Migration[];

  /**
   * Reads nothing and writes nothing.
   *
   * @param options.logger is told of what was applied or rolled back and of what validation finds (`info`, `error`), of
   * blocked migrations and of what an adoption set aside (`warn`).
   * @throws {MigrationError} `MIGRATION_INVALID` for anything but a `Database`, and for a bad option.
   */
  constructor(db: Database, options: { logger?: Logger } = {}) {
    if (!(db instanceof Database)) throw invalid('The first argument must be a Database of runledger/sqlite');
    if (typeof options !== 'object' || options === null) throw invalid('The options must be an object');
    const { logger } = options;
    if (!isLogger(logger)) {
      throw invalid('The option logger must be an object with the methods of console');
    }
    this.#db = db;
    this.#logger = logger;
    this.#migrations = builtInMigrations(MODULE) as Migration[];
  }

  /**
   * Add the next migration, for this runner. A file that has it stays usable without it: only a way back there is none then.
   *
   * @throws {MigrationError} `MIGRATION_GAP` unless its version is the highest + 1; `MIGRATION_INVALID` for what is no
   * migration, or has no `down`.
   */
  register(migration: Migration): this {
    const { entries } = facts([...this.#migrations, migration]);
    if (native().checkUsageMigrations(entries) !== 0) throw lastFailure('register');
    this.#migrations.push(migration);
    return this;
  }

  /** The highest applied version; 0 if there is none. @throws as {@link MigrationRunner.getAppliedMigrations} */
  getCurrentVersion(): number {
    return this.#applied('getCurrentVersion').at(-1)?.version ?? 0;
  }

  /**
   * The applied migrations, by version; `[]` without a journal, which is not created by looking.
   *
   * @throws {MigrationError} `MIGRATION_CONFLICT` if another program's table has the journal's name.
   * @throws {TypeError} `ERR_NOT_OPEN` when the database was closed, as everything here but {@link MigrationRunner.register}.
   */
  getAppliedMigrations(): MigrationRecord[] {
    return this.#applied('getAppliedMigrations');
  }

  /** The migrations that have not been applied yet, by version. @throws as {@link MigrationRunner.getAppliedMigrations} */
  getPendingMigrations(): Migration[] {
    return this.#pending(this.#applied('getPendingMigrations'));
  }

  /** Where the file stands. @throws as {@link MigrationRunner.getAppliedMigrations} */
  getStatus(): MigrationStatus {
    const appliedMigrations = this.#applied('getStatus');
    const pendingMigrations = this.#pending(appliedMigrations);
    return {
      currentVersion: appliedMigrations.at(-1)?.version ?? 0,
      latestVersion: this.#migrations.at(-1)?.version ?? 0,
      pendingCount: pendingMigrations.length,
      appliedMigrations,
      pendingMigrations,
    };
  }

  /**
   * Install the tables of telemetry if they are missing, then apply what is pending. The work is done when the call
   * returns; the promise carries the result.
   *
   * @param options.allowDestructive apply migrations that lose data; `false` by default.
   * @throws {MigrationError} `MIGRATION_BLOCKED` for one that loses data, without approval: those before it are applied.
   * `MIGRATION_FAILED` (`cause` is what `up` threw), `MIGRATION_ASYNC`, `MIGRATION_FOREIGN_KEY`: this migration was rolled
   * back, those before it stay. `MIGRATION_DIVERGED`, `MIGRATION_AHEAD`, `MIGRATION_GAP`, `MIGRATION_CONFLICT`,
   * `MIGRATION_READONLY`, `MIGRATION_IN_TRANSACTION`, `MIGRATION_INVALID` (the options): nothing of usage was done.
   * @throws {SqliteError} such as `SQLITE_BUSY`: those before stay.
   */
  async migrate(options: { allowDestructive?: boolean } = {}): Promise<void> {
    if (typeof options !== 'object' || options === null) throw invalid('The options must be an object');
    const { allowDestructive = false } = options;
    if (typeof allowDestructive !== 'boolean') throw invalid('The option allowDestructive must be a boolean');
    this.#apply(REQUIRED, builtInMigrations(REQUIRED), false);
    this.#apply(MODULE, this.#migrations, allowDestructive);
  }

  /**
   * Roll back to a version, by default to the one before the current one, each step in its own transaction. Asking for it is
   * the approval to lose the data. Telemetry stays as it is. The work is done when the call returns; the promise carries the
   * result.
   *
   * @param targetVersion an integer from 0 to the current version − 1.
   * @throws {MigrationError} `MIGRATION_INVALID_TARGET`, `MIGRATION_NO_DOWN` (a migration that is not registered here),
   * `MIGRATION_IN_TRANSACTION`, `MIGRATION_READONLY`, `MIGRATION_DIVERGED`, `MIGRATION_AHEAD`, `MIGRATION_GAP`,
   * `MIGRATION_CONFLICT`: nothing was rolled back. `MIGRATION_FAILED` (`cause` is what `down` threw), `MIGRATION_ASYNC`,
   * `MIGRATION_FOREIGN_KEY`: this step was undone, those before it stay.
   * @throws {SqliteError} such as `SQLITE_BUSY`: those before stay.
   */
  async rollback(targetVersion?: number): Promise<void> {
    for (const { version, name } of rollBackTo(this.#db, MODULE, this.#migrations, targetVersion, 'rollback')) {
      tell(this.#logger, 'info', MODULE, `rolled back ${version} ${name}`, { version, name });
    }
  }

  /**
   * Compare the file with its migrations of telemetry and usage, and check that it is sound. Reads only. Version 0 is valid
   * when nothing is wrong.
   */
  validate(): ValidationReport {
    const sets = [[REQUIRED, builtInMigrations(REQUIRED)] as const, [MODULE, this.#migrations] as const];
    return validateModules(this.#db, sets, 'validate');
  }

  /** Whether {@link MigrationRunner.validate} finds nothing; each problem goes to `logger.error`. */
  validateDatabase(): boolean {
    const { ok, problems } = this.validate();
    for (const { kind, object, message } of problems) tell(this.#logger, 'error', MODULE, message, { kind, object });
    if (ok) tell(this.#logger, 'info', MODULE, 'the file is valid');
    return ok;
  }

  #apply(module: string, list: readonly unknown[], allowDestructive: boolean): void {
    const report = applyMigrations(this.#db, module, list, { allowDestructive, dryRun: false }, 'migrate');
    for (const message of report.prepared.warnings) writeLog(this.#logger, { level: 'warn', message });
    tellRun(this.#logger, module, report);
    const blocked = report.items.find(({ status }) => status === 'blocked');
    if (blocked === undefined) return;
    const { version, name, reason } = blocked;
    const message = `Migration ${version} (${name}) is blocked: ${reason}`;
    const details = { version, name, reason };
    throw new MigrationError(message, { code: 'MIGRATION_BLOCKED', module, version, operation: 'migrate', details });
  }

  #applied(operation: string): MigrationRecord[] {
    const rows = journalOf(this.#db, MODULE, operation);
    return rows.map(({ version, name, appliedAt }) => ({ version, name, applied_at: appliedAt }));
  }

  #pending(applied: readonly MigrationRecord[]): Migration[] {
    return this.#migrations.filter((migration) => applied.every(({ version }) => version !== migration.version));
  }
}

function invalid(message: string): MigrationError {
  return new MigrationError(message, { code: 'MIGRATION_INVALID', module: MODULE });
}
