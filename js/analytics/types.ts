/**
 * Options, filters and results of `runledger/analytics`.
 */
import type { ToolCallStatus } from '../generated/rows.js';
import type { Logger } from '../types.js';

export type { SessionRecord, ToolCallRecord, ToolCallStatus } from '../generated/rows.js';

/** A point in time; a number is milliseconds since 1970. It is kept in whole seconds, rounded down. */
export type When = Date | number;

/** Where the file is, and how it is opened. */
export interface AnalyticsOptions {
  /**
   * The file is `.devflow/analytics.db` in it.
   *
   * @defaultValue the variable `HOME`, else the home directory of the user, as it is when the call is made
   */
  home?: string;
  /** The file to use instead; wins over `home`. `':memory:'` is a private database in memory. */
  path?: string;
  /**
   * Create the file and apply pending migrations. `false`: the schema must be there.
   *
   * @defaultValue true
   */
  migrate?: boolean;
  /** Hears what was created and migrated, and every error that is thrown. Without it nothing is logged. */
  logger?: Logger;
}

/** A tool call to be recorded. */
export interface NewToolCallRecord {
  /** Default: a random UUID. */
  id?: string;
  /** A session that was started. */
  sessionId: string;
  toolName: string;
  /** Kept as the nearest integer, halves up. */
  durationMs: number;
  status: ToolCallStatus;
  errorType?: string | null;
  /** Default: now. */
  timestamp?: When;
}

/** Conditions that all hold. `undefined` and `[]` are none. */
export interface ToolCallFilter {
  sessionId?: string;
  toolNames?: string[];
  statuses?: ToolCallStatus[];
  /** The first second that counts. */
  from?: When;
  /** The first second that does not count any more. */
  to?: When;
}

/** Which part of a listing, and from which end. */
export interface ListOptions {
  /** Most rows; 0 is none. @defaultValue 100 */
  limit?: number;
  /** Rows to leave out first. @defaultValue 0 */
  offset?: number;
  /** `'desc'`: the latest first. @defaultValue 'desc' */
  order?: 'asc' | 'desc';
}

/** The calls of one tool. Times are milliseconds. */
export interface ToolStats {
  toolName: string;
  count: number;
  successCount: number;
  errorCount: number;
  timeoutCount: number;
  /** (errors + timeouts) / count. */
  errorRate: number;
  minMs: number;
  maxMs: number;
  meanMs: number;
  /** Percentiles by nearest rank: a duration that occurs. */
  p50Ms: number;
  p95Ms: number;
  p99Ms: number;
}
