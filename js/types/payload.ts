/**
 * Contents of events, under the names of `@vibe-kit/db`.
 */
import type { NewTelemetryEvent } from './input.js';

/** Events of one session that wait to be written. */
export interface StreamBufferData {
  sessionId: string;
  events: Omit<NewTelemetryEvent, 'id' | 'createdAt'>[];
  maxSize: number;
}

/** Suggested content of a stream event. Times are milliseconds. */
export interface StreamEventData {
  chunk: string;
  chunkIndex: number;
  totalChunks?: number;
  deltaTime?: number;
}

/** Suggested content of a start event. */
export interface StartEventData {
  initialPrompt: string;
  agentConfig?: Record<string, any>;
  sandboxConfig?: Record<string, any>;
}

/** Suggested content of an end event. `duration` is milliseconds. */
export interface EndEventData {
  duration: number;
  finalOutput?: string;
  totalTokens?: number;
  exitCode?: number;
}

/** Suggested content of an error event. */
export interface ErrorEventData {
  errorType: string;
  errorMessage: string;
  errorStack?: string;
  context?: Record<string, any>;
  recoverable?: boolean;
}

/** What a run of migrations did. `duration` is milliseconds. */
export interface MigrationResult {
  success: boolean;
  version: string;
  migrationsRun: string[];
  errors: string[];
  duration: number;
}
