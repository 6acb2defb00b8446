/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `runledger/analytics`: the tool calls of an agent in a private file, through promises or through Drizzle.
 */
export {
  type AnalyticsDatabase,
  closeAnalyticsDatabase,
  createAnalyticsDatabase,
  createAnalyticsDb,
  getAnalyticsDatabase,
} from './analytics/database.js';
export { AnalyticsError } from './analytics/errors.js';
export { AnalyticsRecorder } from './analytics/recorder.js';
export type {
  AnalyticsOptions,
  ListOptions,
  NewToolCallRecord,
  SessionRecord,
  ToolCallFilter,
  ToolCallRecord,
  ToolCallStatus,
  ToolStats,
  When,
} from './analytics/types.js';
export { MigrationError, RunledgerError } from './errors.js';
export type { Logger } from './types.js';
