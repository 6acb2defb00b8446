// `runledger database`: migrations.md §9 for the built-in set, and with --dir for migrations of one's own.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initDatabase } from 'runledger/database';
import { cleanUp, foreign, foreignScript, recent, skipWithoutPython, tempDir, test } from './support.mjs';
import { cli, fails, leavesAlone, lines, value } from './fixtures/cli.mjs';

afterEach(cleanUp);

const skip = skipWithoutPython;
const at = (dir) => join(dir, 'app.db');
const run = (dir, ...words) => lines(['database', ...words, '--db', at(dir)]);
const APPLIED = ['database: applied 1 initial_content_schema', 'database: applied 2 add_audit_log', 'database: version 2'];
const schema = (dir) => foreign(at(dir), "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name");

/** A directory of migrations: `{ '001_a': 'SQL', '002_b.cjs': 'body of up' }`; a flag or the way back in an array. */
function directory(entries, dir = tempDir()) {
  const path = join(dir, 'migrations');
  for (const [name, content] of Object.entries(entries)) {
    const [up, down, more = ''] = [content].flat();
    mkdirSync(join(path, /\./.test(name) ? '' : name), { recursive: true });
    if (/\./.test(name)) {
      const [, version, word] = /^(\d+)_(\w+)\./.exec(name);
      const back = down === undefined ? '' : `, down(db) { ${down} }`;
      const text = `{ version: ${Number(version)}, name: '${word}', up(db) { ${up} }${back}${more} }`;
      writeFileSync(join(path, name), name.endsWith('.mjs') ? `export default ${text};` : `module.exports = ${text};`);
    } else {
      writeFileSync(join(path, name, 'up.sql'), up);
      if (down !== undefined) writeFileSync(join(path, name, 'down.sql'), down);
    }
  }
  return path;
}

const OWN = {
  '003_orders': ['CREATE TABLE orders (id INTEGER PRIMARY KEY, total REAL)', 'DROP TABLE orders'],
  '004_totals.cjs': ["db.exec('CREATE TABLE totals (x)'); db.prepare('INSERT INTO totals VALUES (?)').run(7);", "db.exec('DROP TABLE totals');"],
};

// ---------------------------------------------------------------- the built-in set

test('without a verb, with migrate, up and setup: the file and its directory are made, and what is pending is applied', async () => {
  for (const verb of [[], ['migrate'], ['up'], ['setup']]) {
    const dir = join(tempDir(), 'new/deep');
    assert.deepEqual(await run(dir, ...verb), APPLIED);
    assert.deepEqual(await run(dir, ...verb), ['database: up to date, version 2']);
  }
});

test('the default file is data/app.db in the working directory', async () => {
  const cwd = tempDir();
  assert.deepEqual(await lines(['database'], { cwd }), APPLIED);
  assert.ok(existsSync(join(cwd, 'data/app.db')));
  assert.equal((await lines(['database', 'status'], { cwd }))[1], 'database: version 2 of 2');
});

test('a file that was made on the command line is the file that initDatabase makes', { skip }, async () => {
  const [made, opened] = [tempDir(), tempDir()];
  await run(made);
  initDatabase({ path: at(opened) }).close();
  const facts = async (dir) => [
    await schema(dir),
    await foreign(at(dir), 'SELECT module, version, name, checksum, destructive FROM schema_migrations'),
    await foreign(at(dir), 'PRAGMA journal_mode'),
    await foreign(at(dir), 'PRAGMA auto_vacuum'),
  ];
  assert.deepEqual(await facts(made), await facts(opened));
});

test('status, validate and the dry run leave no trace', async () => {
  const dir = tempDir();
  const look = (...words) => leavesAlone(dir, () => run(dir, ...words));
  const pending = ['database: pending 1 initial_content_schema', 'database: pending 2 add_audit_log'];
  assert.deepEqual(await look('status'), [`database: file ${at(dir)} (does not exist)`, 'database: version 0 of 2', ...pending]);
  const plan = await look('--dry-run');
  assert.deepEqual([plan[0], plan.at(-1)], ['database: would apply 1 initial_content_schema', 'database: dry run, version 0']);
  assert.ok(plan.includes('database:   create trigger update_rules_timestamp on rules'), plan.join('\n'));
  await run(dir);
  const [, version, one, two, ...rest] = await look('status');
  assert.deepEqual([version, rest], ['database: version 2 of 2', []]);
  for (const line of [one, two]) recent(Date.parse(line.split(', ')[1]));
  assert.deepEqual(await look('validate'), ['database: ok']);
  assert.deepEqual(await look('--dry-run'), ['database: up to date, version 2']);
});

test('M10 up, down, up gives the schema of up, and after down only the journal is left', { skip }, async () => {
  const dir = tempDir();
  await run(dir);
  const before = await schema(dir);
  assert.deepEqual(await run(dir, 'rollback'), ['database: rolled back 2 add_audit_log', 'database: version 1']);
  assert.deepEqual(await run(dir, 'down', '0'), ['database: rolled back 1 initial_content_schema', 'database: version 0']);
  assert.deepEqual((await schema(dir)).map(({ name }) => name), ['idx_schema_migrations_applied_at', 'schema_migrations']);
  await run(dir);
  assert.deepEqual(await schema(dir), before);
});

test('a target that is none changes nothing, and an unknown verb is told with the list', async () => {
  const dir = tempDir();
  await run(dir);
  for (const target of ['7', '2', 'x', '-1', '1.5', '']) {
    const message = `database: Rollback target must be an integer from 0 to 1, found ${target}`;
    await leavesAlone(dir, () => fails(['database', 'rollback', target, '--db', at(dir)], message));
  }
  await fails(['database', 'nope'], 'database: unknown verb "nope": one of migrate (up, setup), status, rollback (down), validate');
});

test('validate tells what is missing', { skip }, async () => {
  const dir = tempDir();
  await run(dir);
  await foreign(at(dir), ['DROP TABLE audit_log', 'DROP TRIGGER update_rules_timestamp']);
  const problems = await leavesAlone(dir, () => lines(['database', 'validate', '--db', at(dir)], { code: 1 }));
  assert.deepEqual(problems, ['database: missing audit_log: table audit_log is missing',
    'database: missing update_rules_timestamp: trigger update_rules_timestamp is missing']);
});

test('eight command lines migrate one new file at once', async () => {
  const dir = tempDir();
  const all = await Promise.all(Array.from({ length: 8 }, () => cli(['database', '--db', at(dir)])));
  for (const { code, stdout, stderr } of all) {
    assert.deepEqual({ code, stderr, last: stdout.trimEnd().endsWith('version 2') }, { code: 0, stderr: '', last: true }, stdout);
  }
});

// ---------------------------------------------------------------- migrations of one's own

test('--dir continues the built-in set with SQL folders and modules, as initDatabase does', async () => {
  const dir = tempDir();
  const own = directory(OWN, dir);
  assert.deepEqual(await run(dir, 'setup', '--dir', own),
    [...APPLIED.slice(0, 2), 'database: applied 3 orders', 'database: applied 4 totals', 'database: version 4']);
  assert.deepEqual(await run(dir, '--dir', own), ['database: up to date, version 4']);
  const db = initDatabase({ path: at(dir), migrationsDir: own });
  assert.deepEqual([db.prepare('SELECT x FROM totals').pluck().get(), db.connection.pragma('journal_mode', { simple: true })], [7, 'wal']);
  assert.ok(db.migrationResults.every(({ status }) => status === 'skipped'));
  db.close();
  const [, version, ...applied] = await leavesAlone(dir, () => run(dir, 'status', '--dir', own));
  assert.deepEqual([version, applied.length], ['database: version 4 of 4', 4]);
  assert.deepEqual(await leavesAlone(dir, () => run(dir, 'validate', '--dir', own)), ['database: ok']);
});

test('--dir from version 1 stands in place of the built-in set; ES modules count, and a relative path is one of the working directory', { skip }, async () => {
  const cwd = tempDir();
  directory({ '001_a.mjs': "db.exec('CREATE TABLE a (x)')", '002_b': 'CREATE TABLE b (x)' }, cwd);
  assert.deepEqual(await lines(['database', '--dir', 'migrations', '--db', 'app.db'], { cwd }),
    ['database: applied 1 a', 'database: applied 2 b', 'database: version 2']);
  assert.deepEqual((await schema(cwd)).map(({ name }) => name), ['idx_schema_migrations_applied_at', 'a', 'b', 'schema_migrations']);
});

test('without --dir, a file that was migrated with a list of one’s own is told of it', async () => {
  const hint = ' Migrations of your own are named by --dir PATH';
  const lists = {
    'database migration 1 is recorded as a, expected initial_content_schema. A migration that has been applied must not change; add a new one.':
      { '001_a': 'CREATE TABLE a (x)' },
    'The file has been migrated with more than these migrations: database is at version 4, they end at 2.': OWN,
  };
  for (const [message, list] of Object.entries(lists)) {
    const dir = tempDir();
    const own = directory(list, dir);
    await run(dir, '--dir', own);
    for (const verb of ['migrate', 'rollback']) {
      await leavesAlone(dir, () => fails(['database', verb, '--db', at(dir)], `database: ${message}${hint}`));
    }
    const { problems: [problem] } = await leavesAlone(dir, () => value(['database', 'validate', '--json', '--db', at(dir)], { code: 1 }));
    assert.deepEqual([problem.kind, problem.message], ['diverged', message + hint]);
    assert.deepEqual(await run(dir, '--dir', own), [`database: up to date, version ${list === OWN ? 4 : 1}`]);
  }
});

test('status and dry run of --dir leave no trace, not even the file', async () => {
  const dir = tempDir();
  const own = directory(OWN, dir);
  const look = (...words) => leavesAlone(dir, () => run(dir, ...words, '--dir', own));
  assert.deepEqual((await look('status')).slice(1), ['database: version 0 of 4', 'database: pending 1 initial_content_schema',
    'database: pending 2 add_audit_log', 'database: pending 3 orders', 'database: pending 4 totals']);
  const plan = await look('--dry-run');
  assert.deepEqual(plan.slice(-5), ['database: would apply 3 orders', 'database:   create table orders', 'database: would apply 4 totals',
    'database:   create table totals', 'database: dry run, version 0']);
  await run(dir);
  assert.deepEqual(await look('--dry-run'), ['database: would apply 3 orders', 'database:   create table orders',
    'database: would apply 4 totals', 'database:   create table totals', 'database: dry run, version 2']);
});

test('rollback of --dir runs the functions; without a way back nothing is done', async () => {
  const dir = tempDir();
  const own = directory({ ...OWN, '005_last.cjs': "db.exec('CREATE TABLE last (x)')" }, dir);
  await run(dir, '--dir', own);
  await leavesAlone(dir, () => fails(['database', 'rollback', '--dir', own, '--db', at(dir)], 'database: Migration 5 does not support rollback'));
  writeFileSync(join(own, '005_last.cjs'), "module.exports = { version: 5, name: 'last', up() {}, down(db) { db.exec('DROP TABLE last') } }");
  assert.deepEqual(await run(dir, 'rollback', '--dir', own), ['database: rolled back 5 last', 'database: version 4']);
  assert.deepEqual(await run(dir, 'rollback', '2', '--dir', own), ['database: rolled back 4 totals', 'database: rolled back 3 orders', 'database: version 2']);
  for (const target of ['2', '7', 'x', '-1', '']) {
    await leavesAlone(dir, () => fails(['database', 'rollback', target, '--dir', own, '--db', at(dir)], /^database: Rollback target must be an integer from 0 to 1, found /));
  }
  const missing = join(dir, 'none.db');
  await leavesAlone(dir, () => fails(['database', 'rollback', '--dir', own, '--db', missing], `database: File does not exist: ${missing}`));
});

test('a migration that loses data is blocked until it is approved', async () => {
  const dir = tempDir();
  const own = directory({ '001_a': 'CREATE TABLE a (x)', '002_gone': 'DROP TABLE a', '003_c.cjs': "db.exec('CREATE TABLE c (x)')" }, dir);
  assert.deepEqual(await run(dir, '--dir', own), [
    'database: applied 1 a',
    'database: blocked 2 gone (Destructive migration requires explicit approval)',
    'database: blocked 3 c (Waiting for blocked migration 2)',
    'database: version 1',
  ]);
  assert.equal((await cli(['database', '--dir', own, '--db', at(dir), '--fail-on-blocked'])).code, 1);
  assert.deepEqual(await leavesAlone(dir, () => run(dir, '--dir', own, '--dry-run', '--allow-destructive')), ['database: would apply 2 gone',
    'database:   drop table a', 'database: would apply 3 c', 'database:   create table c', 'database: dry run, version 1']);
  assert.deepEqual(await run(dir, '--dir', own, '--allow-destructive', '--fail-on-blocked'),
    ['database: applied 2 gone', 'database: applied 3 c', 'database: version 3']);
});

test('a migration that fails exits with 1, and those before it stay', async () => {
  const dir = tempDir();
  const own = directory({ '001_a': 'CREATE TABLE a (x)', '002_b.cjs': "throw new Error('boom')" }, dir);
  await fails(['database', '--dir', own, '--db', at(dir)], 'database: Failed to apply migration 2 (b): Error: boom');
  assert.equal((await run(dir, 'status', '--dir', own))[1], 'database: version 1 of 2');
});

test('a directory that is none, and files that are no migrations, are told before the file is looked at', async () => {
  const dir = tempDir();
  const refused = (message, ...words) => leavesAlone(dir, () => fails(['database', ...words, '--db', at(dir)], message));
  await refused(/^database: Failed to load migration .*none/, '--dir', join(dir, 'none'));
  await refused(/^database: .*\n$/, '--dir', '');
  const gap = directory({ '002_b': 'CREATE TABLE b (x)' }, join(dir, 'gap'));
  await refused('database: Migration versions must be sequential starting from 1. Found gap at version 1', '--dir', gap);
  mkdirSync(join(dir, 'empty'));
  await refused(/^database: The list of migrations is empty/, '--dir', join(dir, 'empty'));
  await fails(['telemetry', '--dir', gap, '--db', at(dir)], 'telemetry: --dir is not an option of telemetry migrate');
  const { error } = await value(['database', '--dir', join(dir, 'none'), '--db', at(dir)], { code: 1, stderr: /Failed to load/ });
  assert.deepEqual([error.code, typeof error.details.file], ['MIGRATION_LOAD_FAILED', 'string']);
});

test('a file of the older format is announced and converted, with --dir and without', { skip }, async () => {
  const common = 'id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, description TEXT NOT NULL, content TEXT NOT NULL, tags TEXT, path TEXT, file_hash TEXT';
  const times = 'created_at DATETIME DEFAULT CURRENT_TIMESTAMP, updated_at DATETIME DEFAULT CURRENT_TIMESTAMP';
  const tables = `CREATE TABLE agents (${common}, version TEXT, ${times});
    CREATE TABLE rules (${common}, globs TEXT, always_apply INTEGER DEFAULT 0, ${times});
    CREATE TABLE workflows (${common}, version TEXT, triggers TEXT, complexity_hint TEXT, ${times});`;
  const journal = `CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at DATETIME DEFAULT CURRENT_TIMESTAMP);
    INSERT INTO schema_migrations VALUES (1, 'initial_content_schema', '2025-06-15 15:06:40');`;
  for (const words of [[], ['--dir', directory(OWN)]]) {
    const last = words.length > 0 ? ['database: applied 3 orders', 'database: applied 4 totals', 'database: version 4'] : ['database: version 2'];
    const older = tempDir();
    await foreignScript(at(older), tables + journal);
    assert.deepEqual((await leavesAlone(older, () => run(older, '--dry-run', ...words))).slice(0, 2),
      ['database: would convert the journal of an earlier format', 'database: would adopt the existing tables as version 1']);
    assert.deepEqual(await run(older, ...words), ['database: converted the journal of an earlier format',
      'database: adopted the existing tables as version 1', 'database: applied 2 add_audit_log', ...last]);
    const unmarked = tempDir();
    await foreignScript(at(unmarked), tables);
    assert.ok((await leavesAlone(unmarked, () => run(unmarked, '--dry-run', ...words))).includes('database: would adopt the existing tables as version 1'));
    assert.deepEqual(await run(unmarked, ...words), ['database: adopted the existing tables as version 1', 'database: applied 2 add_audit_log', ...last]);
  }
});

test('a file of somebody else is refused with --dir, too, and not a byte of it changes', { skip }, async () => {
  const dir = tempDir();
  const own = directory(OWN, dir);
  await foreign(at(dir), 'CREATE TABLE agents (foo)');
  for (const words of [[], ['--dry-run'], ['--dir', own], ['--dir', own, '--dry-run'], ['rollback', '--dir', own]]) {
    await leavesAlone(dir, () => fails(['database', ...words, '--db', at(dir)], /^database: database cannot use this file: agents is a table \(foo\)/));
  }
});

test('the report of --dir has the shape of the others', async () => {
  const dir = tempDir();
  const own = directory(OWN, dir);
  const { modules: [{ items, ...module }], ...report } = await value(['database', '--dir', own, '--db', at(dir)]);
  assert.deepEqual(report, { file: at(dir), created: true, dryRun: false, warnings: [] });
  assert.deepEqual(module, { module: 'database', version: 4, latest: 4, converted: false, adopted: null });
  assert.deepEqual(items.map(({ status }) => status), ['applied', 'applied', 'applied', 'applied']);
  assert.deepEqual(await value(['database', 'rollback', '3', '--dir', own, '--db', at(dir)]),
    { module: 'database', file: at(dir), version: 3, latest: 4, rolledBack: [{ version: 4, name: 'totals' }] });
});
