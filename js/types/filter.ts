/**
 * Conditions of listings and deletes.
 */
import type { BufferStatus, ErrorSeverity, EventType, SessionStatus } from '../generated/rows.js';

/** A time range, both ends inclusive, in milliseconds, and paging. `fromTime`, `toTime` are `from`, `to`. */
export interface TimeFilter {
  from?: number;
  to?: number;
  fromTime?: number;
  toTime?: number;
  /** Integer ≥ 1; not given: all rows. */
  limit?: number;
  /** Integer ≥ 0. */
  offset?: number;
}

/** Conditions on the agent. `category`, `action` are `agentType`, `mode`. */
export interface AgentFilter {
  agentType?: string;
  category?: string;
  mode?: string;
  action?: string;
  sandboxId?: string;
}

/** Conditions on events, ANDed. */
export interface TelemetryQueryFilter extends TimeFilter, AgentFilter {
  sessionId?: string;
  eventType?: EventType;
  /** @defaultValue `'timestamp_desc'` */
  orderBy?: 'timestamp_asc' | 'timestamp_desc' | 'created_at_asc' | 'created_at_desc';
}

/** Conditions on sessions, ANDed; the time range is that of `startTime`. */
export interface SessionQueryFilter extends TimeFilter, AgentFilter {
  id?: string;
  /** The same as `id`. */
  sessionId?: string;
  /** One or several; `[]` = any. */
  status?: SessionStatus | 'error' | (SessionStatus | 'error')[];
  /** Milliseconds. */
  minDuration?: number;
  /** Milliseconds. */
  maxDuration?: number;
  minEventCount?: number;
  maxEventCount?: number;
  /** Add `events` to each session. */
  includeEvents?: boolean;
  /** Add `buffers` to each session. */
  includeBuffers?: boolean;
  /** Add `errors` to each session. */
  includeErrors?: boolean;
  /** @defaultValue `'start_time_desc'` */
  orderBy?: 'start_time_asc' | 'start_time_desc' | 'duration_asc' | 'duration_desc';
}

/** Conditions on buffers, ANDed; the time range is that of `createdAt`. */
export interface BufferQueryFilter extends TimeFilter {
  sessionId?: string;
  status?: BufferStatus | BufferStatus[];
}

/** Conditions on logged errors, ANDed; the time range is that of `timestamp`. */
export interface ErrorQueryFilter extends TimeFilter {
  sessionId?: string;
  eventId?: number;
  errorType?: string;
  severity?: ErrorSeverity | ErrorSeverity[];
  resolved?: boolean;
}
