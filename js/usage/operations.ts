import { attempt, call } from './call.js';
import type { NewUsageSnapshot, UsageConfig, UsageSnapshot } from './types.js';

/** The active settings, or `null`: there are none, no file is open, or reading them has failed (`onError`). */
export function getUsageConfig(): UsageConfig | null {
  return call('getUsageConfig', [], null);
}

/**
 * Change the active settings. `undefined` and other keys leave a setting as it is; `null` clears `custom_limit_tokens` and
 * `reset_hour`.
 *
 * @returns whether there was something to set, and it was set: all of it, or nothing. A value that is refused goes to
 * `onError`, as `USAGE_INVALID_INPUT` (its type) or `USAGE_CONSTRAINT` (its range).
 *
 * @example
 * updateUsageConfig({ plan: 'custom', custom_limit_tokens: 500_000, theme: 'dark' });
 */
export function updateUsageConfig(updates: Partial<UsageConfig>): boolean {
  return call('updateUsageConfig', [updates], false);
}

/**
 * Set the active settings to their defaults; if none are active, add a row of defaults.
 *
 * @returns whether it was done. What went wrong goes to `onError`.
 */
export function resetUsageConfig(): boolean {
  return call('resetUsageConfig', [], false);
}

/**
 * Store a snapshot. A `timestamp` (milliseconds) that is missing or 0 is now; of any other the fraction is cut.
 *
 * @returns the snapshot as it was stored, or `null`. What went wrong goes to `onError`: `USAGE_SESSION_NOT_FOUND` unless
 * there is the session or `missingSession` is `'create'`, `USAGE_INVALID_INPUT`, `USAGE_CONSTRAINT` for another type.
 *
 * @example
 * insertUsageSnapshot({ session_id: 's1', snapshot_data: JSON.stringify({ tokens: 1200 }) });
 */
export function insertUsageSnapshot(snapshot: NewUsageSnapshot): UsageSnapshot | null {
  return call('insertUsageSnapshot', [snapshot], null);
}

/**
 * The snapshots of the last hours, newest first; of those with one time the later one first. `[]` also where it failed
 * (`onError`).
 *
 * @param sessionId only of this session; `''` or none means all.
 * @param limit at most so many, an integer from 0, 100 by default.
 * @param hoursBack hours, with a fraction if you like, 24 by default; `Infinity` means all.
 */
export function getUsageSnapshots(sessionId?: string, limit?: number, hoursBack?: number): UsageSnapshot[] {
  return call('getUsageSnapshots', [sessionId, limit, hoursBack], []);
}

/** All snapshots of a session, newest first; of those with one time the later one first. `[]` also where it failed. */
export function getUsageSnapshotsBySession(sessionId: string): UsageSnapshot[] {
  return call('getUsageSnapshotsBySession', [sessionId], []);
}

/**
 * Delete the snapshots that are older than `daysOld` days, 30 by default. A fraction is allowed.
 *
 * @returns how many were deleted; 0 also where it failed (`onError`).
 */
export function deleteOldUsageSnapshots(daysOld?: number): number {
  return call('deleteOldUsageSnapshots', [daysOld], 0);
}

/**
 * Whether the file is what its migrations of telemetry and usage have made, and sound. Reads only; each problem goes to
 * `logger.error`. `false` also without an open file, and where it could not be found out (`onError`).
 */
export function validateDatabase(): boolean {
  return attempt('validateDatabase', false, ({ runner }) => runner.validateDatabase());
}
