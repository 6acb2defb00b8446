import type { Logger } from '../types.js';
import type { UsageError } from './errors.js';

/** The plan whose limits the monitor shows. */
export type UsagePlan = 'pro' | 'max5' | 'max20' | 'custom';

/** The settings of the monitor. */
export interface UsageConfig {
  /** Given by the file, and never twice. */
  id?: number;
  /** @defaultValue `'custom'` */
  plan: UsagePlan;
  /** Tokens, an integer above 0; for the plan `'custom'`. @defaultValue `null` */
  custom_limit_tokens?: number | null;
  /** What the monitor shows first. @defaultValue `'realtime'` */
  view: 'realtime' | 'daily' | 'monthly' | 'session';
  /** A name that the monitor understands, not empty; it is not checked. @defaultValue `'auto'` */
  timezone: string;
  /** How the monitor shows times. @defaultValue `'auto'` */
  time_format: '12h' | '24h' | 'auto';
  /** Its colours. @defaultValue `'auto'` */
  theme: 'light' | 'dark' | 'classic' | 'auto';
  /** Seconds, an integer from 1 to 60. @defaultValue 10 */
  refresh_rate: number;
  /** Frames a second, from 0.1 to 20. @defaultValue 0.75 */
  refresh_per_second: number;
  /** Hour of the day at which usage starts anew, an integer from 0 to 23. @defaultValue `null` */
  reset_hour?: number | null;
  /** Milliseconds since 1970. */
  created_at?: number;
  /** Milliseconds since 1970. It moves with every change, also with one by SQL, and never back. */
  updated_at?: number;
}

/** What the monitor saw at a moment. */
export interface UsageSnapshot {
  /** Given by the file, and never twice. */
  id?: number;
  /** A session of telemetry. When it is deleted its snapshots go with it; when it is renamed they follow. */
  session_id: string;
  /** Any text, usually JSON; it is not parsed. */
  snapshot_data: string;
  /** What was seen. */
  snapshot_type: 'stats' | 'config' | 'session';
  /** Milliseconds since 1970, an integer. */
  timestamp: number;
}

/** A snapshot to store: `snapshot_type` is `'stats'` if it is not given, `timestamp` now. */
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
  /**
   * Told of migrations and validation (`info`, and `error` for each problem), of what an adoption set aside and of a journal
   * mode other than WAL (`warn`), and of every error that a function does not throw (`error`). `console` will do. If it
   * throws, that is ignored.
   *
   * @defaultValue none: nothing is printed
   */
  logger?: Logger;
  /**
   * Called with every error that a function answers with `null`, `false`, `0` or `[]`, and with the name of that function.
   * If it throws, that is ignored.
   */
  onError?: (error: UsageError, operation: string) => void;
}
