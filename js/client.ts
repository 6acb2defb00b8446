import { Call, type CallOptions, Reply } from './call.js';
import { type Channel, type Sender, threadChannel } from './channel.js';
import type { Configuration } from './config.js';
import { issueBatch, MicroBatch } from './insert.js';
import { Arrival, CloseCall, HealthCheck, OpenCall } from './lifecycle.js';
import { type ErrorReport, native, type NativeClient } from './native.js';
import { Queue } from './queue.js';
import { internalReport } from './report.js';
import { adopt, closeNow, type Database } from './sqlite/database.js';
import { lastFailure } from './sqlite/failure.js';

/** UTF-16 units in flight above which further calls wait in the outbox: 8 MB. */
const IN_FLIGHT_LIMIT = 4 * 1024 * 1024;

/** Milliseconds in a turn of the event loop for which inserts may run on this thread. */
const AT_ONCE_MS = 1;

/**
 * One client of one file: opens on demand, keeps the order of calls, and limits what is in flight.
 *
 * Calls leave through the outbox in the order in which they were issued. It holds them while the file is being opened
 * or closed and while native code has enough to do; that bounds memory under a flood of calls that nobody awaits.
 */
export class TelemetryClient implements Sender {
  readonly configuration: Configuration;
  /** Number of `close()` calls so far; an iterator does not outlive one. */
  epoch = 0;
  readonly #outbox = new Queue<Call>();
  readonly #parsed: boolean;
  #state: 'closed' | 'opening' | 'open' | 'closing' = 'closed';
  #microBatch: MicroBatch | null = null;
  #callsInFlight = 0;
  #weightInFlight = 0;
  /** Until when inserts may run on this thread in this turn of the event loop; 0 before the first. */
  #turnEnds = 0;
  #database: Database | undefined;
  #connection: { channel: Channel; native: NativeClient } | undefined;

  constructor(configuration: Configuration) {
    this.configuration = configuration;
    this.#parsed = configuration.config['metadataFormat'] === 'object';
  }

  get logger() {
    return this.configuration.logger;
  }

  /** The native client, made at first use. Making it touches no file. */
  get native(): NativeClient {
    return this.#connected().native;
  }

  /** Resolves when the file is open. */
  initialize(): Promise<Reply> {
    return this.#issue(new Arrival('initialize')).settled;
  }

  /** Open the file, and have a synchronous connection to it: the one of this client, or an error. */
  async database(): Promise<Database> {
    const reply = await this.#issue(new Arrival('getDatabase', () => this.#join())).settled;
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
    this.#outbox.push(call);
    this.#pump();
    await call.settled;
  }

  /** Issue a call of a core method by its name. */
  call(method: string, args: unknown[], options?: CallOptions): Promise<Reply> {
    const call = new Reply(method, args, this.#parsed, options);
    return call.abandoned ? call.settled : this.#issue(call).settled;
  }

  /** Ask for a sign of life; false while closed. */
  checkHealth(method: string, options?: CallOptions): Promise<Reply> {
    const call = new HealthCheck(method, options);
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

  /** Put the cells of one event into the open micro-batch, as its last record. */
  stage(cells: readonly unknown[]): MicroBatch {
    let batch = this.#microBatch;
    if (batch === null) {
      batch = this.#microBatch = new MicroBatch(this.#parsed);
      queueMicrotask(this.#flush);
    }
    if (batch.records.push(cells) === MicroBatch.LIMIT) this.#flush();
    return batch;
  }

  /** Issue a batch of events, packed as they are now. */
  batch(method: string, mode: number, events: readonly unknown[]): Promise<Reply> {
    return issueBatch(method, mode, events, (call) => this.#issue(call)).settled;
  }

  landed(call: Call): void {
    this.#callsInFlight--;
    this.#weightInFlight -= call.weight;
    this.#pump();
  }

  #issue<C extends Call>(call: C): C {
    this.#flush();
    this.#outbox.push(call);
    this.#pump();
    return call;
  }

  #flush = (): void => {
    const batch = this.#microBatch;
    if (batch === null) return;
    this.#microBatch = null;
    this.#outbox.push(batch);
    this.#pump();
  };

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
    if (call instanceof MicroBatch && this.#mayInsertAtOnce(call) && call.insertAtOnce(native)) return;
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

  /**
   * A lone insert with nothing before it may run on this thread, for a millisecond in each turn of the event loop: a
   * chain of awaited inserts that settle at once would otherwise never let a timer or a socket have its turn.
   */
  #mayInsertAtOnce(batch: MicroBatch): boolean {
    if (batch.records.length !== 1 || this.#callsInFlight > 0) return false;
    const now = performance.now();
    if (this.#turnEnds === 0) {
      this.#turnEnds = now + AT_ONCE_MS;
      setImmediate(() => {
        this.#turnEnds = 0;
      }).unref();
    }
    return now < this.#turnEnds;
  }

  /** The synchronous connection; another one if the caller has closed it. */
  #join(): Database | Error {
    if (this.#database?.open) return this.#database;
    const number = native().sqliteJoin(this.#connected().native);
    if (number === 0) return lastFailure('getDatabase');
    const { path } = this.configuration;
    this.#database = adopt(number, path, path === ':memory:');
    return this.#database;
  }

  #connected() {
    if (this.#connection === undefined) {
      const channel = threadChannel();
      const { config, path } = this.configuration;
      const client = new (native().NativeClient)(channel.native, config, path, channel.enrol(this));
      this.#connection = { channel, native: client };
    }
    return this.#connection;
  }
}
