import type { Reply } from '../call.js';
import { Client } from '../client.js';
import { filterCells, recordCells, timeCell } from '../codec.js';
import {
  fieldsOfSessionRecord,
  fieldsOfToolCallRecord,
  labelsOfToolCallRecord,
  type SessionRecord,
  Shape,
  type ToolCallRecord,
} from '../generated/rows.js';
import { RecordBatch } from '../micro-batch.js';
import { pack } from '../packer.js';
import { AnalyticsError, errorsOf, logged } from './errors.js';
import { type Place, placeOf } from './options.js';
import type {
  AnalyticsOptions,
  ListOptions,
  NewToolCallRecord,
  ToolCallFilter,
  ToolStats,
  When,
} from './types.js';

/** The times of a filter. */
const TIMES = ['from', 'to'];

/**
 * Records the tool calls of an agent, and counts them. Needs nothing but this package.
 *
 * All work on the file happens off the JavaScript thread. Calls take effect in the order in which they are made, awaited or
 * not, and each sees all earlier ones; those that are not awaited share commits, and each succeeds or fails alone. A promise
 * that has resolved is committed. Several recorders, worker threads and processes may use one file.
 *
 * Besides what is named below a call can reject with `ANALYTICS_CLOSED` after {@link AnalyticsRecorder.close}, and with
 * `ANALYTICS_WRITE_FAILED` or `ANALYTICS_QUERY_FAILED` for anything else that SQLite says, for instance that another
 * process has held its lock for five seconds; `extendedCode` tells.
 *
 * @example
 * await using recorder = await AnalyticsRecorder.open();
 * const { id } = await recorder.startSession();
 * await recorder.recordToolCall({ sessionId: id, toolName: 'grep', durationMs: 12, status: 'success' });
 * console.table(await recorder.toolStats());
 */
export class AnalyticsRecorder implements AsyncDisposable {
  /** The file: absolute, or `':memory:'`. */
  readonly path: string;
  readonly #client: Client;
  #closed = false;

  private constructor({ path, migrate, logger }: Place) {
    this.path = path;
    const dialect = { errors: errorsOf(path), parsed: false };
    this.#client = new Client({ module: 'analytics', path, config: { migrate }, logger, dialect });
  }

  /**
   * Open the file: create its directory (mode 0700), itself (0600) and its schema, or migrate it.
   *
   * @throws {AnalyticsError} `ANALYTICS_DIR_FAILED`, `ANALYTICS_OPEN_FAILED`, `ANALYTICS_MIGRATION_FAILED`,
   * `ANALYTICS_INVALID_INPUT` for bad options.
   * @throws {MigrationError} `MIGRATION_CONFLICT` and its like, for a file that is not ours or is newer.
   */
  static async open(options?: AnalyticsOptions): Promise<AnalyticsRecorder> {
    const recorder = new AnalyticsRecorder(placeOf(options, 'open'));
    const reply = await recorder.#client.initialize('open');
    recorder.#result(() => reply.value());
    return recorder;
  }

  /**
   * Start a session; `id` is a random UUID and `startedAt` now, if they are not given.
   *
   * @returns the stored row.
   * @throws {AnalyticsError} `ANALYTICS_SESSION_EXISTS`, `ANALYTICS_INVALID_INPUT`
   */
  async startSession(input?: { id?: string; startedAt?: When }): Promise<SessionRecord> {
    const reply = await this.#call('startSession', [input === undefined ? [] : recordCells(fieldsOfSessionRecord, input)]);
    return this.#result(() => reply.table<SessionRecord>(Shape.SessionRecord)[0]!);
  }

  /**
   * End a session. Without `endedAt` an open one ends now, and one that has ended keeps its time.
   *
   * @returns the stored row.
   * @throws {AnalyticsError} `ANALYTICS_SESSION_NOT_FOUND`; `ANALYTICS_INVALID_INPUT` for a time before its start.
   */
  async endSession(id: string, endedAt?: When): Promise<SessionRecord> {
    const reply = await this.#call('endSession', [id, timeCell(endedAt)]);
    return this.#result(() => reply.table<SessionRecord>(Shape.SessionRecord)[0]!);
  }

  /**
   * Read a session; `null` if there is none.
   *
   * @throws {AnalyticsError} `ANALYTICS_INVALID_INPUT`
   */
  async getSession(id: string): Promise<SessionRecord | null> {
    const reply = await this.#call('getSession', [id]);
    return this.#result(() => reply.table<SessionRecord>(Shape.SessionRecord)[0] ?? null);
  }

  /**
   * List sessions, the latest start first, the newest insert first where that is equal. `active`: only those that have not
   * ended (`true`), or only those that have (`false`).
   *
   * @throws {AnalyticsError} `ANALYTICS_INVALID_INPUT`
   */
  async listSessions(options?: ListOptions & { active?: boolean }): Promise<SessionRecord[]> {
    const reply = await this.#call('listSessions', [filterCells(options)]);
    return this.#result(() => reply.table<SessionRecord>(Shape.SessionRecord));
  }

  /**
   * Record a tool call and count it in its session, which may have ended.
   *
   * @returns the stored row.
   * @throws {AnalyticsError} `ANALYTICS_SESSION_NOT_FOUND`, `ANALYTICS_CALL_EXISTS`, `ANALYTICS_INVALID_INPUT`
   */
  async recordToolCall(call: NewToolCallRecord): Promise<ToolCallRecord> {
    // Before the look at whether it is open: a getter may close it.
    const cells = recordCells(fieldsOfToolCallRecord, call);
    this.#checkOpen('recordToolCall');
    if (cells === null) {
      const refused = await this.#client.call('recordToolCall', [null]);
      return this.#result(() => refused.value());
    }
    const batch = this.#client.stage(cells, this.#newBatch);
    const index = batch.records.length - 1;
    await batch.settled;
    return this.#result(() => batch.row<ToolCallRecord>(index));
  }

  /**
   * Record tool calls, any number of them, in one transaction: all or none.
   *
   * @returns how many there were.
   * @throws {AnalyticsError} as {@link AnalyticsRecorder.recordToolCall}; `details.index` is the first bad one.
   */
  async recordToolCalls(calls: readonly NewToolCallRecord[]): Promise<{ inserted: number }> {
    const packed = Array.isArray(calls) ? pack(calls, fieldsOfToolCallRecord, labelsOfToolCallRecord) : null;
    const reply = await this.#call('recordToolCalls', [packed], packed?.units);
    return this.#result(() => reply.value());
  }

  /**
   * List tool calls, the latest first, the newest insert first where times are equal.
   *
   * @throws {AnalyticsError} `ANALYTICS_INVALID_INPUT`
   */
  async listToolCalls(filter?: ToolCallFilter & ListOptions): Promise<ToolCallRecord[]> {
    const reply = await this.#call('listToolCalls', [filterCells(filter, TIMES, timeCell)]);
    return this.#result(() => reply.table<ToolCallRecord>(Shape.ToolCallRecord));
  }

  /**
   * Count the calls of each tool and tell how long they took: one entry a tool, the most called first, those that are equal
   * by name; `[]` without calls.
   *
   * @throws {AnalyticsError} `ANALYTICS_INVALID_INPUT`
   */
  async toolStats(filter?: ToolCallFilter): Promise<ToolStats[]> {
    const reply = await this.#call('toolStats', [filterCells(filter, TIMES, timeCell)]);
    return this.#result(() => reply.value<ToolStats[]>());
  }

  /** Wait for the calls made before, then close the file. Later calls reject with `ANALYTICS_CLOSED`. Idempotent. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#client.close();
  }

  /** The same as {@link AnalyticsRecorder.close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #call(method: string, args: unknown[], weight?: number): Promise<Reply> {
    this.#checkOpen(method);
    return this.#client.call(method, args, undefined, weight);
  }

  #checkOpen(method: string): void {
    if (!this.#closed) return;
    this.#result(() => {
      throw new AnalyticsError('The analytics recorder is closed', { code: 'ANALYTICS_CLOSED', operation: method });
    });
  }

  readonly #newBatch = (): RecordBatch =>
    new RecordBatch('recordToolCall', Shape.ToolCallRecord, labelsOfToolCallRecord, this.#client.dialect);

  /** What a call has come to; if that is an error the logger hears of it. */
  #result<T>(read: () => T): T {
    return logged(this.#client.logger, read);
  }
}
