// The tools of an agent, each call recorded with its duration and its end; and then how they went.
//
//   node examples/analytics.mjs [FILE]
//
// Without FILE it works in memory. `AnalyticsRecorder.open()` alone would open ~/.devflow/analytics.db.

import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AnalyticsRecorder } from 'runledger/analytics';

const recorder = await AnalyticsRecorder.open({ path: process.argv[2] ?? ':memory:' });
const session = await recorder.startSession();

/** Runs a tool and records the call, whatever becomes of it. The agent does not wait for the file. */
async function recorded(toolName, run) {
  const began = performance.now();
  let failure;
  try {
    return await run();
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    const status = failure === undefined ? 'success' : failure.name === 'TimeoutError' ? 'timeout' : 'error';
    const call = { sessionId: session.id, toolName, durationMs: performance.now() - began, status, errorType: failure?.name };
    // Nobody awaits it, so that it has to be caught here.
    recorder.recordToolCall(call).catch((error) => console.error(error.message));
  }
}

const tools = {
  list: () => readdir('.'),
  parse: (step) => JSON.parse(step === 13 ? 'no JSON' : '{}'),
  search: async (step) => {
    await sleep(step);
    if (step > 18) throw new DOMException('The search took too long', 'TimeoutError');
  },
};

for (let step = 1; step <= 20; step++) {
  for (const [name, tool] of Object.entries(tools)) await recorded(name, () => tool(step)).catch(() => {});
}

const { endedAt, toolCount } = await recorder.endSession(session.id);
for (const { toolName, count, errorRate, p50Ms, p95Ms } of await recorder.toolStats({ sessionId: session.id })) {
  const failed = (errorRate * 100).toFixed(1);
  console.log(`${toolName.padEnd(8)}${count} calls  ${failed.padStart(4)} % failed  p50 ${p50Ms} ms  p95 ${p95Ms} ms`);
}
for (const { toolName, status, errorType } of await recorder.listToolCalls({ sessionId: session.id, statuses: ['error', 'timeout'] })) {
  console.log(`${toolName}: ${status}, ${errorType}`);
}
console.log(`${toolCount} calls until ${endedAt.toISOString()}`);
await recorder.close();
