// AbortSignal: telemetry.md §2 ReadOptions, §10.10.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { T, cleanUp, collect, ev, evs, openClient, run, tempDir, test } from './support.mjs';

afterEach(cleanUp);

/** Every call that takes ReadOptions. */
const reads = {
  'db.healthCheck': ({ db }, o) => db.healthCheck(o),
  'db.planRetention': ({ db }, o) => db.planRetention(o),
  getHealthStatus: ({ ops }, o) => ops.getHealthStatus(o),
  getSession: ({ ops }, o) => ops.getSession('s1', false, o),
  'getSession with relations': ({ ops }, o) => ops.getSession('s1', true, o),
  getSessionWithEvents: ({ ops }, o) => ops.getSessionWithEvents('s1', o),
  querySessions: ({ ops }, o) => ops.querySessions({}, o),
  'querySessions with relations': ({ ops }, o) => ops.querySessions({ includeEvents: true }, o),
  iterateSessions: ({ ops }, o) => collect(ops.iterateSessions({}, o)),
  queryEvents: ({ ops }, o) => ops.queryEvents({}, o),
  iterateEvents: ({ ops }, o) => collect(ops.iterateEvents({}, o)),
  queryBuffers: ({ ops }, o) => ops.queryBuffers({}, o),
  getRecentErrors: ({ ops }, o) => ops.getRecentErrors(10, o),
  queryErrors: ({ ops }, o) => ops.queryErrors({}, o),
  getStatistics: ({ ops }, o) => ops.getStatistics(o),
  getDailyStatistics: ({ ops }, o) => ops.getDailyStatistics({}, o),
  verifyStatistics: ({ ops }, o) => ops.verifyStatistics(o),
  listValidationRules: ({ ops }, o) => ops.listValidationRules({}, o),
  getAuditTrail: ({ ops }, o) => ops.getAuditTrail('telemetry_sessions', 's1', 10, o),
  planRetention: ({ ops }, o) => ops.planRetention(o),
};

for (const [name, read] of Object.entries(reads)) {
  test(`${name}: a signal aborted beforehand rejects with its very reason and runs nothing`, async () => {
    const client = await openClient();
    await client.ops.insertEvent(ev());
    client.db.resetMetrics();
    for (const reason of ['no', 0, null, new Error('mine'), { any: 'thing' }]) {
      await assert.rejects(async () => read(client, { signal: AbortSignal.abort(reason) }), (thrown) => thrown === reason, String(reason));
    }
    const signal = AbortSignal.abort();
    await assert.rejects(async () => read(client, { signal }), (thrown) => thrown === signal.reason && thrown.name === 'AbortError');
    assert.equal(client.db.getMetrics().totalQueries, 0);
    const { signal: quiet } = new AbortController();
    assert.deepEqual(await read(client, { signal: quiet }), await read(client), 'a signal that stays quiet changes nothing');
  });
}

test('a signal aborted beforehand does not even open the file', async () => {
  const { db, ops } = await openClient({}, { sessions: [] });
  await assert.rejects(ops.queryEvents({}, { signal: AbortSignal.abort('no') }), (reason) => reason === 'no');
  assert.equal(db.getMetrics().connectionCount, 0);
});

test('aborting a call that is under way rejects it at once, alone, and the client goes on', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(50_000, (i) => ({ timestamp: T + i, streamData: 'x'.repeat(100) })));
  const reason = new Error('enough');
  const controller = new AbortController();
  const aborted = ops.queryEvents({}, { signal: controller.signal });
  const neighbour = ops.queryEvents({ limit: 2 });
  const write = ops.insertEvent(ev());
  controller.abort(reason);
  await assert.rejects(aborted, (thrown) => thrown === reason);
  assert.equal((await neighbour).length, 2);
  assert.equal((await write).id, 50_001);
  assert.equal((await ops.queryEvents()).length, 50_001);
});

test('aborting in the middle of a read on a timer ends it with the reason', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(100_000, () => ({ streamData: 'x'.repeat(100) })));
  const signal = AbortSignal.timeout(1);
  const all = Array.from({ length: 4 }, () => ops.queryEvents({}, { signal }));
  for (const settled of await Promise.allSettled(all)) {
    assert.equal(settled.status, 'rejected');
    assert.equal(settled.reason, signal.reason);
    assert.equal(settled.reason.name, 'TimeoutError');
  }
  assert.equal((await ops.queryEvents({ limit: 1 })).length, 1);
});

test('a signal that is aborted after the answer changes nothing', async () => {
  const { ops } = await openClient();
  await ops.insertEvent(ev());
  const controller = new AbortController();
  const rows = await ops.queryEvents({}, { signal: controller.signal });
  controller.abort(new Error('late'));
  assert.equal(rows.length, 1);
  assert.equal((await ops.queryEvents()).length, 1);
});

test('one signal for many calls rejects them all with the same reason', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(5000));
  const controller = new AbortController();
  const calls = Array.from({ length: 30 }, (_, i) => (i % 2 ? ops.queryEvents({}, { signal: controller.signal }) : ops.getStatistics({ signal: controller.signal })));
  const reason = { one: 'reason' };
  controller.abort(reason);
  for (const settled of await Promise.allSettled(calls)) assert.equal(settled.reason, reason);
});

test('calls at once with one signal say nothing on the terminal', async () => {
  const { stderr, code } = await run(`
    const ops = new DrizzleTelemetryOperations({ dbPath: ':memory:' });
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 50 }, () => ops.getSession('s1', false, { signal })));
    await ops.close();`, { cwd: tempDir() });
  assert.deepEqual({ stderr, code }, { stderr: '', code: 0 });
});

test('aborting during an iteration ends it with the reason at the next page at the latest', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(100));
  for (const iterate of [(o) => ops.iterateEvents({}, o), (o) => ops.iterateSessions({}, o)]) {
    for (let i = 0; i < 30; i++) await ops.createSession({ id: `x${i}`, agentType: 'a', mode: 'm', startTime: T });
    const controller = new AbortController();
    const reason = new Error('enough');
    let seen = 0;
    await assert.rejects(async () => {
      for await (const row of iterate({ pageSize: 10, signal: controller.signal })) {
        assert.ok(row.id);
        seen += 1;
        if (seen === 5) controller.abort(reason);
      }
    }, (thrown) => thrown === reason);
    assert.ok(seen >= 5 && seen <= 10, `${seen} rows`);
  }
});

test('many calls on one long-lived signal leave no listeners on it', async () => {
  const { ops } = await openClient();
  await ops.insertEvent(ev());
  const warnings = [];
  const listener = (warning) => warnings.push(warning.name);
  process.on('warning', listener);
  const { signal } = new AbortController();
  let added = 0;
  let removed = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args) => { added += 1; add(...args); };
  signal.removeEventListener = (...args) => { removed += 1; remove(...args); };
  for (let i = 0; i < 50; i++) await ops.queryEvents({}, { signal });
  process.off('warning', listener);
  assert.ok(removed >= added, `${added} listeners added, ${removed} removed`);
  assert.deepEqual(warnings, []);
});
