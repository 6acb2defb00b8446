// runledger/database: several processes and threads on one file, locks, and a process that dies in the middle.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { initDatabase } from 'runledger/database';
import { cleanUp, holdWriteLock, listener, run, said, skipOnWindows, skipWithoutPython, start, tempDir, test, until } from './support.mjs';
import { using } from './fixtures/database.mjs';

afterEach(cleanUp);

const entry = new URL('../dist/database.js', import.meta.url).href;
const prelude = `import { initDatabase } from '${entry}';\n`;

/** Each child opens the file when all are ready, and reports what became of the migrations. */
async function openTogether(count, path, options) {
  const script = `${prelude}
    console.log('ready');
    process.stdin.once('data', () => {
      const db = initDatabase({ path: ${JSON.stringify(path)}, ${options} });
      const add = db.prepare('INSERT INTO agents (name, description) VALUES (?, ?)');
      for (let i = 0; i < 20; i++) db.transaction((c) => {
        const n = c.prepare('SELECT count(*) FROM agents').pluck().get();
        add.run(process.argv[2] + '-' + i, String(n));
      });
      console.log(JSON.stringify({ results: db.migrationResults, version: db.getSchemaVersion() }));
      db.close();
      process.stdin.destroy();
    });`;
  const children = Array.from({ length: count }, (_, i) => start(script, { args: [`p${i}`] }));
  await Promise.all(children.map((child) => said(child, 'ready')));
  for (const { child } of children) child.stdin.write('go\n');
  const ends = await Promise.all(children.map((child) => child.closed));
  return ends.map(({ code, stdout, stderr }) => {
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    return JSON.parse(stdout.trim().split('\n').at(-1));
  });
}

const appliedOnce = (reports, versions) => {
  for (const version of versions) {
    const applied = reports.filter(({ results }) => results.find((it) => it.version === version).status === 'applied');
    assert.equal(applied.length, 1, `version ${version} was applied by one`);
  }
  for (const { version } of reports) assert.equal(version, versions.length);
};

/** 160 transactions that count before they insert: none has counted the same as another. */
const eachSawAnother = (path) => using({ path }, (db) => {
  const seen = db.prepare('SELECT CAST(description AS INTEGER) FROM agents ORDER BY 1').pluck().all();
  assert.deepEqual(seen, Array.from({ length: seen.length }, (_, i) => i));
  assert.equal(seen.length, 160);
});

test('M2 eight processes that open a new file at once agree, and their transactions do not disturb each other', { timeout: 120_000 }, async () => {
  const path = join(tempDir(), 'new/app.db');
  appliedOnce(await openTogether(8, path, ''), [1, 2]);
  eachSawAnother(path);
});

test('the same with migrations of the application on top', { timeout: 120_000 }, async () => {
  const path = join(tempDir(), 'new/app.db');
  const up = "up(db) { db.exec('CREATE TABLE mine (x)'); db.prepare('INSERT INTO mine VALUES (?)').run(process.pid); }";
  appliedOnce(await openTogether(8, path, `migrations: [{ version: 3, name: 'mine', ${up} }]`), [1, 2, 3]);
  using({ path, readonly: true }, (db) => assert.equal(db.prepare('SELECT count(*) FROM mine').pluck().get(), 1));
});

test('worker threads open the file by themselves', { timeout: 120_000 }, async () => {
  const path = join(tempDir(), 'new/app.db');
  const script = `${prelude}
    import { parentPort, workerData } from 'node:worker_threads';
    const db = initDatabase({ path: workerData.path });
    const add = db.prepare('INSERT INTO rules (name, description) VALUES (?, ?)');
    for (let i = 0; i < 50; i++) db.transaction(() => add.run(workerData.name + i, 'd'));
    parentPort.postMessage(db.migrationResults);
    // No close: the end of a thread closes what it has opened.`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(script)}`);
  const results = await Promise.all(Array.from({ length: 6 }, (_, i) => new Promise((resolve, reject) => {
    const worker = new Worker(url, { workerData: { path, name: `w${i}-` } });
    let results;
    worker.on('message', (message) => { results = message; });
    worker.on('error', reject);
    worker.on('exit', () => resolve(results));
  })));
  for (const version of [0, 1]) assert.equal(results.filter((it) => it[version].status === 'applied').length, 1);
  using({ path }, (db) => assert.equal(db.prepare('SELECT count(*) FROM rules').pluck().get(), 300));
  await until(() => !existsSync(`${path}-wal`), { what: 'the last one to close has removed the log' });
});

test('while another process holds the lock: opening waits where there is something to do, and only there', { skip: skipWithoutPython }, async () => {
  const path = join(tempDir(), 'app.db');
  using({ path, runMigrations: false }, () => {});
  let release = await holdWriteLock(path);
  const opening = start(`${prelude}
    console.log('begins');
    const db = initDatabase({ path: ${JSON.stringify(path)} });
    console.log('opened', db.getSchemaVersion());
    db.close();`);
  await said(opening, 'begins');
  await delay(300);
  assert.ok(!opening.stdout.includes('opened'), 'it waits');
  await release();
  assert.deepEqual((await opening.closed).stdout, 'begins\nopened 2\n');

  release = await holdWriteLock(path);
  using({ path }, (db) => {
    assert.equal(db.getSchemaVersion(), 2);
    assert.deepEqual(db.prepare('SELECT * FROM agents').all(), [], 'reading goes on');
    db.connection.pragma('busy_timeout = 50');
    const busy = { name: 'SqliteError', code: 'SQLITE_BUSY' };
    assert.throws(() => db.exec("INSERT INTO agents (name, description) VALUES ('a', 'd')"), busy);
    assert.throws(() => db.transaction(() => assert.fail('not reached')), busy);
    assert.equal(db.connection.inTransaction, false);
  });
  await release();
});

test('a lock that stays is SQLITE_BUSY after the busy timeout, logged or thrown', { skip: skipWithoutPython }, async () => {
  const path = join(tempDir(), 'app.db');
  using({ path, runMigrations: false }, () => {});
  const release = await holdWriteLock(path);
  const began = performance.now();
  assert.throws(() => initDatabase({ path }), { name: 'SqliteError', code: 'SQLITE_BUSY' });
  const waited = performance.now() - began;
  assert.ok(waited > 4_000 && waited < 15_000, `${waited} ms`);
  const errors = [];
  using({ path, onMigrationError: 'log', logger: { error: (message) => errors.push(message) } }, (db) => assert.equal(db.getSchemaVersion(), 0));
  assert.deepEqual(errors, ['database: database is locked']);
  await release();
  using({ path }, (db) => assert.equal(db.getSchemaVersion(), 2));
});

test('where WAL cannot be had the database goes on in the mode that there is, and says so once', { skip: skipWithoutPython }, async () => {
  const path = join(tempDir(), 'app.db');
  using({ path }, (db) => db.connection.pragma('journal_mode = DELETE'));
  const release = await holdWriteLock(path);
  const { heard, logger } = listener();
  using({ path, logger }, (db) => {
    assert.deepEqual([db.connection.pragma('journal_mode', { simple: true }), db.getSchemaVersion()], ['delete', 2]);
    assert.deepEqual(db.prepare('SELECT * FROM agents').all(), []);
  });
  assert.deepEqual(heard.map(([level, message]) => `${level} ${message}`),
    ['warn database: journal mode wal was refused; delete is in use', 'info database: applied 0 of 2 migrations']);
  await release();
  using({ path }, (db) => assert.equal(db.connection.pragma('journal_mode', { simple: true }), 'wal'));
});

test('a process that dies in a migration leaves nothing of it', { skip: skipOnWindows }, async () => {
  const path = join(tempDir(), 'app.db');
  const dying = start(`${prelude}
    import { writeSync } from 'node:fs';
    const up = (db) => {
      db.exec('CREATE TABLE half (x)');
      writeSync(1, 'half-way\\n');
      for (;;);
    };
    initDatabase({ path: ${JSON.stringify(path)}, migrations: [{ version: 3, name: 'half', up }] });`);
  await said(dying, 'half-way');
  dying.kill('SIGKILL');
  assert.equal((await dying.closed).signal, 'SIGKILL');
  using({ path }, (db) => {
    assert.equal(db.getSchemaVersion(), 2);
    assert.throws(() => db.prepare('SELECT * FROM half'), { code: 'SQLITE_ERROR' });
    assert.equal(db.connection.pragma('integrity_check', { simple: true }), 'ok');
  });
});

test('an open database does not keep the process alive, and what is committed is there after process.exit', async () => {
  const path = join(tempDir(), 'app.db');
  for (const end of ['', 'process.exit();']) {
    const { code, stdout, stderr } = await run(`${prelude}
      const db = initDatabase({ path: ${JSON.stringify(path)} });
      db.exec("INSERT INTO agents (name, description) VALUES ('a${end.length}', 'd')");
      ${end}`);
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
  }
  using({ path }, (db) => assert.equal(db.prepare('SELECT count(*) FROM agents').pluck().get(), 2));
});
