// runledger/instances: maintenance (instances.md §9), backups, query log, migrate and testing helpers.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseError } from '../dist/instances/errors.js';
import { runMigrations, runMigrationsWithDatabase } from '../dist/instances/migrate.js';
import * as testing from '../dist/instances/testing.js';
import { Database } from '../dist/sqlite.js';
import { contents, event, fails, instance, issue, newDatabase, openDatabase, sql } from './fixtures/instances.mjs';
import { cleanUp, listener, run, skipOnWindows, tempDir, test, until } from './support.mjs';

afterEach(cleanUp);

const DAY = 86_400_000;
const daysAgo = (days) => new Date(Date.now() - days * DAY);
const stamp = (date) => date.toISOString().slice(0, 19).replace(/[-:]/g, '') + 'Z';
const backupsIn = (dir) => readdirSync(dir).filter((name) => /\.backup-/.test(name)).sort();

// ---------------------------------------------------------------------------------------------------- maintenance

test('runMaintenance does every row once: old events, a backup, old backups, VACUUM', async () => {
  const { db, dir, path } = await openDatabase({ maintenance: { logRetention: 10, backupRetention: 5 } });
  for (const days of [0, 9, 11, 400]) await db.logMCPEvent(event({ timestamp: daysAgo(days), tool_name: `t${days}` }));
  const old = [20, 10, 6].map((days) => `x.backup-${stamp(daysAgo(days))}.db`);
  const kept = [`x.backup-${stamp(daysAgo(4))}.db`, 'x.backup-20200101T000000Z.db.bak', 'y.backup-20200101T000000Z.db', 'x.backup-mine.db'];
  for (const name of [...old, ...kept]) writeFileSync(join(dir, name), '');
  const report = await db.runMaintenance();
  assert.deepEqual((await db.getMCPEvents('a')).map(({ tool_name }) => tool_name), ['t0', 't9']);
  assert.equal(report.eventsDeleted, 2);
  assert.match(report.backup, /[/\\]x\.backup-\d{8}T\d{6}Z\.db$/);
  assert.deepEqual(report.backupsDeleted, old.map((name) => join(dir, name)));
  assert.equal(report.vacuumed, true);
  assert.deepEqual(contents(report.backup), contents(path));
  if (!skipOnWindows) assert.equal(statSync(report.backup).mode & 0o777, 0o600);
  for (const name of kept) assert.ok(existsSync(join(dir, name)), name);
  assert.deepEqual(readdirSync(dir).filter((name) => name.includes('.partial')), []);
  const again = await db.runMaintenance();
  assert.deepEqual(again, { eventsDeleted: 0, backup: null, backupsDeleted: [], vacuumed: true }, 'there is a young backup');
});

test('clients of one process that keep house at the same moment make one backup, and none of them fails', async () => {
  const { db, dir } = await openDatabase();
  const others = await Promise.all([1, 2].map(() => openDatabase({}, { dir, ids: [] })));
  const reports = await Promise.all([db, ...others.map((it) => it.db)].map((it) => it.runMaintenance()));
  assert.equal(reports.filter(({ backup }) => backup !== null).length, backupsIn(dir).length);
  assert.ok(reports.every(({ vacuumed }) => vacuumed));
});

test('what is switched off is not done', async () => {
  const { db, dir } = await openDatabase({ maintenance: { logRetention: 0, autoBackup: false, vacuumInterval: 0 } });
  await db.logMCPEvent(event({ timestamp: daysAgo(4000) }));
  const old = `x.backup-${stamp(daysAgo(100))}.db`;
  writeFileSync(join(dir, old), '');
  assert.deepEqual(await db.runMaintenance(), { eventsDeleted: 0, backup: null, backupsDeleted: [], vacuumed: false });
  assert.equal((await db.getMCPEvents('a')).length, 1);
  assert.deepEqual(backupsIn(dir), [old]);
});

test('the newest backup stays, however old it is', async () => {
  const { db, dir } = await openDatabase({ maintenance: { backupRetention: 0 } });
  const future = `x.backup-${stamp(daysAgo(-1))}.db`;
  for (const name of [`x.backup-${stamp(daysAgo(3))}.db`, future]) writeFileSync(join(dir, name), '');
  const { backup, backupsDeleted } = await db.runMaintenance();
  assert.equal(backup, null, 'one from tomorrow is young');
  assert.equal(backupsDeleted.length, 1);
  assert.deepEqual(backupsIn(dir), [future]);
});

test('backups go to a directory of their own, and an in-memory database has none', async () => {
  const dir = tempDir();
  const backupDir = join(dir, 'deep/backups');
  const { db } = await openDatabase({ maintenance: { backupDir } });
  const { backup } = await db.runMaintenance();
  assert.deepEqual(backupsIn(backupDir).map((name) => join(backupDir, name)), [backup]);
  if (!skipOnWindows) assert.equal(statSync(backupDir).mode & 0o777, 0o700);
  const memory = newDatabase({ local: { file: ':memory:' }, maintenance: { backupDir } });
  await memory.connect();
  assert.deepEqual(await memory.runMaintenance(), { eventsDeleted: 0, backup: null, backupsDeleted: [], vacuumed: true });
  assert.equal(backupsIn(backupDir).length, 1);
});

test('a hundred thousand old events go in steps that other calls get between', async () => {
  const { db, path } = await openDatabase({ maintenance: { autoBackup: false, vacuumInterval: 0 } });
  sql(path, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO mcp_events (instance_id, tool_name, success, timestamp) SELECT 'a', 't', 1, i FROM n`);
  const other = new Database(path);
  const run = db.runMaintenance();
  let written = 0;
  let done = false;
  run.then(() => { done = true; });
  while (!done) {
    other.exec("INSERT INTO github_issues (number, title, state, repo_owner, repo_name) SELECT coalesce(max(number), 0) + 1, 't', 's', 'o', 'r' FROM github_issues");
    written++;
    await delay(1);
  }
  other.close();
  assert.equal((await run).eventsDeleted, 100_000);
  assert.ok(written > 0);
  assert.deepEqual(await db.getMCPEvents('a'), []);
});

test('nothing runs before a start, or after a stop', async () => {
  const { db, dir } = await openDatabase();
  await db.logMCPEvent(event({ timestamp: daysAgo(100) }));
  await delay(150);
  assert.equal((await db.getMCPEvents('a')).length, 1);
  db.startMaintenance();
  db.startMaintenance();
  await until(async () => (await db.getMCPEvents('a')).length === 0 && backupsIn(dir).length === 1);
  db.stopMaintenance();
  await db.logMCPEvent(event({ timestamp: daysAgo(100) }));
  await delay(100);
  assert.equal((await db.getMCPEvents('a')).length, 1);
});

test('autoStart starts the clock, and VACUUM comes after its interval', async () => {
  const { db, path } = await openDatabase({ maintenance: { autoStart: true, autoBackup: false, vacuumInterval: 0.3 } });
  await db.setConfig('big', 'x'.repeat(3_000_000));
  await db.deleteConfig('big');
  await until(() => sql(path, 'PRAGMA freelist_count')[0].freelist_count === 0, { what: 'VACUUM' });
});

test('timed work that fails is a warning', async () => {
  const { heard, logger } = listener();
  const dir = tempDir();
  writeFileSync(join(dir, 'file'), '');
  const { db } = await openDatabase({ logger, maintenance: { backupDir: join(dir, 'file/x') } });
  db.startMaintenance();
  await until(() => heard.some(([level]) => level === 'warn'));
  assert.match(heard.find(([level]) => level === 'warn')[1], /^maintenance: the backup failed: /);
  await fails(() => db.runMaintenance(), 'DATABASE_OPERATION_FAILED');
  assert.equal((await db.listInstances()).length, 1);
});

// ------------------------------------------------------------------------------------------------------ query log

test('each statement is logged with its duration and without values: to the logger, or to stderr', async () => {
  const { heard, logger } = listener();
  const { db, dir } = await openDatabase({ drizzle: { logger: true }, logger });
  /** The statements of a call, without what stands behind the first words. */
  const logged = async (call) => {
    heard.length = 0;
    await call().catch(() => {});
    const lines = heard.map(([level, message, fields]) => {
      assert.deepEqual([level, fields], ['debug', {}]);
      const [, text] = /^\[DRIZZLE QUERY\] (.*) \(\d+\.\d{3} ms\)$/.exec(message) ?? assert.fail(message);
      return text;
    });
    assert.ok(!JSON.stringify(heard).includes('of-mine'));
    return lines.map((line) => line.split(' ').slice(0, 3).join(' '));
  };
  const write = (...statements) => ['BEGIN IMMEDIATE', ...statements, 'COMMIT'];
  const read = (...statements) => ['BEGIN', ...statements, 'COMMIT'];
  assert.deepEqual(await logged(() => db.createInstance(instance('id-of-mine'))), write('INSERT INTO instances'));
  assert.deepEqual(await logged(() => db.updateInstanceStatus('a', 'terminated')), write('UPDATE instances SET', 'INSERT INTO mcp_events'));
  assert.deepEqual(await logged(() => db.createInstance(instance('id-of-mine'))), ['BEGIN IMMEDIATE', 'INSERT INTO instances', 'ROLLBACK'], 'one that fails, too');
  assert.deepEqual(await logged(() => db.syncGitHubIssues([issue(1), issue(2)])), write('INSERT INTO github_issues', 'INSERT INTO github_issues'));
  assert.deepEqual(await logged(() => db.getInstance('id-of-mine')), read('SELECT id, type,'));
  assert.deepEqual(await logged(() => db.createInstance({})), [], 'nothing was asked of the database');
  const secret = await logged(() => db.setConfig('name-of-mine', 'value-of-mine', true));
  assert.ok(secret.includes('INSERT INTO user_config') && secret.includes('COMMIT'), secret);
  assert.ok((await logged(() => db.backup(join(dir, 'of-mine.db')))).length > 0);
  const steps = await logged(() => db.runMaintenance());
  assert.deepEqual(steps.filter((step) => /^(DELETE|VACUUM)/.test(step)), ['DELETE FROM mcp_events', 'VACUUM']);
  const script = `const { initializeDatabase } = await import(${JSON.stringify(new URL('../dist/instances.js', import.meta.url).href)});
    const db = await initializeDatabase({ local: { file: ':memory:' } });
    await db.logMCPEvent({ instance_id: 'of-mine', tool_name: 't', success: true }).catch(() => {});
    await db.disconnect();`;
  const { stdout, stderr } = await run(script, { env: { NODE_ENV: 'development' } });
  assert.equal(stdout, '');
  assert.match(stderr, /^(\[DRIZZLE QUERY\] [^\n]* \(\d+\.\d{3} ms\)\n)+$/);
  assert.match(stderr, /INSERT INTO mcp_events/);
  assert.ok(!stderr.includes('of-mine'));
  const silent = await run(script);
  assert.deepEqual([silent.stdout, silent.stderr], ['', '']);
});

// -------------------------------------------------------------------------------------------------------- migrate

test('runMigrations makes the tables in the file of a URL, again and again', async () => {
  const path = join(tempDir(), 'm.db');
  for (const url of [path, `file:${path}`]) {
    assert.equal(await runMigrations(url), undefined);
    assert.deepEqual(sql(path, 'SELECT module, version, name FROM schema_migrations'), [{ module: 'instances', version: 1, name: 'instances_schema' }]);
  }
});

test('runMigrationsWithDatabase takes a database of ours, a synchronous one, and Drizzle over it', async () => {
  const { db, path } = await openDatabase({ local: { autoMigrate: false } }, { ids: [] });
  assert.equal(await runMigrationsWithDatabase(db), undefined);
  assert.equal(await db.createInstance(instance('a')), 'a');
  assert.equal(sql(path, 'SELECT count(*) AS n FROM schema_migrations')[0].n, 1);
  const sync = new Database(':memory:');
  await runMigrationsWithDatabase(sync);
  await runMigrationsWithDatabase(sync);
  assert.equal(sync.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'relationships'").pluck().get(), 1);
  const { drizzle } = await import('../dist/drizzle.js');
  const other = new Database(':memory:');
  await runMigrationsWithDatabase(drizzle(other));
  assert.equal(other.prepare('SELECT count(*) FROM instances').pluck().get(), 0);
  sync.close();
  other.close();
});

test('a migration that cannot be made is DATABASE_SCHEMA_MIGRATION_FAILED', async () => {
  const path = join(tempDir(), 'm.db');
  sql(path, 'CREATE TABLE instances (mine)');
  const code = 'DATABASE_SCHEMA_MIGRATION_FAILED';
  const conflict = await fails(() => runMigrations(path), code);
  assert.equal(conflict.cause.code, 'MIGRATION_CONFLICT');
  assert.equal(conflict.details.error, conflict.cause.message);
  const sync = new Database(path);
  assert.equal((await fails(() => runMigrationsWithDatabase(sync), code)).cause.code, 'MIGRATION_CONFLICT');
  sync.close();
  await fails(() => runMigrationsWithDatabase(sync), code);
  const open = new Database(':memory:');
  open.exec('BEGIN');
  assert.equal((await fails(() => runMigrationsWithDatabase(open), code)).cause.code, 'MIGRATION_IN_TRANSACTION');
  open.close();
  for (const bad of [undefined, null, 1, '']) await fails(() => runMigrations(bad), code);
  for (const bad of [undefined, null, 'x.db', {}, { $client: {} }, []]) await fails(() => runMigrationsWithDatabase(bad), code);
  const { db } = await openDatabase();
  await db.disconnect();
  await fails(() => runMigrationsWithDatabase(db), code, { reason: 'closed' });
});

// -------------------------------------------------------------------------------------------------------- testing

test('the helpers for tests make databases and records', async () => {
  const memory = await testing.createInMemoryTestDb({ local: { foreignKeys: false, file: 'ignored.db' } });
  await memory.logMCPEvent(testing.generateTestMCPEvent());
  await memory.disconnect();
  assert.ok(!existsSync('ignored.db'));
  const { db, path, cleanup } = await testing.createTempFileTestDb();
  for (const record of testing.generateTestInstances(3, { type: 'review' })) await db.createInstance(record);
  assert.deepEqual((await db.listInstances()).map(({ type }) => type), ['review', 'review', 'review']);
  await db.upsertGitHubIssue(testing.generateTestGitHubIssue());
  const [a, b] = testing.generateTestInstances(2);
  await db.createInstance(a);
  await db.createInstance(b);
  await db.createRelationship(testing.generateTestRelationship({ parent_instance: a.id, child_instance: b.id }));
  assert.ok(existsSync(path));
  await cleanup();
  assert.ok(!existsSync(join(path, '..')));
  const filled = await testing.createTestDatabaseWithData();
  const instances = await filled.listInstances();
  assert.equal(instances.length, 3);
  const related = new Set();
  for (const { id } of instances) {
    assert.equal((await filled.getMCPEvents(id)).length, 2);
    for (const relation of await filled.getRelationships(id)) related.add(relation.id);
  }
  assert.equal(related.size, 2);
  await filled.disconnect();
  assert.equal(new Set(testing.generateTestInstances(100).map(({ id }) => id)).size, 100);
});

test('expectDatabaseError gives the error, and throws for everything else', async () => {
  const { db } = await openDatabase();
  const error = await testing.expectDatabaseError(() => db.createInstance(instance('a')), 'DATABASE_INSTANCE_EXISTS');
  assert.ok(error instanceof DatabaseError);
  for (const op of [() => db.createInstance(instance('a')), () => Promise.reject(new Error('x')), () => Promise.resolve(1)]) {
    await assert.rejects(() => testing.expectDatabaseError(op, 'DATABASE_QUERY_FAILED'), /Expected a DatabaseError with code DATABASE_QUERY_FAILED/);
  }
});
