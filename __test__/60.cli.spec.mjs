// The verbs of `runledger telemetry`: migrations.md §9, row by row; M10 as the command line shows it.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp, foreign, openClient, recent, skipWithoutPython, tempDir, test } from './support.mjs';
import { cli, fails, leavesAlone, lines } from './fixtures/cli.mjs';

afterEach(cleanUp);

const db = (dir) => join(dir, 't.db');
const run = (dir, ...words) => lines(['telemetry', ...words, '--db', db(dir)]);

test('without a verb, with migrate and with up: the file and its directory are made, and what is pending is applied', async () => {
  for (const verb of [[], ['migrate'], ['up']]) {
    const dir = join(tempDir(), 'new/deep');
    assert.deepEqual(await run(dir, ...verb), ['telemetry: applied 1 telemetry_schema', 'telemetry: version 1']);
    assert.deepEqual(await run(dir, ...verb), ['telemetry: up to date, version 1']);
  }
});

test('a file that was made on the command line is the file that a client makes', { skip: skipWithoutPython }, async () => {
  const [made, opened] = [tempDir(), tempDir()];
  await run(made, 'migrate');
  const { db: client } = await openClient({}, { dir: opened, sessions: [] });
  await client.initialize();
  await client.close();
  const facts = async (dir) => ({
    schema: await foreign(db(dir), 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name'),
    journal: await foreign(db(dir), 'SELECT module, version, name, checksum, destructive FROM schema_migrations'),
    stats: await foreign(db(dir), 'SELECT id, stat_type, stat_key, total_events, agent_breakdown FROM telemetry_stats'),
    mode: await foreign(db(dir), 'PRAGMA journal_mode'),
    vacuum: await foreign(db(dir), 'PRAGMA auto_vacuum'),
  });
  assert.deepEqual(await facts(made), await facts(opened));
});

test('eight command lines migrate one new file at once', async () => {
  const dir = tempDir();
  const all = await Promise.all(Array.from({ length: 8 }, () => cli(['telemetry', '--db', db(dir)])));
  for (const { code, stdout, stderr } of all) {
    assert.deepEqual({ code, stderr, last: stdout.trimEnd().endsWith('version 1') }, { code: 0, stderr: '', last: true }, stdout);
  }
  assert.deepEqual(await run(dir, 'validate'), ['telemetry: ok']);
});

test('status tells file, version, pending and applied, and makes no file', async () => {
  const dir = tempDir();
  const expected = [`telemetry: file ${db(dir)} (does not exist)`, 'telemetry: version 0 of 1', 'telemetry: pending 1 telemetry_schema'];
  assert.deepEqual(await leavesAlone(dir, () => run(dir, 'status')), expected);
  await run(dir, 'migrate');
  const [file, version, applied, ...rest] = await leavesAlone(dir, () => run(dir, 'status'));
  assert.deepEqual([file, version, rest], [`telemetry: file ${db(dir)}`, 'telemetry: version 1 of 1', []]);
  recent(Date.parse(/^telemetry: applied 1 telemetry_schema, (.+)$/.exec(applied)?.[1]));
});

test('status and validate see what a running client has written, and leave its files alone', async () => {
  const { dir, ops } = await openClient();
  await ops.insertEvent({ sessionId: 's1', eventType: 'start', agentType: 'a', mode: 'm', prompt: '', timestamp: 1 });
  assert.equal((await run(dir, 'status'))[1], 'telemetry: version 1 of 1');
  assert.deepEqual(await run(dir, 'validate'), ['telemetry: ok']);
  assert.equal((await ops.queryEvents()).length, 1, 'the client goes on');
});

test('rollback and down go to the version before, or to the one that is named', async () => {
  for (const words of [['rollback'], ['down'], ['rollback', '0'], ['down', '0']]) {
    const dir = tempDir();
    await run(dir, 'migrate');
    assert.deepEqual(await run(dir, ...words), ['telemetry: rolled back 1 telemetry_schema', 'telemetry: version 0']);
  }
});

test('M10 up, down, up gives the schema of up, and after down only the journal is left', { skip: skipWithoutPython }, async () => {
  const dir = tempDir();
  const schema = () => foreign(db(dir), "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name");
  await run(dir, 'migrate');
  const before = await schema();
  await run(dir, 'rollback', '0');
  assert.deepEqual((await schema()).map(({ name }) => name), ['idx_schema_migrations_applied_at', 'schema_migrations']);
  assert.deepEqual(await foreign(db(dir), 'SELECT * FROM schema_migrations'), []);
  assert.deepEqual(await run(dir), ['telemetry: applied 1 telemetry_schema', 'telemetry: version 1']);
  assert.deepEqual(await schema(), before);
});

test('a target that is none changes nothing', async () => {
  const dir = tempDir();
  await run(dir, 'migrate');
  for (const target of ['7', '1', 'x', '-1', '1.5', '', '0x0', '1e0', 'NaN']) {
    const message = `telemetry: Rollback target must be 0, found ${target}`;
    await leavesAlone(dir, () => fails(['telemetry', 'rollback', target, '--db', db(dir)], message));
  }
  await run(dir, 'rollback');
  await leavesAlone(dir, () =>
    fails(['telemetry', 'rollback', '--db', db(dir)], 'telemetry: telemetry has no applied migration to roll back'));
  const missing = join(dir, 'none.db');
  await leavesAlone(dir, () => fails(['telemetry', 'rollback', '--db', missing], `telemetry: File does not exist: ${missing}`));
});

test('validate says ok, or one line a problem; a missing file is one', { skip: skipWithoutPython }, async () => {
  const dir = tempDir();
  const validate = (code) => leavesAlone(dir, () => lines(['telemetry', 'validate', '--db', db(dir)], { code }));
  assert.deepEqual(await validate(1), [`telemetry: missing ${db(dir)}: the file does not exist`]);
  await run(dir, 'migrate');
  assert.deepEqual(await validate(0), ['telemetry: ok']);
  await foreign(db(dir), ['DROP INDEX idx_events_timestamp', 'DROP TABLE telemetry_audit_log',
    "INSERT INTO telemetry_buffers (session_id, buffer_data, created_at, last_updated) VALUES ('ghost', '[]', 0, 0)"]);
  assert.deepEqual(await validate(1), [
    'telemetry: missing telemetry_audit_log: table telemetry_audit_log is missing',
    'telemetry: missing idx_events_timestamp: index idx_events_timestamp is missing',
    'telemetry: missing idx_audit_compound: index idx_audit_compound is missing',
    'telemetry: foreign_key telemetry_buffers: row 1 of telemetry_buffers refers to a missing row of telemetry_sessions',
  ]);
});

test('a dry run shows every change and makes none, not even the file', async () => {
  const dir = tempDir();
  const plan = await leavesAlone(dir, () => run(dir, 'migrate', '--dry-run'));
  assert.equal(plan[0], 'telemetry: would apply 1 telemetry_schema');
  assert.equal(plan.at(-1), 'telemetry: dry run, version 0');
  assert.ok(plan.includes('telemetry:   create table telemetry_events'));
  assert.ok(plan.includes('telemetry:   create index idx_events_timestamp on telemetry_events'));
  assert.equal(plan.filter((line) => line.startsWith('telemetry:   create table ')).length, 8);
  await run(dir, 'migrate');
  await run(dir, 'rollback');
  assert.deepEqual(await leavesAlone(dir, () => run(dir, '--dry-run', '--fail-on-blocked')), plan, 'and on a file that is there');
  await run(dir, 'migrate');
  assert.deepEqual(await leavesAlone(dir, () => run(dir, '--dry-run')), ['telemetry: up to date, version 1']);
});

test('an unknown verb is told, with the list', async () => {
  const message = 'telemetry: unknown verb "setup": one of migrate (up), status, rollback (down), validate';
  await fails(['telemetry', 'setup'], message, { cwd: tempDir() });
});

test('a word or an option that a verb does not take is refused before anything happens', async () => {
  const dir = tempDir();
  await run(dir, 'migrate');
  const refused = (words, message) =>
    leavesAlone(dir, () => fails(['telemetry', ...words, '--db', db(dir)], `telemetry: ${message}`));
  await refused(['rollback', '--dry-run'], '--dry-run is not an option of telemetry rollback');
  await refused(['status', '--allow-destructive'], '--allow-destructive is not an option of telemetry status');
  await refused(['validate', '--fail-on-blocked'], '--fail-on-blocked is not an option of telemetry validate');
  await refused(['migrate', '1'], 'unexpected argument "1"');
  await refused(['rollback', '0', '0'], 'unexpected argument "0"');
  await refused(['migrate', '--force'], "Unknown option '--force'");
  await refused(['migrate', '--json=x'], "Option '--json' does not take an argument");
});

test('the file is that of --db, of VIBEKIT_DB_PATH, or the default of telemetry.md §3', async () => {
  const cwd = tempDir();
  const made = async (words, env) => {
    const [file] = await lines(['telemetry', 'status', ...words], { cwd, env });
    return file.replace('telemetry: file ', '').replace(' (does not exist)', '').slice(cwd.length + 1).replaceAll('\\', '/');
  };
  assert.equal(await made([], {}), '.vibekit/telemetry.db');
  assert.equal(await made([], { NODE_ENV: 'development' }), '.vibekit/telemetry-dev.db');
  assert.equal(await made([], { NODE_ENV: 'test', VIBEKIT_DB_PATH: '' }), '.vibekit/telemetry-test.db');
  assert.equal(await made([], { NODE_ENV: 'test', VIBEKIT_DB_PATH: 'a/v.db' }), 'a/v.db');
  assert.equal(await made(['--db', './x/../mine.db'], { VIBEKIT_DB_PATH: 'v.db' }), 'mine.db');
  assert.equal(await made(['--db', '.vibekit/telemetry.db'], { NODE_ENV: 'development' }), '.vibekit/telemetry.db', 'a file that is named is that file');
  await lines(['telemetry'], { cwd, env: { VIBEKIT_DB_PATH: 'a/v.db' } });
  assert.ok(existsSync(join(cwd, 'a/v.db')));
  for (const words of [['--db', ':memory:'], ['--db', ''], ['--db']]) {
    await fails(['telemetry', 'status', ...words], /^telemetry: .*--db/, { cwd });
  }
});
