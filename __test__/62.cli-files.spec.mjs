// Files that are not as the command line would like them: of other programs, changed, newer, locked, damaged.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cleanUp, foreign, foreignScript, holdWriteLock, makeDir, openClient, skipWithoutPython, tempDir, test } from './support.mjs';
import { cli, fails, leavesAlone, lines, migrated, ordinary, skipWithoutPermissions, value, whileReadonly } from './fixtures/cli.mjs';

afterEach(cleanUp);

const native = createRequire(import.meta.url)('../native.cjs');
const at = (dir) => join(dir, 't.db');
const skip = skipWithoutPython;

test('M8 a journal of another program is a conflict, and nothing of the file changes', { skip }, async () => {
  const dir = tempDir();
  await foreign(at(dir), 'CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, foo TEXT)');
  const conflict = /^telemetry: telemetry cannot use this file: schema_migrations is a table .* Nothing was changed\.\n$/;
  for (const words of [[], ['--dry-run'], ['status'], ['rollback']]) {
    await leavesAlone(dir, () => fails(['telemetry', ...words, '--db', at(dir)], conflict));
  }
  const problems = await leavesAlone(dir, () => lines(['telemetry', 'validate', '--db', at(dir)], { code: 1 }));
  assert.match(problems[0], /^telemetry: diverged schema_migrations: /);
});

test('a table of another shape under our name is a conflict', { skip }, async () => {
  const dir = tempDir();
  await foreign(at(dir), 'CREATE TABLE telemetry_events (id, foo)');
  await leavesAlone(dir, () => fails(['telemetry', '--db', at(dir)], /^telemetry: telemetry cannot use this file: telemetry_/));
});

test('a migration that was changed after it was applied stops everything but a look', { skip }, async () => {
  const dir = await migrated();
  await foreign(at(dir), "UPDATE schema_migrations SET checksum = 'sql:00'");
  const diverged = /^telemetry: telemetry migration 1 is recorded as sql:00, expected sql:[0-9a-f]{64}\./;
  for (const words of [[], ['--dry-run'], ['rollback']]) {
    await leavesAlone(dir, () => fails(['telemetry', ...words, '--db', at(dir)], diverged));
  }
  assert.equal((await leavesAlone(dir, () => lines(['telemetry', 'status', '--db', at(dir)])))[1], 'telemetry: version 1 of 1');
  const { problems } = await value(['telemetry', 'validate', '--db', at(dir)], { code: 1 });
  assert.deepEqual(problems.map(({ kind, object }) => [kind, object]), [['diverged', 'telemetry 1']]);
});

test('a file of a newer release is told from a damaged one', { skip }, async () => {
  const dir = await migrated();
  await foreign(at(dir), "INSERT INTO schema_migrations (module, version, name, applied_at) VALUES ('telemetry', 2, 'later', 0)");
  await fails(['telemetry', '--db', at(dir)],
    'telemetry: The file was written by a newer release: telemetry is at version 2, this release knows 1');
  assert.equal((await lines(['telemetry', 'status', '--db', at(dir)]))[1], 'telemetry: version 2 of 1');
});

const vibekit = `
CREATE TABLE telemetry_sessions (id TEXT PRIMARY KEY NOT NULL, agent_type TEXT NOT NULL, mode TEXT NOT NULL, status TEXT DEFAULT 'active' NOT NULL,
  start_time REAL NOT NULL, end_time REAL, duration REAL, event_count INTEGER DEFAULT 0, stream_event_count INTEGER DEFAULT 0,
  error_count INTEGER DEFAULT 0, sandbox_id TEXT, repo_url TEXT, metadata TEXT, version INTEGER DEFAULT 1, schema_version TEXT DEFAULT '1.0.0',
  created_at REAL, updated_at REAL);
CREATE TABLE telemetry_events (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, event_type TEXT NOT NULL, agent_type TEXT NOT NULL,
  mode TEXT NOT NULL, prompt TEXT NOT NULL, timestamp REAL NOT NULL, stream_data TEXT, sandbox_id TEXT, repo_url TEXT, metadata TEXT,
  created_at REAL, version INTEGER DEFAULT 1, schema_version TEXT DEFAULT '1.0.0');
INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, prompt, timestamp, created_at) VALUES ('lost', 'start', 'a', 'm', 'p', 5, 5);
`;

test('a file of @vibe-kit/db is announced by status and the dry run, and adopted by migrate', { skip }, async () => {
  const dir = tempDir();
  await foreignScript(at(dir), vibekit);
  const look = (...words) => leavesAlone(dir, () => lines(['telemetry', ...words, '--db', at(dir)]));
  assert.deepEqual((await look('status')).slice(1), ['telemetry: version 0 of 1',
    'telemetry: existing tables, which migrate adopts as version 1', 'telemetry: pending 1 telemetry_schema']);
  assert.deepEqual(await look('--dry-run'), ['telemetry: would adopt the existing tables as version 1', 'telemetry: dry run, version 0']);
  await leavesAlone(dir, () => fails(['telemetry', 'rollback', '7', '--db', at(dir)], /^telemetry: Rollback target/));
  const { code, stdout } = await cli(['telemetry', '--db', at(dir)]);
  assert.deepEqual([code, stdout], [0, 'telemetry: adopted the existing tables as version 1\ntelemetry: version 1\n']);
  assert.deepEqual(await lines(['telemetry', 'validate', '--db', at(dir)]), ['telemetry: ok']);
  assert.deepEqual(await foreign(at(dir), 'SELECT session_id FROM telemetry_events'), [{ session_id: 'lost' }]);
});

test('a lock is awaited; status does not wait for it', { skip }, async () => {
  const dir = await migrated();
  await lines(['telemetry', 'rollback', '--db', at(dir)]);
  const release = await holdWriteLock(at(dir));
  assert.equal((await lines(['telemetry', 'status', '--db', at(dir)]))[1], 'telemetry: version 0 of 1');
  const migrating = lines(['telemetry', '--db', at(dir)]);
  await delay(700);
  await release();
  assert.deepEqual(await migrating, ['telemetry: applied 1 telemetry_schema', 'telemetry: version 1']);
});

test('a lock that stays is a failure that says so, and nothing is written', { skip }, async () => {
  const dir = await migrated();
  const release = await holdWriteLock(at(dir));
  // With the patience of a test: the command line itself waits as long as a client does.
  const { error } = native.runCommand('telemetry', 'rollback', { file: at(dir), busyTimeoutMs: 100 });
  await release();
  assert.deepEqual([error.code, error.message], ['SQLITE_BUSY', 'Database is locked during rollback. Try again later.']);
  assert.deepEqual(await lines(['telemetry', 'validate', '--db', at(dir)]), ['telemetry: ok']);
});

test('what is no database, or no file, is told so', async () => {
  const dir = tempDir();
  writeFileSync(at(dir), 'a text that is longer than the header of a database would be, and that is not one of them either, '.repeat(5));
  makeDir(join(dir, 'folder'));
  const refused = (words, message) => leavesAlone(dir, () => fails(['telemetry', ...words], message));
  const notadb = (verb) => `telemetry: Database file is corrupt during ${verb}: file is not a database`;
  await refused(['--db', at(dir)], notadb('migrate'));
  await refused(['--dry-run', '--db', at(dir)], notadb('migrate'));
  await refused(['status', '--db', at(dir)], notadb('status'));
  await refused(['rollback', '--db', at(dir)], notadb('rollback'));
  const problems = await lines(['telemetry', 'validate', '--db', at(dir)], { code: 1 });
  assert.deepEqual(problems, ['telemetry: integrity main: file is not a database']);
  for (const verb of ['migrate', 'status', 'rollback', 'validate']) {
    const folder = join(dir, 'folder');
    await refused([verb, '--db', folder], `telemetry: Database I/O error during ${verb}: ${folder}: is not a file`);
  }
  await refused(['--db', join(at(dir), 'below.db')], /^telemetry: Database I\/O error during migrate: /);
});

test('a log that a crash has left is read where it can be without writing, and otherwise the way out is named', async () => {
  const { dir } = await openClient();
  const copy = tempDir();
  for (const suffix of ['', '-wal', '-shm']) cpSync(`${at(dir)}${suffix}`, `${at(copy)}${suffix}`);
  const status = () => leavesAlone(copy, () => lines(['telemetry', 'status', '--db', at(copy)]));
  assert.equal((await status())[1], 'telemetry: version 1 of 1');
  rmSync(`${at(copy)}-shm`);
  await leavesAlone(copy, () => fails(['telemetry', 'status', '--db', at(copy)], /^telemetry: .*t\.db was not closed .* Open it once for writing\.\n$/));
  assert.deepEqual(await lines(['telemetry', '--db', at(copy)]), ['telemetry: up to date, version 1']);
  assert.equal((await status())[1], 'telemetry: version 1 of 1');
});

test('a file that may only be read is a failure where there is something to write', { skip: skipWithoutPermissions }, async () => {
  const dir = await migrated();
  const options = { user: ordinary, cwd: '/' };
  await whileReadonly(dir, async () => {
    for (const words of [[], ['--dry-run']]) {
      assert.deepEqual(await lines(['telemetry', ...words, '--db', at(dir)], options), ['telemetry: up to date, version 1']);
    }
    assert.deepEqual(await lines(['telemetry', 'validate', '--db', at(dir)], options), ['telemetry: ok']);
    await fails(['telemetry', 'rollback', '--db', at(dir)], 'telemetry: The connection is read-only', options);
  });
  await lines(['telemetry', 'rollback', '--db', at(dir)]);
  const pending = 'telemetry: telemetry has pending migrations, but the connection is read-only';
  await whileReadonly(dir, async () => {
    for (const words of [[], ['--dry-run']]) await fails(['telemetry', ...words, '--db', at(dir)], pending, options);
  });
});

test('an empty file is a database in version 0', async () => {
  const dir = tempDir();
  writeFileSync(at(dir), '');
  assert.equal((await leavesAlone(dir, () => lines(['telemetry', 'status', '--db', at(dir)])))[1], 'telemetry: version 0 of 1');
  assert.deepEqual(await lines(['telemetry', '--db', at(dir)]), ['telemetry: applied 1 telemetry_schema', 'telemetry: version 1']);
  assert.ok(readFileSync(at(dir)).length > 0);
});

test('status tells a time that is none, as another program has recorded it', { skip }, async () => {
  const dir = await migrated();
  await foreign(at(dir), 'UPDATE schema_migrations SET applied_at = 1750000000000000000');
  assert.equal((await lines(['telemetry', 'status', '--db', at(dir)])).at(-1), 'telemetry: applied 1 telemetry_schema, 1750000000000000000 ms');
});

test('names with every kind of character are that file', async () => {
  const dir = tempDir();
  for (const name of ['a b.db', '50%.db', '%41.db', 'x#y.db', 'ü€.db', "it's.db", ...(process.platform === 'win32' ? [] : ['what?.db', 'a\\b.db', '"q".db'])]) {
    const file = join(dir, name);
    await lines(['telemetry', '--db', file]);
    assert.deepEqual(await lines(['telemetry', 'validate', '--db', file]), ['telemetry: ok'], name);
    assert.equal((await lines(['telemetry', 'status', '--db', file]))[0], `telemetry: file ${file}`);
  }
});
