// runledger/instances: bad input, row by row of instances.md §11, and the list of every method: closed, wrong types, odd text,
// a hundred thousand rows and none. Each refusal has its code, and nothing is written.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'node:test';
import { initializeDatabase, SQLiteDatabase } from '../dist/instances.js';
import { runMigrationsWithDatabase } from '../dist/instances/migrate.js';
import { Database } from '../dist/sqlite.js';
import {
  checkFailure, contents, event, fails, instance, issue, newDatabase, openDatabase, relationship, sql,
} from './fixtures/instances.mjs';
import { cleanUp, listener, skipOnWindows, tempDir, test } from './support.mjs';

afterEach(cleanUp);

const LONE = 'a\ud800';
const invalidDate = new Date(NaN);
const NOT_TEXT = [null, undefined, 1, true, {}, [], Symbol('s'), () => {}, 1n];

// --------------------------------------------------------------------------------------------------- configuration

test('a configuration value of a wrong type, a negative number or a bad key is refused with its field, and no file is made', async () => {
  const dir = tempDir();
  const file = join(dir, 'x.db');
  const bad = {
    'local.file': ['', 'file:', 1, null, 'a\0b', LONE, 'libsql://host/db'],
    'local.enableWAL': [1, null, 'yes'], 'local.autoMigrate': [0], 'local.logQueries': ['true'], 'local.foreignKeys': [null],
    'local.busyTimeout': [-1, NaN, Infinity, '5', null],
    'cloud.enabled': ['no'], 'cloud.syncUrl': [1], 'cloud.authToken': [{}], 'cloud.syncInterval': [-1], 'cloud.readYourWrites': [1],
    'connection.maxRetries': [-1, 1.5, NaN], 'connection.retryDelay': [-1], 'connection.queryTimeout': [-1, Infinity],
    'maintenance.vacuumInterval': [-1], 'maintenance.backupRetention': [-1, NaN], 'maintenance.logRetention': ['30'],
    'maintenance.autoBackup': [1], 'maintenance.autoStart': ['x'], 'maintenance.backupDir': ['', 1, 'a\0'],
    'encryption.key': ['s3cret', '', null, 12345, 's3cret'.repeat(10), new Uint8Array(31), new Uint8Array(33), '00'.repeat(31)],
    'drizzle.logger': [console], 'drizzle.casing': [1],
  };
  for (const [field, values] of Object.entries(bad)) {
    const [section, key] = field.split('.');
    for (const value of values) {
      const config = { local: { file } };
      config[section] = { ...config[section], [key]: value };
      const error = await fails(() => initializeDatabase(config), 'DATABASE_INITIALIZATION_FAILED', { field });
      assert.equal(error.message, `Invalid config value for ${field}`);
      assert.ok(!JSON.stringify([error, error.stack]).includes('s3cret'), field);
      assert.throws(() => new SQLiteDatabase(config), (thrown) => Boolean(checkFailure(thrown, 'DATABASE_INITIALIZATION_FAILED', { field })));
    }
  }
  for (const section of ['local', 'cloud', 'connection', 'maintenance', 'encryption', 'drizzle']) {
    for (const value of [null, 's3cret', 1, []]) {
      const error = await fails(() => initializeDatabase({ local: { file }, [section]: value }), 'DATABASE_INITIALIZATION_FAILED', { field: section });
      assert.ok(section !== 'encryption' || !JSON.stringify(error).includes('s3cret'));
    }
  }
  for (const logger of ['console', null, 1]) {
    await fails(() => initializeDatabase({ local: { file }, logger }), 'DATABASE_INITIALIZATION_FAILED', { field: 'logger' });
  }
  for (const config of ['x.db', 1, [], true]) {
    await fails(() => initializeDatabase(config), 'DATABASE_INITIALIZATION_FAILED', { field: 'config' });
  }
  assert.ok(!existsSync(file));
});

test('a bad key in the environment is refused by its name', async () => {
  const file = join(tempDir(), 'x.db');
  process.env.RUNLEDGER_ENCRYPTION_KEY = 's3cret';
  try {
    const error = await fails(() => initializeDatabase({ local: { file } }), 'DATABASE_INITIALIZATION_FAILED', { field: 'RUNLEDGER_ENCRYPTION_KEY' });
    assert.ok(!JSON.stringify([error, error.stack]).includes('s3cret'));
  } finally {
    delete process.env.RUNLEDGER_ENCRYPTION_KEY;
  }
  assert.ok(!existsSync(file));
});

test('unknown keys are ignored, and named once in a warning', async () => {
  const { heard, logger } = listener();
  const { db } = await openDatabase({ logger, nonsense: 1, local: { wal: true }, connection: { retries: 3 } });
  await db.disconnect();
  await db.connect();
  await db.listInstances();
  const warnings = heard.filter(([level]) => level === 'warn').map(([, message]) => message);
  assert.deepEqual(warnings, ['Unknown configuration keys are ignored: nonsense, local.wal, connection.retries']);
});

// --------------------------------------------------------------------------------------------------- records

/** What a column of this kind does not take. */
const WRONG = {
  text: [1, true, {}, [], Symbol('s'), 1n, new Date()],
  name: ['', LONE, 1, true, {}, Symbol('s')],
  integer: ['1', 1.5, NaN, Infinity, -1, true, {}, 2 ** 60, new Date()],
  boolean: [1, 0, 'true', {}],
  date: [invalidDate, 'x', 0, 1750000000000, {}, true],
  json: [1, true, Symbol('s'), 1n, (() => { const loop = {}; loop.self = loop; return loop; })()],
};

async function refusesEach(db, path, call, code, columns, details) {
  const before = contents(path);
  for (const [column, kind] of Object.entries(columns)) {
    for (const value of WRONG[kind]) {
      const error = await fails(() => call({ [column]: value }), code, details);
      assert.equal(error.details.field, column, `${column} = ${String(value)}`);
    }
  }
  assert.deepEqual(contents(path), before);
}

test('createInstance refuses a record without its required cells, and cells of a wrong type', async () => {
  const { db, path } = await openDatabase();
  const before = contents(path);
  for (const key of ['id', 'type', 'status', 'worktree_path', 'branch_name', 'tmux_session']) {
    for (const nothing of [undefined, null]) {
      const error = await fails(() => db.createInstance(instance('b', { [key]: nothing })), 'DATABASE_INSERT_FAILED', { field: key });
      assert.match(error.message, new RegExp(`${key} is required`));
    }
  }
  for (const nonsense of [undefined, null, 1, 'x', [], () => {}]) await fails(() => db.createInstance(nonsense), 'DATABASE_INSERT_FAILED', { field: 'instance' });
  for (const key of ['created_at', 'last_activity', 'agent_number']) {
    await fails(() => db.createInstance(instance('b', { [key]: null })), 'DATABASE_INSERT_FAILED', { field: key });
  }
  await fails(() => db.createInstance(instance('b', { issue_number: 0 })), 'DATABASE_INSERT_FAILED', { field: 'issue_number' });
  await refusesEach(db, path, (x) => db.createInstance(instance('b', x)), 'DATABASE_INSERT_FAILED', {
    id: 'name', parent_instance_id: 'name', type: 'text', status: 'text', worktree_path: 'text', branch_name: 'text',
    tmux_session: 'text', base_branch: 'text', pr_url: 'text', system_prompt: 'text', prompt_used: 'text', prompt_context: 'text',
    claude_pid: 'integer', issue_number: 'integer', pr_number: 'integer', agent_number: 'integer',
    created_at: 'date', terminated_at: 'date', last_activity: 'date',
  });
  assert.deepEqual(contents(path), before);
});

test('updateInstance refuses null where a column has none, another id and wrong types, and is no activity then', async () => {
  const { db, path } = await openDatabase();
  const before = contents(path);
  for (const key of ['type', 'status', 'worktree_path', 'branch_name', 'tmux_session', 'created_at', 'agent_number', 'id']) {
    await fails(() => db.updateInstance('a', { [key]: null }), 'DATABASE_UPDATE_FAILED', { instanceId: 'a', field: key });
  }
  await fails(() => db.updateInstance('a', { id: 'other' }), 'DATABASE_UPDATE_FAILED', { instanceId: 'a', field: 'id' });
  for (const nonsense of [undefined, null, 1, 'x', []]) await fails(() => db.updateInstance('a', nonsense), 'DATABASE_UPDATE_FAILED', { field: 'updates' });
  for (const id of NOT_TEXT) await fails(() => db.updateInstance(id, {}), 'DATABASE_UPDATE_FAILED', { field: 'id' });
  await refusesEach(db, path, (x) => db.updateInstance('a', x), 'DATABASE_UPDATE_FAILED', {
    branch_name: 'text', claude_pid: 'integer', terminated_at: 'date', last_activity: 'date', parent_instance_id: 'name',
  }, { instanceId: 'a' });
  for (const status of NOT_TEXT) await fails(() => db.updateInstanceStatus('a', status), 'DATABASE_UPDATE_FAILED', { field: 'status' });
  assert.deepEqual(contents(path), before);
});

test('logMCPEvent refuses an event without tool_name, and success that is no boolean', async () => {
  const { db, path } = await openDatabase();
  const before = contents(path);
  for (const key of ['instance_id', 'tool_name', 'success']) {
    const given = event({ [key]: undefined });
    const error = await fails(() => db.logMCPEvent(given), 'DATABASE_LOG_FAILED', { field: key });
    assert.equal(error.details.event, given);
  }
  for (const nonsense of [undefined, null, 'x', []]) await fails(() => db.logMCPEvent(nonsense), 'DATABASE_LOG_FAILED', { field: 'event' });
  await refusesEach(db, path, (x) => db.logMCPEvent(event(x)), 'DATABASE_LOG_FAILED', {
    instance_id: 'name', tool_name: 'text', success: 'boolean', is_status_updating: 'boolean', error_message: 'text',
    metadata: 'json', git_commit_hash: 'text', status_change: 'text', timestamp: 'date',
  });
  assert.deepEqual(contents(path), before);
});

test('relationships and issues refuse wrong types; of issues one bad one refuses all', async () => {
  const { db, path } = await openDatabase({}, { ids: ['a', 'b'] });
  const id = await db.createRelationship(relationship());
  await db.upsertGitHubIssue(issue(9));
  const before = contents(path);
  await refusesEach(db, path, (x) => db.createRelationship(relationship(x)), 'DATABASE_INSERT_FAILED', {
    parent_instance: 'name', child_instance: 'name', relationship_type: 'text', review_iteration: 'integer', created_at: 'date', metadata: 'json',
  });
  await refusesEach(db, path, (x) => db.updateRelationship(id, x), 'DATABASE_UPDATE_FAILED', {
    parent_instance: 'name', relationship_type: 'text', review_iteration: 'integer', created_at: 'date', metadata: 'json',
  }, { id });
  for (const bad of [undefined, null, '1', 1.5, NaN]) await fails(() => db.updateRelationship(bad, { review_iteration: 2 }), 'DATABASE_UPDATE_FAILED', { field: 'id' });
  await refusesEach(db, path, (x) => db.upsertGitHubIssue(issue(1, x)), 'DATABASE_OPERATION_FAILED', {
    number: 'integer', title: 'text', state: 'text', body: 'text', assignee: 'text', labels: 'json', created_at: 'date',
    updated_at: 'date', repo_owner: 'text', repo_name: 'text',
  });
  for (const key of ['number', 'title', 'state', 'repo_owner', 'repo_name']) {
    await fails(() => db.upsertGitHubIssue(issue(1, { [key]: undefined })), 'DATABASE_OPERATION_FAILED', { field: key });
  }
  await fails(() => db.syncGitHubIssues([issue(1), { number: 2 }]), 'DATABASE_OPERATION_FAILED', { issueCount: 2, index: 1, field: 'title' });
  for (const bad of [null, undefined, 1, 'x', []]) await fails(() => db.syncGitHubIssues([issue(1), issue(3), bad]), 'DATABASE_OPERATION_FAILED', { index: 2 });
  for (const bad of [undefined, null, 'x', {}, issue(1)]) await fails(() => db.syncGitHubIssues(bad), 'DATABASE_OPERATION_FAILED', { field: 'issues' });
  for (const bad of [undefined, '1', 1.5, NaN]) await fails(() => db.getGitHubIssue(bad), 'DATABASE_QUERY_FAILED', { field: 'number' });
  assert.deepEqual(contents(path), before);
});

test('configuration refuses an empty key and a value that is no text', async () => {
  const { db, path } = await openDatabase();
  await db.setConfig('k', 'v');
  const before = contents(path);
  for (const value of [...NOT_TEXT, LONE]) {
    const error = await fails(() => db.setConfig('k', value), 'DATABASE_OPERATION_FAILED', { key: 'k', encrypted: false, field: 'value' });
    assert.ok(!error.message.includes('12345'));
  }
  for (const key of ['', LONE, ...NOT_TEXT]) {
    await fails(() => db.setConfig(key, 'v'), 'DATABASE_OPERATION_FAILED', { field: 'key' });
    await fails(() => db.getConfig(key), 'DATABASE_QUERY_FAILED', { field: 'key' });
    await fails(() => db.deleteConfig(key), 'DATABASE_DELETE_FAILED', { field: 'key' });
  }
  for (const encrypted of [1, 'true', null]) await fails(() => db.setConfig('k', 'v', encrypted), 'DATABASE_OPERATION_FAILED', { field: 'encrypted' });
  await db.deleteConfig('absent');
  assert.deepEqual(contents(path), before);
});

// --------------------------------------------------------------------------------------------------- reads

test('a read refuses what is no id, no time and no limit', async () => {
  const { db } = await openDatabase();
  for (const id of NOT_TEXT) {
    await fails(() => db.getInstance(id), 'DATABASE_QUERY_FAILED', { field: 'id' });
    await fails(() => db.getMCPEvents(id), 'DATABASE_QUERY_FAILED', { field: 'instanceId' });
    await fails(() => db.getRelationships(id), 'DATABASE_QUERY_FAILED', { field: 'instanceId' });
    await fails(() => db.deleteInstance(id), 'DATABASE_DELETE_FAILED', { field: 'id' });
  }
  for (const since of ['x', invalidDate, 0, null, undefined, {}]) await fails(() => db.getRecentMCPEvents(since), 'DATABASE_QUERY_FAILED', { field: 'since' });
  for (const limit of ['1', 1.5, NaN, Infinity, {}]) await fails(() => db.getMCPEvents('a', limit), 'DATABASE_QUERY_FAILED', { field: 'limit' });
});

test('a filter names the key that it refuses', async () => {
  const { db, path } = await openDatabase();
  const bad = {
    types: ['coding', [1], {}], statuses: ['started', [null]], issueNumber: ['7', 1.5, NaN], parentInstance: [7, {}],
    createdAfter: ['x', invalidDate, 0, NaN], createdBefore: [invalidDate, '2026'], limit: [1.5, NaN, Infinity, '1'],
    offset: ['0', 0.5], orderBy: ['id; DROP TABLE instances', 'id', '', 1], orderDirection: ['up', '', 1],
  };
  for (const [field, values] of Object.entries(bad)) {
    for (const value of values) {
      await fails(() => db.listInstances({ [field]: value }), 'DATABASE_QUERY_FAILED', { field });
    }
  }
  for (const filter of ['x', 1, [], true, new Map(), new Date()]) await fails(() => db.listInstances(filter), 'DATABASE_QUERY_FAILED', { field: 'filter' });
  assert.equal(contents(path).instances.length, 1);
});

test('a filter may name a hundred thousand words, each of them once or often', async () => {
  const { db } = await openDatabase({}, { ids: ['a', 'b'] });
  const many = Array.from({ length: 100_000 }, (_, index) => `s${index}`);
  const started = performance.now();
  assert.deepEqual(await db.listInstances({ statuses: many }), []);
  assert.equal((await db.listInstances({ statuses: [...many, 'started'], types: Array(1000).fill('coding') })).length, 2);
  assert.ok(performance.now() - started < 20_000);
  for (const odd of ["it's", '"', '\\', '😀', '']) {
    await db.updateInstance('a', { status: odd });
    assert.deepEqual((await db.listInstances({ statuses: [...many.slice(0, 50), odd] })).map(({ id }) => id), ['a'], odd);
  }
});

test('an id that no row can have is not found; one with odd characters is', async () => {
  const { db } = await openDatabase({}, { ids: ['a\ufffd'] });
  assert.equal(await db.getInstance(LONE), null, 'a lone surrogate is not the character that stands for it');
  assert.deepEqual(await db.getMCPEvents(LONE), []);
  assert.deepEqual(await db.getRelationships(LONE), []);
  for (const call of [() => db.updateInstance(LONE, {}), () => db.updateInstanceStatus(LONE, 's'), () => db.deleteInstance(LONE)]) {
    await fails(call, 'DATABASE_INSTANCE_NOT_FOUND');
  }
  for (const id of ['\0', 'a\0b', "'; DROP TABLE instances; --", '😀', ' ', 'x'.repeat(100_000)]) {
    await db.createInstance(instance(id, { system_prompt: id }));
    const row = await db.getInstance(id);
    assert.deepEqual([row.id, row.system_prompt], [id, id]);
    await db.updateInstanceStatus(id, 'terminated');
    assert.equal((await db.getMCPEvents(id)).length, 1);
    await db.deleteInstance(id);
  }
  assert.equal((await db.listInstances()).length, 1);
});

test('a hundred thousand rows come back without holding the event loop, and none come back as none', async () => {
  const { db, path } = await openDatabase();
  assert.deepEqual(await db.getMCPEvents('a', -1), []);
  assert.deepEqual([await db.listInstances({ types: ['review'] }), await db.getRelationships('a')], [[], []]);
  sql(path, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
    INSERT INTO mcp_events (instance_id, tool_name, success, metadata, timestamp) SELECT 'a', 't', 1, '{"n":' || i || '}', i FROM n`);
  let longest = 0;
  let last = performance.now();
  const watch = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const all = await db.getMCPEvents('a', -1);
  clearInterval(watch);
  assert.equal(all.length, 100_000);
  assert.deepEqual([all[0].metadata, all.at(-1).metadata], ['{"n":100000}', '{"n":1}']);
  assert.ok(longest < 500, `the event loop was held for ${longest} ms`);
});

// --------------------------------------------------------------------------------------------------- files and state

test('a backup needs a new file in a directory that is there', async () => {
  const { db, dir } = await openDatabase();
  const taken = join(dir, 'taken.db');
  writeFileSync(taken, 'mine');
  const empty = join(dir, 'empty.db');
  writeFileSync(empty, '');
  mkdirSync(join(dir, 'directory'));
  for (const own of ['x.db', 'x.db-wal', 'x.db-shm', 'x.db-journal']) {
    const path = join(dir, own);
    const { details } = await fails(() => db.backup(path), 'DATABASE_OPERATION_FAILED', { path });
    assert.equal(details.error, `File already exists: ${path}`);
  }
  const tooLong = skipOnWindows ? undefined : await fails(() => db.backup(join(dir, 'n'.repeat(300))), 'DATABASE_OPERATION_FAILED');
  assert.equal(tooLong?.cause.code ?? 'ENAMETOOLONG', 'ENAMETOOLONG');
  for (const path of [taken, empty, ':memory:', join(dir, 'missing/b.db'), join(dir, 'directory'), '', 'a\0b', 1, null, undefined]) {
    await fails(() => db.backup(path), 'DATABASE_OPERATION_FAILED', { path });
  }
  assert.deepEqual([readFileSync(taken, 'utf8'), readFileSync(empty, 'utf8')], ['mine', '']);
  assert.ok(!existsSync(join(dir, 'missing')));
});

test('a closed database refuses every method with its own code and the reason', async () => {
  const { db } = await openDatabase();
  const calls = {
    DATABASE_INSERT_FAILED: [() => db.createInstance(instance('b')), () => db.createRelationship(relationship())],
    DATABASE_UPDATE_FAILED: [() => db.updateInstance('a', {}), () => db.updateInstanceStatus('a', 's'), () => db.updateRelationship(1, { review_iteration: 2 })],
    DATABASE_DELETE_FAILED: [() => db.deleteInstance('a'), () => db.deleteConfig('k')],
    DATABASE_LOG_FAILED: [() => db.logMCPEvent(event())],
    DATABASE_QUERY_FAILED: [
      () => db.getInstance('a'), () => db.listInstances(), () => db.getMCPEvents('a'), () => db.getRecentMCPEvents(new Date()),
      () => db.getRelationships('a'), () => db.getGitHubIssue(1), () => db.getConfig('k'),
    ],
    DATABASE_OPERATION_FAILED: [
      () => db.upsertGitHubIssue(issue(1)), () => db.syncGitHubIssues([]), () => db.setConfig('k', 'v'), () => db.vacuum(),
      () => db.backup('x.db'), () => db.sync(), () => db.runMaintenance(),
    ],
  };
  const check = async () => {
    for (const [code, list] of Object.entries(calls)) for (const call of list) await fails(call, code, { reason: 'closed' });
    assert.throws(() => db.startMaintenance(), (error) => Boolean(checkFailure(error, 'DATABASE_OPERATION_FAILED', { reason: 'closed' })));
    db.stopMaintenance();
  };
  const closing = db.disconnect();
  await check();
  await closing;
  await check();
  const fresh = newDatabase({ local: { file: join(tempDir(), 'x.db') } });
  await fails(() => fresh.listInstances(), 'DATABASE_QUERY_FAILED', { reason: 'closed' });
  assert.equal(fresh.isConnected(), false);
});

test('a lock of another is awaited, tried again, and then told with the number of attempts', async () => {
  const { db, path } = await openDatabase({ local: { busyTimeout: 50 }, connection: { maxRetries: 2, retryDelay: 60 } });
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE');
  let turns = 0;
  const ticking = setInterval(() => turns++, 5);
  const started = performance.now();
  const error = await fails(() => db.createInstance(instance('b')), 'DATABASE_INSERT_FAILED', { instanceId: 'b', attempts: 3 });
  const took = performance.now() - started;
  clearInterval(ticking);
  assert.equal(error.cause.code, 'SQLITE_BUSY');
  assert.ok(took >= 3 * 50 + 2 * 60 - 30, `${took} ms`);
  assert.ok(turns > 10, `the event loop turned ${turns} times`);
  await fails(() => db.vacuum(), 'DATABASE_OPERATION_FAILED', { attempts: 3 });
  assert.equal((await db.listInstances()).length, 1, 'readers are not disturbed');
  // What waits keeps its order, and a lock that goes away lets it pass.
  const order = [];
  const calls = ['c', 'd', 'e'].map((id) => db.createInstance(instance(id)).then(() => order.push(id)));
  setTimeout(() => other.exec('COMMIT'), 100);
  await Promise.all(calls);
  other.close();
  assert.deepEqual(order, ['c', 'd', 'e']);
});

test('opening, reading, copying and VACUUM are tried again, too', async () => {
  const patience = { local: { busyTimeout: 20, enableWAL: false }, connection: { maxRetries: 2, retryDelay: 20 } };
  const { db, dir, path } = await openDatabase(patience);
  const other = new Database(path);
  other.exec('BEGIN EXCLUSIVE');
  const details = { attempts: 3 };
  await fails(() => db.listInstances(), 'DATABASE_QUERY_FAILED', details);
  await fails(() => db.getConfig('k'), 'DATABASE_QUERY_FAILED', { ...details, key: 'k' });
  await fails(() => db.backup(join(dir, 'b.db')), 'DATABASE_OPERATION_FAILED', details);
  await fails(() => db.vacuum(), 'DATABASE_OPERATION_FAILED', details);
  const second = newDatabase({ ...patience, local: { ...patience.local, file: path } });
  const error = await fails(() => second.connect(), 'DATABASE_CONNECTION_FAILED', details);
  assert.equal(error.cause.code, 'SQLITE_BUSY');
  await fails(() => initializeDatabase({ ...patience, local: { ...patience.local, file: path } }), 'DATABASE_INITIALIZATION_FAILED', details);
  assert.ok(!existsSync(join(dir, 'b.db')), 'a failed copy is removed');
  const listed = db.listInstances();
  setTimeout(() => other.exec('COMMIT'), 30);
  assert.equal((await listed).length, 1);
  other.close();
  await second.connect();
});

test('while another holds the file to itself, every method ends with its own code and the attempts, and a close does not hang', async () => {
  const patience = { local: { busyTimeout: 5, enableWAL: false }, connection: { maxRetries: 1, retryDelay: 1 } };
  const { db, dir, path } = await openDatabase(patience, { ids: ['a', 'b'] });
  const id = await db.createRelationship(relationship());
  const other = new Database(path);
  other.exec('BEGIN EXCLUSIVE');
  const calls = {
    DATABASE_INSERT_FAILED: [() => db.createInstance(instance('c')), () => db.createRelationship(relationship({ child_instance: 'a' }))],
    DATABASE_UPDATE_FAILED: [() => db.updateInstance('a', {}), () => db.updateInstanceStatus('a', 's'), () => db.updateRelationship(id, { review_iteration: 2 })],
    DATABASE_DELETE_FAILED: [() => db.deleteInstance('a'), () => db.deleteConfig('k')],
    DATABASE_LOG_FAILED: [() => db.logMCPEvent(event())],
    DATABASE_QUERY_FAILED: [
      () => db.getInstance('a'), () => db.listInstances(), () => db.getMCPEvents('a'), () => db.getRecentMCPEvents(new Date()),
      () => db.getRelationships('a'), () => db.getGitHubIssue(1), () => db.getConfig('k'),
    ],
    DATABASE_OPERATION_FAILED: [
      () => db.upsertGitHubIssue(issue(1)), () => db.syncGitHubIssues([issue(1)]), () => db.setConfig('k', 'v'), () => db.setConfig('k', 'v', true),
      () => db.vacuum(), () => db.backup(join(dir, 'b.db')), () => db.runMaintenance(),
    ],
    DATABASE_SCHEMA_MIGRATION_FAILED: [() => runMigrationsWithDatabase(db)],
  };
  for (const [code, list] of Object.entries(calls)) {
    for (const call of list) {
      const error = await fails(call, code, { attempts: 2 });
      assert.equal(error.cause.code, 'SQLITE_BUSY', String(call));
      assert.equal(error.details.error, error.cause.message, String(call));
      assert.match(error.message, /locked/, String(call));
    }
  }
  db.startMaintenance();
  await db.disconnect();
  other.exec('COMMIT');
  other.close();
  assert.deepEqual(contents(path).instances.map(({ id: name, status }) => [name, status]), [['a', 'started'], ['b', 'started']]);
  assert.deepEqual(readdirSync(dir).filter((name) => !name.startsWith('x.db')), [], 'nothing half made is left');
});

test('without retries a lock is told at once, without a number of attempts', async () => {
  const { db, path } = await openDatabase({ local: { busyTimeout: 20 }, connection: { maxRetries: 0 } });
  const other = new Database(path);
  other.exec('BEGIN IMMEDIATE');
  const error = await fails(() => db.setConfig('k', 'v'), 'DATABASE_OPERATION_FAILED', { key: 'k', encrypted: false });
  other.exec('COMMIT');
  other.close();
  assert.ok(!('attempts' in error.details));
});

test('SQL that runs longer than queryTimeout is interrupted, and what comes after it is not', async () => {
  const { db, path } = await openDatabase({ connection: { queryTimeout: 60 } });
  sql(path, `CREATE TRIGGER slow BEFORE INSERT ON user_config BEGIN
    SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000000) SELECT i FROM n); END`);
  for (const encrypted of [true, false]) {
    await fails(() => db.setConfig('k', 'v', encrypted), 'DATABASE_OPERATION_FAILED', { key: 'k', encrypted, timeoutMs: 60 });
  }
  const slow = fails(() => db.setConfig('k', 'v'), 'DATABASE_OPERATION_FAILED', { key: 'k', timeoutMs: 60 });
  const quick = db.createInstance(instance('b'));
  assert.equal((await slow).extendedCode, 'SQLITE_INTERRUPT');
  assert.equal(await quick, 'b');
  assert.equal(await db.getConfig('k'), null);
});
