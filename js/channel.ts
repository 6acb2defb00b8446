import { setImmediate } from 'node:timers';
import type { Call } from './call.js';
import { writeLog } from './log.js';
import {
  collect,
  CompletionKind,
  type ErrorReport,
  Head,
  type LogLine,
  native,
  type NativeChannel,
  type Progress,
  type RowChunk,
} from './native.js';
import { internalReport } from './report.js';
import type { Logger } from './types.js';

/** Milliseconds of decoding in one turn of the event loop. */
const BUDGET_MS = 8;
/** Promises settled in one turn: their continuations run behind it, on the caller's time. */
const AUDIENCE = 1024;
/** Bytes that native code may write to at first: the numbers of a page of rows. */
const MEMORY = 16 * 1024;

/** Who sent a call. */
export interface Sender {
  readonly logger: Logger | undefined;
  /** The call has its answer. */
  landed(call: Call): void;
}

/**
 * Brings the completions of native threads to this JavaScript thread. While calls are in flight it keeps the process
 * alive; nothing else does.
 */
export class Channel {
  readonly native: NativeChannel;
  readonly #inFlight = new Map<number, { call: Call; sender: Sender }>();
  readonly #senders = new Map<number, WeakRef<Sender>>();
  readonly #forgotten = new FinalizationRegistry<number>((id) => this.#senders.delete(id));
  /** What `take` has brought, and the memory that native code writes its numbers to. */
  readonly #chunk: RowChunk = { shape: 0, length: 0, ...memory(MEMORY), nulls: false, cells: [], texts: 0 };
  #lastCall = 0;
  #lastSender = 0;
  #continued = false;

  constructor() {
    this.native = new (native().NativeChannel)(() => {
      if (!this.#continued) this.#drain();
    });
  }

  /** An id for `sender`, under which its log lines come. */
  enrol(sender: Sender): number {
    const id = ++this.#lastSender;
    this.#senders.set(id, new WeakRef(sender));
    this.#forgotten.register(sender, id);
    return id;
  }

  /** Register a call that is about to depart; its number. */
  depart(call: Call, sender: Sender): number {
    const number = ++this.#lastCall;
    this.#inFlight.set(number, { call, sender });
    if (this.#inFlight.size === 1) this.native.keepAlive(true);
    return number;
  }

  /** The call will have no completion, or has had its last. */
  forget(number: number): void {
    if (this.#inFlight.delete(number) && this.#inFlight.size === 0) this.native.keepAlive(false);
  }

  /** Deliver what is waiting, for a few milliseconds; the rest in the next turn. */
  #drain = (): void => {
    this.#continued = false;
    const end = performance.now() + BUDGET_MS;
    let audience = 0;
    do {
      const payload = this.#take();
      const kind = this.#chunk.numbers[Head.kind];
      if (kind === CompletionKind.nothing) return;
      if (kind === CompletionKind.tooSmall) this.#grow();
      else audience += this.#deliver(kind!, payload);
      if (this.#chunk.numbers[Head.more] === 0) return;
    } while (audience < AUDIENCE && performance.now() < end);
    this.#continued = true;
    setImmediate(this.#drain);
  };

  #take(): unknown {
    try {
      return this.native.take(this.#chunk.bytes, collect);
    } catch (error) {
      return error;
    }
  }

  #grow(): void {
    Object.assign(this.#chunk, memory(this.#chunk.numbers[Head.call]!));
    // What was too large is still there.
    this.#chunk.numbers[Head.more] = 1;
  }

  /** @returns how many promises were settled. */
  #deliver(kind: number, payload: unknown): number {
    const number = this.#chunk.numbers[Head.call]!;
    if (kind === CompletionKind.log) {
      const sender = this.#senders.get(number)?.deref();
      if (sender !== undefined) writeLog(sender.logger, payload as LogLine);
      return 0;
    }
    const flight = this.#inFlight.get(number);
    if (flight === undefined) return 0;
    const { call, sender } = flight;
    try {
      if (kind === CompletionKind.done) call.done(payload);
      else if (kind === CompletionKind.failed) call.failed(payload as ErrorReport);
      else if (kind === CompletionKind.lost) call.failed(internalReport(call.method, payload));
      else if (kind === CompletionKind.progress) call.progress(payload as Progress);
      else {
        call.rows(this.#rows(payload as unknown[]));
        if (kind === CompletionKind.last) call.done((payload as unknown[])[0]);
      }
    } catch (error) {
      call.failed(internalReport(call.method, error));
    }
    if (kind === CompletionKind.rows || kind === CompletionKind.progress) return 0;
    this.forget(number);
    sender.landed(call);
    return call.audience;
  }

  #rows(cells: unknown[]): RowChunk {
    const chunk = this.#chunk;
    const { numbers } = chunk;
    chunk.shape = numbers[Head.shape]!;
    chunk.length = numbers[Head.length]!;
    chunk.nulls = numbers[Head.nulls] === 1;
    chunk.texts = numbers[Head.texts]!;
    chunk.cells = cells;
    return chunk;
  }
}

/** Memory that native code and JavaScript see as numbers, labels and bytes. */
function memory(size: number): Pick<RowChunk, 'numbers' | 'labels' | 'bytes'> {
  const buffer = new ArrayBuffer(Math.ceil(size / 8) * 8);
  return { numbers: new Float64Array(buffer), labels: new Uint16Array(buffer), bytes: new Uint8Array(buffer) };
}

let channel: Channel | undefined;

/** The channel of this thread. */
export function threadChannel(): Channel {
  channel ??= new Channel();
  return channel;
}
