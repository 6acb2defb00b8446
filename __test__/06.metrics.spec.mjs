// Metrics, query log, output: telemetry.md §9, §12; E17, E36.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { cleanUp, ev, evs, openClient, recent, refused, run, tempDir, test } from './support.mjs';

afterEach(cleanUp);

const METRIC_KEYS = ['totalQueries', 'avgQueryTime', 'slowQueries', 'errorCount', 'connectionCount', 'dbSizeBytes', 'lastUpdated',
  'operations', 'walSizeBytes', 'writeQueueDepth', 'avgGroupCommitSize', 'preparedCacheHitRate', 'journalMode', 'warnings'];

test('E17a one call is one query, with its SQL and the number of rows', async () => {
  const { db, ops } = await openClient();
  db.resetMetrics();
  await ops.insertEvent(ev());
  assert.equal(db.getMetrics().totalQueries, 1);
  const history = db.getQueryHistory();
  assert.equal(history.length, 1);
  const [{ queryType, query, duration, timestamp, resultCount, error }] = history;
  assert.deepEqual({ queryType, resultCount, error }, { queryType: 'INSERT_EVENT', resultCount: 1, error: undefined });
  assert.ok(query.startsWith('INSERT INTO telemetry_events'), query);
  assert.ok(duration >= 0 && duration < 60_000);
  recent(timestamp);
});

test('E17b getPerformanceMetrics works with and without await', async () => {
  const { ops } = await openClient();
  const direct = ops.getPerformanceMetrics();
  assert.ok(direct.dbSizeBytes > 0);
  assert.equal(typeof direct.then, 'undefined');
  const awaited = await ops.getPerformanceMetrics();
  assert.deepEqual(Object.keys(awaited).sort(), Object.keys(direct).sort());
  assert.deepEqual(Object.keys(direct).sort(), [...METRIC_KEYS].sort());
  assert.equal(direct.journalMode, 'wal');
});

test('each public call is one entry of the history under its own name', async () => {
  const { db, ops } = await openClient({ streamFlushIntervalMs: 0, pruneDays: 30 });
  db.resetMetrics();
  await ops.insertEventBatch(evs(3, () => ({ timestamp: Date.now() })));
  await ops.queryEvents();
  await ops.querySessions();
  await ops.updateSession('s1', { status: 'completed' });
  await ops.logError({ errorType: 't', errorMessage: 'm' });
  await ops.getStatistics();
  await ops.pruneOldData();
  await ops.deleteEvents({});
  await ops.optimize();
  assert.deepEqual(db.getQueryHistory().map((entry) => entry.queryType), ['INSERT_EVENT_BATCH', 'QUERY_EVENTS', 'QUERY_SESSIONS', 'UPDATE_SESSION',
    'LOG_ERROR', 'GET_STATISTICS', 'DELETE_OLD_EVENTS', 'DELETE_EVENTS', 'VACUUM', 'ANALYZE']);
  const counted = Object.fromEntries(db.getQueryHistory().map((entry) => [entry.queryType, entry.resultCount]));
  assert.equal(counted.INSERT_EVENT_BATCH, 3);
  assert.equal(counted.QUERY_EVENTS, 3);
  assert.equal(counted.DELETE_EVENTS, 3);
  const { totalQueries, operations } = db.getMetrics();
  assert.equal(totalQueries, 10);
  assert.deepEqual(Object.keys(operations.QUERY_EVENTS).sort(), ['count', 'errors', 'max', 'p50', 'p95', 'p99']);
  assert.equal(operations.QUERY_EVENTS.count, 1);
});

test('an error of the database is counted and kept in the history, a refused argument counts nowhere', async () => {
  const { db, ops } = await openClient();
  db.resetMetrics();
  await refused(() => ops.insertEvent(ev({ eventType: 'bad' })), { message: 'Valid event type is required' });
  assert.deepEqual([db.getMetrics().totalQueries, db.getMetrics().errorCount, db.getQueryHistory()], [0, 0, []]);
  await refused(() => ops.insertEvent(ev({ sessionId: 'ghost' })), { code: 'SQLITE_CONSTRAINT' });
  const { totalQueries, errorCount, operations } = db.getMetrics();
  assert.deepEqual([totalQueries, errorCount, operations.INSERT_EVENT.errors], [1, 1, 1]);
  assert.match(db.getQueryHistory()[0].error, /FOREIGN KEY/);
});

test('the history keeps the last 100, oldest first, as a copy', async () => {
  const { db, ops } = await openClient();
  for (let i = 0; i < 120; i++) await ops.queryEvents({ limit: 1 });
  const history = db.getQueryHistory();
  assert.equal(history.length, 100);
  assert.ok(history.every((entry, i) => i === 0 || entry.timestamp >= history[i - 1].timestamp));
  history.length = 0;
  assert.equal(db.getQueryHistory().length, 100);
});

test('the SQL that is kept has placeholders in place of values and at most 500 characters', async () => {
  const { db, ops } = await openClient();
  await ops.insertEvent(ev({ prompt: 'SECRET-PROMPT' }));
  await ops.queryEvents({ sessionId: 's1', agentType: 'SECRET-AGENT' });
  await ops.querySessions({ status: ['active', 'failed'], agentType: 'SECRET-AGENT' });
  await ops.deleteEvents({ agentType: 'SECRET-AGENT' });
  for (const { query } of db.getQueryHistory()) {
    assert.ok(query.length > 0 && query.length <= 500, query);
    assert.doesNotMatch(query, /SECRET/);
  }
});

test('executeWithMetrics counts one query of that type and passes result and error on', async () => {
  const { db } = await openClient({ slowQueryThresholdMs: 20 });
  db.resetMetrics();
  assert.equal(await db.executeWithMetrics('MINE', () => 5), 5);
  assert.equal(await db.executeWithMetrics('SLOW', async () => { await delay(60); return 'late'; }), 'late');
  const boom = new TypeError('boom');
  await assert.rejects(db.executeWithMetrics('BAD', () => { throw boom; }), (error) => error === boom);
  assert.deepEqual(db.getQueryHistory().map((entry) => entry.queryType), ['MINE', 'SLOW', 'BAD']);
  assert.equal(db.getQueryHistory()[2].error, 'boom');
  const { totalQueries, errorCount, slowQueries } = db.getMetrics();
  assert.deepEqual([totalQueries, errorCount], [3, 1]);
  assert.deepEqual(slowQueries.map((entry) => entry.queryType), ['SLOW']);
});

test('resetMetrics forgets the queries and keeps connections and sizes', async () => {
  const { db, ops } = await openClient();
  await ops.insertEvent(ev());
  db.resetMetrics();
  const metrics = db.getMetrics();
  assert.deepEqual([metrics.totalQueries, metrics.errorCount, metrics.avgQueryTime, metrics.operations, db.getQueryHistory()], [0, 0, 0, {}, []]);
  assert.equal(metrics.connectionCount, 1);
  assert.ok(metrics.dbSizeBytes > 0);
});

test('enableMetrics: false keeps totals, but neither history nor percentiles', async () => {
  const { db, ops } = await openClient({ enableMetrics: false });
  const before = db.getMetrics().totalQueries;
  await ops.queryEvents();
  assert.equal(db.getMetrics().totalQueries, before + 1);
  assert.deepEqual(db.getQueryHistory(), []);
});

test('un-awaited writes are seen as one group and an idle client owes nothing', async () => {
  const { db, ops } = await openClient();
  db.resetMetrics();
  await Promise.all(evs(500).map((event) => ops.insertEvent(event)));
  const { totalQueries, avgGroupCommitSize, writeQueueDepth, preparedCacheHitRate } = db.getMetrics();
  assert.equal(totalQueries, 500);
  assert.ok(avgGroupCommitSize > 1, `${avgGroupCommitSize} calls a transaction`);
  assert.equal(writeQueueDepth, 0);
  assert.ok(preparedCacheHitRate >= 0 && preparedCacheHitRate <= 1);
});

const monitoring = (config) => `
const db = new DrizzleTelemetryDB(${JSON.stringify({ dbPath: 'm.db', ...config })});
const operations = new DrizzleTelemetryOperations(db);
await operations.createSession(session({ sandboxId: 'PARAM-SANDBOX' }));
await operations.insertEvent(ev({ prompt: 'PARAM-PROMPT', metadata: { key: 'PARAM-META' } }));
await operations.insertEventBatch([ev({ prompt: 'PARAM-PROMPT' }), ev({ prompt: 'PARAM-PROMPT' })]);
await operations.queryEvents({ sandboxId: 'PARAM-SANDBOX' });
const metrics = db.getMetrics();
console.log('Slow queries:', metrics.slowQueries.length);
const history = db.getQueryHistory();
history.forEach((query) => console.log(query.queryType));
await db.close();
`;

const monitored = 'Slow queries: 0\nCREATE_SESSION\nINSERT_EVENT\nINSERT_EVENT_BATCH\nQUERY_EVENTS\n';

for (const [name, config, env] of [
  ['enableQueryLogging', { enableQueryLogging: true, enableMetrics: true }, {}],
  ['debug', { enableQueryLogging: true, debug: true }, {}],
  ['debug alone', { debug: true }, {}],
  ['DEBUG=drizzle:*', {}, { DEBUG: 'app,drizzle:*' }],
  ['DEBUG=runledger:*', {}, { DEBUG: 'runledger:*' }],
]) {
  test(`E36 ${name}: queries on stderr without a parameter value, stdout only what the snippet prints`, async () => {
    const { code, stdout, stderr } = await run(monitoring({ slowQueryThresholdMs: 60_000, ...config }), { cwd: tempDir(), env });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, monitored);
    const lines = stderr.trimEnd().split('\n');
    assert.ok(lines.some((line) => line.startsWith('[DRIZZLE QUERY] INSERT INTO telemetry_events')), stderr);
    for (const line of lines) assert.match(line, /^\[DRIZZLE QUERY\] \S.* \([\d.]+ ms, \d+ rows\)$/);
    assert.doesNotMatch(stderr, /PARAM|1750000000000/);
  });
}

test('E36 without these switches nothing is printed at all', async () => {
  const { stdout, stderr } = await run(monitoring({ slowQueryThresholdMs: 60_000 }), { cwd: tempDir(), env: { DEBUG: 'express:*' } });
  assert.deepEqual({ stdout, stderr }, { stdout: monitored, stderr: '' });
});

test('a logger gets the query lines instead of stderr; one that throws breaks nothing', async () => {
  const lines = [];
  const { ops } = await openClient({ enableQueryLogging: true, logger: { debug: (line) => lines.push(line) } });
  await ops.insertEvent(ev());
  assert.ok(lines.some((line) => line.startsWith('[DRIZZLE QUERY] INSERT INTO telemetry_events')), lines.join('\n'));
  const boom = () => { throw new Error('logger'); };
  const { ops: other } = await openClient({ enableQueryLogging: true, logger: { debug: boom, info: boom, warn: boom, error: boom } });
  assert.equal((await other.insertEvent(ev())).id, 1);
});
