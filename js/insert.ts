/**
 * Calls that carry packed events.
 */
import { Call, type Dialect, Reply } from './call.js';
import { isRecord } from './codec.js';
import { packTelemetryEvent, storedTelemetryEvent } from './generated/rows.js';
import { type ErrorReport, InsertMode, type InsertReply, type NativeClient } from './native.js';
import { keep, type PackedRecords, Packer } from './packer.js';
import { toError } from './report.js';
import type { TelemetryEvent } from './types.js';

/** What a record weighs besides its text: its cells, in UTF-16 units. */
const RECORD_WEIGHT = 64;

/** `insertEvent` calls of one microtask, which cross together; each succeeds or fails alone. */
export class MicroBatch extends Call {
  /** A batch that has as many records leaves at once. */
  static readonly LIMIT = 256;

  /** Cells as they were when `insertEvent` was called. */
  readonly records: (readonly unknown[])[] = [];
  /** Resolves, never rejects, when {@link MicroBatch.row} can be asked. */
  readonly settled: Promise<void>;
  readonly #dialect: Dialect;
  #settle!: () => void;
  #reply: InsertReply | undefined;
  #failures: Map<number, ErrorReport> | undefined;
  #report: ErrorReport | undefined;

  constructor(dialect: Dialect) {
    super('insertEvent');
    this.#dialect = dialect;
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  override get audience(): number {
    return this.records.length;
  }

  /** Insert a lone record on this thread, if that needs no waiting. Whether it has been done. */
  insertAtOnce(client: NativeClient): boolean {
    const packer = Packer.borrow();
    try {
      packer.add(this.records[0]!);
      const { count, tags, lengths, numbers, texts } = packer.finish();
      const reply = client.insertEvents(0, InsertMode.each, count, tags, lengths, numbers, texts, true);
      if (reply === null) return false;
      this.done(reply);
      return true;
    } finally {
      packer.giveBack();
    }
  }

  /** Only now the texts are copied, so that calls in the outbox hold no more than the caller's own strings. */
  override depart(client: NativeClient, number: number): void {
    const packer = Packer.borrow();
    try {
      for (const cells of this.records) packer.add(cells);
      const { count, tags, lengths, numbers, texts, units } = packer.finish();
      this.weight += units + count * RECORD_WEIGHT;
      client.insertEvents(number, InsertMode.each, count, tags, lengths, numbers, texts, false);
    } finally {
      packer.giveBack();
    }
  }

  override done(payload: unknown): void {
    this.#reply = payload as InsertReply;
    if (this.#reply.failures.length > 0) this.#failures = new Map(this.#reply.failures);
    this.#settle();
  }

  override failed(report: ErrorReport): void {
    this.#report = report;
    this.#settle();
  }

  /** The row that the record at `index` has become. @throws the error of that record alone. */
  row<F>(index: number, source: unknown): TelemetryEvent<F> {
    const report = this.#report ?? this.#failures?.get(index);
    if (report !== undefined) throw toError(report, this.method, source, this.#dialect.errors);
    const { ids, createdAt } = this.#reply!;
    return storedTelemetryEvent<F>(this.records[index]!, ids[index]!, createdAt[index]!, this.#dialect.parsed);
  }
}

/** A whole batch, packed when it was issued. */
export class BatchCall extends Reply {
  readonly #mode: number;
  #packed: PackedRecords | null;

  /** `packed` may be views of staging buffers until {@link BatchCall.keep}. */
  constructor(method: string, mode: number, packed: PackedRecords, dialect: Dialect) {
    super(method, [], dialect);
    this.#mode = mode;
    this.#packed = packed;
    this.weight += packed.units + packed.count * RECORD_WEIGHT;
  }

  override depart(client: NativeClient, number: number): void {
    const { count, tags, lengths, numbers, texts } = this.#packed!;
    this.#packed = null;
    client.insertEvents(number, this.#mode, count, tags, lengths, numbers, texts, false);
  }

  /** It has to wait: take copies of the staging buffers. */
  keep(): void {
    if (this.#packed !== null) this.#packed = keep(this.#packed);
  }
}

/** Pack a batch as it is now, let `issue` take it on its way, and keep what could not leave at once. */
export function issueBatch(
  method: string,
  mode: number,
  events: readonly unknown[],
  dialect: Dialect,
  issue: (call: BatchCall) => void,
): BatchCall {
  const packer = Packer.borrow();
  try {
    for (let index = 0; index < events.length; index++) {
      const event = events[index];
      if (isRecord(event)) packTelemetryEvent(packer, event);
      else packer.addNoRecord();
    }
    const call = new BatchCall(method, mode, packer.finish(), dialect);
    issue(call);
    call.keep();
    return call;
  } finally {
    packer.giveBack();
  }
}
