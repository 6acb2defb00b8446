// Bad input, closed databases, locks, empty files: telemetry.md §13 row by row, and design.md §10's list for every public method.
// Each refusal is checked for class, code, message and field, and for having written nothing.
import { after, afterEach, before } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as runledger from '../index.js';
import { T, checkError, cleanUp, cleanUpKept, collect, contents, ev, evs, holdWriteLock, keep, openClient, refused, session, skipWithoutPython, tempDir, test } from './support.mjs';

const { DrizzleTelemetryDB, DrizzleTelemetryOperations, getTelemetryDB } = runledger;

let shared; // one client for all refusals: none of them may change it
let untouched;

before(async () => {
  shared = await openClient({ streamFlushIntervalMs: 0 }, { sessions: ['s1', 's2'] });
  await shared.ops.insertEventBatch(evs(3));
  await shared.ops.upsertBuffer({ sessionId: 's1', bufferData: '[]' });
  await shared.ops.logError({ sessionId: 's1', errorType: 't', errorMessage: 'm' });
  untouched = await contents(shared.ops);
  keep();
});
afterEach(cleanUp);
after(cleanUpKept);

const show = (value) => {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function' || typeof value === 'symbol') return String(value);
  if (value instanceof Date) return 'a Date';
  if (typeof value === 'string' && value.length > 20) return `${value.length} characters`;
  try { return JSON.stringify(value) ?? String(value); } catch { return 'a value JSON cannot write'; }
};

/** One test: the call rejects as described and the file is as before. */
function refuses(name, call, message, field, more = {}) {
  test(`${name} is refused: ${message}`, async () => {
    const expected = { message, ...(field === undefined ? {} : { field }), ...more };
    await refused(() => call(shared.ops), expected);
    assert.deepEqual(await contents(shared.ops), untouched, 'nothing was written');
  });
}

// ---------------------------------------------------------------- the ways in, so that each row meets every method it concerns

const eventWays = {
  insertEvent: (ops, x) => ops.insertEvent(ev(x)),
  insertEventBatch: (ops, x) => ops.insertEventBatch([ev(), ev(x)]),
  insertEventBuffer: (ops, x) => ops.insertEventBuffer([ev(), ev(x)]),
};
const sessionWays = {
  createSession: (ops, x) => ops.createSession(session({ id: 'new', ...x })),
  upsertSession: (ops, x) => ops.upsertSession(session({ id: 'new', ...x })),
};
const updateWay = { updateSession: (ops, x) => ops.updateSession('s1', x) };
const errorWay = { logError: (ops, x) => ops.logError({ errorType: 't', errorMessage: 'm', ...x }) };
const bufferWay = { upsertBuffer: (ops, x) => ops.upsertBuffer({ sessionId: 's1', bufferData: '[]', ...x }) };
const eventFilterWays = {
  queryEvents: (ops, x) => ops.queryEvents(x),
  iterateEvents: (ops, x) => collect(ops.iterateEvents(x)),
  deleteEvents: (ops, x) => ops.deleteEvents(x),
};
const sessionFilterWays = { querySessions: (ops, x) => ops.querySessions(x), iterateSessions: (ops, x) => collect(ops.iterateSessions(x)) };
const otherFilterWays = { queryBuffers: (ops, x) => ops.queryBuffers(x), queryErrors: (ops, x) => ops.queryErrors(x) };
const filterWays = { ...eventFilterWays, ...sessionFilterWays, ...otherFilterWays };

/** `property` with each of `values`, through each of `ways`. */
function refusesEach(ways, property, values, message, field = property) {
  for (const [method, way] of Object.entries(ways)) {
    for (const value of values) {
      const more = method === 'insertEventBatch' ? { index: 1 } : {};
      refuses(`${method} with ${property} ${show(value)}`, (ops) => way(ops, { [property]: value }), message, field, more);
    }
  }
}

// ---------------------------------------------------------------- row 1: not an object, not an array

const noObject = [null, 'x', 5, true];
for (const value of [...noObject, undefined]) {
  refuses(`insertEvent(${show(value)})`, (ops) => ops.insertEvent(value), 'Event must be an object', 'event');
  refuses(`createSession(${show(value)})`, (ops) => ops.createSession(value), 'Session must be an object', 'session');
  refuses(`upsertSession(${show(value)})`, (ops) => ops.upsertSession(value), 'Session must be an object', 'session');
  refuses(`updateSession(…, ${show(value)})`, (ops) => ops.updateSession('s1', value), 'Updates must be an object', 'updates');
  refuses(`upsertBuffer(${show(value)})`, (ops) => ops.upsertBuffer(value), 'Buffer must be an object', 'buffer');
  refuses(`logError(${show(value)})`, (ops) => ops.logError(value), 'Error must be an object', 'error');
  refuses(`an event ${show(value)} in a batch`, (ops) => ops.insertEventBatch([ev(), value]), 'Event must be an object', 'event', { index: 1 });
  refuses(`an event ${show(value)} in a buffer call`, (ops) => ops.insertEventBuffer([ev(), value]), 'Event must be an object', 'event');
}
for (const value of [...noObject, undefined, {}, { length: 1, 0: ev() }]) {
  refuses(`insertEventBatch(${show(value)})`, (ops) => ops.insertEventBatch(value), 'Events must be an array', 'events');
  refuses(`insertEventBuffer(${show(value)})`, (ops) => ops.insertEventBuffer(value), 'Events must be an array', 'events');
}
for (const [method, way] of Object.entries(filterWays)) {
  for (const value of noObject) refuses(`${method}(${show(value)})`, (ops) => way(ops, value), 'Filter must be an object', 'filter');
}

// ---------------------------------------------------------------- row 2: ids

const badIds = ['', ' \t', 'x'.repeat(256), 'a\u0000b', 'a\nb', 'a\u007fb', 'a\u0085b', 'a\ud800', '\udc00', 5, {}, true];
refusesEach(eventWays, 'sessionId', [undefined, null, ...badIds], 'Valid session ID is required');
refusesEach(bufferWay, 'sessionId', [undefined, null, ...badIds], 'Valid session ID is required');
refusesEach(sessionWays, 'id', [undefined, null, ...badIds], 'Valid session ID is required');
refusesEach({ queryEvents: eventFilterWays.queryEvents, iterateEvents: eventFilterWays.iterateEvents, ...sessionFilterWays, ...otherFilterWays },
  'sessionId', badIds.filter((id) => id !== ''), 'Invalid session ID format');
refusesEach({ deleteEvents: eventFilterWays.deleteEvents }, 'sessionId', ['a\nb', 5, 'x'.repeat(256)], 'Invalid session ID format');
for (const id of [undefined, null, ...badIds]) {
  refuses(`updateSession(${show(id)}, …)`, (ops) => ops.updateSession(id, { status: 'failed' }), 'Session ID is required', 'sessionId');
  refuses(`flushBuffer(${show(id)})`, (ops) => ops.flushBuffer(id), 'Session ID is required', 'sessionId');
}

test('getSession of any value at all is null', async () => {
  for (const id of [undefined, null, ...badIds, NaN, []]) assert.equal(await shared.ops.getSession(id), null, show(id));
});

test('unknown ids are no errors', async () => {
  const { ops } = shared;
  assert.deepEqual([await ops.updateSession('nope', { status: 'failed' }), await ops.updateSessionStats('nope'), await ops.deleteSession('nope'),
    await ops.resolveError(999), await ops.flushBuffer('nope'), await ops.removeValidationRule(999)], [undefined, undefined, false, false, 0, false]);
  assert.deepEqual(await contents(ops), untouched);
});

// ---------------------------------------------------------------- rows 3 – 6: events

refusesEach(eventWays, 'eventType', [undefined, null, '', 'bad', 'Stream', 'stream ', 5], 'Valid event type is required');
for (const value of ['bad', 'Stream', 5]) {
  for (const [method, way] of Object.entries(eventFilterWays)) {
    refuses(`${method} with eventType ${show(value)}`, (ops) => way(ops, { eventType: value }), 'Invalid event type');
  }
}
for (const [property, message] of [['agentType', 'Agent type is required'], ['mode', 'Mode is required']]) {
  refusesEach({ ...eventWays, ...sessionWays }, property, [undefined, null, '', ' \n', 5, {}], message);
  refusesEach(updateWay, property, ['', ' ', 5], message);
}
refusesEach(eventWays, 'prompt', [5, true, {}, ['p']], 'Prompt must be a string or null');
refusesEach(eventWays, 'timestamp', [undefined, null, '5', NaN, Infinity, -Infinity, -1, 5n, new Date(T), {}], 'Timestamp must be a positive number');
refusesEach(errorWay, 'timestamp', ['5', NaN, Infinity, -1, 5n, new Date(T)], 'Timestamp must be a positive number');

// ---------------------------------------------------------------- rows 7 – 9: sessions

refusesEach({ createSession: sessionWays.createSession, ...updateWay }, 'status', ['', '  ', 'x'.repeat(65), 5, {}], 'Valid session status is required');
refusesEach({ upsertSession: sessionWays.upsertSession }, 'status', [undefined, null, '', 'weird', 'Active', 5], 'Valid session status is required');
for (const value of ['weird', ['active', 'weird'], 5]) {
  for (const [method, way] of Object.entries(sessionFilterWays)) {
    refuses(`${method} with status ${show(value)}`, (ops) => way(ops, { status: value }), 'Invalid session status');
  }
}
refusesEach(sessionWays, 'startTime', [undefined, null, '5', NaN, Infinity, -1, 5n, new Date(T)], 'Start time must be a positive timestamp');
refusesEach(updateWay, 'startTime', [null, '5', NaN, -1], 'Start time must be a positive timestamp');
refusesEach({ ...sessionWays, ...updateWay }, 'endTime', ['5', NaN, Infinity, -1, 5n, new Date(T)], 'End time must be a positive timestamp');
for (const [method, way] of Object.entries({ ...sessionWays, ...updateWay })) {
  refuses(`${method} with an end before its start`, (ops) => way(ops, { startTime: T, endTime: T - 1 }), 'End time must be after start time');
}

// ---------------------------------------------------------------- row 10: errors

refusesEach(errorWay, 'errorType', [undefined, null, '', ' ', 5], 'Error type is required', undefined);
refusesEach(errorWay, 'errorMessage', [undefined, null, '', ' ', 5], 'Error message is required', undefined);
refusesEach(errorWay, 'severity', ['', 'bad', 'High', 5], 'Invalid severity', undefined);

// ---------------------------------------------------------------- row 11: JSON columns

const cycle = {};
cycle.self = cycle;
const noJson = [5, true, () => {}, cycle, { big: 1n }, 5n];
const jsonMessage = 'Metadata must be a string, a JSON-serialisable object or null';
refusesEach({ ...eventWays, ...sessionWays, ...updateWay, ...errorWay }, 'metadata', noJson, jsonMessage);
refusesEach(errorWay, 'context', noJson, jsonMessage);
refusesEach(bufferWay, 'bufferData', noJson, jsonMessage);

// ---------------------------------------------------------------- row 12: everything else with a type

for (const property of ['streamData', 'sandboxId', 'repoUrl']) refusesEach(eventWays, property, [5, {}, true], `Field "${property}" is invalid`);
for (const property of ['sandboxId', 'repoUrl']) refusesEach({ ...sessionWays, ...updateWay }, property, [5, {}, true], `Field "${property}" is invalid`);
for (const property of ['eventCount', 'streamEventCount', 'errorCount', 'version']) {
  refusesEach({ ...sessionWays, ...updateWay }, property, [-1, 1.5, NaN, '1', null], `Field "${property}" is invalid`);
}
refusesEach(eventWays, 'id', [-1, 1.5, NaN, '1', 5n], 'Field "id" is invalid');
refusesEach(eventWays, 'version', [-1, 1.5, '1', null], 'Field "version" is invalid');
refusesEach({ ...sessionWays, ...updateWay }, 'duration', [-1, NaN, '5'], 'Field "duration" is invalid');
refusesEach(errorWay, 'errorStack', [5, {}], 'Field "errorStack" is invalid');
refusesEach(errorWay, 'sessionId', [5, {}], 'Field "sessionId" is invalid');
refusesEach(errorWay, 'eventId', [1.5, -1, 'x'], 'Field "eventId" is invalid');
refusesEach(bufferWay, 'bufferData', [null], 'Field "bufferData" is invalid');
refusesEach(bufferWay, 'maxSize', [-1, 1.5, '1'], 'Field "maxSize" is invalid');

// ---------------------------------------------------------------- row 13: nothing to set

for (const updates of [{}, { status: undefined }, { foo: 1, bar: null }]) {
  refuses(`updateSession(…, ${show(updates)})`, (ops) => ops.updateSession('s1', updates), 'No values to set', 'updates');
}

// ---------------------------------------------------------------- rows 14 – 17: limits and ranges

const anyLimit = 'Limit must be an integer between 1 and 10000';
const anyOffset = 'Offset must be a non-negative integer';
const elsewhere = Object.fromEntries(Object.entries(filterWays).filter(([method]) => method !== 'queryEvents'));
refusesEach({ queryEvents: filterWays.queryEvents }, 'limit', [0, -1, '5', {}, 5n], 'Query limit must be between 1 and 10000');
refusesEach({ queryEvents: filterWays.queryEvents }, 'limit', [1.5, NaN], anyLimit);
refusesEach(elsewhere, 'limit', [0, -1, '5', 1.5, NaN], anyLimit);
refusesEach({ queryEvents: filterWays.queryEvents }, 'offset', [-1, '5', {}, 5n], 'Query offset must be non-negative');
refusesEach({ queryEvents: filterWays.queryEvents }, 'offset', [1.5, NaN], anyOffset);
refusesEach(elsewhere, 'offset', [-1, '5', 1.5, NaN], anyOffset);
for (const limit of [0, -1, 1.5, NaN, '5']) {
  refuses(`getRecentErrors(${show(limit)})`, (ops) => ops.getRecentErrors(limit), anyLimit, 'limit');
  refuses(`getAuditTrail(…, ${show(limit)})`, (ops) => ops.getAuditTrail('telemetry_sessions', 's1', limit), anyLimit, 'limit');
}

const daily = { getDailyStatistics: (ops, x) => ops.getDailyStatistics(x) };
const badTimes = [-1, NaN, Infinity, '5', 5n, new Date(T)];
for (const property of ['from', 'fromTime']) refusesEach(filterWays, property, badTimes, 'From time must be a positive timestamp', undefined);
for (const property of ['to', 'toTime']) refusesEach(filterWays, property, badTimes, 'To time must be a positive timestamp', undefined);
refusesEach(daily, 'from', [-1, NaN, '5'], 'From time must be a positive timestamp', undefined);
refusesEach(daily, 'to', [-1, NaN, '5'], 'To time must be a positive timestamp', undefined);
for (const [method, way] of Object.entries({ ...filterWays, ...daily })) {
  for (const range of [{ from: 10, to: 9 }, { from: 10, to: 10 }]) {
    refuses(`${method} with ${show(range)}`, (ops) => way(ops, range), 'To time must be after from time');
  }
}
for (const [low, high, what] of [['minDuration', 'maxDuration', 'duration'], ['minEventCount', 'maxEventCount', 'event count']]) {
  refusesEach(sessionFilterWays, low, [-1], `Min ${what} must be non-negative`, undefined);
  refusesEach(sessionFilterWays, high, [-1], `Max ${what} must be non-negative`, undefined);
  for (const [method, way] of Object.entries(sessionFilterWays)) {
    refuses(`${method} with ${high} below ${low}`, (ops) => way(ops, { [low]: 5, [high]: 4 }), `Max ${what} must be greater than min ${what}`);
  }
}

// ---------------------------------------------------------------- row 18: orders and two spellings

refusesEach({ ...eventFilterWays, ...sessionFilterWays }, 'orderBy', ['x', 'id_asc', 'timestamp; DROP TABLE telemetry_events', 5], 'Invalid orderBy value');
for (const [method, way] of Object.entries(eventFilterWays)) refuses(`${method} with an order of sessions`, (ops) => way(ops, { orderBy: 'start_time_asc' }), 'Invalid orderBy value', 'orderBy');
for (const [method, way] of Object.entries(sessionFilterWays)) refuses(`${method} with an order of events`, (ops) => way(ops, { orderBy: 'timestamp_asc' }), 'Invalid orderBy value', 'orderBy');
for (const [method, way] of Object.entries({ ...eventFilterWays, ...sessionFilterWays })) {
  refuses(`${method} with two agents`, (ops) => way(ops, { agentType: 'a', category: 'b' }), 'Conflicting values for agentType and category');
  refuses(`${method} with two modes`, (ops) => way(ops, { mode: 'a', action: 'b' }), 'Conflicting values for mode and action');
  refuses(`${method} with two starts`, (ops) => way(ops, { from: 1, fromTime: 2 }), 'Conflicting values for from and fromTime');
  refuses(`${method} with two ends`, (ops) => way(ops, { to: 1, toTime: 2 }), 'Conflicting values for to and toTime');
}
refuses('querySessions with two ids', (ops) => ops.querySessions({ id: 'a', sessionId: 'b' }), /^Conflicting values for (id and sessionId|sessionId and id)$/);

test('two spellings that agree are one condition', async () => {
  const { ops } = shared;
  assert.equal((await ops.queryEvents({ agentType: 'claude', category: 'claude', mode: 'code', action: 'code', from: T, fromTime: T, toTime: T + 1 })).length, 3);
  assert.equal((await ops.querySessions({ id: 's1', sessionId: 's1' })).length, 1);
});

test('in queries, empty text conditions and unknown keys mean nothing', async () => {
  const { ops } = shared;
  const empty = { sessionId: '', agentType: null, mode: '', sandboxId: null, eventType: null, foo: 1 };
  assert.equal((await ops.queryEvents(empty)).length, 3);
  assert.equal((await ops.querySessions({ id: '', agentType: null, sandboxId: '', foo: 1 })).length, 2);
  assert.equal((await ops.queryEvents({ from: 0, to: 0 })).length, 0, 'a bound of 0 is allowed');
});

// ---------------------------------------------------------------- rows 19, 20: deleting and cleaning

for (const key of ['foo', 'sessionid', 'status', 'id', '__proto__x']) {
  refuses(`deleteEvents with the unknown key ${key}`, (ops) => ops.deleteEvents({ [key]: 's1' }), `Unknown filter key "${key}"`);
}
refuses('deleteEvents with an unknown key that is undefined', (ops) => ops.deleteEvents({ foo: undefined }), 'Unknown filter key "foo"');
refuses('deleteEvents with undefined values only', (ops) => ops.deleteEvents({ sessionId: undefined, limit: undefined }), 'Delete filter has no usable key');
for (const key of ['sessionId', 'eventType', 'agentType', 'category', 'mode', 'action', 'sandboxId']) {
  for (const value of [null, '']) refuses(`deleteEvents with ${key} ${show(value)}`, (ops) => ops.deleteEvents({ [key]: value }), `Empty value for filter key "${key}"`);
}
for (const value of [undefined, null, NaN, Infinity, '5', 5n, new Date(T), {}]) {
  refuses(`deleteEventsBefore(${show(value)})`, (ops) => ops.deleteEventsBefore(value), 'Timestamp must be a positive number', 'timestamp');
}
for (const method of ['cleanupBuffers', 'cleanupOldBuffers']) {
  for (const value of [NaN, Infinity, '5', 5n, {}]) refuses(`${method}(${show(value)})`, (ops) => ops[method](value), 'Field "maxAgeMs" is invalid', 'maxAgeMs');
}
for (const pageSize of [0, -1, 1.5, NaN, '5']) {
  for (const method of ['iterateEvents', 'iterateSessions']) {
    refuses(`${method} with pageSize ${show(pageSize)}`, (ops) => collect(ops[method]({}, { pageSize })), 'Field "pageSize" is invalid', 'pageSize');
  }
}

// ---------------------------------------------------------------- row 21: configurations, refused by the constructor

const badConfigs = {
  dbPath: ['', 5], pruneDays: [NaN, Infinity, '30', true], streamBatchSize: [0, -1, 1.5, NaN, '50'], streamFlushIntervalMs: [-1, 1.5, NaN, '5'],
  maxSizeMB: [0, -1, NaN, '100', true], onSizeLimit: ['x', 5], journalMode: ['x', 'WAL', 'memory'], durability: ['x', 'FULL'], poolSize: [0, 65, 1.5, NaN, '5'],
  queryTimeoutMs: [-1, 1.5, NaN, '5'], slowQueryThresholdMs: [NaN, '5', -1], metadataFormat: ['json', 5], audit: ['none', true], auditRetentionDays: [NaN, '5', true],
};
for (const [key, values] of Object.entries(badConfigs)) {
  for (const value of values) {
    test(`a configuration with ${key} ${show(value)} is refused by the constructor, and no file is made`, () => {
      const dbPath = join(tempDir(), 'sub', 't.db');
      const expected = { message: `Invalid config value for ${key}`, field: key };
      for (const make of [(config) => new DrizzleTelemetryDB(config), (config) => new DrizzleTelemetryOperations(config), (config) => getTelemetryDB(config)]) {
        let error;
        try { make({ dbPath, [key]: value }); } catch (caught) { error = caught; }
        checkError(error, expected);
      }
      assert.equal(existsSync(join(dbPath, '..')), false);
    });
  }
}

test('enableWAL: false with journalMode "wal" contradicts itself', () => {
  assert.throws(() => new DrizzleTelemetryDB({ enableWAL: false, journalMode: 'wal' }), (error) => {
    checkError(error, { message: /^Invalid config value for (enableWAL|journalMode)$/ });
    return true;
  });
});

test('a configuration that is no object is refused', () => {
  for (const config of [5, 'x', true]) {
    assert.throws(() => new DrizzleTelemetryDB(config), (error) => { checkError(error, { message: /^Invalid config value for / }); return true; });
  }
});

test('a number is not out of range just because it is at its edge', () => {
  for (const config of [{ streamBatchSize: 1 }, { streamFlushIntervalMs: 0 }, { poolSize: 1 }, { poolSize: 64 }, { queryTimeoutMs: 0 }, { maxSizeMB: 0.5 },
    { maxSizeMB: false }, { pruneDays: 0 }, { pruneDays: -1 }, { pruneDays: false }, { pruneDays: 0.5 }, { auditRetentionDays: false }]) {
    const [[key, value]] = Object.entries(config);
    assert.equal(new DrizzleTelemetryDB({ dbPath: ':memory:', ...config }).getConfig()[key], value);
  }
});

// ---------------------------------------------------------------- row 22: rules

const rule = { tableName: 'telemetry_events', fieldName: 'mode', ruleType: 'required', ruleConfig: {}, errorMessage: 'm' };
const badRules = [
  ['tableName', 'telemetry_errors'], ['tableName', 'x'], ['tableName', undefined], ['tableName', 5], ['fieldName', 'x'], ['fieldName', 'duration_sum'], ['fieldName', undefined],
  ['ruleType', 'x'], ['ruleType', undefined], ['ruleConfig', { unknown: 1 }], ['ruleConfig', 'not json'], ['ruleConfig', '[]'],
];
const badRuleConfigs = [
  ['pattern', {}], ['pattern', { regex: '(' }], ['pattern', { regex: '(?=a)' }], ['pattern', { regex: '(a)\\1' }], ['pattern', { regex: 'a', flags: 'g' }], ['pattern', { regex: 5 }],
  ['range', { min: 'x' }], ['range', { min: 1, step: 2 }], ['enum', {}], ['enum', { values: 'code' }], ['length', { min: '1' }], ['json_schema', { schema: { $ref: '#' } }],
  ['json_schema', { schema: 5 }], ['json_schema', { schema: { pattern: '(' } }],
];
for (const [key, value] of badRules) {
  refuses(`a rule with ${key} ${show(value)}`, (ops) => ops.addValidationRule({ ...rule, [key]: value }), /^(Invalid validation rule: .|Field "\w+" is invalid)/, key);
}
for (const [ruleType, ruleConfig] of badRuleConfigs) {
  refuses(`a ${ruleType} rule ${show(ruleConfig)}`, (ops) => ops.addValidationRule({ ...rule, ruleType, ruleConfig }), /^Invalid validation rule: ./, 'ruleConfig');
}
for (const value of noObject) {
  test(`addValidationRule(${show(value)}) is refused`, async () => {
    await refused(() => shared.ops.addValidationRule(value), { message: /./ });
    assert.deepEqual(await contents(shared.ops), untouched);
  });
}

// ---------------------------------------------------------------- the first match counts

for (const [name, x, message] of [
  ['session before type', { sessionId: '', eventType: 'bad' }, 'Valid session ID is required'],
  ['type before agent', { eventType: 'bad', agentType: '' }, 'Valid event type is required'],
  ['agent before mode', { agentType: '', mode: '' }, 'Agent type is required'],
  ['mode before prompt', { mode: '', prompt: 5 }, 'Mode is required'],
  ['prompt before timestamp', { prompt: 5, timestamp: -1 }, 'Prompt must be a string or null'],
  ['timestamp before metadata', { timestamp: -1, metadata: 5 }, 'Timestamp must be a positive number'],
  ['metadata before other text', { metadata: 5, streamData: 5 }, jsonMessage],
]) {
  refuses(`an event that is wrong twice, ${name},`, (ops) => ops.insertEvent(ev(x)), message);
}

test('a batch with several bad events names the first; skip names each', async () => {
  const batch = [ev({ mode: '' }), ev(), null, ev({ timestamp: NaN })];
  await refused(() => shared.ops.insertEventBatch(batch), { message: 'Mode is required', index: 0 });
  assert.deepEqual(await contents(shared.ops), untouched);
  const { ops } = await openClient();
  const { inserted, failed, errors } = await ops.insertEventBatch(batch, { onError: 'skip' });
  assert.deepEqual([inserted, failed], [1, 3]);
  assert.deepEqual(errors.map(({ index, message }) => [index, message]), [[0, 'Mode is required'], [2, 'Event must be an object'], [3, 'Timestamp must be a positive number']]);
});

test('a bad event at the end of 100 000 refuses them all', { timeout: 120_000 }, async () => {
  const { ops } = await openClient();
  const batch = evs(100_000);
  batch[99_999] = ev({ eventType: 'bad' });
  await refused(() => ops.insertEventBatch(batch), { message: 'Valid event type is required', index: 99_999 });
  batch[99_999] = ev({ sessionId: 'ghost' });
  await refused(() => ops.insertEventBatch(batch), { code: 'SQLITE_CONSTRAINT', index: 99_999 });
  assert.equal((await ops.getStatistics()).totalEvents, 0);
  assert.equal((await ops.getSession('s1')).eventCount, 0);
});

test('objects with hostile getters and prototypes do not get through', async () => {
  const boom = new Error('getter');
  const hostile = ev();
  Object.defineProperty(hostile, 'prompt', { enumerable: true, get() { throw boom; } });
  const error = await shared.ops.insertEvent(hostile).then(() => assert.fail('stored'), (e) => e);
  assert.ok(error === boom || error instanceof runledger.ValidationError, String(error));
  assert.deepEqual(await contents(shared.ops), untouched);
});

// ---------------------------------------------------------------- every public method: closed, locked, empty

/** [method, call, what an empty file answers (a function checks it), does it need the write lock] */
const methods = [
  ['createSession', (ops) => ops.createSession(session({ id: 'made' })), undefined, true],
  ['upsertSession', (ops) => ops.upsertSession(session({ id: 'made' })), (row) => assert.equal(row.id, 'made'), true],
  ['updateSession', (ops) => ops.updateSession('s1', { status: 'failed' }), undefined, true],
  ['deleteSession', (ops) => ops.deleteSession('s1'), false, true],
  ['getSession', (ops) => ops.getSession('s1'), null, false],
  ['getSessionWithEvents', (ops) => ops.getSessionWithEvents('s1'), null, false],
  ['querySessions', (ops) => ops.querySessions(), [], false],
  ['iterateSessions', (ops) => collect(ops.iterateSessions()), [], false],
  ['updateSessionStats', (ops) => ops.updateSessionStats('s1'), undefined, true],
  ['refreshAllSessionStats', (ops) => ops.refreshAllSessionStats(), { updated: 0, errors: 0 }, true],
  ['insertEvent', (ops) => ops.insertEvent(ev({ sessionId: 's1' })), 'SQLITE_CONSTRAINT', true],
  ['insertEventBatch', (ops) => ops.insertEventBatch([ev()]), 'SQLITE_CONSTRAINT', true],
  ['queryEvents', (ops) => ops.queryEvents(), [], false],
  ['iterateEvents', (ops) => collect(ops.iterateEvents()), [], false],
  ['deleteEvents', (ops) => ops.deleteEvents({}), 0, true],
  ['deleteEventsBefore', (ops) => ops.deleteEventsBefore(T + 1), 0, true],
  ['insertEventBuffer', (ops) => ops.insertEventBuffer([ev()]), 'SQLITE_CONSTRAINT', true],
  ['flushEventBuffers', (ops) => ops.flushEventBuffers(), undefined, false],
  ['upsertBuffer', (ops) => ops.upsertBuffer({ sessionId: 's1', bufferData: '[]' }), 'SQLITE_CONSTRAINT', true],
  ['flushBuffer', (ops) => ops.flushBuffer('s1'), 0, false],
  ['cleanupBuffers', (ops) => ops.cleanupBuffers(0), 0, true],
  ['cleanupOldBuffers', (ops) => ops.cleanupOldBuffers(0), 0, true],
  ['queryBuffers', (ops) => ops.queryBuffers(), [], false],
  ['logError', (ops) => ops.logError({ errorType: 't', errorMessage: 'm' }), undefined, true],
  ['resolveError', (ops) => ops.resolveError(1), false, true],
  ['getRecentErrors', (ops) => ops.getRecentErrors(), [], false],
  ['queryErrors', (ops) => ops.queryErrors(), [], false],
  ['getStatistics', (ops) => ops.getStatistics(), (result) => assert.equal(result.totalEvents, 0), false],
  ['getDailyStatistics', (ops) => ops.getDailyStatistics(), [], false],
  ['verifyStatistics', (ops) => ops.verifyStatistics(), { ok: true, repaired: false, sessionsChecked: 0, mismatches: [] }, false],
  ['addValidationRule', (ops) => ops.addValidationRule({ ...rule, isActive: false }), 1, true],
  ['removeValidationRule', (ops) => ops.removeValidationRule(1), false, true],
  ['listValidationRules', (ops) => ops.listValidationRules(), [], false],
  ['getAuditTrail', (ops) => ops.getAuditTrail('telemetry_events', '*'), [], false],
  ['vacuum', (ops) => ops.vacuum(), undefined, true],
  ['analyze', (ops) => ops.analyze(), undefined, false],
  ['optimize', (ops) => ops.optimize(), undefined, false],
  ['reindex', (ops) => ops.reindex(), undefined, true],
  ['checkpoint', (ops) => ops.checkpoint(), (result) => assert.equal(result.busy, false), false],
  ['clearAllData', (ops) => ops.clearAllData(), undefined, true],
  ['pruneOldData', (ops) => ops.pruneOldData(), 0, false],
  ['planRetention', (ops) => ops.planRetention(), (plan) => assert.equal(plan.events, 0), false],
  ['backup', (ops) => ops.backup(join(tempDir(), 'copy.db')), (result) => assert.equal(result.remainingPages, 0), false],
];

test('every method of the contract is there, and the list above leaves none out', () => {
  const elsewhereTested = ['constructor', 'initialize', 'close', 'getDatabase', 'getHealthStatus', 'getPerformanceMetrics'];
  for (const [name] of methods) assert.equal(typeof DrizzleTelemetryOperations.prototype[name], 'function', name);
  const present = Object.getOwnPropertyNames(DrizzleTelemetryOperations.prototype);
  assert.deepEqual(present.filter((name) => !name.startsWith('_') && !elsewhereTested.includes(name) && !methods.some(([known]) => known === name)), []);
});

for (const [method, call, expected] of methods) {
  test(`${method} on an empty file, opened by the call itself`, async () => {
    const { ops } = await openClient({ pruneDays: 30 }, { sessions: [] });
    if (typeof expected === 'string') {
      await refused(() => call(ops), { code: expected, extendedCode: 'SQLITE_CONSTRAINT_FOREIGNKEY' });
      return;
    }
    const result = await call(ops);
    if (typeof expected === 'function') expected(result);
    else assert.deepEqual(result, expected);
  });
}

test('every method works on a client that was closed: the call opens it again', { timeout: 90_000 }, async () => {
  const { db, ops } = await openClient();
  for (const [method, call] of methods) {
    await ops.createSession(session());
    await db.close();
    await call(ops).catch((error) => assert.fail(`${method}: ${error.stack}`));
    assert.equal(await db.healthCheck(), true, method);
  }
});

test('while another process holds the write lock every write gives up as SQLITE_BUSY and has written nothing; reads answer', { skip: skipWithoutPython, timeout: 90_000 }, async () => {
  const { ops, path } = await openClient({ queryTimeoutMs: 50, streamFlushIntervalMs: 0 });
  await ops.insertEvent(ev());
  await ops.logError({ errorType: 't', errorMessage: 'm' });
  const before = await contents(ops);
  const release = await holdWriteLock(path);
  for (const [method, call, , writes] of methods) {
    if (writes) {
      await refused(() => call(ops), { name: 'DatabaseError', code: 'SQLITE_BUSY', message: new RegExp(`^Database is locked during ${method}\\. Try again later\\.$`) })
        .catch((error) => { error.message = `${method}: ${error.message}`; throw error; });
    }
  }
  assert.deepEqual(await contents(ops), before, 'reads answer while the lock is held, and see no trace of the writes');
  await release();
  assert.deepEqual(await contents(ops), before);
  assert.equal((await ops.insertEvent(ev())).id, 2);
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
});

test('an initialize() during a lock on a new file gives up as a connection error, and works once the lock is gone', { skip: skipWithoutPython }, async () => {
  const dir = tempDir();
  const path = join(dir, 't.db');
  const release = await holdWriteLock(path);
  const { db, ops } = await openClient({ queryTimeoutMs: 50 }, { dir, sessions: [] });
  await refused(() => db.initialize(), { name: 'DrizzleTelemetryConnectionError', code: 'SQLITE_BUSY', message: /^Failed to initialize telemetry database: ./ });
  await release();
  assert.equal(await ops.createSession(session()), undefined);
});
