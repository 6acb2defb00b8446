// Settings and snapshots: usage.md §3, §4 and U1 to U10.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Database } from 'runledger/sqlite';
import * as usage from 'runledger/usage';
import { MigrationRunner } from 'runledger/usage/migrations';
import { cleanUp, DAY, listener, openClient, random, recent, root, runJson, sameRow, tempDir, test, track } from './support.mjs';

/** For scripts outside of the package. */
const usageEntry = JSON.stringify(new URL('../dist/usage.js', import.meta.url).href);

afterEach(async () => {
  usage.closeDatabase();
  await cleanUp();
});

/** The file of U1, with the errors that were told. */
function init(options = {}) {
  const errors = [];
  const path = join(tempDir(), 'u.db');
  usage.initDatabase({ path, onError: (error, operation) => errors.push([error, operation]), ...options });
  return { path, errors };
}

const sql = (text, ...values) => usage.getConnection().prepare(text).all(...values);
const addSession = (id) =>
  usage.getConnection().prepare("INSERT INTO telemetry_sessions (id, agent_type, mode, start_time) VALUES (?, 'claude', 'code', 1)").run(id);

const defaults = {
  id: 1, plan: 'custom', custom_limit_tokens: null, view: 'realtime', timezone: 'auto', time_format: 'auto', theme: 'auto',
  refresh_rate: 10, refresh_per_second: 0.75, reset_hour: null,
};

test('the sub-paths export the names of the contract and no other, imported or required', () => {
  const require = createRequire(import.meta.url);
  const names = ['initDatabase', 'closeDatabase', 'getConnection', 'getUsageConfig', 'updateUsageConfig', 'resetUsageConfig', 'insertUsageSnapshot',
    'getUsageSnapshots', 'getUsageSnapshotsBySession', 'deleteOldUsageSnapshots', 'getMigrationRunner', 'getMigrationStatus', 'runMigrations',
    'rollbackMigrations', 'validateDatabase', 'UsageError', 'MigrationError', 'RunledgerError'];
  assert.deepEqual(Object.keys(usage).filter((name) => name !== 'default').sort(), names.sort());
  for (const name of names) assert.equal(require('runledger/usage')[name], usage[name], name);
  assert.equal(require('runledger/usage/migrations').MigrationRunner, MigrationRunner);
  assert.equal(Object.getPrototypeOf(usage.UsageError), usage.RunledgerError);
});

test('U1 a new file is in version 1, and nothing is printed', async () => {
  const path = join(tempDir(), 'new/u.db');
  const status = await runJson(`
    const usage = await import(${usageEntry});
    usage.initDatabase({ path: ${JSON.stringify(path)} });
    console.log(JSON.stringify(usage.getMigrationStatus()));`);
  const [applied] = status.appliedMigrations;
  recent(applied.applied_at);
  assert.ok(Math.abs(Date.now() - applied.applied_at) < 10_000);
  assert.deepEqual(status, {
    currentVersion: 1, latestVersion: 1, pendingCount: 0, pendingMigrations: [],
    appliedMigrations: [{ version: 1, name: 'add_usage_tracking_tables', applied_at: applied.applied_at }],
  });
  init();
  assert.ok(Math.abs(Date.now() - usage.getMigrationStatus().appliedMigrations[0].applied_at) < 1000);
});

test('U2 the row of defaults', () => {
  init();
  const config = usage.getUsageConfig();
  recent(config.created_at);
  sameRow(config, { ...defaults, created_at: config.created_at, updated_at: config.created_at });
});

test('U3 an update changes what is given, and updated_at moves; by SQL, too', () => {
  init();
  const before = usage.getUsageConfig();
  assert.equal(usage.updateUsageConfig({ plan: 'pro', refresh_rate: 30, theme: 'dark' }), true);
  const after = usage.getUsageConfig();
  assert.ok(after.updated_at >= after.created_at);
  sameRow(after, { ...before, plan: 'pro', refresh_rate: 30, theme: 'dark', updated_at: after.updated_at });
  sql('UPDATE usage_config SET updated_at = 1 RETURNING 1');
  sql("UPDATE usage_config SET theme = 'light' RETURNING 1");
  recent(usage.getUsageConfig().updated_at);
});

test('every setting can be set, null clears what may be empty, and undefined leaves alone', () => {
  init();
  const all = { plan: 'max20', custom_limit_tokens: 5_000_000, view: 'monthly', timezone: 'Europe/Berlin', time_format: '12h', theme: 'classic',
    refresh_rate: 60, refresh_per_second: 20, reset_hour: 23 };
  assert.equal(usage.updateUsageConfig(all), true);
  assert.deepEqual({ ...usage.getUsageConfig(), ...all }, usage.getUsageConfig());
  assert.equal(usage.updateUsageConfig({ custom_limit_tokens: null, reset_hour: null, plan: undefined, id: 7, created_at: 1, is_active: 0 }), true);
  const { custom_limit_tokens, reset_hour, plan, id } = usage.getUsageConfig();
  assert.deepEqual([custom_limit_tokens, reset_hour, plan, id], [null, null, 'max20', 1]);
  assert.equal(usage.updateUsageConfig({ refresh_per_second: 0.1, refresh_rate: 1, reset_hour: 0 }), true);
});

test('U4 a reset restores the defaults, also where no row is active', () => {
  init();
  const { created_at } = usage.getUsageConfig();
  usage.updateUsageConfig({ plan: 'pro', custom_limit_tokens: 5, reset_hour: 3 });
  assert.equal(usage.resetUsageConfig(), true);
  const reset = usage.getUsageConfig();
  sameRow(reset, { ...defaults, created_at, updated_at: reset.updated_at });
  sql('DELETE FROM usage_config RETURNING 1');
  assert.equal(usage.getUsageConfig(), null);
  assert.equal(usage.updateUsageConfig({ plan: 'pro' }), false);
  assert.equal(usage.resetUsageConfig(), true);
  assert.equal(usage.getUsageConfig().plan, 'custom');
});

test('U5 a snapshot is stored as it is answered, and old ones are found by session', () => {
  init();
  addSession('s1');
  const stored = usage.insertUsageSnapshot({ session_id: 's1', snapshot_data: '{}', timestamp: 1700000000123 });
  sameRow(stored, { id: 1, session_id: 's1', snapshot_data: '{}', snapshot_type: 'stats', timestamp: 1700000000123 });
  assert.deepEqual(usage.getUsageSnapshots(), []);
  assert.deepEqual(usage.getUsageSnapshotsBySession('s1'), [stored]);
  assert.deepEqual(usage.getUsageSnapshots('s1', 10, Infinity), [stored]);
});

test('U6 a snapshot of an unknown session is refused, or its session is made', async () => {
  const { path, errors } = init();
  assert.equal(usage.insertUsageSnapshot({ session_id: 'ghost', snapshot_data: '{}' }), null);
  assert.equal(errors.length, 1);
  const [[error, operation]] = errors;
  assert.ok(error instanceof usage.UsageError && error instanceof usage.RunledgerError);
  assert.deepEqual([error.name, error.code, error.operation, operation], ['UsageError', 'USAGE_SESSION_NOT_FOUND', 'insertUsageSnapshot', 'insertUsageSnapshot']);
  assert.deepEqual(error.details, { sessionId: 'ghost' });
  assert.deepEqual(sql('SELECT * FROM telemetry_sessions'), []);
  usage.closeDatabase();
  usage.initDatabase({ path, missingSession: 'create' });
  const snapshot = usage.insertUsageSnapshot({ session_id: 'ghost', snapshot_data: '{}', timestamp: 1700000000123.9 });
  assert.equal(snapshot.timestamp, 1700000000123);
  assert.deepEqual(sql('SELECT id, agent_type, mode, status, start_time, end_time, event_count FROM telemetry_sessions'),
    [{ id: 'ghost', agent_type: 'unknown', mode: 'unknown', status: 'active', start_time: 1700000000123, end_time: null, event_count: 0 }]);
  const { ops } = await openClient({ dbPath: path }, { sessions: [] });
  assert.equal((await ops.getSession('ghost')).agentType, 'unknown');
  assert.equal((await ops.getAuditTrail('telemetry_sessions', 'ghost'))[0].operation, 'INSERT');
});

test('a session is made in the file also where a temporary table has the name of a table of telemetry', () => {
  init({ missingSession: 'create' });
  for (const name of ['sessions', 'events', 'audit_log']) usage.getConnection().exec(`CREATE TEMP TABLE telemetry_${name} (x)`);
  assert.notEqual(usage.insertUsageSnapshot({ session_id: 'ghost', snapshot_data: '{}' }), null);
  assert.equal(sql('SELECT * FROM main.telemetry_sessions').length, 1);
});

test('U7 of two snapshots at one time the later one comes first', () => {
  init();
  addSession('s1');
  const timestamp = Date.now();
  for (const snapshot_data of ['a', 'b']) usage.insertUsageSnapshot({ session_id: 's1', snapshot_data, timestamp });
  assert.deepEqual(usage.getUsageSnapshots().map(({ id }) => id), [2, 1]);
  assert.deepEqual(usage.getUsageSnapshots(undefined, 1).map(({ id }) => id), [2]);
  assert.deepEqual(usage.getUsageSnapshotsBySession('s1').map(({ id }) => id), [2, 1]);
});

test('U8 snapshots go with their session, and follow it when it is renamed', async () => {
  const { path } = init();
  const { ops } = await openClient({ dbPath: path }, { sessions: ['s1', 's2'] });
  for (const session_id of ['s1', 's2']) usage.insertUsageSnapshot({ session_id, snapshot_data: '' });
  await ops.updateSession('s2', { id: 's3' });
  await ops.deleteSession('s1');
  assert.deepEqual(usage.getUsageSnapshots().map(({ session_id }) => session_id), ['s3']);
  assert.equal(usage.validateDatabase(), true);
});

test('U9 a rollback drops the usage tables alone, and they come back', async () => {
  const { errors } = init();
  addSession('s1');
  await usage.rollbackMigrations();
  assert.equal(usage.getMigrationStatus().currentVersion, 0);
  assert.deepEqual(sql("SELECT name FROM sqlite_schema WHERE name LIKE '%usage%'"), []);
  assert.equal(sql('SELECT * FROM telemetry_sessions').length, 1);
  assert.deepEqual(sql('SELECT module, version FROM schema_migrations'), [{ module: 'telemetry', version: 1 }]);
  assert.equal(usage.validateDatabase(), true);
  assert.equal(usage.getUsageConfig(), null);
  assert.deepEqual([errors.length, errors[0][0].code], [1, 'USAGE_QUERY_FAILED']);
  await usage.runMigrations();
  assert.equal(usage.getMigrationStatus().currentVersion, 1);
  assert.equal(usage.getUsageConfig().plan, 'custom');
});

test('only the active row is changed and reset; a row that is not active stays, and does not stand in for one that is', () => {
  init();
  sql("INSERT INTO usage_config (plan, theme, is_active) VALUES ('max5', 'dark', 0) RETURNING 1");
  const kept = sql('SELECT * FROM usage_config WHERE id = 2');
  assert.equal(usage.updateUsageConfig({ plan: 'pro' }), true);
  assert.equal(usage.resetUsageConfig(), true);
  assert.equal(usage.getUsageConfig().id, 1);
  assert.deepEqual(sql('SELECT * FROM usage_config WHERE id = 2'), kept);
  sql('DELETE FROM usage_config WHERE id = 1 RETURNING 1');
  assert.deepEqual([usage.getUsageConfig(), usage.updateUsageConfig({ plan: 'pro' })], [null, false]);
  assert.equal(usage.resetUsageConfig(), true);
  const { created_at, updated_at, ...added } = usage.getUsageConfig();
  assert.deepEqual(added, { ...defaults, id: 3 });
  recent(created_at);
  recent(updated_at);
  assert.deepEqual(sql('SELECT * FROM usage_config WHERE id = 2'), kept);
});

/** A file of the usage-tracking server. */
function olderFile(path) {
  const db = new Database(path);
  db.exec(`
    CREATE TABLE events (id INTEGER PRIMARY KEY, session_id TEXT NOT NULL);
    INSERT INTO events (session_id) VALUES ('a'), ('a');
    CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL);
    CREATE INDEX idx_schema_migrations_applied_at ON schema_migrations(applied_at);
    CREATE TABLE usage_config (id INTEGER PRIMARY KEY AUTOINCREMENT, plan TEXT NOT NULL DEFAULT 'custom', custom_limit_tokens INTEGER,
      view TEXT NOT NULL DEFAULT 'realtime', timezone TEXT NOT NULL DEFAULT 'auto', time_format TEXT NOT NULL DEFAULT 'auto',
      theme TEXT NOT NULL DEFAULT 'auto', refresh_rate INTEGER NOT NULL DEFAULT 10, refresh_per_second REAL NOT NULL DEFAULT 0.75,
      reset_hour INTEGER, created_at INTEGER NOT NULL DEFAULT (unixepoch()), updated_at INTEGER NOT NULL DEFAULT (unixepoch()),
      is_active INTEGER NOT NULL DEFAULT 1);
    CREATE TABLE usage_snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, snapshot_data TEXT NOT NULL,
      snapshot_type TEXT NOT NULL DEFAULT 'stats', timestamp INTEGER NOT NULL DEFAULT (unixepoch()));
    INSERT INTO schema_migrations VALUES (1, 'add_usage_tracking_tables', 1700000000123);
    INSERT INTO usage_config (plan, created_at, updated_at) VALUES ('max5', 1700000000, 1700000000);
    INSERT INTO usage_snapshots (session_id, snapshot_data, timestamp) VALUES ('a', '{}', 1700000000);`);
  db.close();
}

test('U10 a file of the older format is taken over', () => {
  const path = join(tempDir(), 'u.db');
  const heard = [];
  olderFile(path);
  usage.initDatabase({ path, logger: { info: (message) => heard.push(message), warn: (message) => heard.push(message) } });
  assert.deepEqual(heard, ['telemetry: converted the journal of an earlier format', 'telemetry: applied 1 telemetry_schema',
    'usage: adopted the existing tables as version 1']);
  assert.equal(usage.getUsageSnapshotsBySession('a')[0].timestamp, 1700000000000);
  assert.equal(usage.validateDatabase(), true);
  assert.deepEqual([usage.getUsageConfig().plan, usage.getUsageConfig().created_at], ['max5', 1700000000000]);
  assert.deepEqual(usage.getMigrationStatus().appliedMigrations, [{ version: 1, name: 'add_usage_tracking_tables', applied_at: 1700000000123 }]);
  assert.equal(sql('SELECT * FROM events').length, 2);
});

test('an older file with a session id that is no UTF-8 is taken over', () => {
  const path = join(tempDir(), 'u.db');
  olderFile(path);
  const db = new Database(path);
  db.exec("UPDATE usage_snapshots SET session_id = CAST(x'61ff' AS TEXT)");
  db.close();
  usage.initDatabase({ path });
  assert.deepEqual(sql('SELECT hex(session_id) AS id FROM usage_snapshots'), [{ id: '61FF' }]);
  assert.equal(usage.validateDatabase(), true);
});

test('an older file that telemetry has opened first is taken over as well', async () => {
  const path = join(tempDir(), 'u.db');
  olderFile(path);
  const { ops } = await openClient({ dbPath: path }, { sessions: ['a'] });
  usage.initDatabase({ path });
  assert.equal(usage.getUsageSnapshotsBySession('a').length, 1);
  assert.equal((await ops.getSession('a')).agentType, 'claude');
  assert.equal((await ops.verifyStatistics()).ok, true);
});

test('snapshots of a session, of a span of time, and of everything', () => {
  init();
  addSession('s1');
  addSession('s2');
  const now = Date.now();
  const times = [now - 25 * 3_600_000, now - 23 * 3_600_000, now - 1000, now + 3_600_000];
  for (const [i, timestamp] of times.entries()) usage.insertUsageSnapshot({ session_id: i % 2 === 0 ? 's1' : 's2', snapshot_data: `${i}`, timestamp });
  const data = (rows) => rows.map(({ snapshot_data }) => snapshot_data).join('');
  assert.equal(data(usage.getUsageSnapshots()), '321');
  for (const all of [undefined, null, '']) assert.equal(data(usage.getUsageSnapshots(all, 100, Infinity)), '3210');
  assert.equal(data(usage.getUsageSnapshots('s1', 100, Infinity)), '20');
  assert.equal(data(usage.getUsageSnapshots('s1')), '2');
  assert.equal(data(usage.getUsageSnapshots('', 2, 26)), '32');
  assert.equal(data(usage.getUsageSnapshots('', 100, 0.5)), '32');
  assert.equal(data(usage.getUsageSnapshots('', 100, 0)), '3');
  assert.deepEqual(usage.getUsageSnapshots('', 0), []);
  assert.deepEqual(usage.getUsageSnapshots('nobody'), []);
  assert.deepEqual(usage.getUsageSnapshotsBySession('nobody'), []);
});

test('types, times and texts of snapshots', () => {
  const { errors } = init();
  addSession('s1');
  const insert = (x) => usage.insertUsageSnapshot({ session_id: 's1', snapshot_data: '', ...x });
  for (const snapshot_type of ['stats', 'config', 'session']) assert.equal(insert({ snapshot_type }).snapshot_type, snapshot_type);
  assert.equal(insert({ snapshot_type: undefined }).snapshot_type, 'stats');
  for (const timestamp of [undefined, 0, -0, 0.9]) recent(insert({ timestamp }).timestamp);
  for (const snapshot_data of ['', 'not json', 'a\0b', '\u{1F600}', 'x'.repeat(1_000_000)]) assert.equal(insert({ snapshot_data }).snapshot_data, snapshot_data);
  assert.equal(insert({ snapshot_data: 'a\ud800b' }).snapshot_data, 'a\ufffdb');
  assert.deepEqual(errors, []);
});

test('two thousand random calls answer as a plain list would', { timeout: 120_000 }, () => {
  for (const seed of [1, 2, 3]) {
    const { int, one, chance } = random(seed);
    usage.initDatabase({ path: ':memory:', missingSession: 'create' });
    let rows = [];
    let next = 1;
    const newest = (list) => list.toSorted((a, b) => b.timestamp - a.timestamp || b.id - a.id);
    const now = Date.now();
    // Away from the bounds, which move while the test runs.
    const time = () => now - int(40) * DAY - DAY / 2;
    for (let i = 0; i < 700; i++) {
      const session_id = `s${int(5)}`;
      if (chance(0.5)) {
        const given = { session_id, snapshot_data: one(['', '{}', 'x'.repeat(int(100)), '\u00e9\0']), snapshot_type: one(['stats', 'config', 'session']), timestamp: time() };
        rows.push({ id: next++, ...given });
        assert.deepEqual(usage.insertUsageSnapshot(given), rows.at(-1));
      } else if (chance(0.1)) {
        const days = int(45);
        const kept = rows.filter(({ timestamp }) => timestamp >= now - days * DAY);
        assert.equal(usage.deleteOldUsageSnapshots(days), rows.length - kept.length);
        rows = kept;
      } else if (chance(0.1)) {
        usage.getConnection().prepare('DELETE FROM telemetry_sessions WHERE id = ?').run(session_id);
        rows = rows.filter((row) => row.session_id !== session_id);
      } else if (chance(0.5)) {
        assert.deepEqual(usage.getUsageSnapshotsBySession(session_id), newest(rows.filter((row) => row.session_id === session_id)));
      } else {
        const [of, limit, hours] = [one(['', session_id]), int(30), one([Infinity, 24 * int(45)])];
        const found = rows.filter((row) => (of === '' || row.session_id === of) && row.timestamp >= now - hours * 3_600_000);
        assert.deepEqual(usage.getUsageSnapshots(of, limit, hours), newest(found).slice(0, limit), `seed ${seed}, call ${i}`);
      }
    }
    assert.equal(usage.validateDatabase(), true);
    usage.closeDatabase();
  }
});

test('old snapshots are deleted and counted', () => {
  init();
  addSession('s1');
  const now = Date.now();
  for (const age of [31, 29, 2, 0.5]) usage.insertUsageSnapshot({ session_id: 's1', snapshot_data: '', timestamp: now - age * DAY });
  assert.equal(usage.deleteOldUsageSnapshots(), 1);
  assert.equal(usage.deleteOldUsageSnapshots(), 0);
  assert.equal(usage.deleteOldUsageSnapshots(3), 1);
  assert.equal(usage.deleteOldUsageSnapshots(0.75), 1);
  assert.equal(usage.deleteOldUsageSnapshots(0), 1);
  assert.deepEqual(usage.getUsageSnapshotsBySession('s1'), []);
});

test('a hundred thousand snapshots', { timeout: 120_000 }, () => {
  init();
  addSession('s1');
  usage.getConnection().exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO usage_snapshots (session_id, snapshot_data, timestamp) SELECT 's1', '{"i":' || i || '}', 1750000000000 + i FROM n`);
  const rows = usage.getUsageSnapshotsBySession('s1');
  assert.deepEqual([rows.length, rows[0].snapshot_data, rows.at(-1).id], [100_000, '{"i":100000}', 1]);
  assert.equal(usage.getUsageSnapshots('s1', 5, Infinity).length, 5);
  assert.equal(usage.deleteOldUsageSnapshots(0), 100_000);
});

test('a snapshot in a transaction of the caller is part of it', () => {
  const { errors } = init({ missingSession: 'create' });
  const db = usage.getConnection();
  const insert = (session_id, x = {}) => usage.insertUsageSnapshot({ session_id, snapshot_data: '', ...x });
  assert.throws(db.transaction(() => {
    assert.equal(insert('s1').id, 1);
    assert.ok(usage.updateUsageConfig({ plan: 'pro' }));
    throw new Error('no');
  }), /^Error: no$/);
  assert.deepEqual([sql('SELECT * FROM telemetry_sessions').length, usage.getUsageConfig().plan], [0, 'custom']);
  db.transaction(() => {
    insert('s1');
    assert.equal(insert('s2', { snapshot_type: 'x' }), null);
    assert.ok(db.inTransaction, 'a refused snapshot does not end the transaction');
  })();
  assert.deepEqual(sql('SELECT id FROM telemetry_sessions'), [{ id: 's1' }]);
  assert.equal(errors.length, 1);
  assert.equal(db.inTransaction, false);
});

test('while a statement of the connection is iterated, reading goes on and writing is refused', () => {
  const { errors } = init({ missingSession: 'create' });
  const rows = usage.getConnection().prepare('SELECT value FROM json_each(?)').iterate('[1,2,3]');
  rows.next();
  assert.equal(usage.getUsageConfig().plan, 'custom');
  assert.equal(usage.insertUsageSnapshot({ session_id: 's', snapshot_data: '' }), null);
  assert.equal(usage.updateUsageConfig({ plan: 'pro' }), false);
  assert.deepEqual(errors.map(([{ code }]) => code), ['USAGE_WRITE_FAILED', 'USAGE_WRITE_FAILED']);
  rows.return();
  assert.equal(usage.updateUsageConfig({ plan: 'pro' }), true);
});

test('the same path again changes nothing, another one is refused, and closing is idempotent', () => {
  const { path } = init();
  const connection = usage.getConnection();
  usage.initDatabase({ path });
  usage.initDatabase({ path: join(path, '..', '.', 'u.db') });
  assert.equal(usage.getConnection(), connection);
  const other = join(tempDir(), 'other.db');
  assert.throws(() => usage.initDatabase({ path: other }), { name: 'UsageError', code: 'USAGE_ALREADY_INITIALIZED', operation: 'initDatabase' });
  assert.equal(existsSync(other), false);
  assert.equal(usage.getConnection(), connection);
  usage.closeDatabase();
  usage.closeDatabase();
  assert.equal(connection.open, false);
  usage.initDatabase({ path: other });
  assert.equal(usage.getMigrationStatus().currentVersion, 1);
});

test('closing lets go of the file also in the middle of an iteration, and removes the log', () => {
  const { path } = init();
  usage.getConnection().prepare('SELECT value FROM json_each(?)').iterate('[1,2,3]').next();
  usage.closeDatabase();
  assert.deepEqual(readdirSync(join(path, '..')), ['u.db']);
});

test('a connection that its owner has closed counts as closed', () => {
  const { path } = init();
  usage.getConnection().close();
  assert.equal(usage.getUsageConfig(), null);
  assert.throws(() => usage.getConnection(), { code: 'USAGE_NOT_INITIALIZED' });
  usage.initDatabase({ path });
  assert.equal(usage.getUsageConfig().plan, 'custom');
});

test('before it is open, and after it was closed, every function has its answer', async () => {
  for (const closed of [false, true]) {
    if (closed) {
      init({ onError: () => assert.fail('told') });
      usage.closeDatabase();
    }
    assert.equal(usage.getUsageConfig(), null);
    assert.equal(usage.insertUsageSnapshot({ session_id: 's', snapshot_data: '' }), null);
    assert.equal(usage.updateUsageConfig({ plan: 'pro' }), false);
    assert.equal(usage.resetUsageConfig(), false);
    assert.equal(usage.validateDatabase(), false);
    assert.deepEqual(usage.getUsageSnapshots(), []);
    assert.deepEqual(usage.getUsageSnapshotsBySession('s'), []);
    assert.equal(usage.deleteOldUsageSnapshots(), 0);
    for (const name of ['getConnection', 'getMigrationRunner', 'getMigrationStatus']) {
      assert.throws(() => usage[name](), { name: 'UsageError', code: 'USAGE_NOT_INITIALIZED', operation: name });
    }
    for (const name of ['runMigrations', 'rollbackMigrations']) {
      await assert.rejects(usage[name](), { name: 'UsageError', code: 'USAGE_NOT_INITIALIZED', operation: name });
    }
  }
});

test('in memory, everything is there and no file is', () => {
  const cwd = readdirSync('.');
  const warned = [];
  usage.initDatabase({ path: ':memory:', missingSession: 'create', logger: { warn: (message) => warned.push(message) } });
  assert.deepEqual(warned, []);
  assert.equal(usage.insertUsageSnapshot({ session_id: 's', snapshot_data: '' }).id, 1);
  usage.initDatabase({ path: ':memory:' });
  assert.equal(usage.getUsageSnapshots().length, 1);
  assert.equal(usage.validateDatabase(), true);
  assert.deepEqual(readdirSync('.'), cwd);
});

test('the default file is that of telemetry', async () => {
  const cwd = tempDir();
  const code = `const usage = await import(${usageEntry}); usage.initDatabase(); console.log(JSON.stringify(usage.getConnection().name));`;
  const path = (env) => runJson(code, { cwd, env });
  assert.ok((await path({})).endsWith(join('.vibekit', 'telemetry.db')));
  assert.ok((await path({ NODE_ENV: 'development' })).endsWith('telemetry-dev.db'));
  assert.ok((await path({ NODE_ENV: 'test' })).endsWith('telemetry-test.db'));
  assert.ok((await path({ NODE_ENV: 'test', VIBEKIT_DB_PATH: join(cwd, 'mine.db') })).endsWith('mine.db'));
  assert.deepEqual(readdirSync(join(cwd, '.vibekit')).sort(), ['telemetry-dev.db', 'telemetry-test.db', 'telemetry.db']);
});

test('the connection has the settings of the contract', () => {
  init();
  const db = usage.getConnection();
  const pragma = (name) => db.pragma(name, { simple: true });
  assert.deepEqual(['journal_mode', 'foreign_keys', 'busy_timeout', 'synchronous', 'auto_vacuum'].map(pragma), ['wal', 1, 5000, 1, 2]);
  assert.ok(db instanceof Database);
  assert.ok(usage.getMigrationRunner() instanceof MigrationRunner);
});

test('a logger hears of migrations, validation and errors; one that throws is ignored, and so is such an onError', () => {
  const path = join(tempDir(), 'u.db');
  const { heard, logger } = listener();
  usage.initDatabase({ path, logger });
  assert.deepEqual(heard.map(([level, message]) => `${level} ${message}`), ['info telemetry: applied 1 telemetry_schema', 'info usage: applied 1 add_usage_tracking_tables']);
  usage.insertUsageSnapshot({ session_id: 'ghost', snapshot_data: '' });
  assert.deepEqual(heard.at(-1), ['error', 'There is no session "ghost": create it first, or open with missingSession \'create\'', { operation: 'insertUsageSnapshot', code: 'USAGE_SESSION_NOT_FOUND', extendedCode: undefined, sessionId: 'ghost' }]);
  usage.getConnection().exec('DROP INDEX idx_usage_snapshots_type');
  assert.equal(usage.validateDatabase(), false);
  assert.deepEqual(heard.at(-1).slice(0, 2), ['error', 'usage: index idx_usage_snapshots_type is missing']);
  usage.closeDatabase();
  const bad = () => { throw new Error('logger'); };
  usage.initDatabase({ path: join(tempDir(), 'u.db'), logger: { info: bad, warn: bad, error: bad }, onError: bad });
  assert.equal(usage.insertUsageSnapshot({ session_id: 'ghost', snapshot_data: '' }), null);
  assert.equal(usage.validateDatabase(), true);
  usage.closeDatabase();
  usage.initDatabase({ path: ':memory:', onError: async () => { throw new Error('later'); } });
  assert.equal(usage.updateUsageConfig({ plan: 'gold' }), false);
});

test('a logger and an onError may call usage themselves', () => {
  const seen = [];
  const path = join(tempDir(), 'u.db');
  const again = () => { usage.initDatabase({ path }); seen.push(usage.getUsageConfig()?.plan); };
  usage.initDatabase({ path, logger: { info: again, error: again }, onError: () => { seen.push(usage.updateUsageConfig({ plan: 'pro' })); } });
  assert.equal(usage.updateUsageConfig({ plan: 'gold' }), false);
  assert.deepEqual(seen, ['custom', 'custom', 'custom', true]);
  usage.closeDatabase();
  usage.initDatabase({ path, onError: () => usage.closeDatabase() });
  assert.equal(usage.updateUsageConfig({ plan: 'gold' }), false);
  assert.throws(() => usage.getConnection(), { code: 'USAGE_NOT_INITIALIZED' });
});

test('a validation that cannot be made is an error that is told, and no exception', () => {
  const { path, errors } = init();
  usage.getConnection().exec('PRAGMA journal_mode = DELETE; PRAGMA busy_timeout = 0');
  const other = track(new Database(path));
  other.exec('BEGIN EXCLUSIVE');
  assert.equal(usage.validateDatabase(), false);
  const [[error, operation]] = errors;
  assert.deepEqual([errors.length, error.name, error.code, error.extendedCode, error.cause.name, operation],
    [1, 'UsageError', 'USAGE_QUERY_FAILED', 'SQLITE_BUSY', 'SqliteError', 'validateDatabase']);
  other.exec('ROLLBACK');
  assert.equal(usage.validateDatabase(), true);
});

test('validation finds what is missing in telemetry, and rows that refer to nothing', () => {
  const messages = [];
  init({ logger: { error: (message) => messages.push(message) } });
  usage.getConnection().exec(`PRAGMA foreign_keys = OFF; INSERT INTO usage_snapshots (session_id, snapshot_data) VALUES ('nobody', '');
    PRAGMA foreign_keys = ON; DROP TABLE telemetry_errors`);
  assert.equal(usage.validateDatabase(), false);
  assert.ok(messages.some((message) => /telemetry_errors is missing/.test(message)), messages.join('\n'));
  assert.ok(messages.some((message) => /row 1 of usage_snapshots refers to a missing row of telemetry_sessions/.test(message)), messages.join('\n'));
});

test('statistics of telemetry stay right when usage makes sessions, also for events that waited for one', async () => {
  const path = join(tempDir(), 'u.db');
  const { ops } = await openClient({ dbPath: path, enableForeignKeys: false }, { sessions: ['s1'] });
  await ops.insertEvent({ sessionId: 's1', eventType: 'start', agentType: 'a', mode: 'm', prompt: '', timestamp: 1750000000000 });
  await ops.insertEvent({ sessionId: 'later', eventType: 'error', agentType: 'a', mode: 'm', prompt: '', timestamp: 1750000000000 });
  usage.initDatabase({ path, missingSession: 'create' });
  usage.insertUsageSnapshot({ session_id: 'new', snapshot_data: '' });
  usage.insertUsageSnapshot({ session_id: 'later', snapshot_data: '' });
  const later = await ops.getSession('later');
  assert.deepEqual([later.eventCount, later.errorCount, later.agentType], [1, 1, 'unknown']);
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
  await ops.insertEvent({ sessionId: 'new', eventType: 'end', agentType: 'a', mode: 'm', prompt: '', timestamp: 1750000000001 });
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
  assert.equal((await ops.getStatistics()).totalEvents, 3);
});

test('a read-only look by plain SQL and the rows of the API are the same', () => {
  init({ missingSession: 'create' });
  const snapshot = usage.insertUsageSnapshot({ session_id: 's', snapshot_data: '{"a":1}', snapshot_type: 'config' });
  assert.deepEqual(sql('SELECT * FROM usage_snapshots'), [snapshot]);
  const { is_active, ...row } = sql('SELECT * FROM usage_config')[0];
  assert.deepEqual([row, is_active], [usage.getUsageConfig(), 1]);
});

test('the example runs, on a file of its own and on one that is named', () => {
  const file = join(tempDir(), 't.db');
  for (const words of [[], [file], [file]]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'examples', 'usage.mjs'), ...words], { encoding: 'utf8' });
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
    assert.match(stdout, /^1 s  turn 1  1600 tokens  16 % of 10000\n(.*\n){2}4 s  turn 4  7000 tokens  70 % of 10000\n0 old snapshots deleted\n$/);
  }
  usage.initDatabase({ path: file });
  assert.equal(usage.getUsageSnapshots().length, 8);
});
