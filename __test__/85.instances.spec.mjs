// runledger/instances: the acceptance examples I1 to I10 of instances.md §12, and the behaviour of §4 and §5 around them.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'node:test';
import { getDefaultDatabaseConfig, initializeDatabase } from '../dist/instances.js';
import { ERROR_CODES } from '../dist/instances/errors.js';
import { contents, event, fails, instance, issue, newDatabase, openDatabase, relationship, sql } from './fixtures/instances.mjs';
import { cleanUp, run, skipOnWindows, tempDir, test } from './support.mjs';

afterEach(cleanUp);

const second = (time = Date.now()) => Math.floor(time / 1000) * 1000;
const recent = (date) => {
  assert.ok(date instanceof Date);
  assert.equal(date.getTime() % 1000, 0, 'no fraction of a second');
  assert.ok(Math.abs(Date.now() - date.getTime()) < 60_000, date.toISOString());
};
const ids = (rows) => rows.map(({ id }) => id);
const I7_KEY = Uint8Array.from({ length: 32 }, (_, index) => index);

// ------------------------------------------------------------------------------------------------------ acceptance

test('I1 a file is made with WAL, the busy timeout and mode 0600, from any working directory, and nothing is printed', { skip: skipOnWindows }, async () => {
  const dir = tempDir();
  const path = join(dir, 'x.db');
  const { stdout, stderr, code } = await run(
    `const { initializeDatabase } = await import(${JSON.stringify(new URL('../dist/instances.js', import.meta.url).href)});
     const db = await initializeDatabase({ local: { file: ${JSON.stringify(`file:${path}`)}, busyTimeout: 10000 } });
     if (!db.isConnected()) process.exit(3);
     await db.disconnect();`,
    { cwd: tempDir() },
  );
  assert.deepEqual([stdout, stderr, code], ['', '', 0]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(sql(path, 'PRAGMA journal_mode'), [{ journal_mode: 'wal' }]);
  // The timeout in force: a lock that is held for longer than SQLite's default of none, and for less than ten seconds.
  const { db } = await openDatabase({ local: { busyTimeout: 10_000 }, connection: { maxRetries: 0 } }, { dir, ids: [] });
  const { Database } = await import('../dist/sqlite.js');
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE');
  const created = db.createInstance(instance('a'));
  await new Promise((resolve) => setTimeout(resolve, 600));
  other.exec('COMMIT');
  other.close();
  assert.equal(await created, 'a');
});

test('I1 the directories that are made for a file are their owner\'s alone', { skip: skipOnWindows }, async () => {
  const dir = tempDir();
  const db = newDatabase({ local: { file: join(dir, 'a/b/x.db') } });
  await db.connect();
  for (const name of ['a', 'a/b']) assert.equal(statSync(join(dir, name)).mode & 0o777, 0o700, name);
});

test('I2 what is there already, and what is not, has a code of its own', async () => {
  const { db } = await openDatabase();
  const exists = await fails(() => db.createInstance(instance('a')), 'DATABASE_INSTANCE_EXISTS');
  assert.deepEqual(exists.details, { instanceId: 'a' });
  assert.equal(exists.cause.code, 'SQLITE_CONSTRAINT_PRIMARYKEY');
  try {
    await db.createInstance(instance('a'));
  } catch (error) {
    assert.match(error.stack, /85\.instances\.spec/, 'the stack names the line of the caller');
  }
  for (const call of [
    () => db.updateInstance('zz', {}),
    () => db.updateInstanceStatus('zz', 'terminated'),
    () => db.deleteInstance('zz'),
    () => db.logMCPEvent(event({ instance_id: 'zz' })),
  ]) {
    await fails(call, 'DATABASE_INSTANCE_NOT_FOUND', { instanceId: 'zz' });
  }
});

test('I3 a status is set together with its event, or not at all', async () => {
  const { db, path } = await openDatabase();
  await db.updateInstanceStatus('a', 'pr_merged');
  const { status, terminated_at } = await db.getInstance('a');
  assert.equal(status, 'pr_merged');
  recent(terminated_at);
  const events = await db.getMCPEvents('a');
  assert.equal(events.length, 1);
  const { id, timestamp, ...told } = events[0];
  assert.deepEqual(told, {
    instance_id: 'a', tool_name: 'update_instance_status', success: true, error_message: null, metadata: null,
    git_commit_hash: null, status_change: 'pr_merged', is_status_updating: true,
  });
  recent(timestamp);
  sql(path, "CREATE TRIGGER no BEFORE INSERT ON mcp_events BEGIN SELECT raise(FAIL, 'no events today'); END");
  const error = await fails(() => db.updateInstanceStatus('a', 'started'), 'DATABASE_UPDATE_FAILED', { instanceId: 'a' });
  assert.match(error.details.error, /no events today/);
  assert.equal((await db.getInstance('a')).status, 'pr_merged');
});

test('I4 a deleted instance takes its events and relationships along, and leaves its children', async () => {
  const { db, path } = await openDatabase();
  await db.createInstance(instance('b', { parent_instance_id: 'a' }));
  for (let count = 0; count < 2; count++) await db.logMCPEvent(event());
  await db.createRelationship(relationship());
  await db.deleteInstance('a');
  assert.deepEqual(await db.getMCPEvents('a'), []);
  assert.deepEqual(await db.getRelationships('b'), []);
  assert.equal((await db.getInstance('b')).parent_instance_id, null);
  assert.deepEqual(sql(path, 'PRAGMA foreign_key_check'), []);
  assert.deepEqual([contents(path).mcp_events, contents(path).instance_relationships], [[], []]);
});

test('I5 metadata is stored as text, given as an object or as text', async () => {
  const { db, path } = await openDatabase();
  await db.logMCPEvent(event({ metadata: { a: 1 } }));
  await db.logMCPEvent(event({ metadata: '{"a":1}' }));
  assert.deepEqual((await db.getMCPEvents('a')).map(({ metadata }) => metadata), ['{"a":1}', '{"a":1}']);
  assert.deepEqual(sql(path, "SELECT json_extract(metadata, '$.a') AS a FROM mcp_events"), [{ a: 1 }, { a: 1 }]);
  await db.upsertGitHubIssue(issue(1, { labels: ['x'] }));
  assert.equal((await db.getGitHubIssue(1)).labels, '["x"]');
});

test('I6 pages of instances with one last_activity hold each of them once, by id', async () => {
  const { db } = await openDatabase({}, { ids: [] });
  const last_activity = new Date('2026-01-01T00:00:00Z');
  for (const id of ['d', 'a', 'e', 'b', 'c']) await db.createInstance(instance(id, { last_activity }));
  const pages = [];
  for (const offset of [0, 2, 4]) pages.push(ids(await db.listInstances({ limit: 2, offset })));
  assert.deepEqual(pages, [['a', 'b'], ['c', 'd'], ['e']]);
});

test('I7 the cell of the contract opens under its own key only', async () => {
  const { db, path } = await openDatabase({ encryption: { key: I7_KEY } }, { ids: [] });
  const cell = 'enc:v1:AUBBQkNERUZHSElKS0xNTk9QUVJTVFVWV7NRdS-kjxJz4cW1jThmENu8ZySfT8vT4dqsqlg';
  sql(path, "INSERT INTO user_config (key, value, encrypted) VALUES ('github.token', ?, 1), ('other', ?, 1)", cell, cell);
  assert.equal(await db.getConfig('github.token'), 'ghp_token123');
  await fails(() => db.getConfig('other'), 'DATABASE_QUERY_FAILED', { key: 'other', reason: 'decrypt' });
});

test('I8 an encrypted value is nowhere in the file or the log, and opens with its own key only', async () => {
  const { db, dir, path } = await openDatabase();
  const cells = [];
  for (let time = 0; time < 2; time++) {
    await db.setConfig('t', 'secret', true);
    cells.push(sql(path, "SELECT value FROM user_config WHERE key = 't'")[0].value);
  }
  assert.notEqual(cells[0], cells[1]);
  for (const name of [path, `${path}-wal`]) assert.ok(!readFileSync(name).includes('secret'), name);
  if (!skipOnWindows) assert.equal(statSync(`${path}.key`).mode & 0o777, 0o600);
  assert.match(readFileSync(`${path}.key`, 'utf8'), /^[0-9a-f]{64}$/);
  assert.equal(await db.getConfig('t'), 'secret');
  await db.disconnect();
  const { db: other } = await openDatabase({ encryption: { key: I7_KEY } }, { dir, ids: [] });
  await fails(() => other.getConfig('t'), 'DATABASE_QUERY_FAILED', { key: 't', reason: 'decrypt' });
});

test('I9 calls take effect in their order, awaited or not, and an empty value is no absent one', async () => {
  const { db } = await openDatabase({}, { ids: [] });
  const created = Array.from({ length: 100 }, (_, index) => db.createInstance(instance(`i${index}`)));
  assert.equal((await db.listInstances()).length, 100);
  await Promise.all(created);
  await db.setConfig('e', '');
  assert.equal(await db.getConfig('e'), '');
  assert.equal(await db.getConfig('absent'), null);
});

test('I10 a backup opens with the same rows, and is never written over', async () => {
  const { db, dir, path } = await openDatabase();
  await db.setConfig('t', 'secret', true);
  const target = join(dir, "b'k \"q\".db");
  await db.backup(target);
  assert.deepEqual(contents(target), contents(path));
  if (!skipOnWindows) assert.equal(statSync(target).mode & 0o777, 0o600);
  const before = readFileSync(target);
  await fails(() => db.backup(target), 'DATABASE_OPERATION_FAILED', { path: target });
  assert.ok(readFileSync(target).equals(before));
  assert.ok(!before.includes('secret'));
});

test('I10 a backup among writes holds everything that was issued before it, and is whole', async () => {
  for (const enableWAL of [true, false]) {
    const { db, dir } = await openDatabase({ local: { enableWAL } });
    await db.setConfig('big', 'x'.repeat(20_000_000));
    const log = (from) => Array.from({ length: 200 }, (_, n) => db.logMCPEvent(event({ tool_name: `t${from + n}` })));
    const target = join(dir, 'copy.db');
    const before = log(0);
    const copied = db.backup(target);
    const after = log(200);
    await Promise.all([...before, copied, ...after]);
    assert.deepEqual(sql(target, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
    const tools = sql(target, 'SELECT tool_name FROM mcp_events ORDER BY id').map(({ tool_name }) => tool_name);
    assert.ok(tools.length >= 200, `${tools.length}`);
    assert.deepEqual(tools, Array.from(tools, (_, n) => `t${n}`), 'one moment, in the order of issue');
    assert.equal((await db.getMCPEvents('a', -1)).length, 400);
  }
});

test('I10 a process that has started maintenance and does nothing else ends by itself', async () => {
  const path = join(tempDir(), 'x.db');
  const started = performance.now();
  const { code, stdout, stderr } = await run(
    `const { initializeDatabase } = await import(${JSON.stringify(new URL('../dist/instances.js', import.meta.url).href)});
     const db = await initializeDatabase({ local: { file: ${JSON.stringify(path)} } });
     db.startMaintenance();`,
  );
  assert.deepEqual([code, stdout, stderr], [0, '', '']);
  assert.ok(performance.now() - started < 20_000);
});

// ------------------------------------------------------------------------------------------------------- instances

test('an instance has its defaults, and null where nothing was given', async () => {
  const { db } = await openDatabase();
  const { created_at, last_activity, ...row } = await db.getInstance('a');
  recent(created_at);
  assert.equal(last_activity.getTime(), created_at.getTime());
  assert.deepEqual(row, {
    id: 'a', type: 'coding', status: 'started', worktree_path: '/w/a', branch_name: 'a', base_branch: null,
    tmux_session: 't-a', claude_pid: null, issue_number: null, pr_number: null, pr_url: null, parent_instance_id: null,
    terminated_at: null, system_prompt: null, prompt_used: null, prompt_context: null, agent_number: 1,
  });
  assert.equal(await db.getInstance('zz'), null);
});

test('times are whole seconds, rounded down, before 1970 as well', async () => {
  const { db } = await openDatabase();
  for (const [given, stored] of [[1_750_000_000_999, 1_750_000_000_000], [-1, -1000], [0, 0], [8.64e15, 8.64e15]]) {
    await db.updateInstance('a', { created_at: new Date(given) });
    assert.equal((await db.getInstance('a')).created_at.getTime(), stored);
  }
});

test('what another program has stored comes back without a fraction of a second', async () => {
  const { db, path } = await openDatabase();
  sql(path, "UPDATE instances SET created_at = 100.75, last_activity = -0.5, terminated_at = '7'");
  const { created_at, last_activity, terminated_at } = await db.getInstance('a');
  assert.deepEqual([created_at, last_activity, terminated_at].map(Number), [100_000, -1000, 7000]);
});

test('an update sets what is given, clears by null, leaves undefined and unknown keys, and is activity', async () => {
  const { db } = await openDatabase();
  const before = new Date('2026-01-01T00:00:00Z');
  await db.createInstance(instance('b', { last_activity: before, pr_url: 'u', prompt_used: 'p', issue_number: 7 }));
  await db.updateInstance('b', { pr_url: null, prompt_used: undefined, branch_name: 'n', nonsense: 1, id: 'b', last_activity: before });
  const row = await db.getInstance('b');
  assert.deepEqual([row.pr_url, row.prompt_used, row.branch_name, row.issue_number], [null, 'p', 'n', 7]);
  recent(row.last_activity);
  await db.updateInstance('b', {});
  recent((await db.getInstance('b')).last_activity);
});

test('only the statuses that end an instance set terminated_at, and none clears it', async () => {
  const { db } = await openDatabase();
  for (const status of ['waiting_review', 'pr_created', 'of my own']) {
    await db.updateInstanceStatus('a', status);
    assert.equal((await db.getInstance('a')).terminated_at, null, status);
  }
  for (const status of ['terminated', 'pr_closed', 'pr_merged']) {
    const id = `i-${status}`;
    await db.createInstance(instance(id));
    await db.updateInstanceStatus(id, status);
    recent((await db.getInstance(id)).terminated_at);
    await db.updateInstanceStatus(id, 'started');
    recent((await db.getInstance(id)).terminated_at);
  }
});

test('a parent that does not exist is named with its column', async () => {
  const { db } = await openDatabase();
  const details = { instanceId: 'zz', field: 'parent_instance_id' };
  await fails(() => db.createInstance(instance('b', { parent_instance_id: 'zz' })), 'DATABASE_INSTANCE_NOT_FOUND', details);
  await fails(() => db.updateInstance('a', { parent_instance_id: 'zz' }), 'DATABASE_INSTANCE_NOT_FOUND', details);
  assert.deepEqual(ids(await db.listInstances()), ['a']);
});

test('without foreign keys nothing is checked and nothing cascades', async () => {
  const { db } = await openDatabase({ local: { foreignKeys: false } });
  await db.createInstance(instance('b', { parent_instance_id: 'zz' }));
  await db.logMCPEvent(event({ instance_id: 'zz' }));
  await db.logMCPEvent(event());
  await db.deleteInstance('a');
  assert.equal((await db.getMCPEvents('a')).length, 1);
});

test('a listing filters by every key', async () => {
  const { db } = await openDatabase({}, { ids: [] });
  const at = (seconds) => new Date(seconds * 1000);
  await db.createInstance(instance('a', { created_at: at(100), last_activity: at(300) }));
  await db.createInstance(instance('b', { type: 'review', status: 'terminated', parent_instance_id: 'a', created_at: at(200), last_activity: at(200), terminated_at: at(250) }));
  await db.createInstance(instance('c', { type: 'planning', issue_number: 7, created_at: at(300), last_activity: at(100), terminated_at: at(240) }));
  const list = async (filter) => ids(await db.listInstances(filter)).join('');
  const cases = [
    [undefined, 'abc'], [null, 'abc'], [{}, 'abc'], [{ types: [], statuses: [] }, 'abc'],
    [{ types: ['review'] }, 'b'], [{ types: ['review', 'coding', 'review'] }, 'ab'], [{ types: ['nonsense'] }, ''],
    [{ statuses: ['started'] }, 'ac'], [{ statuses: ['started'], types: ['planning'] }, 'c'],
    [{ issueNumber: 7 }, 'c'], [{ issueNumber: 8 }, ''], [{ issueNumber: 0 }, 'abc'], [{ issueNumber: null }, 'abc'],
    [{ parentInstance: 'a' }, 'b'], [{ parentInstance: '' }, 'abc'], [{ parentInstance: 'zz' }, ''],
    [{ createdAfter: at(200) }, 'bc'], [{ createdAfter: new Date(200_999) }, 'bc'], [{ createdBefore: at(200) }, 'a'],
    [{ createdAfter: at(100), createdBefore: at(300) }, 'ab'],
    [{ orderDirection: 'ASC' }, 'cba'], [{ orderDirection: 'asc' }, 'cba'], [{ orderBy: 'created_at' }, 'cba'],
    [{ orderBy: 'created_at', orderDirection: 'ASC' }, 'abc'],
    [{ orderBy: 'terminated_at', orderDirection: 'ASC' }, 'acb'], [{ orderBy: 'terminated_at' }, 'bca'],
    [{ limit: 2 }, 'ab'], [{ limit: 0 }, 'abc'], [{ limit: -1 }, 'abc'], [{ offset: 1 }, 'bc'], [{ offset: -1 }, 'abc'],
    [{ limit: 1, offset: 2 }, 'c'], [{ offset: 9 }, ''],
  ];
  for (const [filter, expected] of cases) assert.equal(await list(filter), expected, JSON.stringify(filter));
});

test('a filter counts as it was when the call was issued', async () => {
  const { db } = await openDatabase();
  const filter = { statuses: ['started'], createdAfter: new Date(0) };
  const listed = db.listInstances(filter);
  filter.statuses[0] = 'terminated';
  filter.createdAfter.setTime(8e15);
  assert.equal((await listed).length, 1);
});

// ---------------------------------------------------------------------------------------------------------- events

test('events come newest first, a hundred of them unless another number is asked for', async () => {
  const { db } = await openDatabase();
  const at = (seconds) => new Date(seconds * 1000);
  await Promise.all(Array.from({ length: 150 }, (_, index) => db.logMCPEvent(event({ timestamp: at(1000 + (index % 2)) }))));
  const all = await db.getMCPEvents('a', -1);
  assert.equal(all.length, 150);
  const sorted = [...all].sort((x, y) => y.timestamp - x.timestamp || y.id - x.id);
  assert.deepEqual(all, sorted);
  assert.deepEqual(await db.getMCPEvents('a'), all.slice(0, 100));
  assert.deepEqual(await db.getMCPEvents('a', 3), all.slice(0, 3));
  assert.deepEqual(await db.getMCPEvents('a', 0), []);
  assert.deepEqual(await db.getMCPEvents('zz'), []);
  assert.equal((await db.getRecentMCPEvents(new Date(1_001_999))).length, 75, 'whole seconds');
  assert.equal((await db.getRecentMCPEvents(at(1000))).length, 150);
  assert.deepEqual(await db.getRecentMCPEvents(at(1002)), []);
});

// --------------------------------------------------------------------------------------------------- relationships

test('there is one relationship of a type between two instances', async () => {
  const { db } = await openDatabase({}, { ids: ['a', 'b'] });
  const id = await db.createRelationship(relationship({ metadata: { why: 'x' }, review_iteration: 2 }));
  const exists = await fails(() => db.createRelationship(relationship()), 'DATABASE_RELATIONSHIP_EXISTS');
  assert.deepEqual(exists.details, relationship());
  assert.equal(exists.cause.code, 'SQLITE_CONSTRAINT_UNIQUE');
  const fork = await db.createRelationship(relationship({ relationship_type: 'created_fork' }));
  await fails(() => db.updateRelationship(fork, { relationship_type: 'spawned_review' }), 'DATABASE_RELATIONSHIP_EXISTS', relationship());
  for (const field of ['parent_instance', 'child_instance']) {
    await fails(() => db.createRelationship(relationship({ [field]: 'zz' })), 'DATABASE_INSTANCE_NOT_FOUND', { instanceId: 'zz', field });
  }
  for (const field of ['parent_instance', 'child_instance']) {
    await fails(() => db.updateRelationship(id, { [field]: 'zz' }), 'DATABASE_INSTANCE_NOT_FOUND', { instanceId: 'zz', field });
  }
  const [newest, oldest] = await db.getRelationships('b');
  assert.deepEqual([newest.id, oldest.id], [fork, id]);
  const { created_at, ...row } = oldest;
  recent(created_at);
  assert.deepEqual(row, { id, ...relationship(), review_iteration: 2, metadata: '{"why":"x"}' });
  assert.equal(newest.review_iteration, 1);
});

test('a relationship is updated by its id, and one with itself appears once', async () => {
  const { db } = await openDatabase();
  const id = await db.createRelationship(relationship({ child_instance: 'a' }));
  await db.updateRelationship(id, { review_iteration: 3, metadata: null });
  const found = await db.getRelationships('a');
  assert.deepEqual(found.map(({ review_iteration }) => review_iteration), [3]);
  const older = await db.createRelationship(relationship({ child_instance: 'a', relationship_type: 'x', created_at: new Date(0) }));
  assert.deepEqual(ids(await db.getRelationships('a')), [id, older], 'by time, not by id');
  await fails(() => db.updateRelationship(999, { review_iteration: 1 }), 'DATABASE_UPDATE_FAILED', { id: 999 });
  await fails(() => db.updateRelationship(id, {}), 'DATABASE_UPDATE_FAILED', { id });
  await fails(() => db.updateRelationship(id, { unknown: 1 }), 'DATABASE_UPDATE_FAILED', { id });
});

test('both names of the table of relationships can be queried', async () => {
  const { db, path } = await openDatabase({}, { ids: ['a', 'b'] });
  await db.createRelationship(relationship());
  assert.deepEqual(sql(path, 'SELECT * FROM relationships'), sql(path, 'SELECT * FROM instance_relationships'));
});

// ---------------------------------------------------------------------------------------------------------- issues

test('an issue keeps what an upsert leaves out, but for its times', async () => {
  const { db } = await openDatabase({}, { ids: [] });
  const old = new Date('2026-01-01T00:00:00Z');
  await db.upsertGitHubIssue(issue(1, { body: 'b', assignee: 'me', labels: ['l'], created_at: old, updated_at: old, synced_at: old }));
  const first = await db.getGitHubIssue(1);
  assert.deepEqual([first.created_at, first.updated_at], [old, old]);
  recent(first.synced_at);
  await db.upsertGitHubIssue(issue(1, { title: 'N', assignee: null }));
  const { synced_at, updated_at, ...row } = await db.getGitHubIssue(1);
  assert.deepEqual(row, { ...issue(1), title: 'N', body: 'b', assignee: null, labels: '["l"]', created_at: old });
  recent(updated_at);
  recent(synced_at);
  assert.equal(await db.getGitHubIssue(2), null);
});

test('issues are synchronised all together or not at all', async () => {
  const { db, path } = await openDatabase({}, { ids: [] });
  await db.syncGitHubIssues([]);
  await db.syncGitHubIssues([issue(1), issue(2), issue(1, { title: 'later' })]);
  assert.deepEqual(sql(path, 'SELECT number, title FROM github_issues ORDER BY 1'), [{ number: 1, title: 'later' }, { number: 2, title: 'T' }]);
  sql(path, "CREATE TRIGGER no BEFORE INSERT ON github_issues WHEN new.number = 4 BEGIN SELECT raise(ABORT, 'not four'); END");
  const before = contents(path);
  const error = await fails(() => db.syncGitHubIssues([issue(3), issue(4)]), 'DATABASE_OPERATION_FAILED', { issueCount: 2, index: 1 });
  assert.match(error.details.error, /not four/);
  assert.deepEqual(contents(path), before);
});

// --------------------------------------------------------------------------------------------------- configuration

test('the defaults are a fresh object each time', () => {
  const config = getDefaultDatabaseConfig();
  assert.notEqual(config, getDefaultDatabaseConfig());
  config.local.busyTimeout = 1;
  assert.deepEqual(getDefaultDatabaseConfig(), {
    local: { file: 'file:claude-codex.db', enableWAL: true, busyTimeout: 5000, autoMigrate: true, logQueries: false, foreignKeys: true },
    cloud: { enabled: false, syncInterval: 300, readYourWrites: true },
    connection: { maxRetries: 3, retryDelay: 1000, queryTimeout: 30000 },
    maintenance: { vacuumInterval: 86400, backupRetention: 7, logRetention: 30, autoBackup: true, autoStart: false },
    encryption: {},
  });
});

test('undefined keeps a default at every level, and WAL can be switched off', async () => {
  const dir = tempDir();
  const db = newDatabase({ local: { file: join(dir, 'x.db'), enableWAL: false, foreignKeys: undefined }, connection: undefined, logger: undefined });
  await db.connect();
  assert.deepEqual(sql(join(dir, 'x.db'), 'PRAGMA journal_mode'), [{ journal_mode: 'delete' }]);
  await fails(() => db.logMCPEvent(event()), 'DATABASE_INSTANCE_NOT_FOUND');
  await db.createInstance(instance('a'));
  assert.equal((await db.listInstances()).length, 1);
});

test('without automatic migration there are no tables, and each call fails with its own code', async () => {
  const { db, path } = await openDatabase({ local: { autoMigrate: false } }, { ids: [] });
  assert.deepEqual(sql(path, 'SELECT name FROM sqlite_schema'), []);
  await fails(() => db.createInstance(instance('a')), 'DATABASE_INSERT_FAILED', { instanceId: 'a' });
  await fails(() => db.listInstances(), 'DATABASE_QUERY_FAILED');
  await fails(() => db.deleteConfig('x'), 'DATABASE_DELETE_FAILED', { key: 'x' });
});

test('a file that is not ours is left as it is, byte for byte', async () => {
  for (const text of ['CREATE TABLE instances (mine)', 'CREATE TABLE relationships (id)']) {
    const path = join(tempDir(), 'x.db');
    sql(path, text);
    const before = readFileSync(path);
    const error = await initializeDatabase({ local: { file: path }, encryption: { key: '00'.repeat(32) } }).then(assert.fail, (reason) => reason);
    assert.equal(error.code, 'DATABASE_INITIALIZATION_FAILED');
    assert.equal(error.cause.code, 'MIGRATION_CONFLICT');
    assert.equal(error.details.config.local.file, path);
    assert.deepEqual(error.details.config.encryption, { key: '[REDACTED]' });
    assert.ok(readFileSync(path).equals(before), text);
    const db = newDatabase({ local: { file: path } });
    await fails(() => db.connect(), 'DATABASE_INITIALIZATION_FAILED');
    assert.equal(db.isConnected(), false);
  }
});

test('a file that cannot be opened is a connection that failed, and the next attempt may succeed', async () => {
  const dir = tempDir();
  writeFileSync(join(dir, 'x.db'), 'this is no database, and long enough to be sure of it'.repeat(20));
  const db = newDatabase({ local: { file: join(dir, 'x.db') } });
  const error = await fails(() => db.connect(), 'DATABASE_CONNECTION_FAILED');
  assert.equal(error.cause.code, 'SQLITE_NOTADB');
  assert.match(error.getUserMessage(), /\n\nSuggestion: /);
  writeFileSync(join(dir, 'x.db'), '');
  await db.connect();
  assert.equal(db.isConnected(), true);
});

// ------------------------------------------------------------------------------------------------------- lifecycle

test('a database opens, closes and opens again; a closed one in memory is gone', async () => {
  const { db } = await openDatabase();
  await db.connect();
  assert.equal(db.isConnected(), true);
  await db.disconnect();
  await db.disconnect();
  assert.equal(db.isConnected(), false);
  await db.connect();
  assert.deepEqual(ids(await db.listInstances()), ['a']);
  for (const file of [':memory:', 'file::memory:']) {
    const memory = newDatabase({ local: { file } });
    await memory.connect();
    await memory.createInstance(instance('a'));
    assert.deepEqual(ids(await memory.listInstances()), ['a']);
    await memory.disconnect();
    await fails(() => memory.connect(), 'DATABASE_CONNECTION_FAILED');
  }
});

test('disconnect waits for the calls before it', async () => {
  const { db, path } = await openDatabase({}, { ids: [] });
  const created = Array.from({ length: 50 }, (_, index) => db.createInstance(instance(`i${index}`)));
  await db.disconnect();
  assert.equal(contents(path).instances.length, 50);
  await Promise.all(created);
});

test('disconnect waits for maintenance that runs, and what was made by the clock is whole', async () => {
  const { db, dir, path } = await openDatabase();
  sql(path, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
    INSERT INTO mcp_events (instance_id, tool_name, success, timestamp) SELECT 'a', 't', 1, i FROM n`);
  const report = db.runMaintenance();
  await db.disconnect();
  assert.equal((await report).eventsDeleted, 30_000);
  await db.connect();
  db.startMaintenance();
  await db.disconnect();
  const left = readdirSync(dir).filter((name) => !name.startsWith('x.db'));
  assert.deepEqual(left.map((name) => join(dir, name)), [(await report).backup]);
  assert.deepEqual(contents(join(dir, left[0])), contents(path));
});

test('a failed connect leaves no database that says it is connected', async () => {
  const dir = tempDir();
  const db = newDatabase({ local: { file: join(dir, 'x.db') } });
  const calls = [db.connect(), db.disconnect()];
  await Promise.all(calls);
  for (const name of readdirSync(dir)) rmSync(join(dir, name));
  mkdirSync(join(dir, 'x.db'));
  await fails(() => db.connect(), 'DATABASE_CONNECTION_FAILED');
  assert.equal(db.isConnected(), false);
  await fails(() => db.listInstances(), 'DATABASE_QUERY_FAILED', { reason: 'closed' });
});

test('calls may be issued before connect() has resolved', async () => {
  const db = newDatabase({ local: { file: join(tempDir(), 'x.db') } });
  const opened = db.connect();
  const created = db.createInstance(instance('a'));
  assert.deepEqual(ids(await db.listInstances()), ['a']);
  await Promise.all([opened, created]);
});

test('await using disconnects', async () => {
  const { db } = await openDatabase();
  await db[Symbol.asyncDispose]();
  assert.equal(db.isConnected(), false);
});

test('every code equals its key, and an error can be logged', async () => {
  for (const [key, value] of Object.entries(ERROR_CODES)) assert.equal(key, value);
  assert.equal(Object.keys(ERROR_CODES).length, 17);
  const { db } = await openDatabase();
  const error = await fails(() => db.createInstance(instance('a')), ERROR_CODES.DATABASE_INSTANCE_EXISTS);
  const json = JSON.parse(JSON.stringify(error));
  assert.deepEqual(Object.keys(json), ['name', 'message', 'code', 'module', 'details', 'timestamp', 'stack']);
  assert.equal(new Date(json.timestamp).getTime(), error.timestamp.getTime());
  assert.equal(error.getUserMessage(), `${error.message}\n\nSuggestion: Choose another id or update the existing instance.`);
});

test('an error can be logged whatever the call was given', async () => {
  const { db } = await openDatabase();
  const circle = { name: 'circle' };
  circle.itself = circle;
  const event = { instance_id: 'a', tool_name: 't', success: true };
  const throws = { toJSON() { throw new Error('no'); } };
  const errors = [
    await fails(() => db.getConfig(10n), 'DATABASE_QUERY_FAILED'),
    await fails(() => db.getRecentMCPEvents(10n), 'DATABASE_QUERY_FAILED'),
    ...await Promise.all([circle, { a: 1n }, throws].map((metadata) =>
      fails(() => db.logMCPEvent({ ...event, metadata }), 'DATABASE_LOG_FAILED'))),
  ];
  const details = errors.map((error) => JSON.parse(JSON.stringify(error)).details);
  assert.equal(details[0].key, '10n');
  for (const text of details.slice(2).map((it) => it.event)) assert.match(text, /instance_id: 'a'/);
  assert.match(details[2].event, /circle/);
  assert.equal(errors[2].details.event.metadata, circle, 'the error itself has what was given');
});

test('cloud synchronisation is refused rather than accepted without effect', async () => {
  const dir = tempDir();
  const config = { local: { file: join(dir, 'x.db') }, cloud: { enabled: true, authToken: 's3cret' } };
  const error = await fails(() => initializeDatabase(config), 'DATABASE_INITIALIZATION_FAILED', { reason: 'cloud-sync-unsupported' });
  assert.ok(!JSON.stringify(error).includes('s3cret'));
  assert.throws(() => statSync(join(dir, 'x.db')), { code: 'ENOENT' });
  const { db } = await openDatabase();
  const refused = await fails(() => db.sync(), 'DATABASE_OPERATION_FAILED');
  assert.equal(refused.message, 'Cloud sync is not enabled');
  assert.deepEqual(refused.details, { cloudEnabled: false });
});
