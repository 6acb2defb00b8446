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
  /** The file to use instead, relative to the working directory; wins over `home`. `':memory:'` is a private database. */
  path?: string;
  /**
   * Create the file and apply pending migrations. `false`: the schema must be there, and nothing is created.
   *
   * @defaultValue true
   */
  migrate?: boolean;
  /**
   * Hears what was created, opened and migrated (`info`), what was peculiar (`warn`), and every error that is thrown (`error`).
   * Without it nothing is logged.
   */
  logger?: Logger;
}

/** A tool call to be recorded. */
export interface NewToolCallRecord {
  /** Not empty, and of no other call. @defaultValue a random UUID */
  id?: string;
  /** A session that was started; it may have ended. */
  sessionId: string;
  /** Which tool; not empty. */
  toolName: string;
  /** How long it took, milliseconds from 0. Kept as the nearest integer, halves up. */
  durationMs: number;
  /** How it ended: `'success'`, `'error'` or `'timeout'`. */
  status: ToolCallStatus;
  /** What went wrong, in words of your own. @defaultValue null */
  errorType?: string | null;
  /** When it was made. @defaultValue now */
  timestamp?: When;
}

/** Conditions that all hold. `undefined` and `[]` are none. */
export interface ToolCallFilter {
  /** The calls of one session. */
  sessionId?: string;
  /** The calls of these tools, by their whole names. Any number of them. */
  toolNames?: string[];
  /** The calls that ended in one of these ways. */
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
  /** Which tool. */
  toolName: string;
  /** Its calls; at least 1. */
  count: number;
  /** Those with status `'success'`. */
  successCount: number;
  /** Those with status `'error'`. */
  errorCount: number;
  /** Those with status `'timeout'`. */
  timeoutCount: number;
  /** (errors + timeouts) / count, from 0 to 1, not rounded. */
  errorRate: number;
  /** The shortest. */
  minMs: number;
  /** The longest. */
  maxMs: number;
  /** The arithmetic mean, not rounded. */
  meanMs: number;
  /** The median by nearest rank: a duration that occurs, and half of the calls took no longer. */
  p50Ms: number;
  /** As long took 95 % of the calls at most; nearest rank. */
  p95Ms: number;
  /** As long took 99 % of the calls at most; nearest rank. */
  p99Ms: number;
}
