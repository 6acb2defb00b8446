// Stream buffers: telemetry.md §8; E18 – E20.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { T, cleanUp, contents, ev, evs, foreign, ids, keys, openClient, recent, refused, rowLike, run, skipOnWindows, skipWithoutPython,
  start, tempDir, test, track, until } from './support.mjs';
import { DrizzleTelemetryDB } from '../index.js';

afterEach(cleanUp);

const manual = { streamBatchSize: 10, streamFlushIntervalMs: 0 };
const numbered = (count, first = 0) => evs(count, (i) => ({ prompt: `b${first + i}`, timestamp: T + first + i }));
const prompts = async (ops) => (await ops.queryEvents({ orderBy: 'timestamp_asc' })).map((event) => event.prompt);

test('E18a nine of ten events wait in one pending buffer and are not yet events', async () => {
  const { ops } = await openClient(manual);
  assert.equal(await ops.insertEventBuffer(numbered(9)), undefined);
  assert.deepEqual(await ops.queryEvents(), []);
  assert.equal((await ops.getStatistics()).totalEvents, 0);
  const buffers = await ops.queryBuffers();
  assert.equal(buffers.length, 1);
  rowLike(buffers[0], keys.buffer, { sessionId: 's1', status: 'pending', eventCount: 9, flushAttempts: 0, maxSize: 10, flushedAt: null, version: 2 });
  assert.equal(JSON.parse(buffers[0].bufferData).length, 9);
});

test('E18b the event that fills the buffer flushes it: all ten, in order, once', async () => {
  const { ops } = await openClient(manual);
  await ops.insertEventBuffer(numbered(9));
  await ops.insertEventBuffer(numbered(1, 9));
  assert.deepEqual(await prompts(ops), Array.from({ length: 10 }, (_, i) => `b${i}`));
  assert.deepEqual(ids(await ops.queryEvents({ orderBy: 'timestamp_asc' })), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const [buffer] = await ops.queryBuffers();
  rowLike(buffer, keys.buffer, { status: 'flushed', eventCount: 10, bufferData: '[]' });
  recent(buffer.flushedAt);
  assert.equal((await ops.getSession('s1')).eventCount, 10);
});

test('E18c flushEventBuffers, cleanupBuffers and cleanupOldBuffers', async () => {
  const { ops } = await openClient(manual);
  await ops.insertEventBuffer(numbered(10));
  assert.equal(await ops.flushEventBuffers(), undefined);
  assert.equal(await ops.cleanupBuffers(), 0, 'younger than five minutes');
  assert.equal(await ops.cleanupOldBuffers(0), 1);
  assert.equal(await ops.cleanupOldBuffers(0), 0);
  assert.deepEqual(await ops.queryBuffers(), []);
  assert.equal((await ops.queryEvents()).length, 10);
});

test('E18d cleaning up never takes a buffer that is still pending', async () => {
  const { ops } = await openClient(manual);
  await ops.insertEventBuffer(numbered(3));
  assert.equal(await ops.cleanupBuffers(0), 0);
  assert.equal((await ops.queryBuffers({ status: 'pending' })).length, 1);
});

test('E18e a flush on demand moves what is there and the next events start a new buffer', async () => {
  const { ops } = await openClient(manual);
  await ops.insertEventBuffer(numbered(3));
  await ops.flushEventBuffers();
  await ops.insertEventBuffer(numbered(2, 3));
  assert.deepEqual(await prompts(ops), ['b0', 'b1', 'b2']);
  assert.deepEqual((await ops.queryBuffers({ status: 'pending' })).map((buffer) => buffer.eventCount), [2]);
  await ops.flushEventBuffers();
  assert.deepEqual(await prompts(ops), ['b0', 'b1', 'b2', 'b3', 'b4']);
});

test('E18f each session has its own buffer; un-awaited appends all arrive, in order', async () => {
  const { ops } = await openClient({ ...manual, streamBatchSize: 1000 }, { sessions: ['s1', 's2'] });
  await Promise.all(Array.from({ length: 60 }, (_, i) => ops.insertEventBuffer([ev({ prompt: `${i}`, timestamp: T + i, sessionId: i % 2 ? 's1' : 's2' })])));
  assert.deepEqual((await ops.queryBuffers()).map((buffer) => buffer.eventCount), [30, 30]);
  await ops.flushEventBuffers();
  assert.deepEqual(await prompts(ops), Array.from({ length: 60 }, (_, i) => `${i}`));
});

test('E19a buffered events are events within two seconds by themselves', async () => {
  const { ops } = await openClient();
  await ops.insertEventBuffer(numbered(3));
  await until(async () => (await ops.queryEvents()).length === 3, { limit: 2000, what: 'the flush by the timer' });
});

const buffering = (ending) => `
const ops = new DrizzleTelemetryOperations(new DrizzleTelemetryDB({ dbPath: 'b.db', pruneDays: 0, streamFlushIntervalMs: 60000 }));
await ops.createSession(session());
await ops.insertEventBuffer([0, 1, 2].map((i) => ev({ prompt: 'b' + i, timestamp: T + i })));
${ending}
`;

async function oncePresent(cwd) {
  const { ops } = await openClient({ dbPath: join(cwd, 'b.db') }, { sessions: [] });
  assert.deepEqual(await prompts(ops), ['b0', 'b1', 'b2']);
  assert.equal((await ops.getSession('s1')).eventCount, 3);
  await ops.flushEventBuffers();
  assert.equal((await ops.queryEvents()).length, 3, 'still once after another flush');
}

test('E19b a script that only buffers ends by itself without close, and loses nothing', async () => {
  const cwd = tempDir();
  const { code, stdout, stderr } = await run(buffering(''), { cwd, timeLimit: 20_000 });
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
  await oncePresent(cwd);
});

test('E19c killed right after insertEventBuffer resolved: nothing is lost, nothing is doubled', { skip: skipOnWindows }, async () => {
  const cwd = tempDir();
  const { signal } = await start(buffering("process.kill(process.pid, 'SIGKILL'); await new Promise(() => setTimeout(() => {}, 60000));"), { cwd }).closed;
  assert.equal(signal, 'SIGKILL');
  await oncePresent(cwd);
});

test('E19d process.exit() right after insertEventBuffer resolved: the same', async () => {
  const cwd = tempDir();
  assert.equal((await run(buffering('process.exit(0);'), { cwd })).code, 0);
  await oncePresent(cwd);
});

test('E19e close() flushes', { skip: skipWithoutPython }, async () => {
  const { db, ops, path } = await openClient(manual);
  await ops.insertEventBuffer(numbered(3));
  await db.close();
  assert.deepEqual(await foreign(path, 'SELECT count(*) AS n FROM telemetry_events'), [{ n: 3 }]);
  assert.deepEqual(await foreign(path, 'SELECT status FROM telemetry_buffers'), [{ status: 'flushed' }]);
});

test('E20a upsertBuffer keeps one pending row of the caller\'s own, flushed only on demand', async () => {
  const { ops } = await openClient({ streamFlushIntervalMs: 20 }, { sessions: ['s1', 'timer'] });
  const bufferData = JSON.stringify([ev()]);
  assert.equal(await ops.upsertBuffer({ sessionId: 's1', bufferData }), undefined);
  await ops.upsertBuffer({ sessionId: 's1', bufferData, version: 2 });
  await ops.insertEventBuffer([ev({ sessionId: 'timer' })]);
  await until(async () => (await ops.queryEvents({ sessionId: 'timer' })).length === 1, { what: 'a round of the timer' });
  const buffers = await ops.queryBuffers({ sessionId: 's1' });
  assert.equal(buffers.length, 1);
  rowLike(buffers[0], keys.buffer, { status: 'pending', bufferData, version: 1, flushAttempts: 0 });
  assert.deepEqual(await ops.queryEvents({ sessionId: 's1' }), []);
  assert.equal(await ops.flushBuffer('s1'), 1);
  assert.equal(await ops.flushBuffer('s1'), 0);
  assert.equal(await ops.flushBuffer('nope'), 0);
  assert.equal((await ops.queryEvents({ sessionId: 's1' })).length, 1);
  const [flushed] = await ops.queryBuffers({ sessionId: 's1' });
  rowLike(flushed, keys.buffer, { status: 'flushed', bufferData });
});

test('E20b a buffer that cannot be read fails, is kept, and counts its attempt', async () => {
  const { ops } = await openClient(manual);
  await ops.upsertBuffer({ sessionId: 's1', bufferData: 'not json' });
  assert.equal(await ops.flushBuffer('s1'), 0);
  const [buffer] = await ops.queryBuffers();
  rowLike(buffer, keys.buffer, { status: 'failed', flushAttempts: 1, bufferData: 'not json', flushedAt: null });
  await ops.flushEventBuffers();
  assert.equal((await ops.queryBuffers())[0].flushAttempts, 1, 'not tried again unasked');
  await ops.flushEventBuffers({ includeFailed: true });
  rowLike((await ops.queryBuffers())[0], keys.buffer, { status: 'failed', flushAttempts: 2 });
  assert.deepEqual(await ops.queryEvents(), []);
});

test('E20c the caller\'s own buffer takes an array as well as its text, and a flush of all takes it too', async () => {
  const { ops } = await openClient(manual);
  await ops.upsertBuffer({ sessionId: 's1', bufferData: [ev({ prompt: 'own' })] });
  await ops.insertEventBuffer([ev({ prompt: 'managed', timestamp: T + 1 })]);
  assert.deepEqual((await ops.queryBuffers()).map((buffer) => buffer.version), [1, 2]);
  await ops.flushEventBuffers();
  assert.deepEqual(await prompts(ops), ['own', 'managed']);
});

test('nested metadata of the caller\'s own buffer is stored as it is, however deep', async () => {
  const { ops } = await openClient(manual);
  const metadata = `{"a":${'['.repeat(500)}1.0${']'.repeat(500)}}`;
  await ops.upsertBuffer({ sessionId: 's1', bufferData: JSON.stringify([ev({ metadata: 0 })]).replace('"metadata":0', `"metadata": ${metadata}`) });
  assert.equal(await ops.flushBuffer('s1'), 1);
  assert.equal((await ops.queryEvents())[0].metadata, metadata);
});

test('the timer tries again what was too much for the file', async () => {
  const { ops } = await openClient({ maxSizeMB: 1, onSizeLimit: 'reject', streamBatchSize: 1000, streamFlushIntervalMs: 10 }, { sessions: ['s1', 's2'] });
  const filling = evs(30, () => ({ sessionId: 's2', prompt: 'x'.repeat(15_000) }));
  await ops.insertEventBatch(filling);
  await ops.insertEventBuffer([ev({ prompt: 'b'.repeat(300_000) })]);
  await until(async () => (await ops.queryBuffers({ status: 'pending' }))[0]?.flushAttempts > 0, { what: 'the attempt' });
  assert.equal(await ops.deleteEvents({ sessionId: 's2' }), 30);
  await until(async () => (await ops.getSession('s1')).eventCount === 1, { what: 'the flush' });
});

test('the timer tries again what it could not read', async () => {
  const { ops, path } = await openClient({ journalMode: 'delete', queryTimeoutMs: 50, streamFlushIntervalMs: 300 });
  const other = track(new DrizzleTelemetryDB({ dbPath: path, journalMode: 'delete', pruneDays: 0 }));
  const { $client } = await other.getDatabase();
  await ops.insertEventBuffer([ev()]);
  $client.exec('BEGIN EXCLUSIVE');
  await until(() => ops.getPerformanceMetrics().warnings.some(({ message }) => message.includes('buffer')), { what: 'the warning' });
  $client.exec('COMMIT');
  await until(async () => (await ops.getSession('s1')).eventCount === 1, { what: 'the flush' });
});

test('a lock is awaited once, however many buffers wait for it', async () => {
  const sessions = Array.from({ length: 30 }, (_, i) => `s${i}`);
  const { ops, path } = await openClient({ ...manual, queryTimeoutMs: 100 }, { sessions });
  const other = track(new DrizzleTelemetryDB({ dbPath: path, pruneDays: 0 }));
  const { $client } = await other.getDatabase();
  await ops.insertEventBuffer(sessions.map((sessionId) => ev({ sessionId })));
  $client.exec('BEGIN IMMEDIATE');
  const began = performance.now();
  await ops.close();
  const took = performance.now() - began;
  $client.exec('COMMIT');
  assert.ok(took < 2000, `closing took ${took} ms`);
  await ops.initialize();
  assert.equal((await ops.queryEvents()).length, 30);
});

test('flushBuffer counts the events of all pending rows of the session', async () => {
  const { ops } = await openClient(manual, { sessions: ['s1', 's2'] });
  await ops.upsertBuffer({ sessionId: 's1', bufferData: [ev(), ev()] });
  await ops.insertEventBuffer([...numbered(3), ev({ sessionId: 's2' })]);
  assert.equal(await ops.flushBuffer('s1'), 5);
  assert.deepEqual(await ops.queryEvents({ sessionId: 's2' }), []);
});

test('one bad event refuses the whole buffer call and nothing is appended', async () => {
  const { ops } = await openClient(manual);
  await ops.insertEventBuffer(numbered(2));
  const before = await contents(ops);
  await refused(() => ops.insertEventBuffer([ev(), ev({ mode: ' ' })]), { message: 'Mode is required', field: 'mode' });
  await refused(() => ops.insertEventBuffer([ev({ sessionId: 'ghost' })]), { code: 'SQLITE_CONSTRAINT', extendedCode: 'SQLITE_CONSTRAINT_FOREIGNKEY' });
  assert.deepEqual(await contents(ops), before);
  assert.equal(await ops.insertEventBuffer([]), undefined);
  assert.deepEqual(await contents(ops), before);
});

test('a rule that refuses buffered events fails their buffer with a warning, and they can be flushed once the rule is gone', async () => {
  const { db, ops } = await openClient(manual);
  await ops.insertEventBuffer(numbered(2));
  const rule = await ops.addValidationRule({ tableName: 'telemetry_events', fieldName: 'mode', ruleType: 'enum', ruleConfig: { values: ['chat'] }, errorMessage: 'no' });
  assert.equal(await ops.flushEventBuffers(), undefined, 'a failing flush never fails its call');
  rowLike((await ops.queryBuffers())[0], keys.buffer, { status: 'failed', flushAttempts: 1, eventCount: 2 });
  assert.ok(db.getMetrics().warnings.length > 0);
  await ops.removeValidationRule(rule);
  await ops.flushEventBuffers({ includeFailed: true });
  assert.deepEqual(await prompts(ops), ['b0', 'b1']);
});

test('two processes that buffer into one session and flush: each event arrives once', { timeout: 90_000 }, async () => {
  const { ops, path } = await openClient({ streamFlushIntervalMs: 5, streamBatchSize: 7 });
  const other = run(`
    const ops = new DrizzleTelemetryOperations(new DrizzleTelemetryDB({ dbPath: ${JSON.stringify(path)}, pruneDays: 0, streamFlushIntervalMs: 5, streamBatchSize: 5 }));
    for (let i = 0; i < 150; i++) await ops.insertEventBuffer([ev({ prompt: 'other' + i, timestamp: T + i })]);
    await ops.close();
  `);
  for (let i = 0; i < 150; i++) await ops.insertEventBuffer([ev({ prompt: `mine${i}`, timestamp: T + i })]);
  const { code, stderr } = await other;
  assert.equal(code, 0, stderr);
  await ops.flushEventBuffers();
  const found = await prompts(ops);
  assert.equal(found.length, 300);
  assert.equal(new Set(found).size, 300);
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
});

test('queryBuffers filters by session, status and creation time, in order of id', async () => {
  const { ops } = await openClient(manual, { sessions: ['s1', 's2'] });
  const start = Date.now();
  await ops.upsertBuffer({ sessionId: 's1', bufferData: [ev()] });
  await ops.flushBuffer('s1');
  await ops.upsertBuffer({ sessionId: 's2', bufferData: 'not json' });
  await ops.flushBuffer('s2');
  await ops.upsertBuffer({ sessionId: 's1', bufferData: '[]' });
  const query = async (filter) => ids(await ops.queryBuffers(filter));
  assert.deepEqual(await query(), [1, 2, 3]);
  assert.deepEqual(await query({ sessionId: 's1' }), [1, 3]);
  assert.deepEqual(await query({ status: 'failed' }), [2]);
  assert.deepEqual(await query({ status: ['failed', 'pending'] }), [2, 3]);
  assert.deepEqual(await query({ status: [] }), [1, 2, 3]);
  assert.deepEqual(await query({ limit: 1, offset: 1 }), [2]);
  assert.deepEqual(await query({ offset: 2 }), [3]);
  assert.deepEqual(await query({ from: start - 1000, to: Date.now() + 1000 }), [1, 2, 3]);
  assert.deepEqual(await query({ from: Date.now() + 60_000 }), []);
});
