import { setImmediate } from 'node:timers';
import type { Call } from './call.js';
import { writeLog } from './log.js';
import {
  type Completion,
  CompletionKind,
  type ErrorReport,
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
/** Completions fetched at a time: native code may send as many more chunks ahead. */
const TAKE = 8;

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
  #taken: Completion[] = [];
  #next = 0;
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
    for (;;) {
      while (this.#next < this.#taken.length) {
        audience += this.#deliver(this.#taken[this.#next++]!);
        if (audience >= AUDIENCE || performance.now() >= end) {
          this.#continued = true;
          setImmediate(this.#drain);
          return;
        }
      }
      this.#next = 0;
      const taken = this.native.take(TAKE);
      this.#taken = taken ?? [];
      if (taken === null) return;
    }
  };

  /** @returns how many promises were settled. */
  #deliver([number, kind, payload]: Completion): number {
    if (kind === CompletionKind.log) {
      const sender = this.#senders.get(number)?.deref();
      if (sender !== undefined) writeLog(sender.logger, payload as LogLine);
      return 0;
    }
    const flight = this.#inFlight.get(number);
    if (flight === undefined) return 0;
    const { call, sender } = flight;
    try {
      if (kind === CompletionKind.rows) call.rows(payload as RowChunk);
      else if (kind === CompletionKind.progress) call.progress(payload as Progress);
      else if (kind === CompletionKind.done) call.done(payload);
      else call.failed(payload as ErrorReport);
    } catch (error) {
      call.failed(internalReport(call.method, error));
    }
    if (kind > CompletionKind.failed) return 0;
    this.forget(number);
    sender.landed(call);
    return call.audience;
  }
}

let channel: Channel | undefined;

/** The channel of this thread. */
export function threadChannel(): Channel {
  channel ??= new Channel();
  return channel;
}
