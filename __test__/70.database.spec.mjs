// runledger/database: opening, the helpers around the connection, closing. database.md §1, §2, §6; D1-D4, D7, D10.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { AppDatabase, AppDatabaseError, initDatabase, MigrationError, RunledgerError } from 'runledger/database';
import { Database, SqliteError } from 'runledger/sqlite';
import { cleanUp, foreign, foreignScript, listener, run, skipOnWindows, skipWithoutPython, tempDir, test } from './support.mjs';
import { using } from './fixtures/database.mjs';

afterEach(cleanUp);

const require = createRequire(import.meta.url);
const APPLIED = [
  { version: 1, name: 'initial_content_schema', status: 'applied' },
  { version: 2, name: 'add_audit_log', status: 'applied' },
];
const SKIPPED = APPLIED.map((it) => ({ ...it, status: 'skipped', reason: 'Already applied' }));
const TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";

const tables = (db) => db.connection.prepare(TABLES).pluck().all();

test('D1 a new file is made with its directory, and migrated', () => {
  const path = join(tempDir(), 'data/app.db');
  using({ path }, (db) => {
    assert.ok(existsSync(path));
    assert.equal(db.path, path);
    assert.equal(db.getSchemaVersion(), 2);
    assert.deepEqual(db.migrationResults, APPLIED);
    assert.deepEqual(tables(db), ['agents', 'audit_log', 'rules', 'schema_migrations', 'workflows']);
  });
  using({ path }, (db) => assert.deepEqual(db.migrationResults, SKIPPED));
});

test('D2 it has the settings of the contract', () => {
  const names = ['journal_mode', 'foreign_keys', 'busy_timeout', 'synchronous', 'wal_autocheckpoint', 'temp_store', 'cache_size'];
  const path = join(tempDir(), 'data/app.db');
  for (const runMigrations of [true, false, true]) {
    using({ path, runMigrations }, ({ connection }) =>
      assert.deepEqual(names.map((name) => connection.pragma(name, { simple: true })), ['wal', 1, 5000, 1, 1000, 2, -64000]));
  }
  using({ path: ':memory:' }, ({ connection }) => assert.equal(connection.pragma('journal_mode', { simple: true }), 'memory'));
});

test('D3 transaction runs its function at once and returns its value', () => {
  using({ path: join(tempDir(), 'app.db') }, (db) => {
    const value = db.transaction((c) => {
      c.prepare('INSERT INTO agents (name, description) VALUES (?, ?)').run('agent1', 'First agent');
      c.prepare('INSERT INTO audit_log (table_name, action) VALUES (?, ?)').run('agents', 'insert');
      return 7;
    });
    assert.equal(value, 7);
    const counts = ['agents', 'audit_log'].map((table) => db.prepare(`SELECT count(*) FROM ${table}`).pluck().get());
    assert.deepEqual(counts, [1, 1]);
  });
});

test('D4 the same text is the same statement until the database is closed', () => {
  const db = initDatabase({ path: ':memory:' });
  const q = 'SELECT name FROM agents';
  assert.equal(db.prepare(q) === db.prepare(q), true);
  assert.equal(db.prepare(q) === db.prepare(`${q} `), false, 'the exact text is the key');
  assert.equal(db.prepare(q) === db.connection.prepare(q), false);
  db.close();
  assert.throws(() => db.prepare(q), { name: 'AppDatabaseError', code: 'APPDB_CLOSED', message: 'Database is closed', operation: 'prepare' });
});

test('D7 a migration that fails closes the file and throws; logged, it leaves the schema as it is', () => {
  const path = join(tempDir(), 'app.db');
  const migrations = [{ version: 3, name: 'broken', up: (db) => db.exec('selekt') }];
  const message = 'Failed to apply migration 3 (broken): SqliteError: near "selekt": syntax error';
  const check = (error) => {
    assert.ok(error instanceof MigrationError && error instanceof RunledgerError);
    assert.deepEqual([error.code, error.message, error.module, error.version], ['MIGRATION_FAILED', message, 'database', 3]);
    assert.ok(error.cause instanceof SqliteError);
    return true;
  };
  assert.throws(() => initDatabase({ path, migrations }), check);
  assert.deepEqual(readdirSync(join(path, '..')), ['app.db'], 'the file was let go of');
  using({ path }, (db) => assert.equal(db.getSchemaVersion(), 2));
  const { logger, heard } = listener();
  using({ path, migrations, logger, onMigrationError: 'log' }, (db) => {
    assert.equal(db.getSchemaVersion(), 2);
    assert.deepEqual(db.migrationResults, []);
    db.exec("INSERT INTO agents (name, description) VALUES ('a', 'd')");
  });
  const errors = heard.filter(([level]) => level === 'error');
  assert.deepEqual(errors.map(([, text]) => text), [`database: ${message}`]);
  check(errors[0][2].error);
});

test('D10 a file of the older format opens with its rows, and is completed', { skip: skipWithoutPython }, async () => {
  const path = join(tempDir(), 'app.db');
  const common = 'id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL, content TEXT NOT NULL, tags TEXT, path TEXT, file_hash TEXT';
  const times = 'created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP';
  await foreignScript(path, `
    CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at DATETIME DEFAULT CURRENT_TIMESTAMP);
    CREATE TABLE agents (${common}, version TEXT, ${times});
    CREATE TABLE rules (${common}, globs TEXT, always_apply INTEGER DEFAULT 0, ${times});
    CREATE TABLE workflows (${common}, version TEXT, triggers TEXT, complexity_hint TEXT, ${times});
    INSERT INTO schema_migrations VALUES (1, 'initial_content_schema', '2025-06-15 15:06:40');
    INSERT INTO agents (name, description, content) VALUES ('agent1', 'First agent', 'text');`);
  using({ path }, (db) => {
    assert.deepEqual(db.prepare('SELECT id, name, content FROM agents').all(), [{ id: 1, name: 'agent1', content: 'text' }]);
    assert.equal(db.getSchemaVersion(), 2);
    assert.deepEqual(db.migrationResults, [SKIPPED[0], APPLIED[1]]);
    db.exec("INSERT INTO agents (name, description) VALUES ('agent2', 'Second agent')");
    assert.equal(db.prepare('SELECT applied_at FROM schema_migrations WHERE version = 1').pluck().get(), 1_750_000_000_000);
  });
});

test('initDatabase and the constructor are the same; without options the file is data/app.db', async () => {
  const cwd = tempDir();
  const { code, stdout, stderr } = await run(`
    import { AppDatabase, initDatabase } from 'file://${new URL('../dist/database.js', import.meta.url).pathname}';
    for (const db of [initDatabase(), initDatabase({}), initDatabase({ path: '' }), new AppDatabase(), initDatabase({ path: './data/x/../app.db' })]) {
      console.log(db instanceof AppDatabase, db.path === process.cwd() + '/data/app.db');
      db.close();
    }`, { cwd });
  assert.deepEqual({ code, stderr, stdout: new Set(stdout.trim().split('\n')) }, { code: 0, stderr: '', stdout: new Set(['true true']) });
  assert.deepEqual(readdirSync(join(cwd, 'data')), ['app.db']);
});

test('importing and requiring give the same classes, and RunledgerError is that of every sub-path', async () => {
  const required = require('runledger/database');
  assert.deepEqual([required.AppDatabase, required.initDatabase, required.AppDatabaseError], [AppDatabase, initDatabase, AppDatabaseError]);
  assert.deepEqual(Object.keys(required).filter((name) => name !== 'default' && name !== '__esModule' && name !== 'module.exports').sort(),
    ['AppDatabase', 'AppDatabaseError', 'MigrationError', 'RunledgerError', 'initDatabase']);
  const root = await import('runledger');
  assert.deepEqual([RunledgerError, MigrationError], [root.RunledgerError, root.MigrationError]);
});

// ---------------------------------------------------------------- the connection and what is around it

test('connection is the Database itself', () => {
  using({ path: ':memory:' }, (db) => {
    assert.ok(db.connection instanceof Database);
    assert.equal(db.connection, db.connection);
    assert.deepEqual([db.path, db.connection.name, db.connection.memory, db.connection.readonly], [':memory:', ':memory:', true, false]);
  });
  const path = join(tempDir(), 'app.db');
  using({ path }, ({ connection }) => assert.deepEqual([connection.name, connection.memory], [path, false]));
});

test('what is set on a cached statement is set for everybody who has it', () => {
  using({ path: ':memory:' }, (db) => {
    db.prepare('SELECT 1 AS one').pluck();
    assert.equal(db.prepare('SELECT 1 AS one').get(), 1);
    assert.deepEqual(db.connection.prepare('SELECT 1 AS one').get(), { one: 1 });
  });
});

test('a text that does not compile is not cached, and nothing is ever evicted', () => {
  using({ path: ':memory:' }, (db) => {
    assert.throws(() => db.prepare('SELECT * FROM later'), { name: 'SqliteError', code: 'SQLITE_ERROR' });
    db.exec('CREATE TABLE later (x)');
    assert.deepEqual(db.prepare('SELECT * FROM later').all(), []);
    const all = Array.from({ length: 1000 }, (_, i) => db.prepare(`SELECT ${i}`).pluck());
    all.forEach((statement, i) => {
      assert.equal(db.prepare(`SELECT ${i}`), statement);
      assert.equal(statement.get(), i);
    });
  });
});

test('a cached statement lives on after the schema has changed', () => {
  using({ path: ':memory:' }, (db) => {
    const all = db.prepare('SELECT * FROM agents');
    db.exec("INSERT INTO agents (name, description) VALUES ('a', 'd'); ALTER TABLE agents ADD COLUMN mine TEXT DEFAULT 'x'");
    assert.equal(db.prepare('SELECT * FROM agents'), all);
    assert.equal(all.get().mine, 'x');
  });
});

test('bad input of prepare, exec and transaction is refused, and the database goes on', () => {
  using({ path: ':memory:' }, (db) => {
    for (const text of [undefined, null, 5, NaN, {}, Symbol('x')]) {
      assert.throws(() => db.prepare(text), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
      assert.throws(() => db.exec(text), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
      assert.throws(() => db.transaction(text), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
    }
    assert.throws(() => db.prepare(''), { name: 'RangeError' });
    assert.throws(() => db.prepare('SELECT 1; SELECT 2'), { name: 'RangeError' });
    assert.equal(db.exec(''), undefined);
    assert.equal(db.isHealthy(), true);
  });
});

test('exec runs any number of statements, returns nothing, and passes SQLite errors on', () => {
  using({ path: ':memory:' }, (db) => {
    assert.equal(db.exec("INSERT INTO agents (name, description) VALUES ('a', 'd'); INSERT INTO agents (name, description) VALUES ('b', 'd')"), undefined);
    assert.throws(() => db.exec("INSERT INTO agents (name, description) VALUES ('a', 'd')"),
      (error) => error instanceof SqliteError && error.code === 'SQLITE_CONSTRAINT_UNIQUE');
    assert.equal(db.prepare('SELECT count(*) FROM agents').pluck().get(), 2);
  });
});

test('an exception rolls a transaction back and is thrown on unchanged', () => {
  using({ path: ':memory:' }, (db) => {
    const boom = new Error('boom');
    const insert = db.prepare('INSERT INTO agents (name, description) VALUES (?, ?)');
    assert.throws(() => db.transaction(() => { insert.run('a', 'd'); throw boom; }), (error) => error === boom);
    assert.throws(() => db.transaction(() => { throw undefined; }), (error) => error === undefined);
    assert.deepEqual([db.connection.inTransaction, db.prepare('SELECT count(*) FROM agents').pluck().get()], [false, 0]);
  });
});

test('a transaction within a transaction is a savepoint', () => {
  using({ path: join(tempDir(), 'app.db') }, (db) => {
    const insert = db.prepare('INSERT INTO agents (name, description) VALUES (?, ?)');
    db.transaction((c) => {
      assert.equal(c, db.connection);
      insert.run('kept', 'd');
      assert.throws(() => db.transaction(() => { insert.run('undone', 'd'); throw new Error('inner'); }), { message: 'inner' });
      assert.equal(c.inTransaction, true);
      assert.equal(db.transaction(() => db.transaction(() => insert.run('deep', 'd').changes)), 1);
    });
    assert.deepEqual(db.prepare('SELECT name FROM agents ORDER BY id').pluck().all(), ['kept', 'deep']);
  });
});

test('a function that returns a thenable is rolled back', () => {
  using({ path: ':memory:' }, (db) => {
    const insert = db.prepare('INSERT INTO agents (name, description) VALUES (?, ?)');
    for (const fn of [async () => insert.run('a', 'd'), () => { insert.run('a', 'd'); return { then() {} }; }]) {
      assert.throws(() => db.transaction(fn), { name: 'TypeError', message: 'Transaction function cannot return a promise' });
    }
    assert.deepEqual([db.connection.inTransaction, db.prepare('SELECT count(*) FROM agents').pluck().get()], [false, 0]);
  });
});

test('a transaction has the write lock from its start, so that what it has read is still true when it writes', () => {
  const path = join(tempDir(), 'app.db');
  using({ path }, (db) => using({ path }, (other) => {
    other.connection.pragma('busy_timeout = 0');
    db.transaction((c) => {
      assert.equal(c.prepare('SELECT count(*) FROM agents').pluck().get(), 0);
      assert.throws(() => other.exec("INSERT INTO agents (name, description) VALUES ('o', 'd')"), { code: 'SQLITE_BUSY' });
      c.exec("INSERT INTO agents (name, description) VALUES ('a', 'd')");
    });
    other.exec("INSERT INTO agents (name, description) VALUES ('o', 'd')");
  }));
});

test('100,000 rows in one transaction', () => {
  using({ path: join(tempDir(), 'app.db') }, (db) => {
    const insert = db.prepare('INSERT INTO rules (name, description) VALUES (?, ?)');
    db.transaction(() => { for (let i = 0; i < 100_000; i++) insert.run(`r${i}`, 'd'); });
    assert.equal(db.prepare('SELECT name FROM rules').all().length, 100_000);
  });
});

// ---------------------------------------------------------------- health, version, closing

test('isHealthy and getSchemaVersion never throw', () => {
  const db = initDatabase({ path: ':memory:' });
  assert.deepEqual([db.isHealthy(), db.getSchemaVersion()], [true, 2]);
  db.exec('DROP TABLE schema_migrations');
  assert.deepEqual([db.isHealthy(), db.getSchemaVersion()], [true, 0]);
  db.exec('CREATE TABLE schema_migrations (foo)');
  assert.deepEqual([db.isHealthy(), db.getSchemaVersion()], [true, 0]);
  db.close();
  assert.deepEqual([db.isHealthy(), db.getSchemaVersion()], [false, 0]);
});

test('isHealthy does not depend on what somebody has set on a statement of the same text', () => {
  using({ path: ':memory:' }, (db) => {
    db.prepare('SELECT 1').raw();
    assert.equal(db.isHealthy(), true);
    for (const _ of db.prepare('SELECT 1 UNION ALL SELECT 2').iterate()) assert.equal(db.isHealthy(), true);
    db.transaction(() => assert.deepEqual([db.isHealthy(), db.getSchemaVersion()], [true, 2]));
  });
});

test('after close everything but isHealthy, getSchemaVersion and close throws', () => {
  const path = join(tempDir(), 'app.db');
  const db = initDatabase({ path });
  const statement = db.prepare('SELECT 1');
  assert.equal(db.close(), undefined);
  db.close();
  const closed = { name: 'AppDatabaseError', code: 'APPDB_CLOSED', message: 'Database is closed' };
  assert.throws(() => db.connection, { ...closed, operation: 'connection' });
  assert.throws(() => db.prepare('SELECT 1'), { ...closed, operation: 'prepare' });
  assert.throws(() => db.transaction(() => 1), { ...closed, operation: 'transaction' });
  assert.throws(() => db.exec('SELECT 1'), { ...closed, operation: 'exec' });
  for (const call of [() => statement.get(), () => statement.all(), () => statement.run()]) {
    assert.throws(call, { name: 'TypeError', message: 'The database connection is not open' });
  }
  assert.deepEqual(readdirSync(join(path, '..')), ['app.db'], 'no -wal or -shm is left');
  rmSync(path);
});

test('closing the connection itself closes the database', () => {
  const db = initDatabase({ path: ':memory:' });
  db.connection.close();
  assert.throws(() => db.prepare('SELECT 1'), { code: 'APPDB_CLOSED' });
  assert.deepEqual([db.isHealthy(), db.getSchemaVersion()], [false, 0]);
  db.close();
});

test('closing inside a transaction rolls it back; while a statement is iterated it is refused', () => {
  const path = join(tempDir(), 'app.db');
  const db = initDatabase({ path });
  for (const _ of db.prepare('SELECT 1').iterate()) {
    assert.throws(() => db.close(), { name: 'TypeError', code: 'ERR_BUSY' });
    assert.equal(db.prepare('SELECT 1'), db.prepare('SELECT 1'));
  }
  db.exec("BEGIN; INSERT INTO agents (name, description) VALUES ('a', 'd')");
  db.close();
  using({ path }, (again) => assert.equal(again.prepare('SELECT count(*) FROM agents').pluck().get(), 0));
});

test('Symbol.dispose closes', () => {
  const db = initDatabase({ path: ':memory:' });
  db[Symbol.dispose]();
  assert.equal(db.isHealthy(), false);
  db[Symbol.dispose]();
});

test('two databases in memory are two', () => {
  using({ path: ':memory:' }, (one) => using({ path: ':memory:' }, (other) => {
    one.exec("INSERT INTO agents (name, description) VALUES ('a', 'd')");
    assert.equal(other.prepare('SELECT count(*) FROM agents').pluck().get(), 0);
  }));
});

test('updated_at follows an update that leaves it as it was', () => {
  using({ path: ':memory:' }, (db) => {
    db.exec("INSERT INTO agents (name, description, updated_at) VALUES ('a', 'd', '2001-01-01 00:00:00')");
    const { changes } = db.prepare("UPDATE agents SET description = 'e'").run();
    assert.equal(changes, 1);
    const updated = db.prepare('SELECT updated_at FROM agents').pluck();
    assert.match(updated.get(), /^20[2-9]\d-/);
    db.exec("UPDATE agents SET updated_at = '2002-02-02 00:00:00'");
    assert.equal(updated.get(), '2002-02-02 00:00:00');
  });
});

// ---------------------------------------------------------------- read-only

test('read-only reads whatever is there and changes nothing', { skip: skipWithoutPython }, async () => {
  const path = join(tempDir(), 'app.db');
  await foreign(path, 'CREATE TABLE agents (foo)');
  const before = readFileSync(path);
  const { logger, heard } = listener();
  using({ path, readonly: true, logger }, (db) => {
    assert.deepEqual([db.migrationResults, db.getSchemaVersion(), db.isHealthy(), db.connection.readonly], [[], 0, true, true]);
    assert.deepEqual(['foreign_keys', 'busy_timeout'].map((name) => db.connection.pragma(name, { simple: true })), [1, 5000]);
    const write = (act) => assert.throws(act, (error) => error instanceof SqliteError && error.code === 'SQLITE_READONLY');
    write(() => db.exec('INSERT INTO agents VALUES (1)'));
    write(() => db.prepare('DELETE FROM agents').run());
    assert.equal(db.transaction((c) => c.prepare('SELECT count(*) FROM agents').pluck().get()), 0);
    write(() => db.transaction((c) => c.exec('INSERT INTO agents VALUES (1)')));
  });
  assert.deepEqual([readFileSync(path), heard], [before, []]);
});

test('a reader of a migrated file sees its version and what is written meanwhile', () => {
  const path = join(tempDir(), 'app.db');
  using({ path }, (writer) => using({ path, readonly: true }, (reader) => {
    assert.equal(reader.getSchemaVersion(), 2);
    writer.exec("INSERT INTO agents (name, description) VALUES ('a', 'd')");
    assert.equal(reader.prepare('SELECT name FROM agents').pluck().get(), 'a');
  }));
});

test('a file that is not writable can be read', { skip: skipOnWindows }, () => {
  const path = join(tempDir(), 'app.db');
  using({ path }, (db) => db.exec("INSERT INTO agents (name, description) VALUES ('a', 'd')"));
  chmodSync(path, 0o444);
  using({ path, readonly: true }, (db) => assert.equal(db.prepare('SELECT name FROM agents').pluck().get(), 'a'));
});

test('directories and file follow the umask', { skip: skipOnWindows }, async () => {
  const dir = tempDir();
  const { code, stderr } = await run(`
    import { initDatabase } from 'file://${new URL('../dist/database.js', import.meta.url).pathname}';
    process.umask(0o027);
    initDatabase({ path: 'a/b/app.db' }).close();`, { cwd: dir });
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const mode = (name) => statSync(join(dir, name)).mode & 0o777;
  assert.deepEqual([mode('a'), mode('a/b'), mode('a/b/app.db')], [0o750, 0o750, 0o640]);
  mkdirSync(join(dir, 'c'), { mode: 0o700 });
  writeFileSync(join(dir, 'c/app.db'), '', { mode: 0o600 });
  using({ path: join(dir, 'c/app.db') }, () => {});
  assert.deepEqual([mode('c'), mode('c/app.db')], [0o700, 0o600], 'what is there keeps its mode');
});
