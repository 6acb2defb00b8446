/**
 * What calls give back besides rows.
 */
import type { TelemetryBuffer, TelemetryError, TelemetryEvent, TelemetrySession } from '../generated/rows.js';

/** A session with its events (newest first), buffers and errors (by id). */
export interface SessionWithEvents<F = 'text'> extends TelemetrySession<F> {
  events: TelemetryEvent<F>[];
  buffers: TelemetryBuffer<F>[];
  errors: TelemetryError<F>[];
}

/** An event with its session. */
export interface EventWithSession<F = 'text'> extends TelemetryEvent<F> {
  session: TelemetrySession<F>;
}

/** Number of events of each type. */
export interface EventBreakdown {
  start: number;
  stream: number;
  end: number;
  error: number;
}

/** Number of events of each agent. */
export interface AgentBreakdown {
  [agentType: string]: number;
}

/** Number of events of each mode. */
export interface ModeBreakdown {
  [mode: string]: number;
}

/** An event that `insertEventBatch` with `onError: 'skip'` left out. */
export interface BatchInsertError {
  /** Position within the batch. */
  index: number;
  code: string;
  message: string;
  extendedCode?: string;
  field?: string;
}

/** What `insertEventBatch` did. */
export interface BatchInsertResult {
  /** The same as `inserted`. */
  eventsInserted: number;
  /** Distinct sessions that the events belong to. */
  sessionsUpserted: number;
  buffersProcessed: number;
  errorsLogged: number;
  /** Milliseconds. */
  processingTime: number;
  inserted: number;
  failed: number;
  errors: BatchInsertError[];
}

/** Totals over all events and sessions. */
export interface TelemetryStatsSummary {
  totalEvents: number;
  /** Distinct sessions that have events. */
  totalSessions: number;
  /** Rows of `telemetry_sessions`. */
  sessionsTotal: number;
  eventBreakdown: EventBreakdown;
  agentBreakdown: AgentBreakdown;
  modeBreakdown: ModeBreakdown;
  /** Milliseconds; 0 and 0 without events. */
  dateRange: { earliest: number; latest: number };
  /** Milliseconds; mean over sessions that have a duration, or 0. */
  avgSessionDuration: number;
  /** Main file and `-wal`. */
  dbSizeBytes: number;
}

/** What a recount of the statistics found. */
export interface StatisticsReport {
  ok: boolean;
  repaired: boolean;
  sessionsChecked: number;
  mismatches: {
    scope: 'session' | 'daily' | 'total';
    key: string;
    field: string;
    stored: unknown;
    actual: unknown;
  }[];
}

/** What pruning would delete now. */
export interface RetentionPlan {
  enabled: boolean;
  /** Events before this moment would go, milliseconds. */
  cutoff: number | null;
  events: number;
  sessionsAffected: number;
  oldest: number | null;
  newest: number | null;
  estimatedBytes: number;
}

/** One executed call. */
export interface QueryMetrics {
  /** The method in upper snake case, for instance `'INSERT_EVENT'`. */
  queryType: string;
  /** SQL with placeholders, at most 500 characters. */
  query: string;
  /** Milliseconds of execution, without queueing. */
  duration: number;
  /** When it ran, milliseconds. */
  timestamp: number;
  /** Rows returned or changed. */
  resultCount?: number;
  error?: string;
}

/** Percentiles of one kind of call, in milliseconds. */
export interface OperationMetrics {
  count: number;
  errors: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** What a client has done since it was made or its metrics were reset. */
export interface DatabaseMetrics {
  totalQueries: number;
  /** Milliseconds. */
  avgQueryTime: number;
  /** The last 10 above `slowQueryThresholdMs`. */
  slowQueries: QueryMetrics[];
  errorCount: number;
  /** Successful opens. */
  connectionCount: number;
  dbSizeBytes: number;
  lastUpdated: number;
  operations: Record<string, OperationMetrics>;
  walSizeBytes: number;
  /** Calls that are not committed yet. */
  writeQueueDepth: number;
  /** Calls in one transaction, on average. */
  avgGroupCommitSize: number;
  /** 0…1. */
  preparedCacheHitRate: number;
  journalMode: 'wal' | 'delete' | 'memory' | null;
  /** The last 20. */
  warnings: { timestamp: number; message: string }[];
}
