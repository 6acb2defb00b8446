// The error log: telemetry.md §8; E21.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { T, cleanUp, ev, ids, keys, openClient, recent, rowLike, sameRow, test } from './support.mjs';

afterEach(cleanUp);

const readmeError = (x = {}) => ({ sessionId: 's1', errorType: 'insert_failed', errorMessage: 'the message', stackTrace: 'st', ...x });

test('E21a an error is logged with its stack, of medium severity and unresolved', async () => {
  const { ops } = await openClient();
  const now = Date.now();
  assert.equal(await ops.logError(readmeError()), undefined);
  const [row] = await ops.getRecentErrors(1);
  assert.ok(Math.abs(row.timestamp - now) <= 1000);
  recent(row.createdAt);
  sameRow(row, { id: 1, sessionId: 's1', eventId: null, errorType: 'insert_failed', errorMessage: 'the message', errorStack: 'st', context: null,
    severity: 'medium', resolved: false, metadata: null, timestamp: row.timestamp, createdAt: row.createdAt, resolvedAt: null, resolvedBy: null,
    version: 1, schemaVersion: '1.0.0' });
});

test('E21b logging does not fail because of the session or event it names: the reference goes to the metadata', async () => {
  const { ops } = await openClient();
  await ops.logError(readmeError({ sessionId: 'ghost' }));
  rowLike((await ops.getRecentErrors(1))[0], keys.error, { sessionId: null, metadata: '{"unresolvedSessionId":"ghost"}' });
  await ops.logError(readmeError({ sessionId: 'ghost', eventId: 77, metadata: { mine: 1 } }));
  const [both] = await ops.getRecentErrors(1);
  rowLike(both, keys.error, { sessionId: null, eventId: null });
  assert.deepEqual(JSON.parse(both.metadata), { mine: 1, unresolvedSessionId: 'ghost', unresolvedEventId: 77 });
  await ops.logError(readmeError({ eventId: 77, metadata: '{"text":true}' }));
  const [one] = await ops.getRecentErrors(1);
  assert.equal(one.sessionId, 's1');
  assert.deepEqual(JSON.parse(one.metadata), { text: true, unresolvedEventId: 77 });
  await ops.logError(readmeError({ sessionId: 'ghost', metadata: 'not an object' }));
  rowLike((await ops.getRecentErrors(1))[0], keys.error, { sessionId: null, metadata: 'not an object' });
});

test('errors without any session, with every column given', async () => {
  const { ops } = await openClient();
  const { id } = await ops.insertEvent(ev({ eventType: 'error' }));
  await ops.logError({ errorType: 't', errorMessage: 'm' });
  await ops.logError({ errorType: 't', errorMessage: 'm', sessionId: 's1', eventId: id, errorStack: 'stack', severity: 'critical', timestamp: T, context: { a: 1 }, metadata: '[]' });
  const [first, second] = await ops.queryErrors();
  rowLike(first, keys.error, { id: 1, sessionId: null, metadata: null });
  rowLike(second, keys.error, { id: 2, sessionId: 's1', eventId: id, errorStack: 'stack', severity: 'critical', timestamp: T, context: '{"a":1}', metadata: '[]' });
});

test('getRecentErrors gives the newest first, fifty unless told', async () => {
  const { ops } = await openClient();
  for (let i = 0; i < 60; i++) await ops.logError(readmeError({ timestamp: T + Math.floor(i / 2) }));
  const all = Array.from({ length: 60 }, (_, i) => 60 - i);
  assert.deepEqual(ids(await ops.getRecentErrors()), all.slice(0, 50));
  assert.deepEqual(ids(await ops.getRecentErrors(3)), [60, 59, 58]);
  assert.deepEqual(ids(await ops.getRecentErrors(1000)), all);
});

test('queryErrors filters by every column of its filter', async () => {
  const { ops } = await openClient({}, { sessions: ['s1', 's2'] });
  const { id } = await ops.insertEvent(ev());
  await ops.logError(readmeError({ timestamp: T, severity: 'low' }));
  await ops.logError(readmeError({ timestamp: T + 1, severity: 'high', sessionId: 's2' }));
  await ops.logError(readmeError({ timestamp: T + 2, severity: 'critical', eventId: id, errorType: 'other' }));
  await ops.resolveError(2);
  const query = async (filter) => ids(await ops.queryErrors(filter));
  assert.deepEqual(await query(), [3, 2, 1]);
  assert.deepEqual(await query({ sessionId: 's1' }), [3, 1]);
  assert.deepEqual(await query({ eventId: id }), [3]);
  assert.deepEqual(await query({ errorType: 'other' }), [3]);
  assert.deepEqual(await query({ severity: 'low' }), [1]);
  assert.deepEqual(await query({ severity: ['low', 'high'] }), [2, 1]);
  assert.deepEqual(await query({ severity: [] }), [3, 2, 1]);
  assert.deepEqual(await query({ resolved: true }), [2]);
  assert.deepEqual(await query({ resolved: false }), [3, 1]);
  assert.deepEqual(await query({ from: T + 1, to: T + 2 }), [3, 2]);
  assert.deepEqual(await query({ limit: 1, offset: 1 }), [2]);
});

test('resolveError marks the error, who did it and when, and says whether there was one', async () => {
  const { ops } = await openClient();
  await ops.logError(readmeError());
  await ops.logError(readmeError());
  assert.equal(await ops.resolveError(1, 'ann'), true);
  assert.equal(await ops.resolveError(2), true);
  assert.equal(await ops.resolveError(99, 'ann'), false);
  const [second, first] = await ops.getRecentErrors();
  rowLike(first, keys.error, { id: 1, resolved: true, resolvedBy: 'ann' });
  rowLike(second, keys.error, { id: 2, resolved: true, resolvedBy: null });
  recent(first.resolvedAt);
});
