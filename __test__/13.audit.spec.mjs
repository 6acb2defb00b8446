// The audit trail: telemetry.md §9; E32.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { T, cleanUp, ev, evs, keys, openClient, recent, refused, rowLike, session, test } from './support.mjs';

afterEach(cleanUp);

test('E32a a change of a session is written down with what was and what is', async () => {
  const { ops } = await openClient();
  const created = await ops.getSession('s1');
  await ops.updateSession('s1', { status: 'completed' });
  const trail = await ops.getAuditTrail('telemetry_sessions', 's1');
  assert.deepEqual(trail.map((row) => row.operation), ['UPDATE', 'INSERT']);
  rowLike(trail[0], keys.audit, { tableName: 'telemetry_sessions', recordId: 's1', operation: 'UPDATE', changedFields: '["status"]',
    oldValues: '{"status":"active"}', newValues: '{"status":"completed"}', userId: null, reason: null });
  recent(trail[0].timestamp);
  assert.deepEqual(JSON.parse(trail[1].newValues), created);
  assert.equal(trail[1].oldValues, null);
});

test('E32b a deletion of events is one row with its count and filter', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(2));
  assert.equal(await ops.deleteEvents({ sessionId: 's1' }), 2);
  const trail = await ops.getAuditTrail('telemetry_events', '*');
  assert.equal(trail.length, 1);
  rowLike(trail[0], keys.audit, { operation: 'DELETE', recordId: '*', metadata: '{"count":2,"filter":{"sessionId":"s1"}}', reason: null });
  assert.equal(await ops.deleteEvents({ sessionId: 's1' }), 0);
  assert.equal((await ops.getAuditTrail('telemetry_events', '*')).length, 1, 'a deletion of nothing is none');
});

test('a delete of a session, a second createSession and an upsert are written down; what changes nothing is not', async () => {
  const { ops } = await openClient({ auditUserId: 'ann' });
  await ops.createSession(session());
  await ops.updateSession('s1', { status: 'active' });
  await ops.upsertSession(session({ sandboxId: 'box' }));
  await ops.createSession(session({ agentType: 'codex' }));
  await ops.deleteSession('s1');
  await ops.deleteSession('s1');
  const trail = await ops.getAuditTrail('telemetry_sessions', 's1');
  assert.deepEqual(trail.map((row) => [row.operation, row.changedFields]), [['DELETE', null], ['UPDATE', '["agentType"]'], ['UPDATE', '["sandboxId"]'], ['INSERT', null]]);
  assert.ok(trail.every((row) => row.userId === 'ann'));
  assert.equal(JSON.parse(trail[0].oldValues).agentType, 'codex');
});

test('counts that follow from events are not audited', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(3));
  await ops.updateSessionStats('s1');
  assert.deepEqual((await ops.getAuditTrail('telemetry_sessions', 's1')).map((row) => row.operation), ['INSERT']);
  assert.deepEqual(await ops.getAuditTrail('telemetry_events', '*'), []);
});

test('deleteEventsBefore and clearAllData leave their trace, with a reason for the latter', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(3, (i) => ({ timestamp: T + i })));
  await ops.deleteEventsBefore(T + 1);
  assert.equal(JSON.parse((await ops.getAuditTrail('telemetry_events', '*'))[0].metadata).count, 1);
  await ops.clearAllData();
  const [events] = await ops.getAuditTrail('telemetry_events', '*');
  rowLike(events, keys.audit, { operation: 'DELETE', reason: 'clearAllData' });
  assert.equal(JSON.parse(events.metadata).count, 2);
  rowLike((await ops.getAuditTrail('telemetry_sessions', '*'))[0], keys.audit, { operation: 'DELETE', reason: 'clearAllData' });
});

test('audit "all" adds inserted events, errors and rules; "off" writes nothing', async () => {
  const { ops } = await openClient({ audit: 'all' });
  const { id } = await ops.insertEvent(ev());
  await ops.insertEventBatch(evs(3));
  await ops.logError({ errorType: 't', errorMessage: 'm' });
  await ops.resolveError(1);
  await ops.addValidationRule({ tableName: 'telemetry_events', fieldName: 'mode', ruleType: 'required', ruleConfig: {}, errorMessage: 'm' });
  assert.deepEqual((await ops.getAuditTrail('telemetry_events', String(id))).map((row) => row.operation), ['INSERT']);
  const [batch] = await ops.getAuditTrail('telemetry_events', '*');
  assert.equal(batch.operation, 'INSERT');
  assert.equal(JSON.parse(batch.metadata).count, 3);
  assert.deepEqual((await ops.getAuditTrail('telemetry_errors', '1')).map((row) => row.operation), ['UPDATE', 'INSERT']);
  assert.equal((await ops.getAuditTrail('telemetry_validation_rules', '1')).length, 1);

  const { ops: off } = await openClient({ audit: 'off' });
  await off.insertEvent(ev());
  await off.deleteEvents({});
  await off.deleteSession('s1');
  assert.deepEqual([await off.getAuditTrail('telemetry_sessions', 's1'), await off.getAuditTrail('telemetry_events', '*')], [[], []]);
});

test('a change that is refused is not in the trail', async () => {
  const { ops } = await openClient({ audit: 'all' }, { sessions: ['s1', 's2'] });
  await refused(() => ops.updateSession('s1', { id: 's2' }), { code: 'SQLITE_CONSTRAINT' });
  await refused(() => ops.insertEventBatch([ev(), ev({ sessionId: 'ghost' })]), { code: 'SQLITE_CONSTRAINT' });
  assert.equal((await ops.getAuditTrail('telemetry_sessions', 's1')).length, 1);
  assert.deepEqual(await ops.getAuditTrail('telemetry_events', '*'), []);
});

test('getAuditTrail gives the newest first, fifty unless told', async () => {
  const { ops } = await openClient();
  for (let i = 0; i < 60; i++) await ops.updateSession('s1', { sandboxId: `${i}` });
  const trail = await ops.getAuditTrail('telemetry_sessions', 's1');
  assert.equal(trail.length, 50);
  assert.equal(trail[0].newValues, '{"sandboxId":"59"}');
  assert.equal((await ops.getAuditTrail('telemetry_sessions', 's1', 100)).length, 61);
  assert.equal((await ops.getAuditTrail('telemetry_sessions', 's1', 1)).length, 1);
  assert.deepEqual(await ops.getAuditTrail('telemetry_sessions', 'nope'), []);
});
