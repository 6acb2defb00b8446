/**
 * `runledger/schema`: the tables, for queries with `drizzle-orm` where that optional peer is installed.
 *
 * Without it a table is a frozen object of `{ name, dataType, notNull, hasDefault, primary, enumValues? }` by property.
 */
import type { Many, One, Relations, SQLiteColumn, SQLiteTable } from './drizzle-peer.js';
import { buildRelations, buildTable, type ColumnFacts } from './drizzle-schema.js';
import type { tables } from './generated/rows.js';
import type { NewTelemetryStatsRecord, TelemetryStatsRecord } from './types.js';

export { RunledgerError } from './errors.js';
export {
  auditOperations,
  bufferStatuses,
  eventTypes,
  sessionStatuses,
  severityLevels,
} from './generated/rows.js';
export type {
  NewTelemetryAuditLog,
  NewTelemetryBuffer,
  NewTelemetryError,
  NewTelemetryEvent,
  NewTelemetrySchemaVersion,
  NewTelemetrySession,
  NewTelemetryValidationRule,
  TelemetryAuditLog,
  TelemetryBuffer,
  TelemetryError,
  TelemetryEvent,
  TelemetrySchemaVersion,
  TelemetrySession,
  TelemetryValidationRule,
} from './types.js';

/** A statistics row, as `@vibe-kit/db` names it here. */
export type TelemetryStats<F = 'text'> = TelemetryStatsRecord<F>;
/** The insert form of a statistics row. */
export type NewTelemetryStats = NewTelemetryStatsRecord;

type Tables = typeof tables;

interface SqlTypes {
  integer: { columnType: 'SQLiteInteger'; data: number; driverParam: number };
  real: { columnType: 'SQLiteReal'; data: number; driverParam: number };
  boolean: { columnType: 'SQLiteBoolean'; data: boolean; driverParam: number };
  text: { columnType: 'SQLiteText'; data: string; driverParam: string };
}

type Values<C extends ColumnFacts> = C extends { enumValues: infer E extends readonly string[] }
  ? [...E]
  : C['sql'] extends 'text'
    ? [string, ...string[]]
    : undefined;

type Column<T extends string, C extends ColumnFacts> = SQLiteColumn<{
  name: C['name'];
  tableName: T;
  dataType: C['dataType'];
  columnType: SqlTypes[C['sql']]['columnType'];
  data: Values<C> extends string[] ? Values<C>[number] : SqlTypes[C['sql']]['data'];
  driverParam: SqlTypes[C['sql']]['driverParam'];
  notNull: C['notNull'];
  hasDefault: C['hasDefault'];
  isPrimaryKey: C['primary'];
  isAutoincrement: false;
  hasRuntimeDefault: false;
  enumValues: Values<C>;
  baseColumn: never;
  identity: undefined;
  generated: undefined;
}>;

type Table<K extends keyof Tables> = SQLiteTable<{
  name: Tables[K]['name'];
  schema: undefined;
  columns: { [P in keyof Tables[K]['columns']]: Column<Tables[K]['name'], Tables[K]['columns'][P] & ColumnFacts> };
  dialect: 'sqlite';
}>;

/** `telemetry_sessions` */
export const telemetrySessions: Table<'telemetrySessions'> = buildTable('telemetrySessions');
/** `telemetry_events` */
export const telemetryEvents: Table<'telemetryEvents'> = buildTable('telemetryEvents');
/** `telemetry_buffers` */
export const telemetryBuffers: Table<'telemetryBuffers'> = buildTable('telemetryBuffers');
/** `telemetry_stats` */
export const telemetryStats: Table<'telemetryStats'> = buildTable('telemetryStats');
/** `telemetry_errors` */
export const telemetryErrors: Table<'telemetryErrors'> = buildTable('telemetryErrors');
/** `telemetry_audit_log` */
export const telemetryAuditLog: Table<'telemetryAuditLog'> = buildTable('telemetryAuditLog');
/** `telemetry_validation_rules` */
export const telemetryValidationRules: Table<'telemetryValidationRules'> = buildTable('telemetryValidationRules');
/** `telemetry_schema_versions` */
export const telemetrySchemaVersions: Table<'telemetrySchemaVersions'> = buildTable('telemetrySchemaVersions');

/** A session's events, buffers and errors. */
export const telemetrySessionsRelations: Relations<
  'telemetry_sessions',
  { events: Many<'telemetry_events'>; buffers: Many<'telemetry_buffers'>; errors: Many<'telemetry_errors'> }
> = buildRelations(
  'telemetrySessions',
  {},
  { events: 'telemetryEvents', buffers: 'telemetryBuffers', errors: 'telemetryErrors' },
);

/** An event's session and errors. */
export const telemetryEventsRelations: Relations<
  'telemetry_events',
  { session: One<'telemetry_sessions', true>; errors: Many<'telemetry_errors'> }
> = buildRelations('telemetryEvents', { session: ['sessionId', 'telemetrySessions'] }, { errors: 'telemetryErrors' });

/** A buffer's session. */
export const telemetryBuffersRelations: Relations<
  'telemetry_buffers',
  { session: One<'telemetry_sessions', true> }
> = buildRelations('telemetryBuffers', { session: ['sessionId', 'telemetrySessions'] }, {});

/** An error's session and event. */
export const telemetryErrorsRelations: Relations<
  'telemetry_errors',
  { session: One<'telemetry_sessions', false>; event: One<'telemetry_events', false> }
> = buildRelations(
  'telemetryErrors',
  { session: ['sessionId', 'telemetrySessions'], event: ['eventId', 'telemetryEvents'] },
  {},
);
