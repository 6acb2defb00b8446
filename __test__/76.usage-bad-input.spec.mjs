// Bad input: usage.md §6, row by row, and what it does not list. Whatever is refused has changed nothing.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Database } from 'runledger/sqlite';
import * as usage from 'runledger/usage';
import { cleanUp, runJson, tempDir, test } from './support.mjs';
import { skipWithoutPermissions, whileReadonly } from './fixtures/cli.mjs';

const errors = [];

/** A value for a message; no getter runs. */
const shown = (value) => inspect(value, { getters: false });

afterEach(async () => {
  usage.closeDatabase();
  errors.splice(0);
  await cleanUp();
});

function init(options = {}) {
  usage.initDatabase({ path: join(tempDir(), 'u.db'), onError: (error, operation) => errors.push([error, operation]), ...options });
  usage.getConnection().exec("INSERT INTO telemetry_sessions (id, agent_type, mode, start_time) VALUES ('s1', 'claude', 'code', 1)");
}

/** All rows of the file. */
function contents() {
  const db = usage.getConnection();
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
  return Object.fromEntries(tables.map((name) => [name, db.prepare(`SELECT * FROM "${name}"`).all()]));
}

/** The call is answered with `answer`, has told one error as described (none: `null`), and has written nothing. */
function refuses(name, args, answer, code, expected = {}) {
  const before = contents();
  const told = errors.length;
  assert.deepEqual(usage[name](...args), answer, `${name}(${args.map(shown).join(', ')})`);
  assert.deepEqual(contents(), before);
  if (code === null) return assert.equal(errors.length, told, 'not reported');
  assert.equal(errors.length, told + 1, 'reported once');
  const [error, operation] = errors.at(-1);
  assert.ok(error instanceof usage.UsageError);
  assert.deepEqual([error.name, error.code, error.operation, operation], ['UsageError', code, name, name], error.message);
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(error[key], value, key);
  assert.equal(usage.getConnection().inTransaction, false);
}

const invalid = (field) => ['USAGE_INVALID_INPUT', { details: { field }, cause: undefined, extendedCode: undefined }];
const check = ['USAGE_CONSTRAINT', { extendedCode: 'SQLITE_CONSTRAINT_CHECK' }];

const surrogate = 'a\ud800';
const odd = [true, 1n, Symbol('s'), () => {}, {}, [], new Date(0), new Map()];

test('updateUsageConfig: values that the table refuses', () => {
  init();
  refuses('updateUsageConfig', [{ plan: 'gold' }], false, ...check);
  assert.match(errors.at(-1)[0].cause.message, /CHECK constraint failed/);
  refuses('updateUsageConfig', [{ plan: 'pro', refresh_rate: 100 }], false, ...check);
  for (const updates of [{ refresh_rate: 0 }, { refresh_rate: -1 }, { refresh_per_second: 0 }, { refresh_per_second: 20.1 }, { reset_hour: 24 },
    { reset_hour: -1 }, { custom_limit_tokens: 0 }, { custom_limit_tokens: -5 }, { view: 'x' }, { theme: 'x' }, { time_format: '24' }, { plan: 'pro\0' }]) {
    refuses('updateUsageConfig', [{ plan: 'pro', ...updates }], false, ...check);
  }
});

test('a refusal names the field and what it has to be', () => {
  init();
  const says = (name, args, message) => {
    usage[name](...args);
    assert.equal(errors.at(-1)[0].message, message);
  };
  const base = { session_id: 's1', snapshot_data: '' };
  for (const [updates, message] of [
    [{ plan: '' }, 'plan must be a string that is not empty'],
    [{ refresh_rate: 1.5 }, 'refresh_rate must be an integer within ±(2^53 − 1)'],
    [{ reset_hour: '3' }, 'reset_hour must be an integer within ±(2^53 − 1), or null'],
    [{ refresh_per_second: NaN }, 'refresh_per_second must be a finite number'],
    [{ plan: 'gold' }, "Database constraint violation during updateUsageConfig: CHECK constraint failed: plan IN ('pro', 'max5', 'max20', 'custom')"],
    [null, 'updates must be an object'],
  ]) says('updateUsageConfig', [updates], message);
  for (const [snapshot, message] of [
    ['x', 'snapshot must be an object'],
    [{ ...base, session_id: '' }, 'session_id must be a text of 1 to 255 characters, not blank and without control characters'],
    [{ ...base, snapshot_data: {} }, 'snapshot_data must be a string'],
    [{ ...base, snapshot_type: null }, 'snapshot_type must be a string'],
    [{ ...base, timestamp: -1 }, 'timestamp must be milliseconds since 1970'],
    [{ ...base, session_id: 'ghost' }, 'There is no session "ghost": create it first, or open with missingSession \'create\''],
  ]) says('insertUsageSnapshot', [snapshot], message);
  says('getUsageSnapshots', [5], 'sessionId must be a string');
  says('getUsageSnapshots', ['', -1], 'limit must be an integer from 0');
  says('getUsageSnapshots', ['', 1, -1], 'hoursBack must be a number from 0, or Infinity');
  says('deleteOldUsageSnapshots', [Infinity], 'daysOld must be a finite number from 0');
  usage.getConnection().exec('DROP TABLE usage_config');
  says('getUsageConfig', [], 'Database table not found during getUsageConfig. Run migrations first.');
});

test('updateUsageConfig: values of the wrong type', () => {
  init();
  for (const value of [1.5, '10', null, NaN, Infinity, 2 ** 53, 1e300, ...odd]) {
    refuses('updateUsageConfig', [{ plan: 'pro', refresh_rate: value }], false, ...invalid('refresh_rate'));
  }
  for (const field of ['plan', 'view', 'timezone', 'time_format', 'theme']) {
    for (const value of ['', null, 5, surrogate, ...odd]) refuses('updateUsageConfig', [{ [field]: value }], false, ...invalid(field));
  }
  for (const value of ['1', null, NaN, Infinity, -Infinity, ...odd]) {
    refuses('updateUsageConfig', [{ refresh_per_second: value }], false, ...invalid('refresh_per_second'));
  }
  for (const field of ['custom_limit_tokens', 'reset_hour']) {
    for (const value of ['1', 1.5, NaN, Infinity, 2 ** 53, ...odd]) refuses('updateUsageConfig', [{ [field]: value }], false, ...invalid(field));
  }
});

test('updateUsageConfig: nothing to set, no row to set it in, and what is no object', () => {
  init();
  for (const updates of [{}, { color: 'x' }, { plan: undefined }, { id: 9, is_active: 0, created_at: 0, updated_at: 0 }]) {
    refuses('updateUsageConfig', [updates], false, null);
  }
  for (const updates of [undefined, null, 'pro', 5, [], [{ plan: 'pro' }], () => {}, new Date(0), new Map([['plan', 'pro']])]) {
    refuses('updateUsageConfig', [updates], false, ...invalid('updates'));
  }
  usage.getConnection().exec('UPDATE usage_config SET is_active = 0');
  refuses('updateUsageConfig', [{ plan: 'pro' }], false, null);
  assert.equal(usage.getUsageConfig(), null);
});

test('a getter that closes the file and opens another one does not send the call there', () => {
  init();
  const path = usage.getConnection().name;
  const another = join(tempDir(), 'another.db');
  const snapshot = {
    session_id: 's1',
    get snapshot_data() {
      usage.closeDatabase();
      init({ path: another });
      return '{}';
    },
  };
  assert.notEqual(usage.insertUsageSnapshot(snapshot), 0);
  const count = () => usage.getConnection().prepare('SELECT count(*) FROM usage_snapshots').pluck().get();
  assert.equal(count(), 0, 'nothing in the other file');
  usage.closeDatabase();
  usage.initDatabase({ path });
  assert.equal(count(), 1);
});

test('a getter that throws is a bad value, and no exception', () => {
  init();
  const trap = (name) => Object.defineProperty({ session_id: 's1', snapshot_data: '' }, name, { enumerable: true, get() { throw new Error('trap'); } });
  refuses('updateUsageConfig', [trap('plan')], false, ...invalid('plan'));
  refuses('insertUsageSnapshot', [trap('snapshot_data')], null, ...invalid('snapshot_data'));
  const proxy = new Proxy({}, { ownKeys() { throw new Error('trap'); } });
  refuses('updateUsageConfig', [proxy], false, ...invalid('updates'));
});

test('a second active row by SQL', () => {
  init();
  const before = contents();
  assert.throws(() => usage.getConnection().exec('INSERT INTO usage_config DEFAULT VALUES'), { name: 'SqliteError', code: 'SQLITE_CONSTRAINT_UNIQUE' });
  assert.deepEqual(contents(), before);
  usage.getConnection().exec('INSERT INTO usage_config (is_active) VALUES (0)');
});

test('insertUsageSnapshot: sessions', () => {
  init();
  const data = { snapshot_data: '{}' };
  refuses('insertUsageSnapshot', [{ ...data, session_id: 'ghost' }], null, 'USAGE_SESSION_NOT_FOUND', { details: { sessionId: 'ghost' }, cause: undefined });
  for (const session_id of [undefined, null, '', ' ', 5, surrogate, 'a\0b', 'x'.repeat(256), ...odd]) {
    refuses('insertUsageSnapshot', [{ ...data, session_id }], null, ...invalid('session_id'));
  }
  usage.closeDatabase();
  init({ missingSession: 'create' });
  refuses('insertUsageSnapshot', [{ ...data, session_id: '' }], null, ...invalid('session_id'));
  refuses('insertUsageSnapshot', [{ ...data, session_id: 'new', snapshot_type: 'x' }], null, ...check);
});

test('insertUsageSnapshot: data, time and type', () => {
  init();
  const base = { session_id: 's1', snapshot_data: '{}' };
  for (const snapshot_data of [undefined, null, { a: 1 }, [], 5, ...odd]) {
    refuses('insertUsageSnapshot', [{ ...base, snapshot_data }], null, ...invalid('snapshot_data'));
  }
  for (const timestamp of [NaN, -1, -0.5, Infinity, 2 ** 53, null, '1', ...odd]) {
    refuses('insertUsageSnapshot', [{ ...base, timestamp }], null, ...invalid('timestamp'));
  }
  for (const snapshot_type of [null, 5, surrogate, ...odd]) {
    refuses('insertUsageSnapshot', [{ ...base, snapshot_type }], null, ...invalid('snapshot_type'));
  }
  for (const snapshot_type of ['x', '', 'STATS']) refuses('insertUsageSnapshot', [{ ...base, snapshot_type }], null, ...check);
  for (const snapshot of [undefined, null, 'x', 5, [], () => {}]) refuses('insertUsageSnapshot', [snapshot], null, ...invalid('snapshot'));
});

test('a rule of the file speaks for a session that is made', () => {
  init({ missingSession: 'create' });
  usage.getConnection().exec(`INSERT INTO telemetry_validation_rules (table_name, field_name, rule_type, rule_config, error_message)
    VALUES ('telemetry_sessions', 'agentType', 'enum', '{"values":["claude"]}', 'Unknown agent')`);
  refuses('insertUsageSnapshot', [{ session_id: 'new', snapshot_data: '' }], null, 'USAGE_INVALID_INPUT',
    { message: 'Unknown agent', details: { field: 'agentType', ruleId: 1 } });
});

test('getUsageSnapshots and getUsageSnapshotsBySession', () => {
  init();
  usage.insertUsageSnapshot({ session_id: 's1', snapshot_data: '' });
  for (const limit of [-1, 1.5, NaN, Infinity, null, '1', ...odd]) refuses('getUsageSnapshots', ['s1', limit], [], ...invalid('limit'));
  for (const hours of [-1, NaN, -Infinity, null, '1', ...odd]) refuses('getUsageSnapshots', ['', 1, hours], [], ...invalid('hoursBack'));
  for (const id of [5, surrogate, ...odd]) refuses('getUsageSnapshots', [id], [], ...invalid('sessionId'));
  for (const id of [undefined, null, 5, surrogate, ...odd]) refuses('getUsageSnapshotsBySession', [id], [], ...invalid('sessionId'));
  refuses('getUsageSnapshotsBySession', ["s1' OR 1 = 1 --"], [], null);
});

test('deleteOldUsageSnapshots', () => {
  init();
  usage.insertUsageSnapshot({ session_id: 's1', snapshot_data: '', timestamp: 1 });
  for (const days of [-1, NaN, Infinity, -Infinity, null, '30', ...odd]) refuses('deleteOldUsageSnapshots', [days], 0, ...invalid('daysOld'));
});

test('rollbackMigrations: targets that are none', async () => {
  init();
  const before = contents();
  for (const target of [1, 2, -1, 0.5, NaN, Infinity, null, '0', true, {}]) {
    await assert.rejects(usage.rollbackMigrations(target), { name: 'MigrationError', code: 'MIGRATION_INVALID_TARGET', module: 'usage' }, String(target));
  }
  assert.deepEqual(contents(), before);
  await usage.rollbackMigrations(0);
  for (const target of [undefined, 0]) await assert.rejects(usage.rollbackMigrations(target), { code: 'MIGRATION_INVALID_TARGET' });
});

test('initDatabase: options that are none', () => {
  const cwd = tempDir();
  const refused = (options, field) =>
    assert.throws(() => usage.initDatabase(options), { name: 'UsageError', code: 'USAGE_INVALID_INPUT', operation: 'initDatabase', details: { field } });
  for (const options of [null, 5, 'x.db']) refused(options, 'options');
  for (const path of [5, '', 'a\0b', {}, true]) refused({ path }, 'path');
  for (const missingSession of [null, '', 'Create', true]) refused({ path: join(cwd, 'u.db'), missingSession }, 'missingSession');
  for (const logger of [null, 'console', () => {}]) refused({ path: join(cwd, 'u.db'), logger }, 'logger');
  for (const onError of [null, {}, 'x']) refused({ path: join(cwd, 'u.db'), onError }, 'onError');
  assert.deepEqual(readdirSync(cwd), []);
  assert.throws(() => usage.getConnection(), { code: 'USAGE_NOT_INITIALIZED' });
});

test('initDatabase: a file that cannot be opened', () => {
  const dir = tempDir();
  writeFileSync(join(dir, 'taken'), '');
  writeFileSync(join(dir, 'text.db'), 'this is not a database, but a text that is long enough to be looked at twice'.repeat(20));
  const fails = (path) => {
    let thrown;
    assert.throws(() => usage.initDatabase({ path }), (error) => { thrown = error; return true; }, path);
    assert.deepEqual([thrown.name, thrown.code, thrown.operation], ['UsageError', 'USAGE_OPEN_FAILED', 'initDatabase'], thrown.message);
    assert.ok(thrown.cause instanceof Error);
    return thrown;
  };
  assert.match(fails(join(dir, 'taken', 'u.db')).message, /^Failed to create the directory of the usage database: .*taken: /);
  assert.equal(fails(dir).extendedCode, 'SQLITE_CANTOPEN');
  assert.equal(fails(join(dir, 'text.db')).extendedCode, 'SQLITE_NOTADB');
  assert.deepEqual(readdirSync(dir).sort(), ['taken', 'text.db']);
  const path = join(dir, 'u.db');
  usage.initDatabase({ path });
  usage.closeDatabase();
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill('A', 100, 4000));
  const error = fails(path);
  assert.deepEqual([error.extendedCode, error.details], ['SQLITE_CORRUPT', { path }]);
});

test('initDatabase: a file in which a name is taken, or that somebody else has migrated, stays as it is', () => {
  const cases = [
    ['CREATE TABLE usage_config (id INTEGER PRIMARY KEY)', 'MIGRATION_CONFLICT'],
    ['CREATE VIEW usage_snapshots AS SELECT 1', 'MIGRATION_CONFLICT'],
    ['CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, foo TEXT)', 'MIGRATION_CONFLICT'],
    ['CREATE TABLE telemetry_sessions (x)', 'MIGRATION_CONFLICT'],
    ["CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT, applied_at INTEGER); INSERT INTO schema_migrations VALUES (1, 'else', 5)", 'MIGRATION_DIVERGED'],
    ["CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, name TEXT, applied_at INTEGER); INSERT INTO schema_migrations VALUES (2, 'else', 5)", 'MIGRATION_GAP'],
  ];
  for (const [script, code] of cases) {
    const path = join(tempDir(), 'u.db');
    new Database(path).exec(script).close();
    const before = readFileSync(path);
    assert.throws(() => usage.initDatabase({ path }), (error) => error instanceof usage.MigrationError && error.code === code, script);
    assert.deepEqual([...readdirSync(join(path, '..'))], ['u.db'], script);
    assert.ok(readFileSync(path).equals(before), script);
    assert.throws(() => usage.getConnection(), { code: 'USAGE_NOT_INITIALIZED' });
  }
});

test('initDatabase: an adoption that fails leaves the file as it was, and says what failed', () => {
  const path = join(tempDir(), 'u.db');
  const db = new Database(path);
  db.exec(`CREATE TABLE usage_config (id INTEGER PRIMARY KEY AUTOINCREMENT, plan TEXT, custom_limit_tokens INTEGER, view TEXT, timezone TEXT, time_format TEXT,
      theme TEXT, refresh_rate INTEGER, refresh_per_second REAL, reset_hour INTEGER, created_at INTEGER, updated_at INTEGER, is_active INTEGER);
    CREATE TABLE usage_snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, snapshot_data TEXT, snapshot_type TEXT, timestamp INTEGER);
    INSERT INTO usage_snapshots (session_id, snapshot_data, snapshot_type, timestamp) VALUES ('a', '', 'stats', 1700000000);
    CREATE TABLE usage_config__runledger_old (x)`).close();
  assert.throws(() => usage.initDatabase({ path }), (error) => {
    assert.deepEqual([error.name, error.code, error.extendedCode, error.operation], ['UsageError', 'USAGE_MIGRATION_FAILED', 'SQLITE_ERROR', 'initDatabase']);
    const { cause } = error;
    assert.deepEqual([cause.name, cause.code, cause.module, cause.version, cause.cause.code], ['MigrationError', 'MIGRATION_FAILED', 'usage', 1, 'SQLITE_ERROR']);
    assert.deepEqual(error.details, { path });
    return /usage_config__runledger_old/.test(cause.message);
  });
  const after = new Database(path);
  assert.deepEqual(after.prepare('SELECT timestamp FROM usage_snapshots').pluck().all(), [1700000000]);
  after.exec('DROP TABLE usage_config__runledger_old').close();
  usage.initDatabase({ path });
  assert.equal(usage.getUsageSnapshotsBySession('a')[0].timestamp, 1700000000000);
});

test('initDatabase: a newer release has migrated the file', () => {
  init();
  const path = usage.getConnection().name;
  usage.getConnection().exec("INSERT INTO schema_migrations (module, version, name, checksum, applied_at) VALUES ('usage', 2, 'later', 'sql:00', 5)");
  usage.closeDatabase();
  assert.throws(() => usage.initDatabase({ path }), { name: 'MigrationError', code: 'MIGRATION_AHEAD' });
});

test('directories and files that may not be written to', { skip: skipWithoutPermissions }, async () => {
  const [dir, other] = [tempDir(), tempDir()];
  usage.initDatabase({ path: join(dir, 'u.db') });
  usage.closeDatabase();
  writeFileSync(join(other, 'secret.db'), '');
  chmodSync(join(other, 'secret.db'), 0o000); // Deno takes a `mode` of 0 for none
  chmodSync(other, 0o755);
  const paths = [join(dir, 'new.db'), join(dir, 'sub', 'new.db'), join(dir, 'u.db'), join(other, 'secret.db')];
  const code = `
    const usage = await import(${JSON.stringify(new URL('../dist/usage.js', import.meta.url).href)});
    if (process.getuid() === 0) process.setuid(65534);
    const told = ${JSON.stringify(paths)}.map((path) => {
      try {
        usage.initDatabase({ path });
        return path;
      } catch (error) {
        return [error.name, error.code, error.extendedCode ?? error.cause.code];
      }
    });
    console.log(JSON.stringify(told));`;
  const refused = (code) => ['UsageError', 'USAGE_OPEN_FAILED', code];
  assert.deepEqual(await whileReadonly(dir, () => runJson(code)),
    ['SQLITE_CANTOPEN', 'EACCES', 'SQLITE_READONLY_DIRECTORY', 'SQLITE_CANTOPEN'].map(refused));
});

test('a table that somebody has dropped is an error that is told', () => {
  init();
  usage.getConnection().exec('DROP TABLE usage_snapshots; DROP TABLE usage_config');
  refuses('getUsageSnapshots', [], [], 'USAGE_QUERY_FAILED', { extendedCode: 'SQLITE_ERROR' });
  refuses('getUsageConfig', [], null, 'USAGE_QUERY_FAILED');
  refuses('insertUsageSnapshot', [{ session_id: 's1', snapshot_data: '' }], null, 'USAGE_WRITE_FAILED', { extendedCode: 'SQLITE_ERROR' });
  refuses('resetUsageConfig', [], false, 'USAGE_WRITE_FAILED');
  assert.match(errors.at(-1)[0].cause.message, /no such table/);
});

test('values of other programs are told as they are', () => {
  init();
  usage.getConnection().exec(`INSERT INTO usage_snapshots (session_id, snapshot_data, timestamp) VALUES ('s1', x'616263', 1.5), ('s1', 5, 9007199254740991)`);
  assert.deepEqual(usage.getUsageSnapshotsBySession('s1').map(({ snapshot_data, timestamp }) => [snapshot_data, timestamp]),
    [['5', 9007199254740991], ['abc', 1.5]]);
});
