import { decoders } from './generated/rows.js';
import type { ErrorReport, NativeClient, Progress, RowChunk } from './native.js';
import { type ErrorMakers, toError } from './report.js';
import { unwatch, watch } from './signals.js';
import type { ProgressOptions, ReadOptions } from './types.js';

/** What each call weighs in the outbox besides its text, in UTF-16 units. */
const BASE_WEIGHT = 256;

/** A call between the public method that issued it and native code. */
export abstract class Call {
  /** The public method, for messages. */
  readonly method: string;
  /** Load on the queues until it has landed, in UTF-16 units; final when it has departed. */
  weight = BASE_WEIGHT;
  /** Nobody waits for it any more. */
  abandoned = false;

  constructor(method: string) {
    this.method = method;
  }

  /** How many promises wait for it. */
  get audience(): number {
    return 1;
  }

  /** Hand the call to native code. */
  abstract depart(client: NativeClient, number: number): void;
  /** The call succeeded. */
  abstract done(payload: unknown): void;
  /** The call failed, or what it waited for did. */
  abstract failed(report: ErrorReport): void;
  /** A chunk of rows came. */
  rows(_chunk: RowChunk): void {}
  /** It goes on. */
  progress(_progress: Progress): void {}
}

/** How the calls of a client are read: what its module's errors are, and whether JSON columns are parsed. */
export interface Dialect {
  readonly errors: ErrorMakers;
  readonly parsed: boolean;
}

/** Options of a call that runs by its method's name. */
export type CallOptions = (ReadOptions & ProgressOptions) | null | undefined;

/**
 * A call with one result. `settled` never rejects: the public method asks {@link Reply.value} or {@link Reply.table}
 * after awaiting it, so that errors are made where V8's asynchronous stack names the caller's line.
 */
export class Reply extends Call {
  /** Resolves to the reply itself when its result is there. */
  readonly settled: Promise<Reply>;
  readonly #args: unknown[];
  readonly #dialect: Dialect;
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: ProgressOptions['onProgress'];
  #settle!: (reply: Reply) => void;
  #tables: unknown[][] | undefined;
  #value: unknown;
  #report: ErrorReport | undefined;
  #cancel: (() => void) | undefined;

  constructor(method: string, args: unknown[], dialect: Dialect, options?: CallOptions) {
    super(method);
    this.#args = args;
    this.#dialect = dialect;
    this.weight += weightOf(args);
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#onProgress = options?.onProgress;
    this.#signal = options?.signal ?? undefined;
    if (this.#signal === undefined) return;
    if (this.#signal.aborted) this.#abort();
    else watch(this.#signal, this.#abort);
  }

  override depart(client: NativeClient, number: number): void {
    if (this.#signal !== undefined) this.#cancel = () => client.cancel(number);
    client.call(number, this.method, this.#args);
  }

  override rows(chunk: RowChunk): void {
    if (this.abandoned) return;
    const rows = ((this.#tables ??= [])[chunk.shape] ??= []);
    decoders[chunk.shape]!(chunk, rows, this.#dialect.parsed);
  }

  override progress({ operation, done, total }: Progress): void {
    if (this.abandoned) return;
    try {
      this.#onProgress?.({ operation, done, total });
    } catch {
      // The caller's callback is no reason to lose the call.
    }
  }

  override done(payload: unknown): void {
    this.#value = payload;
    this.#end();
  }

  override failed(report: ErrorReport): void {
    this.#report = report;
    this.#end();
  }

  /** Why it failed, for a module that makes its errors itself. */
  get failure(): ErrorReport | undefined {
    return this.#report;
  }

  /** The result. @throws the error of the call; `source` is the record that was given, for the error's `value`. */
  value<T = void>(source?: unknown): T {
    if (this.#signal?.aborted && this.abandoned) throw this.#signal.reason;
    if (this.#report !== undefined) throw toError(this.#report, this.method, source, this.#dialect.errors);
    return this.#value as T;
  }

  /** The rows of one shape. @throws the error of the call. */
  table<T>(shape: number, source?: unknown): T[] {
    this.value(source);
    return (this.#tables?.[shape] ?? []) as T[];
  }

  /** The record of `records` that made the call fail. */
  culprit(records: readonly unknown[]): unknown {
    const index = this.#report?.index;
    return index === undefined ? undefined : records[index];
  }

  #abort = (): void => {
    if (this.abandoned) return;
    this.abandoned = true;
    this.#tables = undefined;
    this.#cancel?.();
    this.#settle(this);
  };

  #end(): void {
    if (this.#signal !== undefined) unwatch(this.#signal, this.#abort);
    this.#settle(this);
  }
}

/** Text among the arguments: the cells of a record count, filters are small. */
function weightOf(args: readonly unknown[]): number {
  let units = 0;
  for (const cells of args) {
    if (!Array.isArray(cells)) continue;
    for (const cell of cells) if (typeof cell === 'string') units += cell.length;
  }
  return units;
}
