// The verbs of `runledger usage`: migrations.md §9 and M9; M10 as the command line shows it.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { cleanUp, foreign, foreignScript, openClient, skipWithoutPython, tempDir, test } from './support.mjs';
import { cli, fails, leavesAlone, lines } from './fixtures/cli.mjs';

afterEach(cleanUp);

const db = (dir) => join(dir, 't.db');
const run = (dir, ...words) => lines(['usage', ...words, '--db', db(dir)]);

const applied = [
  'telemetry: applied 1 telemetry_schema',
  'telemetry: version 1',
  'usage: applied 1 add_usage_tracking_tables',
  'usage: version 1',
];

test('M9 migrate, a rollback that is none, and a rollback', async () => {
  const dir = tempDir();
  assert.deepEqual(await run(dir, 'migrate'), applied);
  await leavesAlone(dir, () =>
    fails(['usage', 'rollback', '7', '--db', db(dir)], 'usage: Rollback target must be 0, found 7'));
  assert.deepEqual(await run(dir, 'rollback'), ['usage: rolled back 1 add_usage_tracking_tables', 'usage: version 0']);
});

test('without a verb and with up the sets are applied; a second time there is nothing to do', async () => {
  for (const verb of [[], ['up']]) {
    const dir = join(tempDir(), 'new/deep');
    assert.deepEqual(await run(dir, ...verb), applied);
    assert.deepEqual(await run(dir, ...verb), ['telemetry: up to date, version 1', 'usage: up to date, version 1']);
  }
});

test('a dry run names the changes of both sets and makes no file', async () => {
  const dir = tempDir();
  const plan = await leavesAlone(dir, () => run(dir, 'migrate', '--dry-run'));
  for (const line of ['telemetry: would apply 1 telemetry_schema', 'usage: would apply 1 add_usage_tracking_tables',
    'usage:   create table usage_config', 'usage:   create trigger usage_config_updated_at on usage_config', 'usage: dry run, version 0']) {
    assert.ok(plan.includes(line), `${line}\n${plan.join('\n')}`);
  }
});

test('status and validate change nothing, and validate looks at telemetry, too', { skip: skipWithoutPython }, async () => {
  const dir = tempDir();
  const [, version, pending] = await leavesAlone(dir, () => run(dir, 'status'));
  assert.deepEqual([version, pending], ['usage: version 0 of 1', 'usage: pending 1 add_usage_tracking_tables']);
  await run(dir, 'migrate');
  assert.match((await leavesAlone(dir, () => run(dir, 'status')))[2], /^usage: applied 1 add_usage_tracking_tables, /);
  assert.deepEqual(await leavesAlone(dir, () => run(dir, 'validate')), ['usage: ok']);
  await foreignScript(db(dir), 'DROP TRIGGER usage_config_updated_at; DROP TABLE telemetry_buffers');
  const { code, stdout } = await cli(['usage', 'validate', '--db', db(dir)]);
  assert.equal(code, 1);
  assert.match(stdout, /^usage: missing telemetry_buffers: table telemetry_buffers is missing$/m);
  assert.match(stdout, /^usage: missing usage_config_updated_at: trigger usage_config_updated_at is missing$/m);
});

test('telemetry cannot be rolled back under usage, and stays when usage goes', { skip: skipWithoutPython }, async () => {
  const { dir, db: client } = await openClient();
  await client.close();
  await run(dir, 'migrate');
  await leavesAlone(dir, () => fails(['telemetry', 'rollback', '--db', db(dir)], /^telemetry: .*usage/));
  await run(dir, 'rollback', '0');
  assert.deepEqual(await foreign(db(dir), 'SELECT module, version FROM schema_migrations'), [{ module: 'telemetry', version: 1 }]);
  assert.deepEqual(await foreign(db(dir), 'SELECT id FROM telemetry_sessions'), [{ id: 's1' }]);
});

test('M10 up, down, up gives the schema of up, and after down only telemetry and the journal are left', { skip: skipWithoutPython }, async () => {
  const dir = tempDir();
  const schema = () => foreign(db(dir), "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name");
  await lines(['telemetry', 'migrate', '--db', db(dir)]);
  const without = await schema();
  await run(dir, 'migrate');
  const before = await schema();
  await run(dir, 'rollback');
  assert.deepEqual(await schema(), without);
  await run(dir, 'migrate');
  assert.deepEqual(await schema(), before);
});

test('a file that was made by runledger usage is the file of telemetry', { skip: skipWithoutPython }, async () => {
  const [one, other] = [tempDir(), tempDir()];
  await run(one, 'migrate');
  await lines(['telemetry', 'migrate', '--db', db(other)]);
  for (const pragma of ['journal_mode', 'auto_vacuum', 'page_size']) {
    assert.deepEqual(await foreign(db(one), `PRAGMA ${pragma}`), await foreign(db(other), `PRAGMA ${pragma}`), pragma);
  }
});

test('eight command lines migrate one new file at once', async () => {
  const dir = tempDir();
  const all = await Promise.all(Array.from({ length: 8 }, () => cli(['usage', '--db', db(dir)])));
  for (const { code, stdout, stderr } of all) {
    assert.deepEqual({ code, stderr, last: stdout.trimEnd().endsWith('usage: version 1') || stdout.trimEnd().endsWith('usage: up to date, version 1') },
      { code: 0, stderr: '', last: true }, stdout);
  }
  assert.deepEqual(await run(dir, 'validate'), ['usage: ok']);
});
