// Migrations in a directory: database.md §5 (D9 and the bad input of §7).
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { MigrationError, MigrationRunner, discoverMigrations, discoverMigrationsSync } from 'runledger/database/migrations';
import { Database } from 'runledger/sqlite';
import { cleanUp, isBun, isDeno, run, tempDir, test, track } from './support.mjs';

afterEach(cleanUp);

const loadsTypeScript = isBun || isDeno || Boolean(process.features.typescript);
const memory = () => track(new Database(':memory:'));

/** A directory with these files. */
function directory(files) {
  const dir = tempDir();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}

const body = (version, name = `m${version}`) => `{ version: ${version}, name: '${name}', up(db) { db.exec('CREATE TABLE t${version} (x)'); }, down(db) { db.exec('DROP TABLE t${version}'); } }`;
const cjs = (version) => `module.exports = ${body(version)};`;
const esm = (version) => `export default ${body(version)};`;

/** Both ways of discovering, which must agree. */
const both = [discoverMigrationsSync, discoverMigrations];
const versions = (list) => list.map((migration) => migration.version);

/** Both ways fail with this text and name the file. */
async function refused(dir, file, message, code = 'MIGRATION_LOAD_FAILED') {
  const errors = [];
  for (const discover of both) {
    const error = await (async () => discover(dir))().then((list) => assert.fail(`found ${versions(list)}`), (error) => error);
    assert.ok(error instanceof MigrationError, error.stack);
    assert.equal(error.code, code, error.message);
    if (file !== undefined) {
      assert.equal(error.details.file, file);
      assert.ok(error.message.startsWith(`Failed to load migration ${file}: `), error.message);
    }
    assert.match(error.message, message);
    errors.push(error);
  }
  return errors;
}

test('D9 files are ordered by number; declarations and other files are ignored', async () => {
  const dir = directory({ '1000_last.cjs': cjs(1000), '200_a.cjs': cjs(200), '200_a.d.ts': 'export default {}', 'notes.md': '' });
  for (const discover of both) assert.deepEqual(versions(await discover(dir)), [200, 1000]);
});

test('without a directory the built-in set is returned, whose migrations keep their SQL checksum', async () => {
  for (const discover of both) {
    const db = memory();
    const list = await discover();
    assert.deepEqual(list.map(({ version, name }) => [version, name]), [[1, 'initial_content_schema'], [2, 'add_audit_log']]);
    new MigrationRunner(db).runMigrations(list);
    const checksums = db.prepare('SELECT checksum FROM schema_migrations').pluck().all();
    assert.equal(checksums.length, 2);
    for (const checksum of checksums) assert.match(checksum, /^sql:/);
    // They can be called like any other.
    const other = memory();
    for (const { up } of list) up(other);
    const schema = "SELECT type, name, sql FROM sqlite_schema WHERE tbl_name <> 'schema_migrations' ORDER BY 1, 2";
    assert.deepEqual(other.prepare(schema).all(), db.prepare(schema).all());
  }
});

test('every kind of file and folder is found, and applied and rolled back together', async () => {
  const files = {
    '001_cjs.cjs': cjs(1),
    '002_esm.mjs': esm(2),
    '003_plain.js': cjs(3),
    '0004_transpiled.cjs': `Object.defineProperty(exports, '__esModule', { value: true }); exports.default = ${body(4)};`,
    '005_folder/up.sql': '-- a comment\r\nCREATE TABLE t5 (x);\r\nINSERT INTO t5 VALUES (1);',
    '005_folder/down.sql': 'DROP TABLE t5',
    '006_flagged/up.sql': '-- runledger: destructive\n-- runledger: foreign_keys=off\nCREATE TABLE t6 (x)',
    '007_a module/package.json': '{}',
    '7_short.cjs': cjs(7),
    '007.cjs': cjs(7),
    'x007_a.cjs': cjs(7),
    '007_a.cjs.bak': '',
    '007_a.json': '{}',
    '007_b.d.mts': '', '007_c.d.cts': '',
    'deep/007_below.cjs': cjs(7),
  };
  if (loadsTypeScript) {
    files['007_types.mts'] = `import type { Migration } from 'runledger/database/migrations';\nconst migration: Migration = ${body(7)};\nexport default migration;`;
    files['008_types.cts'] = `const migration: { version: number } = ${body(8)};\nmodule.exports = migration;`;
  }
  // Without it, Deno takes a .js file for an ES module.
  if (isDeno) files['package.json'] = '{ "type": "commonjs" }';
  const dir = directory(files);
  const count = loadsTypeScript ? 8 : 6;
  for (const discover of both) {
    const list = await discover(dir);
    assert.deepEqual(versions(list), Array.from({ length: count }, (_, i) => i + 1));
    assert.deepEqual(list[5].destructive && list[5].foreignKeys === false && list[5].down === undefined, true);
    assert.deepEqual([list[4].name, list[4].destructive, typeof list[4].down], ['folder', undefined, 'function']);
    const db = memory();
    const runner = new MigrationRunner(db, { module: 'app' });
    assert.equal(runner.runMigrations(list)[5].reason, 'Destructive migration requires explicit approval');
    assert.deepEqual(new Set(runner.runMigrations(list, { allowDestructive: true }).map(({ status }) => status)), new Set(['skipped', 'applied']));
    assert.match(db.prepare('SELECT checksum FROM schema_migrations WHERE version = 5').pluck().get(), /^sql:/);
    assert.deepEqual(runner.validate(), { ok: true, problems: [] });
    assert.throws(() => runner.rollbackTo(0, list), { code: 'MIGRATION_NO_DOWN' });
    const target = list.length - 2 >= 6 ? 6 : 5;
    const reversible = list.map((migration) => ({ down(db) { db.exec('DROP TABLE t6'); }, ...migration }));
    assert.deepEqual(versions(runner.rollbackTo(target, reversible)), versions(list).slice(target).reverse());
  }
});

test('an SQL folder that has changed since it was applied is noticed; line ends are no change', async () => {
  const db = memory();
  const apply = (text) => new MigrationRunner(db, { module: 'app' }).runMigrations(discoverMigrationsSync(directory({ '001_a/up.sql': text })));
  apply('CREATE TABLE a (\nx);\n');
  assert.equal(apply('CREATE TABLE a (\r\nx);\r\n')[0].status, 'skipped');
  assert.equal(apply('\ufeffCREATE TABLE a (\nx);\n')[0].status, 'skipped');
  assert.throws(() => apply('CREATE TABLE a (y);'), { code: 'MIGRATION_DIVERGED' });
});

test('a copy of a discovered migration keeps its SQL, and a changed flag counts', () => {
  const dir = directory({ '001_a/up.sql': 'CREATE TABLE a (x)', '001_a/down.sql': 'DROP TABLE a' });
  const db = memory();
  const runner = new MigrationRunner(db, { module: 'app' });
  const copy = discoverMigrationsSync(dir).map((migration) => ({ ...migration, destructive: true }));
  assert.equal(runner.runMigrations(copy)[0].status, 'blocked');
  runner.runMigrations(copy, { allowDestructive: true });
  assert.match(db.prepare('SELECT checksum FROM schema_migrations').pluck().get(), /^sql:/);
  runner.rollback({ ...copy[0], up() {} });
  assert.equal(runner.getCurrentVersion(), 0);
});

test('SQL that fails names SQLite’s error as its cause', () => {
  const db = memory();
  const list = discoverMigrationsSync(directory({ '001_a/up.sql': 'CREATE TABLE p (x); selekt' }));
  assert.throws(() => new MigrationRunner(db, { module: 'app' }).runMigrations(list), (error) => {
    assert.equal(error.message, 'Failed to apply migration 1 (a): SqliteError: near "selekt": syntax error');
    assert.deepEqual([error.code, error.cause.name, error.cause.code], ['MIGRATION_FAILED', 'SqliteError', 'SQLITE_ERROR']);
    return true;
  });
  assert.deepEqual(db.prepare('SELECT * FROM sqlite_schema').all(), []);
});

test('a relative directory is resolved against the working directory; an empty one has no migrations', async () => {
  const dir = directory({ '001_a.cjs': cjs(1) });
  for (const discover of both) {
    assert.deepEqual(versions(await discover(relative(process.cwd(), dir))), [1]);
    assert.deepEqual(await discover(tempDir()), []);
  }
});

test('a directory that is missing, or none, is an error', async () => {
  const dir = join(tempDir(), 'no');
  await refused(dir, dir, /./);
  const file = join(directory({ 'a.txt': '' }), 'a.txt');
  await refused(file, file, /./);
  for (const value of [null, '', 5, '\0', {}]) await refused(value, undefined, /must be a path/, 'MIGRATION_INVALID');
});

test('two entries with one number are an error, whatever they are', async () => {
  for (const [first, second] of [['001_a.cjs', '001_b.cjs'], ['001_a.cjs', '001_b/up.sql'], ['0001_a/up.sql', '001_a/up.sql']]) {
    const dir = directory({ [first]: cjs(1), [second]: cjs(1) });
    const name = (path) => join(dir, path.split('/')[0]);
    await refused(dir, name(second), /it has the same number as /);
  }
});

test('a file that does not export the migration of its number is an error', async () => {
  for (const [name, text, message] of [
    [isDeno ? '004_x.cjs' : '004_x.js', cjs(5), /it exports version 5, its name says 4$/],
    ['004_x.mjs', `export const version = 4; export const up = () => {};`, /it has no default export$/],
    ['004_x.cjs', `exports.__esModule = true;`, /it has no default export$/],
    ['004_x.cjs', `module.exports = undefined`, /it has no default export$/],
    ['004_x.cjs', ``, /found undefined$|no default export$/], // Bun takes it for an ES module
    ['004_x.cjs', `module.exports = null`, /A migration must be an object, found null$/],
    ['004_x.cjs', `module.exports = { version: 4, name: 'x' }`, /up of migration 4 \(x\) must be a function, found undefined$/],
    ['004_x.cjs', `module.exports = { version: 4, name: 'x', up: 'SELECT 1' }`, /up of migration 4 \(x\) must be a function/],
    ['004_x.cjs', `module.exports = { version: 4, name: ' ', up() {} }`, /Migration name must not be empty/],
    ['004_x.cjs', `module.exports = { version: '4', name: 'x', up() {} }`, /Migration version must be an integer from 1, found "4"$/],
    ['000_x.cjs', cjs(0), /Migration version must be an integer from 1, found 0$/],
    ['004_x/up.sql', 'SELECT 1; \0', /contains U\+0000$/],
  ]) {
    const dir = directory({ [name]: text, '005_y.cjs': 'throw new Error("not looked at")' });
    await refused(dir, join(dir, name.split('/')[0]), message);
  }
});

test('a file that cannot be loaded is an error with its reason as cause', async () => {
  for (const [name, text, message] of [
    ['001_x.cjs', `throw new Error('boom')`, /: Error: boom$/],
    ['001_x.mjs', `throw new Error('boom')`, /: Error: boom$/],
    ['001_x.cjs', `module.exports = {`, /SyntaxError|Unexpected|BuildMessage/],
    ['001_x.cjs', `require('./not-there.cjs')`, /not-there/],
    ['001_x.cjs', `throw Object.create(null)`, /\[object Object\]$/],
    ['001_x.cjs', `throw null`, /null$/],
  ]) {
    const dir = directory({ [name]: text });
    for (const error of await refused(dir, join(dir, name), message)) assert.ok('cause' in error);
  }
});

test('an ES module that awaits at its top can be discovered by a promise only', async () => {
  const dir = directory({ '001_x.mjs': `await new Promise((resolve) => setTimeout(resolve, 5));\n${esm(1)}` });
  assert.deepEqual(versions(await discoverMigrations(dir)), [1]);
  if (isBun) return; // Bun may wait for it
  const other = directory({ '001_x.mjs': `await new Promise((resolve) => setTimeout(resolve, 5));\n${esm(1)}` });
  assert.throws(() => discoverMigrationsSync(other), { code: 'MIGRATION_LOAD_FAILED' });
});

test('TypeScript is loaded where the runtime can, and elsewhere the error says to compile it', async () => {
  const dir = directory({ '001_x.ts': `interface Db { exec(sql: string): void }\nexport default { version: 1, name: 'm1', up(db: Db): void { db.exec('CREATE TABLE t1 (x)'); } };`, 'package.json': '{ "type": "module" }' });
  if (loadsTypeScript) for (const discover of both) assert.deepEqual(versions(await discover(dir)), [1]);
  else await refused(dir, join(dir, '001_x.ts'), /this runtime does not load TypeScript: compile it\)$/);
});

test('discovery and migrations print nothing, from ES modules and CommonJS', async () => {
  const dir = directory({ '001_a.cjs': cjs(1), '002_b/up.sql': 'CREATE TABLE b (x)' });
  const required = createRequire(import.meta.url)('runledger/database/migrations');
  assert.equal(required.MigrationRunner, MigrationRunner);
  const { code, stdout, stderr } = await run(`
    import { createRequire } from 'node:module';
    const require = createRequire(${JSON.stringify(import.meta.url)});
    const { MigrationRunner, discoverMigrations, discoverMigrationsSync } = require('runledger/database/migrations');
    const { Database } = require('runledger/sqlite');
    for (const list of [discoverMigrationsSync(${JSON.stringify(dir)}), await discoverMigrations(${JSON.stringify(dir)})]) {
      const db = new Database();
      const results = new MigrationRunner(db, { module: 'app' }).runMigrations(list);
      if (results.some((it) => it.status !== 'applied')) process.exitCode = 1;
      db.close();
    }
  `);
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
  assert.deepEqual(readdirSync(dir).sort(), ['001_a.cjs', '002_b']);
});
