// runledger/instances: several processes and worker threads on one file, a process that is killed, imports, and the example.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { openDatabase, sql } from './fixtures/instances.mjs';
import { cleanUp, root, run, runFile, said, skipOnWindows, skipTsc, start, tempDir, test } from './support.mjs';

afterEach(cleanUp);

const require = createRequire(import.meta.url);
const SUB_PATHS = {
  'runledger/instances': ['MigrationError', 'RunledgerError', 'SQLiteDatabase', 'getDefaultDatabaseConfig', 'initializeDatabase'],
  'runledger/instances/errors': ['DatabaseError', 'ERROR_CODES', 'RunledgerError'],
  'runledger/instances/migrate': ['MigrationError', 'RunledgerError', 'runMigrations', 'runMigrationsWithDatabase'],
  'runledger/instances/testing': [
    'RunledgerError', 'createInMemoryTestDb', 'createTempFileTestDb', 'createTestDatabaseWithData', 'expectDatabaseError',
    'generateTestGitHubIssue', 'generateTestInstance', 'generateTestInstances', 'generateTestMCPEvent', 'generateTestRelationship',
  ],
};

const opening = (path, config = '{}') => `
  const { initializeDatabase } = await import(${JSON.stringify(new URL('../dist/instances.js', import.meta.url).href)});
  const db = await initializeDatabase({ ...${config}, local: { file: ${JSON.stringify(path)} } });
  const instance = (id) => ({ id, type: 'coding', status: 'started', worktree_path: '/w', branch_name: id, tmux_session: id });
  const event = (instance_id, tool_name) => ({ instance_id, tool_name, success: true });
`;

for (const [path, names] of Object.entries(SUB_PATHS)) {
  test(`${path} exports these names and no others, imported or required`, async () => {
    const [imported, required] = [await import(path), require(path)];
    assert.deepEqual(Object.keys(imported).filter((name) => !['default', 'module.exports'].includes(name)).sort(), names);
    const { RunledgerError, MigrationError } = await import('runledger');
    for (const name of names) assert.equal(required[name], imported[name], name);
    assert.equal(imported.RunledgerError, RunledgerError);
    if ('MigrationError' in imported) assert.equal(imported.MigrationError, MigrationError);
  });
}

test('importing does nothing: no file, no timer, no output', async () => {
  const cwd = tempDir();
  const imports = Object.keys(SUB_PATHS).map((path) => `await import(${JSON.stringify(new URL(`../dist/${path.slice(10)}.js`, import.meta.url).href)});`);
  const { code, stdout, stderr } = await run(imports.join('\n'), { cwd });
  assert.deepEqual([code, stdout, stderr, readdirSync(cwd)], [0, '', '', []]);
});

test('eight processes open one new file at once: one makes the tables, all write', async () => {
  const path = join(tempDir(), 'x.db');
  const children = Array.from({ length: 8 }, (_, index) => run(
    `${opening(path)}
     await db.createInstance(instance('p${index}'));
     await Promise.all(Array.from({ length: 50 }, (_, n) => db.logMCPEvent(event('p${index}', 't' + n))));
     await db.setConfig('t${index}', 'secret', true);
     if (await db.getConfig('t${index}') !== 'secret') throw new Error('another key');
     await db.disconnect();`,
  ));
  for (const { code, stdout, stderr } of await Promise.all(children)) assert.deepEqual([code, stdout, stderr], [0, '', '']);
  assert.deepEqual(sql(path, 'SELECT instance_id, count(*) AS n FROM mcp_events GROUP BY 1 ORDER BY 1'),
    Array.from({ length: 8 }, (_, index) => ({ instance_id: `p${index}`, n: 50 })));
  assert.equal(sql(path, 'SELECT count(*) AS n FROM schema_migrations')[0].n, 1);
  const { db } = await openDatabase({}, { dir: join(path, '..'), ids: [] });
  for (let index = 0; index < 8; index++) assert.equal(await db.getConfig(`t${index}`), 'secret', 'there is one key');
});

test('several processes set one status and keep house at once: each change has its event, and there is one backup', async () => {
  const dir = tempDir();
  const { db, path } = await openDatabase({}, { dir, ids: ['a'] });
  await db.logMCPEvent({ instance_id: 'a', tool_name: 'old', success: true, timestamp: new Date(0) });
  for (const day of ['01', '02', '03']) writeFileSync(join(dir, `x.backup-202001${day}T000000Z.db`), '');
  const children = Array.from({ length: 4 }, (_, index) => run(
    `${opening(path)}
     const kept = db.runMaintenance();
     for (let n = 0; n < 25; n++) await db.updateInstanceStatus('a', 'p${index}-' + n);
     console.log(JSON.stringify(await kept));
     await db.disconnect();`,
  ));
  const ended = await Promise.all(children);
  for (const { code, stderr } of ended) assert.deepEqual([code, stderr], [0, '']);
  const reports = ended.map(({ stdout }) => JSON.parse(stdout));
  const events = await db.getMCPEvents('a', -1);
  assert.equal(events.length, 100);
  assert.equal((await db.getInstance('a')).status, events.reduce((last, event) => (event.id > last.id ? event : last)).status_change);
  for (let index = 0; index < 4; index++) {
    const own = events.map(({ status_change }) => status_change).filter((status) => status.startsWith(`p${index}-`)).reverse();
    assert.deepEqual(own, Array.from({ length: 25 }, (_, n) => `p${index}-${n}`), 'in the order of issue');
  }
  assert.equal(reports.reduce((sum, { eventsDeleted }) => sum + eventsDeleted, 0), 1);
  const written = reports.map(({ backup }) => backup).filter((backup) => backup !== null);
  const there = readdirSync(dir).filter((name) => name.includes('.backup-')).map((name) => join(dir, name));
  assert.deepEqual(there.sort(), [...new Set(written)].sort());
  assert.ok(written.length >= 1);
  assert.equal(new Set(reports.flatMap(({ backupsDeleted }) => backupsDeleted)).size, 3);
});

test('worker threads come and go on one file, terminated ones too', async () => {
  const path = join(tempDir(), 'x.db');
  const work = (name, leave) => new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./fixtures/instances-worker.mjs', import.meta.url), { workerData: { path, name, count: 30, leave } });
    let acknowledged = 0;
    worker.on('message', (number) => {
      acknowledged = number + 1;
      if (leave === 'terminate' && acknowledged === 10) void worker.terminate();
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve({ name, acknowledged }));
  });
  const ways = ['disconnect', 'leave', 'terminate', 'disconnect', 'leave', 'terminate'];
  const workers = await Promise.all(ways.map((leave, name) => work(name, leave)));
  const { db } = await openDatabase({}, { dir: join(path, '..'), ids: ['main'] });
  for (const { name, acknowledged } of workers) {
    const stored = (await db.getMCPEvents(`worker-${name}`)).length;
    assert.ok(acknowledged >= 10 && stored >= acknowledged, `worker ${name}: ${acknowledged} acknowledged, ${stored} stored`);
    if (ways[name] !== 'terminate') assert.equal(stored, 30);
  }
});

test('what a killed process was promised is there, and the file is sound', { skip: skipOnWindows }, async () => {
  const path = join(tempDir(), 'x.db');
  const child = start(`${opening(path)}
    await db.createInstance(instance('a'));
    for (let n = 0; ; n++) {
      await Promise.all([db.logMCPEvent(event('a', 'one' + n)), db.updateInstanceStatus('a', 'status' + n)]);
      console.log(n);
    }`);
  await said(child, '\n20\n');
  child.kill('SIGKILL');
  const { stdout } = await child.closed;
  const promised = stdout.trim().split('\n').length;
  const { db } = await openDatabase({}, { dir: join(path, '..'), ids: [] });
  const tools = (await db.getMCPEvents('a', -1)).map(({ tool_name, status_change }) => status_change ?? tool_name);
  for (let n = 0; n < promised; n++) assert.ok(tools.includes(`one${n}`) && tools.includes(`status${n}`), `round ${n} of ${promised}`);
  // Status and event are one transaction: the last event names the status that stands.
  const last = tools.find((tool) => tool.startsWith('status'));
  assert.equal((await db.getInstance('a')).status, last);
  assert.deepEqual(sql(path, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
  assert.deepEqual(sql(path, 'PRAGMA foreign_key_check'), []);
});

test('a process that ends in the middle of a backup leaves none that looks whole', { skip: skipOnWindows }, async () => {
  const dir = tempDir();
  const path = join(dir, 'x.db');
  const child = start(`${opening(path)}
    await db.setConfig('big', 'x'.repeat(60_000_000));
    console.log('begin');
    db.startMaintenance();
    setInterval(() => {}, 1000);`);
  await said(child, 'begin');
  const partial = () => readdirSync(dir).some((name) => name.includes('.backup-'));
  const deadline = performance.now() + 10_000;
  while (!partial() && performance.now() < deadline);
  child.kill('SIGKILL');
  await child.closed;
  for (const name of readdirSync(dir).filter((it) => /\.backup-.*\.db$/.test(it))) {
    assert.deepEqual(sql(join(dir, name), 'SELECT length(value) AS n FROM user_config'), [{ n: 60_000_000 }], `${name} is whole`);
  }
  const { db } = await openDatabase({}, { dir, ids: [] });
  const { backup } = await db.runMaintenance();
  const whole = readdirSync(dir).filter((it) => /\.backup-.*\.db$/.test(it));
  assert.ok(backup !== null || whole.length === 1, 'half a backup does not count as one');
});

test('the command line makes, checks and takes back the tables', () => {
  const dir = tempDir();
  const runledger = (...words) => spawnSync(process.execPath, [join(root, 'bin/runledger.mjs'), 'instances', ...words], { cwd: dir, encoding: 'utf8' });
  const last = ({ stdout, status }) => [stdout.trim().split('\n').at(-1), status];
  assert.deepEqual(last(runledger()), ['instances: version 1', 0]);
  assert.ok(existsSync(join(dir, 'claude-codex.db')), 'the default file');
  assert.deepEqual(last(runledger('validate')), ['instances: ok', 0]);
  assert.deepEqual(last(runledger('rollback')), ['instances: version 0', 0]);
  assert.deepEqual(last(runledger('migrate', '--db', 'other.db')), ['instances: version 1', 0]);
});

test('the example runs', async () => {
  const example = fileURLToPath(new URL('../examples/instances.mjs', import.meta.url));
  const path = join(tempDir(), 'x.db');
  const stdout = runFile(example, [path], { cwd: root });
  assert.equal(stdout, `coder: pr_merged
  ok     edit_file {"path":"src/retry.ts","lines":12}
  failed run_tests {"failed":1}
  ok     run_tests {"failed":0}
  ok     update_instance_status
reviewer: started, sent for by coder
  ok     approve
token: 36 characters
Instance already exists: coder

Suggestion: Choose another id or update the existing instance.
`);
  assert.ok(!readFileSync(path).includes('a token that nobody'));
  assert.equal(sql(path, 'SELECT count(*) AS n FROM instances')[0].n, 2);
});

test('the types of the contract compile under --strict, and wrong ones do not', { skip: skipTsc, timeout: 120_000 }, () => {
  const dir = tempDir();
  mkdirSync(join(dir, 'node_modules'), { recursive: true });
  symlinkSync(root, join(dir, 'node_modules', 'runledger'), 'junction');
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(dir, 'app.ts'), `
import {
  initializeDatabase, getDefaultDatabaseConfig, SQLiteDatabase, type DatabaseConfig, type DatabaseInterface, type DeepPartial,
  type GitHubIssue, type Instance, type InstanceFilter, type InstanceStatus, type InstanceType, type JsonInput, type Logger,
  type MaintenanceReport, type MCPEvent, type NewGitHubIssue, type NewInstance, type NewMCPEvent, type NewRelationship,
  type Relationship, type RelationshipType,
} from 'runledger/instances';
import { DatabaseError, ERROR_CODES, RunledgerError } from 'runledger/instances/errors';
import { runMigrations, runMigrationsWithDatabase, type MigrationChange, type MigrationPlanItem, type ValidationReport } from 'runledger/instances/migrate';
import * as testing from 'runledger/instances/testing';
import { Database } from 'runledger/sqlite';

const partial: DeepPartial<DatabaseConfig> = { local: { file: 'x.db' }, encryption: { key: new Uint8Array(32) }, logger: console };
const db: DatabaseInterface = await initializeDatabase(partial);
const own: DatabaseInterface = new SQLiteDatabase(getDefaultDatabaseConfig());
const record: NewInstance = { id: 'a', type: 'coding', status: 'started', worktree_path: '/w', branch_name: 'b', tmux_session: 't' };
const id: string = await db.createInstance(record);
const row: Instance | null = await db.getInstance(id);
const when: Date | undefined = row?.created_at;
const filter: InstanceFilter = { types: ['review'], createdAfter: new Date(), orderDirection: 'ASC' };
const event: NewMCPEvent = { instance_id: id, tool_name: 't', success: true, metadata: { any: [1] } };
const relation: number = await db.createRelationship({ parent_instance: id, child_instance: id, relationship_type: 'created_fork' });
const issue: NewGitHubIssue = { number: 1, title: 't', state: 's', repo_owner: 'o', repo_name: 'r', labels: ['l'], synced_at: new Date() };
const report: MaintenanceReport = await db.runMaintenance();
const code: 'DATABASE_LOG_FAILED' = ERROR_CODES.DATABASE_LOG_FAILED;
await runMigrationsWithDatabase(db);
await runMigrationsWithDatabase(new Database());
const error: DatabaseError = await testing.expectDatabaseError(() => db.createInstance(record), code);
const base: RunledgerError = error;
const timestamp: string = error.toJSON().timestamp;
const typed: [InstanceStatus, InstanceType, JsonInput, RelationshipType] = ['started', 'coding', null, 'spawned_review'];
export { own, when, filter, event, relation, issue, report, base, timestamp, typed, runMigrations };
export type All = [GitHubIssue, Logger, MCPEvent, NewRelationship, Relationship, MigrationChange, MigrationPlanItem, ValidationReport];

// @ts-expect-error: worktree_path is required
await db.createInstance({ id: 'a', type: 'coding', status: 'started', branch_name: 'b', tmux_session: 't' });
// @ts-expect-error: not a type of instance
await db.createInstance({ ...record, type: 'cooking' });
// @ts-expect-error: times are Dates
await db.updateInstance('a', { created_at: 5 });
// @ts-expect-error: null is no branch
await db.updateInstance('a', { branch_name: null });
// @ts-expect-error: not a status
await db.updateInstanceStatus('a', 'done');
// @ts-expect-error: success is a boolean
await db.logMCPEvent({ instance_id: 'a', tool_name: 't', success: 1 });
// @ts-expect-error: metadata is text or an object
await db.logMCPEvent({ ...event, metadata: 1 });
// @ts-expect-error: not a column to order by
await db.listInstances({ orderBy: 'id' });
// @ts-expect-error: a value is text
await db.setConfig('k', 1);
// @ts-expect-error: ms are a number
new SQLiteDatabase({ local: { busyTimeout: '5' } });
// @ts-expect-error: no such key
new SQLiteDatabase({ local: { nonsense: 1 } });
// @ts-expect-error: details are read-only
error.details = {};
// @ts-expect-error: not a database
await runMigrationsWithDatabase('x.db');
`);
  const nodeTypes = dirname(dirname(require.resolve('@types/node/package.json')));
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({
    compilerOptions: { strict: true, noEmit: true, target: 'es2022', lib: ['es2022'], module: 'nodenext', skipLibCheck: true, types: ['node'], typeRoots: [nodeTypes] },
    files: ['app.ts'],
  }));
  const { stdout } = spawnSync(process.execPath, [require.resolve('typescript/lib/tsc.js'), '-p', '.', '--pretty', 'false'], { cwd: dir, encoding: 'utf8' });
  const ours = stdout.split('\n').filter((line) => /error TS/.test(line) && !/^[^(]*node_modules[^(]*\(/.test(line));
  assert.deepEqual(ours, []);
});
