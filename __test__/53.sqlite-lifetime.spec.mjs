// runledger/sqlite: code of the caller's in the middle of calls, statements and databases that nobody holds any more,
// worker threads, processes, exits.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Database, SqliteError } from 'runledger/sqlite';
import { cleanUp, holdWriteLock, isBun, run, runJson, skipWithoutPython, tempDir, test } from './support.mjs';

afterEach(cleanUp);

const sqlite = JSON.stringify(import.meta.resolve('runledger/sqlite'));
const open = (path = ':memory:', options) => new Database(path, options).exec('create table if not exists t(a INTEGER PRIMARY KEY, b)');
const BUSY = { name: 'TypeError', code: 'ERR_BUSY' };

// ---------------------------------------------------------------- code of the caller's

test('an iteration ends by exhaustion, break, exception and return, and only then others may write', () => {
  const db = open();
  db.exec('insert into t(b) values (1), (2), (3)');
  const s = db.prepare('select * from t');
  const free = () => { assert.equal(s.busy, false); db.exec('update t set b = b + 1'); };
  for (const _ of s.iterate()); free();
  for (const _ of s.iterate()) break; free();
  assert.throws(() => { for (const _ of s.iterate()) throw new Error('mine'); }, { message: 'mine' }); free();
  const [first] = s.iterate(); free();
  assert.equal(first.a, 1);
  const rows = s.iterate();
  assert.equal(rows[Symbol.iterator](), rows);
  assert.equal(s.busy, true);
  rows.next();
  assert.deepEqual(rows.return('over'), { value: 'over', done: true }); free();
  assert.deepEqual([rows.next(), rows.next(), rows.return()], [{ value: undefined, done: true }, { value: undefined, done: true }, { value: undefined, done: true }]);
});

test('an iteration reads row by row: what is not asked for is not read', () => {
  const db = open();
  const s = db.prepare('select column1, case when column1 = 3 then abs(-9223372036854775808) end from (values (1), (2), (3))');
  const seen = [];
  assert.throws(() => { for (const row of s.raw().iterate()) seen.push(row[0]); }, SqliteError);
  assert.deepEqual(seen, [1, 2]);
  for (const row of s.iterate()) { if (row[0] === 2) break; }
  assert.equal(s.busy, false);
});

test('several statements of one text are iterated beside each other', () => {
  const db = open();
  db.exec('insert into t(b) values (1), (2), (3)');
  const sql = 'select a from t';
  const [one, two, three] = [db.prepare(sql).pluck(), db.prepare(sql).pluck(), db.prepare(sql).pluck()];
  const pairs = [];
  for (const a of one.iterate()) {
    assert.deepEqual([one.busy, two.busy, three.busy], [true, false, false]);
    for (const b of two.iterate()) pairs.push([a, b, three.get()]);
  }
  assert.equal(pairs.length, 9);
  assert.deepEqual(pairs.at(-1), [3, 3, 1]);
  const [bound, free] = [db.prepare('select ? x').pluck().bind(1), db.prepare('select ? x').pluck()];
  assert.deepEqual([bound.get(), free.get(2), bound.get(), free.get(3)], [1, 2, 1, 3]);
});

test('what is bound for good stays bound, however large, and what is not does not', () => {
  const db = open();
  const large = Buffer.alloc(100_000, 1);
  const sql = 'select length(?), ?';
  const [bound, free] = [db.prepare(sql).raw().bind(large, 'x'.repeat(10_000)), db.prepare(sql).raw()];
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(bound.get(), [100_000, 'x'.repeat(10_000)]);
    assert.deepEqual([...bound.iterate()], [[100_000, 'x'.repeat(10_000)]]);
    assert.deepEqual(free.get(large, i), [100_000, i]);
    assert.throws(() => free.get(), RangeError);
  }
});

test('iterations of one text, one after another and abandoned, share what was compiled', () => {
  const db = open();
  db.exec('insert into t(b) values (1), (2)');
  for (let i = 0; i < 1000; i++) {
    const s = db.prepare('select b from t where a >= ?').pluck();
    if (i % 3 === 0) assert.deepEqual([...s.iterate(1)], [1, 2]);
    else if (i % 3 === 1) { for (const b of s.iterate(2)) { assert.equal(b, 2); break; } }
    else assert.deepEqual(s.iterate(1).return(), { value: undefined, done: true });
    assert.deepEqual(s.all(1), [1, 2]);
  }
  db.exec('drop table t');
  assert.throws(() => db.prepare('select b from t where a >= ?'), { message: 'no such table: t' });
});

test('statements of one text keep their own modes', () => {
  const db = open();
  const sql = 'select 1 a, 2 b';
  const [plain, raw, pluck, safe] = [db.prepare(sql), db.prepare(sql).raw(), db.prepare(sql).pluck(), db.prepare(sql).safeIntegers()];
  for (let i = 0; i < 2; i++) assert.deepEqual([plain.get(), raw.get(), pluck.get(), safe.get()], [{ a: 1, b: 2 }, [1, 2], 1, { a: 1n, b: 2n }]);
});

test('a text that does not compile any more does not compile, though it was prepared before', () => {
  const db = open();
  db.prepare('select * from t').get();
  db.exec('drop table t');
  assert.throws(() => db.prepare('select * from t'), { message: 'no such table: t' });
  db.prepare('create table t(z)').run();
  assert.deepEqual(db.prepare('select * from t').columns().map((c) => c.name), ['z']);
  db.exec('begin; create table u(x)');
  db.prepare('select * from u').get();
  db.prepare('rollback').run();
  assert.throws(() => db.prepare('select * from u'), { message: 'no such table: u' });
  db.transaction(() => { db.exec('create table v(x)'); db.prepare('select * from v').get(); });
  assert.throws(db.transaction(() => { db.exec('create table v(x)'); db.prepare('select * from v').get(); throw new Error('undo'); }), { message: 'undo' });
  assert.throws(() => db.prepare('select * from v'), { message: 'no such table: v' });
  db.exec('create table o(x unique on conflict rollback); insert into o values (1)');
  db.exec('begin; create table w(x)');
  db.prepare('select * from w').get();
  assert.throws(() => db.prepare('insert into o values (1)').run());
  assert.throws(() => db.prepare('select * from w'), { message: 'no such table: w' });
});

test('verbose may not use the database, and its exceptions are passed on', () => {
  let use = () => {};
  const db = open(':memory:', { verbose: () => use() });
  const s = db.prepare('insert into t(b) values (?)');
  const reader = db.prepare('select * from t');
  use = () => {
    for (const attempt of [() => db.exec('select 1'), () => db.prepare('select 1'), () => s.run(1), () => reader.get(), () => reader.iterate(), () => db.close(), () => db.pragma('user_version'), () => reader.raw()]) {
      assert.throws(attempt, BUSY, String(attempt));
    }
  };
  s.run(1);
  assert.equal(reader.all().length, 1);
  db.exec('insert into t(b) values (2)');
  use = () => { throw new Error('from verbose'); };
  for (const attempt of [() => s.run(1), () => reader.get(), () => reader.iterate(), () => db.exec('insert into t(b) values (3)'), () => db.transaction(() => {})()]) {
    assert.throws(attempt, { message: 'from verbose' }, String(attempt));
  }
  use = () => {};
  assert.equal(reader.all().length, 2);
  db.close();
});

test('getters, proxies and odd arrays run before anything is bound, and may use the database', () => {
  const db = open();
  const insert = db.prepare('insert into t(b) values (@b)');
  const count = db.prepare('select count(*) from t').pluck();
  insert.run({ get b() { insert.run({ b: 'inner' }); return 'outer'; } });
  assert.deepEqual(db.prepare('select b from t').pluck().all(), ['inner', 'outer']);
  insert.run({ get b() { return count.get(); }, get c() { throw new Error('never asked'); } });
  assert.throws(() => insert.run({ get b() { throw new Error('mine'); } }), { message: 'mine' });
  assert.throws(() => insert.run({ get b() { db.close(); return 1; } }), { code: 'ERR_NOT_OPEN' });

  const other = open();
  const list = [1, 2];
  Object.defineProperty(list, 0, { get: () => { other.exec("insert into t(b) values ('getter')"); return 7; } });
  assert.deepEqual(other.prepare('select ?, ?').raw().get(list), [7, 2]);
  assert.deepEqual(other.prepare('select ?, ?').raw().get(new Proxy([3, 4], {})), [3, 4]);
  assert.throws(() => other.prepare('select ?').get({ toString() { throw new Error('never asked'); } }), TypeError);
  assert.equal(other.prepare('select count(*) from t').pluck().get(), 1);

  // An iteration has the statement to itself, which the text's other object keeps from being the one that was prepared.
  const [one, two] = [other.prepare('select ?, ?').raw(), other.prepare('select ?, ?').raw()];
  Object.defineProperty(list, 0, { get: () => [...one.iterate(8, 9)].length });
  assert.deepEqual([one.get(list), two.get(5, 6)], [[1, 2], [5, 6]]);
});

test('transactions nest through user code, and other databases take part in nothing', () => {
  const [db, other] = [open(), open()];
  const add = db.prepare('insert into t(b) values (?)');
  const outer = db.transaction((depth) => {
    add.run(depth);
    other.prepare('insert into t(b) values (?)').run(depth);
    if (depth < 5) { try { outer(depth + 1); } catch { /* undone alone */ } }
    if (depth === 3) throw new Error('undo 3 and deeper');
  });
  outer(0);
  assert.deepEqual(db.prepare('select b from t').pluck().all(), [0, 1, 2]);
  assert.equal(other.prepare('select count(*) from t').pluck().get(), 6);
});

test('closing inside a transaction function rolls back', () => {
  const path = join(tempDir(), 'x.db');
  const db = open(path);
  assert.throws(db.transaction(() => { db.exec('insert into t(b) values (1)'); db.close(); }), { code: 'ERR_NOT_OPEN' });
  const again = open(path);
  assert.equal(again.prepare('select count(*) from t').pluck().get(), 0);
  again.close();
});

test('setters on Object.prototype see no half-done call', () => {
  const db = open();
  db.exec('insert into t(b) select value from json_each(json_array(1,2,3,4,5,6,7,8,9))');
  const s = db.prepare('select t.a as polluted from t, t t2, t t3');
  let calls = 0;
  Object.defineProperty(Object.prototype, 'polluted', { configurable: true, set() { if (calls++ === 0) assert.throws(() => db.close(), BUSY); } });
  try {
    assert.equal(s.all().length, 729);
  } finally {
    delete Object.prototype.polluted;
  }
  assert.equal(calls, 729);
  db.close();
});

// ---------------------------------------------------------------- what nobody holds any more

const collect = `
  const gc = globalThis.Bun ? () => Bun.gc(true) : globalThis.gc;
  const settle = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 10)); } };
`;
const withGc = isBun ? {} : { env: { NODE_OPTIONS: '--expose-gc', DENO_V8_FLAGS: '--expose-gc' } };

test('a hundred thousand statements, used and forgotten, do not pile up', { timeout: 120_000 }, async () => {
  const result = await runJson(`
    import { Database } from ${sqlite};
    ${collect}
    const db = new Database();
    db.exec('create table t(a integer primary key)');
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 10_000; i++) {
        const s = db.prepare(i % 2 ? 'select * from t where a = ?' : 'insert or ignore into t values (?)');
        if (i % 2) s.get(i); else s.run(i);
      }
      await settle();
    }
    for (let i = 0; i < 2000; i++) { const s = db.prepare('select ' + i + ' as x'); if (s.get().x !== i) throw new Error('wrong'); if (i % 3 === 0) s.iterate().next(); }
    await settle();
    const early = process.memoryUsage().rss;
    for (let i = 0; i < 20_000; i++) { db.prepare('select ' + i + ' as x').get(); if (i % 1000 === 0) await settle(); }
    await settle();
    const grown = process.memoryUsage().rss - early;
    db.exec('delete from t'); // forgotten iterations are over
    db.close();
    console.log(JSON.stringify({ grown: grown / 1024 / 1024 }));
  `, { ...withGc, timeLimit: 110_000 });
  assert.ok(result.grown < 40, `memory grew by ${result.grown} MB`);
});

test('a database that nobody holds is closed', async () => {
  const dir = tempDir();
  const result = await runJson(`
    import { Database } from ${sqlite};
    import { readdirSync } from 'node:fs';
    ${collect}
    (() => {
      const db = new Database('x.db');
      db.exec('pragma journal_mode = wal; create table t(a); insert into t values (1)');
      db.prepare('select * from t').iterate().next();
    })();
    const before = readdirSync('.').sort();
    for (let i = 0; i < 20 && readdirSync('.').length > 1; i++) await settle();
    console.log(JSON.stringify([before, readdirSync('.').sort()]));
  `, { ...withGc, cwd: dir });
  assert.deepEqual(result, [['x.db', 'x.db-shm', 'x.db-wal'], ['x.db']]);
});

test('a statement keeps its database alive', async () => {
  const result = await runJson(`
    import { Database } from ${sqlite};
    ${collect}
    const make = () => new Database().exec('create table t(a); insert into t values (7)').prepare('select * from t').pluck();
    const s = make();
    const rows = make().iterate();
    await settle();
    console.log(JSON.stringify([s.get(), s.database.open, rows.next().value]));
  `, withGc);
  assert.deepEqual(result, [7, true, 7]);
});

// ---------------------------------------------------------------- threads, processes, exits

const workerCode = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.url).then(({ Database }) => {
    const db = new Database(workerData.path, { timeout: 20000 });
    const insert = db.prepare('insert into t(b) values (?)');
    const many = db.transaction((n) => { for (let i = 0; i < n; i++) insert.run(workerData.id); });
    for (let i = 0; i < 20; i++) many.immediate(10);
    if (workerData.leave === 'close') db.close();
    if (workerData.leave === 'iterate') { globalThis.db = db; globalThis.rows = db.prepare('select * from t').iterate(); rows.next(); }
    parentPort.postMessage('done');
    if (workerData.leave === 'hang') { for (;;) db.prepare('select count(*) from t, t t2').get(); }
  });
`;

test('worker threads share a file, and leave it however they end', { timeout: 60_000 }, async () => {
  const path = join(tempDir(), 'x.db');
  const db = open(path);
  db.pragma('journal_mode = WAL');
  const workers = ['close', 'iterate', 'exit', 'close'].map((leave, id) => {
    const worker = new Worker(workerCode, { eval: true, workerData: { url: import.meta.resolve('runledger/sqlite'), path, id, leave } });
    return new Promise((resolve, reject) => { worker.on('error', reject).on('exit', resolve); });
  });
  assert.deepEqual(await Promise.all(workers), [0, 0, 0, 0]);
  assert.deepEqual(db.prepare('select b, count(*) n from t group by b').all(), [0, 1, 2, 3].map((b) => ({ b, n: 200 })));
  db.close();
  assert.ok(!existsSync(`${path}-wal`), 'every connection of an ended worker was closed');
});

test('a worker that is terminated lets go of the file', { timeout: 60_000 }, async () => {
  const path = join(tempDir(), 'x.db');
  const db = open(path);
  const worker = new Worker(workerCode, { eval: true, workerData: { url: import.meta.resolve('runledger/sqlite'), path, id: 1, leave: 'none' } });
  await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject));
  await worker.terminate();
  assert.equal(db.prepare('select count(*) from t').pluck().get(), 200);
  db.exec('begin exclusive; commit');
  db.close();
  rmSync(path);
});

test('another process that holds the lock is waited for, then SQLITE_BUSY', { skip: skipWithoutPython }, async () => {
  const path = join(tempDir(), 'x.db');
  const db = open(path, { timeout: 100 });
  const release = await holdWriteLock(path);
  const insert = db.prepare('insert into t(b) values (1)');
  assert.throws(() => insert.run(), { name: 'SqliteError', code: 'SQLITE_BUSY' });
  assert.throws(db.transaction(() => insert.run()).immediate, { code: 'SQLITE_BUSY' });
  assert.equal(db.inTransaction, false);
  await release();
  assert.equal(insert.run().changes, 1);
  db.close();
});

test('process.exit in the middle of an iteration or a backup ends the process', async () => {
  for (const last of ["db.prepare('select * from t').iterate().next(); process.exit(3);", "db.backup('copy.db'); process.exit(3);", 'throw Object.assign(new Error("x"), { stack: "" });']) {
    const { code } = await run(`
      import { Database } from ${sqlite};
      const db = new Database('x.db');
      db.exec('pragma journal_mode = wal; create table t(a); insert into t values (1), (2)');
      ${last}
    `, { cwd: tempDir() });
    assert.ok(code === 3 || code === 1, `${last}: exit code ${code}`);
  }
});

test('a backup that runs while the database is closed and written is complete', async () => {
  const dir = tempDir();
  const db = open(join(dir, 'x.db'));
  const insert = db.prepare('insert into t(b) values (?)');
  db.transaction(() => { for (let i = 0; i < 20_000; i++) insert.run('x'.repeat(100)); })();
  const copying = db.backup(join(dir, 'copy.db'));
  db.close();
  const { totalPages } = await copying;
  const copy = open(join(dir, 'copy.db'));
  assert.equal(copy.pragma('page_count', { simple: true }), totalPages);
  assert.equal(copy.prepare('select count(*) from t').pluck().get(), 20_000);
  assert.equal(copy.pragma('integrity_check', { simple: true }), 'ok');
  copy.close();
});

test('a very deep stack is a RangeError of the language, and leaves the database usable', () => {
  const db = open();
  const s = db.prepare('select 1 a, 2 b, 3 c');
  const dive = () => { s.get(); s.all(); dive(); };
  assert.throws(dive, (error) => error instanceof RangeError);
  assert.deepEqual(s.get(), { a: 1, b: 2, c: 3 });
  db.exec('insert into t(b) values (1)');
  db.close();
});

test('a hundred databases are open at once', () => {
  const all = Array.from({ length: 100 }, (_, i) => { const db = open(); db.prepare('insert into t(b) values (?)').run(i); return db; });
  assert.deepEqual(all.map((db) => db.prepare('select b from t').pluck().get()), all.map((_, i) => i));
  for (const db of all) db.close();
  const again = open();
  assert.throws(() => all[0].prepare('select 1'), { code: 'ERR_NOT_OPEN' });
  assert.equal(again.prepare('select count(*) from t').pluck().get(), 0);
});
