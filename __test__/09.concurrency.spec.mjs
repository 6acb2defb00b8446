// Promises on concurrency and durability: telemetry.md §10; E22, E26, E27.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { T, cleanUp, contents, ev, evs, foreign, holdWriteLock, ids, openClient, refused, session, skipOnWindows, skipWithoutPython, start, tempDir,
  test, until } from './support.mjs';

afterEach(cleanUp);

const busy = (method) => ({ name: 'DatabaseError', code: 'SQLITE_BUSY', message: `Database is locked during ${method}. Try again later.` });

test('E22a another process holds the write lock: a write gives up after queryTimeoutMs, reads answer meanwhile', { skip: skipWithoutPython }, async () => {
  const { ops, path } = await openClient({ queryTimeoutMs: 100 });
  const { ops: reader } = await openClient({ dbPath: path }, { sessions: [] });
  await ops.insertEvent(ev({ prompt: 'before' }));
  await reader.initialize();
  const release = await holdWriteLock(path);
  const begun = performance.now();
  const write = refused(() => ops.insertEvent(ev({ prompt: 'lost' })), busy('insertEvent')).then(() => performance.now() - begun);
  assert.deepEqual((await reader.queryEvents()).map((event) => event.prompt), ['before'], 'a second client reads meanwhile');
  const elapsed = await write;
  assert.ok(elapsed >= 99 && elapsed <= 1000, `gave up after ${elapsed} ms`);
  assert.equal((await ops.queryEvents()).length, 1, 'the same client reads while the lock is held');
  await release();
  assert.equal((await ops.insertEvent(ev({ prompt: 'after' }))).id, 2);
  assert.deepEqual((await ops.queryEvents({ orderBy: 'timestamp_asc' })).map((event) => event.prompt), ['before', 'after']);
});

test('E22b a lock that is given back in time delays a write and fails nothing', { skip: skipWithoutPython }, async () => {
  const { ops, path } = await openClient({ queryTimeoutMs: 20_000 });
  const { ops: reader } = await openClient({ dbPath: path }, { sessions: [] });
  await reader.initialize();
  const release = await holdWriteLock(path);
  let settled = false;
  const writes = Promise.all(evs(50).map((event) => ops.insertEvent(event))).then((rows) => { settled = true; return rows; });
  for (let i = 0; i < 20; i++) assert.deepEqual(await reader.queryEvents(), []);
  assert.equal(settled, false, 'nothing is acknowledged before its commit');
  await release();
  assert.deepEqual(ids(await writes), Array.from({ length: 50 }, (_, i) => i + 1));
});

test('a file in which nothing is to be done opens and answers while another process holds the write lock', { skip: skipWithoutPython }, async () => {
  const { db, ops, path } = await openClient();
  await ops.insertEvent(ev());
  await db.close();
  const release = await holdWriteLock(path);
  try {
    const second = await openClient({ dbPath: path, queryTimeoutMs: 50 }, { sessions: [] });
    assert.equal((await second.ops.queryEvents()).length, 1);
    assert.equal(await second.db.healthCheck(), true);
  } finally {
    await release();
  }
});

test('a chain of awaited inserts lets timers have their turn', async () => {
  const { ops } = await openClient();
  await ops.insertEvent(ev());
  let turns = 0;
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    turns++;
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const begun = performance.now();
  while (performance.now() - begun < 300) await ops.insertEvent(ev());
  clearInterval(timer);
  assert.ok(turns > 20, `${turns} turns in 300 ms`);
  assert.ok(longest < 150, `longest pause ${longest} ms`);
});

test('a long text is not written on the thread of the caller', async () => {
  const { ops } = await openClient();
  await ops.insertEvent(ev());
  await delay(5);
  let settled = false;
  const insert = ops.insertEvent(ev({ prompt: 'x'.repeat(1_000_000) })).then(() => { settled = true; });
  for (let turns = 0; turns < 100; turns++) await null;
  assert.equal(settled, false, 'it has not been inserted before the event loop had its turn');
  await insert;
});

test('E26a a thousand un-awaited inserts and a bad one among them: each succeeds or fails alone, in the order issued', async () => {
  const { ops } = await openClient();
  const events = evs(1000, (i) => ({ prompt: `${i}` }));
  events.splice(500, 0, ev({ sessionId: 'ghost' }));
  const writes = Promise.allSettled(events.map((event) => ops.insertEvent(event)));
  const rows = await ops.queryEvents({ orderBy: 'timestamp_asc' });
  assert.equal(rows.length, 1000, 'a read sees every write issued before it');
  const settled = await writes;
  const fulfilled = settled.filter((write) => write.status === 'fulfilled').map((write) => write.value);
  assert.equal(fulfilled.length, 1000);
  assert.equal(settled[500].status, 'rejected');
  assert.equal(settled[500].reason.extendedCode, 'SQLITE_CONSTRAINT_FOREIGNKEY');
  assert.ok(fulfilled.every((row, i) => i === 0 || row.id > fulfilled[i - 1].id), 'ids ascend in the order issued');
  assert.deepEqual(rows.map((row) => row.prompt), Array.from({ length: 1000 }, (_, i) => `${i}`));
  assert.equal((await ops.getSession('s1')).eventCount, 1000);
});

test('E26b ten concurrent upsertSession of one new id all fulfil and make one session', async () => {
  const { ops } = await openClient({}, { sessions: [] });
  const rows = await Promise.all(Array.from({ length: 10 }, (_, i) => ops.upsertSession(session({ id: 'new', sandboxId: `${i}` }))));
  assert.deepEqual(rows.map((row) => row.sandboxId), Array.from({ length: 10 }, (_, i) => `${i}`));
  assert.equal(new Set(rows.map((row) => row.createdAt)).size, 1);
  assert.deepEqual((await ops.querySessions()).map((row) => row.sandboxId), ['9']);
});

test('E26c a read waits for nothing that is issued after it', async () => {
  const { ops } = await openClient();
  const first = ops.insertEvent(ev());
  const read = ops.queryEvents();
  const later = evs(300).map((event) => ops.insertEvent(event));
  const seen = await read;
  assert.ok(seen.some((row) => row.id === 1));
  await first;
  await Promise.all(later);
  assert.equal((await ops.queryEvents()).length, 301);
});

test('E26d writes of different kinds, un-awaited, take effect in the order issued', async () => {
  const { ops } = await openClient({}, { sessions: [] });
  const calls = [
    ops.createSession(session()), ops.insertEvent(ev({ prompt: 'a' })), ops.insertEventBatch([ev({ prompt: 'b' }), ev({ prompt: 'c' })]),
    ops.deleteEvents({ limit: 1, orderBy: 'timestamp_asc' }), ops.updateSession('s1', { status: 'failed' }), ops.insertEvent(ev({ prompt: 'd' })),
  ];
  const [, , , deleted] = await Promise.all(calls);
  assert.equal(deleted, 1);
  assert.deepEqual((await ops.queryEvents({ orderBy: 'timestamp_asc' })).map((event) => event.prompt), ['b', 'c', 'd']);
  assert.equal((await ops.getSession('s1')).status, 'failed');
});

test('E26e a batch that fails among un-awaited inserts takes none of its neighbours along', async () => {
  const { ops } = await openClient();
  const settled = await Promise.allSettled([
    ops.insertEvent(ev({ prompt: 'a' })), ops.insertEventBatch([...evs(20), ev({ sessionId: 'ghost' })]), ops.insertEvent(ev({ prompt: 'b' })),
  ]);
  assert.deepEqual(settled.map((call) => call.status), ['fulfilled', 'rejected', 'fulfilled']);
  assert.deepEqual((await ops.queryEvents({ orderBy: 'timestamp_asc' })).map((event) => event.prompt), ['a', 'b']);
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
});

test('E27 four writing processes, one killed: every acknowledged event is there once and the file is sound',
  { skip: skipWithoutPython || skipOnWindows, timeout: 120_000 }, async () => {
    const dir = tempDir();
    const path = join(dir, 'f.db');
    const acknowledged = (k) => join(dir, `ack-${k}`);
    const lines = (k) => { try { return readFileSync(acknowledged(k), 'utf8').split('\n').filter(Boolean); } catch (error) { if (error.code === 'ENOENT') return []; throw error; } };
    const writer = (k) => start(`
      import { appendFileSync } from 'node:fs';
      const ops = new DrizzleTelemetryOperations(new DrizzleTelemetryDB({ dbPath: ${JSON.stringify(path)}, pruneDays: 0 }));
      const sessionId = 'p${k}';
      await ops.createSession(session({ id: sessionId }));
      for (let i = 0; i < 1000; i += 20) {
        await Promise.all(Array.from({ length: 20 }, async (_, j) => {
          const prompt = '${k}-' + (i + j);
          await ops.insertEvent(ev({ sessionId, prompt }));
          appendFileSync(${JSON.stringify(acknowledged(k))}, prompt + '\\n');
        }));
      }
      await ops.close();
    `, { timeLimit: 90_000 });
    const writers = [0, 1, 2, 3].map(writer);
    await until(() => lines(0).length >= 200, { limit: 60_000, what: 'the first 200 acknowledged events' });
    writers[0].kill('SIGKILL');
    const ends = await Promise.all(writers.map((process) => process.closed));
    assert.equal(ends[0].signal, 'SIGKILL');
    assert.deepEqual(ends.slice(1).map(({ code, stderr }) => ({ code, stderr })), Array(3).fill({ code: 0, stderr: '' }));
    const expected = [0, 1, 2, 3].flatMap(lines);
    assert.ok(expected.length >= 3200, `${expected.length} acknowledged`);
    const { ops } = await openClient({ dbPath: path }, { sessions: [] });
    const times = new Map();
    for (const { prompt } of await ops.queryEvents()) times.set(prompt, (times.get(prompt) ?? 0) + 1);
    assert.deepEqual(expected.filter((prompt) => times.get(prompt) !== 1), [], 'acknowledged events that are not there exactly once');
    assert.deepEqual([...times].filter(([, count]) => count !== 1), []);
    assert.deepEqual(await foreign(path, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
    assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
  });

test('a process that exits with a call in flight still finishes it', async () => {
  const cwd = tempDir();
  const { closed } = start(`
    const ops = new DrizzleTelemetryOperations(new DrizzleTelemetryDB({ dbPath: 'x.db', pruneDays: 0 }));
    ops.createSession(session());
    ops.insertEventBatch(Array.from({ length: 5000 }, () => ev())).then((result) => console.log(result.inserted));
  `, { cwd });
  const { code, stdout, stderr } = await closed;
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '5000\n', stderr: '' });
});

test('the event loop stays free while a large read is under way', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(20_000, (i) => ({ streamData: 'x'.repeat(200), timestamp: T + i })));
  let turns = 0;
  const timer = setInterval(() => { turns += 1; }, 1);
  const rows = await ops.queryEvents();
  clearInterval(timer);
  assert.equal(rows.length, 20_000);
  assert.ok(turns > 0, 'no timer ran during the read');
});

test('what is handed over may be changed at once: the stored event is the one that was given', async () => {
  const { ops } = await openClient();
  const event = ev({ metadata: { n: 1 } });
  const batch = [ev({ prompt: 'a' }), ev({ prompt: 'b' })];
  const writes = [ops.insertEvent(event), ops.insertEventBatch(batch)];
  event.prompt = 'changed';
  event.metadata.n = 2;
  batch[1].prompt = 'changed';
  batch.length = 0;
  await Promise.all(writes);
  const rows = await ops.queryEvents({ orderBy: 'timestamp_asc' });
  assert.deepEqual(rows.map((row) => row.prompt), ['p', 'a', 'b']);
  assert.equal(rows[0].metadata, '{"n":1}');
});

test('a busy neighbour loses nothing: contents are the same before and after a write that gave up', { skip: skipWithoutPython }, async () => {
  const { ops, path } = await openClient({ queryTimeoutMs: 100 });
  await ops.insertEvent(ev());
  const before = await contents(ops);
  const release = await holdWriteLock(path);
  const calls = await Promise.allSettled([ops.insertEvent(ev()), ops.insertEventBatch(evs(3)), ops.updateSession('s1', { status: 'failed' }), ops.insertEventBuffer(evs(2))]);
  assert.deepEqual(calls.map((call) => call.reason?.code), Array(4).fill('SQLITE_BUSY'));
  await release();
  assert.deepEqual(await contents(ops), before);
});
