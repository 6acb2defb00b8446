// A small usage monitor: an agent's session in telemetry, its token counts as snapshots, a summary.
//
//   node examples/usage.mjs [FILE]
//
// Without FILE it works on a file in a temporary directory, which it removes.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DrizzleTelemetryDB, DrizzleTelemetryOperations } from 'runledger';
import {
  closeDatabase,
  deleteOldUsageSnapshots,
  getUsageConfig,
  getUsageSnapshotsBySession,
  initDatabase,
  insertUsageSnapshot,
  updateUsageConfig,
} from 'runledger/usage';

const scratch = process.argv[2] === undefined ? mkdtempSync(join(tmpdir(), 'usage-')) : undefined;
const file = process.argv[2] ?? join(scratch, 'telemetry.db');

// Both work on one file: telemetry off the JavaScript thread, usage on it.
const telemetry = new DrizzleTelemetryDB({ dbPath: file });
const operations = new DrizzleTelemetryOperations(telemetry);
initDatabase({ path: file, onError: (error, operation) => console.error(`${operation}: ${error.code} ${error.message}`) });

updateUsageConfig({ plan: 'custom', custom_limit_tokens: 10_000, refresh_rate: 5 });

const session = `monitor-${Date.now()}`;
const startTime = Date.now();
await operations.createSession({ id: session, agentType: 'claude', mode: 'code', startTime });

let tokens = 0;
for (let turn = 1; turn <= 4; turn++) {
  tokens += 1_500 + turn * 100;
  const timestamp = startTime + turn * 1000;
  await operations.insertEvent({ sessionId: session, eventType: 'stream', agentType: 'claude', mode: 'code', prompt: `turn ${turn}`, timestamp });
  insertUsageSnapshot({ session_id: session, snapshot_data: JSON.stringify({ turn, tokens }), timestamp });
}

const { custom_limit_tokens: limit } = getUsageConfig();
for (const { timestamp, snapshot_data } of getUsageSnapshotsBySession(session).reverse()) {
  const { turn, tokens: used } = JSON.parse(snapshot_data);
  const share = Math.round((100 * used) / limit);
  console.log(`${(timestamp - startTime) / 1000} s  turn ${turn}  ${used} tokens  ${share} % of ${limit}`);
}
console.log(`${deleteOldUsageSnapshots()} old snapshots deleted`);

closeDatabase();
await telemetry.close();
if (scratch !== undefined) rmSync(scratch, { recursive: true });
