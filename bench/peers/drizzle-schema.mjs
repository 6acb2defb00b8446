// The tables that drizzle reads and writes, as @vibe-kit/db declares them.

import { integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core';

const stamped = () => ({
  version: integer('version').notNull().default(1),
  schemaVersion: text('schema_version').notNull().default('1.0.0'),
});

export const sessions = sqliteTable('telemetry_sessions', {
  id: text('id').primaryKey(),
  agentType: text('agent_type').notNull(),
  mode: text('mode').notNull(),
  status: text('status').notNull().default('active'),
  startTime: real('start_time').notNull(),
  endTime: real('end_time'),
  duration: real('duration'),
  eventCount: integer('event_count').notNull().default(0),
  streamEventCount: integer('stream_event_count').notNull().default(0),
  errorCount: integer('error_count').notNull().default(0),
  sandboxId: text('sandbox_id'),
  repoUrl: text('repo_url'),
  metadata: text('metadata'),
  createdAt: real('created_at').notNull(),
  updatedAt: real('updated_at').notNull(),
  ...stamped(),
});

export const events = sqliteTable('telemetry_events', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  sessionId: text('session_id').notNull(),
  eventType: text('event_type').notNull(),
  agentType: text('agent_type').notNull(),
  mode: text('mode').notNull(),
  prompt: text('prompt'),
  streamData: text('stream_data'),
  sandboxId: text('sandbox_id'),
  repoUrl: text('repo_url'),
  metadata: text('metadata'),
  timestamp: real('timestamp').notNull(),
  createdAt: real('created_at').notNull(),
  ...stamped(),
});

export const buffers = sqliteTable('telemetry_buffers', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  sessionId: text('session_id').notNull(),
  status: text('status').notNull().default('pending'),
  eventCount: integer('event_count').notNull().default(0),
  bufferData: text('buffer_data').notNull(),
  maxSize: integer('max_size').notNull().default(50),
  createdAt: real('created_at').notNull(),
  lastUpdated: real('last_updated').notNull(),
  flushedAt: real('flushed_at'),
  flushAttempts: integer('flush_attempts').notNull().default(0),
  ...stamped(),
});

export const errors = sqliteTable('telemetry_errors', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  sessionId: text('session_id'),
  eventId: integer('event_id'),
  errorType: text('error_type').notNull(),
  errorMessage: text('error_message').notNull(),
  errorStack: text('error_stack'),
  context: text('context'),
  severity: text('severity').notNull().default('medium'),
  resolved: integer('resolved', { mode: 'boolean' }).notNull().default(false),
  metadata: text('metadata'),
  timestamp: real('timestamp').notNull(),
  createdAt: real('created_at').notNull(),
  resolvedAt: real('resolved_at'),
  resolvedBy: text('resolved_by'),
  ...stamped(),
});
