// runledger/database: which migrations apply, what is logged, and bad input row by row. database.md §1, §4, §5, §7.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppDatabaseError, initDatabase, MigrationError } from 'runledger/database';
import { Database, SqliteError } from 'runledger/sqlite';
import { cleanUp, foreign, isBun, isDeno, listener, runtimeWords, skipWithoutPython, tempDir, test } from './support.mjs';
import { using } from './fixtures/database.mjs';
import { leavesAlone, ordinary, skipWithoutPermissions, execute, program } from './fixtures/cli.mjs';

afterEach(cleanUp);

const skip = skipWithoutPython;

const create = (version, table = `t${version}`) => ({
  version, name: `create_${table}`, up: (db) => db.exec(`CREATE TABLE ${table} (x)`), down: (db) => db.exec(`DROP TABLE ${table}`),
});
const drop = (version, table) => ({ version, name: `drop_${table}`, up: (db) => db.exec(`DROP TABLE ${table}`) });
const tables = ({ connection }) => connection
  .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations' ORDER BY name").pluck().all();
const statuses = ({ migrationResults }) => migrationResults.map(({ version, status }) => `${version} ${status}`);
const refused = (options, expected) => assert.throws(() => initDatabase(options), expected);
const migrationError = (code, more = {}) => (error) => {
  assert.ok(error instanceof MigrationError, String(error));
  assert.equal(error.code, code, error.message);
  for (const [key, value] of Object.entries(more)) assert.deepEqual(error[key], value);
  return true;
};

const lines = (heard) => heard.map(([level, message]) => `${level} ${message}`);

// ---------------------------------------------------------------- which set applies

test('a list that starts at 1 stands in place of the built-in set', () => {
  const path = join(tempDir(), 'app.db');
  using({ path, migrations: [create(2), create(1)] }, (db) => {
    assert.deepEqual([tables(db), statuses(db), db.getSchemaVersion()], [['t1', 't2'], ['1 applied', '2 applied'], 2]);
  });
  using({ path, migrations: [create(1), create(2), create(3)] }, (db) =>
    assert.deepEqual(statuses(db), ['1 skipped', '2 skipped', '3 applied']));
});

test('a list that starts at 3 continues the built-in set', () => {
  const path = join(tempDir(), 'app.db');
  using({ path, migrations: [create(4), create(3)] }, (db) => {
    assert.deepEqual(tables(db), ['agents', 'audit_log', 'rules', 't3', 't4', 'workflows']);
    assert.deepEqual(statuses(db), ['1 applied', '2 applied', '3 applied', '4 applied']);
    assert.equal(db.getSchemaVersion(), 4);
  });
  const later = join(tempDir(), 'app.db');
  using({ path: later });
  using({ path: later, migrations: [create(3)] }, (db) => assert.deepEqual(statuses(db), ['1 skipped', '2 skipped', '3 applied']));
});

test('another module starts from an empty set and shares the file', () => {
  const path = join(tempDir(), 'app.db');
  using({ path, module: 'shop' }, (db) =>
    assert.deepEqual([tables(db), db.migrationResults, db.getSchemaVersion()], [[], [], 0]));
  using({ path, module: 'shop', migrations: [] }, (db) => assert.deepEqual(db.migrationResults, []));
  using({ path, module: 'shop', migrations: [create(1)] }, (db) => assert.deepEqual([tables(db), db.getSchemaVersion()], [['t1'], 1]));
  using({ path }, (db) => {
    assert.deepEqual([tables(db), db.getSchemaVersion()], [['agents', 'audit_log', 'rules', 't1', 'workflows'], 2]);
    assert.deepEqual(db.prepare('SELECT module, count(*) AS n FROM schema_migrations GROUP BY module ORDER BY module').all(),
      [{ module: 'database', n: 2 }, { module: 'shop', n: 1 }]);
  });
});

test('a file that was migrated with another list is noticed, and stays as it is', async () => {
  const dir = tempDir();
  const path = join(dir, 'app.db');
  using({ path, migrations: [create(1)] });
  await leavesAlone(dir, async () => {
    refused({ path }, migrationError('MIGRATION_DIVERGED', { version: 1, module: 'database' }));
    refused({ path, runMigrations: false }, migrationError('MIGRATION_DIVERGED'));
    refused({ path, migrations: [create(1, 'other')] }, migrationError('MIGRATION_DIVERGED'));
  });
  using({ path, migrations: [create(1), create(2)] });
  await leavesAlone(dir, async () => refused({ path, migrations: [create(1)] }, migrationError('MIGRATION_AHEAD', { version: 2 })));
});

test('runMigrations: only false turns them off; the file is configured and compared all the same', () => {
  const path = join(tempDir(), 'app.db');
  using({ path, runMigrations: false }, (db) => {
    assert.deepEqual([tables(db), db.migrationResults, db.getSchemaVersion()], [[], [], 0]);
    assert.equal(db.connection.pragma('journal_mode', { simple: true }), 'wal');
  });
  for (const runMigrations of [undefined, null, 0, '']) {
    using({ path: ':memory:', runMigrations }, (db) => assert.equal(db.getSchemaVersion(), 2));
  }
});

test('existing tables are adopted also where migrations are turned off', { skip }, async () => {
  const path = join(tempDir(), 'app.db');
  using({ path });
  await foreign(path, ['DROP TABLE schema_migrations', 'DROP TABLE audit_log']);
  using({ path, runMigrations: false }, (db) => assert.equal(db.getSchemaVersion(), 1));
  using({ path }, (db) => assert.deepEqual(statuses(db), ['1 skipped', '2 applied']));
});

test('a migration that loses data is blocked, those behind it wait, and the database opens', () => {
  const path = join(tempDir(), 'app.db');
  const { logger, heard } = listener();
  using({ path, logger, migrations: [create(1), drop(2, 't1'), create(3)] }, (db) => {
    assert.deepEqual(db.migrationResults, [
      { version: 1, name: 'create_t1', status: 'applied' },
      { version: 2, name: 'drop_t1', status: 'blocked', reason: 'Destructive migration requires explicit approval' },
      { version: 3, name: 'create_t3', status: 'blocked', reason: 'Waiting for blocked migration 2' },
    ]);
    assert.deepEqual([tables(db), db.getSchemaVersion()], [['t1'], 1]);
  });
  assert.deepEqual(lines(heard), [
    'warn database: blocked 2 drop_t1 (Destructive migration requires explicit approval)',
    'warn database: blocked 3 create_t3 (Waiting for blocked migration 2)',
    'info database: applied 1 of 3 migrations',
  ]);
});

// ---------------------------------------------------------------- migrationsDir

test('migrationsDir: SQL folders and modules, in place of the built-in set or on top of it', () => {
  const dir = tempDir();
  const migrations = join(dir, 'migrations');
  mkdirSync(join(migrations, '003_orders'), { recursive: true });
  writeFileSync(join(migrations, '003_orders/up.sql'), 'CREATE TABLE orders (id INTEGER PRIMARY KEY)');
  writeFileSync(join(migrations, '004_items.cjs'), "module.exports = { version: 4, name: 'items', up: (db) => db.exec('CREATE TABLE items (x)') }");
  writeFileSync(join(migrations, 'notes.md'), 'ignored');
  using({ path: join(dir, 'app.db'), migrationsDir: migrations }, (db) => {
    assert.deepEqual([tables(db), db.getSchemaVersion()], [['agents', 'audit_log', 'items', 'orders', 'rules', 'workflows'], 4]);
  });
  using({ path: join(dir, 'app.db'), migrationsDir: migrations }, (db) => assert.ok(statuses(db).every((it) => it.endsWith('skipped'))));
});

// ---------------------------------------------------------------- logger

test('without a logger nothing is printed; with one, a run is told, and a logger that throws is ignored', async () => {
  const { logger, heard } = listener();
  using({ path: ':memory:', logger });
  assert.deepEqual(lines(heard), ['info database: applied 2 of 2 migrations']);
  const failing = { info() { throw new Error('logger'); }, get warn() { throw new Error('getter'); } };
  using({ path: ':memory:', logger: failing, migrations: [create(1), drop(2, 't1')] }, (db) => assert.equal(db.getSchemaVersion(), 1));
  using({ path: ':memory:', logger: {} });
  const { stdout, stderr, code } = await execute(process.execPath, [...runtimeWords(program), 'database', '--json', '--db', join(tempDir(), 'x.db')]);
  assert.deepEqual([code, stderr, JSON.parse(stdout).modules.length], [0, '', 1]);
});

test('what an adoption sets aside is a warning', { skip }, async () => {
  const path = join(tempDir(), 'app.db');
  using({ path });
  await foreign(path, ['DROP TABLE schema_migrations', 'DROP TABLE audit_log',
    'CREATE TABLE audit_log (id INTEGER PRIMARY KEY, table_name TEXT, action TEXT, timestamp DATETIME)',
    "INSERT INTO audit_log (table_name, action) VALUES ('agents', NULL), ('agents', 'insert')"]);
  const { logger, heard } = listener();
  using({ path, logger }, (db) => {
    assert.equal(db.prepare('SELECT count(*) FROM audit_log').pluck().get(), 1);
    assert.equal(db.prepare('SELECT reason FROM migration_quarantine').pluck().get(), 'not_null');
  });
  assert.deepEqual(lines(heard).filter((line) => line.startsWith('warn ')), ['warn database: 1 row of audit_log moved to migration_quarantine (not_null)']);
});

// ---------------------------------------------------------------- bad input (§7)

test('§7 options that contradict each other or mean nothing: APPDB_INVALID_OPTION, and nothing is made', async () => {
  const dir = tempDir();
  const path = join(dir, 'new/app.db');
  const bad = [
    { path, migrations: [create(1)], migrationsDir: dir },
    { path, onMigrationError: 'ignore' },
    { path, onMigrationError: null },
    { path: 5 },
    { path: null },
    { path: join(dir, 'a\0b') },
    { path, readonly: 1 },
    { path, readonly: 'yes' },
    { path, readOnly: true },
    { path: ':memory:', readonly: true },
    { path, migrationsDir: '' },
    { path, migrationsDir: 7 },
    { path, logger: 'console' },
    { path, logger: null },
  ];
  await leavesAlone(dir, async () => {
    for (const options of [...bad, null, 'app.db', 5]) {
      assert.throws(() => initDatabase(options), (error) => {
        assert.ok(error instanceof AppDatabaseError, `${JSON.stringify(options)}: ${error}`);
        assert.deepEqual([error.name, error.code, error.operation], ['AppDatabaseError', 'APPDB_INVALID_OPTION', 'initDatabase']);
        return true;
      });
    }
  });
});

test('§7 a directory that cannot be created: APPDB_DIR_FAILED with the cause', async () => {
  const dir = tempDir();
  writeFileSync(join(dir, 'taken'), '');
  await leavesAlone(dir, async () => refused({ path: join(dir, 'taken/below/app.db') }, (error) => {
    assert.ok(error instanceof AppDatabaseError);
    assert.equal(error.code, 'APPDB_DIR_FAILED');
    assert.ok(error.message.includes(join(dir, 'taken/below')), error.message);
    assert.ok(error.cause instanceof Error);
    assert.deepEqual([error.cause.code, error.cause.syscall, error.cause.path], ['ENOTDIR', 'mkdir', join(dir, 'taken/below')]);
    return true;
  }));
});

test('§7 a directory that may not be created: APPDB_DIR_FAILED', { skip: skipWithoutPermissions }, async () => {
  const script = `
    import { initDatabase } from '${new URL('../dist/database.js', import.meta.url).href}';
    try { initDatabase({ path: '/runledger-nobody/app.db' }); } catch (error) { console.log(error.code, error.cause.code); }`;
  const words = isBun ? ['--no-install', '-e'] : isDeno ? ['eval'] : ['--input-type=module', '-e'];
  const { stdout, stderr } = await execute(process.execPath, [...words, script], { user: ordinary, cwd: '/' });
  assert.deepEqual({ stdout, stderr }, { stdout: 'APPDB_DIR_FAILED EACCES\n', stderr: '' });
});

test('§7 read-only and no file: SQLITE_CANTOPEN, and no directory', async () => {
  const dir = tempDir();
  await leavesAlone(dir, async () => {
    for (const path of [join(dir, 'app.db'), join(dir, 'new/app.db')]) {
      refused({ path, readonly: true }, (error) => error instanceof SqliteError && error.code === 'SQLITE_CANTOPEN');
    }
  });
});

test('§7 a list with a gap or a double: MIGRATION_GAP, and nothing is made', async () => {
  const dir = tempDir();
  const path = join(dir, 'new/app.db');
  await leavesAlone(dir, async () => {
    for (const versions of [[2], [4], [1, 3], [1, 1], [3, 5], [3, 3], [2, 3], []]) {
      for (const onMigrationError of ['throw', 'log']) {
        refused({ path, migrations: versions.map((version) => create(version)), onMigrationError }, migrationError('MIGRATION_GAP'));
      }
    }
    refused({ path, module: 'shop', migrations: [create(3)] }, migrationError('MIGRATION_GAP', { module: 'shop' }));
  });
});

test('§7 what is no list of migrations: MIGRATION_INVALID, and nothing is made', async () => {
  const dir = tempDir();
  const path = join(dir, 'new/app.db');
  const up = () => {};
  const bad = [null, {}, 'x', 5, [null], [5], [{}], [{ version: 1, name: 'a' }], [{ version: 1, name: '', up }], [{ version: 1, name: ' ', up }],
    [{ version: 0, name: 'a', up }], [{ version: NaN, name: 'a', up }], [{ version: 1.5, name: 'a', up }], [{ version: '1', name: 'a', up }],
    [{ version: 1, name: 'a', up: 'CREATE TABLE a (x)' }], [{ version: 1, name: 'a', up, down: 5 }], [{ version: 1, name: 'a', up, destructive: 'no' }]];
  await leavesAlone(dir, async () => {
    for (const migrations of bad) refused({ path, migrations }, migrationError('MIGRATION_INVALID'));
  });
});

test('§7 reserved and malformed module names: MIGRATION_INVALID_MODULE, and nothing is made', async () => {
  const dir = tempDir();
  const path = join(dir, 'new/app.db');
  await leavesAlone(dir, async () => {
    for (const module of ['telemetry', 'usage', 'analytics', 'instances', '', 'Shop', '1a', 'a b', 'a'.repeat(65), null, 5, '\ud800']) {
      refused({ path, module }, migrationError('MIGRATION_INVALID_MODULE'));
    }
  });
});

test('§7 migration files that are none: MIGRATION_LOAD_FAILED, and nothing is made', async () => {
  const dir = tempDir();
  const path = join(dir, 'new/app.db');
  const folder = (name, files) => {
    mkdirSync(join(dir, name));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(dir, name, file), text);
    return join(dir, name);
  };
  const good = "module.exports = { version: 3, name: 'a', up() {} }";
  const cases = [
    folder('other-version', { '003_a.cjs': good, '004_x.cjs': "module.exports = { version: 5, name: 'x', up() {} }" }),
    folder('no-export', { '003_a.mjs': 'export const version = 3;' }),
    folder('no-up', { '003_a.cjs': "module.exports = { version: 3, name: 'a' }" }),
    folder('throws', { '003_a.cjs': "throw new Error('boom')" }),
    join(dir, 'missing'),
  ];
  await leavesAlone(dir, async () => {
    for (const migrationsDir of cases) refused({ path, migrationsDir }, migrationError('MIGRATION_LOAD_FAILED'));
  });
});

test('§7 a file whose agents has other columns: MIGRATION_CONFLICT, and the file stays as it is', { skip }, async () => {
  const dir = tempDir();
  const path = join(dir, 'app.db');
  await foreign(path, ['CREATE TABLE agents (foo)', "INSERT INTO agents VALUES ('mine')"]);
  await leavesAlone(dir, async () => {
    for (const options of [{ path }, { path, runMigrations: false }, { path, migrations: [create(3)] }]) {
      refused(options, migrationError('MIGRATION_CONFLICT', { module: 'database' }));
    }
  });
  const { logger, heard } = listener();
  await leavesAlone(dir, async () => using({ path, onMigrationError: 'log', logger }, (db) => {
    assert.deepEqual([db.prepare('SELECT foo FROM agents').pluck().all(), db.migrationResults], [['mine'], []]);
    assert.deepEqual(['foreign_keys', 'busy_timeout', 'cache_size'].map((name) => db.connection.pragma(name, { simple: true })), [1, 5000, -64000]);
  }));
  assert.equal(heard.length, 1);
  assert.match(lines(heard)[0], /^error database: database cannot use this file: agents is a table \(foo\)/);
  using({ path, migrations: [create(1)] }, (db) => assert.deepEqual(tables(db), ['agents', 't1'], 'a list of one\'s own does not want agents'));
});

test('what is no database, and a directory, are passed on as SQLite tells them', async () => {
  const dir = tempDir();
  const path = join(dir, 'text.db');
  writeFileSync(path, 'a text that is longer than the header of a database would be, and is none. '.repeat(3));
  mkdirSync(join(dir, 'folder'));
  await leavesAlone(dir, async () => {
    for (const onMigrationError of ['throw', 'log']) {
      refused({ path, onMigrationError }, (error) => error instanceof SqliteError && error.code === 'SQLITE_NOTADB');
      refused({ path: join(dir, 'folder'), onMigrationError }, (error) => error instanceof SqliteError && error.code.startsWith('SQLITE_CANTOPEN'));
    }
  });
});

test('a constructor that throws leaves no connection behind', () => {
  const path = join(tempDir(), 'app.db');
  const migrations = [create(1), { version: 2, name: 'iterates', up(db) { db.prepare('SELECT 1').iterate().next(); throw new Error('boom'); } }];
  for (let i = 0; i < 50; i++) refused({ path, migrations }, migrationError('MIGRATION_FAILED'));
  assert.deepEqual(readdirSync(join(path, '..')), ['app.db']);
  using({ path, migrations: [create(1)] }, (db) => assert.equal(db.getSchemaVersion(), 1, 'those before it stay'));
});

test('odd paths are paths', () => {
  const dir = tempDir();
  for (const name of ['ä ö.db', 'a?mode=ro', '%41.db', "it's.db", ' ', 'new/../x.db', 'file:y.db']) {
    const path = `${dir}/${name}`;
    using({ path }, (db) => assert.equal(db.getSchemaVersion(), 2, name));
  }
  assert.ok(existsSync(join(dir, ' ')) && existsSync(join(dir, 'file:y.db')) && existsSync(join(dir, 'x.db')));
  assert.equal(readFileSync(join(dir, 'x.db')).subarray(0, 15).toString(), 'SQLite format 3');
});

test('a migration sees the raw connection rules: its db is lent, and the database is not open to it by another way', () => {
  const path = join(tempDir(), 'app.db');
  let lent;
  using({ path, migrations: [{ version: 1, name: 'a', up(db) { lent = db; db.exec('CREATE TABLE a (x)'); } }] }, (db) => {
    assert.ok(lent instanceof Database && lent !== db.connection);
    assert.throws(() => lent.exec('CREATE TABLE b (x)'), { name: 'TypeError', message: 'The migration has finished' });
    assert.deepEqual(tables(db), ['a']);
  });
});
