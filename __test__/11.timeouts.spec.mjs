// Deadlines: telemetry.md §10.9, §10.10; E29.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { T, cleanUp, evs, openClient, refused, test } from './support.mjs';

afterEach(cleanUp);

test('E29 a read of a million events that outlives queryTimeoutMs is interrupted, and so is nothing else', { timeout: 400_000 }, async () => {
  const { ops, dir } = await openClient({ maxSizeMB: false });
  const chunk = evs(50_000, () => ({ prompt: null }));
  for (let i = 0; i < 20; i++) await ops.insertEventBatch(chunk);
  assert.equal((await ops.getStatistics()).totalEvents, 1_000_000);

  const { ops: hurried } = await openClient({ queryTimeoutMs: 1, maxSizeMB: false }, { dir, sessions: [] });
  await refused(() => hurried.queryEvents(), { name: 'QueryTimeoutError', code: 'SQLITE_INTERRUPT', message: 'Query exceeded queryTimeoutMs (1 ms) during queryEvents' });
  await assert.rejects(hurried.queryEvents({}, { signal: AbortSignal.abort('no') }), (reason) => reason === 'no');
  assert.equal((await ops.queryEvents({ limit: 3 })).length, 3, 'the first client is not concerned');

  // An abort while the same read runs: it ends with the reason, long before its rows could have been read.
  const controller = new AbortController();
  const reason = new Error('enough');
  const read = ops.queryEvents({ agentType: 'nobody' }, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(read, (error) => error === reason);
  assert.equal((await ops.queryEvents({ limit: 1 }))[0].timestamp, T);
});

test('queryTimeoutMs: 0 sets no deadline', async () => {
  const { ops } = await openClient({ queryTimeoutMs: 0 });
  await ops.insertEventBatch(evs(20_000));
  assert.equal((await ops.queryEvents()).length, 20_000);
});
