// The runner of `runledger/usage/migrations`: usage.md §2, migrations.md §4 to §6 and §10.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';
import { Database } from 'runledger/sqlite';
import * as usage from 'runledger/usage';
import { MigrationError, MigrationRunner } from 'runledger/usage/migrations';
import { cleanUp, recent, tempDir, test, track } from './support.mjs';
import { fails, lines } from './fixtures/cli.mjs';

afterEach(async () => {
  usage.closeDatabase();
  await cleanUp();
});

const open = (path = ':memory:') => track(new Database(path));
const tables = (db) => db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1").pluck().all();
const journal = (db) => db.prepare('SELECT module, version, name, checksum, destructive FROM schema_migrations ORDER BY 1, 2').all();

const labels = {
  version: 2,
  name: 'labels',
  up: (db) => { db.exec('CREATE TABLE labels (x)'); },
  down: (db) => { db.exec('DROP TABLE labels'); },
};

const step = (version, up = () => {}, down = () => {}) => ({ version, name: `m${version}`, up, down });

test('a new database: version 0, everything pending, and looking creates nothing', async () => {
  const db = open();
  const runner = new MigrationRunner(db);
  assert.equal(runner.getCurrentVersion(), 0);
  assert.deepEqual(runner.getAppliedMigrations(), []);
  const [first, ...rest] = runner.getPendingMigrations();
  assert.deepEqual([first.version, first.name, typeof first.up, typeof first.down, rest.length], [1, 'add_usage_tracking_tables', 'function', 'function', 0]);
  assert.deepEqual({ ...runner.getStatus(), pendingMigrations: 1 }, { currentVersion: 0, latestVersion: 1, pendingCount: 1, appliedMigrations: [], pendingMigrations: 1 });
  assert.deepEqual(runner.validate(), { ok: true, problems: [] });
  assert.equal(runner.validateDatabase(), true);
  assert.deepEqual(tables(db), []);
});

test('migrate installs telemetry, then usage; the work is done when the call returns', async () => {
  const db = open();
  const runner = new MigrationRunner(db);
  const promise = runner.migrate();
  assert.equal(runner.getCurrentVersion(), 1);
  assert.equal(await promise, undefined);
  assert.deepEqual(journal(db).map(({ module, version }) => `${module} ${version}`), ['telemetry 1', 'usage 1']);
  assert.ok(journal(db).every(({ checksum }) => checksum.startsWith('sql:')));
  recent(runner.getAppliedMigrations()[0].applied_at);
  await runner.migrate();
  const rolledBack = runner.rollback();
  assert.equal(runner.getCurrentVersion(), 0);
  assert.equal(await rolledBack, undefined);
  assert.ok(tables(db).includes('telemetry_sessions') && !tables(db).includes('usage_config'));
});

test('register adds the next version, which is applied and rolled back like any other', async () => {
  const db = open();
  const runner = new MigrationRunner(db);
  assert.equal(runner.register(labels), runner);
  assert.deepEqual(runner.getPendingMigrations().map(({ version }) => version), [1, 2]);
  assert.equal(runner.getPendingMigrations()[1], labels);
  assert.equal(runner.getStatus().latestVersion, 2);
  await runner.migrate();
  assert.ok(tables(db).includes('labels'));
  assert.match(journal(db).at(-1).checksum, /^js:/);
  assert.equal(runner.validateDatabase(), true);
  runner.register(step(3));
  await runner.migrate();
  assert.equal(runner.getCurrentVersion(), 3);
  await runner.rollback(1);
  assert.equal(runner.getCurrentVersion(), 1);
  assert.ok(!tables(db).includes('labels'));
  await runner.migrate();
  await runner.rollback(0);
  assert.equal(tables(db).some((name) => /usage|labels/.test(name)), false);
});

test('register refuses gaps, doubles, and what is no migration', () => {
  const runner = new MigrationRunner(open());
  const refused = (migration, code) => assert.throws(() => runner.register(migration), (error) => error instanceof MigrationError && error.code === code && error.module === 'usage', `${code}: ${inspect(migration)}`);
  for (const version of [1, 3, 99]) refused({ ...labels, version }, 'MIGRATION_GAP');
  for (const version of [0, -1, 1.5, NaN, '2', undefined, null, 2n]) refused({ ...labels, version }, 'MIGRATION_INVALID');
  for (const name of ['', '  ', undefined, null, 5]) refused({ ...labels, name }, 'MIGRATION_INVALID');
  for (const up of [undefined, null, 'CREATE TABLE x (y)', true, {}]) refused({ ...labels, up }, 'MIGRATION_INVALID');
  for (const down of [undefined, null, 'DROP TABLE x', {}]) refused({ ...labels, down }, 'MIGRATION_INVALID');
  for (const migration of [undefined, null, 5, 'x', [], () => {}]) refused(migration, 'MIGRATION_INVALID');
  assert.equal(runner.getStatus().latestVersion, 1);
  runner.register(labels);
  refused(labels, 'MIGRATION_GAP');
});

test('a runner wants a database, and options that are some', async () => {
  for (const db of [undefined, null, {}, 'x.db', { prepare() {} }]) assert.throws(() => new MigrationRunner(db), { name: 'MigrationError', code: 'MIGRATION_INVALID' });
  for (const options of [null, 5, { logger: null }, { logger: 'console' }, { logger: () => {} }]) {
    assert.throws(() => new MigrationRunner(open(), options), { name: 'MigrationError', code: 'MIGRATION_INVALID', module: 'usage' });
  }
  const runner = new MigrationRunner(open());
  for (const options of [null, 5, { allowDestructive: 1 }]) await assert.rejects(runner.migrate(options), { code: 'MIGRATION_INVALID' });
  const closed = new Database();
  closed.close();
  const over = new MigrationRunner(closed);
  assert.throws(() => over.getStatus(), { name: 'TypeError', code: 'ERR_NOT_OPEN' });
  await assert.rejects(over.migrate(), { code: 'ERR_NOT_OPEN' });
});

test('a migration that loses data is blocked until it is approved; those before it stay', async () => {
  const heard = [];
  const db = open();
  const logger = { warn: (message) => heard.push(message), info: () => {} };
  const runner = new MigrationRunner(db, { logger })
    .register(labels)
    .register(step(3, (it) => it.exec('DROP TABLE labels')))
    .register(step(4, (it) => it.exec('CREATE TABLE later (x)')));
  await assert.rejects(runner.migrate(), (error) => {
    assert.deepEqual([error.name, error.code, error.module, error.version, error.operation], ['MigrationError', 'MIGRATION_BLOCKED', 'usage', 3, 'migrate']);
    assert.deepEqual(error.details, { version: 3, name: 'm3', reason: 'Destructive migration requires explicit approval' });
    return true;
  });
  assert.equal(runner.getCurrentVersion(), 2);
  assert.ok(tables(db).includes('labels') && !tables(db).includes('later'));
  assert.equal(heard.length, 2, heard.join('\n'));
  await runner.migrate({ allowDestructive: true });
  assert.equal(runner.getCurrentVersion(), 4);
  assert.deepEqual(journal(db).filter(({ module }) => module === 'usage').map(({ destructive }) => destructive), [0, 0, 1, 0]);
});

test('a logger hears what was done, in the words of the command line; where there is nothing to do, nothing', async () => {
  const heard = [];
  const logger = Object.fromEntries(['info', 'warn', 'error'].map((level) => [level, (message, fields) => heard.push([`${level} ${message}`, fields])]));
  const runner = new MigrationRunner(open(), { logger }).register(labels).register(step(3));
  await runner.migrate();
  assert.deepEqual(heard.splice(0), [
    ['info telemetry: applied 1 telemetry_schema', { module: 'telemetry', version: 1, name: 'telemetry_schema' }],
    ['info usage: applied 1 add_usage_tracking_tables', { module: 'usage', version: 1, name: 'add_usage_tracking_tables' }],
    ['info usage: applied 2 labels', { module: 'usage', version: 2, name: 'labels' }],
    ['info usage: applied 3 m3', { module: 'usage', version: 3, name: 'm3' }],
  ]);
  await runner.migrate();
  assert.deepEqual(heard, []);
  await runner.rollback(1);
  assert.equal(runner.validateDatabase(), true);
  assert.deepEqual(heard.map(([text]) => text), ['info usage: rolled back 3 m3', 'info usage: rolled back 2 labels', 'info usage: the file is valid']);
});

test('a file of the older format: what cannot be kept is set aside, and the logger is told how much', async () => {
  const heard = [];
  const note = (message) => heard.push(message);
  const db = open();
  db.exec(`CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at INTEGER NOT NULL);
    INSERT INTO schema_migrations VALUES (1, 'add_usage_tracking_tables', 1700000000123);
    CREATE TABLE usage_config (id INTEGER PRIMARY KEY AUTOINCREMENT, plan TEXT, custom_limit_tokens INTEGER, view TEXT, timezone TEXT, time_format TEXT,
      theme TEXT, refresh_rate INTEGER, refresh_per_second REAL, reset_hour INTEGER, created_at INTEGER, updated_at INTEGER, is_active INTEGER);
    CREATE TABLE usage_snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, snapshot_data TEXT, snapshot_type TEXT, timestamp INTEGER);
    INSERT INTO usage_config (plan, is_active) VALUES ('max5', 1), ('pro', 1), ('gold', 0)`);
  const runner = new MigrationRunner(db, { logger: { info: note, warn: note } });
  assert.equal(runner.getCurrentVersion(), 1);
  await runner.migrate();
  assert.deepEqual(heard, [
    'telemetry: converted the journal of an earlier format',
    'telemetry: applied 1 telemetry_schema',
    'usage: 1 row of usage_config moved to migration_quarantine (check)',
    'usage: 1 row of usage_config moved to migration_quarantine (unique)',
    'usage: adopted the existing tables as version 1',
  ]);
  assert.deepEqual(db.prepare('SELECT plan, is_active FROM usage_config').all(), [{ plan: 'max5', is_active: 1 }]);
  assert.deepEqual(db.prepare("SELECT row ->> 'plan' FROM migration_quarantine ORDER BY id").pluck().all(), ['pro', 'gold']);
  assert.equal(runner.validateDatabase(), true);
});

test('a rollback that fails on its way stops there; what was rolled back before stays so', async () => {
  const db = open();
  const boom = new Error('boom');
  const runner = new MigrationRunner(db).register(step(2, () => {}, (it) => { it.exec('CREATE TABLE p (x)'); throw boom; })).register(step(3));
  await runner.migrate();
  await assert.rejects(runner.rollback(0), (error) => {
    assert.deepEqual([error.code, error.message, error.cause, error.version, error.operation], ['MIGRATION_FAILED', 'Failed to roll back migration 2 (m2): Error: boom', boom, 2, 'rollback']);
    return true;
  });
  assert.equal(runner.getCurrentVersion(), 2);
  assert.ok(!tables(db).includes('p') && tables(db).includes('usage_config'));
});

test('a migration that throws is rolled back and rejects with what it threw', async () => {
  const db = open();
  const boom = new Error('boom');
  const runner = new MigrationRunner(db).register(step(2, (it) => { it.exec('CREATE TABLE p (x)'); throw boom; }));
  await assert.rejects(runner.migrate(), (error) => {
    assert.deepEqual([error.code, error.message, error.cause, error.version], ['MIGRATION_FAILED', 'Failed to apply migration 2 (m2): Error: boom', boom, 2]);
    return true;
  });
  assert.equal(runner.getCurrentVersion(), 1);
  assert.ok(!tables(db).includes('p'));
  assert.equal(db.inTransaction, false);
});

test('an asynchronous migration is refused, and what it does later fails', async () => {
  const db = open();
  const late = [];
  const runner = new MigrationRunner(db).register(step(2, async (it) => {
    it.exec('CREATE TABLE q (x)');
    await delay(5);
    try { it.exec('CREATE TABLE r (x)'); } catch (error) { late.push(error); }
  }));
  await assert.rejects(runner.migrate(), { code: 'MIGRATION_ASYNC' });
  await delay(50);
  assert.deepEqual(late.map(({ name, message }) => [name, message]), [['TypeError', 'The migration has finished']]);
  assert.ok(!tables(db).includes('q') && !tables(db).includes('r'));
});

test('functions of usage within a migration are part of it', async () => {
  usage.initDatabase({ path: join(tempDir(), 'u.db'), missingSession: 'create' });
  const runner = usage.getMigrationRunner();
  assert.equal(usage.getMigrationRunner(), runner);
  let fail = true;
  runner.register(step(2, () => {
    assert.ok(usage.insertUsageSnapshot({ session_id: 's', snapshot_data: '' }));
    assert.ok(usage.updateUsageConfig({ plan: 'pro' }));
    assert.equal(usage.insertUsageSnapshot({ session_id: 's', snapshot_data: '', snapshot_type: 'x' }), null);
    if (fail) throw new Error('no');
  }));
  await assert.rejects(usage.runMigrations(), { code: 'MIGRATION_FAILED' });
  assert.deepEqual([usage.getUsageSnapshots(), usage.getUsageConfig().plan], [[], 'custom']);
  fail = false;
  // The engine sees that a column which existed is changed.
  await assert.rejects(usage.runMigrations(), { code: 'MIGRATION_BLOCKED' });
  await runner.migrate({ allowDestructive: true });
  assert.deepEqual([usage.getUsageSnapshots().length, usage.getUsageConfig().plan], [1, 'pro']);
});

test('closing in the middle of a migration ends it, and nothing of it is written', async () => {
  const path = join(tempDir(), 'u.db');
  usage.initDatabase({ path });
  usage.getMigrationRunner().register(step(2, (it) => {
    it.exec('CREATE TABLE p (x)');
    usage.closeDatabase();
    assert.throws(() => it.exec('CREATE TABLE q (x)'), TypeError);
    assert.equal(usage.getUsageConfig(), null);
  }));
  await assert.rejects(usage.runMigrations(), { name: 'TypeError', code: 'ERR_NOT_OPEN' });
  usage.initDatabase({ path });
  assert.equal(usage.getMigrationStatus().currentVersion, 1);
  assert.ok(!tables(usage.getConnection()).some((name) => ['p', 'q'].includes(name)));
  assert.equal(usage.updateUsageConfig({ plan: 'pro' }), true);
});

test('inside a transaction nothing is migrated', async () => {
  const db = open();
  const runner = new MigrationRunner(db);
  db.exec('BEGIN');
  await assert.rejects(runner.migrate(), { code: 'MIGRATION_IN_TRANSACTION' });
  db.exec('ROLLBACK');
  await runner.migrate();
  db.exec('BEGIN');
  await assert.rejects(runner.rollback(), { code: 'MIGRATION_IN_TRANSACTION' });
  db.exec('COMMIT');
  assert.equal(runner.getCurrentVersion(), 1);
});

test('a read-only connection: status and validation, no migration', async () => {
  const path = join(tempDir(), 't.db');
  new Database(path).exec('CREATE TABLE mine (x)').close();
  const runner = new MigrationRunner(open(path));
  const readonly = new MigrationRunner(track(new Database(path, { readonly: true })));
  await assert.rejects(readonly.migrate(), { code: 'MIGRATION_READONLY' });
  await runner.migrate();
  assert.equal(readonly.getCurrentVersion(), 1);
  assert.equal(readonly.validateDatabase(), true);
  await readonly.migrate();
  await assert.rejects(readonly.rollback(), { code: 'MIGRATION_READONLY' });
});

test('validation tells each problem, and a logger hears of it', async () => {
  const db = open();
  const heard = [];
  const runner = new MigrationRunner(db, { logger: { error: (message, fields) => heard.push([message, fields]), info: () => {} } });
  await runner.migrate();
  db.exec('DROP INDEX idx_usage_snapshots_type; DROP TABLE telemetry_buffers');
  const { ok, problems } = runner.validate();
  assert.equal(ok, false);
  assert.ok(problems.some(({ kind, object }) => kind === 'missing' && object === 'idx_usage_snapshots_type'));
  assert.equal(runner.validateDatabase(), false);
  assert.equal(heard.length, problems.length);
  assert.deepEqual(heard.find(([, { object }]) => object === 'telemetry_buffers'),
    ['usage: table telemetry_buffers is missing', { module: 'usage', kind: 'missing', object: 'telemetry_buffers' }]);
});

test('a file with a registered migration opens, migrates and validates without it; only a way back there is none', async () => {
  const path = join(tempDir(), 'u.db');
  usage.initDatabase({ path });
  usage.getMigrationRunner().register(labels);
  await usage.runMigrations();
  usage.closeDatabase();
  usage.initDatabase({ path });
  const { currentVersion, latestVersion, pendingCount } = usage.getMigrationStatus();
  assert.deepEqual([currentVersion, latestVersion, pendingCount], [2, 1, 0]);
  assert.equal(usage.validateDatabase(), true);
  assert.equal(usage.getUsageConfig().plan, 'custom');
  await usage.runMigrations();
  for (const target of [undefined, 1, 0]) await assert.rejects(usage.rollbackMigrations(target), { code: 'MIGRATION_NO_DOWN', version: 2 });
  assert.equal(usage.getMigrationStatus().currentVersion, 2);
  const db = ['--db', path];
  assert.deepEqual(await lines(['usage', 'migrate', ...db]), ['telemetry: up to date, version 1', 'usage: up to date, version 2']);
  assert.equal((await lines(['usage', 'status', ...db]))[1], 'usage: version 2 of 1');
  assert.deepEqual(await lines(['usage', 'validate', ...db]), ['usage: ok']);
  await fails(['usage', 'rollback', ...db], /^usage: Migration 2 does not support rollback/);
  usage.getMigrationRunner().register(labels);
  assert.equal(usage.getMigrationStatus().pendingCount, 0);
  await usage.rollbackMigrations();
  assert.equal(usage.getMigrationStatus().currentVersion, 1);
});

test('another migration than the registered one is told apart', async () => {
  const db = open();
  await new MigrationRunner(db).register(labels).migrate();
  const other = new MigrationRunner(db).register({ ...labels, name: 'else' });
  await assert.rejects(other.migrate(), { code: 'MIGRATION_DIVERGED', version: 2 });
  assert.equal(other.validate().problems[0].kind, 'diverged');
});

test('the migration of another release that is SQL is ahead of this one', async () => {
  const db = open();
  const runner = new MigrationRunner(db);
  await runner.migrate();
  db.exec("INSERT INTO schema_migrations (module, version, name, checksum, applied_at) VALUES ('usage', 2, 'later', 'sql:00', 5)");
  await assert.rejects(runner.migrate(), { code: 'MIGRATION_AHEAD', version: 2 });
  await assert.rejects(runner.rollback(), { code: 'MIGRATION_AHEAD' });
  assert.equal(runner.validateDatabase(), false);
});
