// Several modules in one file: README §7; migrations.md M10 for each of them; one journal.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DrizzleTelemetryDB, DrizzleTelemetryOperations } from 'runledger';
import { Database } from 'runledger/sqlite';
import { cleanUp, ev, session, tempDir, test } from './support.mjs';
import { cli, fails, lines } from './fixtures/cli.mjs';

afterEach(cleanUp);

const { exports } = createRequire(import.meta.url)('../package.json');

/** How each module is opened in a file, writes a row (`count`: of a table), and is closed. */
const ALL = {
  telemetry: {
    async open(path) {
      const db = new DrizzleTelemetryDB({ dbPath: path, pruneDays: 0 });
      const operations = new DrizzleTelemetryOperations(db);
      await db.initialize();
      return { write: (i) => operations.createSession(session({ id: `s${i}` })).then(() => operations.insertEvent(ev({ sessionId: `s${i}` }))), close: () => db.close() };
    },
    table: 'telemetry_events',
  },
  database: {
    async open(path) {
      const { initDatabase } = await import('runledger/database');
      const db = initDatabase({ path });
      return { write: async (i) => db.prepare('INSERT INTO agents (name, description) VALUES (?, ?)').run(`a${i}`, ''), close: async () => db.close() };
    },
    table: 'agents',
  },
  analytics: {
    async open(path) {
      const { AnalyticsRecorder } = await import('runledger/analytics');
      const recorder = await AnalyticsRecorder.open({ path });
      return {
        async write(i) {
          const { id } = await recorder.startSession({ id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}` });
          await recorder.recordToolCall({ sessionId: id, toolName: 'read', durationMs: 5, status: 'success' });
        },
        close: () => recorder.close(),
      };
    },
    table: 'tool_calls',
  },
  usage: {
    async open(path) {
      const usage = await import('runledger/usage');
      usage.initDatabase({ path, missingSession: 'create' });
      return {
        write: async (i) => assert.ok(usage.insertUsageSnapshot({ session_id: `u${i}`, snapshot_data: '{}' })),
        close: async () => usage.closeDatabase(),
      };
    },
    table: 'usage_snapshots',
  },
  instances: {
    async open(path) {
      const { initializeDatabase } = await import('runledger/instances');
      const db = await initializeDatabase({ local: { file: path }, maintenance: { autoBackup: false, vacuumInterval: 0 } });
      return {
        write: (i) => db.createInstance({ id: `i${i}`, type: 'coding', status: 'started', worktree_path: '/w', branch_name: 'b', tmux_session: 't' }),
        close: () => db.disconnect(),
      };
    },
    table: 'instances',
  },
};

const isThere = (name) => name === 'telemetry' || `./${name}` in exports;
const modules = Object.keys(ALL).filter(isThere);
for (const name of Object.keys(ALL).filter((name) => !isThere(name))) test(`${name} in the file of the others`, { skip: 'not in the package yet' }, () => {});

function look(path, read) {
  const db = new Database(path, { readonly: true });
  try {
    return read(db);
  } finally {
    db.close();
  }
}

const objects = (path) => look(path, (db) => db.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name").all());
const tables = (path) => objects(path).filter(({ type }) => type === 'table').map(({ name }) => name);
const versions = (path) => look(path, (db) => Object.fromEntries(db.prepare('SELECT module, max(version) FROM schema_migrations GROUP BY 1').raw().all()));
const rows = (path, names) => look(path, (db) => Object.fromEntries(names.map((name) => [name, db.prepare(`SELECT * FROM "${name}"`).raw().all()])));

/** What each module has made by itself in a file of its own; the journal and what it requires are not its own. */
async function ownTables() {
  const own = {};
  for (const name of modules) {
    const path = join(tempDir(), 'own.db');
    await lines([name, 'migrate', '--db', path]);
    own[name] = tables(path).filter((table) => table !== 'schema_migrations' && (name === 'telemetry' || !table.startsWith('telemetry_')));
  }
  return own;
}

/** A file in which every module has been opened, in this order, and has written five rows. */
async function shared(order = modules) {
  const path = join(tempDir(), 'one.db');
  const opened = [];
  for (const name of order) opened.push(await ALL[name].open(path));
  for (let i = 0; i < 5; i++) await Promise.all(opened.map((it) => it.write(i)));
  for (const it of opened) await it.close();
  return path;
}

test('no two modules have a table in common', async () => {
  const names = Object.values(await ownTables()).flat();
  assert.equal(new Set(names).size, names.length, names.join(', '));
});

for (const first of modules) {
  test(`${first} makes the file, the others join, and all of them write to it at once`, { timeout: 120_000 }, async () => {
    const path = await shared([first, ...modules.filter((name) => name !== first)]);
    for (const name of modules) {
      assert.equal(look(path, (db) => db.prepare(`SELECT count(*) FROM ${ALL[name].table}`).pluck().get()), 5, name);
      assert.deepEqual(await lines([name, 'validate', '--db', path]), [`${name}: ok`]);
    }
    assert.deepEqual(Object.keys(versions(path)).sort(), [...modules].sort());
    assert.equal(tables(path).filter((name) => /migrations$/.test(name)).length, 1, 'one journal');
  });
}

test('who comes back finds everything up to date and its rows there', async () => {
  const path = await shared();
  const before = rows(path, tables(path).filter((name) => name !== 'telemetry_stats'));
  for (const name of modules) {
    assert.match((await lines([name, '--db', path])).at(-1), new RegExp(`^${name}: up to date, version \\d+$`));
    await (await ALL[name].open(path)).close();
  }
  assert.deepEqual(rows(path, Object.keys(before)), before);
});

test('M10 each module goes down and up again in the file of all, and nothing of the others changes', { timeout: 180_000 }, async () => {
  const own = await ownTables();
  const path = await shared();
  const all = objects(path);
  for (const name of modules.filter((it) => it !== 'telemetry')) {
    const others = tables(path).filter((table) => !own[name].includes(table) && table !== 'schema_migrations');
    const before = { rows: rows(path, others), versions: versions(path) };
    await lines([name, 'rollback', '0', '--db', path]);
    assert.deepEqual(tables(path).filter((table) => own[name].includes(table)), [], `${name} is gone`);
    const { [name]: gone, ...left } = before.versions;
    assert.deepEqual(versions(path), left, name);
    assert.deepEqual(rows(path, others), before.rows, `rows beside ${name}`);
    for (const other of modules) assert.deepEqual(await lines([other, 'validate', '--db', path]), [`${other}: ok`], `${other} without ${name}`);
    await lines([name, 'migrate', '--allow-destructive', '--db', path]);
    assert.deepEqual(objects(path), all, `${name} again`);
    assert.deepEqual(rows(path, others), before.rows);
    await (await ALL[name].open(path)).close();
  }
});

test('telemetry stays as long as usage needs it, and the others do not need it', { timeout: 120_000 }, async () => {
  const path = await shared();
  const before = readFileSync(path);
  await fails(['telemetry', 'rollback', '--db', path], /^telemetry: .*usage/);
  assert.ok(readFileSync(path).equals(before));
  await lines(['usage', 'rollback', '--db', path]);
  await lines(['telemetry', 'rollback', '--db', path]);
  assert.equal(tables(path).some((name) => /^(telemetry|usage)_/.test(name)), false);
  for (const name of modules) assert.deepEqual(await lines([name, 'validate', '--db', path]), [`${name}: ok`]);
  for (const name of ['telemetry', 'usage']) await (await ALL[name].open(path)).close();
  assert.deepEqual(Object.keys(versions(path)).sort(), [...modules].sort());
});

test('validation tells what is missing to its own module, and to those that require it', { timeout: 120_000 }, async () => {
  const own = await ownTables();
  for (const broken of modules) {
    const path = await shared();
    const db = new Database(path);
    db.exec(`PRAGMA foreign_keys = OFF; DROP TABLE "${own[broken].at(-1)}"`);
    db.close();
    for (const name of modules) {
      const { code, stdout } = await cli([name, 'validate', '--db', path]);
      const isTold = name === broken || (name === 'usage' && broken === 'telemetry');
      assert.equal(stdout.includes(`table ${own[broken].at(-1)} is missing`), isTold, `${name} about ${broken}: ${stdout}`);
      if (isTold) assert.equal(code, 1);
    }
  }
});

test('a name that is taken keeps out the module whose name it is, and no other', { timeout: 120_000 }, async () => {
  const own = await ownTables();
  for (const name of modules) {
    const path = join(tempDir(), 'one.db');
    new Database(path).exec(`CREATE TABLE "${own[name][0]}" (something_else)`).close();
    const keptOut = (other) => other === name || (other === 'usage' && name === 'telemetry');
    for (const other of modules.filter(keptOut)) {
      const before = readFileSync(path);
      await assert.rejects(ALL[other].open(path), (error) => [error.code, error.cause?.code].includes('MIGRATION_CONFLICT'), other);
      assert.ok(readFileSync(path).equals(before), `${other} has left the file as it was`);
    }
    for (const other of modules.filter((it) => !keptOut(it))) {
      const opened = await ALL[other].open(path);
      await opened.write(1);
      await opened.close();
    }
    assert.deepEqual(look(path, (db) => db.prepare(`SELECT * FROM "${own[name][0]}"`).all()), []);
  }
});

test('command lines of all modules migrate one new file at once', { timeout: 120_000 }, async () => {
  const path = join(tempDir(), 'one.db');
  const all = await Promise.all([...modules, ...modules].map((name) => cli([name, '--db', path])));
  for (const { code, stderr } of all) assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.deepEqual(Object.keys(versions(path)).sort(), [...modules].sort());
  assert.equal(look(path, (db) => db.pragma('integrity_check', { simple: true })), 'ok');
});
