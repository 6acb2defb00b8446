// runledger/sqlite: sqlite.md §1, §2 and the examples of §6.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Database, SqliteError, RunledgerError, sqliteVersion } from 'runledger/sqlite';
import DefaultDatabase from 'runledger/sqlite';
import { cleanUp, foreign, run, runJson, skipWithoutPython, tempDir, test } from './support.mjs';

afterEach(cleanUp);

const T = 'create table t(a INTEGER PRIMARY KEY, b)';
const open = (sql = T, options) => new Database(':memory:', options).exec(sql);

// ---------------------------------------------------------------- S1 … S10

test('S01 a number binds as REAL', () => {
  assert.deepEqual(new Database(':memory:').prepare('select typeof(?) t, ?/2 h').get(5, 5), { t: 'real', h: 2.5 });
});

test('S02 run tells how many rows it has changed and the last rowid', () => {
  const db = open();
  assert.deepEqual(db.prepare('insert into t(b) values (?)').run('x'), { changes: 1, lastInsertRowid: 1 });
  assert.deepEqual(db.prepare('update t set b = 1 where a = -1').run(), { changes: 0, lastInsertRowid: 1 });
});

test('S03 of two columns with one name the last wins; raw keeps both, pluck takes the first', () => {
  const db = open();
  assert.deepEqual(db.prepare('select 1 a, 2 a').get(), { a: 2 });
  assert.deepEqual(db.prepare('select 1 a, 2 a').raw().all(), [[1, 2]]);
  assert.deepEqual(db.prepare('select 1 a, 2 a').pluck().all(), [1]);
});

test('S04 ?1 binds by position and by the key 1', () => {
  const db = open();
  assert.deepEqual(db.prepare('select ?1 x').get(7), { x: 7 });
  assert.deepEqual(db.prepare('select ?1 x').get({ 1: 7 }), { x: 7 });
});

test('S05 a constraint violation is a SqliteError with SQLite’s own code, number and text', () => {
  const db = open('create table u(a UNIQUE)');
  const insert = db.prepare('insert into u values (?)');
  insert.run(1);
  assert.throws(() => insert.run(1), (error) => {
    assert.ok(error instanceof SqliteError && error instanceof RunledgerError && error instanceof Error);
    assert.deepEqual(
      [error.name, error.code, error.extendedCode, error.rawCode, error.message, error.operation],
      ['SqliteError', 'SQLITE_CONSTRAINT_UNIQUE', 'SQLITE_CONSTRAINT_UNIQUE', 2067, 'UNIQUE constraint failed: u.a', 'run'],
    );
    assert.match(error.stack, /50\.sqlite\.spec/);
    return true;
  });
});

test('S06 a script stops at its first error; what ran before stays', () => {
  const db = open();
  assert.throws(() => db.exec('create table z(a); selekt'), { name: 'SqliteError', code: 'SQLITE_ERROR' });
  assert.deepEqual(db.prepare('select * from z').all(), []);
});

test('S07 a transaction function that returns a promise is rolled back, and its rejection is swallowed', async () => {
  const db = open();
  const unhandled = [];
  const listen = (error) => unhandled.push(error);
  process.on('unhandledRejection', listen);
  try {
    const begun = db.transaction(async () => { db.exec("insert into t(b) values ('y')"); throw new Error('later'); });
    assert.throws(() => begun(), { name: 'TypeError', message: 'Transaction function cannot return a promise' });
    assert.deepEqual(db.prepare("select * from t where b = 'y'").all(), []);
    assert.equal(db.inTransaction, false);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(unhandled, []);
  } finally {
    process.off('unhandledRejection', listen);
  }
});

test('S08 a transaction in a transaction is undone alone', () => {
  const db = open();
  const insert = db.prepare('insert into t(b) values (?)');
  const inner = db.transaction(() => { insert.run('inner'); throw new Error('no'); });
  db.transaction(() => {
    insert.run('before');
    assert.throws(inner, { message: 'no' });
    insert.run('after');
  })();
  assert.deepEqual(db.prepare('select b from t').pluck().all(), ['before', 'after']);
  assert.equal(db.inTransaction, false);
});

test('S09 a closed database says so, and its file can be deleted', () => {
  const path = join(tempDir(), 'x.db');
  const db = new Database(path);
  const s = db.prepare('select 1');
  db.exec('create table t(a)');
  db.close();
  db.close();
  assert.equal(db.open, false);
  assert.throws(() => s.get(), { name: 'TypeError', code: 'ERR_NOT_OPEN', message: 'The database connection is not open' });
  rmSync(path);
  assert.ok(!existsSync(path));
});

test('S10 an integer that no number can hold is an error, and a bigint with safeIntegers()', () => {
  const s = new Database(':memory:').prepare('select 9007199254740993 x');
  assert.throws(() => s.get(), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE', message: /"x"/ });
  assert.throws(() => s.all(), RangeError);
  assert.throws(() => [...s.iterate()], RangeError);
  assert.deepEqual(s.safeIntegers().get(), { x: 9007199254740993n });
  assert.deepEqual(s.safeIntegers(false).busy, false);
});

// ---------------------------------------------------------------- §1

test('the module exports what the contract names, imported or required', () => {
  const required = createRequire(import.meta.url)('runledger/sqlite');
  assert.equal(DefaultDatabase, Database);
  assert.equal(required.Database, Database);
  assert.equal(required.default, Database);
  assert.deepEqual(Object.keys(required).filter((name) => name !== '__esModule').sort(),
    ['Database', 'RunledgerError', 'SqliteError', 'default', 'sqliteVersion']);
  assert.match(sqliteVersion, /^3\.\d+\.\d+$/);
  assert.equal(new Database().prepare('select sqlite_version()').pluck().get(), sqliteVersion);
});

test('what better-sqlite3 has and this has not is absent, so that feature detection works', () => {
  for (const name of ['function', 'aggregate', 'table', 'loadExtension', 'unsafeMode', 'serialize']) assert.equal(name in Database.prototype, false, name);
  assert.equal('expand' in new Database().prepare('select 1'), false);
});

test('a database knows its name and its kind', () => {
  const path = join(tempDir(), 'x.db');
  const db = new Database(path);
  assert.deepEqual([db.name, db.open, db.memory, db.readonly, db.inTransaction], [path, true, false, false, false]);
  db.close();
  const reader = new Database(path, { readonly: true });
  assert.deepEqual([reader.readonly, reader.memory], [true, false]);
  reader.close();
  for (const db of [new Database(), new Database(':memory:'), new Database('')]) assert.equal(db.memory, true);
  assert.equal(new Database().name, ':memory:');
  assert.throws(() => { db.open = true; }, TypeError);
});

test('a statement knows its source and its kind', () => {
  const db = open();
  const facts = (sql) => { const s = db.prepare(sql); return [s.source, s.reader, s.readonly, s.busy, s.database === db]; };
  assert.deepEqual(facts('select 1'), ['select 1', true, true, false, true]);
  assert.deepEqual(facts('insert into t(b) values (1)'), ['insert into t(b) values (1)', false, false, false, true]);
  assert.deepEqual(facts('insert into t(b) values (1) returning a'), ['insert into t(b) values (1) returning a', true, false, false, true]);
  assert.deepEqual(facts('create table x(a)').slice(1, 3), [false, false]);
  assert.notEqual(db.prepare('select 1'), db.prepare('select 1'));
});

test('columns() tells where columns come from', () => {
  const db = open('create table t(a INTEGER PRIMARY KEY, b VARCHAR(10))');
  assert.deepEqual(db.prepare('select a, b as c, 1 + 1 as d, a || b from t').columns(), [
    { name: 'a', column: 'a', table: 't', database: 'main', type: 'INTEGER' },
    { name: 'c', column: 'b', table: 't', database: 'main', type: 'VARCHAR(10)' },
    { name: 'd', column: null, table: null, database: null, type: null },
    { name: 'a || b', column: null, table: null, database: null, type: null },
  ]);
});

// ---------------------------------------------------------------- §2 opening

test('foreign keys are on, locks are awaited for the timeout, and nothing else is changed', () => {
  const path = join(tempDir(), 'x.db');
  const db = new Database(path);
  const pragma = (name) => db.pragma(name, { simple: true });
  assert.deepEqual([pragma('foreign_keys'), pragma('busy_timeout'), pragma('journal_mode'), pragma('synchronous')], [1, 5000, 'delete', 2]);
  db.close();
  const other = new Database(path, { timeout: 0 });
  assert.equal(other.pragma('busy_timeout', { simple: true }), 0);
  other.close();
});

test('a relative path is that of the working directory at the call, and file: is no URI', async () => {
  const cwd = tempDir();
  const made = await runJson(`
    import { Database } from 'runledger/sqlite';
    import { readdirSync } from 'node:fs';
    new Database('a.db').exec('create table a(x)').close();
    new Database('file:b.db?mode=memory').exec('create table b(x)').close();
    console.log(JSON.stringify(readdirSync('.').sort()));
  `.replace("'runledger/sqlite'", JSON.stringify(import.meta.resolve('runledger/sqlite'))), { cwd });
  assert.deepEqual(made, ['a.db', 'file:b.db?mode=memory']);
});

test('another program can read what was written', { skip: skipWithoutPython }, async () => {
  const path = join(tempDir(), 'x.db');
  const db = new Database(path);
  db.exec(T);
  db.prepare('insert into t(b) values (?)').run('né\u{1F600}');
  db.close();
  assert.deepEqual(await foreign(path, 'select b from t'), [{ b: 'né\u{1F600}' }]);
});

test('a lock is awaited for the timeout, then SQLITE_BUSY', () => {
  const path = join(tempDir(), 'x.db');
  const [first, second] = [new Database(path), new Database(path, { timeout: 50 })];
  first.exec(T);
  first.exec('begin immediate');
  const began = performance.now();
  assert.throws(() => second.exec('begin immediate'), { name: 'SqliteError', code: 'SQLITE_BUSY', message: 'database is locked' });
  assert.ok(performance.now() - began >= 40);
  first.close();
  second.exec('begin immediate');
  second.close();
});

// ---------------------------------------------------------------- §2 binding and reading

test('every kind of value goes in and comes out', () => {
  const db = open();
  const one = db.prepare('select ? v, typeof(?1) t'.replace('?1', '?')).raw();
  const cases = [
    [1, 'real', 1], [-0.5, 'real', -0.5], [Infinity, 'real', Infinity], [NaN, 'null', null], [undefined, 'null', null], [null, 'null', null],
    [1n, 'integer', 1], [-(2n ** 53n - 1n), 'integer', -Number.MAX_SAFE_INTEGER], ['', 'text', ''], ['abc', 'text', 'abc'], ['né', 'text', 'né'],
    ['a\0b', 'text', 'a\0b'], ['\u{1F600}', 'text', '\u{1F600}'], ['\ud800x', 'text', '\ufffdx'], ['x'.repeat(300), 'text', 'x'.repeat(300)],
    ['é'.repeat(70000), 'text', 'é'.repeat(70000)],
  ];
  for (const [value, type, back] of cases) assert.deepEqual(one.get(value, value), [back, type], String(value).slice(0, 20));
  for (const bytes of [Buffer.from([0, 1, 255]), new Uint8Array([1, 2]), Buffer.alloc(0), new Uint8Array([1, 2, 3, 4]).subarray(1, 3)]) {
    const [back, type] = one.get(bytes, bytes);
    assert.equal(type, 'blob');
    assert.ok(Buffer.isBuffer(back));
    assert.deepEqual([...back], [...bytes]);
  }
});

test('views of every kind go in whole', () => {
  const hex = open().prepare('select hex(?)').pluck();
  const kinds = ['Int8', 'Uint8', 'Uint8Clamped', 'Int16', 'Uint16', 'Float16', 'Int32', 'Uint32', 'Float32', 'Float64', 'BigInt64', 'BigUint64'];
  for (const kind of kinds) {
    const View = globalThis[`${kind}Array`];
    // Float16Array is younger than Node 20.
    if (View === undefined) continue;
    const bytes = Uint8Array.from({ length: 6 * View.BYTES_PER_ELEMENT }, (_, i) => i);
    const view = new View(bytes.buffer, 2 * View.BYTES_PER_ELEMENT, 3);
    const inside = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
    assert.equal(hex.get(view), inside.toString('hex').toUpperCase(), kind);
  }
  assert.equal(hex.get(new DataView(new Uint8Array([1, 2, 3]).buffer, 1)), '0203');
});

test('column affinity applies to what is bound', () => {
  const db = open('create table a(i INTEGER, t TEXT, r REAL, n)');
  db.prepare('insert into a values (?, ?, ?, ?)').run(5, 5n, 5n, 5);
  assert.deepEqual(db.prepare('select typeof(i), typeof(t), t, typeof(r), typeof(n) from a').raw().get(), ['integer', 'text', '5', 'real', 'real']);
});

test('parameters are given by position, in arrays, by name, and in mixtures', () => {
  const db = open();
  const get = (sql, ...args) => db.prepare(sql).raw().get(...args);
  assert.deepEqual(get('select ?, ?, ?', 1, 2, 3), [1, 2, 3]);
  assert.deepEqual(get('select ?, ?, ?', [1, 2, 3]), [1, 2, 3]);
  assert.deepEqual(get('select ?, ?, ?', 1, [2, 3]), [1, 2, 3]);
  assert.deepEqual(get('select ?, ?', [1], [2]), [1, 2]);
  assert.deepEqual(get('select ?, ?', [, 2]), [null, 2]);
  assert.deepEqual(get('select @a, :b, $c', { a: 1, b: 2, c: 3, unused: 4 }), [1, 2, 3]);
  assert.deepEqual(get('select @a, :a, $a', { a: 1 }), [1, 1, 1]);
  assert.deepEqual(get('select @a, ?, ?', { a: 1 }, 2, 3), [1, 2, 3]);
  assert.deepEqual(get('select @a, ?, ?', 2, { a: 1 }, [3]), [1, 2, 3]);
  assert.deepEqual(get('select ?2, ?1', 'x', 'y'), ['y', 'x']);
  assert.deepEqual(get('select ?2, ?1', { 1: 'x', 2: 'y' }), ['y', 'x']);
  assert.deepEqual(get('select ?1, ?', { 1: 'x' }, 'y'), ['x', 'y']);
  assert.deepEqual(get('select @a', Object.assign(Object.create(null), { a: 1 })), [1]);
  const many = Array.from({ length: 40 }, (_, i) => i);
  assert.deepEqual(get(`select ${many.map(() => '?')}`, ...many), many);
  assert.deepEqual(get(`select ${many.map(() => '?')}`, many.map(String)), many.map(String));
  assert.deepEqual(get(`select ${many.map((i) => `@p${i}`)}`, Object.fromEntries(many.map((i) => [`p${i}`, i]))), many);
});

test('rows are plain objects whose keys are in the order of the columns, whatever they are named', () => {
  const db = open();
  const row = db.prepare('select 1 as b, 2 as "__proto__", 3 as "toString", 4 as a, 5 as ""').get();
  assert.equal(Object.getPrototypeOf(row), Object.prototype);
  assert.deepEqual(Object.keys(row), ['b', '__proto__', 'toString', 'a', '']);
  assert.deepEqual(Object.values(row), [1, 2, 3, 4, 5]);
  assert.deepEqual(db.prepare('select 1 as "__proto__"').all().map((r) => Object.entries(r)), [[['__proto__', 1]]]);
});

test('get, all, iterate and raw, pluck agree on any number of rows', () => {
  const db = open();
  for (const count of [0, 1, 2, 100, 513, 3000]) {
    const sql = `with recursive c(i) as (select 1 where ${count} > 0 union all select i + 1 from c where i < ${count}) select i, 'row ' || i as s, null as n from c`;
    const expected = Array.from({ length: count }, (_, k) => ({ i: k + 1, s: `row ${k + 1}`, n: null }));
    assert.deepEqual(db.prepare(sql).all(), expected);
    assert.deepEqual([...db.prepare(sql).iterate()], expected);
    assert.deepEqual(db.prepare(sql).get(), expected[0]);
    assert.deepEqual(db.prepare(sql).raw().all(), expected.map(Object.values));
    assert.deepEqual([...db.prepare(sql).raw().iterate()], expected.map(Object.values));
    assert.deepEqual(db.prepare(sql).pluck().all(), expected.map((row) => row.i));
    assert.deepEqual([...db.prepare(sql).pluck().iterate()], expected.map((row) => row.i));
    assert.deepEqual(db.prepare(`select s from (${sql})`).all(), expected.map(({ s }) => ({ s })));
    assert.deepEqual(db.prepare(`select i from (${sql})`).raw().all(), expected.map(({ i }) => [i]));
  }
});

test('rows of many columns come whole', () => {
  const db = open();
  const columns = Array.from({ length: 1500 }, (_, i) => `${i} as c${i}`);
  const s = db.prepare(`select ${columns} union all select ${columns}`);
  assert.equal(Object.keys(s.get()).length, 1500);
  assert.deepEqual(s.raw().all().map((row) => row.length), [1500, 1500]);
});

test('raw and pluck stay until changed, and the last one set wins', () => {
  const s = open().prepare('select 1 a, 2 b');
  assert.equal(s.raw(), s);
  assert.deepEqual(s.get(), [1, 2]);
  assert.deepEqual(s.pluck().get(), 1);
  assert.deepEqual(s.raw(false).get(), 1);
  assert.deepEqual(s.raw().get(), [1, 2]);
  assert.deepEqual(s.pluck(false).get(), [1, 2]);
  assert.deepEqual(s.raw(false).get(), { a: 1, b: 2 });
});

test('safeIntegers gives bigints for integers only; defaultSafeIntegers for the statements to come', () => {
  const db = open();
  const before = db.prepare('select 1 i, 1.5 r');
  assert.equal(db.defaultSafeIntegers(), db);
  assert.deepEqual(db.prepare('select 1 i, 1.5 r').get(), { i: 1n, r: 1.5 });
  assert.deepEqual(before.get(), { i: 1, r: 1.5 });
  assert.deepEqual(db.prepare('insert into t(b) values (1)').run(), { changes: 1, lastInsertRowid: 1n });
  db.defaultSafeIntegers(false);
  assert.deepEqual(db.prepare('select 1 i').get(), { i: 1 });
  db.prepare('insert into t(a) values (?)').run(2n ** 53n);
  assert.deepEqual(db.prepare('insert into t(a) values (?)').run(-(2n ** 62n)), { changes: 1, lastInsertRowid: -(2n ** 62n) });
  assert.deepEqual(db.prepare('select 9223372036854775807 x, -9223372036854775808 y').safeIntegers().get(), { x: 2n ** 63n - 1n, y: -(2n ** 63n) });
});

test('bind fixes the parameters for good', () => {
  const s = open().prepare('select ?, @a').raw();
  assert.equal(s.bind(1, { a: 'x' }), s);
  assert.deepEqual([s.get(), s.get(), s.all(), [...s.iterate()]], [[1, 'x'], [1, 'x'], [[1, 'x']], [[1, 'x']]]);
});

test('run counts what it has changed itself', () => {
  const db = open(`${T}; create table log(x); create trigger after_t after insert on t begin insert into log values (1), (2); end`);
  assert.deepEqual(db.prepare('insert into t(b) values (1), (2), (3)').run(), { changes: 3, lastInsertRowid: 3 });
  assert.equal(db.prepare('create table z(a)').run().changes, 0);
  assert.equal(db.prepare('select * from t').run().changes, 0);
  assert.equal(db.prepare('insert into t(b) values (4) returning a').run().changes, 1);
  assert.equal(db.prepare('delete from t').run().changes, 4);
});

test('RETURNING gives rows', () => {
  const db = open();
  assert.deepEqual(db.prepare('insert into t(b) values (?), (?) returning a, b').all('x', 'y'), [{ a: 1, b: 'x' }, { a: 2, b: 'y' }]);
  assert.deepEqual(db.prepare('update t set b = ? where a = 1 returning b').get('z'), { b: 'z' });
  assert.deepEqual(db.prepare('select count(*) from t').pluck().get(), 2);
});

test('a statement follows the schema', () => {
  const db = open();
  const all = db.prepare('select * from t');
  db.exec('insert into t(b) values (1)');
  assert.deepEqual(all.get(), { a: 1, b: 1 });
  db.exec('alter table t add column c default 7');
  assert.deepEqual(all.get(), { a: 1, b: 1, c: 7 });
  db.exec('alter table t rename column b to d');
  assert.deepEqual(all.all(), [{ a: 1, d: 1, c: 7 }]);
  db.exec('alter table t drop column c');
  assert.deepEqual([...all.iterate()], [{ a: 1, d: 1 }]);
  assert.deepEqual(all.columns().map((column) => column.name), ['a', 'd']);
  db.exec('drop table t');
  assert.throws(() => all.get(), { code: 'SQLITE_ERROR', message: 'no such table: t' });
});

// ---------------------------------------------------------------- §2 pragma, transaction, verbose

test('pragma gives rows, or the first value', () => {
  const db = open();
  assert.deepEqual(db.pragma('user_version'), [{ user_version: 0 }]);
  assert.equal(db.pragma('user_version', { simple: true }), 0);
  assert.deepEqual(db.pragma('user_version = 7'), []);
  assert.equal(db.pragma('user_version = 8', { simple: true }), undefined);
  assert.equal(db.pragma('user_version', { simple: true }), 8);
  assert.deepEqual(db.pragma('table_info(t)').map((row) => row.name), ['a', 'b']);
});

test('a transaction function passes on this, arguments and value, and rolls back for an exception, unchanged', () => {
  const db = open();
  const insert = db.prepare('insert into t(b) values (?)');
  const add = db.transaction(function (...values) { for (const value of values) insert.run(value); return [this, values.length]; });
  const self = {};
  assert.deepEqual(add.call(self, 1, 2), [self, 2]);
  assert.equal(add.call(self, 1)[0], self);
  const thrown = { not: 'an error' };
  assert.throws(db.transaction(() => { insert.run(9); throw thrown; }), (error) => error === thrown);
  assert.equal(db.prepare('select count(*) from t').pluck().get(), 3);
  assert.equal(db.inTransaction, false);
});

test('the variants of a transaction choose its BEGIN', () => {
  const log = [];
  const db = open(T, { verbose: (sql) => log.push(sql) });
  const tx = db.transaction(() => db.inTransaction);
  for (const variant of ['default', 'deferred', 'immediate', 'exclusive']) {
    log.length = 0;
    assert.equal(tx[variant](), true);
    assert.equal(tx[variant].database, db);
    assert.equal(tx[variant].immediate, tx.immediate);
    assert.deepEqual(log, [{ immediate: 'BEGIN IMMEDIATE', exclusive: 'BEGIN EXCLUSIVE' }[variant] ?? 'BEGIN', 'COMMIT']);
  }
  assert.equal(tx.database, db);
  assert.equal(tx.default, tx);
});

test('where SQLite has rolled back by itself nothing is rolled back again', () => {
  const db = open('create table t(a unique on conflict rollback)');
  const tx = db.transaction(() => { db.exec('insert into t values (1)'); db.exec('insert into t values (1)'); });
  assert.throws(tx, { code: 'SQLITE_CONSTRAINT_UNIQUE' });
  assert.equal(db.inTransaction, false);
  assert.equal(db.prepare('select count(*) from t').pluck().get(), 0);
});

test('a COMMIT that fails rolls back', () => {
  const db = open('create table p(a primary key); create table c(a references p deferrable initially deferred)');
  assert.throws(db.transaction(() => db.exec('insert into c values (1)')), { code: 'SQLITE_CONSTRAINT_FOREIGNKEY' });
  assert.equal(db.inTransaction, false);
  assert.equal(db.prepare('select count(*) from c').pluck().get(), 0);
});

test('verbose hears each statement before it runs, with what is bound', () => {
  const log = [];
  const db = new Database(':memory:', { verbose: (sql) => log.push(sql) });
  db.exec('create table t(a); -- c\n insert into t values (1);');
  const insert = db.prepare('insert into t values (?)');
  insert.run('x');
  db.prepare('select * from t where a = @a').get({ a: 5n });
  db.prepare('select 1').all();
  for (const _ of db.prepare('select 2').iterate());
  db.pragma('user_version');
  assert.throws(() => insert.run(), RangeError);
  assert.deepEqual(log, ['create table t(a);', '-- c\n insert into t values (1);', "insert into t values ('x')", 'select * from t where a = 5',
    'select 1', 'select 2', 'PRAGMA user_version']);
});

// ---------------------------------------------------------------- §2 backup, close

test('backup writes a consistent copy off the thread, also in the middle of a transaction', async () => {
  const dir = tempDir();
  const db = new Database(join(dir, 'x.db'));
  db.pragma('journal_mode = WAL');
  db.exec(`${T}; insert into t(b) values (1)`);
  db.exec('begin; insert into t(b) values (2)');
  const copied = await db.backup(join(dir, 'copy.db'));
  assert.deepEqual(copied, { totalPages: copied.totalPages, remainingPages: 0 });
  assert.ok(copied.totalPages > 0);
  db.exec('commit');
  db.close();
  const copy = new Database(join(dir, 'copy.db'), { readonly: true });
  assert.deepEqual(copy.prepare('select b from t').pluck().all(), [1]);
  copy.close();
});

test('a database in memory can be copied', async () => {
  const path = join(tempDir(), 'copy.db');
  const db = open(`${T}; insert into t(b) values ('m')`);
  await db.backup(path);
  const copy = new Database(path);
  assert.deepEqual(copy.prepare('select b from t').pluck().all(), ['m']);
  copy.close();
});

test('closing rolls back, and using closes', () => {
  const path = join(tempDir(), 'x.db');
  const db = new Database(path);
  db.exec(T);
  db.exec('begin; insert into t(b) values (1)');
  db[Symbol.dispose]();
  const again = new Database(path);
  assert.equal(again.prepare('select count(*) from t').pluck().get(), 0);
  again.close();
});

test('the process ends while databases and iterators are open', async () => {
  const { code, stdout, stderr } = await run(`
    import { Database } from ${JSON.stringify(import.meta.resolve('runledger/sqlite'))};
    globalThis.db = new Database('x.db');
    db.exec('pragma journal_mode = wal; create table t(a); insert into t values (1), (2)');
    globalThis.rows = db.prepare('select * from t').iterate();
    rows.next();
  `, { cwd: tempDir() });
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
});

test('what is no database is noticed at the first statement', () => {
  const path = join(tempDir(), 'x.db');
  writeFileSync(path, 'this is not a database, but a text that is long enough to be looked at '.repeat(20));
  const db = new Database(path);
  assert.throws(() => db.prepare('select * from sqlite_master').get(), { name: 'SqliteError', code: 'SQLITE_NOTADB' });
  db.close();
});
