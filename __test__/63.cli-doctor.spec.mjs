// `runledger doctor` and `runledger backup`.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { chmodSync, cpSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cleanUp, evs, foreign, foreignScript, holdWriteLock, isBun, isDeno, openClient, root, skipOnWindows, skipWithoutPython, tempDir, test } from './support.mjs';
import { cli, fails, leavesAlone, lines, migrated, ordinary, skipWithoutPermissions, value, whileReadonly } from './fixtures/cli.mjs';

afterEach(cleanUp);

const { version } = createRequire(import.meta.url)('../package.json');
const at = (dir) => join(dir, 't.db');
const skip = skipWithoutPython;
const runtime = isBun ? 'bun' : isDeno ? 'deno' : 'node';

/** What doctor says of a file that is wrong: the kinds of its problems. Nothing may change. */
async function kinds(file, directory, options = {}) {
  const report = await leavesAlone(directory, () => value(['doctor', '--db', file], { code: 1, cwd: '/', ...options }));
  assert.equal(report.ok, false);
  return report.problems.map(({ kind }) => kind);
}

test('doctor tells what this installation is and that a file is sound, without touching it', async () => {
  const dir = await migrated();
  const { file, ...report } = await leavesAlone(dir, () => value(['doctor', '--db', at(dir)]));
  const { sqlite, libc, binary, ...rest } = report;
  assert.deepEqual(rest, { ok: true, version, platform: process.platform, arch: process.arch, problems: [],
    runtime: { name: runtime, version: process.versions[runtime] } });
  assert.match(sqlite, /^3\.\d+\.\d+$/);
  assert.match(binary, /^runledger\..+\.node$/);
  assert.ok(process.platform === 'linux' ? /^(glibc|musl)/.test(libc) : libc === null, libc);
  const { size, permissions, ...state } = file;
  assert.deepEqual(state, { path: at(dir), exists: true, walSize: 0, writable: true, sharedFileSystem: state.sharedFileSystem,
    journalModeChosen: state.journalModeChosen, journalMode: state.journalModeChosen,
    modules: [{ module: 'telemetry', version: 1, latest: 1 }], checked: true, findings: [] });
  assert.equal(size, statSync(at(dir)).size);
  assert.ok(process.platform === 'win32' ? permissions === null : /^0[0-7]{3}$/.test(permissions));
});

test('doctor in words', async () => {
  const dir = await migrated();
  const said = (await lines(['doctor', '--db', at(dir)])).join('\n');
  for (const words of [`runledger     ${version}`, 'telemetry     version 1 of 1', 'integrity     ok', 'foreign keys  ok']) {
    assert.ok(said.includes(words), said);
  }
  assert.ok(said.endsWith('\n\ndoctor: ok'), said);
  const none = (await lines(['doctor', '--db', join(dir, 'none.db')], { code: 1 })).slice(-3);
  assert.deepEqual(none, ['', 'file: the file does not exist', 'doctor: 1 problem']);
});

test('doctor looks at the file of telemetry, which need not be there yet', async () => {
  const cwd = tempDir();
  const look = async (env) => {
    const { file } = await leavesAlone(cwd, () => value(['doctor'], { cwd, env }));
    return [file.path.slice(cwd.length + 1).replaceAll('\\', '/'), file.exists];
  };
  assert.deepEqual(await look({}), ['.vibekit/telemetry.db', false]);
  assert.deepEqual(await look({ VIBEKIT_DB_PATH: 'v.db' }), ['v.db', false]);
  assert.equal((await value(['doctor'], { cwd, env: { VIBEKIT_DB_PATH: ':memory:' } })).file, null);
});

test('doctor sees a file in use, with what is in its log', async () => {
  const { dir, ops } = await openClient();
  await ops.insertEventBatch(evs(200));
  const { file } = await value(['doctor', '--db', at(dir)]);
  assert.deepEqual([file.checked, file.modules[0].version], [true, 1]);
  if (file.journalMode === 'wal') assert.ok(file.walSize > 0);
});

test('doctor names what is wrong', { skip }, async () => {
  const dir = await migrated();
  assert.deepEqual(await kinds(join(dir, 'none.db'), dir), ['file']);
  assert.deepEqual(await kinds(dir, dir), ['file']);

  const text = join(dir, 'text.db');
  writeFileSync(text, 'a text that is longer than the header of a database would be, '.repeat(9));
  assert.deepEqual(await kinds(text, dir), ['open']);

  const conflict = join(dir, 'conflict.db');
  await foreign(conflict, 'CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, foo TEXT)');
  assert.deepEqual(await kinds(conflict, dir), ['conflict']);

  await foreign(at(dir), ['DROP INDEX idx_events_timestamp', "UPDATE schema_migrations SET name = 'other'",
    "INSERT INTO telemetry_buffers (session_id, buffer_data, created_at, last_updated) VALUES ('ghost', '[]', 0, 0)"]);
  assert.deepEqual(await kinds(at(dir), dir), ['foreign_key', 'diverged']);
});

test('doctor finds a page that was overwritten', { skip }, async () => {
  const dir = tempDir();
  await foreignScript(at(dir), 'CREATE TABLE t (x); CREATE INDEX i ON t (x); WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT i FROM n;');
  const bytes = readFileSync(at(dir));
  bytes.fill(0xff, 4096 * 5, 4096 * 6);
  writeFileSync(at(dir), bytes);
  const found = await kinds(at(dir), dir);
  assert.ok(found.length > 0 && found.every((kind) => kind === 'integrity' || kind === 'open'), found.join());
});

test('a file that may not be written to is told', { skip: skipWithoutPermissions }, async () => {
  const dir = await migrated();
  chmodSync(at(dir), 0o444);
  const found = await whileReadonly(dir, () => kinds(at(dir), dir, { user: ordinary }));
  assert.deepEqual(found, ['permissions', 'permissions']);
});

test('doctor says that this Node is not supported', { skip: runtime !== 'node' && 'a Node is pretended on Node' }, async () => {
  const dir = await migrated();
  const pretend = join(dir, 'pretend.mjs');
  for (const [node, supported] of [['18.20.8', false], ['20.18.3', false], ['20.19.0', true], ['21.7.3', false], ['22.11.0', false], ['22.12.0', true], ['23.0.0', true]]) {
    writeFileSync(pretend, `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${node}' } });`);
    const { ok, problems } = await value(['doctor', '--db', at(dir)], { code: supported ? 0 : 1, env: { NODE_OPTIONS: `--import=${pathToFileURL(pretend)}` } });
    const message = `Node ${node} is not supported: 20.19 or newer of Node 20, or 22.12 or newer is needed`;
    assert.deepEqual([ok, problems], supported ? [true, []] : [false, [{ kind: 'runtime', message }]], node);
  }
});

test('an installation without its binary can still ask the doctor', async () => {
  const dir = tempDir();
  for (const name of ['bin', 'dist', 'native.cjs', 'package.json']) cpSync(join(root, name), join(dir, name), { recursive: true });
  const script = join(dir, 'bin/runledger.mjs');
  const { ok, binary, problems, ...report } = await value(['doctor'], { code: 1, script });
  assert.deepEqual([ok, binary, problems.map(({ kind }) => kind)], [false, null, ['binary']]);
  assert.deepEqual([report.version, report.platform], [version, process.platform]);
  await fails(['telemetry', 'status'], /^telemetry: the native add-on cannot be loaded on /, { script });
});

test('doctor takes no word', async () => {
  await fails(['doctor', 't.db'], 'doctor: unexpected argument "t.db": name a file with --db');
  await fails(['doctor', '--dry-run'], 'doctor: --dry-run is not an option of doctor');
});

// ---------------------------------------------------------------- backup

test('backup copies a file that a client is writing to, whole', { skip }, async () => {
  const { dir, ops } = await openClient();
  await ops.insertEventBatch(evs(500));
  const target = join(dir, 'copy.db');
  const writing = Promise.all(evs(500).map((event) => ops.insertEvent(event)));
  const [said] = await lines(['backup', at(dir), target]);
  await writing;
  assert.match(said, /^backup: copied \d+ pages \(\d+\.\d [kM]B\) to .*copy\.db$/);
  const [{ n }] = await foreign(target, 'SELECT count(*) AS n FROM telemetry_events');
  const [{ total }] = await foreign(target, "SELECT total_events AS total FROM telemetry_stats WHERE stat_key = 'all'");
  assert.ok(n >= 500 && n <= 1000 && n === total, `${n} events, ${total} counted`);
  assert.deepEqual(await lines(['telemetry', 'validate', '--db', target]), ['telemetry: ok']);
  assert.equal((await ops.queryEvents()).length, 1000);
});

test('backup copies any database, and tells of it in JSON', { skip }, async () => {
  const cwd = tempDir();
  await foreignScript(join(cwd, 's.db'), "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES ('ä'), (NULL);");
  const report = await value(['backup', 's.db', './d.db'], { cwd });
  assert.deepEqual(report, { source: join(cwd, 's.db'), target: join(cwd, 'd.db'), pages: 2, bytes: 8192 });
  assert.deepEqual(await foreign(join(cwd, 'd.db'), 'SELECT x FROM t'), [{ x: 'ä' }, { x: null }]);
  for (const left of ['s.db-wal', 's.db-shm', 'd.db-journal', 'd.db-wal']) assert.ok(!existsSync(join(cwd, left)), left);
});

test('backup waits for a writer that holds the lock no longer than needed', { skip }, async () => {
  const dir = await migrated();
  const release = await holdWriteLock(at(dir));
  await lines(['backup', at(dir), join(dir, 'd.db')]);
  await release();
});

test('backup writes over nothing and leaves no half copy', async () => {
  const dir = await migrated();
  const target = join(dir, 'd.db');
  const refused = (words, message, options) => leavesAlone(dir, () => fails(['backup', ...words], `backup: ${message}`, options));
  await refused([join(dir, 'none.db'), target], `File does not exist: ${join(dir, 'none.db')}`);
  await refused([at(dir), at(dir)], `File already exists: ${at(dir)}`);
  await refused([at(dir), dir], `File already exists: ${dir}`);
  await refused([at(dir), join(dir, 'no/d.db')], `Directory does not exist: ${join(dir, 'no')}`);
  writeFileSync(target, 'mine');
  await refused([at(dir), target], `File already exists: ${target}`);
  writeFileSync(join(dir, 'e.db-wal'), 'mine');
  await refused([at(dir), join(dir, 'e.db')], `File already exists: ${join(dir, 'e.db-wal')}`);
  writeFileSync(join(dir, 'text.db'), 'a text that is longer than the header of a database would be, '.repeat(9));
  await refused([join(dir, 'text.db'), join(dir, 'f.db')], 'Database file is corrupt during backup: file is not a database');
  await refused(['-1.db', at(dir)], `File does not exist: ${join(dir, '-1.db')}`, { cwd: dir });
  await refused([], 'needs two files: runledger backup SOURCE DEST');
  await refused([at(dir)], 'needs two files: runledger backup SOURCE DEST');
  await refused([at(dir), join(dir, 'g.db'), 'h.db'], 'unexpected argument "h.db"');
  await refused([at(dir), join(dir, 'g.db'), '--db', 'x'], '--db is not an option of backup');
  await refused([':memory:', join(dir, 'g.db')], 'SOURCE must be a file: a database in memory ends with the command');
});

test('the copy of a private file is private', { skip: skipOnWindows }, async () => {
  const dir = await migrated();
  chmodSync(at(dir), 0o600);
  await lines(['backup', at(dir), join(dir, 'd.db')]);
  assert.equal(statSync(join(dir, 'd.db')).mode & 0o777, 0o600);
});

test('who may only read a file can copy it, and leaves nothing beside it', { skip: skipWithoutPermissions }, async () => {
  const [dir, own] = [await migrated(), tempDir()];
  chmodSync(own, 0o777);
  await whileReadonly(dir, () => lines(['backup', at(dir), join(own, 'd.db')], { user: ordinary, cwd: '/' }));
  assert.deepEqual(await lines(['telemetry', 'validate', '--db', join(own, 'd.db')]), ['telemetry: ok']);
});

test('progress is for terminals: no line of it in a pipe', async () => {
  const dir = await migrated();
  const { stderr } = await cli(['backup', at(dir), join(dir, 'd.db')]);
  assert.equal(stderr, '');
});
