// runledger/sqlite: the table of sqlite.md §3, row by row, and what else cannot be meant.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Database, RunledgerError, SqliteError } from 'runledger/sqlite';
import { cleanUp, tempDir, test } from './support.mjs';

afterEach(cleanUp);

const open = () => new Database(':memory:').exec('create table t(a INTEGER PRIMARY KEY, b)');
const count = (db) => db.prepare('select count(*) from t').pluck().get();
const NOT_OPEN = { name: 'TypeError', code: 'ERR_NOT_OPEN', message: 'The database connection is not open' };
const BUSY = { name: 'TypeError', code: 'ERR_BUSY', message: 'This database connection is busy executing a query' };

/** What is no string. */
const NOT_STRINGS = [null, 1, true, {}, [], Symbol('s'), () => {}, Buffer.from('x')];

test('a path that is no string', () => {
  for (const path of NOT_STRINGS) assert.throws(() => new Database(path), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
});

test('SQL that is no string', () => {
  const db = open();
  for (const sql of [undefined, ...NOT_STRINGS]) {
    for (const method of ['prepare', 'exec', 'pragma']) assert.throws(() => db[method](sql), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }, method);
  }
});

test('a transaction of something that is no function', () => {
  const db = open();
  for (const fn of [undefined, null, 'x', {}, 1]) assert.throws(() => db.transaction(fn), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
});

test('a missing directory', () => {
  const dir = tempDir();
  assert.throws(() => new Database(join(dir, 'no', 'x.db')), { name: 'TypeError', code: 'ERR_DIRECTORY_MISSING', message: 'Cannot open database because the directory does not exist' });
  assert.deepEqual(readdirSync(dir), []);
});

test('a missing file with readonly or fileMustExist', () => {
  const dir = tempDir();
  for (const options of [{ readonly: true }, { fileMustExist: true }, { readonly: true, fileMustExist: true }]) {
    assert.throws(() => new Database(join(dir, 'x.db'), options), (error) => {
      assert.ok(error instanceof SqliteError);
      assert.deepEqual([error.code, error.rawCode, error.message], ['SQLITE_CANTOPEN', 14, 'unable to open database file']);
      return true;
    });
  }
  assert.deepEqual(readdirSync(dir), []);
});

test('a path that is a directory', () => {
  const dir = tempDir();
  for (const options of [{}, { readonly: true }, { fileMustExist: true }]) {
    assert.throws(() => new Database(dir, options), { name: 'SqliteError', code: 'SQLITE_CANTOPEN', message: 'unable to open database file' });
  }
});

test('a path with U+0000', () => {
  const dir = tempDir();
  assert.throws(() => new Database(join(dir, 'x\0.db')), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
  assert.deepEqual(readdirSync(dir), []);
});

test('a database in memory for reading only', () => {
  for (const path of [':memory:', '', undefined]) {
    assert.throws(() => new Database(path, { readonly: true }), { name: 'TypeError', message: 'In-memory/temporary databases cannot be readonly' });
  }
});

test('a file that is no database', () => {
  const path = join(tempDir(), 'x.db');
  const text = 'no database, '.repeat(100);
  writeFileSync(path, text);
  const db = new Database(path);
  assert.throws(() => db.exec('create table t(a)'), { name: 'SqliteError', code: 'SQLITE_NOTADB' });
  db.close();
  assert.equal(readFileSync(path, 'utf8'), text);
});

test('a timeout that is none', () => {
  const path = join(tempDir(), 'x.db');
  for (const timeout of [-1, 0.5, 2 ** 31, Infinity, NaN]) assert.throws(() => new Database(path, { timeout }), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' }, String(timeout));
  for (const timeout of ['1', null, 1n]) assert.throws(() => new Database(path, { timeout }), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  assert.equal(existsSync(path), false);
  new Database(':memory:', { timeout: 2 ** 31 - 1 }).close();
  new Database(':memory:', { timeout: undefined }).close();
});

test('other options of the wrong type', () => {
  for (const options of [null, 'x', 5]) assert.throws(() => new Database(':memory:', options), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  for (const options of [{ readonly: 1 }, { fileMustExist: 'yes' }, { verbose: {} }]) assert.throws(() => new Database(':memory:', options), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => new Database(':memory:', { readOnly: true }), { name: 'TypeError', message: /readonly/ });
  assert.throws(() => open().pragma('user_version', { simple: 1 }), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  for (const method of ['raw', 'pluck', 'safeIntegers']) assert.throws(() => open().prepare('select 1')[method](1), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  assert.throws(() => open().defaultSafeIntegers('yes'), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
});

test('no statement, or more than one', () => {
  const db = open();
  for (const sql of ['', ' \n;', '-- only\n/* comments */', ';;']) {
    assert.throws(() => db.prepare(sql), { name: 'RangeError', message: 'The supplied SQL string contains no statements' }, sql);
    assert.equal(db.exec(sql), db);
  }
  for (const sql of ['select 1; select 2', 'select 1; selekt', "insert into t(b) values (1); -- c\n drop table t"]) {
    assert.throws(() => db.prepare(sql), { name: 'RangeError', message: 'The supplied SQL string contains more than one statement' });
  }
  assert.equal(db.prepare('select 1; -- c\n /* d */ ; ').pluck().get(), 1);
  assert.equal(count(db), 0);
});

test('SQL that does not compile', () => {
  const db = open();
  assert.throws(() => db.prepare('select * from missing'), { name: 'SqliteError', code: 'SQLITE_ERROR', rawCode: 1, message: 'no such table: missing', operation: 'prepare' });
  assert.throws(() => db.prepare('select a,, b from t'), { code: 'SQLITE_ERROR', message: 'near ",": syntax error', offset: 9 });
  assert.throws(() => db.prepare('select "b" from t where a = "text"'), { code: 'SQLITE_ERROR', message: /no such column: "?text/ });
  assert.throws(() => db.exec('selekt'), { code: 'SQLITE_ERROR', operation: 'exec' });
});

class Other { a = 1; }
const UNBINDABLE = [true, false, new Date(), {}, { a: 1 }, new Other(), new Map(), Symbol('s'), () => {}, /x/, new ArrayBuffer(3), [1]];

test('a value that SQLite does not have', () => {
  const db = open();
  const expected = { name: 'TypeError', message: 'SQLite3 can only bind numbers, strings, bigints, buffers, and null', code: 'ERR_INVALID_ARG_TYPE' };
  const insert = db.prepare('insert into t(b) values (?)');
  const named = db.prepare('insert into t(b) values (@b)');
  for (const value of UNBINDABLE) {
    const isList = Array.isArray(value);
    if (!isList) assert.throws(() => insert.run(value), expected, String(value));
    assert.throws(() => insert.run([value]), expected, String(value));
    assert.throws(() => named.run({ b: value }), expected, String(value));
    assert.throws(() => db.prepare('insert into t(b) values (@b)').run({ b: value, c: 1 }), expected, String(value));
    assert.throws(() => db.prepare('select ?, ?').all(1, [value]), expected, String(value));
    assert.throws(() => db.prepare('select ?').iterate([value]), expected, String(value));
    assert.throws(() => db.prepare('select ?').bind([value]), expected, String(value));
  }
  assert.equal(count(db), 0);
});

test('too few and too many values', () => {
  const db = open();
  const few = { name: 'RangeError', message: 'Too few parameter values were provided' };
  const many = { name: 'RangeError', message: 'Too many parameter values were provided' };
  const two = db.prepare('insert into t(a, b) values (?, ?)');
  for (const args of [[], [1], [[1]], [[]], ['x']]) assert.throws(() => two.run(...args), few, JSON.stringify(args));
  for (const args of [[1, 2, 3], [[1, 2, 3]], [1, [2, 3]], ['x', 'y', 'z']]) assert.throws(() => two.run(...args), many, JSON.stringify(args));
  assert.throws(() => db.prepare('select 1').get(1), many);
  assert.throws(() => db.prepare('select @a').get(1), many);
  assert.throws(() => db.prepare('select ?1').get(), few);
  assert.throws(() => db.prepare('select ?, @a').get({ a: 1 }), few);
  assert.equal(db.prepare('select 1').pluck().get({}), 1);
  assert.equal(count(db), 0);
});

test('a missing named value', () => {
  const db = open();
  const missing = (name) => ({ name: 'RangeError', message: `Missing named parameter "${name}"` });
  assert.throws(() => db.prepare('select @a').get({}), missing('a'));
  assert.throws(() => db.prepare('select @a').get(), missing('a'));
  assert.throws(() => db.prepare('select :a, $b').get({ a: 1 }), missing('b'));
  assert.throws(() => db.prepare('select @a').get(Object.create({ a: 1 })), TypeError);
  assert.throws(() => db.prepare('select @toString').get({}), missing('toString'));
  assert.throws(() => db.prepare('select @a').get({ a: 1 }, { a: 2 }), { name: 'TypeError', message: 'You cannot specify named parameters in two different objects' });
  assert.throws(() => db.prepare('select @a').get(new Other()), { name: 'TypeError', message: 'Named parameters can only be passed within plain objects' });
  assert.equal(db.prepare('select @a is null').pluck().get({ a: undefined }), 1);
});

test('a bigint outside 64 bits', () => {
  const db = open();
  for (const value of [2n ** 63n, -(2n ** 63n) - 1n, 2n ** 200n]) {
    assert.throws(() => db.prepare('insert into t(b) values (?)').run(value), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => db.prepare('insert into t(b) values (@b)').run({ b: value }), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
  }
  assert.equal(count(db), 0);
});

test('rows of a statement that has none', () => {
  const db = open();
  const insert = db.prepare('insert into t(b) values (1)');
  for (const method of ['get', 'all', 'iterate']) {
    assert.throws(() => insert[method](), { name: 'TypeError', code: 'ERR_NOT_A_READER', message: 'This statement does not return data. Use run() instead' });
  }
  for (const method of ['raw', 'pluck', 'columns']) assert.throws(() => insert[method](), { name: 'TypeError', code: 'ERR_NOT_A_READER' });
  assert.equal(count(db), 0);
});

test('a second bind, or values for a bound statement', () => {
  const s = open().prepare('select ?').bind(1);
  assert.throws(() => s.bind(2), { name: 'TypeError', code: 'ERR_ALREADY_BOUND' });
  assert.throws(() => s.bind(), { name: 'TypeError', code: 'ERR_ALREADY_BOUND' });
  for (const method of ['get', 'all', 'iterate', 'run']) {
    for (const args of [[1], [[]], [{}]]) assert.throws(() => s[method](...args), { name: 'TypeError', code: 'ERR_ALREADY_BOUND' }, method);
  }
  assert.deepEqual(s.raw().get(), [1]);
  const failed = open().prepare('select ?');
  assert.throws(() => failed.bind(), RangeError);
  assert.equal(failed.bind(3).pluck().get(), 3);
});

test('any use after close', async () => {
  const db = open();
  const [reader, writer] = [db.prepare('select 1'), db.prepare('insert into t(b) values (?)')];
  const [bound, tx] = [db.prepare('select ?').bind(1), db.transaction(() => {})];
  db.close();
  assert.equal(db.open, false);
  assert.equal(db.inTransaction, false);
  assert.deepEqual([db.name, db.memory, db.readonly, reader.source, reader.reader, reader.busy], [':memory:', true, false, 'select 1', true, false]);
  const uses = [
    () => db.prepare('select 1'), () => db.exec('select 1'), () => db.exec(''), () => db.pragma('user_version'), () => db.transaction(() => {}),
    () => db.defaultSafeIntegers(), () => tx(), () => reader.get(), () => reader.all(), () => reader.iterate(), () => reader.run(), () => reader.raw(),
    () => reader.pluck(), () => reader.safeIntegers(), () => reader.columns(), () => reader.bind(), () => writer.run(1), () => writer.run({}), () => writer.run(true),
    () => writer.get(), () => bound.get(), () => bound.get(1), () => writer.run(),
  ];
  for (const use of uses) assert.throws(use, NOT_OPEN, String(use));
  await assert.rejects(db.backup(join(tempDir(), 'x')), NOT_OPEN);
  assert.equal(db.close(), undefined);
});

test('a write, exec or close in the middle of an iteration', () => {
  const db = open();
  db.exec('insert into t(b) values (1), (2), (3)');
  const insert = db.prepare('insert into t(b) values (9)');
  const returning = db.prepare('insert into t(b) values (9) returning a');
  const tx = db.transaction(() => {});
  const all = db.prepare('select b from t order by a').pluck();
  const seen = [];
  for (const b of all.iterate()) {
    seen.push(b);
    assert.equal(all.busy, true);
    for (const use of [() => insert.run(), () => db.exec('select 1'), () => db.close(), () => db.pragma('user_version'), () => tx(), () => returning.get(), () => returning.all(), () => returning.iterate()]) {
      assert.throws(use, BUSY, String(use));
    }
    for (const use of [() => all.get(), () => all.all(), () => all.iterate(), () => all.raw(), () => all.safeIntegers(), () => all.run()]) {
      assert.throws(use, { name: 'TypeError', code: 'ERR_BUSY' }, String(use));
    }
    assert.equal(db.prepare('select count(*) from t').pluck().get(), 3);
    assert.deepEqual([...db.prepare('select a from t').pluck().iterate()], [1, 2, 3]);
  }
  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(all.busy, false);
  insert.run();
  assert.equal(count(db), 4);
});

test('a write on a read-only connection', () => {
  const path = join(tempDir(), 'x.db');
  new Database(path).exec('create table t(a)').close();
  const before = readFileSync(path);
  const db = new Database(path, { readonly: true });
  assert.throws(() => db.exec('insert into t values (1)'), { name: 'SqliteError', code: 'SQLITE_READONLY', message: 'attempt to write a readonly database' });
  assert.throws(() => db.prepare('insert into t values (1)').run(), { name: 'SqliteError', code: 'SQLITE_READONLY' });
  assert.deepEqual(db.prepare('select * from t').all(), []);
  db.close();
  assert.deepEqual(readFileSync(path), before);
});

test('a backup to a path that is taken, or into a missing directory', async () => {
  const dir = tempDir();
  for (const db of [open(), new Database(join(dir, 'x.db')).exec('create table t(a)')]) {
    writeFileSync(join(dir, 'taken'), 'mine');
    mkdirSync(join(dir, 'folder'), { recursive: true });
    const rejected = (path, code) => assert.rejects(db.backup(path), (error) => {
      assert.ok(error instanceof RunledgerError, error.stack);
      assert.deepEqual([error.code, error.operation], [code, 'backup']);
      return true;
    });
    await rejected(join(dir, 'taken'), 'ERR_FILE_EXISTS');
    await rejected(join(dir, 'folder'), 'ERR_FILE_EXISTS');
    await rejected(join(dir, 'no', 'copy.db'), 'ERR_DIRECTORY_MISSING');
    // SQLite would write into them, and remove them.
    if (!db.memory) for (const part of ['wal', 'shm', 'journal']) await rejected(`${db.name}-${part}`, 'ERR_FILE_EXISTS');
    for (const path of [undefined, null, 5, {}]) await assert.rejects(db.backup(path), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
    for (const path of ['', ':memory:', 'a\0b']) await assert.rejects(db.backup(path), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
    assert.equal(readFileSync(join(dir, 'taken'), 'utf8'), 'mine');
    db.close();
  }
  assert.deepEqual(readdirSync(dir).sort(), ['folder', 'taken', 'x.db']);
});

test('a failed call writes nothing and leaves the statement usable', () => {
  const db = open();
  const insert = db.prepare('insert into t(a, b) values (?, ?)');
  insert.run(1, 'x');
  assert.throws(() => insert.run(1, 'y'), { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' });
  assert.throws(() => insert.run('text', 'y'), { code: 'SQLITE_MISMATCH' });
  insert.run(2, 'z');
  const failing = db.prepare("select b, abs(-9223372036854775808) from t");
  assert.throws(() => failing.all(), { code: 'SQLITE_ERROR', message: 'integer overflow' });
  assert.throws(() => [...failing.iterate()], { code: 'SQLITE_ERROR' });
  assert.equal(failing.busy, false);
  assert.deepEqual(db.prepare('select b from t').pluck().all(), ['x', 'z']);
});
