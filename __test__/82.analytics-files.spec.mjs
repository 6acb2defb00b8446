// The files of analytics: those of the system that people move from, without migrate, on the command line, with others.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { AnalyticsError, AnalyticsRecorder, createAnalyticsDb, MigrationError } from 'runledger/analytics';
import { Database } from 'runledger/sqlite';
import { cleanUp, run, runJson, skipWithoutDrizzle as skip, tempDir, test, track } from './support.mjs';
import { fails, lines } from './fixtures/cli.mjs';

afterEach(cleanUp);

const require = createRequire(import.meta.url);
const posix = process.platform !== 'win32';

/** Both doors: how a file is opened, and closed again. */
const doors = {
  recorder: async (options) => {
    const recorder = await AnalyticsRecorder.open(options);
    return { recorder, close: () => recorder.close() };
  },
  ...(skip ? {} : { drizzle: async (options) => {
    const db = createAnalyticsDb(options);
    return { db, close: async () => db.$client.close() };
  } }),
};

function write(path, script) {
  const db = new Database(path);
  db.pragma('foreign_keys = off');
  db.exec(script);
  db.close();
}

function read(path, sql) {
  const db = new Database(path, { readonly: true });
  const rows = db.prepare(sql).all();
  db.close();
  return rows;
}

/** Files as DevFlow's Drizzle migrations have left them. */
const older = {
  'without an action on the key': 'REFERENCES `sessions`(`id`) ON UPDATE no action ON DELETE no action',
  'without a key': '',
};

const devflow = (key) => `
  CREATE TABLE __drizzle_migrations (id SERIAL PRIMARY KEY, hash text NOT NULL, created_at numeric);
  INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('abc', 1700000000000);
  CREATE TABLE \`sessions\` (\`id\` text PRIMARY KEY NOT NULL, \`started_at\` integer NOT NULL, \`ended_at\` integer, \`tool_count\` integer DEFAULT 0 NOT NULL);
  CREATE TABLE \`tool_calls\` (\`id\` text PRIMARY KEY NOT NULL, \`tool_name\` text NOT NULL, \`duration_ms\` integer NOT NULL, \`status\` text NOT NULL,
    \`error_type\` text, \`timestamp\` integer NOT NULL, \`session_id\` text NOT NULL${key === '' ? '' : `, FOREIGN KEY (\`session_id\`) ${key}`});
  CREATE INDEX \`tool_name_idx\` ON \`tool_calls\` (\`tool_name\`);
  CREATE INDEX \`timestamp_idx\` ON \`tool_calls\` (\`timestamp\`);
  CREATE INDEX \`timestamp_tool_name_idx\` ON \`tool_calls\` (\`timestamp\`,\`tool_name\`);
  CREATE INDEX mine ON tool_calls(error_type);
  INSERT INTO sessions VALUES ('s1', 1700000000, NULL, 2), ('s2', 1700000100, 1700000200, 0);
  INSERT INTO tool_calls VALUES ('c1', 'grep', 10, 'success', NULL, 1700000001, 's1'), ('c2', 'read', 20, 'error', 'ENOENT', 1700000002, 's1'),
    ('c3', 'odd', 30, 'cancelled', NULL, 1700000003, 's1'), ('c4', 'lost', 40, 'success', NULL, 1700000004, 'gone');`;

for (const [what, key] of Object.entries(older)) {
  for (const [door, open] of Object.entries(doors)) {
    test(`an older file ${what} is adopted by the ${door}, and no row is lost`, async () => {
      const path = join(tempDir(), 'a.db');
      write(path, devflow(key));
      const warned = [];
      const opened = await open({ path, logger: { warn: (message) => warned.push(message) } });
      await opened.close();
      assert.deepEqual(warned.sort(), [
        'analytics: 1 row of tool_calls moved to migration_quarantine (check)',
        'analytics: 1 row of tool_calls moved to migration_quarantine (foreign_key)',
      ]);
      assert.deepEqual(read(path, 'select id, status from tool_calls order by id'), [{ id: 'c1', status: 'success' }, { id: 'c2', status: 'error' }]);
      assert.deepEqual(read(path, 'select id, started_at, ended_at, tool_count from sessions order by id').map(Object.values), [['s1', 1700000000, null, 2], ['s2', 1700000100, 1700000200, 0]]);
      const kept = read(path, 'select module, source_table, row, reason from migration_quarantine order by id');
      assert.deepEqual(kept.map(({ module, source_table, row, reason }) => [module, source_table, JSON.parse(row).id, reason]), [
        ['analytics', 'tool_calls', 'c3', 'check'], ['analytics', 'tool_calls', 'c4', 'foreign_key'],
      ]);
      assert.deepEqual(read(path, 'select module, version from schema_migrations').map(Object.values), [['analytics', 1]]);
      assert.deepEqual(read(path, 'select hash from __drizzle_migrations'), [{ hash: 'abc' }]);
      assert.equal(read(path, 'pragma foreign_key_list(tool_calls)')[0].on_delete, 'CASCADE');
      const names = read(path, "select name from sqlite_schema where type = 'index' and sql is not null and tbl_name = 'tool_calls' order by name").map(({ name }) => name);
      assert.deepEqual(names, ['mine', 'timestamp_idx', 'timestamp_tool_name_idx', 'tool_calls_session_id_idx', 'tool_name_idx']);
      // Not a second time.
      const again = await open({ path, logger: { warn: (message) => warned.push(message) } });
      await again.close();
      assert.equal(warned.length, 2);
      assert.equal(read(path, 'select count(*) as n from migration_quarantine')[0].n, 2);
    });
  }
}

const TABLES = /CREATE TABLE `sessions`[^;]*;|CREATE TABLE `tool_calls`[^;]*;/g;
/** The older file with its key on the sessions, and without the rows that no definition takes. */
const sound = devflow(older['without an action on the key']).replace(/,\s+\('c3'[^;]*/, '');
const check = "CHECK (status IN ('success', 'error', 'timeout'))";

const adoptable = {
  'with the check and a key that sets null': sound.replace('`status` text NOT NULL', `$& ${check}`).replace('ON DELETE no action', 'ON DELETE SET NULL'),
  'with a key that restricts, and is deferred': sound.replace('ON DELETE no action', 'ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED'),
  'without an index': sound.replace(/CREATE INDEX [^;]*;/g, ''),
  'with indexes of these names and other columns': sound.replace('(`tool_name`);', '(error_type);').replace('INDEX `timestamp_idx`', 'UNIQUE $&'),
  'without a journal of Drizzle': sound.replace(/CREATE TABLE __drizzle[^;]*;[^;]*;/, ''),
  'with its columns in another order': sound.replace(TABLES, (table) => table.replace(/(`id` text PRIMARY KEY NOT NULL), (`\w+` \w+ NOT NULL)/, '$2, $1'))
    .replace(/\('(s\d)', (\d+)/g, "($2, '$1'").replace(/\('(c\d)', '(\w+)'/g, "('$2', '$1'"),
};

test('an older file is adopted in any of the shapes that there are', async () => {
  for (const [what, script] of Object.entries(adoptable)) {
    const path = join(tempDir(), 'a.db');
    write(path, script);
    const opened = track(await AnalyticsRecorder.open({ path }));
    const rows = await opened.listToolCalls({ order: 'asc' });
    assert.deepEqual(rows.map(({ id, toolName, sessionId }) => [id, toolName, sessionId]), [['c1', 'grep', 's1'], ['c2', 'read', 's1']], what);
    assert.deepEqual((await opened.listSessions({ order: 'asc' })).map(({ id }) => id), ['s1', 's2'], what);
    await opened.close();
    assert.deepEqual(read(path, 'pragma foreign_key_list(tool_calls)').map((key) => [key.table, key.on_delete]), [['sessions', 'CASCADE']], what);
    assert.match(read(path, "select sql from sqlite_schema where name = 'tool_calls'")[0].sql, /CHECK/, what);
    const indexes = read(path, "select sql from sqlite_schema where name glob '*_idx' and tbl_name = 'tool_calls' order by name").map(({ sql }) => sql);
    assert.deepEqual(indexes, ['timestamp_idx ON tool_calls(timestamp)', 'timestamp_tool_name_idx ON tool_calls(timestamp, tool_name)',
      'tool_calls_session_id_idx ON tool_calls(session_id)', 'tool_name_idx ON tool_calls(tool_name)'].map((index) => `CREATE INDEX ${index}`), what);
    assert.equal(read(path, "select count(*) as n from sqlite_schema where name = 'migration_quarantine'")[0].n, 0, what);
  }
});

test('text that is no UTF-8 is adopted as it is, also where another row is set aside', async () => {
  const path = join(tempDir(), 'a.db');
  write(path, devflow(older['without an action on the key']).replace("'grep'", "CAST(x'67ff' AS TEXT)"));
  await (await AnalyticsRecorder.open({ path })).close();
  assert.deepEqual(read(path, 'select hex(tool_name) as name from tool_calls order by id'), [{ name: '67FF' }, { name: '72656164' }]);
  assert.equal(read(path, 'select count(*) as n from migration_quarantine')[0].n, 2);
});

const [sessionsTable, callsTable] = sound.match(TABLES);

const strange = {
  'one of the two tables': sessionsTable,
  'the other one': callsTable,
  'a further column': sound.replace('`tool_count`', '`user` text, $&').replace(/INSERT INTO sessions[^;]*;/, ''),
  'a column less': sound.replace('`ended_at` integer, ', '').replace(/INSERT INTO sessions[^;]*;/, ''),
  'a column of another type': sound.replace('`started_at` integer', '`started_at` text'),
  'no primary key': sound.replace('`id` text PRIMARY KEY NOT NULL', '`id` text NOT NULL'),
  'a view of that name': 'CREATE VIEW sessions AS SELECT 1 AS id',
  'an index name on another table': 'CREATE TABLE notes (at); CREATE INDEX timestamp_idx ON notes(at)',
  'another journal': 'CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, foo TEXT)',
};

test('a file that only looks like one is refused by both doors and the command line, and not a byte of it changes', async () => {
  for (const [what, script] of Object.entries(strange)) {
    const path = join(tempDir(), 'a.db');
    write(path, script);
    const bytes = readFileSync(path);
    for (const open of Object.values(doors)) {
      await assert.rejects(open({ path }), { name: 'MigrationError', code: 'MIGRATION_CONFLICT', module: 'analytics' }, what);
    }
    assert.deepEqual(readFileSync(path), bytes, what);
    assert.equal(existsSync(`${path}-wal`), false);
  }
  const path = join(tempDir(), 'a.db');
  write(path, strange['a view of that name']);
  const bytes = readFileSync(path);
  for (const verb of ['migrate', 'rollback', '--dry-run']) await fails(['analytics', verb, '--db', path], /^analytics: analytics cannot use this file: sessions is a view/);
  const [, , conflict] = await lines(['analytics', 'status', '--db', path]);
  assert.match(conflict, /^analytics: conflict analytics cannot use this file: sessions is a view/);
  const [problem] = await lines(['analytics', 'validate', '--db', path], { code: 1 });
  assert.match(problem, /^analytics: diverged sessions: analytics cannot use this file: sessions is a view/);
  assert.deepEqual(readFileSync(path), bytes);
});

for (const [door, open] of Object.entries(doors)) {
  test(`a migration that fails says so, and leaves the file as it was (${door})`, async () => {
    const path = join(tempDir(), 'a.db');
    await (await open({ path })).close();
    write(path, `DROP TABLE tool_calls; DROP TABLE sessions; DELETE FROM schema_migrations;
      CREATE TRIGGER no BEFORE INSERT ON schema_migrations BEGIN SELECT RAISE(ABORT, 'not today'); END;`);
    const heard = [];
    await assert.rejects(open({ path, logger: { error: (message, fields) => heard.push([message, fields.code]) } }), (error) => {
      assert.ok(error instanceof AnalyticsError, error.stack);
      assert.deepEqual([error.code, error.path], ['ANALYTICS_MIGRATION_FAILED', path]);
      assert.match(error.message, /^Failed to migrate the analytics database: Failed to apply migration 1 \(sessions_and_tool_calls\): .*not today/);
      assert.ok(error.cause instanceof MigrationError);
      assert.deepEqual([error.cause.code, error.cause.version], ['MIGRATION_FAILED', 1]);
      assert.deepEqual(heard, [[error.message, error.code]]);
      return true;
    });
    assert.deepEqual(read(path, "select name from sqlite_schema where name in ('sessions', 'tool_calls')"), []);
  });
}

test('an older file is used at once, by plain calls', async () => {
  const path = join(tempDir(), 'a.db');
  write(path, devflow(''));
  const recorder = track(await AnalyticsRecorder.open({ path }));
  await recorder.recordToolCall({ sessionId: 's1', toolName: 'grep', durationMs: 30, status: 'success' });
  assert.deepEqual((await recorder.toolStats()).map(({ toolName, count, meanMs }) => [toolName, count, meanMs]), [['grep', 2, 20], ['read', 1, 20]]);
  assert.deepEqual(await recorder.getSession('s1'), { id: 's1', startedAt: new Date(1700000000000), endedAt: null, toolCount: 3 });
});

for (const [door, open] of Object.entries(doors)) {
  test(`migrate: false takes what is there and makes nothing (${door})`, async () => {
    const dir = tempDir();
    const refused = (path, code, check = () => {}) => assert.rejects(open({ path, migrate: false }), (error) => {
      assert.ok(error instanceof AnalyticsError, error.stack);
      assert.deepEqual([error.code, error.path], [code, path]);
      check(error);
      return true;
    });
    await refused(join(dir, 'none', 'a.db'), 'ANALYTICS_OPEN_FAILED');
    assert.deepEqual(readdirSync(dir), []);
    const other = join(dir, 'other.db');
    write(other, 'create table notes(text)');
    const bytes = readFileSync(other);
    await refused(other, 'ANALYTICS_MIGRATION_FAILED', ({ cause }) => {
      assert.ok(cause instanceof MigrationError);
      assert.deepEqual([cause.code, cause.module], ['MIGRATION_BLOCKED', 'analytics']);
    });
    assert.deepEqual(readFileSync(other), bytes);
    const made = join(dir, 'made.db');
    await (await open({ path: made })).close();
    await (await open({ path: made, migrate: false })).close();
    const adopted = join(dir, 'older.db');
    write(adopted, devflow(''));
    await (await open({ path: adopted, migrate: false })).close();
    assert.equal(read(adopted, 'select count(*) as n from schema_migrations')[0].n, 1);
  });

  test(`a file of a newer release, and one whose history is another, are facts about the file (${door})`, async () => {
    const path = join(tempDir(), 'a.db');
    await (await open({ path })).close();
    write(path, "insert into schema_migrations (module, version, name, applied_at) values ('analytics', 2, 'later', 1)");
    const fact = (code) => (error) => {
      assert.ok(error instanceof MigrationError, error.stack);
      assert.deepEqual([error.code, error.module], [code, 'analytics']);
      return true;
    };
    await assert.rejects(open({ path }), fact('MIGRATION_AHEAD'));
    write(path, "delete from schema_migrations where version = 2; update schema_migrations set checksum = 'sql:0'");
    await assert.rejects(open({ path }), fact('MIGRATION_DIVERGED'));
  });

  test(`what is there keeps its mode (${door})`, { skip: !posix && 'modes are POSIX' }, async () => {
    const path = join(tempDir(), 'a.db');
    write(path, 'pragma user_version = 0; create table notes(text)');
    const mode = statSync(path).mode;
    await (await open({ path })).close();
    assert.equal(statSync(path).mode, mode);
  });
}

test('many processes open a new file at once', { timeout: 90_000 }, async () => {
  const home = tempDir();
  const code = `
    import { AnalyticsRecorder } from ${JSON.stringify(import.meta.resolve('runledger/analytics'))};
    const recorder = await AnalyticsRecorder.open({ home: ${JSON.stringify(home)} });
    await recorder.startSession();
    await recorder.close();
    console.log(1);`;
  await Promise.all(Array.from({ length: 6 }, () => runJson(code)));
  const path = join(home, '.devflow', 'analytics.db');
  assert.equal(read(path, 'select count(*) as n from sessions')[0].n, 6);
  assert.equal(read(path, 'select count(*) as n from schema_migrations')[0].n, 1);
});

test('importing makes nothing, loads no Drizzle and lets the process end', async () => {
  const home = tempDir();
  const { code, stdout, stderr } = await run(`
    import * as analytics from ${JSON.stringify(import.meta.resolve('runledger/analytics'))};
    import { createRequire } from 'node:module';
    const loaded = Object.keys(createRequire(import.meta.url).cache).filter((file) => /drizzle-orm/.test(file));
    console.log(JSON.stringify([Object.keys(analytics).sort(), loaded]));
  `, { env: { HOME: home } });
  assert.deepEqual([code, stderr], [0, '']);
  const [names, loaded] = JSON.parse(stdout);
  assert.deepEqual(names, ['AnalyticsError', 'AnalyticsRecorder', 'MigrationError', 'RunledgerError', 'closeAnalyticsDatabase', 'createAnalyticsDatabase', 'createAnalyticsDb', 'getAnalyticsDatabase']);
  assert.deepEqual(loaded, []);
  assert.equal(existsSync(join(home, '.devflow')), false);
});

test('both sub-paths can be required, and are the ones that are imported', { skip }, async () => {
  assert.equal(require('runledger/analytics').AnalyticsRecorder, AnalyticsRecorder);
  const imported = await import('runledger/analytics/schema');
  assert.equal(require('runledger/analytics/schema').sessions, imported.sessions);
  const { RunledgerError } = require('runledger');
  assert.ok(AnalyticsError.prototype instanceof RunledgerError);
});

test('M10 the command line makes, shows and takes back the file', async () => {
  const home = tempDir();
  const env = { HOME: home };
  const path = join(home, '.devflow', 'analytics.db');
  assert.deepEqual(await lines(['analytics'], { env }), ['analytics: applied 1 sessions_and_tool_calls', 'analytics: version 1']);
  if (posix) assert.deepEqual([join(home, '.devflow'), path].map((it) => statSync(it).mode & 0o777), [0o700, 0o600]);
  assert.deepEqual(await lines(['analytics', 'migrate'], { env }), ['analytics: up to date, version 1']);
  assert.deepEqual(await lines(['analytics', 'validate'], { env }), ['analytics: ok']);
  const schema = () => read(path, "select type, name, sql from sqlite_schema where name not like 'sqlite_%' and name not like '%schema_migrations%' order by name");
  const before = schema();
  assert.deepEqual(await lines(['analytics', 'rollback'], { env }), ['analytics: rolled back 1 sessions_and_tool_calls', 'analytics: version 0']);
  assert.deepEqual(schema(), []);
  await lines(['analytics', 'up', '--db', path], { env });
  assert.deepEqual(schema(), before);
  await fails(['analytics', 'rollback', '7', '--db', path], /^analytics: /, { env });
  assert.ok(existsSync(path));
});
