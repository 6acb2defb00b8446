import { Call, type Dialect } from './call.js';
import { decoders } from './generated/rows.js';
import type { BatchReply, ErrorReport, NativeClient, RowChunk } from './native.js';
import { type PackedRecords, Packer } from './packer.js';
import { toError } from './report.js';

/** What a record weighs besides its text: its cells, in UTF-16 units. */
export const RECORD_WEIGHT = 64;

/** Calls of one method and one microtask, which cross together; each succeeds or fails alone. */
export abstract class MicroBatch extends Call {
  /** A batch that has as many records leaves at once. */
  static readonly LIMIT = 256;

  /** Cells as they were when the calls were made. */
  readonly records: (readonly unknown[])[] = [];
  /** Resolves, never rejects, when a row can be asked for. */
  readonly settled: Promise<void>;
  protected readonly dialect: Dialect;
  readonly #repeating: readonly boolean[];
  #settle!: () => void;
  #failures: Map<number, ErrorReport> | undefined;
  #report: ErrorReport | undefined;

  /** `repeating`: the columns in which neighbouring records tend to hold the same text. */
  constructor(method: string, repeating: readonly boolean[], dialect: Dialect) {
    super(method);
    this.#repeating = repeating;
    this.dialect = dialect;
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  override get audience(): number {
    return this.records.length;
  }

  /** Only now the texts are copied, so that calls in the outbox hold no more than the caller's own strings. */
  override depart(client: NativeClient, number: number): void {
    this.packed((packed) => {
      this.weight += packed.units + packed.count * RECORD_WEIGHT;
      this.send(client, number, packed);
    });
  }

  override done(payload: unknown): void {
    const { failures } = payload as BatchReply;
    if (failures.length > 0) this.#failures = new Map(failures);
    this.#settle();
  }

  override failed(report: ErrorReport): void {
    this.#report = report;
    this.#settle();
  }

  /** Hand the records to native code, which copies them. */
  protected abstract send(client: NativeClient, number: number, packed: PackedRecords): void;

  /** Lend `work` the records in staging buffers. */
  protected packed<T>(work: (packed: PackedRecords) => T): T {
    const packer = Packer.borrow(this.#repeating);
    try {
      for (const cells of this.records) packer.add(cells);
      return work(packer.finish());
    } finally {
      packer.giveBack();
    }
  }

  /** @throws the error of the call at `index` alone; `source` is the record that was given. */
  protected check(index: number, source: unknown): void {
    const report = this.#report ?? this.#failures?.get(index);
    if (report !== undefined) throw toError(report, this.method, source, this.dialect.errors);
  }
}

/** A micro-batch of a core method that answers with the rows of the calls that did not fail. */
export class RecordBatch extends MicroBatch {
  readonly #shape: number;
  readonly #rows: unknown[] = [];

  constructor(method: string, shape: number, repeating: readonly boolean[], dialect: Dialect) {
    super(method, repeating, dialect);
    this.#shape = shape;
  }

  protected override send(client: NativeClient, number: number, packed: PackedRecords): void {
    client.call(number, this.method, [packed]);
  }

  override rows(chunk: RowChunk): void {
    decoders[this.#shape]!(chunk, this.#rows, this.dialect.parsed);
  }

  override done(payload: unknown): void {
    // A failing call has no row: those behind it move to their places.
    for (const [index] of (payload as BatchReply).failures) this.#rows.splice(index, 0, undefined);
    super.done(payload);
  }

  /** The row that the record at `index` has become. @throws the error of that call alone. */
  row<T>(index: number): T {
    this.check(index, undefined);
    return this.#rows[index] as T;
  }
}
