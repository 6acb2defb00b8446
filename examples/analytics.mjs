// Records the tool calls of an agent and tells how they went. `node examples/analytics.mjs [file]`

import { AnalyticsRecorder } from 'runledger/analytics';

const recorder = await AnalyticsRecorder.open(process.argv[2] === undefined ? {} : { path: process.argv[2] });
const session = await recorder.startSession();

/** Runs a tool and records the call, whatever becomes of it. The caller does not wait for the file. */
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
    recorder.recordToolCall(call).catch((error) => console.error(error.message));
  }
}

for (let i = 1; i <= 40; i++) {
  await recorded('grep', () => {
    if (i === 13) throw new Error('no such directory');
  }).catch(() => {});
}

await recorder.endSession(session.id);
for (const { toolName, count, errorRate, p50Ms, p95Ms } of await recorder.toolStats({ sessionId: session.id })) {
  console.log(`${toolName}  ${count} calls  ${errorRate * 100} % failed  p50 ${p50Ms} ms  p95 ${p95Ms} ms`);
}
console.log(`${(await recorder.getSession(session.id)).toolCount} calls in the session`);
await recorder.close();
