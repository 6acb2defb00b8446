// Opening, closing, paths, instances: telemetry.md §3, §4; E1, E24, E25.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as runledger from '../index.js';
import {
  checkError, cleanUp, ev, evs, foreign, isBun, openClient, run, runJson, said, session, skipOnWindows,
  skipWithoutPython, start, tempDir, test, track, until,
} from './support.mjs';

const { DrizzleTelemetryDB, DrizzleTelemetryOperations } = runledger;
afterEach(cleanUp);

const TABLES = ['telemetry_audit_log', 'telemetry_buffers', 'telemetry_errors', 'telemetry_events', 'telemetry_schema_versions',
  'telemetry_sessions', 'telemetry_stats', 'telemetry_validation_rules'];

const basicSetup = `
const db = new DrizzleTelemetryDB({ dbPath: '.vibekit/telemetry.db', enableWAL: true, enableForeignKeys: true, pruneDays: 30 });
await db.initialize();
const operations = new DrizzleTelemetryOperations(db);
`;

const filesBelow = (dir) => readdirSync(dir, { recursive: true }).map(String).sort();

test('E01a Basic Setup in an empty directory makes the file, is silent, and the process ends by itself', async () => {
  const cwd = tempDir();
  const { code, stdout, stderr } = await run(basicSetup, { cwd });
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
  assert.ok(existsSync(join(cwd, '.vibekit', 'telemetry.db')));
});

test('E01b Basic Setup creates the eight tables and one journal row', { skip: skipWithoutPython }, async () => {
  const cwd = tempDir();
  await run(basicSetup + 'await db.close();', { cwd });
  const file = join(cwd, '.vibekit', 'telemetry.db');
  const tables = await foreign(file, "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'telemetry%' ORDER BY name");
  assert.deepEqual(tables.map((table) => table.name), TABLES);
  assert.deepEqual(await foreign(file, 'SELECT module, version, name, destructive FROM schema_migrations'),
    [{ module: 'telemetry', version: 1, name: 'telemetry_schema', destructive: 0 }]);
  const [version] = await foreign(file, 'SELECT version, is_active, metadata FROM telemetry_schema_versions');
  assert.equal(version.version, '1.0.0');
  const metadata = JSON.parse(version.metadata);
  assert.match(metadata.checksum, /^sql:[0-9a-f]{64}$/);
  assert.deepEqual({ ...metadata, checksum: '' }, { migration: 1, name: 'telemetry_schema', checksum: '', adoptedFrom: null });
});

for (const [environment, file] of [['test', 'telemetry-test.db'], ['development', 'telemetry-dev.db'], ['production', 'telemetry.db']]) {
  test(`E01c NODE_ENV=${environment} keeps its data in .vibekit/${file}, also with the default path spelled out`, async () => {
    const cwd = tempDir();
    await run(basicSetup + 'await db.close();', { cwd, env: { NODE_ENV: environment } });
    assert.deepEqual(readdirSync(join(cwd, '.vibekit')), [file]);
    const bare = tempDir();
    await run('const db = new DrizzleTelemetryDB(); await db.initialize(); await db.close();', { cwd: bare, env: { NODE_ENV: environment } });
    assert.deepEqual(readdirSync(join(bare, '.vibekit')), [file]);
  });
}

test('E01d VIBEKIT_DB_PATH names the file when dbPath is absent, in directories that are made for it', async () => {
  const cwd = tempDir();
  const target = join(tempDir(), 'deep', 'er', 'v.db');
  await run('const db = new DrizzleTelemetryDB({ dbPath: undefined }); await db.initialize();', { cwd, env: { VIBEKIT_DB_PATH: target } });
  assert.ok(existsSync(target));
  assert.deepEqual(filesBelow(cwd), [], 'nothing appears in the working directory');
});

test('E01e a dbPath that is given wins over VIBEKIT_DB_PATH; an empty VIBEKIT_DB_PATH counts as not set', async () => {
  const cwd = tempDir();
  const other = join(tempDir(), 'v.db');
  await run("const db = new DrizzleTelemetryDB({ dbPath: 'own.db' }); await db.initialize(); await db.close();", { cwd, env: { VIBEKIT_DB_PATH: other } });
  assert.ok(existsSync(join(cwd, 'own.db')));
  assert.equal(existsSync(other), false);
  await run('const db = new DrizzleTelemetryDB(); await db.initialize(); await db.close();', { cwd, env: { VIBEKIT_DB_PATH: '' } });
  assert.ok(existsSync(join(cwd, '.vibekit', 'telemetry.db')));
});

test('E24a testConfig, in memory without foreign keys: no file, an orphan event is kept, a second client sees nothing', async () => {
  const cwd = tempDir();
  const result = await runJson(`
    const testConfig = { dbPath: ':memory:', enableForeignKeys: false, streamBatchSize: 10 };
    const ops = new DrizzleTelemetryOperations(new DrizzleTelemetryDB(testConfig));
    const stored = await ops.insertEvent(ev({ sessionId: 'ghost' }));
    const other = new DrizzleTelemetryOperations(new DrizzleTelemetryDB(testConfig));
    const registered = getTelemetryDB(testConfig) === getTelemetryDB(testConfig);
    console.log(JSON.stringify({ stored: stored.id, mine: (await ops.queryEvents()).length, theirs: await other.queryEvents(), registered }));
    await ops.close();
  `, { cwd });
  assert.deepEqual(result, { stored: 1, mine: 1, theirs: [], registered: false });
  assert.deepEqual(filesBelow(cwd), []);
});

test('E24b devConfig and prodConfig construct without touching a file, and getConfig() gives their values back', async () => {
  const cwd = tempDir();
  const result = await runJson(`
    const devConfig = { dbPath: './dev-telemetry.db', enableQueryLogging: true, streamBatchSize: 25, pruneDays: 7 };
    const prodConfig = { dbPath: '/var/lib/vibekit/telemetry.db', enableQueryLogging: false, streamBatchSize: 200, pruneDays: 90, maxSizeMB: 1000 };
    console.log(JSON.stringify([devConfig, prodConfig].map((config) => {
      const got = new DrizzleTelemetryDB(config).getConfig();
      return Object.keys(config).filter((key) => got[key] !== config[key]);
    })));
  `, { cwd });
  assert.deepEqual(result, [[], []]);
  assert.deepEqual(filesBelow(cwd), []);
});

test('E24c an in-memory database is gone after close()', async () => {
  const { db, ops } = await openClient({ dbPath: ':memory:' });
  await ops.insertEvent(ev());
  await db.close();
  assert.deepEqual(await ops.queryEvents(), []);
  assert.deepEqual(await ops.querySessions(), []);
});

test('getConfig() is a copy with every default filled in, and keeps keys it does not know', () => {
  const dbPath = join(tempDir(), 'c.db');
  const db = new DrizzleTelemetryDB({ dbPath, pruneDays: undefined, poolSize: 2, mine: 'kept' });
  const expected = { dbPath, pruneDays: 30, streamBatchSize: 50, streamFlushIntervalMs: 1000, maxSizeMB: 100, onSizeLimit: 'warn',
    enableWAL: true, journalMode: 'auto', durability: 'normal', enableForeignKeys: true, poolSize: 2, queryTimeoutMs: 30000,
    enableQueryLogging: false, debug: false, enableMetrics: true, slowQueryThresholdMs: 100, metadataFormat: 'text',
    autoCreateSessions: false, audit: 'sessions', auditRetentionDays: 365, mine: 'kept' };
  const got = db.getConfig();
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(got[key], value, key);
  got.poolSize = 64;
  got.dbPath = 'elsewhere.db';
  assert.equal(db.getConfig().poolSize, 2, 'the copy is not the setting');
  assert.equal(existsSync(dbPath), false, 'the constructor touches no file');
});

test('null and no configuration at all are the defaults', () => {
  for (const db of [new DrizzleTelemetryDB(), new DrizzleTelemetryDB(null), new DrizzleTelemetryDB({})]) {
    assert.equal(db.getConfig().streamBatchSize, 50);
  }
});

test('E25a getTelemetryDB gives one client per file however the path is spelled, until closeTelemetryDB forgets it', async () => {
  const cwd = tempDir();
  const result = await runJson(`
    import { join } from 'node:path';
    const first = getTelemetryDB({ dbPath: 'x.db' });
    const same = first === getTelemetryDB({ dbPath: './x.db' }) && first === getTelemetryDB({ dbPath: join(process.cwd(), 'x.db') });
    const initialized = first === await initializeTelemetryDB({ dbPath: 'x.db', poolSize: 1 });
    const viaOperations = new DrizzleTelemetryOperations({ dbPath: 'x.db' }).dbManager === first;
    await first.close();
    const afterClose = first === getTelemetryDB({ dbPath: 'x.db' });
    await closeTelemetryDB('./x.db');
    const second = getTelemetryDB({ dbPath: 'x.db' });
    await closeTelemetryDB('unknown.db');
    const stillSecond = second === getTelemetryDB({ dbPath: 'x.db' });
    await second.initialize();
    await closeTelemetryDB();
    console.log(JSON.stringify({ same, initialized, viaOperations, afterClose, other: first !== second, stillSecond,
      healthy: await second.healthCheck(), third: getTelemetryDB({ dbPath: 'x.db' }) !== second, poolSize: first.getConfig().poolSize }));
  `, { cwd });
  assert.deepEqual(result, { same: true, initialized: true, viaOperations: true, afterClose: true, other: true, stillSecond: true,
    healthy: false, third: true, poolSize: 5 });
});

test('E25b under NODE_ENV=test, temporary files get a client each', { skip: skipOnWindows }, async () => {
  const result = await runJson(`
    console.log(JSON.stringify({
      tmp: getTelemetryDB({ dbPath: '/tmp/runledger-none/a.db' }) === getTelemetryDB({ dbPath: '/tmp/runledger-none/a.db' }),
      marked: getTelemetryDB({ dbPath: 'x/vibekit-test-1.db' }) === getTelemetryDB({ dbPath: 'x/vibekit-test-1.db' }),
      other: getTelemetryDB({ dbPath: 'x/a.db' }) === getTelemetryDB({ dbPath: 'x/a.db' }),
    }));
  `, { cwd: tempDir(), env: { NODE_ENV: 'test' } });
  assert.deepEqual(result, { tmp: false, marked: false, other: true });
});

test('E25c three concurrent initialize() open one connection', async () => {
  const { db } = await openClient({}, { sessions: [] });
  await Promise.all([db.initialize(), db.initialize(), db.initialize()]);
  await db.initialize();
  assert.equal(db.getMetrics().connectionCount, 1);
});

test('E25d close() twice leaves no -wal and no -shm, and the next call opens again', async () => {
  const { db, ops, path } = await openClient();
  await ops.insertEvent(ev());
  assert.equal(await db.close(), undefined);
  assert.equal(await db.close(), undefined);
  assert.equal(existsSync(`${path}-wal`), false);
  assert.equal(existsSync(`${path}-shm`), false);
  assert.equal((await ops.queryEvents()).length, 1);
  assert.equal(db.getMetrics().connectionCount, 2);
});

test('E25e getDB() with its SIGTERM handler: the file is closed and the process ends', { skip: skipOnWindows }, async () => {
  const cwd = tempDir();
  const script = start(`
    let dbInstance;
    function getDB() {
      if (!dbInstance) dbInstance = new DrizzleTelemetryDB();
      return dbInstance;
    }
    const application = setInterval(() => {}, 1000);
    process.on('SIGTERM', async () => {
      await dbInstance?.close();
      clearInterval(application);
    });
    const ops = new DrizzleTelemetryOperations(getDB());
    await ops.createSession(session());
    await ops.insertEvent(ev());
    console.log('ready');
  `, { cwd, timeLimit: 20_000 });
  await said(script, 'ready');
  script.kill('SIGTERM');
  const { code, signal, stderr, timedOut } = await script.closed;
  assert.deepEqual({ code, signal, stderr, timedOut }, { code: 0, signal: null, stderr: '', timedOut: false });
  assert.deepEqual(readdirSync(join(cwd, '.vibekit')), ['telemetry.db'], 'no -wal, no -shm');
});

test('healthCheck() is false before opening and after close(), true between, and opens nothing', async () => {
  const { db, ops, path } = await openClient({}, { sessions: [] });
  assert.equal(await db.healthCheck(), false);
  assert.equal(await ops.getHealthStatus(), false);
  assert.equal(existsSync(path), false);
  await db.initialize();
  assert.equal(await db.healthCheck(), true);
  assert.equal(await ops.getHealthStatus(), true);
  await db.close();
  assert.equal(await db.healthCheck(), false);
});

test('close() waits for the writes issued before it', async () => {
  const { db, ops } = await openClient();
  const writes = evs(200, (i) => ({ prompt: `w${i}` })).map((event) => ops.insertEvent(event));
  await db.close();
  assert.equal((await Promise.allSettled(writes)).filter((write) => write.status === 'fulfilled').length, 200);
  assert.equal((await ops.queryEvents()).length, 200);
});

test('asyncDispose closes, on both classes', async () => {
  const { db, ops, path } = await openClient();
  await ops[Symbol.asyncDispose]();
  assert.equal(existsSync(`${path}-wal`), false);
  assert.equal(await db.healthCheck(), false);
  await db.initialize();
  await db[Symbol.asyncDispose]();
  assert.equal(await db.healthCheck(), false);
});

test('an operations object owns dbManager and nothing else', async () => {
  const { db, ops } = await openClient({}, { sessions: [] });
  assert.deepEqual(Object.keys(ops), ['dbManager']);
  assert.equal(ops.dbManager, db);
  assert.equal('db' in ops, false);
});

test('a path that cannot be opened is a connection error with its cause, and the next call tries again', async () => {
  const dir = tempDir();
  const blocked = join(dir, 'blocked');
  writeFileSync(blocked, 'a file where a directory is needed');
  const db = track(new DrizzleTelemetryDB({ dbPath: join(blocked, 't.db') }));
  const ops = new DrizzleTelemetryOperations(db);
  const failure = await db.initialize().then(() => assert.fail('opened'), (e) => e);
  assert.equal(failure.name, 'DrizzleTelemetryConnectionError');
  assert.ok(failure instanceof runledger.DrizzleTelemetryError);
  assert.match(failure.message, /^Failed to initialize telemetry database: ./);
  assert.match(failure.code, /^(SQLITE_[A-Z]+|CONNECTION_ERROR)$/);
  assert.ok(failure.cause, 'the reason is kept');
  assert.equal(await db.healthCheck(), false);
  rmSync(blocked);
  await ops.createSession(session());
  assert.equal((await ops.querySessions()).length, 1);
});

test('a file that is no database is refused as SQLITE_NOTADB and left as it was', async () => {
  const path = join(tempDir(), 't.db');
  writeFileSync(path, 'this is not a database, it is a text that somebody needs\n'.repeat(50));
  const before = readFileSync(path);
  const ops = new DrizzleTelemetryOperations(track(new DrizzleTelemetryDB({ dbPath: path })));
  const error = await ops.queryEvents().then(() => assert.fail('opened'), (e) => e);
  checkError(error, { name: 'DrizzleTelemetryConnectionError', code: 'SQLITE_NOTADB', message: /^Failed to initialize telemetry database: / });
  assert.ok(before.equals(readFileSync(path)));
  assert.deepEqual(readdirSync(join(path, '..')), ['t.db']);
});

test('two clients on one file in one process see each other\'s commits', async () => {
  const { ops, dir } = await openClient();
  const { ops: other } = await openClient({}, { sessions: [], dir });
  await ops.insertEvent(ev({ prompt: 'mine' }));
  await other.insertEvent(ev({ prompt: 'yours' }));
  assert.deepEqual((await ops.queryEvents()).map((event) => event.prompt), ['yours', 'mine']);
  assert.equal((await other.getSession('s1')).eventCount, 2);
});

test('a relative path belongs to the working directory at construction', async () => {
  const cwd = tempDir();
  const elsewhere = tempDir();
  await run(`
    const db = new DrizzleTelemetryDB({ dbPath: 'here.db' });
    process.chdir(${JSON.stringify(elsewhere)});
    await db.initialize();
    await db.close();
  `, { cwd });
  assert.deepEqual(readdirSync(cwd), ['here.db']);
  assert.deepEqual(readdirSync(elsewhere), []);
});

test('journalMode "delete" and enableWAL: false really keep a rollback journal', { skip: skipWithoutPython }, async () => {
  for (const config of [{ journalMode: 'delete' }, { enableWAL: false }]) {
    const { db, ops, path } = await openClient(config);
    await ops.insertEvent(ev());
    assert.equal(db.getMetrics().journalMode, 'delete');
    assert.deepEqual(await foreign(path, 'PRAGMA journal_mode'), [{ journal_mode: 'delete' }]);
  }
});

test('eight processes that open the same new file at once all succeed, with one journal row', { skip: skipWithoutPython }, async () => {
  const cwd = tempDir();
  const results = await Promise.all(Array.from({ length: 8 }, (_, i) => run(`
    const ops = new DrizzleTelemetryOperations(new DrizzleTelemetryDB({ dbPath: 'shared.db' }));
    await ops.createSession(session({ id: 'p${i}' }));
    await ops.close();
  `, { cwd })));
  assert.deepEqual(results.map((result) => result.code), Array(8).fill(0), results.map((result) => result.stderr).join('\n'));
  assert.deepEqual(await foreign(join(cwd, 'shared.db'), 'SELECT count(*) AS n FROM schema_migrations'), [{ n: 1 }]);
  assert.deepEqual(await foreign(join(cwd, 'shared.db'), 'SELECT count(*) AS n FROM telemetry_sessions'), [{ n: 8 }]);
});

test('a worker thread opens its own client and its idle timers do not keep the process alive', { skip: isBun && 'worker termination differs' }, async () => {
  const cwd = tempDir();
  const { code, stderr } = await run(`
    import { Worker, isMainThread } from 'node:worker_threads';
    const ops = new DrizzleTelemetryOperations(new DrizzleTelemetryDB({ dbPath: 'w.db' }));
    const id = isMainThread ? 'main' : 'worker';
    await ops.createSession(session({ id }));
    await ops.insertEvent(ev({ sessionId: id }));
    if (isMainThread) await new Promise((resolve, reject) => new Worker(new URL(import.meta.url)).on('exit', resolve).on('error', reject));
    if (isMainThread && (await ops.queryEvents()).length !== 2) process.exitCode = 9;
  `, { cwd });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
});

for (const [what, lose] of [
  ['deleted', (path) => { for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix); }],
  ['replaced by a copy', (path) => renameSync(`${path}.copy`, path)],
]) {
  test(`writes to a file that was ${what} while it was open are refused, until it is opened again`, { skip: skipOnWindows }, async () => {
    const { ops, path } = await openClient();
    await ops.backup(`${path}.copy`);
    lose(path);
    const error = await until(() => ops.createSession(session({ id: 's2' })).then(() => undefined, (e) => e), { what: 'the refusal' });
    checkError(error, { name: 'DatabaseError', code: 'SQLITE_READONLY', extendedCode: 'SQLITE_READONLY_DBMOVED',
      message: /deleted, moved or replaced while it was open/ });
    await ops.close();
    await ops.createSession(session({ id: 's3' }));
    assert.ok((await ops.querySessions()).some(({ id }) => id === 's3'));
  });
}
