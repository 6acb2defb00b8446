import { TelemetryClient } from './telemetry-client.js';
import { resolveConfig } from './config.js';
import { ValidationError } from './errors.js';
import { telemetryDrizzle } from './telemetry-drizzle.js';
import type {
  DatabaseMetrics,
  MetadataFormat,
  ProgressOptions,
  QueryMetrics,
  ReadOptions,
  ResolvedTelemetryConfig,
  RetentionPlan,
  TelemetryConfigInput,
  TelemetryDrizzle,
} from './types.js';

/** The client behind a database object. */
export let clientOf: (db: DrizzleTelemetryDB<any>) => TelemetryClient;

/**
 * A telemetry database: one SQLite file, its configuration and its metrics. Pass it to
 * {@link DrizzleTelemetryOperations} to read and write.
 *
 * The file is opened by the first call that needs it. All work on it happens off the JavaScript thread. Several
 * objects, worker threads and processes may use one file.
 *
 * @example
 * const db = new DrizzleTelemetryDB({ dbPath: '.vibekit/telemetry.db' });
 * const operations = new DrizzleTelemetryOperations(db);
 * await operations.createSession({ id: 's1', agentType: 'claude', mode: 'code', startTime: Date.now() });
 * await db.close();
 */
export class DrizzleTelemetryDB<F extends MetadataFormat = 'text'> implements AsyncDisposable {
  readonly #client: TelemetryClient;

  static {
    clientOf = (db) => {
      if (#client in db) return db.#client;
      throw new ValidationError('Not a DrizzleTelemetryDB of this package', { field: 'configOrDb' });
    };
  }

  /**
   * Check the configuration and resolve the path against the working directory. No file is touched.
   *
   * @throws {ValidationError} `VALIDATION_ERROR`: `Invalid config value for <key>`.
   */
  constructor(config?: TelemetryConfigInput<F> | null) {
    this.#client = new TelemetryClient(resolveConfig(config));
  }

  /**
   * Open the file: create or migrate its schema, write buffered events of an earlier crash, prune. Idempotent;
   * concurrent calls share one open. Other methods open by themselves.
   *
   * @throws {DrizzleTelemetryConnectionError} SQLite's primary code or `CONNECTION_ERROR`; the next call tries again.
   * @throws {DrizzleTelemetryMigrationError} `MIGRATION_ERROR`, with the `MigrationError` as `cause`.
   */
  async initialize(): Promise<void> {
    (await this.#client.initialize()).value();
  }

  /**
   * Wait for the calls issued before, write buffered events, and close the file. Idempotent and never rejects. A later
   * call opens again.
   */
  close(): Promise<void> {
    return this.#client.close();
  }

  /**
   * A Drizzle database with the telemetry schema, on a synchronous connection of its own with the settings of this client.
   * Its `$client` is a `Database` of `runledger/sqlite`; {@link DrizzleTelemetryDB.close} closes it. What is written
   * through it obeys keys and constraints, but bypasses rules, audit and derived values.
   *
   * Without the optional peer `drizzle-orm` there is only `$client`, and any other property throws
   * `DRIZZLE_NOT_INSTALLED`.
   *
   * @throws {DrizzleTelemetryConnectionError} as {@link DrizzleTelemetryDB.initialize}.
   *
   * @example
   * const { $client } = await db.getDatabase();
   * $client.prepare('select count(*) from telemetry_events').pluck().get();
   */
  async getDatabase(): Promise<TelemetryDrizzle> {
    return telemetryDrizzle(await this.#client.database());
  }

  /**
   * Ask a reader and the writer for a sign of life, within `queryTimeoutMs`. `false` while closed; does not open.
   * Rejects only with the reason of an aborted signal.
   */
  async healthCheck(o?: ReadOptions): Promise<boolean> {
    return (await this.#client.checkHealth('healthCheck', o)).value();
  }

  /**
   * Delete the events that are older than `pruneDays`, in batches between other writes; sessions stay.
   *
   * @returns the number of deleted events; 0 if pruning is disabled.
   * @throws {DatabaseError} `SQLITE_BUSY`, `SQLITE_FULL`
   */
  async pruneOldData(o?: ProgressOptions): Promise<number> {
    return (await this.#client.call('pruneOldData', [], o)).value();
  }

  /** Report what {@link DrizzleTelemetryDB.pruneOldData} would delete, without deleting. */
  async planRetention(o?: ReadOptions): Promise<RetentionPlan> {
    return (await this.#client.call('planRetention', [], o)).value();
  }

  /**
   * Run `fn` and count it as one query of the type `queryType`. Its result or error is passed on.
   *
   * @example
   * const report = await db.executeWithMetrics('WEEKLY_REPORT', () => buildReport(operations));
   */
  async executeWithMetrics<T>(queryType: string, fn: () => T | Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      const result = await fn();
      this.#client.native.recordQuery(String(queryType), performance.now() - start, null);
      return result;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#client.native.recordQuery(String(queryType), performance.now() - start, message);
      throw error;
    }
  }

  /** What this client has done: totals, percentiles and slow queries, a copy. */
  getMetrics(): DatabaseMetrics {
    return this.#client.native.metrics();
  }

  /** The last 100 calls, oldest first, a copy. Empty with `enableMetrics: false`. */
  getQueryHistory(): QueryMetrics[] {
    return this.#client.native.history();
  }

  /** Start the metrics again at zero; `connectionCount` and sizes stay. */
  resetMetrics(): void {
    this.#client.native.resetMetrics();
  }

  /** The configuration with every default filled in, a copy. */
  getConfig(): ResolvedTelemetryConfig {
    return { ...this.#client.configuration.shown };
  }

  /** The same as {@link DrizzleTelemetryDB.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
