import type { Call, Reply } from './call.js';
import { Client } from './client.js';
import type { Configuration } from './config.js';
import { EventBatch, issueBatch } from './insert.js';
import type { NativeClient } from './native.js';
import { telemetryErrors } from './report.js';

/** Milliseconds in a turn of the event loop for which inserts may run on this thread. */
const AT_ONCE_MS = 1;

/** A client of telemetry: a lone `insertEvent` may run on this thread. */
export class TelemetryClient extends Client {
  readonly configuration: Configuration;
  /** Until when inserts may run on this thread in this turn of the event loop; 0 before the first. */
  #turnEnds = 0;

  constructor(configuration: Configuration) {
    const { config, path, logger } = configuration;
    const dialect = { errors: telemetryErrors, parsed: config['metadataFormat'] === 'object' };
    super({ module: 'telemetry', config, path, logger, dialect });
    this.configuration = configuration;
  }

  /** Put the cells of one event into the open micro-batch, as its last record. */
  stageEvent(cells: readonly unknown[]): EventBatch {
    return this.stage(cells, this.#newBatch);
  }

  /** Issue a batch of events, packed as they are now. */
  batch(method: string, mode: number, events: readonly unknown[]): Promise<Reply> {
    return issueBatch(method, mode, events, this.dialect, (call) => this.issue(call)).settled;
  }

  readonly #newBatch = (): EventBatch => new EventBatch(this.dialect);

  protected override settleAtOnce(call: Call, native: NativeClient): boolean {
    return call instanceof EventBatch && this.#mayInsertAtOnce(call) && call.insertAtOnce(native);
  }

  /**
   * A lone insert with nothing before it may run on this thread, for a millisecond in each turn of the event loop: a
   * chain of awaited inserts that settle at once would otherwise never let a timer or a socket have its turn.
   */
  #mayInsertAtOnce(batch: EventBatch): boolean {
    if (batch.records.length !== 1 || this.callsInFlight > 0) return false;
    const now = performance.now();
    if (this.#turnEnds === 0) {
      this.#turnEnds = now + AT_ONCE_MS;
      setImmediate(() => {
        this.#turnEnds = 0;
      }).unref();
    }
    return now < this.#turnEnds;
  }
}
