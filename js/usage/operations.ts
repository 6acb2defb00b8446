import { attempt, call } from './call.js';
import type { NewUsageSnapshot, UsageConfig, UsageSnapshot } from './types.js';

/** The active settings, or `null` if there are none. */
export function getUsageConfig(): UsageConfig | null {
  return call('getUsageConfig', [], null);
}

/**
 * Change the active settings. `undefined` and other keys leave a setting as it is; `null` clears `custom_limit_tokens` and
 * `reset_hour`.
 *
 * @returns whether there was something to set, and it was set: all of it, or nothing.
 *
 * @example
 * updateUsageConfig({ plan: 'custom', custom_limit_tokens: 500_000, theme: 'dark' });
 */
export function updateUsageConfig(updates: Partial<UsageConfig>): boolean {
  return call('updateUsageConfig', [updates], false);
}

/** Set the active settings to their defaults; if none are active, add a row of defaults. */
export function resetUsageConfig(): boolean {
  return call('resetUsageConfig', [], false);
}

/**
 * Store a snapshot. A `timestamp` that is missing or 0 is now.
 *
 * @returns the snapshot as it was stored, or `null`.
 *
 * @example
 * insertUsageSnapshot({ session_id: 's1', snapshot_data: JSON.stringify({ tokens: 1200 }) });
 */
export function insertUsageSnapshot(snapshot: NewUsageSnapshot): UsageSnapshot | null {
  return call('insertUsageSnapshot', [snapshot], null);
}

/**
 * The snapshots of the last hours, newest first.
 *
 * @param sessionId only of this session; `''` means all.
 * @param limit at most so many, 100 by default.
 * @param hoursBack 24 by default; `Infinity` means all.
 */
export function getUsageSnapshots(sessionId?: string, limit?: number, hoursBack?: number): UsageSnapshot[] {
  return call('getUsageSnapshots', [sessionId, limit, hoursBack], []);
}

/** All snapshots of a session, newest first. */
export function getUsageSnapshotsBySession(sessionId: string): UsageSnapshot[] {
  return call('getUsageSnapshotsBySession', [sessionId], []);
}

/**
 * Delete the snapshots that are older than `daysOld` days, 30 by default.
 *
 * @returns how many were deleted.
 */
export function deleteOldUsageSnapshots(daysOld?: number): number {
  return call('deleteOldUsageSnapshots', [daysOld], 0);
}

/**
 * Whether the file is what its migrations of telemetry and usage have made, and sound. Reads only; each problem goes to
 * `logger.error`.
 */
export function validateDatabase(): boolean {
  return attempt('validateDatabase', false, ({ runner }) => runner.validateDatabase());
}
