/**
 * The calls that open and close a client, and those that only wait for it.
 */
import { Call, type CallOptions, type Dialect, Reply } from './call.js';
import type { ErrorReport, NativeClient } from './native.js';

/** Opens the file; everything in the outbox waits for it. */
export class OpenCall extends Call {
  readonly #opened: () => void;
  readonly #failed: (report: ErrorReport) => void;

  constructor(opened: () => void, failed: (report: ErrorReport) => void) {
    super('initialize');
    this.#opened = opened;
    this.#failed = failed;
  }

  override depart(client: NativeClient, number: number): void {
    client.open(number);
  }

  override done(): void {
    this.#opened();
  }

  override failed(report: ErrorReport): void {
    this.#failed(report);
  }
}

/** Closes the file when everything before it has landed. Never fails: what could not be flushed is a warning. */
export class CloseCall extends Call {
  /** Resolves when the file is closed. */
  readonly settled: Promise<void>;
  #settle!: () => void;
  readonly #closed: () => void;

  constructor(closed: () => void) {
    super('close');
    this.#closed = closed;
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  override depart(client: NativeClient, number: number): void {
    client.close(number);
  }

  override done(): void {
    this.#closed();
    this.#settle();
  }

  override failed(): void {
    this.done();
  }
}

/** `initialize()` and `getDatabase()`: has its result as soon as the file is open, that of `arrive`. */
export class Arrival extends Reply {
  readonly #arrive: (() => unknown) | undefined;

  constructor(method: string, dialect: Dialect, arrive?: () => unknown) {
    super(method, [], dialect);
    this.#arrive = arrive;
  }

  override depart(): void {
    this.done(this.#arrive?.());
  }
}

/** A health check: `false` instead of any failure, and no reason to open. */
export class HealthCheck extends Reply {
  constructor(method: string, dialect: Dialect, options: CallOptions) {
    super(method, [], dialect, options);
  }

  override failed(): void {
    this.done(false);
  }
}
