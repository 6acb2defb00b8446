// Validation rules: telemetry.md §9; E31.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { cleanUp, contents, ev, ids, keys, openClient, refused, rowLike, run, session, test } from './support.mjs';

afterEach(cleanUp);

const modeRule = { tableName: 'telemetry_events', fieldName: 'mode', ruleType: 'enum', ruleConfig: { values: ['code', 'chat'] }, errorMessage: 'bad mode' };

test('E31 a rule refuses what it forbids with its own text, until it is removed', async () => {
  const { ops } = await openClient();
  assert.equal(await ops.addValidationRule(modeRule), 1);
  const before = await contents(ops);
  await refused(() => ops.insertEvent(ev({ mode: 'x' })), { message: 'bad mode', field: 'mode', ruleId: 1, value: 'x' });
  assert.deepEqual(await contents(ops), before);
  assert.equal((await ops.insertEvent(ev({ mode: 'chat' }))).mode, 'chat');
  assert.equal(await ops.removeValidationRule(1), true);
  assert.equal(await ops.removeValidationRule(1), false);
  assert.equal((await ops.insertEvent(ev({ mode: 'x' }))).mode, 'x');
});

test('a rule is listed as it was given and found by table, field and state', async () => {
  const { ops } = await openClient();
  await ops.addValidationRule(modeRule);
  await ops.addValidationRule({ tableName: 'telemetry_sessions', fieldName: 'sandbox_id', ruleType: 'required', ruleConfig: '{}', errorMessage: 'm', isActive: false, priority: 5 });
  const rules = (await ops.listValidationRules()).sort((a, b) => a.id - b.id);
  rowLike(rules[0], keys.rule, { id: 1, tableName: 'telemetry_events', fieldName: 'mode', ruleType: 'enum', ruleConfig: '{"values":["code","chat"]}', errorMessage: 'bad mode', isActive: true, priority: 100 });
  rowLike(rules[1], keys.rule, { id: 2, ruleConfig: '{}', isActive: false, priority: 5 });
  assert.deepEqual(ids(await ops.listValidationRules({ tableName: 'telemetry_events' })), [1]);
  assert.deepEqual(ids(await ops.listValidationRules({ isActive: false })), [2]);
  assert.deepEqual(ids(await ops.listValidationRules({ fieldName: 'nope' })), []);
});

/** [rule type, rule config, values that pass, values that fail], all on `prompt` of an event. */
const types = [
  ['required', {}, ['x', ' x '], [null, '', ' \t\n']],
  ['pattern', { regex: '^ab+$' }, ['abb', null], ['a', 'xabb', '']],
  ['pattern', { regex: 'HELLO', flags: 'i' }, ['say hello'], ['say hallo']],
  ['pattern', { regex: '^b$', flags: 'm' }, ['a\nb'], ['ab']],
  ['enum', { values: ['Yes', 'No'] }, ['Yes', null], ['yes', '']],
  ['enum', { values: ['Yes'], caseSensitive: false }, ['YES', 'yes'], ['no']],
  ['length', { min: 2, max: 3 }, ['ab', '🚀🚀🚀', null], ['a', '🚀', 'abcd', '']],
  ['length', { max: 1 }, ['', '🚀'], ['ab']],
  ['json_schema', {}, ['{}', '5', 'null', null], ['x', '{', '']],
  ['json_schema', { schema: { type: 'object', required: ['a'], properties: { a: { type: 'integer', minimum: 1, maximum: 5 } }, additionalProperties: false } },
    ['{"a":1}', '{"a":5}'], ['{}', '{"a":0}', '{"a":6}', '{"a":1.5}', '{"a":1,"b":2}', '[]', 'x']],
  ['json_schema', { schema: { type: 'array', items: { type: 'string', minLength: 1, maxLength: 2, pattern: '^[a-z🚀]+$' } } },
    ['[]', '["a","🚀🚀"]'], ['[1]', '[""]', '["abc"]', '["A"]']],
  ['json_schema', { schema: { enum: [1, 'a', null] } }, ['1', '"a"', 'null'], ['2', '"b"']],
];

for (const [ruleType, ruleConfig, good, bad] of types) {
  test(`a ${ruleType} rule ${JSON.stringify(ruleConfig)} lets the good through and the bad not`, async () => {
    const { ops } = await openClient();
    const ruleId = await ops.addValidationRule({ tableName: 'telemetry_events', fieldName: 'prompt', ruleType, ruleConfig, errorMessage: 'no' });
    for (const prompt of good) assert.equal((await ops.insertEvent(ev({ prompt }))).prompt, prompt);
    for (const prompt of bad) await refused(() => ops.insertEvent(ev({ prompt })), { message: 'no', field: 'prompt', ruleId, value: prompt });
    assert.equal((await ops.queryEvents()).length, good.length);
  });
}

for (const [ruleConfig, good, bad] of [
  [{ min: 5, max: 10 }, [5, 7.5, 10], [4.999, 10.001]],
  [{ min: 5, max: 10, inclusive: false }, [5.001, 9], [5, 10]],
  [{ max: 3 }, [0, 3], [4]],
]) {
  test(`a range rule ${JSON.stringify(ruleConfig)} on the timestamp`, async () => {
    const { ops } = await openClient();
    await ops.addValidationRule({ tableName: 'telemetry_events', fieldName: 'timestamp', ruleType: 'range', ruleConfig, errorMessage: 'out of range' });
    for (const timestamp of good) assert.equal((await ops.insertEvent(ev({ timestamp }))).timestamp, timestamp);
    for (const timestamp of bad) await refused(() => ops.insertEvent(ev({ timestamp })), { message: 'out of range', field: 'timestamp' });
  });
}

test('rules apply to batches, buffers and sessions, and to the fields an update sets, not to the others', async () => {
  const { ops } = await openClient();
  await ops.addValidationRule(modeRule);
  await ops.addValidationRule({ tableName: 'telemetry_sessions', fieldName: 'repoUrl', ruleType: 'required', ruleConfig: {}, errorMessage: 'repo needed' });
  const before = await contents(ops);
  await refused(() => ops.insertEventBatch([ev(), ev({ mode: 'x' })]), { message: 'bad mode', field: 'mode', ruleId: 1, index: 1 });
  await refused(() => ops.insertEventBuffer([ev({ mode: 'x' })]), { message: 'bad mode', field: 'mode', ruleId: 1 });
  await refused(() => ops.createSession(session({ id: 'new' })), { message: 'repo needed', field: 'repoUrl', ruleId: 2 });
  await refused(() => ops.upsertSession(session({ id: 'new' })), { message: 'repo needed', ruleId: 2 });
  await refused(() => ops.updateSession('s1', { repoUrl: null }), { message: 'repo needed', ruleId: 2 });
  assert.deepEqual(await contents(ops), before);
  await ops.updateSession('s1', { status: 'failed' });
  const { inserted, errors } = await ops.insertEventBatch([ev({ mode: 'x' }), ev()], { onError: 'skip' });
  assert.equal(inserted, 1);
  assert.deepEqual(errors, [{ index: 0, code: 'VALIDATION_ERROR', message: 'bad mode', field: 'mode' }]);
});

test('of several rules the one with the lowest priority, then the lowest id, speaks', async () => {
  const { ops } = await openClient();
  const add = (errorMessage, priority) => ops.addValidationRule({ ...modeRule, errorMessage, priority });
  await add('second', 20);
  await add('third', 20);
  await add('first', 10);
  await refused(() => ops.insertEvent(ev({ mode: 'x' })), { message: 'first', ruleId: 3 });
  await ops.removeValidationRule(3);
  await refused(() => ops.insertEvent(ev({ mode: 'x' })), { message: 'second', ruleId: 1 });
});

test('the built-in checks come before any rule; an inactive rule does nothing', async () => {
  const { ops } = await openClient();
  await ops.addValidationRule({ ...modeRule, fieldName: 'eventType', ruleConfig: { values: ['start'] }, errorMessage: 'only start' });
  await refused(() => ops.insertEvent(ev({ eventType: 'bad' })), { message: 'Valid event type is required' });
  await refused(() => ops.insertEvent(ev()), { message: 'only start' });
  await ops.removeValidationRule(1);
  await ops.addValidationRule({ ...modeRule, isActive: false });
  assert.equal((await ops.insertEvent(ev({ mode: 'x' }))).mode, 'x');
});

test('a column name is as good as a property name', async () => {
  const { ops } = await openClient();
  await ops.addValidationRule({ ...modeRule, fieldName: 'agent_type', ruleConfig: { values: ['claude'] }, errorMessage: 'not this agent' });
  await refused(() => ops.insertEvent(ev({ agentType: 'codex' })), { message: 'not this agent', ruleId: 1 });
});

test('a rule another process adds counts from the next write', async () => {
  const { ops, path } = await openClient();
  await ops.insertEvent(ev({ mode: 'x' }));
  const { code, stderr } = await run(`
    const ops = new DrizzleTelemetryOperations(new DrizzleTelemetryDB({ dbPath: ${JSON.stringify(path)}, pruneDays: 0 }));
    await ops.addValidationRule(${JSON.stringify(modeRule)});
    await ops.close();
  `);
  assert.equal(code, 0, stderr);
  await refused(() => ops.insertEvent(ev({ mode: 'x' })), { message: 'bad mode' });
  assert.equal((await ops.queryEvents()).length, 1, 'rows from before stay');
});
