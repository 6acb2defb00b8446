// What the acceptance tests share: clients in fresh directories, events, child processes, a foreign SQLite program.
import nodeTest from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createRandom } from '../demo/random.mjs';
import * as runledger from '../index.js';

// Settings of the person who runs the tests must not change what is tested. Deno's spawnSync hands them on whatever its `env`
// is (denoland/deno#27343, again in 2.9.6).
const settings = ['VIBEKIT_DB_PATH', 'DEBUG', 'NO_COLOR', 'FORCE_COLOR'];
for (const name of settings) delete process.env[name];

export const T = 1750000000000; // 2025-06-15T15:06:40Z
export const DAY = 86_400_000;
export const isBun = typeof Bun !== 'undefined';
export const isDeno = typeof Deno !== 'undefined';
/** `skip` of a test of types: what the type checker says does not depend on the runtime that starts it. */
export const skipTsc = Boolean(isBun || process.env.RUNLEDGER_SKIP_TSC) && 'tsc is run once, on Node';
export const root = fileURLToPath(new URL('..', import.meta.url));
export const entry = new URL('../index.js', import.meta.url).href;
/** The file of the add-on that was built here. */
export const addon = readdirSync(root).find((name) => /^runledger\..+\.node$/.test(name));

/** `test` of node:test with a time limit: `bun test` would otherwise give each test five seconds. */
export function test(name, options, fn) {
  if (typeof options === 'function') [options, fn] = [{}, options];
  return nodeTest(name, { timeout: 60_000, ...options }, fn);
}

// ---------------------------------------------------------------- what must be there, or the test is skipped in sight

const sharedData = fileURLToPath(new URL('../../shared/data', import.meta.url));
export const skipWithoutShared = existsSync(sharedData) ? false : 'the shared data folder is not here';
export const sharedFile = (name) => join(sharedData, name);

/** Python with SQLite 3.38, which the schema needs for `unixepoch()`; that of an old system does not count. */
const recentSqlite = 'import sqlite3; assert sqlite3.sqlite_version_info >= (3, 38)';
const python = ['python3', 'python'].find((name) => spawnSync(name, ['-c', recentSqlite], { stdio: 'ignore' }).status === 0);
export const skipWithoutPython = python ? false : 'python3 with SQLite 3.38 or newer, the foreign SQLite program, is not here';
export const skipWithoutDrizzle = existsSync(join(root, 'node_modules/drizzle-orm')) ? false : 'drizzle-orm is not installed';
export const skipBusyThread = isDeno && 'Deno does not end a thread that is busy or blocked (denoland/deno#35657)';
export const skipOnWindows = process.platform === 'win32' ? 'signals are POSIX' : false;

// ---------------------------------------------------------------- fresh directories and clients

const opened = new Set();
const children = new Set();
const directories = [];

/** A new empty directory, removed by `cleanUp`. */
export function tempDir() {
  const path = mkdtempSync(join(tmpdir(), 'runledger-'));
  directories.push(path);
  return path;
}

/**
 * A directory with an application that has this package in its node_modules and nothing else: no drizzle-orm, and without
 * `binary` no add-on.
 */
export function application({ binary = true } = {}) {
  const cwd = tempDir();
  const home = join(cwd, 'node_modules/runledger');
  const names = ['bin', 'dist', 'index.js', 'native.cjs', 'package.json', ...(binary ? [addon] : [])];
  for (const name of names) cpSync(join(root, name), join(home, name), { recursive: true });
  // Deno resolves packages of node_modules only for who has a package.json.
  writeFileSync(join(cwd, 'package.json'), JSON.stringify({ dependencies: { runledger: '*' } }));
  return cwd;
}

/** Has `cleanUp` close a client the test made by itself. */
export function track(client) {
  opened.add(client);
  return client;
}

const kept = { clients: [], directories: [] };

/** Keeps what is open now for the tests that follow, beyond their `cleanUp`; ended by `cleanUpKept` in an `after`. */
export function keep() {
  kept.clients.push(...opened);
  kept.directories.push(...directories.splice(0));
  opened.clear();
}

export async function cleanUpKept() {
  for (const client of kept.clients.splice(0)) opened.add(client);
  directories.push(...kept.directories.splice(0));
  await cleanUp();
}

/** For `afterEach` (or `after`, where tests share a client): closes clients, ends children, removes directories. */
export async function cleanUp() {
  for (const client of opened) await client.close();
  opened.clear();
  for (const child of children) child.kill('SIGKILL');
  await Promise.all([...children].map((child) => child.closed));
  children.clear();
  for (const path of directories.splice(0)) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}

/** The preamble of telemetry.md §15: a client on DIR/t.db that prunes nothing, and session `s1`. */
export async function openClient(config = {}, { sessions = ['s1'], dir } = {}) {
  dir ??= tempDir();
  const path = join(dir, 't.db');
  const db = track(new runledger.DrizzleTelemetryDB({ dbPath: path, pruneDays: 0, ...config }));
  const ops = new runledger.DrizzleTelemetryOperations(db);
  for (const id of sessions) await ops.createSession(session({ id }));
  return { dir, path, db, ops };
}

export const session = (x = {}) => ({ id: 's1', agentType: 'claude', mode: 'code', status: 'active', startTime: T, ...x });

export const ev = (x = {}) => ({
  sessionId: 's1', eventType: 'stream', agentType: 'claude', mode: 'code', prompt: 'p', timestamp: T, ...x,
});

/** `count` events, the i-th changed by `change(i)`. */
export const evs = (count, change = () => ({})) => Array.from({ length: count }, (_, i) => ev(change(i)));

// ---------------------------------------------------------------- rows

export const keys = {
  event: ['id', 'sessionId', 'eventType', 'agentType', 'mode', 'prompt', 'streamData', 'sandboxId', 'repoUrl', 'metadata',
    'timestamp', 'createdAt', 'version', 'schemaVersion'],
  session: ['id', 'agentType', 'mode', 'status', 'startTime', 'endTime', 'duration', 'eventCount', 'streamEventCount',
    'errorCount', 'sandboxId', 'repoUrl', 'metadata', 'createdAt', 'updatedAt', 'version', 'schemaVersion'],
  buffer: ['id', 'sessionId', 'status', 'eventCount', 'bufferData', 'maxSize', 'createdAt', 'lastUpdated', 'flushedAt',
    'flushAttempts', 'version', 'schemaVersion'],
  error: ['id', 'sessionId', 'eventId', 'errorType', 'errorMessage', 'errorStack', 'context', 'severity', 'resolved', 'metadata',
    'timestamp', 'createdAt', 'resolvedAt', 'resolvedBy', 'version', 'schemaVersion'],
  stats: ['id', 'statType', 'statKey', 'totalEvents', 'startEvents', 'streamEvents', 'endEvents', 'errorEvents', 'uniqueSessions',
    'agentBreakdown', 'modeBreakdown', 'avgSessionDuration', 'minTimestamp', 'maxTimestamp', 'computedAt', 'updatedAt', 'version',
    'schemaVersion'],
  audit: ['id', 'tableName', 'recordId', 'operation', 'oldValues', 'newValues', 'changedFields', 'userId', 'sessionId', 'reason',
    'metadata', 'timestamp', 'createdAt'],
  rule: ['id', 'tableName', 'fieldName', 'ruleType', 'ruleConfig', 'errorMessage', 'isActive', 'priority', 'createdAt', 'updatedAt'],
};

/** A plain object with exactly these values, its keys in this order. */
export function sameRow(actual, expected) {
  assert.deepEqual(actual, expected);
  assert.deepEqual(Object.keys(actual), Object.keys(expected), 'the keys come in the order of the contract');
}

/** Row has these keys in this order, and these values among them. */
export function rowLike(actual, keyList, expected = {}) {
  assert.equal(Object.getPrototypeOf(actual), Object.prototype, 'a row is a plain object');
  assert.deepEqual(Object.keys(actual), keyList);
  assert.deepEqual(pick(actual, Object.keys(expected)), expected);
}

export const pick = (object, names) => Object.fromEntries(names.map((name) => [name, object[name]]));
export const ids = (rows) => rows.map((row) => row.id);

export async function collect(iterable) {
  const rows = [];
  for await (const row of iterable) rows.push(row);
  return rows;
}

export function recent(time, now = Date.now()) {
  assert.equal(typeof time, 'number');
  assert.ok(Math.abs(now - time) <= 60_000, `${time} is not about now (${now}), in milliseconds`);
}

/** Everything a caller can read of a file, to show that a refused call has written nothing. */
export async function contents(ops) {
  const statistics = await ops.getStatistics();
  delete statistics.dbSizeBytes; // checkpoints move it
  const [sessions, events, buffers, errors, rules, daily, audit] = await Promise.all([
    ops.querySessions(), ops.queryEvents(), ops.queryBuffers(), ops.queryErrors(), ops.listValidationRules(),
    ops.getDailyStatistics(), ops.getAuditTrail('telemetry_events', '*'),
  ]);
  return { statistics, sessions, events, buffers, errors, rules, daily, audit };
}

/** A logger that keeps what it hears: `[level, message, fields]`. */
export function listener() {
  const heard = [];
  const logger = Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, (...line) => heard.push([level, ...line])]));
  return { heard, logger };
}

// ---------------------------------------------------------------- refusals

/** Checks class, code, message and further properties of an error. */
export function checkError(error, { name = 'ValidationError', code = 'VALIDATION_ERROR', message, ...rest }) {
  assert.ok(error instanceof Error, `not an Error: ${String(error)}`);
  assert.equal(error.name, name, error.stack);
  assert.ok(error instanceof runledger[name], `not instanceof the exported ${name}`);
  assert.ok(error instanceof runledger.RunledgerError, 'every error is a RunledgerError');
  assert.equal(error.code, code, error.message);
  if (message instanceof RegExp) assert.match(error.message, message);
  else if (message !== undefined) assert.equal(error.message, message);
  for (const [property, value] of Object.entries(rest)) assert.deepEqual(error[property], value, `error.${property}`);
  assert.doesNotMatch(error.message, /db\.transaction|not a function/);
}

/** The call returns a promise (it does not throw) that rejects as described. Resolves to the error. */
export async function refused(call, expected) {
  const promise = call();
  assert.equal(typeof promise?.then, 'function', 'the call returns a promise');
  const error = await promise.then((value) => assert.fail(`resolved with ${JSON.stringify(value)?.slice(0, 300)}`), (e) => e);
  if (error instanceof assert.AssertionError) throw error;
  checkError(error, expected);
  return error;
}

// ---------------------------------------------------------------- waiting

/** Waits until `condition()` is truthy and returns that value; fails after `limit` milliseconds. */
export async function until(condition, { limit = 10_000, what = 'the condition' } = {}) {
  const deadline = performance.now() + limit;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() > deadline) assert.fail(`${what} did not come true within ${limit} ms`);
    await delay(15);
  }
}

// ---------------------------------------------------------------- child processes

const prelude = `
import * as runledger from ${JSON.stringify(entry)};
const { DrizzleTelemetryDB, DrizzleTelemetryOperations, getTelemetryDB, initializeTelemetryDB, closeTelemetryDB } = runledger;
const T = ${T};
const session = ${session};
const ev = ${ev};
`;

/** Nothing of the person who runs the tests: what a program reads from the environment is given by each test. */
export function environment(extra = {}) {
  const env = { ...process.env, ...extra };
  for (const name of [...settings, 'NODE_ENV', 'NODE_TEST_CONTEXT', 'NODE_OPTIONS']) if (!(name in extra)) delete env[name];
  return env;
}

function launch(command, args, { cwd, env = {}, timeLimit = 45_000 }) {
  const child = spawn(command, args, { cwd, env: environment(env), stdio: ['pipe', 'pipe', 'pipe'] });
  // Deno reports a child that `kill` has sent a signal as ended by it, however it ended (denoland/deno#36643).
  const kill = (signal) => (isDeno && signal !== 'SIGKILL' ? process.kill(child.pid, signal) : child.kill(signal));
  const handle = { child, stdout: '', stderr: '', kill };
  child.stdout.setEncoding('utf8').on('data', (text) => { handle.stdout += text; });
  child.stderr.setEncoding('utf8').on('data', (text) => { handle.stderr += text; });
  child.stdin.on('error', () => {}); // the child may end before it reads
  const timer = setTimeout(() => { handle.timedOut = true; child.kill('SIGKILL'); }, timeLimit);
  handle.closed = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      children.delete(handle);
      resolve({ code, signal, stdout: handle.stdout, stderr: handle.stderr, timedOut: handle.timedOut === true });
    });
  });
  children.add(handle);
  return handle;
}

/** What this runtime is started with to run a script. */
export const runtimeWords = (script) => [...(isBun ? ['--no-install'] : isDeno ? ['run', '--allow-all'] : []), script];

/** Runs a script that must succeed in silence on stderr, and returns what it printed. */
export function runFile(path, args = [], options = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...runtimeWords(path), ...args], { encoding: 'utf8', ...options });
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  return stdout;
}

/** Starts a script of the package's user in this runtime; the package's names, T, session and ev are there already. */
export function start(code, { args = [], ...options } = {}) {
  const file = join(tempDir(), 'script.mjs');
  writeFileSync(file, prelude + code);
  return launch(process.execPath, [...runtimeWords(file), ...args], options);
}

/** Runs a script to its own end: { code, signal, stdout, stderr }. Fails if it has to be killed. */
export async function run(code, options) {
  const result = await start(code, options).closed;
  assert.equal(result.timedOut, false, `the script did not end by itself\n${result.stdout}\n${result.stderr}`);
  return result;
}

/** Runs a script that must succeed in silence on stderr, and returns what it printed, parsed as JSON. */
export async function runJson(code, options) {
  const { code: exit, stdout, stderr } = await run(code, options);
  assert.equal(stderr, '');
  assert.equal(exit, 0);
  return JSON.parse(stdout);
}

/** Waits for `text` on a started script's stdout. */
export const said = (handle, text) =>
  until(() => handle.stdout.includes(text) || (handle.child.exitCode !== null && assert.fail(`ended: ${handle.stdout}${handle.stderr}`)),
    { limit: 30_000, what: `"${text}" on stdout` });

// ---------------------------------------------------------------- a foreign SQLite program

const foreignProgram = `
import json, re, sqlite3, sys
job = json.loads(sys.stdin.readline())
con = sqlite3.connect(job["path"], isolation_level=None, timeout=10)
con.text_factory = lambda b: b.decode("utf-8", "replace")
con.row_factory = lambda cur, row: {d[0]: v for d, v in zip(cur.description, row)}
if "script" in job:
    con.executescript(job["script"])
if "hold" in job:
    con.execute("BEGIN IMMEDIATE")
    print("locked", flush=True)
    sys.stdin.readline()
    con.execute("ROLLBACK")
rows = []
for sql, values in job.get("statements", []):
    if values is None:  # EXPLAIN of a text with placeholders: any value will do
        numbered = [int(n) for n in re.findall(r"\\?(\\d+)", sql)]
        named = re.findall(r"[:@$]([A-Za-z_]\\w*)", sql)
        values = {n: None for n in named} if named else [None] * (max(numbered) if numbered else sql.count("?"))
    rows = con.execute(sql, values).fetchall()
con.close()
print(json.dumps(rows), flush=True)
`;

function foreignJob(job, options = {}) {
  assert.ok(python, 'this test must be skipped without python3');
  const handle = launch(python, ['-c', foreignProgram], options);
  handle.child.stdin.write(JSON.stringify(job) + '\n');
  return handle;
}

/** Another program runs SQL on the file; the rows of the (last) statement as objects. */
export async function foreign(path, sql, values = []) {
  const statements = Array.isArray(sql) ? sql.map((text) => [text, values]) : [[sql, values]];
  const { code, stdout, stderr } = await foreignJob({ path, statements }).closed;
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

/** Another program runs a script of several statements on the file. */
export async function foreignScript(path, script) {
  const { code, stderr } = await foreignJob({ path, script }).closed;
  assert.equal(code, 0, stderr);
}

/** EXPLAIN QUERY PLAN of a text with placeholders, one line a step. */
export const queryPlan = async (path, sql) =>
  (await foreign(path, `EXPLAIN QUERY PLAN ${sql}`, null)).map((step) => step.detail).join('\n');

/** Whether a SQLite library cuts texts at their first NUL, as node:sqlite does in Node 22 and Deno. */
export function cutsTexts(db) {
  const statement = db.prepare("SELECT 'x' || char(0) AS text");
  const { text } = statement.get();
  statement.finalize?.(); // Bun keeps the file open until each statement is
  return text.length === 1;
}

/** Another process takes the write lock and keeps it until `release()`. */
export async function holdWriteLock(path) {
  const handle = foreignJob({ path, hold: true });
  await said(handle, 'locked');
  return async function release() {
    handle.child.stdin.end('\n');
    await handle.closed;
  };
}

export const fileExists = existsSync;
export const makeDir = (path) => mkdirSync(path, { recursive: true });

// ---------------------------------------------------------------- chance, repeatable

/** A generator of numbers that gives the same series for the same seed. */
export function random(seed) {
  const { next, chance, pick: one } = createRandom(seed);
  return { next, chance, one, int: (below) => Math.floor(next() * below) };
}
