import { MigrationError } from '../errors.js';
import { isLogger } from '../log.js';
import {
  applyMigrations,
  checkModule,
  journalOf,
  logRun,
  rollBackOnly,
  rollBackTo,
  validateModules,
} from '../migration/engine.js';
import type { MigrationPlanItem, ValidationReport } from '../migration/reports.js';
import type { AppliedReport, JournalRow } from '../native.js';
import { Database } from '../sqlite/database.js';
import type { Logger } from '../types.js';
import type { Migration, MigrationRecord, MigrationResult, RunOptions } from './migration.js';

/**
 * Applies the migrations of one module to a database, and rolls them back.
 *
 * Each migration and its row in the journal `schema_migrations` are one transaction. Errors are {@link MigrationError};
 * what SQLite itself refuses, a lock for instance, is passed on as `SqliteError`.
 *
 * @example
 * const runner = new MigrationRunner(db, { module: 'shop' });
 * const results = runner.runMigrations([
 *   { version: 1, name: 'orders', up: (db) => db.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY)') },
 * ]);
 */
export class MigrationRunner {
  readonly #db: Database;
  readonly #module: string;
  readonly #logger: Logger | undefined;
  /** The list that was given last: what the applied migrations declare. */
  #list: readonly Migration[] | null = null;

  /**
   * Reads nothing and writes nothing.
   *
   * @param options.module whose migrations these are: `'database'` by default, or a name of your own that matches
   * `^[a-z][a-z0-9_-]{0,63}$`.
   * @param options.logger is told of each run, and of blocked migrations.
   * @throws {MigrationError} `MIGRATION_INVALID_MODULE`; `MIGRATION_INVALID` for anything but a `Database`.
   */
  constructor(db: Database, options: { module?: string; logger?: Logger } = {}) {
    if (!(db instanceof Database)) throw invalid('The first argument must be a Database of runledger/sqlite');
    if (typeof options !== 'object' || options === null) throw invalid('The options must be an object');
    const { module = 'database', logger } = options;
    if (!isLogger(logger)) {
      throw invalid('The option logger must be an object with the methods of console');
    }
    this.#db = db;
    this.#module = checkModule(module);
    this.#logger = logger;
  }

  /**
   * The applied migrations, by version; `[]` without a journal, which is not created by looking.
   *
   * @throws {MigrationError} `MIGRATION_CONFLICT` if another program's table has the journal's name.
   */
  getAppliedMigrations(): MigrationRecord[] {
    return journalOf(this.#db, this.#module, 'getAppliedMigrations').map(record);
  }

  /** The highest applied version; 0 if there is none. */
  getCurrentVersion(): number {
    return journalOf(this.#db, this.#module, 'getCurrentVersion').at(-1)?.version ?? 0;
  }

  /** Whether `version` has been applied. */
  isMigrationApplied(version: number): boolean {
    return journalOf(this.#db, this.#module, 'isMigrationApplied').some((row) => row.version === version);
  }

  /**
   * Applies what is pending of `list`, whose versions must be 1 to n. Returns one result for each entry, by version.
   *
   * Those that lose data are blocked without approval, and those behind them wait.
   *
   * @throws {MigrationError} `MIGRATION_FAILED` (`cause` is what `up` threw), `MIGRATION_ASYNC`, `MIGRATION_FOREIGN_KEY`:
   * this migration was rolled back, those before it stay. `MIGRATION_GAP`, `MIGRATION_INVALID`, `MIGRATION_DIVERGED`,
   * `MIGRATION_AHEAD`, `MIGRATION_CONFLICT`, `MIGRATION_READONLY`, `MIGRATION_IN_TRANSACTION`: nothing was done.
   */
  runMigrations(list: readonly Migration[], options: RunOptions = {}): MigrationResult[] {
    const report = this.#apply(list, options, 'runMigrations');
    return report.items.map(({ version, name, status, reason }) =>
      reason === undefined ? { version, name, status } : { version, name, status, reason },
    );
  }

  /**
   * Tells what {@link MigrationRunner.runMigrations} would do, by doing it and rolling it back: `up` functions really run.
   *
   * @throws {MigrationError} as `runMigrations`; a migration that would fail is reported as blocked.
   */
  plan(list: readonly Migration[], options: { allowDestructive?: boolean } = {}): MigrationPlanItem[] {
    return this.#apply(list, { ...options, dryRun: true }, 'plan').items;
  }

  /**
   * Rolls the highest applied migration back. Asking for it is the approval to lose its data.
   *
   * @throws {MigrationError} `MIGRATION_INVALID_TARGET` if it is not applied, `MIGRATION_NOT_LATEST`, `MIGRATION_NO_DOWN`,
   * `MIGRATION_DIVERGED` if another migration was applied as this version; `MIGRATION_FAILED`.
   */
  rollback(migration: Migration): void {
    rollBackOnly(this.#db, this.#module, migration, 'rollback');
  }

  /**
   * Rolls back to version `target`, each step in its own transaction. Returns what was rolled back, highest first.
   *
   * @param target an integer from 0 to the current version − 1.
   * @throws {MigrationError} `MIGRATION_INVALID_TARGET`, `MIGRATION_NO_DOWN`: nothing was rolled back.
   */
  rollbackTo(target: number, list: readonly Migration[]): MigrationRecord[] {
    const rows = rollBackTo(this.#db, this.#module, list, target ?? null, 'rollbackTo');
    this.#list = [...list];
    return rows.map(record);
  }

  /**
   * Compares the file with its journal and checks that it is sound. Reads only.
   *
   * What SQL migrations declare must be there; nobody can tell what a function creates.
   */
  validate(): ValidationReport {
    return validateModules(this.#db, [[this.#module, this.#list]], 'validate');
  }

  #apply(list: readonly Migration[], options: RunOptions, operation: string): AppliedReport {
    if (typeof options !== 'object' || options === null) throw invalid('The options must be an object');
    const { allowDestructive = false, dryRun = false } = options;
    for (const [name, value] of Object.entries({ allowDestructive, dryRun })) {
      if (typeof value !== 'boolean') throw invalid(`The option ${name} must be a boolean`);
    }
    const report = applyMigrations(this.#db, this.#module, list, { allowDestructive, dryRun }, operation);
    this.#list = [...list];
    if (!dryRun) logRun(this.#logger, this.#module, report);
    return report;
  }
}

function record({ version, name, appliedAt }: JournalRow): MigrationRecord {
  return { version, name, applied_at: new Date(appliedAt).toISOString().slice(0, 19).replace('T', ' ') };
}

function invalid(message: string): MigrationError {
  return new MigrationError(message, { code: 'MIGRATION_INVALID', module: 'database' });
}
