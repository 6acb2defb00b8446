import type { DrizzlePeer } from '../drizzle-peer.js';
import { toolCallStatuses } from '../generated/rows.js';

/** The tables as Drizzle objects; js/analytics/schema.ts has their types. */
export function buildTables(drizzle: DrizzlePeer): { sessions: any; toolCalls: any } {
  const id = () =>
    drizzle
      .text('id')
      .primaryKey()
      .$defaultFn(() => crypto.randomUUID());
  const time = (name: string) => drizzle.integer(name, { mode: 'timestamp' });
  const sessions = drizzle.sqliteTable('sessions', {
    id: id(),
    startedAt: time('started_at').notNull(),
    endedAt: time('ended_at'),
    toolCount: drizzle.integer('tool_count').notNull().default(0),
  });
  const toolCalls = drizzle.sqliteTable('tool_calls', {
    id: id(),
    toolName: drizzle.text('tool_name').notNull(),
    durationMs: drizzle.integer('duration_ms').notNull(),
    status: drizzle.text('status', { enum: toolCallStatuses }).notNull(),
    errorType: drizzle.text('error_type'),
    timestamp: time('timestamp').notNull(),
    sessionId: drizzle
      .text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
  });
  return { sessions, toolCalls };
}

let built: ReturnType<typeof buildTables> | undefined;

/** The tables of this thread. */
export function tablesOf(drizzle: DrizzlePeer): ReturnType<typeof buildTables> {
  return (built ??= buildTables(drizzle));
}
