/**
 * Calls that carry packed events.
 */
import { type Dialect, Reply } from './call.js';
import { isRecord } from './codec.js';
import { labelsOfTelemetryEvent, packTelemetryEvent, storedTelemetryEvent } from './generated/rows.js';
import { MicroBatch, RECORD_WEIGHT } from './micro-batch.js';
import { InsertMode, type InsertReply, type NativeClient } from './native.js';
import { keep, type PackedRecords, Packer } from './packer.js';
import type { TelemetryEvent } from './types.js';

/** UTF-16 units of a record that is inserted on this thread at most: more of it would hold the event loop. */
const AT_ONCE_UNITS = 16 * 1024;

/** `insertEvent` calls of one microtask. */
export class EventBatch extends MicroBatch {
  // Of the reply, whose shape V8 would forget between two floods (`#modelBatch` of client.ts).
  #ids: Float64Array | undefined;
  #createdAt: Float64Array | undefined;

  constructor(dialect: Dialect) {
    super('insertEvent', labelsOfTelemetryEvent, dialect);
  }

  /** Insert a lone record on this thread, if that needs no waiting. Whether it has been done. */
  insertAtOnce(client: NativeClient): boolean {
    const reply = this.packed((packed) => (packed.units > AT_ONCE_UNITS ? null : insert(client, 0, packed, true)));
    if (reply === null) return false;
    this.done(reply);
    return true;
  }

  protected override send(client: NativeClient, number: number, packed: PackedRecords): void {
    insert(client, number, packed, false);
  }

  override done(payload: unknown): void {
    ({ ids: this.#ids, createdAt: this.#createdAt } = payload as InsertReply);
    super.done(payload);
  }

  /** The row that the record at `index` has become. @throws the error of that record alone. */
  row<F>(index: number, source: unknown): TelemetryEvent<F> {
    this.check(index, source);
    const id = this.#ids![index]!;
    const createdAt = this.#createdAt![index]!;
    return storedTelemetryEvent<F>(this.records[index]!, id, createdAt, this.dialect.parsed);
  }
}

function insert(client: NativeClient, number: number, packed: PackedRecords, atOnce: boolean): InsertReply | null {
  const { count, tags, lengths, numbers, texts } = packed;
  return client.insertEvents(number, InsertMode.each, count, tags, lengths, numbers, texts, atOnce);
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
