/**
 * The configuration of a client.
 */
import type { Logger, MetadataFormat } from './vocabulary.js';

/** Configuration of a client. `undefined` means the default; a bad value throws in the constructor. */
export interface DrizzleTelemetryConfig {
  /**
   * The database file. Relative paths resolve against the working directory at construction; `':memory:'` is a private
   * database that ends with `close()`. Not given: `VIBEKIT_DB_PATH`, else `.vibekit/telemetry.db`
   * (`telemetry-dev.db`, `telemetry-test.db` under `NODE_ENV` development, test).
   *
   * @defaultValue `'.vibekit/telemetry.db'`
   */
  dbPath?: string;
  /**
   * Days that events are kept; fractions allowed. `false`, 0 or negative: nothing is pruned.
   *
   * @defaultValue 30
   */
  pruneDays?: number | false;
  /**
   * Events that a session buffers before they are written to `telemetry_events`; integer ≥ 1.
   *
   * @defaultValue 50
   */
  streamBatchSize?: number;
  /**
   * Milliseconds between flushes of buffered events; integer ≥ 0, 0 = no timer.
   *
   * @defaultValue 1000
   */
  streamFlushIntervalMs?: number;
  /**
   * Cap of the main file in MB of 1 048 576 bytes; > 0, `false` = no cap.
   *
   * @defaultValue 100
   */
  maxSizeMB?: number | false;
  /**
   * What a growing write does at the cap with nothing left to prune: warn and write on, or reject with `SQLITE_FULL`.
   *
   * @defaultValue `'warn'`
   */
  onSizeLimit?: 'warn' | 'reject';
  /**
   * `false` is `journalMode: 'delete'`.
   *
   * @defaultValue true
   */
  enableWAL?: boolean;
  /**
   * `'auto'` is WAL, or DELETE on network and shared file systems.
   *
   * @defaultValue `'auto'`
   */
  journalMode?: 'auto' | 'wal' | 'delete';
  /**
   * `'normal'`: an acknowledged write survives a crash of the process; `'full'`: also loss of power, at an fsync for
   * each group of writes.
   *
   * @defaultValue `'normal'`
   */
  durability?: 'normal' | 'full';
  /**
   * Whether foreign keys are enforced.
   *
   * @defaultValue true
   */
  enableForeignKeys?: boolean;
  /**
   * Connections for reads, opened on demand; integer 1…64.
   *
   * @defaultValue 5
   */
  poolSize?: number;
  /**
   * Milliseconds after which the SQL of one call is interrupted, and for which a lock is awaited; integer ≥ 0.
   * 0 = no deadline, and locks are awaited for 30 s.
   *
   * @defaultValue 30000
   */
  queryTimeoutMs?: number;
  /**
   * Log each statement's SQL, never its values. The same switch as `debug`.
   *
   * @defaultValue false
   */
  enableQueryLogging?: boolean;
  /**
   * The same switch as `enableQueryLogging`.
   *
   * @defaultValue false
   */
  debug?: boolean;
  /** Where warnings and the query log go. Without one, only the query log is written, to stderr. */
  logger?: Logger;
  /**
   * `false` keeps totals, but no history and no percentiles.
   *
   * @defaultValue true
   */
  enableMetrics?: boolean;
  /**
   * Milliseconds above which a query is listed as slow.
   *
   * @defaultValue 100
   */
  slowQueryThresholdMs?: number;
  /**
   * How JSON columns are read.
   *
   * @defaultValue `'text'`
   */
  metadataFormat?: MetadataFormat;
  /**
   * Create the session of an event that names an unknown one, instead of rejecting the event.
   *
   * @defaultValue false
   */
  autoCreateSessions?: boolean;
  /**
   * What is recorded in the audit trail: nothing; sessions and deletions; every change.
   *
   * @defaultValue `'sessions'`
   */
  audit?: 'off' | 'sessions' | 'all';
  /**
   * Days that audit rows are kept; `false` = for ever.
   *
   * @defaultValue 365
   */
  auditRetentionDays?: number | false;
  /** `userId` of the audit rows that this client writes. */
  auditUserId?: string;
  /** Directory to which pruned events are written, as `.jsonl.gz`, before they are deleted. */
  archiveDir?: string;
}

/** A configuration with every default filled in. */
export type ResolvedTelemetryConfig = DrizzleTelemetryConfig &
  Required<Omit<DrizzleTelemetryConfig, 'logger' | 'auditUserId' | 'archiveDir'>>;

/** A configuration that fixes the type of JSON columns. */
export type TelemetryConfigInput<F> = DrizzleTelemetryConfig & { metadataFormat?: F };
