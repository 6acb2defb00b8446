// `--json`: stdout is one JSON value, whatever happens; and the lines of outcomes that telemetry's own set does not have.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { cleanUp, foreign, recent, skipWithoutPython, tempDir, test } from './support.mjs';
import { leavesAlone, value } from './fixtures/cli.mjs';
import { isHeldBack, migrateLines } from '../dist/cli/main.js';

afterEach(cleanUp);

const at = (dir) => join(dir, 't.db');

test('migrate, dry run, rollback, status and validate have the documented shapes', async () => {
  const dir = tempDir();
  const run = (words, options) => value(['telemetry', ...words, '--db', at(dir)], options);
  const file = at(dir);

  const nothing = { module: 'telemetry', file, exists: false, version: 0, latest: 1, adoptable: null, conflict: null,
    pending: [{ version: 1, name: 'telemetry_schema' }], applied: [] };
  assert.deepEqual(await run(['status']), nothing);
  const problem = { kind: 'missing', object: file, message: 'the file does not exist' };
  assert.deepEqual(await run(['validate'], { code: 1 }), { module: 'telemetry', file, ok: false, problems: [problem] });

  const plan = await leavesAlone(dir, () => run(['--dry-run']));
  assert.deepEqual([plan.created, plan.dryRun, plan.modules[0].version], [false, true, 0]);
  const { changes, executionMs, ...planned } = plan.modules[0].items[0];
  assert.deepEqual(planned, { version: 1, name: 'telemetry_schema', destructive: false, detected: false, executed: true,
    status: 'blocked', reason: 'Dry run mode' });
  assert.deepEqual(changes[0], { kind: 'create', object: 'table', name: 'telemetry_audit_log' });
  assert.ok(executionMs >= 0);

  const { modules, ...migrated } = await run(['migrate']);
  assert.deepEqual(migrated, { file, created: true, dryRun: false, warnings: [] });
  const [{ items, ...module }] = modules;
  assert.deepEqual(module, { module: 'telemetry', version: 1, latest: 1, converted: false, adopted: null });
  assert.deepEqual([items.length, items[0].status, 'reason' in items[0]], [1, 'applied', false]);
  assert.equal((await run([])).modules[0].items[0].reason, 'Already applied');

  const { applied, ...status } = await run(['status']);
  assert.deepEqual(status, { module: 'telemetry', file, exists: true, version: 1, latest: 1, adoptable: null, conflict: null, pending: [] });
  const [{ appliedAt, checksum, executionMs: took, ...row }] = applied;
  assert.deepEqual(row, { module: 'telemetry', version: 1, name: 'telemetry_schema', destructive: false });
  assert.match(checksum, /^sql:[0-9a-f]{64}$/);
  assert.ok(took > 0);
  recent(appliedAt);
  assert.deepEqual(await run(['validate']), { module: 'telemetry', file, ok: true, problems: [] });
  assert.deepEqual(await run(['rollback']), { module: 'telemetry', file, version: 0, latest: 1,
    rolledBack: [{ version: 1, name: 'telemetry_schema' }] });
});

test('a failure is one JSON value too, and its message is on stderr', { skip: skipWithoutPython }, async () => {
  const dir = tempDir();
  await foreign(at(dir), 'CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, foo TEXT)');
  const { error } = await leavesAlone(dir, () =>
    value(['telemetry', '--db', at(dir)], { code: 1, stderr: /^telemetry: telemetry cannot use this file: schema_migrations is a table .*\n$/ }));
  assert.deepEqual([error.name, error.code, error.module, error.details.object], ['MigrationError', 'MIGRATION_CONFLICT', 'telemetry', 'schema_migrations']);
  const bad = await value(['telemetry', 'rollback', 'x', '--db', join(dir, 'none.db')], { code: 1, stderr: /File does not exist/ });
  assert.equal(bad.error.code, 'ERR_FILE_MISSING');
  const misuse = await value(['telemetry', 'nope'], { code: 1, stderr: /unknown verb/ });
  assert.deepEqual(misuse.error, { name: 'RunledgerError', code: 'INVALID_ARGUMENTS', message: misuse.error.message });
  for (const [words, message] of [[[], 'no module is named'], [['nope'], 'unknown module "nope"']]) {
    const { error: unknown } = await value(words, { code: 1, stderr: /^runledger: .*\n\nrunledger: the local database/ });
    assert.deepEqual(unknown, { name: 'RunledgerError', code: 'INVALID_ARGUMENTS', message });
  }
});

const item = (change) => ({ version: 2, name: 'm2', destructive: false, detected: false, executed: true, status: 'applied',
  changes: [], executionMs: 1, ...change });
const report = (items, change = {}) => ({ file: 'f', created: false, dryRun: false, warnings: [],
  modules: [{ module: 'usage', version: 1, latest: 3, converted: false, adopted: null, items, ...change }] });
const approval = { status: 'blocked', reason: 'Destructive migration requires explicit approval' };
const waiting = item({ version: 3, name: 'm3', status: 'blocked', reason: 'Waiting for blocked migration 2', executed: false });

test('a blocked migration is told with its reason', () => {
  assert.deepEqual(migrateLines(report([item({ version: 1, status: 'skipped', reason: 'Already applied' }), item(approval), waiting])), [
    'usage: blocked 2 m2 (Destructive migration requires explicit approval)',
    'usage: blocked 3 m3 (Waiting for blocked migration 2)',
    'usage: version 1',
  ]);
});

test('a dry run shows what an approval would do, and what it could not try', () => {
  const changes = [
    { kind: 'rows', object: 'table', name: 'child', before: 3, after: 0 },
    { kind: 'drop', object: 'column', name: 'x', table: 'child' },
    { kind: 'alter', object: 'index', name: 'i', table: 'child' },
  ];
  const items = [item({ ...approval, changes }), { ...waiting, reason: 'Dry run mode' }];
  assert.deepEqual(migrateLines({ ...report(items, { converted: true, adopted: 1 }), dryRun: true }), [
    'usage: would convert the journal of an earlier format',
    'usage: would adopt the existing tables as version 1',
    'usage: blocked 2 m2 (Destructive migration requires explicit approval)',
    'usage:   rows of table child: 3 → 0',
    'usage:   drop column child.x',
    'usage:   alter index i on child',
    'usage: would apply 3 m3',
    'usage:   not tried in this dry run: what it would change is not known',
    'usage: dry run, version 1',
  ]);
});

test('--fail-on-blocked looks at what is really held back', () => {
  assert.equal(isHeldBack(item(approval)), true);
  assert.equal(isHeldBack(waiting), true);
  assert.equal(isHeldBack(item({ status: 'blocked', reason: 'Would fail: Error: boom' })), true);
  assert.equal(isHeldBack(item({ status: 'blocked', reason: 'Dry run mode' })), false);
  assert.equal(isHeldBack(item({})), false);
});
