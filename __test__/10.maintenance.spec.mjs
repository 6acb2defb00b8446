// Size, retention, maintenance: telemetry.md §11; E23, E28, E30.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DAY, cleanUp, ev, evs, foreign, ids, keys, openClient, refused, rowLike, said, session, skipOnWindows, skipWithoutPython, start, tempDir, test,
  until } from './support.mjs';

afterEach(cleanUp);

test('E23a vacuum, analyze, optimize and reindex do their work silently and change no row', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(50));
  const before = await ops.queryEvents();
  for (const method of ['vacuum', 'analyze', 'optimize', 'reindex']) assert.equal(await ops[method](), undefined, method);
  assert.deepEqual(await ops.queryEvents(), before);
});

test('E23b clearAllData empties every listing, and the next event still gets a new id', async () => {
  const { ops } = await openClient({ streamFlushIntervalMs: 0 });
  await ops.insertEventBatch(evs(7));
  await ops.insertEventBuffer(evs(2));
  await ops.logError({ sessionId: 's1', eventId: 7, errorType: 't', errorMessage: 'm' });
  await ops.addValidationRule({ tableName: 'telemetry_events', fieldName: 'mode', ruleType: 'required', ruleConfig: {}, errorMessage: 'm' });
  assert.equal(await ops.clearAllData(), undefined);
  const listings = await Promise.all([ops.queryEvents(), ops.querySessions(), ops.queryBuffers(), ops.queryErrors(), ops.getRecentErrors(), ops.getDailyStatistics()]);
  assert.deepEqual(listings, [[], [], [], [], [], []]);
  const { totalEvents, sessionsTotal, agentBreakdown } = await ops.getStatistics();
  assert.deepEqual({ totalEvents, sessionsTotal, agentBreakdown }, { totalEvents: 0, sessionsTotal: 0, agentBreakdown: {} });
  assert.equal((await ops.listValidationRules()).length, 1, 'rules stay');
  assert.ok((await ops.getAuditTrail('telemetry_sessions', 's1')).length > 0, 'the audit trail stays');
  await ops.flushEventBuffers();
  assert.deepEqual(await ops.queryEvents(), [], 'what was buffered does not come back');
  await ops.createSession(session());
  assert.equal((await ops.insertEvent(ev())).id, 8);
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
});

test('E28 a file at its cap refuses to grow, loses nothing it accepted, and takes events again after a delete', { timeout: 120_000 }, async () => {
  const { ops, path } = await openClient({ maxSizeMB: 1, onSizeLimit: 'reject' });
  const megabyte = 1_048_576;
  const streamData = 'x'.repeat(10_000);
  const accepted = [];
  await refused(async () => {
    for (let i = 0; i < 400; i++) accepted.push((await ops.insertEvent(ev({ streamData, prompt: `${i}` }))).id);
  }, { name: 'DatabaseError', code: 'SQLITE_FULL', message: 'Database size limit of 1 MB reached during insertEvent and nothing older than pruneDays is left to prune. Raise maxSizeMB or delete events.' });
  assert.ok(accepted.length > 20, `${accepted.length} events of 10 kB fit into 1 MB`);
  const rows = await ops.queryEvents({ orderBy: 'timestamp_asc' });
  assert.deepEqual(ids(rows), accepted);
  assert.ok(rows.every((row) => row.streamData === streamData));
  await ops.checkpoint('truncate');
  assert.ok(statSync(path).size <= megabyte, `${statSync(path).size} bytes`);
  assert.equal(await ops.deleteEvents({}), accepted.length);
  assert.ok((await ops.insertEvent(ev({ streamData }))).id > accepted.at(-1));
  await ops.checkpoint('truncate');
  assert.ok(statSync(path).size <= megabyte);
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
});

test('E28b by default a file beyond its cap warns and goes on', { timeout: 120_000 }, async () => {
  const warned = [];
  const { db, ops } = await openClient({ maxSizeMB: 1, logger: { warn: (message) => warned.push(message) } });
  for (let i = 0; i < 15; i++) await ops.insertEventBatch(evs(10, () => ({ streamData: 'x'.repeat(10_000) })));
  assert.equal((await ops.queryEvents()).length, 150);
  assert.ok(warned.length > 0);
  assert.ok(db.getMetrics().warnings.some((warning) => typeof warning.message === 'string' && warning.timestamp > 0));
});

test('E28c at the cap, what is beyond retention goes first', { timeout: 120_000 }, async () => {
  const { ops } = await openClient({ maxSizeMB: 1, onSizeLimit: 'reject', pruneDays: 30 });
  const streamData = 'x'.repeat(10_000);
  const old = Date.now() - 40 * DAY;
  for (let i = 0; i < 60; i++) await ops.insertEvent(ev({ streamData, timestamp: old + i }));
  for (let i = 0; i < 60; i++) await ops.insertEvent(ev({ streamData, timestamp: Date.now() }));
  const rows = await ops.queryEvents({ orderBy: 'timestamp_asc' });
  assert.equal(rows.filter((row) => row.timestamp > old + DAY).length, 60, 'no event within retention is lost');
  assert.ok(rows.length < 120);
  const [entry] = await ops.getAuditTrail('telemetry_events', '*');
  assert.equal(entry.reason, 'maxSizeMB');
});

async function withOldEvent(config = {}) {
  const client = await openClient({ pruneDays: 30, ...config });
  const now = Date.now();
  const old = await client.ops.insertEvent(ev({ timestamp: now - 40 * DAY, prompt: 'old 🚀', metadata: { a: [1] } }));
  const young = await client.ops.insertEvent(ev({ timestamp: now - DAY, prompt: 'young' }));
  return { ...client, old, young, now };
}

test('E30a planRetention reports what pruneOldData would delete, and deletes nothing', async () => {
  const { db, ops, old, now } = await withOldEvent();
  const plan = await ops.planRetention();
  assert.deepEqual({ ...plan, cutoff: 0, estimatedBytes: 0 }, { enabled: true, cutoff: 0, events: 1, sessionsAffected: 1, oldest: old.timestamp, newest: old.timestamp, estimatedBytes: 0 });
  assert.ok(Math.abs(plan.cutoff - (now - 30 * DAY)) < 60_000);
  assert.ok(plan.estimatedBytes > 0);
  assert.equal((await db.planRetention()).events, 1);
  assert.equal((await ops.queryEvents()).length, 2);
});

test('E30b pruneOldData archives the old event, deletes it, and finds nothing the second time', async () => {
  const archiveDir = join(tempDir(), 'a');
  const { ops, old, young } = await withOldEvent({ archiveDir });
  assert.equal(await ops.pruneOldData(), 1);
  assert.deepEqual(readdirSync(archiveDir), [`events-${old.id}-${old.id}.jsonl.gz`]);
  const lines = gunzipSync(readFileSync(join(archiveDir, readdirSync(archiveDir)[0]))).toString('utf8').trimEnd().split('\n');
  assert.deepEqual(lines.map((line) => JSON.parse(line)), [old]);
  assert.deepEqual(await ops.queryEvents(), [young]);
  assert.equal(await ops.pruneOldData(), 0);
  assert.equal(readdirSync(archiveDir).length, 1);
  rowLike(await ops.getSession('s1'), keys.session, { eventCount: 1 });
  const [entry] = await ops.getAuditTrail('telemetry_events', '*');
  rowLike(entry, keys.audit, { operation: 'DELETE', reason: 'retention' });
  assert.equal(JSON.parse(entry.metadata).count, 1);
});

test('E30c an archive that cannot be written keeps the events', async () => {
  const archiveDir = join(tempDir(), 'taken');
  writeFileSync(archiveDir, 'a file where the directory should be');
  const { ops } = await withOldEvent({ archiveDir });
  const error = await ops.pruneOldData().then(() => assert.fail('pruned without an archive'), (e) => e);
  assert.equal(error.code, 'CONNECTION_ERROR', error.stack);
  assert.equal((await ops.queryEvents()).length, 2);
});

test('E30d the retention snippet: the old event is gone after reopening with pruneDays 30, and stays with 0', async () => {
  const { db, ops, dir, young } = await withOldEvent({ pruneDays: 0 });
  assert.equal(await ops.pruneOldData(), 0);
  assert.deepEqual({ ...await ops.planRetention(), estimatedBytes: 0 }, { enabled: false, cutoff: null, events: 0, sessionsAffected: 0, oldest: null, newest: null, estimatedBytes: 0 });
  await db.close();
  assert.equal((await ops.queryEvents()).length, 2, 'pruneDays: 0 keeps everything');
  await db.close();
  const pruning = await openClient({ pruneDays: 30 }, { dir, sessions: [] });
  assert.deepEqual(await pruning.ops.queryEvents(), [young]);
  assert.equal((await pruning.ops.querySessions()).length, 1, 'sessions stay');
});

test('E30e false and negative pruneDays keep everything; a fraction of a day works', async () => {
  for (const pruneDays of [false, 0, -1]) {
    const { ops } = await withOldEvent({ pruneDays });
    assert.equal(await ops.pruneOldData(), 0);
    assert.equal((await ops.queryEvents()).length, 2);
  }
  const { ops } = await openClient({ pruneDays: 0.5 });
  await ops.insertEvent(ev({ timestamp: Date.now() - 0.6 * DAY }));
  await ops.insertEvent(ev({ timestamp: Date.now() - 0.4 * DAY }));
  assert.equal(await ops.pruneOldData(), 1);
});

test('E30f a large retention run goes in batches, and what it deletes is what is old', { timeout: 120_000 }, async () => {
  const { ops } = await openClient({ pruneDays: 30 });
  const now = Date.now();
  await ops.insertEventBatch(evs(30_000, (i) => ({ timestamp: i % 3 === 0 ? now - DAY : now - 40 * DAY })));
  const [deleted, written] = await Promise.all([ops.pruneOldData(), ops.insertEvent(ev({ timestamp: now }))]);
  assert.equal(deleted, 20_000);
  assert.equal(written.id, 30_001);
  assert.equal((await ops.queryEvents()).length, 10_001);
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
});

test('backup writes a complete copy beside running writes and never over a file', { skip: skipWithoutPython }, async () => {
  const { ops, dir } = await openClient();
  await ops.insertEventBatch(evs(500));
  const target = join(dir, 'copy.db');
  const writes = evs(50).map((event) => ops.insertEvent(event));
  const result = await ops.backup(target);
  await Promise.all(writes);
  assert.ok(result.totalPages > 0);
  assert.equal(result.remainingPages, 0);
  const [{ n }] = await foreign(target, 'SELECT count(*) AS n FROM telemetry_events');
  assert.ok(n >= 500);
  assert.deepEqual(await foreign(target, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
  const before = readFileSync(target);
  await refused(() => ops.backup(target), { name: 'DatabaseError', code: 'ERR_FILE_EXISTS' });
  assert.ok(before.equals(readFileSync(target)));
  await refused(() => ops.backup(join(dir, 'missing', 'copy.db')), { name: 'DatabaseError', code: 'ERR_DIRECTORY_MISSING' });
  assert.equal(existsSync(join(dir, 'missing')), false);
});

test('a backup opens as a database of its own', async () => {
  const { ops, dir } = await openClient();
  await ops.insertEvent(ev({ prompt: 'kept' }));
  await ops.backup(join(dir, 'copy.db'));
  const copy = await openClient({ dbPath: join(dir, 'copy.db') }, { sessions: [] });
  assert.deepEqual(await copy.ops.queryEvents(), await ops.queryEvents());
  assert.equal((await copy.ops.verifyStatistics()).ok, true);
});

test('checkpoint moves the log into the file; truncate leaves an empty log', async () => {
  const { ops, path } = await openClient();
  await ops.insertEventBatch(evs(200));
  const passive = await ops.checkpoint();
  assert.deepEqual(Object.keys(passive).sort(), ['busy', 'checkpointed', 'log']);
  assert.equal(passive.busy, false);
  for (const mode of ['full', 'restart', 'truncate']) assert.equal((await ops.checkpoint(mode)).busy, false, mode);
  assert.equal(statSync(`${path}-wal`).size, 0);
});

test('progress is told with counts that make sense', async () => {
  const { ops, dir } = await openClient();
  await ops.insertEventBatch(evs(2000, () => ({ streamData: 'x'.repeat(500) })));
  const told = [];
  const onProgress = (progress) => told.push(progress);
  await ops.backup(join(dir, 'b.db'), { onProgress });
  await ops.vacuum({ onProgress });
  await ops.reindex({ onProgress });
  await ops.analyze({ onProgress });
  for (const progress of told) {
    assert.deepEqual(Object.keys(progress).sort(), ['done', 'operation', 'total']);
    assert.ok(progress.done >= 0 && (progress.total === null || progress.done <= progress.total));
  }
});

test('writes issued during a vacuum wait for it and succeed', async () => {
  const { ops } = await openClient();
  await ops.insertEventBatch(evs(5000, () => ({ streamData: 'x'.repeat(300) })));
  await ops.deleteEvents({ limit: 4000 });
  const [, row] = await Promise.all([ops.vacuum(), ops.insertEvent(ev())]);
  assert.equal(row.id, 5001);
  assert.equal((await ops.queryEvents()).length, 1001);
});

test('a database behind a link keeps its log short, and the sizes are true', { skip: skipOnWindows }, async () => {
  const { dir, path, db } = await openClient();
  await db.close();
  symlinkSync(path, join(dir, 'link.db'));
  const { ops } = await openClient({ dbPath: join(dir, 'link.db') }, { dir });
  await ops.insertEventBatch(evs(20, () => ({ prompt: 'x'.repeat(300_000) })));
  const { walSizeBytes } = ops.getPerformanceMetrics();
  assert.ok(walSizeBytes > 4_194_304, `${walSizeBytes}`);
  await until(() => statSync(path).size > 4_194_304, { what: 'the checkpoint' });
});

for (const [what, pruneDays, begin, whole] of [
  ['a backup', 0, "backup(path + '.copy')", (dir) => foreign(join(dir, 't.db.copy'), 'SELECT count(*) AS n FROM telemetry_events')],
  ['an archive', 30, 'pruneOldData()', (dir, name) => gunzipSync(readFileSync(join(dir, name)))],
]) {
  test(`a process that is killed while it writes ${what} leaves none that looks whole`, { skip: skipOnWindows || skipWithoutPython }, async () => {
    const { dir, path, db, ops } = await openClient({}, { sessions: ['s1'] });
    await ops.insertEventBatch(evs(500, () => ({ prompt: randomBytes(15_000).toString('hex') })));
    await db.close();
    const before = readdirSync(dir);
    const child = start(`const path = ${JSON.stringify(path)};
      const db = new DrizzleTelemetryDB({ dbPath: path, archiveDir: ${JSON.stringify(dir)}, pruneDays: ${pruneDays} });
      console.log('begin');
      new DrizzleTelemetryOperations(db).${begin};`);
    await said(child, 'begin');
    const written = () => readdirSync(dir).filter((name) => !before.includes(name) && !/-(wal|shm)$/.test(name));
    const deadline = performance.now() + 10_000;
    while (written().length === 0 && performance.now() < deadline);
    child.kill('SIGKILL');
    await child.closed;
    for (const name of written().filter((it) => !it.includes('.partial-'))) await whole(dir, name);
  });
}
