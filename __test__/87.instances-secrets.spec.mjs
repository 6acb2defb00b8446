// runledger/instances: encrypted configuration (instances.md §6). Where the key comes from, and that what is secret is in no file,
// no log, no error and no backup.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'node:test';
import { initializeDatabase } from '../dist/instances.js';
import { fails, openDatabase, sql } from './fixtures/instances.mjs';
import { cleanUp, listener, run, skipOnWindows, tempDir, test } from './support.mjs';

afterEach(cleanUp);

const HEX = Array.from({ length: 32 }, (_, index) => index.toString(16).padStart(2, '0')).join('');
const SECRET = 'correct-horse-battery-staple';

const cell = (path, key = 't') => sql(path, 'SELECT value, encrypted FROM user_config WHERE key = ?', key)[0];

/** The tables of `@claude-codex/core`. */
const OLDER_TABLES = [
  `CREATE TABLE instances (id text PRIMARY KEY NOT NULL, type text NOT NULL, status text NOT NULL, worktree_path text NOT NULL,
    branch_name text NOT NULL, base_branch text, tmux_session text NOT NULL, claude_pid integer, issue_number integer, pr_number integer,
    pr_url text, parent_instance_id text, created_at integer NOT NULL, terminated_at integer, last_activity integer NOT NULL,
    system_prompt text, agent_number integer DEFAULT 1 NOT NULL)`,
  `CREATE TABLE mcp_events (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, instance_id text NOT NULL, tool_name text NOT NULL,
    success integer NOT NULL, error_message text, metadata text, git_commit_hash text, status_change text,
    is_status_updating integer DEFAULT false NOT NULL, timestamp integer NOT NULL)`,
  `CREATE TABLE instance_relationships (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, parent_instance text NOT NULL,
    child_instance text NOT NULL, relationship_type text NOT NULL, review_iteration integer DEFAULT 1 NOT NULL,
    created_at integer NOT NULL, metadata text)`,
  `CREATE TABLE github_issues (number integer PRIMARY KEY NOT NULL, title text NOT NULL, body text, state text NOT NULL, assignee text,
    labels text, created_at integer NOT NULL, updated_at integer NOT NULL, synced_at integer NOT NULL, repo_owner text NOT NULL,
    repo_name text NOT NULL)`,
  `CREATE TABLE user_config (key text PRIMARY KEY NOT NULL, value text NOT NULL, encrypted integer DEFAULT false NOT NULL,
    updated_at integer DEFAULT (unixepoch()) NOT NULL)`,
];

/** Every file of a directory that holds `text`. */
const holding = (dir, text) => readdirSync(dir).filter((name) => readFileSync(join(dir, name)).includes(text));

test('the key may be given as digits, as base64 with or without padding, or as bytes: it is the same key', async () => {
  const bytes = Buffer.from(HEX, 'hex');
  const dir = tempDir();
  const forms = [HEX, HEX.toUpperCase(), bytes.toString('base64'), bytes.toString('base64url'), new Uint8Array(bytes), bytes];
  for (const [index, key] of forms.entries()) {
    const { db } = await openDatabase({ encryption: { key } }, { dir, ids: [] });
    if (index === 0) await db.setConfig('t', SECRET, true);
    assert.equal(await db.getConfig('t'), SECRET, String(key));
    await db.disconnect();
  }
  assert.ok(!existsSync(join(dir, 'x.db.key')), 'a given key is nobody else\'s business');
});

test('the configuration comes before the environment, and that before the file', async () => {
  const dir = tempDir();
  const url = JSON.stringify(new URL('../dist/instances.js', import.meta.url).href);
  const script = (config) => `const { initializeDatabase } = await import(${url});
    const db = await initializeDatabase({ local: { file: ${JSON.stringify(join(dir, 'x.db'))} }, encryption: ${config} });
    console.log(JSON.stringify(await db.getConfig('t').catch((error) => error.details.reason)));
    await db.disconnect();`;
  const { db } = await openDatabase({ encryption: { key: HEX } }, { dir, ids: [] });
  await db.setConfig('t', SECRET, true);
  await db.disconnect();
  const seen = async (config, env) => JSON.parse((await run(script(config), { env })).stdout);
  const other = '11'.repeat(32);
  assert.equal(await seen('{}', { RUNLEDGER_ENCRYPTION_KEY: HEX }), SECRET);
  assert.equal(await seen('{}', { RUNLEDGER_ENCRYPTION_KEY: '' }), 'decrypt');
  assert.equal(await seen(`{ key: '${HEX}' }`, { RUNLEDGER_ENCRYPTION_KEY: other }), SECRET);
  writeFileSync(join(dir, 'x.db.key'), other);
  assert.equal(await seen('{}', { RUNLEDGER_ENCRYPTION_KEY: HEX }), SECRET);
  assert.equal(await seen('{}', {}), 'decrypt');
  writeFileSync(join(dir, 'x.db.key'), `${HEX}\n`);
  assert.equal(await seen('{}', {}), SECRET);
});

test('a lost key is not replaced by a second one while there are values that only it opens', async () => {
  const { db, dir, path } = await openDatabase();
  const { rmSync } = await import('node:fs');
  await db.setConfig('plain', 'p');
  assert.ok(!existsSync(`${path}.key`), 'no key before it is needed');
  await db.setConfig('t', SECRET, true);
  await db.disconnect();
  rmSync(`${path}.key`);
  const before = cell(path);
  const { db: again } = await openDatabase({}, { dir, ids: [] });
  await fails(() => again.getConfig('t'), 'DATABASE_QUERY_FAILED', { key: 't', reason: 'decrypt' });
  const error = await fails(() => again.setConfig('u', SECRET, true), 'DATABASE_OPERATION_FAILED', { key: 'u', encrypted: true });
  assert.match(error.message, /their key is missing/);
  assert.ok(!existsSync(`${path}.key`));
  assert.deepEqual(cell(path), before);
  assert.equal(await again.getConfig('plain'), 'p');
  await again.deleteConfig('t');
  await again.setConfig('u', SECRET, true);
  assert.ok(existsSync(`${path}.key`), 'nothing is lost any more: a new key may be made');
});

test('nothing is encrypted with a key that is in no file any more: it would be lost with the process', async () => {
  const { rmSync } = await import('node:fs');
  const { db, dir, path } = await openDatabase();
  await db.setConfig('t', SECRET, true);
  rmSync(`${path}.key`);
  assert.equal(await db.getConfig('t'), SECRET, 'it can still be rescued');
  const error = await fails(() => db.setConfig('u', SECRET, true), 'DATABASE_OPERATION_FAILED', { key: 'u', encrypted: true });
  assert.match(error.message, /their key is missing/);
  await db.disconnect();
  for (const name of readdirSync(dir)) rmSync(join(dir, name));
  await db.connect();
  await db.setConfig('t', SECRET, true);
  const { db: other } = await openDatabase({}, { dir, ids: [] });
  assert.equal(await other.getConfig('t'), SECRET);
});

test('a key file that holds no key is an error without its text', async () => {
  const { db, path } = await openDatabase();
  writeFileSync(`${path}.key`, 'my secret passphrase');
  const error = await fails(() => db.setConfig('t', SECRET, true), 'DATABASE_OPERATION_FAILED');
  sql(path, "INSERT INTO user_config (key, value, encrypted) VALUES ('t', 'enc:v1:AA', 1)");
  const unread = await fails(() => db.getConfig('t'), 'DATABASE_QUERY_FAILED', { key: 't', reason: 'decrypt' });
  assert.equal(unread.details.error, unread.cause.message);
  for (const it of [error, unread]) {
    assert.match(it.message, /does not hold 64 hexadecimal digits/);
    assert.ok(!JSON.stringify([it, it.stack, it.cause?.message]).match(/passphrase|staple/));
  }
  assert.equal(readFileSync(`${path}.key`, 'utf8'), 'my secret passphrase');
});

test('a key file that others can read is used, with a warning', { skip: skipOnWindows }, async () => {
  const { heard, logger } = listener();
  const { db, path } = await openDatabase({ logger });
  writeFileSync(`${path}.key`, HEX);
  chmodSync(`${path}.key`, 0o644);
  await db.setConfig('t', SECRET, true);
  assert.equal(await db.getConfig('t'), SECRET);
  const warnings = heard.filter(([level]) => level === 'warn').map(([, message]) => message);
  assert.deepEqual(warnings, [`the key file ${path}.key can be read by others`]);
  assert.equal(statSync(`${path}.key`).mode & 0o777, 0o644, 'its mode is its owner\'s affair');
});

test('every value comes back, and no cell tells two equal ones apart', async () => {
  const { db, path } = await openDatabase();
  for (const value of ['', '\0', '😀', 'enc:v1:not one', 'x'.repeat(200_000)]) {
    await db.setConfig('t', value, true);
    assert.equal(await db.getConfig('t'), value);
    assert.match(cell(path).value, /^enc:v1:[A-Za-z0-9_-]+$/);
    await db.setConfig('t', value);
    assert.deepEqual([await db.getConfig('t'), cell(path)], [value, { value, encrypted: 0 }]);
  }
});

test('a cell that is copied to another name or column, or damaged, does not open', async () => {
  const { db, path } = await openDatabase();
  await db.setConfig('t', SECRET, true);
  const { value } = cell(path);
  const put = (key, cell) => sql(path, 'INSERT INTO user_config (key, value, encrypted) VALUES (?, ?, 1)', key, cell);
  const bytes = Buffer.from(value);
  bytes[30] = 0xff;
  // As a program or a failing disk may leave it: no UTF-8, a blob, one byte too many or too few.
  put('blob', bytes);
  sql(path, "INSERT INTO user_config (key, value, encrypted) SELECT 'text', CAST(value AS TEXT), 1 FROM user_config WHERE key = 'blob'");
  for (const [key, damaged] of [['longer', `${value}A`], ['shorter', value.slice(0, -1)], ['spaced', `${value} `], ['prefix', 'enc:v1:']]) put(key, damaged);
  for (const key of ['blob', 'text', 'longer', 'shorter', 'spaced', 'prefix']) {
    await fails(() => db.getConfig(key), 'DATABASE_QUERY_FAILED', { key, reason: 'decrypt' });
  }
  sql(path, "INSERT INTO user_config (key, value, encrypted) SELECT 'copy', value, 1 FROM user_config WHERE key = 't'");
  sql(path, "INSERT INTO user_config (key, value, encrypted) SELECT 'cut', substr(value, 1, 40), 1 FROM user_config WHERE key = 't'");
  for (const key of ['copy', 'cut']) await fails(() => db.getConfig(key), 'DATABASE_QUERY_FAILED', { key, reason: 'decrypt' });
});

test('plain text of an older file is read as it is, and is gone from the file once it was encrypted', async () => {
  const { db, dir, path } = await openDatabase();
  const long = SECRET.repeat(2000);
  sql(path, "INSERT INTO user_config (key, value, encrypted) VALUES ('t', ?, 1), ('long', ?, 1)", SECRET, long);
  assert.deepEqual([await db.getConfig('t'), await db.getConfig('long')], [SECRET, long]);
  await db.setConfig('t', SECRET, true);
  await db.setConfig('long', long, true);
  assert.deepEqual([await db.getConfig('t'), await db.getConfig('long')], [SECRET, long]);
  await db.disconnect();
  assert.deepEqual(holding(dir, SECRET), []);
});

test('an encrypted value that was here in plain text before is nowhere in the file or the log, however it went', async () => {
  const { db, dir } = await openDatabase();
  const secrets = Array.from({ length: 60 }, (_, index) => `${SECRET}-${index}-${'x'.repeat((index * 97) % 900)}`);
  await Promise.all(secrets.map((secret, index) => db.setConfig(`k${(index * 31) % 60}`, secret)));
  await db.setConfig('changed', `${SECRET}-changed`);
  await db.setConfig('changed', 'open');
  await db.setConfig('deleted', `${SECRET}-deleted`);
  await db.deleteConfig('deleted');
  assert.ok(holding(dir, SECRET).length > 0, 'the search finds what is there');
  await Promise.all(secrets.map((secret, index) => db.setConfig(`k${(index * 31) % 60}`, secret, true)));
  await db.setConfig('changed', `${SECRET}-changed`, true);
  await db.setConfig('deleted', `${SECRET}-deleted`, true);
  assert.deepEqual(holding(dir, SECRET), [], 'the file is still open');
});

test('what an adoption leaves behind has no secret of the older file', async () => {
  const dir = tempDir();
  const path = join(dir, 'x.db');
  const long = SECRET.repeat(2000);
  for (const text of OLDER_TABLES) sql(path, text);
  sql(path, "INSERT INTO user_config (key, value, encrypted) VALUES ('t', ?, 1), ('long', ?, 'true')", SECRET, long);
  const { db } = await openDatabase({}, { dir, ids: [] });
  assert.deepEqual([await db.getConfig('t'), await db.getConfig('long')], [SECRET, long]);
  await db.setConfig('t', SECRET, true);
  await db.setConfig('long', long, true);
  assert.deepEqual(holding(dir, SECRET), []);
  await db.disconnect();
  assert.deepEqual(holding(dir, SECRET), []);
});

test('a secret is in no file, no log, no error and no backup', async () => {
  const { heard, logger } = listener();
  const { db, dir, path } = await openDatabase({ local: { logQueries: true }, logger });
  for (let time = 0; time < 3; time++) await db.setConfig('t', SECRET, true);
  await db.setConfig('open', 'for everybody');
  await db.getConfig('t');
  sql(path, "CREATE TRIGGER no BEFORE UPDATE ON user_config BEGIN SELECT raise(ABORT, 'no'); END");
  const errors = [
    await fails(() => db.setConfig('t', SECRET, true), 'DATABASE_OPERATION_FAILED', { key: 't', encrypted: true }),
    await fails(() => db.setConfig('', SECRET, true), 'DATABASE_OPERATION_FAILED'),
    await fails(() => db.setConfig('t', { [SECRET]: SECRET }, true), 'DATABASE_OPERATION_FAILED'),
    // Arguments in the wrong order, and keys with a typing mistake.
    await fails(() => db.setConfig('t', true, SECRET), 'DATABASE_OPERATION_FAILED', { encrypted: false }),
    await fails(() => db.setConfig('t', 'x', SECRET), 'DATABASE_OPERATION_FAILED', { encrypted: false }),
    await fails(() => initializeDatabase({ authToken: SECRET, local: { file: 5 } }), 'DATABASE_INITIALIZATION_FAILED'),
    await fails(() => initializeDatabase({ cloud: { token: SECRET, url: { a: SECRET } }, local: { file: 5 } }), 'DATABASE_INITIALIZATION_FAILED'),
  ];
  await db.backup(join(dir, 'copy.db'));
  const report = await db.runMaintenance();
  assert.ok(holding(dir, 'for everybody').length >= 3, 'the search finds what is there');
  assert.deepEqual(holding(dir, SECRET), []);
  await db.disconnect();
  assert.deepEqual(holding(dir, SECRET), []);
  assert.ok(!readdirSync(dir).some((name) => name.startsWith('copy.db.key') || name.startsWith(`${report.backup}.key`)));
  const told = JSON.stringify([heard, errors, errors.map((error) => [error.stack, error.message, String(error.cause)])]);
  assert.ok(!told.includes(SECRET));
  assert.ok(heard.some(([level, message]) => level === 'debug' && message.includes('user_config')), 'queries were logged');
});

test('a database in memory has a key of the process, or its own', async () => {
  const open = (config) => initializeDatabase({ local: { file: ':memory:' }, ...config });
  const before = readdirSync('.');
  for (const config of [{}, { encryption: { key: HEX } }]) {
    const db = await open(config);
    await db.setConfig('t', SECRET, true);
    assert.equal(await db.getConfig('t'), SECRET);
    await db.disconnect();
  }
  assert.deepEqual(readdirSync('.'), before);
});
