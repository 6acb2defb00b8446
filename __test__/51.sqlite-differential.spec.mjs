// runledger/sqlite beside better-sqlite3 (and node:sqlite for what it shares): the same random programs give the same
// results, errors, codes and texts. What sqlite.md §5 and docs/sqlite.md name as different is the only exception.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Database } from 'runledger/sqlite';
import { cleanUp, cutsTexts, isBun, isDeno, random, root, test } from './support.mjs';

afterEach(cleanUp);

const PROGRAMS = Number(process.env.RUNLEDGER_PROGRAMS ?? 300);
const STEPS = 60;

/** The one that loads here: 12 on Node 20, 13 on newer ones; Bun has neither. */
const peer = (() => {
  if (isBun) return { why: 'better-sqlite3 does not load in Bun' };
  const reasons = [];
  for (const name of ['better-sqlite3', 'better-sqlite3-13']) {
    try {
      const Peer = createRequire(`${root}/bench/package.json`)(name);
      new Peer(':memory:').close();
      return { Peer };
    } catch (error) {
      reasons.push(String(error.message).split('\n')[0]);
    }
  }
  return { why: `better-sqlite3 does not load from bench/node_modules: ${reasons[0]}` };
})();

const nodeSqlite = (() => {
  try {
    const { DatabaseSync } = process.getBuiltinModule?.('node:sqlite') ?? {};
    return DatabaseSync?.prototype && 'exec' in DatabaseSync.prototype ? { DatabaseSync } : { why: 'this runtime has no node:sqlite' };
  } catch (error) {
    return { why: `node:sqlite does not load: ${error.message}` };
  }
})();

// ---------------------------------------------------------------- programs: lists of steps that any library can run

const SCHEMA = `create table t(a INTEGER PRIMARY KEY, b, c TEXT, d REAL, e BLOB);
create table u(k TEXT UNIQUE NOT NULL, v INTEGER CHECK (v < 1000), t_a INTEGER REFERENCES t(a));
create view w as select a, b from t;
create trigger tr after insert on u begin update t set b = new.v where a = 1; end;
insert into t values (1, 'one', 'é', 1.5, x'00ff'), (2, 2, null, -1, null), (3, null, 'three', 1e300, x'')`;

const READS = [
  'select * from t', 'select a, b from t where a = ?', 'select a from t where a > ? order by a desc', 'select ? as x', 'select ?, ?, typeof(?)',
  'select @a as a, @b as b', 'select :k as k, $v as v, ? as p', 'select 1 as a, 2 as a', 'select * from u', 'select count(*) n from u where k = ?',
  'select * from w', 'select 1 where 0', 'values (1, 2), (3, 4)', 'with recursive c(i) as (select 1 union all select i + 1 from c where i < 40) select i, hex(i) from c',
  'select b, abs(-9223372036854775808) from t', "select json_extract('{\"a\":[1,2]}', '$.a[1]') j", 'pragma user_version', 'pragma table_info(t)', 'explain query plan select * from t',
];
const WRITES = [
  'insert into t(b, c) values (?, ?)', 'insert into t values (?, ?, ?, ?, ?)', 'insert into u(k, v) values (@k, @v)', 'insert into u values (?, ?, ?)',
  'insert or replace into u(k, v) values (:k, 5)', 'update t set b = ? where a = ?', 'update u set v = v + 1', 'delete from t where a = ?', 'delete from u',
  'insert into t(b) values (?) returning a, b', 'delete from t where a < ? returning a', 'insert into w values (1, 2)', 'create table if not exists x(y)', 'drop table if exists x',
  'begin', 'commit', 'rollback', 'savepoint s', 'release s', 'rollback to s', 'pragma user_version = 3', 'insert or ignore into u(k, v) values (?, 1)',
];
const WRONG = ['', '-- nothing', 'selekt', 'select * from missing', 'select 1; select 2', 'insert into t(zz) values (1)', 'select "a" from t where b = "text"', 'select ?,', 'select (', 'select 1; garbage'];
const SCRIPTS = ['insert into t(b) values (7); delete from u', 'insert into u values (null, 1, 1)', 'insert into t(b) values (8); selekt', 'begin; commit', 'update t set c = c || c where a = 1', ' ; ', 'drop view if exists w; create view w as select a, b from t'];

const VALUES = (r) => r.one([0, 1, 2, 3, -1, 1.5, 1e300, NaN, Infinity, 5n, 2n ** 40n, -(2n ** 52n), 'x', '', 'é\u{1F600}', 'a\0b', null, undefined,
  Buffer.from([1, 2, 3]), new Uint8Array(0), 'k1', 'k2', 999, 1000]);
const BAD = (r) => r.one([true, new Date(0), Symbol('s'), () => 1, 2n ** 64n, [[]], new Map(), /x/]);

function args(r) {
  const value = () => (r.chance(0.03) ? BAD(r) : VALUES(r));
  const list = (n) => Array.from({ length: n }, value);
  const named = () => {
    const keys = r.one([['a', 'b'], ['k', 'v'], ['a'], ['k'], ['k', 'v', 'extra'], ['A', 'b']]);
    return Object.fromEntries(keys.map((key) => [key, value()]));
  };
  switch (r.int(10)) {
    case 0: return [];
    case 1: case 2: return list(1);
    case 3: return list(2);
    case 4: return list(3);
    case 5: return list(5);
    case 6: return [list(r.int(4))];
    case 7: return [named()];
    case 8: return r.chance(0.5) ? [named(), ...list(1)] : [...list(1), named()];
    default: return r.chance(0.2) ? [named(), named()] : [list(1), list(1)];
  }
}

function program(seed) {
  const r = random(seed);
  const steps = [];
  let statements = 0;
  const statement = () => r.int(Math.max(1, statements));
  for (let i = 0; i < STEPS; i++) {
    const kind = r.one(['prepare', 'prepare', 'prepare', 'run', 'run', 'get', 'get', 'all', 'all', 'iterate', 'mode', 'exec', 'transaction', 'pragma', 'bind', 'columns', 'facts', 'wrong']);
    switch (kind) {
      case 'prepare': steps.push({ kind, sql: r.one(r.chance(0.5) ? READS : WRITES) }); statements++; break;
      case 'wrong': steps.push({ kind: r.one(['prepare', 'exec']), sql: r.one(WRONG) }); if (steps.at(-1).kind === 'prepare') statements++; break;
      case 'mode': steps.push({ kind, statement: statement(), mode: r.one(['raw', 'pluck', 'safeIntegers']), on: r.one([undefined, true, false, 1]) }); break;
      case 'exec': steps.push({ kind, sql: r.one(SCRIPTS) }); break;
      case 'pragma': steps.push({ kind, sql: r.one(['user_version', 'table_info(t)', 'foreign_keys', 'nonsense', 'user_version = 9', 'user_version; select 1']), simple: r.chance(0.5) }); break;
      case 'transaction': steps.push({ kind, variant: r.one(['default', 'deferred', 'immediate', 'exclusive']), statement: statement(), args: args(r), inner: r.chance(0.5), fail: r.chance(0.4) }); break;
      case 'iterate': steps.push({ kind, statement: statement(), args: args(r), stop: r.int(5), other: { statement: statement(), method: r.one(['run', 'get', 'all', 'exec', 'close', 'raw']), args: args(r) } }); break;
      default: steps.push({ kind, statement: statement(), args: args(r) });
    }
  }
  return steps;
}

// ---------------------------------------------------------------- running one and writing down what it did

const shown = (value) => {
  if (typeof value === 'bigint') return `${value}n`;
  if (Buffer.isBuffer(value)) return `blob:${value.toString('hex')}`;
  if (value instanceof Uint8Array) return `blob:${Buffer.from(value).toString('hex')}`;
  if (Object.is(value, -0)) return 0;
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, shown(entry)]));
  return value === undefined ? 'undefined' : value;
};

function attempt(work) {
  try {
    return { value: shown(work()) };
  } catch (error) {
    const sqlite = error.constructor.name === 'SqliteError';
    // The savepoints of transactions have a name of the library's own.
    return { error: error.constructor.name, message: error.message.replace('_runledger.', '_bs3.'), ...(sqlite && { code: error.code }) };
  }
}

function execute(Database, steps) {
  const db = new Database(':memory:');
  db.exec(SCHEMA);
  const log = [];
  const statements = [];
  for (const step of steps) {
    const s = statements[step.statement];
    if ('statement' in step && s === undefined) { log.push('no statement'); continue; }
    log.push(attempt(() => {
      switch (step.kind) {
        case 'prepare': statements.push(undefined); statements[statements.length - 1] = db.prepare(step.sql); return 'prepared';
        case 'exec': return db.exec(step.sql) === db;
        case 'run': case 'get': case 'all': return s[step.kind](...step.args);
        case 'mode': return (step.on === undefined ? s[step.mode]() : s[step.mode](step.on)) === s;
        case 'bind': return s.bind(...step.args) === s;
        case 'columns': return s.columns();
        case 'facts': return [s.source, s.reader, s.readonly, s.busy, db.inTransaction, db.open];
        case 'pragma': return step.simple ? db.pragma(step.sql, { simple: true }) : db.pragma(step.sql);
        case 'iterate': {
          const rows = [];
          for (const row of s.iterate(...step.args)) {
            rows.push(row, s.busy);
            if (rows.length === 2 && statements[step.other.statement]) rows.push(attempt(() => other(db, statements[step.other.statement], step.other)));
            if (rows.length / 2 > step.stop) break;
          }
          return [rows, s.busy];
        }
        case 'transaction': {
          const tx = db.transaction((...args) => {
            const inner = step.inner && attempt(() => db.transaction(() => { s.run(...args); if (step.fail) throw new Error('inner'); })());
            const result = [db.inTransaction, inner, s.reader ? s.all(...args) : s.run(...args)];
            if (step.fail) throw new Error('outer');
            return result;
          });
          return tx[step.variant](...step.args);
        }
      }
    }));
  }
  // Whatever happened, the content is the same.
  log.push(attempt(() => { if (db.inTransaction) db.exec('rollback'); return [db.prepare('select * from t').all(), db.prepare('select * from u').all()]; }));
  db.close();
  return log;
}

function other(db, s, { method, args }) {
  if (method === 'exec') return db.exec('select 1') === db;
  if (method === 'close') return String(db.close());
  if (method === 'raw') return s.raw() === s;
  // better-sqlite3 lets get() and all() write in the middle of an iteration; the contract does not.
  if (method !== 'run' && !s.readonly) return 'left out';
  return s[method](...args);
}

// ---------------------------------------------------------------- comparing

/** Two errors that the contract wants to be different: the same program fails at the same place, for the same reason. */
function isDocumented(ours, theirs) {
  const [our, their] = [JSON.stringify(ours), JSON.stringify(theirs)];
  // A missing named value is named, also where no object was given.
  if (/Missing named parameter /.test(our)) return our.replaceAll(/"error":"RangeError","message":"Missing named parameter [^}]*/g, '') === their.replaceAll(/"error":"TypeError","message":"Missing named parameters[^}]*|"error":"RangeError","message":"Missing named parameter [^}]*/g, '');
  // An object given to a statement whose parameters have no names is a value, and none that can be bound.
  const either = /"error":"(TypeError|RangeError)","message":"(SQLite3 can only bind|Too few parameter)[^}]*/g;
  return /can only bind/.test(our) && /Too few parameter/.test(their) && our.replaceAll(either, '') === their.replaceAll(either, '');
}

/** Runs a program on both. Returns how many steps differed, each in a way that the contract has. */
function compare(seed, Peer) {
  const steps = program(seed);
  const [ours, theirs] = [execute(Database, steps), execute(Peer, steps)];
  let documented = 0;
  for (let i = 0; i < ours.length; i++) {
    try {
      assert.deepEqual(ours[i], theirs[i]);
    } catch (error) {
      if (isDocumented(ours[i], theirs[i])) { documented++; continue; }
      const step = JSON.stringify(steps[i], (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
      throw new Error(`program ${seed}, step ${i}: ${step}; statement: ${statementOf(steps, steps[i]?.statement)}\n${error.message}`);
    }
  }
  return documented;
}

const statementOf = (steps, number) => steps.filter((step) => step.kind === 'prepare')[number]?.sql;

test('random programs do the same as on better-sqlite3', { skip: peer.why ?? false, timeout: 300_000 }, (t) => {
  let documented = 0;
  for (let seed = 1; seed <= PROGRAMS; seed++) documented += compare(seed, peer.Peer);
  t.diagnostic(`${PROGRAMS} programs of ${STEPS} steps; ${documented} steps differ as documented`);
  assert.ok(documented < PROGRAMS * STEPS / 50, `${documented} steps differ`);
});

// ---------------------------------------------------------------- node:sqlite: values by position, rows, SQLite's errors

/** SQL with the number of its parameters. */
const SHARED = [['select * from t', 0], ['select a, b from t where a = ?', 1], ['select ? x, typeof(?) y', 2], ['select 1 a, 2 a', 0], ['select 9007199254740993 x', 0],
  ['insert into t(b, c) values (?, ?)', 2], ['insert into t values (?, ?, ?, ?, ?)', 5], ['insert into u(k, v) values (?, ?)', 2], ['update t set b = ? where a = ?', 2],
  ['delete from t where a = ?', 1], ['insert into t(b) values (?) returning a, b', 1], ['select * from missing', 0], ['selekt', 0], ["select b, abs(-9223372036854775808) from t", 0]];

function onNode(DatabaseSync, steps) {
  const db = new DatabaseSync(':memory:');
  return sharedLog(db, steps, (error) => ({ error: error.message, number: error.errcode }));
}

function onOurs(steps) {
  const db = new Database(':memory:');
  return sharedLog(db, steps, (error) => ({ error: error.message, number: error.rawCode }));
}

function sharedLog(db, steps, explain) {
  db.exec(SCHEMA);
  const log = steps.map(({ sql, method, args }) => {
    try {
      const s = db.prepare(sql);
      const value = method === 'iterate' ? [...s.iterate(...args)] : s[method](...args);
      return shown(method === 'run' ? { ...value } : value);
    } catch (error) {
      if (error.code === 'ERR_OUT_OF_RANGE') return 'out of range';
      return explain(error);
    }
  });
  db.close();
  return log;
}

/** Where node:sqlite does not bind `whole` values: without NUL, at which Node 22 and Deno cut, and without empty blobs, Node 22's NULL. */
function argument(r, whole) {
  const value = VALUES(r) ?? null;
  if (whole) return value;
  return typeof value === 'string' ? value.replace('\0', ' ') : value?.length === 0 ? 0 : value;
}

/** Deno's iterate() ends at an error as if there were no more rows (seen in 2.9.6). */
const READERS = ['get', 'all', ...(isDeno ? [] : ['iterate'])];

test('random programs give the same rows and errors as on node:sqlite', { skip: nodeSqlite.why ?? false, timeout: 300_000 }, () => {
  const whole = !cutsTexts(new nodeSqlite.DatabaseSync(':memory:'));
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const r = random(seed);
    const steps = Array.from({ length: 30 }, () => {
      const [sql, count] = r.one(SHARED);
      const args = Array.from({ length: count }, () => argument(r, whole));
      // There run() of a SELECT tells what the statement before has changed.
      const methods = /returning/.test(sql) ? ['get', 'all', 'run'] : /^select/.test(sql) ? READERS : ['run'];
      return { sql, method: r.one(methods), args };
    });
    const [ours, theirs] = [onOurs(steps), onNode(nodeSqlite.DatabaseSync, steps)];
    for (let i = 0; i < steps.length; i++) {
      assert.deepEqual(ours[i], theirs[i], `program ${seed}, step ${i}: ${steps[i].method} ${steps[i].sql} ${JSON.stringify(steps[i].args.map(shown))}`);
    }
  }
});
