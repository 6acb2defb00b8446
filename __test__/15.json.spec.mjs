// JSON columns: telemetry.md §2, §7; E34.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { T, cleanUp, collect, ev, openClient, session, test } from './support.mjs';

afterEach(cleanUp);

/** [what is given, what `text` reads, what `object` reads] */
const values = [
  [{ a: [1] }, '{"a":[1]}', { a: [1] }],
  [[1, 'x', null], '[1,"x",null]', [1, 'x', null]],
  ['{"b":2}', '{"b":2}', { b: 2 }],
  [' [1] ', ' [1] ', [1]],
  ['5', '5', '5'],
  ['true', 'true', 'true'],
  ['null', 'null', 'null'],
  ['"quoted"', '"quoted"', '"quoted"'],
  ['x', 'x', 'x'],
  ['{broken', '{broken', '{broken'],
  ['', '', ''],
  [null, null, null],
  [undefined, null, null],
  [{ gone: undefined, date: new Date(T), nan: NaN, deep: { emoji: '🚀' } }, '{"date":"2025-06-15T15:06:40.000Z","nan":null,"deep":{"emoji":"🚀"}}',
    { date: '2025-06-15T15:06:40.000Z', nan: null, deep: { emoji: '🚀' } }],
  [{ toJSON: () => ({ mine: 1 }) }, '{"mine":1}', { mine: 1 }],
  [{ 2: 'b', 1: 'a', z: 0, __proto__: null }, '{"1":"a","2":"b","z":0}', { 1: 'a', 2: 'b', z: 0 }],
];

for (const [format, column] of [['text', 1], ['object', 2]]) {
  test(`E34 metadataFormat "${format}": what an event was given is what every way of reading returns`, async () => {
    const { ops } = await openClient({ ...(format === 'text' ? {} : { metadataFormat: format }), streamFlushIntervalMs: 0 });
    const expected = values.map((value) => value[column]);
    const inserted = [];
    for (const [metadata] of values) inserted.push((await ops.insertEvent(ev({ metadata }))).metadata);
    assert.deepEqual(inserted, expected);
    await ops.insertEventBatch(values.map(([metadata], i) => ev({ metadata, timestamp: T + 1 + i })));
    await ops.insertEventBuffer(values.map(([metadata], i) => ev({ metadata, timestamp: T + 1000 + i })));
    await ops.flushEventBuffers();
    const all = [...expected, ...expected, ...expected];
    assert.deepEqual((await ops.queryEvents({ orderBy: 'timestamp_asc' })).map((row) => row.metadata), all);
    assert.deepEqual((await collect(ops.iterateEvents({ orderBy: 'timestamp_asc' }, { pageSize: 5 }))).map((row) => row.metadata), all);
    assert.deepEqual((await ops.getSession('s1', true)).events.map((row) => row.metadata).reverse(), all);
  });

  test(`E34 metadataFormat "${format}" on sessions, errors, buffers, rules, statistics and the audit trail`, async () => {
    const { ops } = await openClient({ metadataFormat: format, streamFlushIntervalMs: 0 }, { sessions: [] });
    const pair = (text) => (format === 'text' ? text : JSON.parse(text));
    assert.deepEqual((await ops.upsertSession(session({ metadata: { a: [1] } }))).metadata, pair('{"a":[1]}'));
    await ops.updateSession('s1', { metadata: [2] });
    assert.deepEqual((await ops.getSession('s1')).metadata, pair('[2]'));
    assert.deepEqual((await ops.querySessions())[0].metadata, pair('[2]'));
    assert.deepEqual((await collect(ops.iterateSessions()))[0].metadata, pair('[2]'));
    await ops.insertEvent(ev());
    await ops.logError({ errorType: 't', errorMessage: 'm', context: { c: 1 }, metadata: 'plain' });
    const [error] = await ops.getRecentErrors();
    assert.deepEqual([error.context, error.metadata], [pair('{"c":1}'), 'plain']);
    await ops.upsertBuffer({ sessionId: 's1', bufferData: '[]' });
    assert.deepEqual((await ops.queryBuffers())[0].bufferData, pair('[]'));
    await ops.addValidationRule({ tableName: 'telemetry_events', fieldName: 'mode', ruleType: 'length', ruleConfig: { max: 99 }, errorMessage: 'm' });
    assert.deepEqual((await ops.listValidationRules())[0].ruleConfig, pair('{"max":99}'));
    const [day] = await ops.getDailyStatistics();
    assert.deepEqual([day.agentBreakdown, day.modeBreakdown], [pair('{"claude":1}'), pair('{"code":1}')]);
    const [change] = await ops.getAuditTrail('telemetry_sessions', 's1');
    assert.deepEqual(change.changedFields, pair('["metadata"]'));
    assert.equal(typeof change.newValues, format === 'text' ? 'string' : 'object');
  });
}
