// Filters, orders, limits and iterators against a model of the contract in plain JavaScript: telemetry.md §2, §7.
import { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { T, cleanUp, collect, ev, ids, openClient, random, session, test } from './support.mjs';

const seed = 424242;
const names = ['s1', 's2', 's3', 's4'];
let ops;
let events; // all rows, read once without a filter
let sessions;

before(async () => {
  ({ ops } = await openClient({}, { sessions: names }));
  const { int, one, chance } = random(seed);
  const make = () => ev({ sessionId: one(names), eventType: one(['start', 'stream', 'stream', 'stream', 'end', 'error']), agentType: one(['claude', 'codex', 'gemini']),
    mode: one(['code', 'chat']), sandboxId: one([null, 'box', 'tent']), timestamp: T + int(60) / 2 });
  for (let i = 0; i < 8; i++) await ops.insertEventBatch(Array.from({ length: 50 }, make));
  for (let i = 0; i < 150; i++) {
    await ops.upsertSession(session({ id: `x${String(int(1000)).padStart(3, '0')}-${i}`, agentType: one(['claude', 'codex']), mode: one(['code', 'chat']),
      status: one(['active', 'completed', 'failed', 'timeout', 'error']), startTime: T + int(30), duration: chance(0.3) ? null : int(20), eventCount: int(10),
      sandboxId: one([null, 'box']) }));
  }
  events = await ops.queryEvents({ orderBy: 'timestamp_asc' });
  sessions = await ops.querySessions({ orderBy: 'start_time_asc' });
  assert.equal(events.length, 400);
  assert.equal(sessions.length, 154);
});
after(cleanUp);

const compare = (a, b) => (a === b ? 0 : a === null ? -1 : b === null ? 1 : a < b ? -1 : 1);

/** Rows that pass, ordered by `property` and then id in the same direction, `offset` skipped, at most `limit`. */
function model(rows, filter, passes, property, direction) {
  const sorted = rows.filter(passes).sort((a, b) => direction * (compare(a[property], b[property]) || compare(a.id, b.id)));
  const start = filter.offset ?? 0;
  return sorted.slice(start, filter.limit === undefined ? undefined : start + filter.limit);
}

const bound = (filter, plain, theirs) => filter[plain] ?? filter[theirs];
const agentPasses = (filter) => (row) =>
  (bound(filter, 'agentType', 'category') ?? row.agentType) === row.agentType && (bound(filter, 'mode', 'action') ?? row.mode) === row.mode
  && (filter.sandboxId ?? row.sandboxId) === row.sandboxId;
const within = (value, low = -Infinity, high = Infinity) => value >= low && value <= high;

function eventModel(filter) {
  const [, column, direction] = /^(timestamp|created_at)_(asc|desc)$/.exec(filter.orderBy ?? 'timestamp_desc');
  const agent = agentPasses(filter);
  return model(events, filter, (row) => agent(row) && (filter.sessionId ?? row.sessionId) === row.sessionId && (filter.eventType ?? row.eventType) === row.eventType
    && within(row.timestamp, bound(filter, 'from', 'fromTime'), bound(filter, 'to', 'toTime')), column === 'timestamp' ? 'timestamp' : 'createdAt', direction === 'asc' ? 1 : -1);
}

function sessionModel(filter) {
  const [, column, direction] = /^(start_time|duration)_(asc|desc)$/.exec(filter.orderBy ?? 'start_time_desc');
  const agent = agentPasses(filter);
  const statuses = filter.status === undefined ? [] : [filter.status].flat();
  return model(sessions, filter, (row) => agent(row) && (bound(filter, 'id', 'sessionId') ?? row.id) === row.id && (statuses.length === 0 || statuses.includes(row.status))
    && within(row.startTime, bound(filter, 'from', 'fromTime'), bound(filter, 'to', 'toTime'))
    && (filter.minDuration === undefined || (row.duration !== null && row.duration >= filter.minDuration))
    && (filter.maxDuration === undefined || (row.duration !== null && row.duration <= filter.maxDuration))
    && within(row.eventCount, filter.minEventCount, filter.maxEventCount), column === 'duration' ? 'duration' : 'startTime', direction === 'asc' ? 1 : -1);
}

function commonFilter({ int, one, chance }, span) {
  const filter = {};
  if (chance(0.25)) filter[one(['agentType', 'category'])] = one(['claude', 'codex', 'nobody']);
  if (chance(0.2)) filter[one(['mode', 'action'])] = one(['code', 'chat']);
  if (chance(0.2)) filter.sandboxId = one(['box', 'tent']);
  if (chance(0.3)) filter[one(['from', 'fromTime'])] = T + int(span / 2);
  if (chance(0.3)) filter[one(['to', 'toTime'])] = T + span / 2 + int(span / 2);
  if (chance(0.5)) filter.limit = one([1, 2, 7, 50, 10_001, 20_000]);
  if (chance(0.3)) filter.offset = one([0, 1, 13, 500]);
  return filter;
}

const label = (filter) => `seed ${seed}: ${JSON.stringify(filter)}`;

test('400 random filters of events give what the contract says, in its order', async () => {
  const chance = random(seed + 1);
  let found = 0;
  for (let i = 0; i < 400; i++) {
    const filter = commonFilter(chance, 30);
    if (chance.chance(0.4)) filter.sessionId = chance.one([...names, 'nobody']);
    if (chance.chance(0.4)) filter.eventType = chance.one(['start', 'stream', 'end', 'error']);
    if (chance.chance(0.7)) filter.orderBy = chance.one(['timestamp_asc', 'timestamp_desc', 'created_at_asc', 'created_at_desc']);
    const expected = eventModel(filter);
    found += expected.length;
    assert.deepEqual(await ops.queryEvents(filter), expected, label(filter));
  }
  assert.ok(found > 4000, 'the filters were not all empty');
});

test('400 random filters of sessions give what the contract says, NULL durations lowest', async () => {
  const chance = random(seed + 2);
  let found = 0;
  for (let i = 0; i < 400; i++) {
    const filter = commonFilter(chance, 30);
    if (chance.chance(0.1)) filter[chance.one(['id', 'sessionId'])] = chance.one([...names, chance.one(sessions).id]);
    if (chance.chance(0.4)) filter.status = chance.one(['active', 'error', ['completed', 'failed'], ['error', 'timeout', 'active'], []]);
    if (chance.chance(0.2)) filter.minDuration = chance.int(12);
    if (chance.chance(0.2)) filter.maxDuration = 12 + chance.int(10);
    if (chance.chance(0.2)) filter.minEventCount = chance.int(5);
    if (chance.chance(0.2)) filter.maxEventCount = 5 + chance.int(5);
    if (chance.chance(0.7)) filter.orderBy = chance.one(['start_time_asc', 'start_time_desc', 'duration_asc', 'duration_desc']);
    const expected = sessionModel(filter);
    found += expected.length;
    assert.deepEqual(await ops.querySessions(filter), expected, label(filter));
  }
  assert.ok(found > 1000);
});

test('an iterator of events gives what the query gives, whatever the page size', async () => {
  const chance = random(seed + 3);
  for (let i = 0; i < 120; i++) {
    const filter = commonFilter(chance, 30);
    if (chance.chance(0.4)) filter.sessionId = chance.one(names);
    if (chance.chance(0.4)) filter.eventType = chance.one(['start', 'stream', 'end', 'error']);
    if (chance.chance(0.7)) filter.orderBy = chance.one(['timestamp_asc', 'timestamp_desc', 'created_at_asc', 'created_at_desc']);
    const pageSize = chance.one([1, 3, 7, 64, 1000]);
    assert.deepEqual(await collect(ops.iterateEvents(filter, { pageSize })), await ops.queryEvents(filter), `${label(filter)}, pages of ${pageSize}`);
  }
});

test('an iterator of sessions gives what the query gives, ties and NULLs included', async () => {
  const chance = random(seed + 4);
  for (let i = 0; i < 120; i++) {
    const filter = commonFilter(chance, 30);
    if (chance.chance(0.3)) filter.status = chance.one(['active', ['completed', 'failed'], []]);
    filter.orderBy = chance.one(['start_time_asc', 'start_time_desc', 'duration_asc', 'duration_desc']);
    const pageSize = chance.one([1, 2, 7, 50]);
    assert.deepEqual(await collect(ops.iterateSessions(filter, { pageSize })), await ops.querySessions(filter), `${label(filter)}, pages of ${pageSize}`);
  }
  assert.deepEqual(await collect(ops.iterateSessions({ limit: 5, includeEvents: true })), await ops.querySessions({ limit: 5 }), 'include* is ignored');
});

test('limit and offset cut one total order into pages that miss and repeat nothing', async () => {
  for (const orderBy of ['timestamp_asc', 'timestamp_desc', 'created_at_asc', 'created_at_desc']) {
    const paged = [];
    for (let offset = 0; offset < 400; offset += 37) paged.push(...await ops.queryEvents({ orderBy, limit: 37, offset }));
    assert.deepEqual(paged, await ops.queryEvents({ orderBy }), orderBy);
  }
  for (const orderBy of ['start_time_asc', 'start_time_desc', 'duration_asc', 'duration_desc']) {
    const paged = [];
    for (let offset = 0; offset < 154; offset += 11) paged.push(...await ops.querySessions({ orderBy, limit: 11, offset }));
    assert.deepEqual(paged, await ops.querySessions({ orderBy }), orderBy);
  }
});

test('an offset beyond the end and a limit beyond 10000 are no errors', async () => {
  assert.deepEqual(await ops.queryEvents({ offset: 400 }), []);
  assert.equal((await ops.queryEvents({ offset: 399 })).length, 1);
  assert.equal((await ops.queryEvents({ limit: Number.MAX_SAFE_INTEGER })).length, 400);
  assert.equal((await ops.querySessions({ limit: 1_000_000, offset: 0 })).length, 154);
});

test('an iterator can be stepped by hand, ended early, and stays ended', async () => {
  const iterator = ops.iterateEvents({ orderBy: 'timestamp_asc' }, { pageSize: 2 });
  assert.equal(iterator[Symbol.asyncIterator](), iterator);
  assert.deepEqual(await iterator.next(), { done: false, value: events[0] });
  const three = await Promise.all([iterator.next(), iterator.next(), iterator.next()]);
  assert.deepEqual(three.map((step) => step.value), events.slice(1, 4), 'steps that are not awaited come in order');
  assert.deepEqual(await iterator.return(), { done: true, value: undefined });
  assert.deepEqual(await iterator.next(), { done: true, value: undefined });
  assert.deepEqual(ids(await collect(ops.iterateEvents({ sessionId: 'nobody' }))), []);
});
