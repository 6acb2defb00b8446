// runledger as its users have it: no option is given but the path.

import { readFileSync } from 'node:fs';
import { DrizzleTelemetryDB, DrizzleTelemetryOperations } from '../../index.js';

export async function open(path) {
  const client = new RunledgerClient(path);
  await client.operations.initialize();
  return client;
}

/** A synchronous connection. Loaded on demand: a client does without. */
export async function connect(path) {
  const { Database } = await import('../../dist/sqlite.js');
  return new Database(path);
}

/** The recorder of tool calls. Loaded on demand, too. */
export async function analytics(path) {
  const { AnalyticsRecorder } = await import('../../dist/analytics.js');
  const recorder = await AnalyticsRecorder.open({ path });
  recorder.recordTogether = (calls) => Promise.all(calls.map((call) => recorder.recordToolCall(call)));
  return recorder;
}

class RunledgerClient {
  constructor(path) {
    const operations = new DrizzleTelemetryOperations(new DrizzleTelemetryDB({ dbPath: path }));
    this.operations = operations;
    for (const name of [
      'createSession',
      'insertEvent',
      'insertEventBatch',
      'queryEvents',
      'querySessions',
      'getSessionWithEvents',
      'getStatistics',
      'deleteEventsBefore',
      'iterateEvents',
    ])
      this[name] = operations[name].bind(operations);
  }

  insertTogether(events) {
    return Promise.all(events.map(this.insertEvent));
  }

  quiet() {
    return this.operations.checkpoint('truncate');
  }

  close() {
    return this.operations.close();
  }
}

export function version() {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return { library: version };
}
