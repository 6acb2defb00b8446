/**
 * `runledger/analytics/schema`: the tables, for queries with `drizzle-orm`. Without that peer its import throws an
 * `AnalyticsError` `ANALYTICS_DRIZZLE_MISSING`.
 */
import { drizzlePeer, type SQLiteColumn, type SQLiteTable } from '../drizzle-peer.js';
import { drizzleMissing } from './errors.js';
import { tablesOf } from './tables.js';

export { RunledgerError } from '../errors.js';

interface Kinds {
  text: { dataType: 'string'; columnType: 'SQLiteText'; data: string; driverParam: string };
  integer: { dataType: 'number'; columnType: 'SQLiteInteger'; data: number; driverParam: number };
  timestamp: { dataType: 'date'; columnType: 'SQLiteTimestamp'; data: Date; driverParam: number };
}

type Values<K, V> = V extends string[] ? V : K extends 'text' ? [string, ...string[]] : undefined;

/** A column: kind, whether it is NOT NULL, whether an insert may leave it out, and the texts that it can have. */
type Column<T extends string, N extends string, K extends keyof Kinds, NotNull, HasDefault, V = undefined> = SQLiteColumn<
  {
    name: N;
    tableName: T;
    notNull: NotNull;
    hasDefault: HasDefault;
    data: V extends string[] ? V[number] : Kinds[K]['data'];
    enumValues: Values<K, V>;
    isPrimaryKey: N extends 'id' ? true : false;
    isAutoincrement: false;
    hasRuntimeDefault: N extends 'id' ? true : false;
    baseColumn: never;
    identity: undefined;
    generated: undefined;
  } & Omit<Kinds[K], 'data'>
>;

type Statuses = ['success', 'error', 'timeout'];

type Sessions = SQLiteTable<{
  name: 'sessions';
  schema: undefined;
  dialect: 'sqlite';
  columns: {
    id: Column<'sessions', 'id', 'text', true, true>;
    startedAt: Column<'sessions', 'started_at', 'timestamp', true, false>;
    endedAt: Column<'sessions', 'ended_at', 'timestamp', false, false>;
    toolCount: Column<'sessions', 'tool_count', 'integer', true, true>;
  };
}>;

type ToolCalls = SQLiteTable<{
  name: 'tool_calls';
  schema: undefined;
  dialect: 'sqlite';
  columns: {
    id: Column<'tool_calls', 'id', 'text', true, true>;
    toolName: Column<'tool_calls', 'tool_name', 'text', true, false>;
    durationMs: Column<'tool_calls', 'duration_ms', 'integer', true, false>;
    status: Column<'tool_calls', 'status', 'text', true, false, Statuses>;
    errorType: Column<'tool_calls', 'error_type', 'text', false, false>;
    timestamp: Column<'tool_calls', 'timestamp', 'timestamp', true, false>;
    sessionId: Column<'tool_calls', 'session_id', 'text', true, false>;
  };
}>;

const peer = drizzlePeer();
if (peer === undefined) throw drizzleMissing();
const tables = tablesOf(peer);

/**
 * `sessions`: times are `Date`s in whole seconds, rounded down. On insert `id` is a random UUID and `toolCount` 0 unless they
 * are given; nothing but a recorder changes `toolCount` by itself.
 */
export const sessions: Sessions = tables.sessions;
/**
 * `tool_calls`: each belongs to a session, and is deleted with it. On insert `id` is a random UUID unless it is given; a `status`
 * other than the three is refused by the database, too.
 */
export const toolCalls: ToolCalls = tables.toolCalls;

/** A row of `sessions`. */
export type Session = Sessions['$inferSelect'];
/** What an insert into `sessions` takes. */
export type NewSession = Sessions['$inferInsert'];
/** A row of `tool_calls`. */
export type ToolCall = ToolCalls['$inferSelect'];
/** What an insert into `tool_calls` takes. */
export type NewToolCall = ToolCalls['$inferInsert'];
