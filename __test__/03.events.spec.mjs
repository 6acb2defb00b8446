// Events: telemetry.md §6, §7; E6 – E12.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { T, cleanUp, collect, contents, ev, evs, ids, keys, openClient, pick, recent, refused, rowLike, sameRow, test } from './support.mjs';

afterEach(cleanUp);

const readmeEvent = (timestamp) => ({
  sessionId: 'session-123', eventType: 'stream', agentType: 'claude', mode: 'code', prompt: 'Write a React component',
  streamData: "Here's a React component...", timestamp, metadata: { model: 'claude-3-sonnet', temperature: 0.7 },
});

test('E06 an event is returned with its id and read back with every column; its session counts it', async () => {
  const { ops } = await openClient({}, { sessions: ['session-123'] });
  const timestamp = Date.now();
  const row = await ops.insertEvent(readmeEvent(timestamp));
  recent(row.createdAt);
  sameRow(row, {
    id: 1, sessionId: 'session-123', eventType: 'stream', agentType: 'claude', mode: 'code', prompt: 'Write a React component',
    streamData: "Here's a React component...", sandboxId: null, repoUrl: null, metadata: '{"model":"claude-3-sonnet","temperature":0.7}',
    timestamp, createdAt: row.createdAt, version: 1, schemaVersion: '1.0.0',
  });
  const [read] = await ops.queryEvents();
  sameRow(read, row);
  rowLike(await ops.getSession('session-123'), keys.session, { eventCount: 1, streamEventCount: 1, duration: 0, endTime: timestamp });
});

test('E07a a batch tells what it stored, and the session\'s counts and times follow', async () => {
  const { ops } = await openClient();
  const result = await ops.insertEventBatch([
    ev({ eventType: 'start' }), ev({ timestamp: T + 10 }), ev({ eventType: 'end', timestamp: T + 30 }),
  ]);
  assert.ok(typeof result.processingTime === 'number' && result.processingTime >= 0);
  assert.deepEqual(result, { eventsInserted: 3, sessionsUpserted: 1, buffersProcessed: 0, errorsLogged: 0,
    processingTime: result.processingTime, inserted: 3, failed: 0, errors: [] });
  rowLike(await ops.getSession('s1'), keys.session, { eventCount: 3, streamEventCount: 1, errorCount: 0, endTime: T + 30, duration: 30 });
});

test('E07b an empty batch is all zeros and does not even open the file', async () => {
  const { ops, db } = await openClient({}, { sessions: [] });
  const result = await ops.insertEventBatch([]);
  assert.deepEqual({ ...result, processingTime: 0 }, { eventsInserted: 0, sessionsUpserted: 0, buffersProcessed: 0, errorsLogged: 0,
    processingTime: 0, inserted: 0, failed: 0, errors: [] });
  assert.equal(db.getMetrics().connectionCount, 0);
});

test('E07c a batch of 100 000 events is stored whole and read back whole', { timeout: 120_000 }, async () => {
  const { ops } = await openClient();
  const result = await ops.insertEventBatch(evs(100_000, (i) => ({ prompt: `p${i}`, timestamp: T + i })));
  assert.equal(result.inserted, 100_000);
  const rows = await ops.queryEvents({ orderBy: 'timestamp_asc' });
  assert.equal(rows.length, 100_000);
  assert.equal(rows.findIndex((row, i) => row.prompt !== `p${i}` || row.timestamp !== T + i || row.id !== i + 1), -1);
  rowLike(await ops.getSession('s1'), keys.session, { eventCount: 100_000, endTime: T + 99_999, duration: 99_999 });
});

test('E07d a batch counts each session it touched once', async () => {
  const { ops } = await openClient({}, { sessions: ['s1', 's2', 's3'] });
  const { sessionsUpserted } = await ops.insertEventBatch(['s1', 's2', 's1', 's2'].map((sessionId) => ev({ sessionId })));
  assert.equal(sessionsUpserted, 2);
  assert.deepEqual(await Promise.all(['s1', 's2', 's3'].map(async (id) => (await ops.getSession(id)).eventCount)), [2, 2, 0]);
});

test('E08a one bad event in a batch refuses it whole, names its position and leaves nothing behind', async () => {
  const { ops } = await openClient();
  const before = await contents(ops);
  const batch = [ev(), ev({ eventType: 'bad' }), ev()];
  await refused(() => ops.insertEventBatch(batch), { message: 'Valid event type is required', field: 'eventType', index: 1 });
  await refused(() => ops.insertEventBatch(batch, { onError: 'rollback' }), { message: 'Valid event type is required', index: 1 });
  assert.deepEqual(await contents(ops), before);
});

test('E08b onError "skip" stores the good events and lists the bad one', async () => {
  const { ops } = await openClient();
  const result = await ops.insertEventBatch([ev({ prompt: 'a' }), ev({ eventType: 'bad' }), ev({ prompt: 'b' })], { onError: 'skip' });
  assert.deepEqual(pick(result, ['inserted', 'eventsInserted', 'failed', 'errors']), { inserted: 2, eventsInserted: 2, failed: 1,
    errors: [{ index: 1, code: 'VALIDATION_ERROR', message: 'Valid event type is required', field: 'eventType' }] });
  assert.deepEqual((await ops.queryEvents({ orderBy: 'timestamp_asc' })).map((event) => event.prompt), ['a', 'b']);
  assert.equal((await ops.getSession('s1')).eventCount, 2);
});

test('E08c an event the database refuses is treated alike: rollback refuses all, skip lists it with its extended code', async () => {
  const { ops } = await openClient();
  const batch = [ev(), ev({ sessionId: 'ghost' }), ev()];
  const message = 'Database constraint violation during insertEventBatch: FOREIGN KEY constraint failed';
  await refused(() => ops.insertEventBatch(batch), { code: 'SQLITE_CONSTRAINT', extendedCode: 'SQLITE_CONSTRAINT_FOREIGNKEY', message, index: 1 });
  assert.deepEqual(await ops.queryEvents(), []);
  assert.equal((await ops.getSession('s1')).eventCount, 0);
  const { inserted, failed, errors } = await ops.insertEventBatch(batch, { onError: 'skip' });
  assert.deepEqual({ inserted, failed, errors }, { inserted: 2, failed: 1,
    errors: [{ index: 1, code: 'SQLITE_CONSTRAINT', message, extendedCode: 'SQLITE_CONSTRAINT_FOREIGNKEY' }] });
  assert.equal((await ops.getSession('s1')).eventCount, 2);
});

test('E09a an event of an unknown session is refused and nothing is stored', async () => {
  const { ops } = await openClient();
  const before = await contents(ops);
  let error;
  try {
    await ops.insertEvent(ev({ sessionId: 'ghost' }));
  } catch (caught) {
    error = caught;
  }
  await refused(() => Promise.reject(error), { code: 'SQLITE_CONSTRAINT', extendedCode: 'SQLITE_CONSTRAINT_FOREIGNKEY',
    message: 'Database constraint violation during insertEvent: FOREIGN KEY constraint failed' });
  assert.match(error.stack, /03\.events\.spec/, 'the stack names the calling file');
  assert.equal(error.originalError, error.cause);
  assert.deepEqual(await contents(ops), before);
});

test('E09b autoCreateSessions makes the session from its first event, also in batches and buffers', async () => {
  const { ops } = await openClient({ autoCreateSessions: true, streamFlushIntervalMs: 0 }, { sessions: [] });
  await ops.insertEvent(ev({ sessionId: 'ghost', sandboxId: 'box', repoUrl: 'repo' }));
  rowLike(await ops.getSession('ghost'), keys.session, { id: 'ghost', agentType: 'claude', mode: 'code', status: 'active', startTime: T,
    eventCount: 1, sandboxId: 'box', repoUrl: 'repo' });
  await ops.insertEventBatch([ev({ sessionId: 'batch', timestamp: T + 5, agentType: 'codex' }), ev({ sessionId: 'batch', timestamp: T + 1 })]);
  rowLike(await ops.getSession('batch'), keys.session, { agentType: 'codex', startTime: T + 5, eventCount: 2 });
  await ops.insertEventBuffer([ev({ sessionId: 'buffer' })]);
  await ops.flushEventBuffers();
  rowLike(await ops.getSession('buffer'), keys.session, { startTime: T, eventCount: 1 });
});

test('E09c an id that is taken is refused and the event that has it is kept', async () => {
  const { ops } = await openClient();
  await ops.insertEvent(ev({ id: 1, prompt: 'first' }));
  await refused(() => ops.insertEvent(ev({ id: 1, prompt: 'second' })), { code: 'SQLITE_CONSTRAINT', extendedCode: 'SQLITE_CONSTRAINT_PRIMARYKEY',
    message: 'Database constraint violation during insertEvent: UNIQUE constraint failed: telemetry_events.id' });
  assert.deepEqual((await ops.queryEvents()).map((event) => event.prompt), ['first']);
  assert.equal((await ops.getSession('s1')).eventCount, 1);
});

test('E09d a given id is kept and later ones continue from it', async () => {
  const { ops } = await openClient();
  assert.equal((await ops.insertEvent(ev({ id: 41 }))).id, 41);
  assert.equal((await ops.insertEvent(ev())).id, 42);
});

test('E10 queryEvents by session, type, category and time range, with limit and offset', async () => {
  const { ops } = await openClient({}, { sessions: ['session-123'] });
  const row = await ops.insertEvent(readmeEvent(Date.now()));
  const filter = { sessionId: 'session-123', eventType: 'stream', category: 'claude', from: Date.now() - 3600000, to: Date.now(), limit: 100, offset: 0 };
  assert.deepEqual(await ops.queryEvents(filter), [row]);
  assert.deepEqual(await ops.queryEvents({ ...filter, category: 'codex' }), []);
  assert.deepEqual(await ops.queryEvents({ ...filter, offset: 1 }), []);
});

test('E11 equal timestamps are ordered by id, in the direction of the order', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(3));
  const query = async (filter) => ids(await ops.queryEvents({ sessionId: 's1', ...filter }));
  assert.deepEqual(await query({}), [3, 2, 1]);
  assert.deepEqual(await query({ orderBy: 'timestamp_asc' }), [1, 2, 3]);
  assert.deepEqual(await query({ offset: 1 }), [2, 1]);
  assert.deepEqual(await query({ limit: 20000 }), [3, 2, 1]);
  await refused(() => ops.queryEvents({ limit: 0 }), { message: 'Query limit must be between 1 and 10000', field: 'limit' });
  await refused(() => ops.queryEvents({ limit: 1.5 }), { message: 'Limit must be an integer between 1 and 10000', field: 'limit' });
  await refused(() => ops.queryEvents({ orderBy: 'x' }), { message: 'Invalid orderBy value', field: 'orderBy' });
});

test('E12a iterating 2500 events gives each once and in order', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(2500, (i) => ({ timestamp: T + (i % 50) })));
  const rows = await collect(ops.iterateEvents({ orderBy: 'timestamp_asc' }));
  assert.equal(new Set(ids(rows)).size, 2500);
  assert.deepEqual(rows, await ops.queryEvents({ orderBy: 'timestamp_asc' }));
});

test('E12b events written behind the reader during an iteration do not disturb it', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(2500));
  const seen = [];
  for await (const row of ops.iterateEvents({ orderBy: 'timestamp_asc' })) {
    seen.push(row.id);
    if (seen.length % 100 === 0) await ops.insertEvent(ev({ timestamp: T - 1 }));
  }
  assert.deepEqual(seen, Array.from({ length: 2500 }, (_, i) => i + 1));
  assert.equal((await ops.queryEvents({ from: T - 1, to: T - 0.5 })).length, 25);
});

test('E12c deleting during an iteration skips or repeats no row that stays', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(300, (i) => ({ timestamp: T + i })));
  const seen = [];
  for await (const row of ops.iterateEvents({ orderBy: 'timestamp_asc' }, { pageSize: 50 })) {
    seen.push(row.id);
    if (seen.length === 10) await ops.deleteEventsBefore(T + 30);
  }
  assert.equal(new Set(seen).size, seen.length);
  assert.deepEqual(seen.filter((id) => id > 30), Array.from({ length: 270 }, (_, i) => i + 31));
});

test('E12d a close() during an iteration ends it with DATABASE_CLOSED at the next page', async () => {
  const { ops, db } = await openClient();
  await ops.insertEventBatch(evs(2500));
  let seen = 0;
  await refused(async () => {
    for await (const row of ops.iterateEvents({ orderBy: 'timestamp_asc' })) {
      seen += 1;
      if (row.id === 1) await db.close();
    }
  }, { name: 'ConnectionError', code: 'DATABASE_CLOSED' });
  assert.equal(seen, 1000, 'the page that was there is still given');
  assert.equal((await ops.queryEvents({ limit: 1 })).length, 1, 'the client itself opens again');
});

test('leaving an iteration early holds nothing that would keep the file', async () => {
  const { ops, db } = await openClient();
  await ops.insertEventBatch(evs(100));
  for await (const row of ops.iterateEvents({}, { pageSize: 10 })) if (row.id === 95) break;
  await db.close();
  await ops.insertEvent(ev());
  assert.equal((await ops.queryEvents()).length, 101);
});

test('a prompt may be absent, and unknown keys of an event are ignored', async () => {
  const { ops } = await openClient();
  const bare = ev({ somethingElse: 1, createdAt: 5, metadata: undefined });
  delete bare.prompt;
  const row = await ops.insertEvent(bare);
  rowLike(row, keys.event, { prompt: null, metadata: null });
  recent(row.createdAt);
});

test('events that arrive out of order: endTime is the highest timestamp and duration the whole span', async () => {
  const { ops } = await openClient();
  for (const timestamp of [T + 50, T + 10, T + 30]) await ops.insertEvent(ev({ timestamp }));
  rowLike(await ops.getSession('s1'), keys.session, { endTime: T + 50, duration: 40, startTime: T });
});

test('an event at time 0 is stored; a span that begins at 0 has no duration', async () => {
  const { ops } = await openClient();
  await ops.insertEvent(ev({ timestamp: 0 }));
  assert.equal((await ops.getSession('s1')).duration, null);
  await ops.insertEvent(ev({ timestamp: T }));
  rowLike(await ops.getSession('s1'), keys.session, { endTime: T, duration: null, eventCount: 2 });
  assert.equal((await ops.verifyStatistics()).ok, true);
});

test('enableForeignKeys: false really stores events of sessions that are not there', async () => {
  const { ops } = await openClient({ enableForeignKeys: false }, { sessions: [] });
  assert.equal((await ops.insertEvent(ev({ sessionId: 'ghost' }))).id, 1);
  assert.equal((await ops.queryEvents({ sessionId: 'ghost' })).length, 1);
  assert.equal(await ops.getSession('ghost'), null);
});
