import { type Call, type CallOptions, type Dialect, Reply } from './call.js';
import { type Channel, type Sender, threadChannel } from './channel.js';
import { Arrival, CloseCall, HealthCheck, OpenCall } from './lifecycle.js';
import { MicroBatch } from './micro-batch.js';
import { type ErrorReport, native, type NativeClient } from './native.js';
import { Queue } from './queue.js';
import { internalReport } from './report.js';
import { adopt, closeNow, type Database } from './sqlite/database.js';
import { lastFailure } from './sqlite/failure.js';
import type { Logger } from './types.js';

/** UTF-16 units in flight above which further calls wait in the outbox: 8 MB. */
const IN_FLIGHT_LIMIT = 4 * 1024 * 1024;

/** What a client works on, and how its module speaks. */
export interface ClientFacts {
  /** Journal name. */
  readonly module: string;
  /** Absolute, or `':memory:'`. */
  readonly path: string;
  /** As the core has resolved it. */
  readonly config: Record<string, unknown>;
  readonly logger: Logger | undefined;
  readonly dialect: Dialect;
}

/**
 * One client of one file: opens on demand, keeps the order of calls, and limits what is in flight.
 *
 * Calls leave through the outbox in the order in which they were issued. It holds them while the file is being opened
 * or closed and while native code has enough to do; that bounds memory under a flood of calls that nobody awaits.
 */
export class Client implements Sender {
  readonly facts: ClientFacts;
  /** Number of `close()` calls so far; an iterator does not outlive one. */
  epoch = 0;
  readonly #outbox = new Queue<Call>();
  /** Collects calls until the end of the microtask. */
  #microBatch: MicroBatch | null = null;
  /**
   * A micro-batch that is never used. V8 forgets the shape of objects of which its garbage collections find none, and with it
   * the code that it has optimised for them; between two floods they would find none.
   */
  #modelBatch: MicroBatch | undefined;
  #state: 'closed' | 'opening' | 'open' | 'closing' = 'closed';
  #callsInFlight = 0;
  #weightInFlight = 0;
  #database: Database | undefined;
  #connection: { channel: Channel; native: NativeClient } | undefined;

  constructor(facts: ClientFacts) {
    this.facts = facts;
  }

  get logger() {
    return this.facts.logger;
  }

  get dialect() {
    return this.facts.dialect;
  }

  /** Calls that have departed and not landed. */
  protected get callsInFlight(): number {
    return this.#callsInFlight;
  }

  /** The native client, made at first use. Making it touches no file. */
  get native(): NativeClient {
    return this.#connected().native;
  }

  /** Resolves when the file is open. */
  initialize(method = 'initialize'): Promise<Reply> {
    return this.issue(new Arrival(method, this.dialect)).settled;
  }

  /** Open the file, and have a synchronous connection to it: the one of this client, or an error. */
  async database(): Promise<Database> {
    const reply = await this.issue(new Arrival('getDatabase', this.dialect, () => this.#join())).settled;
    const joined = reply.value<Database | Error>();
    if (joined instanceof Error) throw joined;
    return joined;
  }

  /** Wait for the calls before it, then close. Idempotent; a later call opens again. */
  async close(): Promise<void> {
    this.epoch++;
    this.#flush();
    if (this.#state === 'closed' && this.#outbox.peek() === undefined) return;
    const call = new CloseCall(() => {
      this.#state = 'closed';
    });
    this.#enqueue(call);
    await call.settled;
  }

  /** Issue a call of a core method by its name. `units` is the text in what is packed, in UTF-16 units. */
  call(method: string, args: unknown[], options?: CallOptions, units = 0): Promise<Reply> {
    const call = new Reply(method, args, this.dialect, options);
    call.weight += units;
    return call.abandoned ? call.settled : this.issue(call).settled;
  }

  /**
   * Put the cells of one call into the open micro-batch, as its last record; `open` makes one. A client has micro-batches of one
   * method: another call sends them on their way first.
   */
  stage<B extends MicroBatch>(cells: readonly unknown[], open: () => B): B {
    let batch = this.#microBatch as B | null;
    if (batch === null) {
      batch = this.#microBatch = open();
      this.#modelBatch ??= open();
      queueMicrotask(this.#turn);
    }
    if (batch.records.push(cells) === MicroBatch.LIMIT) this.#flush();
    return batch;
  }

  /** Ask for a sign of life; false while closed. */
  checkHealth(method: string, options?: CallOptions): Promise<Reply> {
    const call = new HealthCheck(method, this.dialect, options);
    if (call.abandoned) return call.settled;
    const last = this.#outbox.last();
    if (this.#state === 'open' && !(last instanceof CloseCall)) {
      // Says whether the database answers, not whether the outbox is empty.
      this.#send(call);
    } else if (this.#state === 'opening' && !(last instanceof CloseCall)) {
      this.#outbox.push(call);
    } else {
      call.done(false);
    }
    return call.settled;
  }

  landed(call: Call): void {
    this.#callsInFlight--;
    this.#weightInFlight -= call.weight;
    this.#pump();
  }

  /** Issue a call, behind everything that was issued before. */
  protected issue<C extends Call>(call: C): C {
    this.#flush();
    this.#enqueue(call);
    return call;
  }

  /** Put the open micro-batch into the outbox: another call comes behind it. */
  #flush(): void {
    const batch = this.#microBatch;
    if (batch === null) return;
    this.#microBatch = null;
    this.#enqueue(batch);
  }

  readonly #turn = (): void => this.#flush();

  /** Put a call into the outbox. */
  #enqueue(call: Call): void {
    this.#outbox.push(call);
    this.#pump();
  }

  /** Carry out a call on this thread, if a module can. Whether it has been done. */
  protected settleAtOnce(_call: Call, _native: NativeClient): boolean {
    return false;
  }

  /** Send what may leave. */
  #pump(): void {
    for (let call = this.#outbox.peek(); call !== undefined; call = this.#outbox.peek()) {
      if (!call.abandoned && !this.#mayLeave(call)) return;
      this.#outbox.shift();
      if (call.abandoned) continue;
      if (call instanceof CloseCall) {
        if (this.#state === 'closed') {
          call.done();
          continue;
        }
        this.#state = 'closing';
        // Before the store: it may hold the lock that the last flush needs, and the last one to go removes the WAL.
        if (this.#database !== undefined) closeNow(this.#database);
        this.#database = undefined;
      }
      this.#send(call);
    }
  }

  #mayLeave(call: Call): boolean {
    if (call instanceof CloseCall) return this.#callsInFlight === 0;
    if (this.#state === 'closed') this.#open();
    return this.#state === 'open' && this.#weightInFlight < IN_FLIGHT_LIMIT;
  }

  #open(): void {
    this.#connected();
    this.#state = 'opening';
    const opened = () => {
      this.#state = 'open';
    };
    this.#send(new OpenCall(opened, (report) => this.#openFailed(report)));
  }

  /** Everything that waited for this open fails with it; the next call tries again. */
  #openFailed(report: ErrorReport): void {
    this.#state = 'closed';
    for (let call = this.#outbox.peek(); call !== undefined; call = this.#outbox.peek()) {
      if (call instanceof CloseCall) return;
      this.#outbox.shift();
      if (!call.abandoned) call.failed(report);
    }
  }

  #send(call: Call): void {
    if (call instanceof Arrival) {
      call.depart();
      return;
    }
    const { channel, native } = this.#connected();
    if (this.settleAtOnce(call, native)) return;
    const number = channel.depart(call, this);
    this.#callsInFlight++;
    try {
      call.depart(native, number);
      this.#weightInFlight += call.weight;
    } catch (error) {
      // A text too long to concatenate, for instance.
      channel.forget(number);
      this.#callsInFlight--;
      call.failed(internalReport(call.method, error));
    }
  }

  /** The synchronous connection; another one if the caller has closed it. */
  #join(): Database | Error {
    if (this.#database?.open) return this.#database;
    const number = native().sqliteJoin(this.#connected().native);
    if (number === 0) return lastFailure('getDatabase');
    const { path } = this.facts;
    this.#database = adopt(number, path, path === ':memory:');
    return this.#database;
  }

  #connected() {
    if (this.#connection === undefined) {
      const channel = threadChannel();
      const { module, config, path } = this.facts;
      const client = new (native().NativeClient)(channel.native, module, config, path, channel.enrol(this));
      this.#connection = { channel, native: client };
    }
    return this.#connection;
  }
}
