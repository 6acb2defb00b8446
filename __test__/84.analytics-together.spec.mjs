// runledger/analytics: several on one file (recorders, Drizzle, threads, processes that are killed), times, loggers, defaults.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { AnalyticsRecorder, closeAnalyticsDatabase, createAnalyticsDb, getAnalyticsDatabase } from 'runledger/analytics';
import { Database } from 'runledger/sqlite';
import { call, codeOf, T } from './fixtures/analytics.mjs';
import { fails, skipWithoutPermissions } from './fixtures/cli.mjs';
import { cleanUp, isBun, isDeno, listener, random, run, skipOnWindows, skipWithoutDrizzle as skip, start, tempDir, test, track, until } from './support.mjs';

afterEach(cleanUp);

const { eq } = skip ? {} : await import('drizzle-orm');
const { sessions, toolCalls, ...others } = skip ? {} : await import('runledger/analytics/schema');

const recorder = async (options = {}) => track(await AnalyticsRecorder.open({ path: join(tempDir(), 'a.db'), ...options }));

/** A Drizzle database that `cleanUp` closes. */
function drizzled(options) {
  const db = createAnalyticsDb(options);
  track({ close: () => db.$client.close() });
  return db;
}

/** Sessions whose count is not that of their calls. */
function torn(path) {
  const db = new Database(path, { readonly: true });
  const rows = db.prepare('select id, tool_count as counted, (select count(*) from tool_calls where session_id = sessions.id) as found from sessions').all();
  db.close();
  return rows.filter(({ counted, found }) => counted !== found);
}

// ---------------------------------------------------------------- one file, several of us

test('a recorder and Drizzle on one file see what the other has committed', { skip }, async () => {
  const opened = await recorder();
  const db = drizzled({ path: opened.path });
  await opened.startSession({ id: 's' });
  await opened.recordToolCall(call({ id: 'c' }));
  assert.deepEqual(db.select().from(toolCalls).all(), [{ id: 'c', toolName: 'grep', durationMs: 10, status: 'success', errorType: null, timestamp: new Date(T), sessionId: 's' }]);
  assert.deepEqual(db.query.sessions.findMany({ columns: { id: true, toolCount: true } }).sync(), [{ id: 's', toolCount: 1 }]);
  db.insert(toolCalls).values({ sessionId: 's', toolName: 'read', durationMs: 1, status: 'timeout', timestamp: new Date(T) }).run();
  assert.deepEqual((await opened.toolStats()).map(({ toolName, count }) => [toolName, count]), [['grep', 1], ['read', 1]]);
  assert.equal((await opened.getSession('s')).toolCount, 1, 'Drizzle does not count');
  db.transaction((tx) => {
    tx.update(toolCalls).set({ durationMs: 7 }).where(eq(toolCalls.id, 'c')).run();
    assert.throws(() => tx.transaction((inner) => {
      inner.delete(sessions).run();
      throw new Error('no');
    }), /no/);
  });
  assert.equal((await opened.listToolCalls({ toolNames: ['grep'] }))[0].durationMs, 7);
  db.delete(sessions).where(eq(sessions.id, 's')).run();
  assert.deepEqual([await opened.getSession('s'), await opened.listToolCalls(), await opened.toolStats()], [null, [], []]);
  assert.equal(await codeOf(opened.recordToolCall(call())), 'ANALYTICS_SESSION_NOT_FOUND');
});

test('while a transaction of Drizzle is open a recorder waits for it, and its reads answer', { skip }, async () => {
  const opened = await recorder();
  const db = drizzled({ path: opened.path });
  await opened.startSession({ id: 's' });
  db.$client.exec('begin immediate');
  db.insert(sessions).values({ id: 't', startedAt: new Date(T) }).run();
  assert.deepEqual((await opened.listSessions()).map(({ id }) => id), ['s'], 'what is not committed is not there');
  const recorded = opened.recordToolCall(call({ sessionId: 't' }));
  const settled = recorded.then(() => true);
  assert.equal(await Promise.race([settled, delay(50, false)]), false);
  db.$client.exec('commit');
  assert.equal((await recorded).sessionId, 't');
});

test('a recorder that closes leaves the others on its file open', async () => {
  const first = await recorder();
  const { path } = first;
  const second = track(await AnalyticsRecorder.open({ path }));
  await first.startSession({ id: 's' });
  const calls = [first, second].flatMap((one) => Array.from({ length: 50 }, (_, i) => codeOf(one.recordToolCall(call(i === 25 ? { status: 'no' } : {})))));
  await first.close();
  const outcomes = await Promise.all(calls);
  assert.equal(outcomes.filter((outcome) => outcome === 'done').length, 98);
  assert.equal(await codeOf(first.getSession('s')), 'ANALYTICS_CLOSED');
  assert.equal((await second.getSession('s')).toolCount, 98);
  await second.close();
  assert.equal(existsSync(`${path}-wal`), false);
  rmSync(path);
  const anew = track(await AnalyticsRecorder.open({ path }));
  assert.deepEqual(await anew.listSessions(), []);
});

test('what a trigger of the owner’s refuses is refused alone', async () => {
  const opened = await recorder();
  await opened.startSession({ id: 's' });
  const db = new Database(opened.path);
  db.exec("create trigger no before insert on tool_calls when new.tool_name = 'rm' begin select raise(abort, 'not that one'); end");
  db.close();
  const outcomes = [opened.recordToolCall(call()), opened.recordToolCall(call({ toolName: 'rm' })), opened.recordToolCalls([call(), call({ toolName: 'rm' })]), opened.recordToolCall(call())];
  const [one, two, three, four] = await Promise.allSettled(outcomes);
  assert.deepEqual([one.status, four.status], ['fulfilled', 'fulfilled']);
  for (const [{ reason }, operation] of [[two, 'recordToolCall'], [three, 'recordToolCalls']]) {
    assert.deepEqual([reason.code, reason.extendedCode, reason.operation], ['ANALYTICS_WRITE_FAILED', 'SQLITE_CONSTRAINT_TRIGGER', operation]);
    assert.match(reason.cause.message, /not that one/);
  }
  assert.equal(three.reason.details.index, 1);
  assert.equal((await opened.getSession('s')).toolCount, 2);
  assert.deepEqual(torn(opened.path), []);
});

test('processes that are killed in the middle of a flood leave nothing half written, and lose nothing that was acknowledged', { skip: skipOnWindows, timeout: 120_000 }, async () => {
  const path = join(tempDir(), 'a.db');
  const flood = (name) => start(`
    const { AnalyticsRecorder } = await import(${JSON.stringify(import.meta.resolve('runledger/analytics'))});
    const recorder = await AnalyticsRecorder.open({ path: ${JSON.stringify(path)} });
    for (const id of ['${name} 0', '${name} 1']) await recorder.startSession({ id });
    let [kept, pending] = [0, []];
    const call = (i) => ({ sessionId: '${name} ' + (i % 2), toolName: 't' + (i % 5), durationMs: i, status: 'success' });
    for (let i = 0; ; i++) {
      pending.push(recorder.recordToolCall(call(i)).then(() => { kept += 1; }));
      if (i % 40 === 0) pending.push(recorder.recordToolCalls(Array.from({ length: 30 }, (_, j) => call(i + j))).then(() => { kept += 30; }));
      if (i % 100 === 0) process.stdout.write(kept + '\\n');
      if (i % 400 === 0) await Promise.all(pending.splice(0));
    }`);
  for (let round = 0; round < 2; round++) {
    const killed = ['a', 'b'].map((letter) => [`${letter}${round}`, flood(`${letter}${round}`)]);
    await until(() => killed.every(([, { stdout }]) => /[1-9]\d*\n\d+\n$/.test(stdout)), { limit: 60_000, what: 'a flood' });
    for (const [, handle] of killed) handle.kill('SIGKILL');
    const ended = await Promise.all(killed.map(([, { closed }]) => closed));
    assert.deepEqual(torn(path), []);
    const db = new Database(path);
    for (const [i, [name]] of killed.entries()) {
      const acknowledged = Number(ended[i].stdout.trim().split('\n').at(-1));
      const found = db.prepare('select count(*) from tool_calls where session_id glob ?').pluck().get(`${name} *`);
      assert.ok(found >= acknowledged && acknowledged > 0, `${found} of ${acknowledged}`);
    }
    assert.equal(db.pragma('integrity_check', { simple: true }), 'ok');
    db.close();
  }
});

// ---------------------------------------------------------------- times and large arguments

test('times before 1970 count like any other, rounded down', async () => {
  const opened = await recorder({ path: ':memory:' });
  const { startedAt, endedAt } = await opened.startSession({ id: 's', startedAt: -1 });
  assert.deepEqual([startedAt, endedAt], [new Date(-1000), null]);
  assert.equal(await codeOf(opened.endSession('s', -1001)), 'ANALYTICS_INVALID_INPUT');
  assert.deepEqual((await opened.endSession('s', new Date(-999))).endedAt, new Date(-1000));
  for (const timestamp of [-2000, -1001, -1000, -1, 0, 999]) await opened.recordToolCall(call({ timestamp }));
  const seconds = async (filter) => (await opened.listToolCalls({ order: 'asc', ...filter })).map(({ timestamp }) => timestamp.getTime() / 1000);
  assert.deepEqual(await seconds(), [-2, -2, -1, -1, 0, 0]);
  assert.deepEqual([await seconds({ from: -1 }), await seconds({ to: -1 }), await seconds({ from: -1500, to: new Date(0) })], [[-1, -1, 0, 0], [-2, -2], [-2, -2, -1, -1]]);
  const last = 8.64e15;
  assert.deepEqual((await opened.recordToolCall(call({ timestamp: last }))).timestamp, new Date(last));
  assert.equal(await codeOf(opened.recordToolCall(call({ timestamp: last + 1 }))), 'ANALYTICS_INVALID_INPUT');
});

test('a session whose start is still to come cannot end now', async () => {
  const opened = await recorder({ path: ':memory:' });
  await opened.startSession({ id: 's', startedAt: Date.now() + 60_000 });
  assert.equal(await codeOf(opened.endSession('s')), 'ANALYTICS_INVALID_INPUT');
  assert.equal((await opened.getSession('s')).endedAt, null);
});

test('pages of a listing fit together, and ten thousand names are a filter like any other', async () => {
  const opened = await recorder();
  const { next } = random(7);
  await opened.startSession({ id: 's' });
  const quoted = ['it\'s', '"q"', '%_', '[a]', '😀', 'null', '\\', 'a,b'];
  const calls = Array.from({ length: 400 }, (_, i) => call({ id: `c${i}`, toolName: quoted[i % quoted.length], timestamp: T + Math.floor(next() * 5) * 1000 }));
  await opened.recordToolCalls(calls);
  const order = calls.map(({ id, timestamp }, i) => [timestamp, i, id]).sort((a, b) => b[0] - a[0] || b[1] - a[1]).map(([, , id]) => id);
  for (const [sorted, direction] of [[order, 'desc'], [order.toReversed(), 'asc']]) {
    const pages = [];
    for (let offset = 0; offset < 450; offset += 90) pages.push(...await opened.listToolCalls({ order: direction, limit: 90, offset }));
    assert.deepEqual(pages.map(({ id }) => id), sorted);
  }
  assert.equal((await opened.listToolCalls()).length, 100);
  for (const limit of [400, 2 ** 53, 1e300]) assert.equal((await opened.listToolCalls({ limit })).length, 400);
  for (const offset of [400, 2 ** 53, 1e300]) assert.deepEqual(await opened.listToolCalls({ offset }), []);
  const many = Array.from({ length: 10_000 }, (_, i) => `tool ${i}`);
  for (const filter of [{}, { sessionId: 's' }]) {
    assert.deepEqual(await opened.toolStats({ ...filter, toolNames: many }), []);
    const found = await opened.toolStats({ ...filter, toolNames: [...many, ...quoted.slice(0, 3)] });
    assert.deepEqual(found.map(({ toolName, count }) => [toolName, count]), [['"q"', 50], ['%_', 50], ["it's", 50]]);
    assert.equal((await opened.listToolCalls({ ...filter, toolNames: [...many, '😀'], limit: 999 })).length, 50);
  }
});

// ---------------------------------------------------------------- loggers and defaults

test('whoever opens hears of the directory, the file and the migrations, each door and each recorder alike', { skip }, async () => {
  const dir = tempDir();
  const opens = [async (options) => track(await AnalyticsRecorder.open(options)), async (options) => drizzled(options)];
  for (const [i, open] of opens.entries()) {
    const { heard, logger } = listener();
    const directory = join(dir, `home ${i}`, '.devflow');
    const path = join(directory, 'analytics.db');
    const said = () => heard.splice(0).flat();
    const ready = ['info', 'analytics: database opened', { path, journalMode: 'wal' }];
    const migrated = ['info', 'analytics: migrations applied', { applied: 1 }];
    await open({ home: join(dir, `home ${i}`), logger });
    assert.deepEqual(said(), ['info', 'analytics: directory created', { path: directory }, ...ready, ...migrated]);
    await open({ path, logger });
    assert.deepEqual(said(), ready);
    await open({ path: ':memory:', logger });
    assert.deepEqual(said(), ['info', 'analytics: database opened', { path: ':memory:', journalMode: 'memory' }, ...migrated]);
    await assert.rejects(open({ home: 5, logger }));
    const [level, message, { code }] = said();
    assert.deepEqual([level, message, code], ['error', 'home must be the path of a directory', 'ANALYTICS_INVALID_INPUT']);
  }
});

test('a relative path is one of the working directory at the call', async () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'deep'));
  const { code, stdout, stderr } = await run(`
    const { AnalyticsRecorder } = await import(${JSON.stringify(import.meta.resolve('runledger/analytics'))});
    const opening = AnalyticsRecorder.open({ path: 'deep/a.db' });
    process.chdir('deep');
    const recorder = await opening;
    await recorder.startSession();
    console.log(recorder.path);`, { cwd: dir });
  assert.deepEqual([code, stderr, stdout.trim().endsWith(join('deep', 'a.db'))], [0, '', true]);
  assert.ok(existsSync(join(dir, 'deep', 'a.db')));
});

test('an empty HOME is none: the file is not made in the working directory', { skip: skipOnWindows }, async () => {
  const cwd = tempDir();
  const { stdout } = await run(`
    import { userInfo } from 'node:os';
    const { AnalyticsRecorder } = await import(${JSON.stringify(import.meta.resolve('runledger/analytics'))});
    const error = await AnalyticsRecorder.open({ migrate: false }).then(({ path }) => ({ path }), (error) => error);
    console.log(error.path === userInfo().homedir + '/.devflow/analytics.db');`, { cwd, env: { HOME: '' } });
  assert.equal(stdout, 'true\n');
});

const skipWithoutStranger = isBun || isDeno || process.getuid?.() !== 0 ? 'only root can be a user that nobody knows' : skipWithoutPermissions;

test('a user without a home directory is told so', { skip: skipWithoutStranger }, async () => {
  const options = { cwd: '/', env: { HOME: '' }, user: { uid: 54321, gid: 54321 } };
  await fails(['analytics', 'status'], 'analytics: There is no home directory: set HOME, or name the file', options);
});

test('getAnalyticsDatabase opens again when its connection was closed, and each thread has its own', { skip }, async () => {
  const before = process.env.HOME;
  process.env.HOME = tempDir();
  try {
    const db = getAnalyticsDatabase();
    const code = `
      const { parentPort } = require('node:worker_threads');
      import(${JSON.stringify(import.meta.resolve('runledger/analytics'))}).then(({ getAnalyticsDatabase, closeAnalyticsDatabase }) => {
        getAnalyticsDatabase().$client.exec("insert into sessions (id, started_at) values ('w', 1)");
        closeAnalyticsDatabase();
        parentPort.postMessage('done');
      });`;
    await new Promise((resolve, reject) => {
      new Worker(code, { eval: true, env: { ...process.env } }).once('message', resolve).once('error', reject);
    });
    assert.equal(db.$client.open, true);
    assert.deepEqual(db.select({ id: sessions.id }).from(sessions).all(), [{ id: 'w' }]);
    // In the middle of a transaction and of an iteration: it is rolled back, and the file is free.
    assert.throws(() => db.transaction((tx) => {
      tx.insert(sessions).values({ id: 'x', startedAt: new Date(T) }).run();
      for (const row of db.$client.prepare('select 1 union all select 2').iterate()) if (row) closeAnalyticsDatabase();
    }), { code: 'ERR_NOT_OPEN' });
    const again = getAnalyticsDatabase();
    assert.deepEqual(again.select({ id: sessions.id }).from(sessions).all(), [{ id: 'w' }]);
    again.$client.close();
    assert.equal(getAnalyticsDatabase().$client.open, true);
  } finally {
    closeAnalyticsDatabase();
    process.env.HOME = before;
  }
});

test('the tables of Drizzle are those of the file', { skip }, async () => {
  const { getTableConfig, SQLiteTable } = await import('drizzle-orm/sqlite-core');
  const { is } = await import('drizzle-orm');
  const db = drizzled({ path: ':memory:' });
  for (const table of [sessions, toolCalls]) {
    assert.ok(is(table, SQLiteTable));
    const { name, columns, foreignKeys } = getTableConfig(table);
    const described = columns.map((column) => [column.name, column.getSQLType().toUpperCase(), column.notNull, column.primary]);
    const found = db.$client.prepare(`pragma table_info(${name})`).all().map(({ name, type, notnull, pk }) => [name, type, notnull === 1, pk === 1]);
    assert.deepEqual(described, found);
    assert.deepEqual(foreignKeys.map((key) => [key.reference().foreignTable, key.reference().foreignColumns[0].name, key.onDelete]),
      table === toolCalls ? [[sessions, 'id', 'cascade']] : []);
  }
  assert.deepEqual(Object.keys(others), ['RunledgerError']);
});
