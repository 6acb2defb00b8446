// Sessions: telemetry.md §6, §7; E2 – E5.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { T, cleanUp, ev, ids, keys, openClient, pick, recent, refused, rowLike, sameRow, session, test } from './support.mjs';

afterEach(cleanUp);

const readmeSession = (startTime) => ({
  id: 'session-123', agentType: 'claude', mode: 'code', status: 'active', startTime, sandboxId: 'sandbox-456',
  repoUrl: 'https://github.com/user/repo', metadata: { userId: 'user-789', environment: 'production' },
});

async function withReadmeSession() {
  const client = await openClient({}, { sessions: [] });
  const startTime = Date.now();
  const result = await client.ops.createSession(readmeSession(startTime));
  return { ...client, startTime, result };
}

test('E02 a session that was created is read back with every column', async () => {
  const { ops, startTime, result } = await withReadmeSession();
  assert.equal(result, undefined);
  const row = await ops.getSession('session-123');
  recent(row.createdAt);
  recent(row.updatedAt);
  sameRow(row, {
    id: 'session-123', agentType: 'claude', mode: 'code', status: 'active', startTime, endTime: null, duration: null,
    eventCount: 0, streamEventCount: 0, errorCount: 0, sandboxId: 'sandbox-456', repoUrl: 'https://github.com/user/repo',
    metadata: '{"userId":"user-789","environment":"production"}', createdAt: row.createdAt, updatedAt: row.updatedAt,
    version: 1, schemaVersion: '1.0.0',
  });
});

test('E03 the last day\'s active sessions are found, a future start or an unknown id finds nothing', async () => {
  const { ops } = await withReadmeSession();
  const found = await ops.querySessions({ agentType: 'claude', status: 'active', fromTime: Date.now() - 86400000, limit: 10 });
  assert.deepEqual(found, [await ops.getSession('session-123')]);
  assert.deepEqual(await ops.querySessions({ fromTime: Date.now() + 1000 }), []);
  assert.deepEqual(await ops.querySessions({ id: 'nope' }), []);
  assert.deepEqual(await ops.querySessions({ sessionId: 'nope' }), []);
  assert.deepEqual(ids(await ops.querySessions({ id: 'session-123' })), ['session-123']);
});

test('E04 updateSession completes a session and keeps what it was not told', async () => {
  const { ops, startTime } = await withReadmeSession();
  const endTime = Date.now();
  assert.equal(await ops.updateSession('session-123', { status: 'completed', endTime, duration: 45000 }), undefined);
  const row = await ops.getSession('session-123');
  rowLike(row, keys.session, { status: 'completed', endTime, duration: 45000, startTime, sandboxId: 'sandbox-456' });
  await ops.updateSession('session-123', { status: 'error' });
  assert.equal((await ops.getSession('session-123')).status, 'error');
});

test('E05 a session comes with its events, buffers and errors; an unknown one is null', async () => {
  const { ops } = await withReadmeSession();
  const details = await ops.getSessionWithEvents('session-123');
  sameRow(details, { ...await ops.getSession('session-123'), events: [], buffers: [], errors: [] });
  assert.deepEqual(await ops.getSession('session-123', true), details);
  assert.equal(await ops.getSession('nope'), null);
  assert.equal(await ops.getSession('nope', true), null);
  assert.equal(await ops.getSessionWithEvents('nope'), null);
});

test('the relations of a session come in order: newest event first, buffers and errors by id', async () => {
  const { ops } = await openClient({ streamFlushIntervalMs: 0 }, { sessions: ['s1', 's2'] });
  await ops.insertEventBatch([ev({ timestamp: T + 5 }), ev({ timestamp: T + 9 }), ev({ timestamp: T + 5 }), ev({ sessionId: 's2' })]);
  for (const errorType of ['a', 'b']) await ops.logError({ sessionId: 's1', errorType, errorMessage: 'm' });
  await ops.insertEventBuffer([ev()]);
  await ops.upsertBuffer({ sessionId: 's1', bufferData: '[]' });
  const { events, buffers, errors } = await ops.getSession('s1', true);
  assert.deepEqual(ids(events), [2, 3, 1]);
  assert.deepEqual(ids(buffers), [1, 2]);
  assert.deepEqual(errors.map((error) => error.errorType), ['a', 'b']);
  rowLike(events[0], keys.event);
  rowLike(buffers[0], keys.buffer);
  rowLike(errors[0], keys.error);
});

test('querySessions adds only the relations it is asked for', async () => {
  const { ops } = await openClient();
  await ops.insertEvent(ev());
  await ops.logError({ sessionId: 's1', errorType: 't', errorMessage: 'm' });
  const all = await ops.getSession('s1', true);
  const added = async (filter) => Object.keys((await ops.querySessions(filter))[0]).slice(keys.session.length);
  assert.deepEqual(await added({}), []);
  assert.deepEqual(await added({ includeEvents: true }), ['events']);
  assert.deepEqual(await added({ includeBuffers: true }), ['buffers']);
  assert.deepEqual(await added({ includeErrors: true }), ['errors']);
  assert.deepEqual(await ops.querySessions({ includeEvents: true, includeBuffers: true, includeErrors: true }), [all]);
});

test('createSession of an existing id sets the six descriptive columns as far as given, and loses no count', async () => {
  const { ops } = await openClient({}, { sessions: [] });
  await ops.createSession(session({ sandboxId: 'box', metadata: { a: 1 } }));
  await ops.insertEvent(ev({ timestamp: T + 7 }));
  const before = await ops.getSession('s1');
  await ops.createSession({ id: 's1', agentType: 'codex', mode: 'chat', startTime: T + 99, endTime: T + 100, eventCount: 7, repoUrl: 'r' });
  const after = await ops.getSession('s1');
  assert.deepEqual({ ...after, updatedAt: 0 }, { ...before, agentType: 'codex', mode: 'chat', repoUrl: 'r', updatedAt: 0 });
  assert.equal(after.status, 'active');
});

test('createSession takes any non-blank status up to 64 characters and "active" when there is none', async () => {
  const { ops } = await openClient({}, { sessions: [] });
  await ops.createSession(session({ id: 'a', status: 'x'.repeat(64) }));
  await ops.createSession(session({ id: 'b', status: 'paused by user' }));
  await ops.createSession(session({ id: 'c', status: undefined }));
  const status = async (id) => (await ops.getSession(id)).status;
  assert.deepEqual([await status('a'), await status('b'), await status('c')], ['x'.repeat(64), 'paused by user', 'active']);
});

test('upsertSession returns the row, sets every given key of an existing one, and never resets createdAt', async () => {
  const { ops } = await openClient({}, { sessions: [] });
  const first = await ops.upsertSession(session({ createdAt: 5, updatedAt: 5, metadata: [1] }));
  rowLike(first, keys.session, { id: 's1', status: 'active', startTime: T, metadata: '[1]' });
  recent(first.createdAt);
  recent(first.updatedAt);
  const second = await ops.upsertSession(session({ status: 'failed', startTime: T + 1, endTime: T + 3, sandboxId: 'b', createdAt: 5 }));
  rowLike(second, keys.session, { status: 'failed', startTime: T + 1, endTime: T + 3, sandboxId: 'b', metadata: '[1]', createdAt: first.createdAt });
  assert.deepEqual(await ops.getSession('s1'), second);
  assert.equal((await ops.upsertSession(session({ status: 'error' }))).status, 'error');
  const cleared = await ops.upsertSession(session({ sandboxId: null, metadata: null }));
  rowLike(cleared, keys.session, { sandboxId: null, metadata: null, endTime: T + 3 });
});

test('updateSession: null clears a nullable column, undefined leaves it, updatedAt moves', async () => {
  const { ops } = await openClient({}, { sessions: [] });
  const before = await ops.upsertSession(session({ sandboxId: 'b', repoUrl: 'r', metadata: '{}' }));
  await ops.updateSession('s1', { sandboxId: null, repoUrl: undefined, metadata: { n: 1 }, notAColumn: 1 });
  const after = await ops.getSession('s1');
  rowLike(after, keys.session, { sandboxId: null, repoUrl: 'r', metadata: '{"n":1}', createdAt: before.createdAt });
  assert.ok(after.updatedAt >= before.updatedAt);
});

test('updateSession of an unknown id is no error and creates nothing', async () => {
  const { ops } = await openClient({}, { sessions: [] });
  assert.equal(await ops.updateSession('nope', { status: 'failed' }), undefined);
  assert.deepEqual(await ops.querySessions(), []);
});

test('renaming a session takes its events, buffers and errors along', async () => {
  const { ops } = await openClient({ streamFlushIntervalMs: 0 });
  await ops.insertEvent(ev());
  await ops.insertEventBuffer([ev({ timestamp: T + 1 })]);
  await ops.logError({ sessionId: 's1', errorType: 't', errorMessage: 'm' });
  await ops.updateSession('s1', { id: 'renamed' });
  assert.equal(await ops.getSession('s1'), null);
  const { events, buffers, errors, eventCount } = await ops.getSession('renamed', true);
  assert.deepEqual([events.length, buffers.length, errors.length, eventCount], [1, 1, 1, 1]);
  await ops.flushEventBuffers();
  assert.equal((await ops.getSession('renamed')).eventCount, 2, 'events buffered before the rename arrive after it');
  assert.equal((await ops.verifyStatistics()).ok, true);
});

test('renaming onto another session is refused and both stay', async () => {
  const { ops } = await openClient({}, { sessions: ['s1', 's2'] });
  await refused(() => ops.updateSession('s1', { id: 's2' }), { code: 'SQLITE_CONSTRAINT', extendedCode: 'SQLITE_CONSTRAINT_PRIMARYKEY',
    message: 'Database constraint violation during updateSession: UNIQUE constraint failed: telemetry_sessions.id' });
  assert.deepEqual(ids(await ops.querySessions()).sort(), ['s1', 's2']);
});

test('deleteSession takes events and buffers with it, keeps errors without the reference, and says whether it was there', async () => {
  const { ops } = await openClient({ streamFlushIntervalMs: 0 }, { sessions: ['s1', 's2'] });
  await ops.insertEventBatch([ev(), ev({ eventType: 'error' }), ev({ sessionId: 's2' })]);
  await ops.insertEventBuffer([ev()]);
  await ops.logError({ sessionId: 's1', eventId: 2, errorType: 't', errorMessage: 'm' });
  assert.equal(await ops.deleteSession('s1'), true);
  assert.equal(await ops.deleteSession('s1'), false);
  assert.deepEqual((await ops.queryEvents()).map((event) => event.sessionId), ['s2']);
  assert.deepEqual(await ops.queryBuffers(), []);
  const [error] = await ops.queryErrors();
  rowLike(error, keys.error, { sessionId: null, eventId: null, errorType: 't' });
  await ops.flushEventBuffers();
  const { totalEvents, totalSessions, sessionsTotal } = await ops.getStatistics();
  assert.deepEqual({ totalEvents, totalSessions, sessionsTotal }, { totalEvents: 1, totalSessions: 1, sessionsTotal: 1 });
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
});

test('a caller\'s counts hold only until the first event; its endTime and duration until the next one', async () => {
  const { ops } = await openClient({}, { sessions: [] });
  await ops.upsertSession(session({ eventCount: 7, streamEventCount: 5, errorCount: 2 }));
  const derived = async () => pick(await ops.getSession('s1'), ['eventCount', 'streamEventCount', 'errorCount', 'endTime', 'duration']);
  assert.deepEqual(await derived(), { eventCount: 7, streamEventCount: 5, errorCount: 2, endTime: null, duration: null });
  await ops.insertEvent(ev());
  assert.deepEqual(await derived(), { eventCount: 1, streamEventCount: 1, errorCount: 0, endTime: T, duration: 0 });
  await ops.updateSession('s1', { eventCount: 50, endTime: T + 500, duration: 400 });
  assert.deepEqual(await derived(), { eventCount: 1, streamEventCount: 1, errorCount: 0, endTime: T + 500, duration: 400 });
  await ops.insertEvent(ev({ eventType: 'error', timestamp: T + 10 }));
  assert.deepEqual(await derived(), { eventCount: 2, streamEventCount: 1, errorCount: 1, endTime: T + 10, duration: 10 });
});

test('updateSessionStats changes nothing for an unknown session or one without events', async () => {
  const { ops } = await openClient({}, { sessions: [] });
  await ops.upsertSession(session({ endTime: T + 5, duration: 5, eventCount: 3 }));
  const before = await ops.getSession('s1');
  assert.equal(await ops.updateSessionStats('s1'), undefined);
  assert.equal(await ops.updateSessionStats('nope'), undefined);
  assert.deepEqual(await ops.querySessions(), [before]);
});

test('a session id may have 255 UTF-16 units of any script', async () => {
  const { ops } = await openClient({}, { sessions: [] });
  const id = '🚀é ' + 'x'.repeat(255 - 4);
  assert.equal(id.length, 255);
  await ops.createSession(session({ id }));
  await ops.insertEvent(ev({ sessionId: id }));
  assert.equal((await ops.getSession(id)).eventCount, 1);
  assert.deepEqual((await ops.queryEvents({ sessionId: id })).map((event) => event.sessionId), [id]);
});
