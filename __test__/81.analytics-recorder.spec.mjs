// AnalyticsRecorder: order, filters, statistics against a model, other writers, closing (analytics.md §5).
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { AnalyticsError, AnalyticsRecorder } from 'runledger/analytics';
import { Database } from 'runledger/sqlite';
import { cleanUp, foreignScript, holdWriteLock, random, runJson, skipWithoutPython, tempDir, test, track } from './support.mjs';
import { call, codeOf, T } from './fixtures/analytics.mjs';

afterEach(cleanUp);

async function recorder(options = {}) {
  const opened = track(await AnalyticsRecorder.open({ path: join(tempDir(), 'a.db'), ...options }));
  await opened.startSession({ id: 's', startedAt: T });
  return opened;
}

const durations = (rows) => rows.map(({ durationMs }) => durationMs);

// ---------------------------------------------------------------- order and commits

test('calls that nobody awaits take effect in order, each sees the earlier ones, and a failing one harms nobody', async () => {
  const opened = track(await AnalyticsRecorder.open({ path: join(tempDir(), 'a.db') }));
  const outcomes = [
    codeOf(opened.recordToolCall(call())),
    codeOf(opened.startSession({ id: 's' })),
    codeOf(opened.recordToolCall(call({ id: 'one' }))),
    codeOf(opened.recordToolCall(call({ id: 'one' }))),
    opened.getSession('s').then(({ toolCount }) => toolCount >= 1),
    codeOf(opened.recordToolCalls([call(), call({ status: 'no' })])),
    codeOf(opened.recordToolCalls([call(), call()])),
    // A read sees what was issued before it, and may see what came later.
    opened.toolStats().then(([{ count }]) => count >= 3),
    opened.listToolCalls().then(({ length }) => length >= 3),
    codeOf(opened.endSession('s')),
    codeOf(opened.recordToolCall(call())),
    opened.getSession('s').then(({ toolCount, endedAt }) => [toolCount, endedAt instanceof Date]),
  ];
  assert.deepEqual(await Promise.all(outcomes), [
    'ANALYTICS_SESSION_NOT_FOUND', 'done', 'done', 'ANALYTICS_CALL_EXISTS', true, 'ANALYTICS_INVALID_INPUT', 'done', true, true, 'done', 'done', [4, true],
  ]);
});

test('a thousand calls at once are all kept, and counted in their session', async () => {
  const opened = await recorder();
  const rows = await Promise.all(Array.from({ length: 1000 }, (_, i) => opened.recordToolCall(call({ durationMs: i }))));
  assert.equal(new Set(rows.map(({ id }) => id)).size, 1000);
  assert.deepEqual(durations(await opened.listToolCalls({ limit: 1e9, order: 'asc' })), durations(rows));
  assert.equal((await opened.getSession('s')).toolCount, 1000);
});

test('in a flood each bad call fails with its own error, and every other one gets its own row', async () => {
  const opened = await recorder();
  const bad = [
    ['ANALYTICS_INVALID_INPUT', null], ['ANALYTICS_INVALID_INPUT', call({ durationMs: -1 })], ['ANALYTICS_INVALID_INPUT', call({ toolName: '\ud800' })],
    ['ANALYTICS_SESSION_NOT_FOUND', call({ sessionId: 'nope' })], ['ANALYTICS_CALL_EXISTS', call({ id: 'id 0' })],
  ];
  const outcomes = [];
  const wanted = [];
  const record = (one, outcome) => {
    outcomes.push(opened.recordToolCall(one).then(({ id, durationMs }) => `${id}, ${durationMs} ms`, ({ code }) => code));
    wanted.push(outcome);
  };
  for (let i = 0; i < 700; i++) {
    const [code, one] = i % 7 === 3 ? bad[i % bad.length] : [];
    record(code === undefined ? call({ id: `id ${i}`, durationMs: i }) : one, code ?? `id ${i}, ${i} ms`);
    // What comes in between is neither overtaken nor does it overtake.
    if (i === 300) outcomes.push(opened.startSession({ id: 't' }).then(() => 'started')), wanted.push('started');
    if (i >= 300 && i % 100 === 0) record(call({ id: `t ${i}`, sessionId: 't' }), `t ${i}, 10 ms`);
  }
  outcomes.push(opened.endSession('t').then(({ toolCount }) => toolCount));
  assert.deepEqual(await Promise.all(outcomes), [...wanted, 4]);
  assert.equal((await opened.toolStats())[0].count, 604);
  assert.equal((await opened.getSession('s')).toolCount, 600);
});

test('a record whose getter closes the recorder does not open it again', async () => {
  const opened = await recorder();
  const record = { ...call(), get toolName() { void opened.close(); return 'grep'; } };
  await assert.rejects(opened.recordToolCall(record), { code: 'ANALYTICS_CLOSED' });
});

test('a record is taken as it was when the call was made', async () => {
  const opened = await recorder();
  const one = call();
  const list = [call({ toolName: 'first' })];
  const filter = { toolNames: ['grep'], from: new Date(T) };
  const recorded = [opened.recordToolCall(one), opened.recordToolCalls(list)];
  const listed = opened.listToolCalls(filter);
  one.toolName = 'changed';
  list[0].toolName = 'changed';
  list.push(null);
  filter.toolNames.push('first');
  filter.from.setTime(0);
  await Promise.all(recorded);
  assert.deepEqual((await listed).map(({ toolName }) => toolName), ['grep']);
  assert.deepEqual((await opened.toolStats()).map(({ toolName }) => toolName), ['first', 'grep']);
});

test('a hundred thousand calls in one list do not hold the event loop for long', { timeout: 120_000 }, async () => {
  const opened = await recorder();
  const list = Array.from({ length: 100_000 }, (_, i) => call({ durationMs: i % 1000, toolName: `tool ${i % 7}` }));
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const recording = opened.recordToolCalls(list);
  last = performance.now();
  assert.deepEqual(await recording, { inserted: 100_000 });
  const stats = await opened.toolStats();
  clearInterval(timer);
  assert.equal(stats.reduce((sum, { count }) => sum + count, 0), 100_000);
  assert.ok(longest < 400, `the event loop was held for ${longest} ms`);
});

// ---------------------------------------------------------------- sessions and listings

test('a session ends once, unless a time is given', async () => {
  const opened = await recorder();
  const before = Math.floor(Date.now() / 1000) * 1000;
  const { endedAt } = await opened.endSession('s');
  assert.ok(endedAt.getTime() >= before && endedAt.getTime() <= Date.now());
  assert.equal(endedAt.getMilliseconds(), 0);
  await delay(1100);
  assert.deepEqual((await opened.endSession('s')).endedAt, endedAt);
  assert.deepEqual((await opened.endSession('s', T + 999)).endedAt, new Date(T), 'the second in which it began is not before it');
  assert.deepEqual((await opened.endSession('s', new Date(T + 5000))).endedAt, new Date(T + 5000));
  assert.equal(await opened.getSession('nope'), null);
  assert.equal(await opened.getSession(''), null);
});

test('sessions are listed by their start, the newest insert first where that is equal', async () => {
  const opened = track(await AnalyticsRecorder.open({ path: ':memory:' }));
  assert.equal(opened.path, ':memory:');
  for (const [id, seconds] of [['a', 1], ['b', 3], ['c', 1], ['d', 2]]) await opened.startSession({ id, startedAt: seconds * 1000 });
  await opened.endSession('a', 9000);
  const ids = async (options) => (await opened.listSessions(options)).map(({ id }) => id).join('');
  assert.equal(await ids(), 'bdca');
  assert.equal(await ids({ order: 'asc' }), 'acdb');
  assert.deepEqual([await ids({ active: true }), await ids({ active: false })], ['bdc', 'a']);
  assert.deepEqual([await ids({ limit: 2 }), await ids({ limit: 2, offset: 1 }), await ids({ limit: 0 }), await ids({ offset: 9 })], ['bd', 'dc', '', '']);
});

test('an id that is not given is a random UUID, and a time that is not given is now', async () => {
  const opened = track(await AnalyticsRecorder.open({ path: ':memory:' }));
  const session = await opened.startSession();
  const recorded = await opened.recordToolCall({ sessionId: session.id, toolName: 'g', durationMs: 0, status: 'timeout', errorType: undefined });
  for (const id of [session.id, recorded.id]) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  for (const time of [session.startedAt, recorded.timestamp]) assert.ok(Math.abs(time.getTime() - Date.now()) < 60_000);
  assert.equal(recorded.errorType, null);
});

test('what has no keys of its own is no filter: it would mean everything', async () => {
  const db = await recorder();
  await db.recordToolCall(call());
  class Getters { get sessionId() { return 'another'; } }
  class Fields { from = new Date(T + 1000); }
  for (const bad of [new Map([['sessionId', 'another']]), new Set(), new Date(), new Getters(), Buffer.from('another')]) {
    for (const method of ['listToolCalls', 'toolStats', 'listSessions']) {
      assert.equal(await codeOf(db[method](bad)), 'ANALYTICS_INVALID_INPUT', method);
    }
  }
  assert.equal((await db.listToolCalls({})).length, 1);
  assert.deepEqual(await db.listToolCalls(new Fields()), []);
});

test('texts come back as they went in', async () => {
  const opened = await recorder();
  for (const text of ['a\0b', '日本 😀', ' ', "'; drop table sessions; --", 'x'.repeat(100_000)]) {
    const row = await opened.recordToolCall(call({ id: `id ${text}`, toolName: text, errorType: text }));
    assert.deepEqual([row.id, row.toolName, row.errorType], [`id ${text}`, text, text]);
    assert.equal((await opened.listToolCalls({ toolNames: [text] })).length, 1);
    assert.equal((await opened.toolStats({ toolNames: [text, 'none'] })).length, 1);
  }
});

test('adjoining windows count every call once', async () => {
  const opened = await recorder();
  for (let ms = 0; ms < 5000; ms += 250) await opened.recordToolCall(call({ timestamp: T + ms }));
  const edges = [T, T + 777, T + 2000, T + 3999, T + 9000];
  let counted = 0;
  for (let i = 1; i < edges.length; i++) {
    const [stats] = await opened.toolStats({ from: edges[i - 1], to: new Date(edges[i]) });
    const rows = await opened.listToolCalls({ from: new Date(edges[i - 1]), to: edges[i] });
    assert.equal(stats?.count ?? 0, rows.length);
    counted += rows.length;
  }
  assert.equal(counted, 20);
});

// ---------------------------------------------------------------- statistics

/** What toolStats has to say of these calls. */
function model(calls, { sessionId, toolNames = [], statuses = [], from, to }) {
  const second = (ms) => Math.floor(ms / 1000);
  const wanted = calls.filter((it) => (sessionId === undefined || it.sessionId === sessionId)
    && (toolNames.length === 0 || toolNames.includes(it.toolName)) && (statuses.length === 0 || statuses.includes(it.status))
    && (from === undefined || second(it.timestamp) >= second(from)) && (to === undefined || second(it.timestamp) < second(to)));
  const stats = [...new Set(wanted.map(({ toolName }) => toolName))].map((toolName) => {
    const own = wanted.filter((it) => it.toolName === toolName);
    const sorted = own.map(({ durationMs }) => Math.round(durationMs)).sort((a, b) => a - b);
    const count = own.length;
    const by = (status) => own.filter((it) => it.status === status).length;
    const rank = (p) => sorted[Math.ceil((p * count) / 100) - 1];
    return {
      toolName, count, successCount: by('success'), errorCount: by('error'), timeoutCount: by('timeout'),
      errorRate: (by('error') + by('timeout')) / count, minMs: sorted[0], maxMs: sorted.at(-1),
      meanMs: sorted.reduce((a, b) => a + b, 0) / count, p50Ms: rank(50), p95Ms: rank(95), p99Ms: rank(99),
    };
  });
  return stats.sort((a, b) => b.count - a.count || (a.toolName < b.toolName ? -1 : 1));
}

for (const seed of [1, 20231114]) {
  test(`toolStats says what a model says, whatever is recorded in between (seed ${seed})`, { timeout: 120_000 }, async () => {
    const opened = await recorder();
    await opened.startSession({ id: 't' });
    const { next } = random(seed);
    const pick = (list) => list[Math.floor(next() * list.length)];
    const some = (list) => list.filter(() => next() < 0.4);
    const tools = ['grep', 'read', 'write', 'ä', 'Grep'];
    const statuses = ['success', 'error', 'timeout'];
    const make = () => ({ sessionId: pick(['s', 't']), toolName: pick(tools), durationMs: Math.floor(next() ** 4 * 5000) / 2, status: pick(statuses), timestamp: T + Math.floor(next() * 20_000) });
    const calls = [];
    assert.deepEqual(await opened.toolStats(), []);
    for (let step = 0; step < 150; step++) {
      const kind = next();
      if (kind < 0.35) {
        const one = make();
        calls.push(one);
        void opened.recordToolCall(one);
      } else if (kind < 0.5) {
        const list = Array.from({ length: Math.floor(next() * 20) }, make);
        calls.push(...list);
        void opened.recordToolCalls(list);
      } else if (kind < 0.6) {
        const list = [make(), { ...make(), sessionId: 'nope' }];
        await codeOf(opened.recordToolCalls(list));
        void codeOf(opened.recordToolCall({ ...make(), durationMs: -1 }));
      } else if (kind < 0.65) {
        await delay(20);
      } else {
        const filter = { toolNames: some(tools), statuses: some(statuses) };
        if (next() < 0.3) filter.sessionId = pick(['s', 't']);
        if (next() < 0.3) filter.from = T + Math.floor(next() * 20_000);
        if (next() < 0.3) filter.to = T + Math.floor(next() * 20_000);
        assert.deepEqual(await opened.toolStats(filter), model(calls, filter), JSON.stringify(filter));
      }
    }
    assert.deepEqual(await opened.toolStats(), model(calls, {}));
  });
}

test('what another connection changes is in the next toolStats, whatever was kept', async () => {
  const opened = await recorder();
  for (let i = 1; i <= 4; i++) await opened.recordToolCall(call({ id: `c${i}`, durationMs: i }));
  const other = new Database(opened.path);
  const stats = async () => (await opened.toolStats()).map(({ toolName, count, maxMs }) => `${toolName} ${count} ${maxMs}`).join(', ');
  assert.equal(await stats(), 'grep 4 4');
  other.exec("update tool_calls set duration_ms = 9 where id = 'c1'");
  assert.equal(await stats(), 'grep 4 9');
  other.exec("delete from tool_calls where id = 'c1'");
  assert.equal(await stats(), 'grep 3 4');
  await opened.recordToolCall(call({ id: 'c5', durationMs: 5 }));
  assert.equal(await stats(), 'grep 4 5');
  other.exec("delete from tool_calls where id = 'c5'; update tool_calls set tool_name = 'read' where id = 'c2'");
  await opened.recordToolCall(call({ id: 'c6', durationMs: 6 }));
  assert.equal(await stats(), 'grep 3 6, read 1 2');
  other.exec("insert into sessions (id, started_at) values ('o', 1); insert into tool_calls values ('o1', 'read', 7, 'error', null, 1, 'o'); delete from sessions where id = 'o'");
  assert.equal(await stats(), 'grep 3 6, read 1 2');
  await delay(1500); // the log is cut when nobody writes
  assert.equal(await stats(), 'grep 3 6, read 1 2');
  other.exec('vacuum');
  assert.equal(await stats(), 'grep 3 6, read 1 2');
  await opened.recordToolCall(call({ durationMs: 8 }));
  assert.equal(await stats(), 'grep 4 8, read 1 2');
  other.close();
});

test('toolStats in memory, where there is one connection only', async () => {
  const opened = track(await AnalyticsRecorder.open({ path: ':memory:' }));
  await opened.startSession({ id: 's' });
  assert.deepEqual(await opened.toolStats(), []);
  for (let i = 1; i <= 3; i++) {
    await opened.recordToolCall(call({ durationMs: i }));
    assert.deepEqual((await opened.toolStats()).map(({ count, maxMs }) => [count, maxMs]), [[i, i]]);
  }
});

// ---------------------------------------------------------------- others on the same file

test('two recorders of one process, workers and processes record into one file, and nothing is lost', { timeout: 120_000 }, async () => {
  const opened = await recorder();
  const { path } = opened;
  const second = track(await AnalyticsRecorder.open({ path }));
  const work = (name) => `
    const { AnalyticsRecorder } = await import(${JSON.stringify(import.meta.resolve('runledger/analytics'))});
    const recorder = await AnalyticsRecorder.open({ path: ${JSON.stringify(path)} });
    await recorder.startSession({ id: '${name}' });
    for (let i = 0; i < 50; i++) {
      await Promise.all([recorder.recordToolCall({ sessionId: 's', toolName: '${name}', durationMs: i, status: 'success' }),
        recorder.recordToolCalls([{ sessionId: '${name}', toolName: '${name}', durationMs: i, status: 'error' }])]);
    }
    await recorder.close();`;
  const worker = (name) => new Promise((resolve, reject) => {
    const code = `(async () => {${work(name)}})().then(() => require('node:worker_threads').parentPort.postMessage('done'))`;
    new Worker(code, { eval: true }).once('message', resolve).once('error', reject);
  });
  const own = (async () => {
    for (let i = 0; i < 50; i++) await (i % 2 ? opened : second).recordToolCall(call({ toolName: 'own' }));
  })();
  await Promise.all([own, worker('w1'), worker('w2'), runJson(`${work('p1')} console.log(1);`), runJson(`${work('p2')} console.log(1);`)]);
  const stats = Object.fromEntries((await second.toolStats()).map(({ toolName, count, errorCount }) => [toolName, [count, errorCount]]));
  assert.deepEqual(stats, { own: [50, 0], w1: [100, 50], w2: [100, 50], p1: [100, 50], p2: [100, 50] });
  assert.equal((await opened.getSession('s')).toolCount, 250);
  assert.equal((await opened.getSession('p1')).toolCount, 50);
});

test('while another process holds the lock a write waits, then fails as such, and reads answer', { skip: skipWithoutPython }, async () => {
  const opened = await recorder();
  await opened.recordToolCall(call());
  const release = await holdWriteLock(opened.path);
  const began = performance.now();
  const writing = opened.recordToolCall(call()).catch((error) => error);
  assert.equal((await opened.listToolCalls()).length, 1);
  assert.equal((await opened.toolStats({ sessionId: 's' }))[0].count, 1);
  const error = await writing;
  assert.deepEqual([error.name, error.code, error.extendedCode, error.operation], ['AnalyticsError', 'ANALYTICS_WRITE_FAILED', 'SQLITE_BUSY', 'recordToolCall']);
  assert.ok(error.cause instanceof Error);
  assert.ok(performance.now() - began > 3000, 'five seconds are waited');
  await release();
  assert.equal((await opened.recordToolCall(call())).toolName, 'grep');
});

test('a table that is gone is a failure of the call', { skip: skipWithoutPython }, async () => {
  const opened = await recorder();
  await foreignScript(opened.path, 'DROP TABLE tool_calls;');
  assert.equal(await codeOf(opened.recordToolCall(call())), 'ANALYTICS_WRITE_FAILED');
  assert.equal(await codeOf(opened.recordToolCalls([call()])), 'ANALYTICS_WRITE_FAILED');
  assert.equal(await codeOf(opened.listToolCalls()), 'ANALYTICS_QUERY_FAILED');
  assert.equal(await codeOf(opened.toolStats()), 'ANALYTICS_QUERY_FAILED');
  assert.equal((await opened.getSession('s')).toolCount, 0, 'the failing calls have left nothing');
});

// ---------------------------------------------------------------- closing

test('close waits for the calls made before it, and later calls are refused', async () => {
  const opened = await recorder();
  const { path } = opened;
  const calls = Array.from({ length: 200 }, () => opened.recordToolCall(call()));
  const closed = opened.close();
  assert.equal(await codeOf(opened.recordToolCall(call())), 'ANALYTICS_CLOSED');
  await Promise.all(calls);
  await closed;
  await opened.close();
  for (const method of ['startSession', 'endSession', 'getSession', 'listSessions', 'recordToolCall', 'recordToolCalls', 'listToolCalls', 'toolStats']) {
    assert.equal(await codeOf(opened[method]('s')), 'ANALYTICS_CLOSED', method);
  }
  const db = new Database(path, { readonly: true });
  assert.equal(db.prepare('select count(*) from tool_calls').pluck().get(), 200);
  db.close();
  const again = await AnalyticsRecorder.open({ path });
  await again[Symbol.asyncDispose]();
  assert.equal(await codeOf(again.toolStats()), 'ANALYTICS_CLOSED');
});

test('a process that records and forgets to close ends, and what was acknowledged is there', async () => {
  const path = join(tempDir(), 'a.db');
  await runJson(`
    import { AnalyticsRecorder } from ${JSON.stringify(import.meta.resolve('runledger/analytics'))};
    const recorder = await AnalyticsRecorder.open({ path: ${JSON.stringify(path)} });
    await recorder.startSession({ id: 's' });
    await recorder.recordToolCall({ sessionId: 's', toolName: 'g', durationMs: 1, status: 'success' });
    console.log(1);`);
  const opened = track(await AnalyticsRecorder.open({ path }));
  assert.equal((await opened.getSession('s')).toolCount, 1);
});

test('an error names the caller’s line, and the logger hears of it', async () => {
  const heard = [];
  const log = (level) => (message, fields) => heard.push([level, message, fields]);
  const opened = await recorder({ logger: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') } });
  assert.deepEqual(heard.map(([level, message]) => `${level} ${message}`), ['info analytics: database opened', 'info analytics: migrations applied']);
  assert.deepEqual([heard[0][2].path, heard[0][2].journalMode], [opened.path, 'wal']);
  async function theLineOfTheCaller() {
    await opened.endSession('nope');
  }
  const error = await theLineOfTheCaller().catch((error) => error);
  assert.match(error.stack, /theLineOfTheCaller/);
  assert.deepEqual(heard.at(-1), ['error', error.message, { code: 'ANALYTICS_SESSION_NOT_FOUND', operation: 'endSession' }]);
  const throwing = await recorder({ logger: { info() { throw new Error('from the logger'); }, error() { throw new Error('from the logger'); } } });
  assert.equal(await codeOf(throwing.endSession('nope')), 'ANALYTICS_SESSION_NOT_FOUND');
});
