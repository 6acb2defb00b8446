// runledger/analytics: the acceptance examples A1 to A10 and the table of bad input (analytics.md §7, §8).
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as analytics from 'runledger/analytics';
import { AnalyticsError, AnalyticsRecorder, MigrationError, RunledgerError } from 'runledger/analytics';
import { Database, SqliteError } from 'runledger/sqlite';
import * as runledger from '../index.js';
import { application, cleanUp, runFile, sameRow, skipWithoutDrizzle as skip, tempDir, test, track } from './support.mjs';

afterEach(cleanUp);

const { eq } = skip ? {} : await import('drizzle-orm');
const schema = skip ? {} : await import('runledger/analytics/schema');
const dirname = (path) => join(path, '..');
const posix = process.platform !== 'win32';

/** A recorder of a fresh file with the session `s`, which `cleanUp` closes. */
async function recorder(options = {}) {
  const path = join(tempDir(), 'a.db');
  const opened = track(await AnalyticsRecorder.open({ path, ...options }));
  await opened.startSession({ id: 's', startedAt: 1700000000123 });
  return opened;
}

const call = (x = {}) => ({ sessionId: 's', toolName: 'grep', durationMs: 10, status: 'success', ...x });

/** The call rejects with this code and these details, as an AnalyticsError. */
async function refused(promise, code, details) {
  const error = await promise.then((value) => assert.fail(`resolved with ${JSON.stringify(value)}`), (error) => error);
  assert.ok(error instanceof AnalyticsError, error.stack);
  assert.ok(error instanceof RunledgerError && error instanceof runledger.RunledgerError);
  assert.equal(error.name, 'AnalyticsError');
  assert.equal(error.code, code, error.message);
  if (details !== undefined) assert.deepEqual(error.details, details);
  return error;
}

/** Everything that is in a file. */
function contents(path) {
  const db = new Database(path, { readonly: true });
  const all = ['sessions', 'tool_calls'].map((table) => db.prepare(`select * from ${table} order by id`).all());
  db.close();
  return all;
}

// ---------------------------------------------------------------- acceptance

test('A1 the file and its directory are private, in WAL mode, and opening again keeps the data', { skip }, () => {
  const home = join(tempDir(), 'home');
  mkdirSync(home);
  const before = process.env.HOME;
  process.env.HOME = home;
  try {
    const db = analytics.createAnalyticsDb();
    const path = join(home, '.devflow', 'analytics.db');
    if (posix) assert.deepEqual([dirname(path), path, `${path}-wal`].map((it) => statSync(it).mode & 0o777), [0o700, 0o600, 0o600]);
    const pragma = (name) => db.$client.pragma(name, { simple: true });
    assert.deepEqual([pragma('journal_mode'), pragma('foreign_keys')], ['wal', 1]);
    assert.deepEqual([pragma('busy_timeout'), pragma('synchronous')], [5000, 1]);
    const journal = db.$client.prepare('select module, version, name from schema_migrations').all();
    assert.deepEqual(journal, [{ module: 'analytics', version: 1, name: 'sessions_and_tool_calls' }]);
    db.insert(schema.sessions).values({ id: 'kept', startedAt: new Date() }).run();
    db.$client.close();
    const again = analytics.createAnalyticsDb();
    assert.deepEqual(again.select({ id: schema.sessions.id }).from(schema.sessions).all(), [{ id: 'kept' }]);
    again.$client.close();
  } finally {
    process.env.HOME = before;
  }
});

test('A1 a recorder makes them just as private', { skip: !posix && 'modes are POSIX' }, async () => {
  const home = tempDir();
  const opened = track(await AnalyticsRecorder.open({ home }));
  const { path } = opened;
  assert.equal(path, join(home, '.devflow', 'analytics.db'));
  await opened.startSession();
  const files = [dirname(path), path, `${path}-wal`, `${path}-shm`];
  assert.deepEqual(files.map((it) => statSync(it).mode & 0o777), [0o700, 0o600, 0o600, 0o600]);
});

test('A2 the keys and columns are those of the contract', async () => {
  const { path } = await recorder();
  const db = new Database(path);
  const keys = db.prepare('pragma foreign_key_list(tool_calls)').all();
  assert.equal(keys.length, 1);
  const [{ table, from, to, on_delete }] = keys;
  assert.deepEqual([table, from, to, on_delete], ['sessions', 'session_id', 'id', 'CASCADE']);
  const names = (table) => db.prepare(`pragma table_info(${table})`).all().map(({ name }) => name);
  assert.deepEqual(names('sessions'), ['id', 'started_at', 'ended_at', 'tool_count']);
  assert.deepEqual(names('tool_calls'), ['id', 'tool_name', 'duration_ms', 'status', 'error_type', 'timestamp', 'session_id']);
  const columns = (table) => db.prepare(`pragma table_info(${table})`).all().map(({ name, type, notnull, dflt_value, pk }) =>
    [name, type, notnull ? 'not null' : '', dflt_value ?? '', pk ? 'key' : ''].join(' ').trim());
  assert.deepEqual(columns('sessions'), ['id TEXT not null  key', 'started_at INTEGER not null', 'ended_at INTEGER', 'tool_count INTEGER not null 0']);
  assert.deepEqual(columns('tool_calls'), ['id TEXT not null  key', 'tool_name TEXT not null', 'duration_ms INTEGER not null',
    'status TEXT not null', 'error_type TEXT', 'timestamp INTEGER not null', 'session_id TEXT not null']);
  const made = db.prepare("select name from sqlite_schema where type in ('index', 'trigger') and sql is not null and tbl_name in ('sessions', 'tool_calls') order by name").pluck().all();
  assert.deepEqual(made, ['timestamp_idx', 'timestamp_tool_name_idx', 'tool_calls_session_id_idx', 'tool_name_idx']);
  db.close();
});

test('A3 times are whole seconds, rounded down', { skip }, () => {
  const db = analytics.createAnalyticsDb({ path: ':memory:' });
  const { sessions } = schema;
  const [made] = db.insert(sessions).values({ startedAt: new Date(1700000000999), endedAt: new Date(1700000000999) }).returning().all();
  assert.match(made.id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const [row] = db.select().from(sessions).all();
  assert.equal(row.endedAt.getTime(), 1700000000000);
  assert.deepEqual(row, { id: made.id, startedAt: new Date(1700000000000), endedAt: new Date(1700000000000), toolCount: 0 });
  db.$client.close();
});

test('A4 deleting a session through Drizzle deletes its calls', { skip }, () => {
  const db = analytics.createAnalyticsDb({ path: ':memory:' });
  const { sessions, toolCalls } = schema;
  const [{ id }] = db.insert(sessions).values({ startedAt: new Date() }).returning().all();
  for (let i = 0; i < 3; i++) {
    db.insert(toolCalls).values({ sessionId: id, toolName: 'grep', durationMs: i, status: 'success', timestamp: new Date() }).run();
  }
  assert.equal(db.select().from(sessions).all()[0].toolCount, 0, 'Drizzle inserts do not count');
  db.delete(sessions).where(eq(sessions.id, id)).run();
  assert.deepEqual([db.select().from(sessions).all(), db.select().from(toolCalls).all()], [[], []]);
  assert.deepEqual(db.$client.prepare('pragma foreign_key_check').all(), []);
  db.$client.close();
});

test('A5 one database a thread, until it is closed', { skip }, () => {
  const before = process.env.HOME;
  process.env.HOME = tempDir();
  try {
    const db = analytics.getAnalyticsDatabase();
    assert.equal(analytics.getAnalyticsDatabase(), db);
    analytics.closeAnalyticsDatabase();
    assert.equal(db.$client.open, false);
    process.env.HOME = tempDir();
    const other = analytics.getAnalyticsDatabase();
    assert.notEqual(other, db);
    assert.equal(other.$client.name, join(process.env.HOME, '.devflow', 'analytics.db'));
    analytics.closeAnalyticsDatabase();
    analytics.closeAnalyticsDatabase();
  } finally {
    analytics.closeAnalyticsDatabase();
    process.env.HOME = before;
  }
});

test('A6 startSession gives back the stored row', async () => {
  const opened = track(await AnalyticsRecorder.open({ path: join(tempDir(), 'a.db') }));
  const row = await opened.startSession({ id: 's', startedAt: 1700000000123 });
  sameRow(row, { id: 's', startedAt: new Date(1700000000000), endedAt: null, toolCount: 0 });
});

test('A7 toolStats counts, and its percentiles are durations that occur', async () => {
  const opened = await recorder();
  for (let i = 1; i <= 10; i++) await opened.recordToolCall(call({ durationMs: i * 10, status: i === 10 ? 'error' : 'success' }));
  const stats = await opened.toolStats();
  assert.deepEqual(stats, [{ toolName: 'grep', count: 10, successCount: 9, errorCount: 1, timeoutCount: 0, errorRate: 0.1, minMs: 10, maxMs: 100, meanMs: 55, p50Ms: 50, p95Ms: 100, p99Ms: 100 }]);
  assert.equal((await opened.getSession('s')).toolCount, 10);
});

test('A8 a duration is stored as the nearest integer, halves up', async () => {
  const opened = await recorder();
  const row = await opened.recordToolCall(call({ durationMs: 12.5, id: 'c' }));
  assert.equal(row.durationMs, 13);
  const db = new Database(opened.path, { readonly: true });
  assert.deepEqual(db.prepare('select duration_ms as d, typeof(duration_ms) as t from tool_calls').get(), { d: 13, t: 'integer' });
  db.close();
});

test('A9 a list of calls is recorded whole or not at all', async () => {
  const opened = await recorder();
  assert.deepEqual(await opened.recordToolCalls(Array.from({ length: 1000 }, () => call())), { inserted: 1000 });
  const before = contents(opened.path);
  const five = [call(), call(), call({ sessionId: 'nope' }), call(), call()];
  await refused(opened.recordToolCalls(five), 'ANALYTICS_SESSION_NOT_FOUND', { sessionId: 'nope', index: 2 });
  assert.deepEqual(contents(opened.path), before);
  assert.equal((await opened.getSession('s')).toolCount, 1000);
});

test('A10 without drizzle-orm the recorder works, and the Drizzle door says what is missing and creates nothing', { timeout: 90_000 }, () => {
  const cwd = application();
  writeFileSync(join(cwd, 'app.mjs'), `
    import assert from 'node:assert/strict';
    import { existsSync } from 'node:fs';
    import { AnalyticsError, AnalyticsRecorder, createAnalyticsDb } from 'runledger/analytics';
    assert.throws(() => createAnalyticsDb({ home: 'door' }), (error) => {
      assert.ok(error instanceof AnalyticsError);
      assert.equal(error.code, 'ANALYTICS_DRIZZLE_MISSING');
      assert.equal(error.message, 'drizzle-orm is not installed; run: npm install drizzle-orm');
      return true;
    });
    assert.equal(existsSync('door'), false);
    await assert.rejects(import('runledger/analytics/schema'), (error) => error instanceof AnalyticsError && error.code === 'ANALYTICS_DRIZZLE_MISSING');
    const recorder = await AnalyticsRecorder.open({ home: 'home' });
    const { id } = await recorder.startSession();
    await recorder.recordToolCall({ sessionId: id, toolName: 'grep', durationMs: 1, status: 'success' });
    assert.equal((await recorder.toolStats()).length, 1);
    await recorder.close();
  `);
  assert.equal(runFile(join(cwd, 'app.mjs'), [], { cwd }), '');
});

// ---------------------------------------------------------------- bad input

const lone = '\ud800';

const badCalls = [
  ['an unknown sessionId', { sessionId: 'nope' }, 'ANALYTICS_SESSION_NOT_FOUND', { sessionId: 'nope' }],
  ...[undefined, null, 1, {}, lone].map((sessionId) => [`sessionId ${String(sessionId)}`, { sessionId }, 'ANALYTICS_INVALID_INPUT', { field: 'sessionId' }]),
  ...['', 1, null, undefined, lone].map((toolName) => [`toolName ${JSON.stringify(toolName)}`, { toolName }, 'ANALYTICS_INVALID_INPUT', { field: 'toolName' }]),
  ...[-1, NaN, Infinity, '10', null, undefined, 2 ** 60].map((durationMs) => [`durationMs ${durationMs}`, { durationMs }, 'ANALYTICS_INVALID_INPUT', { field: 'durationMs' }]),
  ...['ok', '', null, 1, undefined].map((status) => [`status ${status}`, { status }, 'ANALYTICS_INVALID_INPUT', { field: 'status' }]),
  ...[new Date(NaN), NaN, '2025-01-01', null, 1e300].map((timestamp) => [`timestamp ${timestamp}`, { timestamp }, 'ANALYTICS_INVALID_INPUT', { field: 'timestamp' }]),
  ...[1, {}, lone].map((errorType) => [`errorType ${String(errorType)}`, { errorType }, 'ANALYTICS_INVALID_INPUT', { field: 'errorType' }]),
  ...['', 1, null, lone].map((id) => [`id ${JSON.stringify(id)}`, { id }, 'ANALYTICS_INVALID_INPUT', { field: 'id' }]),
];

test('a bad tool call is refused by name, alone and as the third of five, and nothing is written', async () => {
  const opened = await recorder();
  await opened.recordToolCall(call({ id: 'taken' }));
  const before = contents(opened.path);
  for (const [what, change, code, details] of [...badCalls, ['a taken id', { id: 'taken' }, 'ANALYTICS_CALL_EXISTS', { id: 'taken' }]]) {
    await refused(opened.recordToolCall(call(change)), code, details).catch((error) => assert.fail(`${what}: ${error.stack}`));
    const five = [call(), call(), call(change), call({ status: 'ok' }), call()];
    await refused(opened.recordToolCalls(five), code, { ...details, index: 2 }).catch((error) => assert.fail(`${what}: ${error.stack}`));
  }
  for (const none of [undefined, null, 1, 'x', [], () => {}]) {
    await refused(opened.recordToolCall(none), 'ANALYTICS_INVALID_INPUT', { field: 'call' });
    await refused(opened.recordToolCalls([call(), none]), 'ANALYTICS_INVALID_INPUT', { field: 'call', index: 1 });
  }
  for (const none of [undefined, null, {}, 'x', 5]) await refused(opened.recordToolCalls(none), 'ANALYTICS_INVALID_INPUT', { field: 'calls' });
  await refused(opened.recordToolCalls([call({ id: 'twice' }), call({ id: 'twice' })]), 'ANALYTICS_CALL_EXISTS', { id: 'twice', index: 1 });
  await refused(opened.recordToolCalls([call(), , call()]), 'ANALYTICS_INVALID_INPUT', { field: 'call', index: 1 });
  assert.deepEqual(contents(opened.path), before);
  assert.deepEqual(await opened.recordToolCalls([]), { inserted: 0 });
});

test('bad sessions, filters and options are refused by name', async () => {
  const opened = await recorder();
  const before = contents(opened.path);
  const invalid = (promise, field) => refused(promise, 'ANALYTICS_INVALID_INPUT', { field });
  await refused(opened.startSession({ id: 's' }), 'ANALYTICS_SESSION_EXISTS', { sessionId: 's' });
  for (const id of ['', 1, null, lone]) await invalid(opened.startSession({ id }), 'id');
  for (const startedAt of [new Date(NaN), NaN, '2025', null]) await invalid(opened.startSession({ startedAt }), 'startedAt');
  for (const input of [null, 1, 'x', []]) await invalid(opened.startSession(input), 'session');
  await refused(opened.endSession('nope'), 'ANALYTICS_SESSION_NOT_FOUND', { sessionId: 'nope' });
  await invalid(opened.endSession('s', 1699999999999), 'endedAt');
  for (const endedAt of [new Date(NaN), NaN, '2025', null]) await invalid(opened.endSession('s', endedAt), 'endedAt');
  for (const id of [undefined, null, 1]) {
    await invalid(opened.endSession(id), 'id');
    await invalid(opened.getSession(id), 'id');
  }
  for (const bad of [-1, 1.5, NaN, Infinity, '1', null]) {
    for (const field of ['limit', 'offset']) {
      await invalid(opened.listSessions({ [field]: bad }), field);
      await invalid(opened.listToolCalls({ [field]: bad }), field);
    }
  }
  for (const order of ['up', '', null, 1]) await invalid(opened.listSessions({ order }), 'order');
  for (const active of [1, 'yes', null]) await invalid(opened.listSessions({ active }), 'active');
  for (const list of [(filter) => opened.listToolCalls(filter), (filter) => opened.toolStats(filter)]) {
    for (const from of [new Date(NaN), NaN, 'x', null]) await invalid(list({ from }), 'from');
    for (const to of [new Date(NaN), NaN, 'x', null]) await invalid(list({ to }), 'to');
    for (const statuses of ['success', ['ok'], [null], null]) await invalid(list({ statuses }), 'statuses');
    for (const toolNames of ['grep', [1], null]) await invalid(list({ toolNames }), 'toolNames');
    for (const sessionId of [1, null, lone]) await invalid(list({ sessionId }), 'sessionId');
    for (const filter of [null, 1, 'x', []]) await invalid(list(filter), 'filter');
  }
  assert.deepEqual(contents(opened.path), before);
});

test('bad options of open are refused before anything is created', async () => {
  const home = tempDir();
  for (const [options, field] of [[null, 'options'], ['x', 'options'], [[], 'options'], [{ home: '' }, 'home'], [{ home: 1 }, 'home'], [{ path: 'a\0b', home }, 'path'], [{ path: null, home }, 'path'], [{ migrate: 'no', home }, 'migrate'], [{ logger: 'console', home }, 'logger']]) {
    await refused(AnalyticsRecorder.open(options), 'ANALYTICS_INVALID_INPUT', { field });
    if (!skip) assert.throws(() => analytics.createAnalyticsDb(options), { name: 'AnalyticsError', code: 'ANALYTICS_INVALID_INPUT' });
  }
  assert.deepEqual(readdirSync(home), []);
});

test('a message says what would be right, and of what it speaks', async () => {
  const opened = await recorder();
  const { path } = opened;
  await opened.recordToolCall(call({ id: 'c' }));
  const messages = {
    'There is no session: nope': () => opened.recordToolCall(call({ sessionId: 'nope' })),
    'The session exists already: s': () => opened.startSession({ id: 's' }),
    'The tool call exists already: c': () => opened.recordToolCall(call({ id: 'c' })),
    'The session cannot end before it has started: s': () => opened.endSession('s', 0),
    'sessionId must be a well-formed string': () => opened.recordToolCall(call({ sessionId: 5 })),
    'toolName must be a well-formed string that is not empty': () => opened.recordToolCall(call({ toolName: '' })),
    'durationMs must be a finite number that is not negative': () => opened.recordToolCall(call({ durationMs: NaN })),
    "status must be 'success', 'error' or 'timeout'": () => opened.recordToolCall(call({ status: 'ok' })),
    'timestamp must be a valid Date or a number of milliseconds': () => opened.recordToolCall(call({ timestamp: '2025' })),
    'call must be an object': () => opened.recordToolCall(null),
    'calls must be an array': () => opened.recordToolCalls(null),
    'limit must be an integer from 0': () => opened.listSessions({ limit: -1 }),
    "order must be 'asc' or 'desc'": () => opened.listSessions({ order: 'up' }),
    'active must be a boolean': () => opened.listSessions({ active: 1 }),
    'toolNames must be an array of well-formed strings': () => opened.toolStats({ toolNames: ['grep', lone] }),
    "statuses must be an array of 'success', 'error' or 'timeout'": () => opened.toolStats({ statuses: 'error' }),
    'home must be the path of a directory': () => AnalyticsRecorder.open({ home: '' }),
    'path must be the path of a file': () => AnalyticsRecorder.open({ path: 5 }),
    [`Failed to open the analytics database: File does not exist: ${path}.none`]: () => AnalyticsRecorder.open({ path: `${path}.none`, migrate: false }),
    'The analytics recorder is closed': () => opened.close().then(() => opened.toolStats()),
  };
  for (const [message, make] of Object.entries(messages)) {
    await assert.rejects(make(), (error) => {
      assert.equal(error.message, message);
      assert.ok(error instanceof AnalyticsError && typeof error.operation === 'string');
      return true;
    });
  }
});

test('the database itself refuses a status and an id that are none', { skip }, async () => {
  const db = analytics.createAnalyticsDb({ path: ':memory:' });
  db.insert(schema.sessions).values({ id: 's', startedAt: new Date() }).run();
  const insert = (values) => () => db.insert(schema.toolCalls).values({ sessionId: 's', toolName: 'g', durationMs: 1, status: 'success', timestamp: new Date(), ...values }).run();
  const reason = (code) => (error) => {
    const found = error instanceof SqliteError ? error : error.cause;
    assert.ok(found instanceof SqliteError, error);
    assert.equal(found.code, code);
    return true;
  };
  assert.throws(insert({ status: 'ok' }), reason('SQLITE_CONSTRAINT_CHECK'));
  assert.throws(insert({ sessionId: 'nope' }), reason('SQLITE_CONSTRAINT_FOREIGNKEY'));
  const raw = "insert into sessions (started_at) values (1)";
  assert.throws(() => db.$client.exec(raw), reason('SQLITE_CONSTRAINT_NOTNULL'));
  assert.equal(db.select().from(schema.toolCalls).all().length, 0);
  db.$client.close();
});

test('a home that is a file, a file that is no database, and a stranger’s sessions table', async () => {
  const dir = tempDir();
  const home = join(dir, 'home');
  writeFileSync(home, 'not a directory');
  const doors = [(options) => AnalyticsRecorder.open(options), ...(skip ? [] : [async (options) => analytics.createAnalyticsDb(options)])];
  for (const open of doors) {
    const error = await refused(open({ home }), 'ANALYTICS_DIR_FAILED');
    assert.equal(error.path, join(home, '.devflow'));
    assert.equal(error.cause.code, 'ENOTDIR');
    const path = join(dir, 'text.db');
    writeFileSync(path, 'this is a text and no database, whatever its name may be. '.repeat(20));
    const foreign = await refused(open({ path }), 'ANALYTICS_OPEN_FAILED');
    assert.deepEqual([foreign.path, foreign.extendedCode], [path, 'SQLITE_NOTADB']);
    assert.deepEqual(readFileSync(home, 'utf8'), 'not a directory');
    const directory = await refused(open({ path: dir }), 'ANALYTICS_OPEN_FAILED');
    assert.deepEqual([directory.path, directory.extendedCode], [dir, 'SQLITE_CANTOPEN']);
    const taken = join(dir, 'taken.db');
    const db = new Database(taken);
    db.exec('drop table if exists sessions; create table sessions(token text, user integer)');
    db.close();
    const bytes = readFileSync(taken);
    await assert.rejects(open({ path: taken }), (conflict) => {
      assert.ok(conflict instanceof MigrationError);
      assert.deepEqual([conflict.code, conflict.module, conflict.details.object], ['MIGRATION_CONFLICT', 'analytics', 'sessions']);
      return true;
    });
    assert.deepEqual(readFileSync(taken), bytes);
    assert.equal(existsSync(`${taken}-wal`), false);
  }
});
