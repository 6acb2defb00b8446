// Query plans: telemetry.md §5; E35. The SQL is what the client recorded; another SQLite program explains it, so
// a difference between its planner and ours can show here.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { DAY, T, cleanUp, ev, evs, foreign, openClient, queryPlan, session, skipWithoutPython, test } from './support.mjs';

afterEach(cleanUp);

async function filled() {
  const client = await openClient();
  for (let i = 0; i < 40; i++) await client.ops.createSession(session({ id: `x${i}`, status: i % 9 ? 'completed' : 'active', startTime: T + i }));
  await client.ops.insertEventBatch(evs(4000, (i) => ({ sessionId: `x${i % 40}`, eventType: i % 50 === 0 ? 'error' : 'stream', timestamp: T + i * 1000 })));
  return client;
}

async function planOf({ db, path }, queryType, call) {
  db.resetMetrics();
  await call();
  const { query } = db.getQueryHistory().find((entry) => entry.queryType === queryType);
  assert.ok(query.length < 500, 'the recorded SQL is whole');
  return queryPlan(path, query);
}

const plans = [
  ['events of a session', 'idx_events_session_id', 'QUERY_EVENTS', (ops) => ops.queryEvents({ sessionId: 'x1', limit: 100 })],
  ['events of a session, oldest first', 'idx_events_session_id', 'QUERY_EVENTS', (ops) => ops.queryEvents({ sessionId: 'x1', orderBy: 'timestamp_asc' })],
  ['errors of a session', 'idx_events_compound', 'QUERY_EVENTS', (ops) => ops.queryEvents({ sessionId: 'x1', eventType: 'error' })],
  ['errors of all sessions', 'idx_events_event_type', 'QUERY_EVENTS', (ops) => ops.queryEvents({ eventType: 'error' })],
  ['events of a time range', 'idx_events_timestamp', 'QUERY_EVENTS', (ops) => ops.queryEvents({ from: T, to: T + DAY })],
  ['the newest events', 'idx_events_timestamp', 'QUERY_EVENTS', (ops) => ops.queryEvents({ limit: 10 })],
  ['sessions of a status', 'idx_sessions_status', 'QUERY_SESSIONS', (ops) => ops.querySessions({ status: 'active' })],
  ['sessions of an agent', 'idx_sessions_agent_type', 'QUERY_SESSIONS', (ops) => ops.querySessions({ agentType: 'claude' })],
  ['the newest sessions', 'idx_sessions_start_time', 'QUERY_SESSIONS', (ops) => ops.querySessions({ limit: 10 })],
  ['recent errors', 'idx_errors_timestamp', 'GET_RECENT_ERRORS', (ops) => ops.getRecentErrors()],
];

for (const [what, index, queryType, call] of plans) {
  test(`E35 ${what} are read through ${index} and not sorted`, { skip: skipWithoutPython }, async () => {
    const client = await filled();
    const plan = await planOf(client, queryType, () => call(client.ops));
    assert.match(plan, new RegExp(`\\b${index}\\b`));
    assert.doesNotMatch(plan, /TEMP B-TREE/);
  });
}

test('E35 with planner statistics, too, everything is read through an index and nothing is sorted', { skip: skipWithoutPython }, async () => {
  const client = await filled();
  await client.ops.insertEvent(ev({ sessionId: 'x1' }));
  await client.ops.analyze();
  for (const [what, , queryType, call] of plans) {
    const plan = await planOf(client, queryType, () => call(client.ops));
    assert.match(plan, /USING (COVERING )?INDEX idx_/, what);
    assert.doesNotMatch(plan, /TEMP B-TREE/, what);
  }
});

test('the indexes of the file are those of the contract, no more', { skip: skipWithoutPython }, async () => {
  const { path } = await openClient();
  const rows = await foreign(path, "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name LIKE 'telemetry%' AND sql IS NOT NULL ORDER BY name");
  assert.deepEqual(rows.map((row) => row.name), ['idx_audit_compound', 'idx_buffers_session', 'idx_buffers_status', 'idx_errors_event', 'idx_errors_session',
    'idx_errors_timestamp', 'idx_events_compound', 'idx_events_event_type', 'idx_events_session_id', 'idx_events_timestamp', 'idx_sessions_agent_type',
    'idx_sessions_start_time', 'idx_sessions_status', 'idx_stats_type_key', 'idx_validation_table_field']);
});
