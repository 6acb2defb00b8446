/**
 * Records as inserts take them.
 */
import type {
  TelemetryAuditLog,
  TelemetryBuffer,
  TelemetryError,
  TelemetryEvent,
  TelemetrySchemaVersion,
  TelemetrySession,
  TelemetryStatsRecord,
  TelemetryValidationRule,
} from '../generated/rows.js';
import type { JsonInput, SessionStatusInput } from './vocabulary.js';

/** K required, the other columns optional, JSON columns J as {@link JsonInput}. Other keys are ignored. */
type Insert<R, K extends keyof R, J extends keyof R> = Pick<R, Exclude<K, J>> &
  Partial<Omit<R, K | J>> & { [P in Exclude<J, K>]?: JsonInput } & { [P in J & K]: JsonInput };

/** An event to insert. `timestamp` is milliseconds. */
export type NewTelemetryEvent = Insert<
  TelemetryEvent,
  'sessionId' | 'eventType' | 'agentType' | 'mode' | 'timestamp',
  'metadata'
>;

/** A session to create. Times are milliseconds. */
export type NewTelemetrySession = Omit<
  Insert<TelemetrySession, 'id' | 'agentType' | 'mode' | 'startTime', 'metadata'>,
  'status'
> & { status?: SessionStatusInput };

/** A caller's own buffer; `bufferData` is a JSON array of events. */
export type NewTelemetryBuffer = Insert<TelemetryBuffer, 'sessionId' | 'bufferData', 'bufferData'>;

/** An error to log. `stackTrace` is another name for `errorStack`. */
export type NewTelemetryError = Insert<TelemetryError, 'errorType' | 'errorMessage', 'context' | 'metadata'> & {
  stackTrace?: string | null;
};

/** A validation rule to add. */
export type NewTelemetryValidationRule = Insert<
  TelemetryValidationRule,
  'tableName' | 'fieldName' | 'ruleType' | 'ruleConfig' | 'errorMessage',
  'ruleConfig'
>;

/** The insert form of a statistics row, for Drizzle; the rows themselves are kept by runledger. */
export type NewTelemetryStatsRecord = Insert<
  TelemetryStatsRecord,
  'statType' | 'statKey',
  'agentBreakdown' | 'modeBreakdown'
>;

/** The insert form of an audit row, for Drizzle. */
export type NewTelemetryAuditLog = Insert<
  TelemetryAuditLog,
  'tableName' | 'recordId' | 'operation' | 'timestamp',
  'oldValues' | 'newValues' | 'changedFields' | 'metadata'
>;

/** The insert form of a schema version row, for Drizzle. */
export type NewTelemetrySchemaVersion = Insert<TelemetrySchemaVersion, 'version' | 'description', never>;
