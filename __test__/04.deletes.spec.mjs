// Deleting events: telemetry.md §6, §7, §13; E13, E14.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { T, cleanUp, contents, ev, evs, ids, keys, openClient, random, refused, rowLike, test } from './support.mjs';

afterEach(cleanUp);

test('E13 deleteEventsBefore deletes strictly below its argument; the session\'s times stay until they are recounted', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch([0, 10, 20].map((ms) => ev({ timestamp: T + ms })));
  assert.equal(await ops.deleteEventsBefore(T + 10), 1);
  assert.deepEqual(ids(await ops.queryEvents()), [3, 2]);
  rowLike(await ops.getSession('s1'), keys.session, { eventCount: 2, endTime: T + 20, duration: 20 });
  await ops.updateSessionStats('s1');
  rowLike(await ops.getSession('s1'), keys.session, { eventCount: 2, endTime: T + 20, duration: 10 });
  assert.equal(await ops.deleteEventsBefore(T + 10), 0);
  assert.equal(await ops.deleteEventsBefore(-5), 0);
});

test('E14a a filter that matches nothing deletes nothing; limit 1 deletes the newest', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch([0, 10, 20].map((ms) => ev({ timestamp: T + ms })));
  assert.equal(await ops.deleteEvents({ agentType: 'nonexistent' }), 0);
  assert.equal(await ops.deleteEvents({ category: 'claude', limit: 1 }), 1);
  assert.deepEqual(ids(await ops.queryEvents()), [2, 1]);
});

test('E14b a typo or an undefined variable in the filter does not empty the table', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(3));
  const before = await contents(ops);
  await refused(() => ops.deleteEvents({ foo: 1 }), { message: 'Unknown filter key "foo"' });
  await refused(() => ops.deleteEvents({ sessionId: 's1', sesionId: 's1' }), { message: 'Unknown filter key "sesionId"' });
  await refused(() => ops.deleteEvents({ sessionId: undefined }), { message: 'Delete filter has no usable key' });
  await refused(() => ops.deleteEvents({ sessionId: null }), { message: 'Empty value for filter key "sessionId"' });
  await refused(() => ops.deleteEvents({ agentType: '' }), { message: 'Empty value for filter key "agentType"' });
  assert.deepEqual(await contents(ops), before);
});

test('E14c {} or no argument deletes all others, and the counts follow', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(3));
  assert.equal(await ops.deleteEvents({}), 3);
  assert.equal((await ops.getSession('s1')).eventCount, 0);
  await ops.insertEventBatch(evs(2));
  assert.equal(await ops.deleteEvents(), 2);
  rowLike(await ops.getSession('s1'), keys.session, { eventCount: 0, streamEventCount: 0, errorCount: 0 });
  assert.equal((await ops.getStatistics()).totalEvents, 0);
  assert.deepEqual(await ops.getDailyStatistics(), []);
});

test('deleteEvents deletes exactly what queryEvents of the same filter gives, whatever the filter', async () => {
  const seed = 20250615;
  const { int, one, chance } = random(seed);
  const { ops } = await openClient({}, { sessions: ['s1', 's2', 's3'] });
  const make = () => ev({
    sessionId: one(['s1', 's2', 's3']), eventType: one(['start', 'stream', 'stream', 'end', 'error']), agentType: one(['claude', 'codex']),
    mode: one(['code', 'chat']), sandboxId: one([null, 'box']), timestamp: T + int(40),
  });
  for (let round = 0; round < 60; round++) {
    await ops.insertEventBatch(Array.from({ length: 12 }, make));
    const filter = {};
    if (chance(0.4)) filter.sessionId = one(['s1', 's2', 's3']);
    if (chance(0.3)) filter.eventType = one(['start', 'stream', 'end', 'error']);
    if (chance(0.3)) filter[one(['agentType', 'category'])] = one(['claude', 'codex']);
    if (chance(0.3)) filter[one(['mode', 'action'])] = one(['code', 'chat']);
    if (chance(0.2)) filter.sandboxId = 'box';
    if (chance(0.3)) filter[one(['from', 'fromTime'])] = T + int(20);
    if (chance(0.3)) filter[one(['to', 'toTime'])] = T + 20 + int(20);
    if (chance(0.5)) filter.limit = 1 + int(9);
    if (chance(0.3)) filter.offset = int(5);
    if (chance(0.5)) filter.orderBy = one(['timestamp_asc', 'timestamp_desc', 'created_at_asc', 'created_at_desc']);
    if (Object.keys(filter).length === 0) filter.limit = 3;
    const all = ids(await ops.queryEvents());
    const chosen = ids(await ops.queryEvents(filter));
    const label = `seed ${seed}, round ${round}: ${JSON.stringify(filter)}`;
    assert.equal(await ops.deleteEvents(filter), chosen.length, label);
    assert.deepEqual(ids(await ops.queryEvents()), all.filter((id) => !chosen.includes(id)), label);
  }
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
});

test('deleting an event clears the reference of the error that names it', async () => {
  const { ops } = await openClient();
  const { id } = await ops.insertEvent(ev({ eventType: 'error' }));
  await ops.logError({ sessionId: 's1', eventId: id, errorType: 't', errorMessage: 'm' });
  await ops.deleteEvents({ eventType: 'error' });
  const [error] = await ops.queryErrors();
  rowLike(error, keys.error, { eventId: null, sessionId: 's1' });
});
