// Worker threads, several processes, a lock held elsewhere, and a telemetry client on the same file: usage.md §4, README §9.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Database } from 'runledger/sqlite';
import * as usage from 'runledger/usage';
import { cleanUp, entry, ev, holdWriteLock, openClient, runJson, said, skipBusyThread, skipOnWindows, skipWithoutPython, start, tempDir, test } from './support.mjs';

afterEach(async () => {
  usage.closeDatabase();
  await cleanUp();
});

const usageEntry = new URL('../dist/usage.js', import.meta.url).href;

/** A worker thread of an ES module: Deno evaluates only scripts. */
function startWorker(code, workerData) {
  const file = join(tempDir(), 'worker.mjs');
  writeFileSync(file, code);
  return new Worker(file, { workerData });
}

/** Runs `code` in a worker thread of its own; its last expression is the answer. */
function inWorker(code, data) {
  const worker = startWorker(
    `import { parentPort, workerData } from 'node:worker_threads';
     const usage = await import(${JSON.stringify(usageEntry)});
     const runledger = await import(${JSON.stringify(entry)});
     const path = workerData.path;
     parentPort.postMessage(await (async () => { ${code} })());`,
    data,
  );
  return new Promise((resolve, reject) => {
    let answer;
    worker.on('message', (message) => { answer = message; });
    worker.on('error', reject);
    worker.on('exit', (code) => (code === 0 ? resolve(answer) : reject(new Error(`exit ${code}`))));
  });
}

const insertMany = `
  usage.initDatabase({ path, missingSession: 'create' });
  const failed = [];
  for (let i = 0; i < 50; i++) {
    if (usage.insertUsageSnapshot({ session_id: 'shared', snapshot_data: String(i) }) === null) failed.push(i);
    if (usage.insertUsageSnapshot({ session_id: \`own-\${Math.floor(i / 10)}-\${workerData?.name ?? process.pid}\`, snapshot_data: '' }) === null) failed.push(i);
  }
  usage.closeDatabase();
`;

test('each thread has a connection of its own: what one opens or closes is nothing to another', async () => {
  const path = join(tempDir(), 'u.db');
  usage.initDatabase({ path });
  const answer = await inWorker(`
    const before = usage.getUsageConfig();
    usage.initDatabase({ path });
    const after = usage.updateUsageConfig({ plan: 'max5' });
    usage.closeDatabase();
    return { before, after };`, { path });
  assert.deepEqual(answer, { before: null, after: true });
  assert.equal(usage.getUsageConfig().plan, 'max5');
  await inWorker("usage.initDatabase({ path: ':memory:' }); return 0;", { path }); // and left open
});

test('workers that write at once lose nothing', { timeout: 120_000 }, async () => {
  const path = join(tempDir(), 'u.db');
  const failed = await Promise.all(['a', 'b', 'c', 'd'].map((name) => inWorker(`${insertMany} return failed;`, { path, name })));
  assert.deepEqual(failed, [[], [], [], []]);
  usage.initDatabase({ path });
  assert.equal(usage.getUsageSnapshotsBySession('shared').length, 200);
  assert.equal(usage.getUsageSnapshots('', 1000).length, 400);
  assert.equal(usage.getConnection().prepare('SELECT count(*) FROM telemetry_sessions').pluck().get(), 1 + 4 * 5);
  assert.equal(usage.validateDatabase(), true);
});

test('processes that open a new file at once all succeed, and lose nothing', { timeout: 120_000 }, async () => {
  const path = join(tempDir(), 'u.db');
  const code = `
    const workerData = undefined;
    const usage = await import(${JSON.stringify(usageEntry)});
    const path = ${JSON.stringify(path)};
    ${insertMany}
    console.log(JSON.stringify(failed));`;
  const failed = await Promise.all(Array.from({ length: 4 }, () => runJson(code)));
  assert.deepEqual(failed, [[], [], [], []]);
  usage.initDatabase({ path });
  assert.equal(usage.getUsageSnapshots('', 1000).length, 400);
  assert.deepEqual(usage.getConnection().prepare('SELECT module, version FROM schema_migrations ORDER BY 1').all(),
    [{ module: 'telemetry', version: 1 }, { module: 'usage', version: 1 }]);
  assert.equal(usage.getConnection().prepare('SELECT count(*) FROM usage_config').pluck().get(), 1);
});

test('processes that take over a file of the older format at once all find every snapshot', { timeout: 120_000 }, async () => {
  const path = join(tempDir(), 'u.db');
  new Database(path).exec(`
    CREATE TABLE usage_config (id INTEGER PRIMARY KEY AUTOINCREMENT, plan TEXT, custom_limit_tokens INTEGER, view TEXT, timezone TEXT, time_format TEXT,
      theme TEXT, refresh_rate INTEGER, refresh_per_second REAL, reset_hour INTEGER, created_at INTEGER, updated_at INTEGER, is_active INTEGER);
    CREATE TABLE usage_snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, snapshot_data TEXT, snapshot_type TEXT, timestamp INTEGER);
    INSERT INTO usage_config (plan, is_active) VALUES ('max5', 1);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
      INSERT INTO usage_snapshots (session_id, snapshot_data, snapshot_type, timestamp) SELECT 's' || (i % 50), '{}', 'stats', 1700000000 + i FROM n`).close();
  const code = `
    const usage = await import(${JSON.stringify(usageEntry)});
    usage.initDatabase({ path: ${JSON.stringify(path)} });
    const rows = usage.getUsageSnapshots('', 10000, Infinity);
    console.log(JSON.stringify([rows.length, rows[0].timestamp, usage.getUsageConfig().plan, usage.validateDatabase()]));`;
  const found = await Promise.all(Array.from({ length: 4 }, () => runJson(code)));
  assert.deepEqual(found, Array(4).fill([5000, 1700005000000, 'max5', true]));
});

test('a telemetry client and usage write to one file in one process, and both are right', { timeout: 120_000 }, async () => {
  const path = join(tempDir(), 'u.db');
  const { db, ops } = await openClient({ dbPath: path }, { sessions: ['s1'] });
  usage.initDatabase({ path, missingSession: 'create' });
  const writes = [];
  for (let i = 0; i < 300; i++) {
    writes.push(ops.insertEvent(ev({ timestamp: 1_750_000_000_000 + i })));
    assert.ok(usage.insertUsageSnapshot({ session_id: i % 2 === 0 ? 's1' : `made-${i % 7}`, snapshot_data: `${i}` }), `${i}`);
    if (i % 10 === 0) await writes.at(-1);
    // A client knows what sessions there are; it must see those that were made meanwhile.
    if (i % 50 === 49) writes.push(ops.insertEvent(ev({ sessionId: `made-${i % 7}` })));
  }
  await Promise.all(writes);
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
  assert.equal((await ops.queryEvents({ limit: 1000 })).length, 306);
  await ops.deleteSession('s1');
  assert.deepEqual(usage.getUsageSnapshotsBySession('s1'), []);
  assert.equal(usage.getUsageSnapshots('', 1000).length, 150);
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
  assert.equal(usage.validateDatabase(), true);
  await db.close();
  assert.equal(usage.getUsageSnapshots('', 1000).length, 150, 'usage goes on when the client is closed');
});

test('a telemetry client sees a session that usage has made, and the other way round, at once', async () => {
  const path = join(tempDir(), 'u.db');
  const { ops } = await openClient({ dbPath: path }, { sessions: [] });
  usage.initDatabase({ path, missingSession: 'create' });
  assert.equal(await ops.getSession('x'), null);
  usage.insertUsageSnapshot({ session_id: 'x', snapshot_data: '' });
  assert.equal((await ops.getSession('x')).mode, 'unknown');
  await ops.createSession({ id: 'y', agentType: 'a', mode: 'm', startTime: 1 });
  assert.ok(usage.insertUsageSnapshot({ session_id: 'y', snapshot_data: '' }));
  assert.equal(usage.getConnection().prepare("SELECT agent_type FROM telemetry_sessions WHERE id = 'y'").pluck().get(), 'a');
  await ops.createSession({ id: 'x', agentType: 'claude', mode: 'code', startTime: 2 });
  assert.equal((await ops.getSession('x')).agentType, 'claude', 'whoever knows better says so later');
  assert.equal(usage.getUsageSnapshotsBySession('x').length, 1);
});

test('clearing telemetry clears its snapshots', async () => {
  const path = join(tempDir(), 'u.db');
  const { ops } = await openClient({ dbPath: path });
  usage.initDatabase({ path });
  usage.insertUsageSnapshot({ session_id: 's1', snapshot_data: '' });
  usage.updateUsageConfig({ plan: 'pro' });
  await ops.clearAllData();
  assert.deepEqual(usage.getUsageSnapshots(), []);
  assert.equal(usage.getUsageConfig().plan, 'pro');
  assert.equal(usage.validateDatabase(), true);
});

test('a lock of another process is awaited, then it is an error that is told; reading goes on', { skip: skipWithoutPython, timeout: 60_000 }, async () => {
  const errors = [];
  const path = join(tempDir(), 'u.db');
  usage.initDatabase({ path, missingSession: 'create', onError: (error) => errors.push(error) });
  usage.getConnection().pragma('busy_timeout = 200');
  const release = await holdWriteLock(path);
  assert.equal(usage.insertUsageSnapshot({ session_id: 's', snapshot_data: '' }), null);
  assert.equal(usage.updateUsageConfig({ plan: 'pro' }), false);
  assert.equal(usage.resetUsageConfig(), false);
  assert.equal(usage.deleteOldUsageSnapshots(), 0);
  assert.deepEqual(errors.map(({ code, extendedCode }) => [code, extendedCode]), Array(4).fill(['USAGE_WRITE_FAILED', 'SQLITE_BUSY']));
  assert.equal(usage.getUsageConfig().plan, 'custom');
  assert.deepEqual(usage.getUsageSnapshots(), []);
  assert.equal(usage.validateDatabase(), true);
  await assert.rejects(usage.rollbackMigrations(), { name: 'SqliteError', code: 'SQLITE_BUSY' });
  await release();
  assert.ok(usage.updateUsageConfig({ plan: 'pro' }));
  assert.ok(usage.insertUsageSnapshot({ session_id: 's', snapshot_data: '' }));
});

test('a file in which nothing is to be done opens while another process holds the write lock; a new one waits', { skip: skipWithoutPython, timeout: 60_000 }, async () => {
  const path = join(tempDir(), 'u.db');
  usage.initDatabase({ path });
  usage.closeDatabase();
  const release = await holdWriteLock(path);
  const began = performance.now();
  usage.initDatabase({ path });
  assert.equal(usage.getUsageConfig().plan, 'custom');
  assert.ok(performance.now() - began < 3000);
  usage.closeDatabase();
  await release();
  const empty = join(tempDir(), 'u.db');
  const unlock = await holdWriteLock(empty);
  assert.throws(() => usage.initDatabase({ path: empty }), { code: 'USAGE_OPEN_FAILED', extendedCode: 'SQLITE_BUSY' });
  await unlock();
  usage.initDatabase({ path: empty });
  assert.equal(usage.getMigrationStatus().currentVersion, 1);
});

test('a process that exits with the file open ends by itself, with everything written', async () => {
  const path = join(tempDir(), 'u.db');
  const answer = await runJson(`
    const usage = await import(${JSON.stringify(usageEntry)});
    usage.initDatabase({ path: ${JSON.stringify(path)}, missingSession: 'create' });
    console.log(JSON.stringify(usage.insertUsageSnapshot({ session_id: 's', snapshot_data: '' }).id));`);
  assert.equal(answer, 1);
  usage.initDatabase({ path });
  assert.equal(usage.getUsageSnapshots().length, 1);
});

test('a process that is killed in the middle of its writes has lost none that it was told of', { skip: skipOnWindows }, async () => {
  const path = join(tempDir(), 'u.db');
  const child = start(`
    const { writeSync } = await import('node:fs');
    const usage = await import(${JSON.stringify(usageEntry)});
    usage.initDatabase({ path: ${JSON.stringify(path)}, missingSession: 'create' });
    for (;;) {
      const { id } = usage.insertUsageSnapshot({ session_id: 's', snapshot_data: 'x'.repeat(1000) });
      writeSync(1, id + '\\n');
    }`);
  await said(child, '\n200\n');
  child.kill('SIGKILL');
  const { stdout } = await child.closed;
  const told = stdout.split('\n').slice(0, -1).map(Number);
  usage.initDatabase({ path });
  const stored = new Set(usage.getUsageSnapshotsBySession('s').map(({ id }) => id));
  assert.deepEqual(told.filter((id) => !stored.has(id)), []);
  assert.ok(stored.size - told.length <= 1 && told.length >= 200);
  assert.equal(usage.validateDatabase(), true);
});

test('a worker that is terminated in the middle of its writes leaves no lock and no half of anything', { skip: skipBusyThread }, async () => {
  const path = join(tempDir(), 'u.db');
  usage.initDatabase({ path });
  for (let i = 0; i < 5; i++) {
    const worker = startWorker(
      `import { parentPort, workerData } from 'node:worker_threads';
       const usage = await import(${JSON.stringify(usageEntry)});
       usage.initDatabase({ path: workerData, missingSession: 'create' });
       for (let n = 0; ; n++) {
         usage.insertUsageSnapshot({ session_id: 'w' + n, snapshot_data: '' });
         if (n === 20) parentPort.postMessage('going');
       }`,
      path,
    );
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    await worker.terminate();
    assert.equal(usage.updateUsageConfig({ refresh_rate: i + 1 }), true);
  }
  const db = usage.getConnection();
  assert.equal(db.prepare('SELECT count(*) FROM telemetry_sessions WHERE id NOT IN (SELECT session_id FROM usage_snapshots)').pluck().get(), 0,
    'a session without the snapshot that it was made for');
  assert.equal(usage.validateDatabase(), true);
});
