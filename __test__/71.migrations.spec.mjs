// Migrations that are functions: database.md §3 (D5, D6, D8), migrations.md §4, §8, §10 (M1, M6, M7 and the bad input).
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { MigrationError, MigrationRunner, RunledgerError, discoverMigrationsSync } from 'runledger/database/migrations';
import { Database, SqliteError } from 'runledger/sqlite';
import * as root from 'runledger';
import { cleanUp, run, skipBusyThread, tempDir, test, track } from './support.mjs';

afterEach(cleanUp);

const memory = (options) => track(new Database(':memory:', options));
const file = (dir = tempDir()) => track(new Database(join(dir, 'm.db')));
const runner = (db, options = {}) => new MigrationRunner(db, { module: 'app', ...options });

/** A migration that runs one text; `down` drops the table of that name. */
const sql = (version, text, more = {}) => ({ version, name: `m${version}`, up: (db) => void db.exec(text), ...more });
const table = (version, name, more = {}) => sql(version, `CREATE TABLE ${name} (x)`, { down: (db) => void db.exec(`DROP TABLE ${name}`), ...more });

const names = (db) => db.prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY 1").pluck().all();
const tables = (db) => names(db).filter((name) => !name.includes('schema_migrations'));

/** The call throws a MigrationError with this code; returns it. */
function refused(call, code, message) {
  let thrown;
  assert.throws(call, (error) => {
    thrown = error;
    assert.ok(error instanceof MigrationError && error instanceof RunledgerError, error.stack);
    assert.equal(error.name, 'MigrationError');
    assert.equal(error.code, code, error.message);
    if (message instanceof RegExp) assert.match(error.message, message);
    else if (message !== undefined) assert.equal(error.message, message);
    return true;
  });
  return thrown;
}

/** The connection is as anybody would want to find it: no transaction, no guard, foreign keys as they were. */
function unharmed(db, foreignKeys = 1) {
  assert.equal(db.inTransaction, false);
  assert.equal(db.pragma('foreign_keys', { simple: true }), foreignKeys);
  db.exec('BEGIN; CREATE TABLE unharmed (x); COMMIT; DROP TABLE unharmed');
  db.transaction(() => db.transaction(() => assert.equal(db.inTransaction, true))())();
  db.prepare('VACUUM').run();
}

const applied = (version, name = `m${version}`) => ({ version, name, status: 'applied' });
const blocked = (version, reason, name = `m${version}`) => ({ version, name, status: 'blocked', reason });
const skipped = (version, name = `m${version}`) => ({ version, name, status: 'skipped', reason: 'Already applied' });
const APPROVAL = 'Destructive migration requires explicit approval';

// ---------------------------------------------------------------- the acceptance examples

test('M1 an SQL migration is known by the hash of its text, whatever its line ends; a function by version and name', () => {
  for (const text of ['CREATE TABLE a (x);\n', 'CREATE TABLE a (x);\r\n']) {
    const dir = tempDir();
    mkdirSync(join(dir, '001_a'));
    writeFileSync(join(dir, '001_a', 'up.sql'), text);
    const db = memory();
    runner(db).runMigrations([...discoverMigrationsSync(dir), { version: 2, name: 'm2', up() {} }]);
    assert.deepEqual(db.prepare('SELECT checksum FROM schema_migrations ORDER BY version').pluck().all(), [
      'sql:7d862b9d7b6880c11d236645cb0091f2fa70c6157b8e83a2a9af420a96135098',
      'js:2823c0bdde932b2935d5c533f9f625b0b764851dbfcbd97ce0d26e2c30a3c981',
    ]);
  }
});

test('M3, M4 a migration that turns out to lose data waits for approval, and those behind it wait for it', () => {
  const db = memory();
  const list = [table(1, 'a'), sql(2, 'DROP TABLE a'), table(3, 'c')];
  assert.deepEqual(runner(db).runMigrations(list), [applied(1), blocked(2, APPROVAL), blocked(3, 'Waiting for blocked migration 2')]);
  assert.deepEqual(tables(db), ['a']);
  unharmed(db);
  assert.deepEqual(runner(db).runMigrations(list, { allowDestructive: true }), [skipped(1), applied(2), applied(3)]);
  assert.deepEqual(tables(db), ['c']);
  assert.deepEqual(db.prepare('SELECT destructive FROM schema_migrations ORDER BY version').pluck().all(), [0, 1, 0]);
});

test('M5 a rebuild of a parent that would take its children along waits for approval, and they are still there', () => {
  const db = memory();
  const family = sql(1, `CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent(id) ON DELETE CASCADE)`);
  runner(db).runMigrations([family]);
  db.exec('INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1), (2, 1), (3, 1)');
  const rebuild = sql(2, `CREATE TABLE new_parent (id INTEGER PRIMARY KEY, name TEXT); INSERT INTO new_parent SELECT id, NULL FROM parent;
    DROP TABLE parent; ALTER TABLE new_parent RENAME TO parent`);
  const [, item] = runner(db).plan([family, rebuild]);
  assert.deepEqual([item.status, item.reason, item.detected], ['blocked', APPROVAL, true]);
  assert.deepEqual(item.changes.find(({ kind }) => kind === 'rows'), { kind: 'rows', object: 'table', name: 'child', before: 3, after: 0 });
  assert.deepEqual(runner(db).runMigrations([family, rebuild]), [skipped(1), blocked(2, APPROVAL)]);
  assert.equal(db.prepare('SELECT count(*) FROM child').pluck().get(), 3);
  unharmed(db);
});

test('M6 an error is thrown on with its cause, and nothing of the migration is left', () => {
  const db = memory();
  const boom = new Error('boom');
  const list = [table(1, 'a'), { version: 2, name: 'm2', up(it) { it.exec('CREATE TABLE p (x)'); throw boom; } }];
  const error = refused(() => runner(db).runMigrations(list), 'MIGRATION_FAILED', 'Failed to apply migration 2 (m2): Error: boom');
  assert.equal(error.cause, boom);
  assert.deepEqual([error.module, error.version, error.operation], ['app', 2, 'runMigrations']);
  assert.deepEqual(tables(db), ['a']);
  assert.equal(runner(db).getCurrentVersion(), 1);
  unharmed(db);
});

test('M7 an asynchronous migration is rolled back, its second half writes nothing, and its rejection is nobody’s', async () => {
  const db = file();
  const errors = [];
  const hear = (error) => errors.push(error);
  process.on('unhandledRejection', hear);
  let second;
  const up = async (it) => {
    it.exec('CREATE TABLE q (x)');
    await 0;
    try { it.exec('CREATE TABLE r (x)'); } catch (error) { second = error; throw error; }
  };
  const error = refused(() => runner(db).runMigrations([{ version: 1, name: 'q', up }]), 'MIGRATION_ASYNC', /^Failed to apply migration 1 \(q\): /);
  assert.equal(error.cause, undefined);
  assert.deepEqual(names(db), []);
  await delay(1000);
  process.off('unhandledRejection', hear);
  assert.ok(second instanceof TypeError);
  assert.equal(second.message, 'The migration has finished');
  assert.deepEqual(errors, []);
  assert.deepEqual(names(db), []);
  unharmed(db);
});

test('D5 a dry run creates nothing; then the built-in set is applied, and skipped from then on', () => {
  const db = memory();
  const it = new MigrationRunner(db);
  const list = discoverMigrationsSync();
  assert.deepEqual(list.map(({ version, name }) => [version, name]), [[1, 'initial_content_schema'], [2, 'add_audit_log']]);
  const each = (status, reason) => list.map(({ version, name }) => (reason ? { version, name, status, reason } : { version, name, status }));
  assert.deepEqual(it.runMigrations(list, { dryRun: true }), each('blocked', 'Dry run mode'));
  assert.deepEqual(names(db), []);
  assert.deepEqual(it.runMigrations(list), each('applied'));
  assert.deepEqual(it.runMigrations(list), each('skipped', 'Already applied'));
  assert.deepEqual(tables(db).filter((name) => !/idx|update/.test(name)), ['agents', 'audit_log', 'rules', 'workflows']);
});

test('D6 records have the time as text', () => {
  const db = memory();
  const it = new MigrationRunner(db);
  it.runMigrations(discoverMigrationsSync());
  const [{ applied_at, ...record }, ...others] = it.getAppliedMigrations();
  assert.deepEqual(record, { version: 1, name: 'initial_content_schema' });
  assert.match(applied_at, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  assert.ok(Math.abs(Date.parse(`${applied_at.replace(' ', 'T')}Z`) - Date.now()) < 5000, applied_at);
  assert.deepEqual(others.map((it) => it.version), [2]);
});

test('D8 only the highest migration can be rolled back by itself', () => {
  const db = memory();
  const list = [1, 2, 3, 4].map((version) => table(version, `t${version}`));
  const it = runner(db);
  it.runMigrations(list);
  refused(() => it.rollback(list[1]), 'MIGRATION_NOT_LATEST', 'Migration 2 is not the latest; roll back migration 4 first');
  assert.equal(it.getCurrentVersion(), 4);
  assert.equal(it.rollback(list[3]), undefined);
  assert.deepEqual([it.getCurrentVersion(), tables(db)], [3, ['t1', 't2', 't3']]);
  unharmed(db);
});

// ---------------------------------------------------------------- reading

test('the error classes are those of the other sub-paths', () => {
  assert.equal(RunledgerError, root.RunledgerError);
  assert.equal(MigrationError, root.MigrationError);
});

test('looking creates no journal, and the constructor neither reads nor writes', () => {
  const db = memory();
  const it = runner(db);
  assert.deepEqual([it.getAppliedMigrations(), it.getCurrentVersion(), it.isMigrationApplied(1)], [[], 0, false]);
  assert.deepEqual(it.validate(), { ok: true, problems: [] });
  assert.deepEqual(it.runMigrations([]), []);
  assert.deepEqual(names(db), []);
  it.runMigrations([table(1, 'a')]);
  assert.deepEqual([it.isMigrationApplied(1), it.isMigrationApplied(2), it.isMigrationApplied(NaN)], [true, false, false]);
  assert.deepEqual(it.runMigrations([]), []);
});

test('several modules keep their journals apart in one file', () => {
  const db = memory();
  runner(db).runMigrations([table(1, 'a')]);
  const other = runner(db, { module: 'other-1_x' });
  assert.equal(other.getCurrentVersion(), 0);
  other.runMigrations([table(1, 'b'), table(2, 'c')]);
  assert.deepEqual([runner(db).getCurrentVersion(), other.getCurrentVersion()], [1, 2]);
});

test('temporary tables of the caller, of whatever name, are left alone', () => {
  for (const shadow of ['CREATE TEMP TABLE schema_migrations (x)', 'CREATE TEMP TABLE schema_migrations (applied_at)', 'CREATE TEMP VIEW schema_migrations AS SELECT 1']) {
    const db = memory();
    db.exec(shadow);
    const before = db.prepare('SELECT * FROM temp.sqlite_schema').all();
    assert.deepEqual(runner(db).runMigrations([table(1, 'a')]), [applied(1)]);
    assert.deepEqual(names(db), ['a', 'idx_schema_migrations_applied_at', 'schema_migrations']);
    assert.deepEqual(db.prepare('SELECT * FROM temp.sqlite_schema').all(), before);
  }
  const db = memory();
  const builtIn = discoverMigrationsSync();
  new MigrationRunner(db).runMigrations(builtIn);
  db.exec('CREATE TEMP TABLE agents (x); CREATE TEMP TABLE audit_log (x)');
  new MigrationRunner(db).rollbackTo(0, builtIn);
  assert.deepEqual(tables(db), []);
  assert.deepEqual(db.prepare('SELECT name FROM temp.sqlite_schema').pluck().all(), ['agents', 'audit_log']);
});

test('a list is copied and sorted, and results come by version', () => {
  const db = memory();
  const list = Object.freeze([table(2, 'b'), table(1, 'a')]);
  assert.deepEqual(runner(db).runMigrations(list), [applied(1), applied(2)]);
});

test('up and down are methods of their migration', () => {
  class Create {
    version = 1;
    name = 'create';
    table = 'made';
    up(db) { db.exec(`CREATE TABLE ${this.table} (x)`); }
    down(db) { db.exec(`DROP TABLE ${this.table}`); }
  }
  const db = memory();
  runner(db).runMigrations([new Create()]);
  assert.deepEqual(tables(db), ['made']);
  runner(db).rollback(new Create());
  assert.deepEqual(tables(db), []);
});

test('the plan tells what would change, and flagged and waiting functions really run in it', () => {
  const db = memory();
  db.exec('CREATE TABLE old (x); INSERT INTO old VALUES (1), (2)');
  let runs = 0;
  const list = [
    table(1, 'a'),
    { ...sql(2, 'DELETE FROM old'), destructive: true },
    { version: 3, name: 'm3', up(it) { runs += 1; it.exec('ALTER TABLE a ADD COLUMN y'); } },
  ];
  const plan = runner(db).plan(list);
  for (const item of plan) assert.ok(item.executionMs >= 0), delete item.executionMs;
  assert.deepEqual(plan, [
    { version: 1, name: 'm1', destructive: false, detected: false, executed: true, status: 'blocked', reason: 'Dry run mode',
      changes: [{ kind: 'create', object: 'table', name: 'a' }] },
    { version: 2, name: 'm2', destructive: true, detected: true, executed: true, status: 'blocked', reason: APPROVAL,
      changes: [{ kind: 'rows', object: 'table', name: 'old', before: 2, after: 0 }] },
    { version: 3, name: 'm3', destructive: false, detected: false, executed: true, status: 'blocked', reason: 'Waiting for blocked migration 2',
      changes: [{ kind: 'create', object: 'column', name: 'y', table: 'a' }] },
  ]);
  assert.equal(runs, 1);
  assert.deepEqual(tables(db), ['old']);
  assert.equal(runner(db).plan(list, { allowDestructive: true })[1].reason, 'Dry run mode');
  const failing = [{ version: 1, name: 'm1', up() { throw new RangeError('no'); } }, table(2, 'b')];
  assert.deepEqual(runner(db).plan(failing).map(({ reason, executed }) => [reason, executed]),
    [['Would fail: no', true], ['Waiting for blocked migration 1', false]]);
  unharmed(db);
});

test('a dry run does not show in the data_version of another connection, and another file is not touched', () => {
  const dir = tempDir();
  const [db, other] = [file(dir), file(dir)];
  db.exec('CREATE TABLE old (x)');
  const before = other.pragma('data_version', { simple: true });
  runner(db).runMigrations([table(1, 'a'), sql(2, 'DROP TABLE old'), table(3, 'b', { foreignKeys: false })], { dryRun: true, allowDestructive: true });
  assert.equal(other.pragma('data_version', { simple: true }), before);
  unharmed(db);
});

test('the logger hears of runs and of blocked migrations, and one that throws is ignored', () => {
  const db = memory();
  const lines = [];
  const logger = { info: (text, fields) => lines.push(['info', text, fields.applied]), warn: (text, fields) => lines.push(['warn', text, fields.version]) };
  const list = [table(1, 'a'), sql(2, 'DROP TABLE a')];
  runner(db, { logger }).runMigrations(list, { dryRun: true });
  assert.deepEqual(lines, []);
  runner(db, { logger }).runMigrations(list);
  assert.deepEqual(lines, [['warn', `app: blocked 2 m2 (${APPROVAL})`, 2], ['info', 'app: applied 1 of 2 migrations', 1]]);
  runner(db, { logger: { info() { throw new Error('no'); } } }).runMigrations(list);
});

// ---------------------------------------------------------------- rolling back

test('rollbackTo goes from the top down and returns what is gone', () => {
  const db = memory();
  const it = runner(db);
  const list = [table(1, 'a'), table(2, 'b'), table(3, 'c')];
  it.runMigrations(list);
  const records = it.getAppliedMigrations();
  assert.deepEqual(it.rollbackTo(1, list), [records[2], records[1]]);
  assert.deepEqual([tables(db), it.getCurrentVersion()], [['a'], 1]);
  assert.deepEqual(it.rollbackTo(0, list), [records[0]]);
  assert.deepEqual(names(db).filter((name) => name.startsWith('idx')), ['idx_schema_migrations_applied_at']);
});

test('a rollback that is not possible changes nothing', () => {
  const db = memory();
  const it = runner(db);
  const list = [table(1, 'a', { down: undefined }), table(2, 'b'), table(3, 'c')];
  it.runMigrations(list.slice(0, 2));
  for (const target of [2, 3, -1, 0.5, NaN, Infinity, '1', undefined, null]) {
    refused(() => it.rollbackTo(target, list), 'MIGRATION_INVALID_TARGET');
  }
  const found = (target, shown) => refused(() => it.rollbackTo(target, list), 'MIGRATION_INVALID_TARGET',
    `Rollback target must be an integer from 0 to 1, found ${shown}`);
  for (const [target, shown] of [['1', '"1"'], [NaN, 'NaN'], [Infinity, 'Infinity'], [null, 'null'], [undefined, 'null'], [1n, 'something else']]) {
    found(target, shown);
  }
  found({ get x() { throw new Error('nobody looks'); } }, 'an object');
  refused(() => it.rollbackTo(0, list), 'MIGRATION_NO_DOWN', 'Migration 1 does not support rollback');
  refused(() => it.rollback(list[2]), 'MIGRATION_INVALID_TARGET', 'Migration 3 is not applied');
  refused(() => it.rollback(table(2, 'b', { name: 'renamed' })), 'MIGRATION_DIVERGED');
  refused(() => it.rollbackTo(1, list.slice(0, 1)), 'MIGRATION_AHEAD');
  refused(() => it.rollbackTo(1, [list[1]]), 'MIGRATION_GAP');
  refused(() => it.rollback(undefined), 'MIGRATION_INVALID');
  assert.equal(it.getCurrentVersion(), 2);
  it.rollback(list[1]);
  refused(() => it.rollback(list[0]), 'MIGRATION_NO_DOWN', 'Migration 1 does not support rollback');
  assert.deepEqual(tables(db), ['a']);
  unharmed(db);
});

test('a down that throws or is asynchronous is undone; the steps before it stay', () => {
  const db = memory();
  const it = runner(db);
  const boom = new TypeError('boom');
  const list = [
    table(1, 'a', { async down(db) { db.exec('DROP TABLE a'); } }),
    table(2, 'b', { down(db) { db.exec('DROP TABLE b'); throw boom; } }),
    table(3, 'c'),
  ];
  it.runMigrations(list);
  const error = refused(() => it.rollbackTo(0, list), 'MIGRATION_FAILED', 'Failed to roll back migration 2 (m2): TypeError: boom');
  assert.equal(error.cause, boom);
  assert.deepEqual([tables(db), it.getCurrentVersion()], [['a', 'b'], 2]);
  it.rollback(table(2, 'b'));
  refused(() => it.rollback(list[0]), 'MIGRATION_ASYNC');
  assert.deepEqual([tables(db), it.getCurrentVersion()], [['a'], 1]);
  unharmed(db);
});

test('the built-in set can be continued by functions, and rolled back in one go', () => {
  const db = memory();
  const it = new MigrationRunner(db);
  const list = [...discoverMigrationsSync(), table(3, 'mine')];
  db.exec('CREATE TABLE agents (id INTEGER PRIMARY KEY, mine TEXT)');
  refused(() => it.runMigrations(list), 'MIGRATION_CONFLICT');
  assert.deepEqual(tables(db), ['agents']);
  db.exec('DROP TABLE agents');
  it.runMigrations(list);
  assert.deepEqual(it.validate(), { ok: true, problems: [] });
  assert.deepEqual(it.rollbackTo(0, list).map((it) => it.version), [3, 2, 1]);
  assert.deepEqual(tables(db), []);
  it.runMigrations(list.slice(0, 2));
  new MigrationRunner(db).rollback(discoverMigrationsSync()[1]);
  assert.equal(it.getCurrentVersion(), 1);
});

// ---------------------------------------------------------------- what a migration may and may not do

test('inside a migration statements are refused that would leave its transaction', () => {
  for (const text of ['COMMIT', 'ROLLBACK', 'BEGIN', 'END', "ATTACH ':memory:' AS x", 'DETACH x', 'VACUUM', 'PRAGMA writable_schema = ON',
    'PRAGMA foreign_keys = OFF', 'PRAGMA journal_mode = WAL', 'PRAGMA main.foreign_keys', 'SAVEPOINT runledger_step', 'RELEASE runledger_step']) {
    const db = memory();
    const list = [sql(1, `CREATE TABLE p (x); ${text}`)];
    const error = refused(() => runner(db).runMigrations(list), 'MIGRATION_FAILED', /^Failed to apply migration 1 \(m1\): SqliteError: /);
    assert.ok(error.cause instanceof SqliteError);
    assert.deepEqual(names(db), [], text);
    unharmed(db);
    // An error that is swallowed changes nothing either.
    runner(db).runMigrations([{ version: 1, name: 'm1', up(it) { try { it.exec(text); } catch { /* ignored */ } it.exec('CREATE TABLE p (x)'); } }]);
    assert.deepEqual(tables(db), ['p'], text);
    unharmed(db);
  }
});

test('a statement that was compiled before the migration is refused all the same', () => {
  const db = memory();
  const commit = db.prepare('COMMIT');
  refused(() => runner(db).runMigrations([{ version: 1, name: 'a', up(it) { it.exec('CREATE TABLE p (x)'); commit.run(); } }]), 'MIGRATION_FAILED');
  assert.deepEqual(names(db), []);
  unharmed(db);
});

test('savepoints and transactions are allowed inside, and what they undo is undone', () => {
  const db = memory();
  runner(db).runMigrations([{
    version: 1,
    name: 'a',
    up(it) {
      it.exec('CREATE TABLE t (x)');
      const insert = it.prepare('INSERT INTO t VALUES (?)');
      it.transaction(() => {
        insert.run(1);
        assert.throws(() => it.transaction(() => { insert.run(2); throw new Error('no'); })(), /no/);
      })();
      it.exec('SAVEPOINT s; INSERT INTO t VALUES (3); ROLLBACK TO s; RELEASE s; SAVEPOINT open_to_the_end; INSERT INTO t VALUES (4)');
      assert.equal(it.inTransaction, true);
    },
  }]);
  assert.deepEqual(db.prepare('SELECT x FROM t').pluck().all(), [1, 4]);
  unharmed(db);
});

test('foreign keys are off for a migration that says so, on again whatever happens, and checked before the commit', () => {
  const db = memory();
  db.exec('CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child (id INTEGER REFERENCES parent ON DELETE CASCADE); INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1), (2)');
  const rebuild = `CREATE TABLE other (id INTEGER PRIMARY KEY, more TEXT); INSERT INTO other SELECT id, '' FROM parent; DROP TABLE parent; ALTER TABLE other RENAME TO parent`;
  const allow = { allowDestructive: true };
  const error = refused(() => runner(db).runMigrations([{ ...sql(1, 'DELETE FROM parent WHERE id = 2'), foreignKeys: false }], allow), 'MIGRATION_FOREIGN_KEY');
  assert.deepEqual(error.details, { table: 'child', rowid: 2, parent: 'parent' });
  unharmed(db);
  assert.deepEqual(runner(db).runMigrations([{ ...sql(1, rebuild), foreignKeys: false }], allow), [applied(1)]);
  assert.equal(db.prepare('SELECT count(*) FROM child').pluck().get(), 2);
  refused(() => runner(db).runMigrations([sql(1, ''), { version: 2, name: 'm2', foreignKeys: false, up() { throw new Error('no'); } }]), 'MIGRATION_FAILED');
  unharmed(db);
  db.pragma('foreign_keys = OFF');
  runner(db).runMigrations([sql(1, ''), { version: 2, name: 'm2', foreignKeys: false, up() {} }, sql(3, '')]);
  unharmed(db, 0);
});

test('what the migration was given is of no use afterwards: the database, its statements, its iterators, its transactions', () => {
  const db = file();
  const kept = {};
  runner(db).runMigrations([{
    version: 1,
    name: 'a',
    up(it) {
      it.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)');
      kept.db = it;
      kept.insert = it.prepare('INSERT INTO t VALUES (?)');
      kept.select = it.prepare('SELECT x FROM t WHERE x > ?');
      kept.rows = it.prepare('SELECT x FROM t').iterate();
      kept.transaction = it.transaction(() => kept.insert.run(3));
      assert.equal(kept.rows.next().value.x, 1);
      assert.equal(it.name, db.name);
      assert.ok(it instanceof Database);
    },
  }]);
  const finished = { name: 'TypeError', message: 'The migration has finished', code: 'ERR_NOT_OPEN' };
  for (const use of [
    () => kept.db.exec('CREATE TABLE u (x)'), () => kept.db.prepare('SELECT 1'), () => kept.db.pragma('user_version'), () => kept.db.transaction(() => {}),
    () => kept.db.close(), () => kept.db.defaultSafeIntegers(), () => kept.insert.run(3), () => kept.select.get(0), () => kept.select.all(0), () => kept.select.iterate(0),
    () => kept.select.raw(), () => kept.select.pluck(), () => kept.select.columns(), () => kept.select.bind(1), () => kept.rows.next(), () => kept.transaction(),
  ]) assert.throws(use, finished, String(use));
  assert.equal(kept.db.open, false);
  assert.deepEqual(db.prepare('SELECT x FROM t').pluck().all(), [1, 2]);
  unharmed(db);
  db.close();
});

test('an iteration that is left open does not keep the migration from ending, a write that returns rows neither', () => {
  const db = memory();
  db.exec('CREATE TABLE old (x); INSERT INTO old VALUES (1), (2), (3)');
  let own;
  const open = (it) => {
    own = db.prepare('INSERT INTO t VALUES (7), (8), (9) RETURNING x').iterate();
    own.next();
    it.prepare('SELECT x FROM old').iterate().next();
  };
  const up = (it) => { it.exec('CREATE TABLE t (x)'); open(it); };
  refused(() => runner(db).runMigrations([{ version: 1, name: 'a', up(it) { up(it); throw new Error('no'); } }]), 'MIGRATION_FAILED');
  assert.deepEqual(tables(db), ['old']);
  unharmed(db);
  runner(db).runMigrations([{ version: 1, name: 'a', up, down(it) { open(it); it.prepare('SELECT 1').iterate(); } }, table(2, 'u')]);
  assert.deepEqual(own.next(), { value: undefined, done: true });
  assert.equal(db.prepare('SELECT count(*) FROM t').pluck().get(), 3);
  unharmed(db);
  runner(db).rollbackTo(1, [table(1, 't', { name: 'a' }), table(2, 'u')]);
  refused(() => runner(db).rollback({ version: 1, name: 'a', up, down: open, x: db.exec('DROP TABLE old') && 1 }), 'MIGRATION_FAILED');
  unharmed(db);
});

test('a migration whose statement rolled everything back fails, even if it swallowed the error', () => {
  const db = memory();
  const up = (it) => {
    it.exec('CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES (1)');
    try { it.exec('INSERT OR ROLLBACK INTO t VALUES (1)'); } catch { /* ignored */ }
    try { it.exec('CREATE TABLE late (x)'); } catch { /* refused: it would be committed by itself */ }
    for (const own of [it, db]) assert.throws(() => own.transaction(() => {})(), { code: 'SQLITE_AUTH' });
  };
  refused(() => runner(db).runMigrations([{ version: 1, name: 'a', up }]), 'MIGRATION_FAILED', /rolled its transaction back/);
  assert.deepEqual(names(db), []);
  unharmed(db);
  assert.match(runner(db).plan([{ version: 1, name: 'a', up }])[0].reason, /^Would fail: .*rolled its transaction back/);
  unharmed(db);
});

test('a migration that makes the connection unable to write fails, and leaves no transaction', () => {
  const db = memory();
  refused(() => runner(db).runMigrations([sql(1, 'CREATE TABLE t (x); PRAGMA query_only = ON')]), 'MIGRATION_FAILED', /readonly database/);
  assert.deepEqual([names(db), db.inTransaction], [[], false]);
  db.pragma('query_only = OFF');
  unharmed(db);
});

test('migrations do not nest: running, planning or rolling back inside one is refused; reading is not', () => {
  const db = memory();
  const it = runner(db);
  const list = [table(1, 'a'), {
    version: 2,
    name: 'm2',
    up(inner) {
      for (const own of [it, runner(inner), runner(db, { module: 'other' })]) {
        for (const call of [() => own.runMigrations([table(1, 'b')]), () => own.plan([table(1, 'b')]), () => own.rollback(list[0]), () => own.rollbackTo(0, list)]) {
          refused(call, 'MIGRATION_IN_TRANSACTION', 'Migrations cannot run inside a migration');
        }
      }
      assert.deepEqual([it.getCurrentVersion(), runner(inner).getCurrentVersion(), runner(inner).validate().ok], [1, 1, true]);
      inner.exec('CREATE TABLE b (x)');
    },
  }];
  assert.deepEqual(it.runMigrations(list), [applied(1), applied(2)]);
  assert.deepEqual(tables(db), ['a', 'b']);
  const error = refused(() => runner(db, { module: 'x' }).runMigrations([{ version: 1, name: 'x', up: () => it.runMigrations(list) }]), 'MIGRATION_FAILED');
  assert.equal(error.cause.code, 'MIGRATION_IN_TRANSACTION');
  unharmed(db);
});

test('the database cannot be closed in the middle of a migration', () => {
  const db = memory();
  const up = (it) => {
    it.exec('CREATE TABLE a (x)');
    for (const close of [() => db.close(), () => it.close(), () => it[Symbol.dispose]()]) {
      assert.throws(close, { name: 'TypeError', code: 'ERR_BUSY', message: 'This database connection is running a migration' });
    }
  };
  runner(db).runMigrations([{ version: 1, name: 'm1', up }]);
  assert.deepEqual([db.open, tables(db)], [true, ['a']]);
  db.close();
  assert.throws(() => runner(db).runMigrations([table(1, 'a')]), { name: 'TypeError', code: 'ERR_NOT_OPEN' });
  assert.throws(() => runner(db).getCurrentVersion(), { name: 'TypeError', code: 'ERR_NOT_OPEN' });
  assert.throws(() => runner(db).validate(), { name: 'TypeError', code: 'ERR_NOT_OPEN' });
});

test('a client that is closed in the middle of a migration of its connection takes nothing else with it', async () => {
  const client = track(new root.DrizzleTelemetryDB({ dbPath: join(tempDir(), 't.db') }));
  const { $client: db } = await client.getDatabase();
  let closed, other;
  const up = (it) => {
    it.exec('CREATE TABLE mine (x)');
    closed = client.close();
    other = memory();
    assert.throws(() => it.exec('CREATE TABLE lost (x)'));
  };
  assert.throws(() => runner(db).runMigrations([{ version: 1, name: 'm1', up }]));
  await closed;
  assert.deepEqual(names(other), []);
  assert.equal(db.open, false);
});

test('inside a transaction of the caller migrations do not run, but can be looked at', () => {
  const db = memory();
  db.exec('BEGIN; CREATE TABLE mine (x)');
  refused(() => runner(db).runMigrations([table(1, 'a')]), 'MIGRATION_IN_TRANSACTION');
  refused(() => runner(db).plan([table(1, 'a')]), 'MIGRATION_IN_TRANSACTION');
  refused(() => runner(db).rollbackTo(0, [table(1, 'a')]), 'MIGRATION_IN_TRANSACTION');
  refused(() => runner(db).rollback(table(1, 'a')), 'MIGRATION_IN_TRANSACTION');
  assert.deepEqual([runner(db).getAppliedMigrations(), runner(db).validate().ok, db.inTransaction], [[], true, true]);
  db.exec('COMMIT');
  assert.deepEqual(tables(db), ['mine']);
});

test('while rows are being read, migrations wait for the end; the iteration goes on', () => {
  const db = memory();
  db.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1), (2)');
  const seen = [];
  for (const { x } of db.prepare('SELECT x FROM t').iterate()) {
    seen.push(x);
    assert.throws(() => runner(db).runMigrations([table(1, 'a')]), { name: 'TypeError', code: 'ERR_BUSY' });
    assert.equal(runner(db).getCurrentVersion(), 0);
  }
  assert.deepEqual([seen, tables(db)], [[1, 2], ['t']]);
});

test('statements of the caller see what a migration has changed', () => {
  const db = memory();
  db.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1)');
  const all = db.prepare('SELECT * FROM t');
  const insert = db.prepare('INSERT INTO t (x) VALUES (?)');
  assert.deepEqual(all.all(), [{ x: 1 }]);
  runner(db).runMigrations([{ version: 1, name: 'a', up(it) { it.exec('ALTER TABLE t ADD COLUMN y'); insert.run(2); } }]);
  assert.deepEqual(all.all(), [{ x: 1, y: null }, { x: 2, y: null }]);
});

test('verbose and safe integers hold for the connection that a migration is given', () => {
  const lines = [];
  const db = memory({ verbose: (text) => lines.push(text) }).defaultSafeIntegers();
  let value;
  runner(db).runMigrations([{ version: 1, name: 'a', up(it) { value = it.prepare('SELECT 1').pluck().get(); } }]);
  assert.deepEqual([value, lines], [1n, ['SELECT 1']]);
});

// ---------------------------------------------------------------- whatever is thrown

test('whatever is thrown arrives as it is, with a text that can be read', () => {
  const hostile = { get message() { throw new Error('message'); }, toString() { throw new Error('toString'); } };
  const error = Object.assign(new Error('x'), { toString: () => 'own text' });
  class Odd extends Error { get message() { throw new Error('message'); } }
  for (const [value, text] of [
    ['text', 'text'], [undefined, 'undefined'], [null, 'null'], [5, '5'], [Symbol('s'), 'Symbol(s)'], [{}, '[object Object]'], [hostile, '[object Object]'],
    [Object.create(null), '[object Object]'], [error, 'own text'], [new Error(''), 'Error'], ['a\ud800b', 'a\ufffdb'], [new Odd(), '[object Error]'],
  ]) {
    const db = memory();
    const up = (it) => { it.exec('CREATE TABLE p (x)'); throw value; };
    const thrown = refused(() => runner(db).runMigrations([{ version: 1, name: 'a', up }]), 'MIGRATION_FAILED', `Failed to apply migration 1 (a): ${text}`);
    assert.equal(thrown.cause, value);
    assert.match(runner(db).plan([{ version: 1, name: 'a', up }])[0].reason, /^Would fail: /);
    assert.deepEqual(names(db), []);
    unharmed(db);
  }
});

test('a thenable is refused whatever it does; a getter that throws fails the migration', () => {
  for (const [result, code] of [
    [Promise.resolve(), 'MIGRATION_ASYNC'], [Promise.reject(new Error('later')), 'MIGRATION_ASYNC'], [{ then() {} }, 'MIGRATION_ASYNC'],
    [{ get then() { throw new Error('then'); } }, 'MIGRATION_FAILED'], [{ then() { throw new Error('then'); } }, 'MIGRATION_FAILED'],
  ]) {
    const db = memory();
    refused(() => runner(db).runMigrations([{ version: 1, name: 'a', up(it) { it.exec('CREATE TABLE p (x)'); return result; } }]), code);
    assert.deepEqual(names(db), []);
    unharmed(db);
  }
  const db = memory();
  runner(db).runMigrations([{ version: 1, name: 'a', up: () => ({ then: 'no function' }) }, { version: 2, name: 'b', up: () => 7 }]);
});

test('a generator is refused, because nothing of it would run', () => {
  for (const up of [function* (it) { it.exec('CREATE TABLE p (x)'); }, async function* (it) { it.exec('CREATE TABLE p (x)'); }]) {
    const db = memory();
    refused(() => runner(db).runMigrations([{ version: 1, name: 'a', up }]), 'MIGRATION_FAILED', /cannot be a generator/);
    assert.deepEqual(names(db), []);
  }
});

test('getters of a migration that throw have written nothing', () => {
  const db = memory();
  const trap = new Error('trap');
  for (const key of ['version', 'name', 'up', 'down', 'destructive', 'foreignKeys']) {
    const list = [table(1, 'a'), Object.defineProperty(table(2, 'b'), key, { get() { throw trap; } })];
    for (const call of [() => runner(db).runMigrations(list), () => runner(db).plan(list), () => runner(db).rollbackTo(0, list)]) assert.throws(call, trap);
    assert.deepEqual(names(db), []);
    unharmed(db);
  }
  // Read once: a getter that answers differently later has no say.
  let reads = 0;
  runner(db).runMigrations([{ get version() { reads += 1; return 1; }, name: 'a', up() {} }]);
  assert.equal(reads, 1);
});

test('a stack that overflows in a migration is an error like any other', () => {
  const db = memory();
  const deep = () => deep() + 1;
  const error = refused(() => runner(db).runMigrations([{ version: 1, name: 'a', up(it) { it.exec('CREATE TABLE p (x)'); deep(); } }]), 'MIGRATION_FAILED');
  assert.ok(error.cause instanceof RangeError);
  assert.deepEqual(names(db), []);
  unharmed(db);
});

/** A file of two migrations, whose second one runs `middle`; `after` looks at what the end of its process or thread has left. */
function endInTheMiddle(middle) {
  const dir = tempDir();
  const path = join(dir, 'm.db');
  file(dir).exec('CREATE TABLE mine (x)');
  const script = `
    import { createRequire } from 'node:module';
    import { parentPort } from 'node:worker_threads';
    const require = createRequire(${JSON.stringify(import.meta.url)});
    const { MigrationRunner } = require('runledger/database/migrations');
    const { Database } = require('runledger/sqlite');
    const table = (version, then) => ({ version, name: 'm' + version, up(db) { db.exec('CREATE TABLE t' + version + ' (x)'); then?.(); } });
    new MigrationRunner(new Database(${JSON.stringify(path)}), { module: 'app' }).runMigrations([table(1), table(2, () => { ${middle} })]);
  `;
  const after = () => {
    const db = file(dir);
    assert.equal(runner(db).getCurrentVersion(), 1);
    assert.deepEqual(tables(db), ['mine', 't1']);
    unharmed(db);
    db.close();
  };
  return { dir, script, after };
}

test('a process that ends in the middle of a migration has changed nothing and holds no lock', async () => {
  const exiting = endInTheMiddle('process.exit(7);');
  const { code } = await run(exiting.script);
  assert.equal(code, 7);
  exiting.after();
  const killed = endInTheMiddle("process.kill(process.pid, 'SIGKILL'); for (;;);");
  const { signal } = await run(killed.script);
  assert.equal(signal, 'SIGKILL');
  killed.after();
});

test('a thread that ends in the middle of a migration has changed nothing and holds no lock', { skip: skipBusyThread }, async () => {
  const { dir, script, after } = endInTheMiddle("parentPort.postMessage('in'); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);");
  const module = join(dir, 'worker.mjs');
  writeFileSync(module, script);
  const worker = new Worker(module);
  await once(worker, 'message');
  await worker.terminate();
  after();
});

// ---------------------------------------------------------------- bad input

test('lists that are none: a gap, a double, a version or a name or a function that is none', () => {
  const db = memory();
  const trap = { get inside() { return assert.fail('nobody has to look at this'); } };
  const gap = (at) => `Migration versions must be sequential starting from 1. Found gap at version ${at}`;
  for (const [list, code, message] of [
    [[table(1, 'a'), table(3, 'c')], 'MIGRATION_GAP', gap(2)],
    [[table(1, 'a'), table(1, 'b')], 'MIGRATION_GAP', gap(2)],
    [[table(2, 'b')], 'MIGRATION_GAP', gap(1)],
    [[table(0, 'a')], 'MIGRATION_INVALID', 'Migration version must be an integer from 1, found 0'],
    [[table(1.5, 'a')], 'MIGRATION_INVALID', 'Migration version must be an integer from 1, found 1.5'],
    [[table(NaN, 'a')], 'MIGRATION_INVALID', 'Migration version must be an integer from 1, found NaN'],
    [[table('1', 'a')], 'MIGRATION_INVALID', 'Migration version must be an integer from 1, found "1"'],
    [[table(1n, 'a')], 'MIGRATION_INVALID'],
    [[table(1, 'a', { name: '' })], 'MIGRATION_INVALID', 'Migration name must not be empty, found ""'],
    [[table(1, 'a', { name: undefined })], 'MIGRATION_INVALID'],
    [[table(1, 'a', { name: trap })], 'MIGRATION_INVALID', 'Migration name must be a well-formed text, found an object'],
    [[table(trap, 'a')], 'MIGRATION_INVALID'],
    [[table(1, 'a', { up: trap })], 'MIGRATION_INVALID'],
    [[table(1, 'a', { down: [trap] })], 'MIGRATION_INVALID', 'down of migration 1 (m1) must be a function, found a list'],
    [trap, 'MIGRATION_INVALID'],
    [[table(1, 'a', { name: '\ud800' })], 'MIGRATION_INVALID'],
    [[table(1, 'a', { up: undefined })], 'MIGRATION_INVALID', 'up of migration 1 (m1) must be a function, found undefined'],
    [[table(1, 'a', { up: 'CREATE TABLE x (y)' })], 'MIGRATION_INVALID'],
    [[table(1, 'a', { up: true })], 'MIGRATION_INVALID'],
    [[table(1, 'a', { down: 'DROP TABLE x' })], 'MIGRATION_INVALID'],
    [[table(1, 'a', { down: true })], 'MIGRATION_INVALID'],
    [[table(1, 'a', { destructive: 'no' })], 'MIGRATION_INVALID'],
    [[table(1, 'a', { foreignKeys: 0 })], 'MIGRATION_INVALID'],
    [[table(1, 'a'), null], 'MIGRATION_INVALID'],
    [[undefined], 'MIGRATION_INVALID'],
    [[() => {}], 'MIGRATION_INVALID'],
    [new Array(1), 'MIGRATION_INVALID'],
    [undefined, 'MIGRATION_INVALID'],
    [null, 'MIGRATION_INVALID'],
    ['list', 'MIGRATION_INVALID'],
    [new Set([table(1, 'a')]), 'MIGRATION_INVALID'],
  ]) {
    for (const call of [() => runner(db).runMigrations(list), () => runner(db).plan(list), () => runner(db).rollbackTo(0, list)]) {
      refused(call, code, message);
    }
    assert.deepEqual(names(db), []);
    unharmed(db);
  }
});

test('options and arguments of the wrong type are refused', () => {
  const db = memory();
  for (const options of [null, 5, { allowDestructive: 'yes' }, { dryRun: 1 }, { dryRun: null }]) {
    refused(() => runner(db).runMigrations([table(1, 'a')], options), 'MIGRATION_INVALID');
  }
  for (const value of [undefined, null, {}, 'app.db', { exec() {}, prepare() {} }, Object.create(Database.prototype)]) {
    assert.throws(() => new MigrationRunner(value).getCurrentVersion());
  }
  refused(() => new MigrationRunner({}), 'MIGRATION_INVALID');
  refused(() => new MigrationRunner(db, null), 'MIGRATION_INVALID');
  for (const logger of [null, 5, 'console']) refused(() => new MigrationRunner(db, { logger }), 'MIGRATION_INVALID');
  for (const module of ['telemetry', 'usage', 'analytics', 'instances', '', 'A', '1a', 'a b', 'ä', 'a'.repeat(65), 5, null, Symbol('s')]) {
    refused(() => new MigrationRunner(db, { module }), 'MIGRATION_INVALID_MODULE');
  }
  for (const module of [undefined, 'database', 'a'.repeat(64)]) new MigrationRunner(db, { module });
  assert.deepEqual(names(db), []);
});

test('a list that differs from what was applied is noticed, and nothing is done', () => {
  const db = memory();
  runner(db).runMigrations([table(1, 'a'), table(2, 'b')]);
  const renamed = refused(() => runner(db).runMigrations([table(1, 'a'), table(2, 'b', { name: 'other' }), table(3, 'c')]), 'MIGRATION_DIVERGED');
  assert.deepEqual(renamed.details, { version: 2, expected: 'other', found: 'm2' });
  refused(() => runner(db).runMigrations([table(1, 'a')]), 'MIGRATION_AHEAD');
  db.exec('DELETE FROM schema_migrations WHERE version = 1');
  refused(() => runner(db).runMigrations([table(1, 'a'), table(2, 'b')]), 'MIGRATION_GAP');
  assert.deepEqual(tables(db), ['a', 'b']);
  const other = memory();
  other.exec('CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, foo TEXT)');
  for (const call of [() => runner(other).runMigrations([table(1, 'a')]), () => runner(other).getCurrentVersion(), () => runner(other).plan([table(1, 'a')])]) {
    refused(call, 'MIGRATION_CONFLICT');
  }
});

test('a read-only connection applies nothing and reads everything', () => {
  const dir = tempDir();
  file(dir).exec('CREATE TABLE mine (x)');
  const db = track(new Database(join(dir, 'm.db'), { readonly: true }));
  refused(() => runner(db).runMigrations([table(1, 'a')]), 'MIGRATION_READONLY');
  refused(() => runner(db).plan([table(1, 'a')]), 'MIGRATION_READONLY');
  runner(file(dir)).runMigrations([table(1, 'a')]);
  assert.deepEqual(runner(db).runMigrations([table(1, 'a')]), [skipped(1)]);
  refused(() => runner(db).rollbackTo(0, [table(1, 'a')]), 'MIGRATION_READONLY');
  assert.deepEqual([runner(db).getCurrentVersion(), runner(db).validate().ok, tables(db)], [1, true, ['a', 'mine']]);
});

test('a lock that stays is SQLite’s own error, and nothing is done', () => {
  const dir = tempDir();
  const holder = file(dir);
  holder.exec('BEGIN IMMEDIATE; CREATE TABLE held (x)');
  const db = track(new Database(join(dir, 'm.db'), { timeout: 20 }));
  let ran = false;
  assert.throws(() => runner(db).runMigrations([{ version: 1, name: 'a', up() { ran = true; } }]), { name: 'SqliteError', code: 'SQLITE_BUSY' });
  assert.equal(ran, false);
  holder.exec('ROLLBACK');
  unharmed(db);
  runner(db).runMigrations([table(1, 'a')]);
});

// ---------------------------------------------------------------- validation

test('validation finds what SQL migrations declare and nobody has any more, and what is wrong with the file', () => {
  const db = memory();
  const it = new MigrationRunner(db);
  it.runMigrations(discoverMigrationsSync());
  db.exec('DROP TABLE audit_log; DROP INDEX idx_rules_tags; CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p)');
  db.pragma('foreign_keys = OFF');
  db.exec('INSERT INTO c VALUES (1)');
  const problems = [
    { kind: 'missing', object: 'audit_log', message: 'table audit_log is missing' },
    { kind: 'missing', object: 'idx_rules_tags', message: 'index idx_rules_tags is missing' },
    { kind: 'foreign_key', object: 'c', message: 'row 1 of c refers to a missing row of p' },
  ];
  assert.deepEqual(it.validate(), { ok: false, problems });
  assert.deepEqual(new MigrationRunner(db).validate(), { ok: false, problems }, 'the built-in set needs no list');
});

test('a function may drop what an earlier migration declared: that is not missing', () => {
  const db = memory();
  const it = new MigrationRunner(db);
  const list = [...discoverMigrationsSync(), sql(3, 'DROP INDEX idx_rules_tags'), sql(4, 'DROP TABLE workflows')];
  it.runMigrations(list.slice(0, 3));
  assert.deepEqual(it.validate(), { ok: true, problems: [] });
  db.exec('DROP TABLE audit_log');
  assert.deepEqual(it.validate().problems.map(({ object }) => object), ['audit_log']);
  it.runMigrations(list, { allowDestructive: true });
  assert.deepEqual(it.validate(), { ok: true, problems: [] });
});

test('validation tells where journal and list differ', () => {
  const db = memory();
  const it = runner(db);
  it.runMigrations([table(1, 'a')]);
  db.exec("UPDATE schema_migrations SET name = 'changed'");
  assert.deepEqual(it.validate().problems.map(({ kind, object }) => [kind, object]), [['diverged', 'app 1']]);
  db.exec('UPDATE schema_migrations SET version = 2');
  assert.deepEqual(runner(db).validate().problems.map(({ kind }) => kind), ['diverged']);
});
