import type { Logger } from '../types.js';
import type { UsageError } from './errors.js';

/** The plan whose limits the monitor shows. */
export type UsagePlan = 'pro' | 'max5' | 'max20' | 'custom';

/** The settings of the monitor. */
export interface UsageConfig {
  id?: number;
  /** @defaultValue `'custom'` */
  plan: UsagePlan;
  /** Tokens, above 0; for the plan `'custom'`. */
  custom_limit_tokens?: number | null;
  /** @defaultValue `'realtime'` */
  view: 'realtime' | 'daily' | 'monthly' | 'session';
  /** A name that the monitor understands. @defaultValue `'auto'` */
  timezone: string;
  /** @defaultValue `'auto'` */
  time_format: '12h' | '24h' | 'auto';
  /** @defaultValue `'auto'` */
  theme: 'light' | 'dark' | 'classic' | 'auto';
  /** Seconds, an integer from 1 to 60. @defaultValue 10 */
  refresh_rate: number;
  /** Frames a second, from 0.1 to 20. @defaultValue 0.75 */
  refresh_per_second: number;
  /** Hour of the day, an integer from 0 to 23. */
  reset_hour?: number | null;
  /** Milliseconds since 1970. */
  created_at?: number;
  /** Milliseconds since 1970. It moves with every change, also with one by SQL, and never back. */
  updated_at?: number;
}

/** What the monitor saw at a moment. */
export interface UsageSnapshot {
  id?: number;
  /** A session of telemetry. When it is deleted its snapshots go with it. */
  session_id: string;
  /** Any text, usually JSON; it is not parsed. */
  snapshot_data: string;
  snapshot_type: 'stats' | 'config' | 'session';
  /** Milliseconds since 1970. */
  timestamp: number;
}

/** A snapshot to store. */
export type NewUsageSnapshot = Omit<UsageSnapshot, 'id' | 'snapshot_type' | 'timestamp'> &
  Partial<Pick<UsageSnapshot, 'snapshot_type' | 'timestamp'>>;

/** How to open the file. */
export interface UsageOptions {
  /**
   * The file of telemetry, relative to the working directory; it is created if it is missing. `':memory:'` is a private
   * database. Not given: as for telemetry, `VIBEKIT_DB_PATH`, else `.vibekit/telemetry.db` (`telemetry-dev.db`,
   * `telemetry-test.db` under `NODE_ENV` development, test).
   */
  path?: string;
  /**
   * What `insertUsageSnapshot` does for a session that telemetry does not know: refuse, or add a session (agent and mode
   * `'unknown'`, active since the time of the snapshot) in the same transaction.
   *
   * @defaultValue `'reject'`
   */
  missingSession?: 'reject' | 'create';
  /** Told of migrations and validation (`info`, `warn`), and of every error that a function does not throw (`error`). */
  logger?: Logger;
  /**
   * Called with every error that a function answers with `null`, `false`, `0` or `[]`, and with the name of that function.
   * If it throws, that is ignored.
   */
  onError?: (error: UsageError, operation: string) => void;
}
