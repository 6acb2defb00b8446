import { resolve } from 'node:path';
import type { TelemetryClient } from './telemetry-client.js';
import {
  fieldsOfTelemetryBuffer,
  fieldsOfTelemetryError,
  fieldsOfTelemetryEvent,
  fieldsOfTelemetrySession,
  fieldsOfTelemetryValidationRule,
  Shape,
} from './generated/rows.js';
import { filterCells, isRecord, recordCells } from './codec.js';
import { iterate } from './iterate.js';
import { InsertMode } from './native.js';
import { getTelemetryDB } from './registry.js';
import { attachRelations, relationsOf } from './relations.js';
import { clientOf, type DrizzleTelemetryDB } from './telemetry-db.js';
import type {
  BatchInsertResult,
  BatchOptions,
  BufferQueryFilter,
  DatabaseMetrics,
  ErrorQueryFilter,
  MetadataFormat,
  NewTelemetryBuffer,
  NewTelemetryError,
  NewTelemetryEvent,
  NewTelemetrySession,
  NewTelemetryValidationRule,
  PageOptions,
  ProgressOptions,
  ReadOptions,
  RetentionPlan,
  SessionQueryFilter,
  SessionWithEvents,
  StatisticsReport,
  TelemetryAuditLog,
  TelemetryBuffer,
  TelemetryConfigInput,
  TelemetryDrizzle,
  TelemetryError,
  TelemetryEvent,
  TelemetryQueryFilter,
  TelemetrySession,
  TelemetryStatsRecord,
  TelemetryStatsSummary,
  TelemetryValidationRule,
} from './types.js';

export { RunledgerError } from './errors.js';

/**
 * Reads and writes the telemetry of one database: sessions, events, buffers, errors, statistics.
 *
 * A write that resolves is committed. Writes take effect in the order in which they are issued, awaited or not, and a
 * read sees every write issued before it. Calls that are not awaited share transactions, and each succeeds or fails
 * alone. Every method opens the database if need be, and can reject with the errors of
 * {@link DrizzleTelemetryOperations.initialize}, with `SQLITE_BUSY` after `queryTimeoutMs` of waiting for a lock, and
 * with `QueryTimeoutError` when its SQL runs longer than that. Times are milliseconds.
 *
 * @example
 * const operations = new DrizzleTelemetryOperations({ dbPath: 'telemetry.db' });
 * await operations.createSession({ id: 's1', agentType: 'claude', mode: 'code', startTime: Date.now() });
 * await operations.insertEvent({
 *   sessionId: 's1', eventType: 'start', agentType: 'claude', mode: 'code', prompt: 'Hello', timestamp: Date.now(),
 * });
 * console.log(await operations.getSessionWithEvents('s1'));
 * await operations.close();
 */
export class DrizzleTelemetryOperations<F extends MetadataFormat = 'text'> implements AsyncDisposable {
  /** The database that these operations work on. */
  readonly dbManager: DrizzleTelemetryDB<F>;
  readonly #client: TelemetryClient;

  /**
   * Use a database, or the one that {@link getTelemetryDB} has for a configuration. No file is touched.
   *
   * @throws {ValidationError} `VALIDATION_ERROR`: `Invalid config value for <key>`.
   */
  constructor(configOrDb?: TelemetryConfigInput<F> | DrizzleTelemetryDB<F> | null) {
    const isDatabase = isRecord(configOrDb) && 'initialize' in configOrDb;
    this.dbManager = isDatabase
      ? (configOrDb as DrizzleTelemetryDB<F>)
      : (getTelemetryDB(configOrDb as TelemetryConfigInput<F>) as unknown as DrizzleTelemetryDB<F>);
    this.#client = clientOf(this.dbManager);
  }

  // ------------------------------------------------------------------------------------------------- lifecycle

  /**
   * Open the file. Idempotent; the other methods open by themselves.
   *
   * @throws {DrizzleTelemetryConnectionError} SQLite's primary code or `CONNECTION_ERROR`; the next call tries again.
   * @throws {DrizzleTelemetryMigrationError} `MIGRATION_ERROR`, with the `MigrationError` as `cause`.
   */
  initialize(): Promise<void> {
    return this.dbManager.initialize();
  }

  /** Wait for the calls issued before, write buffered events, close the file. Never rejects; a later call reopens. */
  close(): Promise<void> {
    return this.dbManager.close();
  }

  /** A Drizzle database on a synchronous connection of its own; see {@link DrizzleTelemetryDB.getDatabase}. */
  getDatabase(): Promise<TelemetryDrizzle> {
    return this.dbManager.getDatabase();
  }

  /** Ask the database for a sign of life. `false` while closed; rejects only with the reason of an aborted signal. */
  async getHealthStatus(o?: ReadOptions): Promise<boolean> {
    return (await this.#client.checkHealth('getHealthStatus', o)).value();
  }

  // -------------------------------------------------------------------------------------------------- sessions

  /**
   * Create a session. If the id exists, set those of `agentType`, `mode`, `status`, `sandboxId`, `repoUrl` and
   * `metadata` that are given, and nothing else.
   *
   * @throws {ValidationError} `VALIDATION_ERROR` for bad input or by a validation rule.
   */
  async createSession(session: NewTelemetrySession): Promise<void> {
    (await this.#client.call('createSession', [recordCells(fieldsOfTelemetrySession, session)])).value(session);
  }

  /**
   * Create a session or set every given key of an existing one, atomically.
   *
   * @returns the row as it is now.
   * @throws {ValidationError} `VALIDATION_ERROR` for bad input or by a validation rule.
   */
  async upsertSession(session: NewTelemetrySession): Promise<TelemetrySession<F>> {
    const reply = await this.#client.call('upsertSession', [recordCells(fieldsOfTelemetrySession, session)]);
    return reply.table<TelemetrySession<F>>(Shape.TelemetrySession, session)[0]!;
  }

  /**
   * Set the given keys of a session; `null` clears, `undefined` leaves as it is. An unknown id changes nothing. A given
   * `id` renames the session, and its rows follow.
   *
   * @throws {ValidationError} `VALIDATION_ERROR` for bad input, or if there is nothing to set.
   */
  async updateSession(id: string, updates: Partial<NewTelemetrySession>): Promise<void> {
    (await this.#client.call('updateSession', [id, recordCells(fieldsOfTelemetrySession, updates)])).value(updates);
  }

  /**
   * Delete a session with its events and buffers; its errors stay without the reference.
   *
   * @returns whether there was one.
   */
  async deleteSession(id: string): Promise<boolean> {
    return (await this.#client.call('deleteSession', [id])).value();
  }

  /** Read a session, or `null`; with `includeRelations` also its events, buffers and errors. */
  async getSession(
    id: string,
    includeRelations?: boolean,
    o?: ReadOptions,
  ): Promise<SessionWithEvents<F> | TelemetrySession<F> | null> {
    const withRelations = Boolean(includeRelations);
    const reply = await this.#client.call('getSession', [id, withRelations], o);
    const sessions = reply.table<TelemetrySession<F>>(Shape.TelemetrySession);
    return (withRelations ? attachRelations(reply, sessions) : sessions)[0] ?? null;
  }

  /** Read a session with its events (newest first), buffers and errors (by id) in one snapshot, or `null`. */
  async getSessionWithEvents(id: string, o?: ReadOptions): Promise<SessionWithEvents<F> | null> {
    const reply = await this.#client.call('getSessionWithEvents', [id], o);
    return attachRelations(reply, reply.table<TelemetrySession<F>>(Shape.TelemetrySession))[0] ?? null;
  }

  /**
   * List sessions, the latest start first. `includeEvents`, `includeBuffers` and `includeErrors` add these arrays to
   * each session.
   *
   * @throws {ValidationError} `VALIDATION_ERROR` for a bad filter.
   *
   * @example
   * const running = await operations.querySessions({ agentType: 'claude', status: 'active', limit: 10 });
   */
  async querySessions(filter?: SessionQueryFilter, o?: ReadOptions): Promise<TelemetrySession<F>[]> {
    const asked = relationsOf(filter);
    const reply = await this.#client.call('querySessions', [filterCells(filter)], o);
    return attachRelations(reply, reply.table<TelemetrySession<F>>(Shape.TelemetrySession, filter), asked);
  }

  /**
   * Iterate over sessions in constant memory. Each page is a snapshot of its own; a row that is there throughout comes
   * exactly once. `include…` keys are ignored.
   *
   * @throws {ConnectionError} `DATABASE_CLOSED` by the next page after `close()`.
   * @throws {ValidationError} `VALIDATION_ERROR` for a bad filter or `pageSize`.
   */
  iterateSessions(filter?: SessionQueryFilter, o?: PageOptions): AsyncIterableIterator<TelemetrySession<F>> {
    return iterate(this.#client, 'iterateSessions', filterCells(filter), Shape.TelemetrySession, o);
  }

  /** Recount a session from its events, `endTime` and `duration` included. */
  async updateSessionStats(id: string): Promise<void> {
    (await this.#client.call('updateSessionStats', [id])).value();
  }

  /** Recount all sessions and the statistics in one transaction; `updated` is the number of sessions. */
  async refreshAllSessionStats(o?: ProgressOptions): Promise<{ updated: number; errors: number }> {
    return (await this.#client.call('refreshAllSessionStats', [], o)).value();
  }

  // ---------------------------------------------------------------------------------------------------- events

  /**
   * Store an event. Calls that are not awaited cross and commit together.
   *
   * @returns the stored row.
   * @throws {ValidationError} `VALIDATION_ERROR` for bad input or by a validation rule; `SQLITE_CONSTRAINT` for an
   * unknown session (unless `autoCreateSessions`) or a taken `id`.
   *
   * @example
   * const { id } = await operations.insertEvent({
   *   sessionId: 's1', eventType: 'stream', agentType: 'claude', mode: 'code',
   *   streamData: 'chunk', metadata: { model: 'm' }, timestamp: Date.now(),
   * });
   */
  async insertEvent(event: NewTelemetryEvent): Promise<TelemetryEvent<F>> {
    if (!isRecord(event)) return (await this.#client.call('insertEvent', [null])).value();
    const batch = this.#client.stageEvent(fieldsOfTelemetryEvent(event));
    const index = batch.records.length - 1;
    await batch.settled;
    return batch.row<F>(index, event);
  }

  /**
   * Store events, any number of them, in one transaction. By default the first bad event rejects the whole batch, and
   * the error has its `index`; with `onError: 'skip'` the others are stored and the result lists the bad ones.
   *
   * @throws {ValidationError} as {@link DrizzleTelemetryOperations.insertEvent}.
   *
   * @example
   * const { inserted, errors } = await operations.insertEventBatch(events, { onError: 'skip' });
   */
  async insertEventBatch(events: readonly NewTelemetryEvent[], o?: BatchOptions): Promise<BatchInsertResult> {
    if (!Array.isArray(events)) return (await this.#client.call('insertEventBatch', [null])).value();
    // Without events the file is not even opened.
    if (events.length === 0) return nothingInserted();
    const mode = o?.onError === 'skip' ? InsertMode.skip : InsertMode.rollback;
    const reply = await this.#client.batch('insertEventBatch', mode, events);
    return reply.value(reply.culprit(events));
  }

  /**
   * List events, the latest first. Without `limit` all of them.
   *
   * @throws {ValidationError} `VALIDATION_ERROR` for a bad filter.
   *
   * @example
   * const page = await operations.queryEvents({ sessionId: 's1', limit: 100 });
   */
  async queryEvents(filter?: TelemetryQueryFilter, o?: ReadOptions): Promise<TelemetryEvent<F>[]> {
    const reply = await this.#client.call('queryEvents', [filterCells(filter)], o);
    return reply.table(Shape.TelemetryEvent, filter);
  }

  /**
   * Iterate over events in constant memory. Each page is a snapshot of its own; a row that is there throughout comes
   * exactly once.
   *
   * @throws {ConnectionError} `DATABASE_CLOSED` by the next page after `close()`.
   * @throws {ValidationError} `VALIDATION_ERROR` for a bad filter or `pageSize`.
   *
   * @example
   * for await (const event of operations.iterateEvents({ orderBy: 'timestamp_asc' })) write(event);
   */
  iterateEvents(filter?: TelemetryQueryFilter, o?: PageOptions): AsyncIterableIterator<TelemetryEvent<F>> {
    return iterate(this.#client, 'iterateEvents', filterCells(filter), Shape.TelemetryEvent, o);
  }

  /**
   * Delete exactly the events that {@link DrizzleTelemetryOperations.queryEvents} would return for the filter; without
   * filter or with `{}` all of them.
   *
   * @returns the number of deleted events.
   * @throws {ValidationError} `VALIDATION_ERROR` for an unknown key or a filter without a usable one: a typo does not
   * empty the table.
   */
  async deleteEvents(filter?: Partial<TelemetryQueryFilter>): Promise<number> {
    return (await this.#client.call('deleteEvents', [filterCells(filter)])).value(filter);
  }

  /**
   * Delete the events whose `timestamp` is strictly below `timestamp`, milliseconds.
   *
   * @returns the number of deleted events.
   */
  async deleteEventsBefore(timestamp: number): Promise<number> {
    return (await this.#client.call('deleteEventsBefore', [timestamp])).value({ timestamp });
  }

  // --------------------------------------------------------------------------------------------------- buffers

  /**
   * Keep events in their sessions' buffers, all or none; they are written to `telemetry_events` by `streamBatchSize`,
   * every `streamFlushIntervalMs`, and by `close()`. Resolves when they are safe from a crash.
   *
   * @throws {ValidationError} `VALIDATION_ERROR` or `SQLITE_CONSTRAINT`, with the `index` of the bad event.
   */
  async insertEventBuffer(events: readonly NewTelemetryEvent[]): Promise<void> {
    if (!Array.isArray(events)) return (await this.#client.call('insertEventBuffer', [null])).value();
    const reply = await this.#client.batch('insertEventBuffer', InsertMode.buffer, events);
    return reply.value(reply.culprit(events));
  }

  /** Write the events of all pending buffers to `telemetry_events`; with `includeFailed` also of failed ones. */
  async flushEventBuffers(o?: { includeFailed?: boolean }): Promise<void> {
    (await this.#client.call('flushEventBuffers', [o?.includeFailed === true])).value();
  }

  /**
   * Keep a buffer of the caller's own: update the session's pending one or insert it. Only
   * {@link DrizzleTelemetryOperations.flushBuffer} and {@link DrizzleTelemetryOperations.flushEventBuffers} write it.
   *
   * @throws {ValidationError} `VALIDATION_ERROR`, `SQLITE_CONSTRAINT`
   */
  async upsertBuffer(buffer: NewTelemetryBuffer): Promise<void> {
    (await this.#client.call('upsertBuffer', [recordCells(fieldsOfTelemetryBuffer, buffer)])).value(buffer);
  }

  /**
   * Write the pending buffers of one session to `telemetry_events`.
   *
   * @returns the number of events written; a buffer that fails counts 0.
   */
  async flushBuffer(sessionId: string): Promise<number> {
    return (await this.#client.call('flushBuffer', [sessionId])).value({ sessionId });
  }

  /**
   * Delete buffers that were flushed at least `maxAgeMs` ago, by default 300000.
   *
   * @returns the number of deleted buffers.
   */
  async cleanupBuffers(maxAgeMs?: number): Promise<number> {
    return (await this.#client.call('cleanupBuffers', [maxAgeMs])).value({ maxAgeMs });
  }

  /** The same as {@link DrizzleTelemetryOperations.cleanupBuffers}. */
  async cleanupOldBuffers(maxAgeMs?: number): Promise<number> {
    return (await this.#client.call('cleanupOldBuffers', [maxAgeMs])).value({ maxAgeMs });
  }

  /** List buffers by id. */
  async queryBuffers(filter?: BufferQueryFilter, o?: ReadOptions): Promise<TelemetryBuffer<F>[]> {
    const reply = await this.#client.call('queryBuffers', [filterCells(filter)], o);
    return reply.table(Shape.TelemetryBuffer, filter);
  }

  // ---------------------------------------------------------------------------------------------------- errors

  /**
   * Log an error. A `sessionId` or `eventId` that does not exist is kept in `metadata`: logging does not fail because
   * of the error that it logs.
   *
   * @throws {ValidationError} `VALIDATION_ERROR`
   */
  async logError(error: NewTelemetryError): Promise<void> {
    (await this.#client.call('logError', [recordCells(fieldsOfTelemetryError, error)])).value(error);
  }

  /**
   * Mark a logged error as resolved.
   *
   * @returns whether there is one of that id.
   */
  async resolveError(id: number, resolvedBy?: string): Promise<boolean> {
    return (await this.#client.call('resolveError', [id, resolvedBy])).value({ id, resolvedBy });
  }

  /** List the latest logged errors, 50 by default. */
  async getRecentErrors(limit?: number, o?: ReadOptions): Promise<TelemetryError<F>[]> {
    const reply = await this.#client.call('getRecentErrors', [limit], o);
    return reply.table(Shape.TelemetryError, { limit });
  }

  /** List logged errors, the latest first. */
  async queryErrors(filter?: ErrorQueryFilter, o?: ReadOptions): Promise<TelemetryError<F>[]> {
    const reply = await this.#client.call('queryErrors', [filterCells(filter)], o);
    return reply.table(Shape.TelemetryError, filter);
  }

  // ------------------------------------------------------------------------------------------------ statistics

  /** Totals over all events and sessions, at a cost that does not depend on their number. */
  async getStatistics(o?: ReadOptions): Promise<TelemetryStatsSummary> {
    return (await this.#client.call('getStatistics', [], o)).value();
  }

  /** List the statistics of each UTC day, the earliest first; `from` and `to` (milliseconds) pick days. */
  async getDailyStatistics(
    range?: { from?: number; to?: number },
    o?: ReadOptions,
  ): Promise<TelemetryStatsRecord<F>[]> {
    const reply = await this.#client.call('getDailyStatistics', [filterCells(range)], o);
    return reply.table(Shape.TelemetryStatsRecord, range);
  }

  /** Recount beside the writer and report differences; with `repair` also put them right, in one transaction. */
  async verifyStatistics(o?: ReadOptions & ProgressOptions & { repair?: boolean }): Promise<StatisticsReport> {
    return (await this.#client.call('verifyStatistics', [o?.repair === true], o)).value();
  }

  // ------------------------------------------------------------------------------------------- rules and audit

  /**
   * Add a rule that inserts and updates of sessions or events must pass.
   *
   * @returns the id of the rule.
   * @throws {ValidationError} `VALIDATION_ERROR`: `Invalid validation rule: <reason>`.
   *
   * @example
   * await operations.addValidationRule({
   *   tableName: 'telemetry_events', fieldName: 'mode', ruleType: 'enum',
   *   ruleConfig: { values: ['code', 'chat'] }, errorMessage: 'bad mode',
   * });
   */
  async addValidationRule(rule: NewTelemetryValidationRule): Promise<number> {
    return (await this.#client.call('addValidationRule', [recordCells(fieldsOfTelemetryValidationRule, rule)])).value(rule);
  }

  /**
   * Remove a rule.
   *
   * @returns whether there was one of that id.
   */
  async removeValidationRule(id: number): Promise<boolean> {
    return (await this.#client.call('removeValidationRule', [id])).value({ id });
  }

  /** List the validation rules. */
  async listValidationRules(
    filter?: { tableName?: string; fieldName?: string; isActive?: boolean },
    o?: ReadOptions,
  ): Promise<TelemetryValidationRule<F>[]> {
    const reply = await this.#client.call('listValidationRules', [filterCells(filter)], o);
    return reply.table(Shape.TelemetryValidationRule, filter);
  }

  /** List the audit rows of a record, the newest first, 50 by default. `'*'` stands for operations on many rows. */
  async getAuditTrail(
    table: string,
    recordId: string,
    limit?: number,
    o?: ReadOptions,
  ): Promise<TelemetryAuditLog<F>[]> {
    const reply = await this.#client.call('getAuditTrail', [table, recordId, limit], o);
    return reply.table(Shape.TelemetryAuditLog, { table, recordId, limit });
  }

  // ----------------------------------------------------------------------------------------------- maintenance

  /** What this client has done: totals, percentiles and slow queries, a copy. Synchronous; `await` on it works. */
  getPerformanceMetrics(): DatabaseMetrics {
    return this.dbManager.getMetrics();
  }

  /** Rebuild the file without free pages. Later writes wait; reads go on in WAL mode. */
  async vacuum(o?: ProgressOptions): Promise<void> {
    (await this.#client.call('vacuum', [], o)).value();
  }

  /** Refresh the planner's statistics. */
  async analyze(o?: ProgressOptions): Promise<void> {
    (await this.#client.call('analyze', [], o)).value();
  }

  /** {@link DrizzleTelemetryOperations.vacuum}, then {@link DrizzleTelemetryOperations.analyze}. */
  async optimize(o?: ProgressOptions): Promise<void> {
    (await this.#client.call('optimize', [], o)).value();
  }

  /** Rebuild all indexes. */
  async reindex(o?: ProgressOptions): Promise<void> {
    (await this.#client.call('reindex', [], o)).value();
  }

  /** Move the write-ahead log into the main file; by default `'passive'`. `log` and `checkpointed` are pages. */
  async checkpoint(
    mode?: 'passive' | 'full' | 'restart' | 'truncate',
  ): Promise<{ busy: boolean; log: number; checkpointed: number }> {
    return (await this.#client.call('checkpoint', [mode])).value({ mode });
  }

  /**
   * Write a consistent copy of the database, while reads and writes go on. Relative paths resolve against the working
   * directory at the call.
   *
   * @throws {DatabaseError} `ERR_FILE_EXISTS` if the target exists, `ERR_DIRECTORY_MISSING` if its directory does not.
   */
  async backup(path: string, o?: ProgressOptions): Promise<{ totalPages: number; remainingPages: 0 }> {
    const target: unknown = typeof path === 'string' ? resolve(path) : path;
    return (await this.#client.call('backup', [target], o)).value({ path });
  }

  /** Delete all errors, buffers, events, sessions and statistics, then vacuum. Audit, rules and id counters stay. */
  async clearAllData(): Promise<void> {
    (await this.#client.call('clearAllData', [])).value();
  }

  /**
   * Delete the events that are older than `pruneDays`.
   *
   * @returns the number of deleted events; 0 if pruning is disabled.
   */
  pruneOldData(o?: ProgressOptions): Promise<number> {
    return this.dbManager.pruneOldData(o);
  }

  /** Report what {@link DrizzleTelemetryOperations.pruneOldData} would delete, without deleting. */
  planRetention(o?: ReadOptions): Promise<RetentionPlan> {
    return this.dbManager.planRetention(o);
  }

  /** The same as {@link DrizzleTelemetryOperations.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function nothingInserted(): BatchInsertResult {
  const counts = { eventsInserted: 0, sessionsUpserted: 0, buffersProcessed: 0, errorsLogged: 0 };
  return { ...counts, processingTime: 0, inserted: 0, failed: 0, errors: [] };
}
