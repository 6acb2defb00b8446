// What the package exports, and that importing it does nothing: telemetry.md §1, README §1.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import * as runledger from '../index.js';
import { application, cleanUp, keys, root, run, runFile, skipWithoutDrizzle, tempDir, test } from './support.mjs';

afterEach(cleanUp);

const require = createRequire(import.meta.url);

const CLASSES = ['DrizzleTelemetryDB', 'DrizzleTelemetryOperations'];
const FUNCTIONS = ['getTelemetryDB', 'initializeTelemetryDB', 'closeTelemetryDB'];
const CONSTANTS = ['DEFAULT_DB_CONFIG', 'DB_VERSION', 'SCHEMA_VERSION'];
const ENUMS = ['eventTypes', 'sessionStatuses', 'bufferStatuses', 'auditOperations', 'severityLevels'];
const TABLES = ['telemetryEvents', 'telemetrySessions', 'telemetryBuffers', 'telemetryStats', 'telemetryErrors', 'telemetryAuditLog',
  'telemetryValidationRules', 'telemetrySchemaVersions'];
const RELATIONS = ['telemetrySessionsRelations', 'telemetryEventsRelations', 'telemetryBuffersRelations', 'telemetryErrorsRelations'];
const THEIR_ERRORS = ['DrizzleTelemetryError', 'DrizzleTelemetryConnectionError', 'DrizzleTelemetryQueryError', 'DrizzleTelemetryMigrationError'];
const ERRORS = [...THEIR_ERRORS, 'DatabaseError', 'ConnectionError', 'QueryError', 'QueryTimeoutError', 'ValidationError', 'MigrationError', 'RunledgerError'];

const SUB_PATHS = {
  'runledger/connection': ['DrizzleTelemetryDB', ...FUNCTIONS],
  'runledger/operations': ['DrizzleTelemetryOperations'],
  'runledger/schema': [...TABLES, ...RELATIONS, ...ENUMS],
  'runledger/types': THEIR_ERRORS,
};

test('the root exports every name of the contract and no other', () => {
  assert.deepEqual(Object.keys(runledger).filter((name) => name !== 'default').sort(),
    [...CLASSES, ...FUNCTIONS, ...CONSTANTS, ...ENUMS, ...TABLES, ...RELATIONS, ...ERRORS].sort());
});

test('DEFAULT_DB_CONFIG has exactly the keys of @vibe-kit/db, in order', () => {
  const expected = { dbPath: '.vibekit/telemetry.db', pruneDays: 30, streamBatchSize: 50, streamFlushIntervalMs: 1000, maxSizeMB: 100, enableWAL: true,
    enableForeignKeys: true, poolSize: 5, queryTimeoutMs: 30000, enableQueryLogging: false, enableMetrics: true };
  assert.deepEqual({ ...runledger.DEFAULT_DB_CONFIG }, expected);
  assert.deepEqual(Object.keys(runledger.DEFAULT_DB_CONFIG), Object.keys(expected));
});

test('versions and enumerations', () => {
  assert.equal(runledger.DB_VERSION, '1.0.0');
  assert.equal(runledger.SCHEMA_VERSION, '1.0.0');
  assert.deepEqual(ENUMS.map((name) => [...runledger[name]]), [['start', 'stream', 'end', 'error'], ['active', 'completed', 'failed', 'timeout'],
    ['pending', 'flushed', 'failed'], ['INSERT', 'UPDATE', 'DELETE'], ['low', 'medium', 'high', 'critical']]);
  assert.ok(ENUMS.every((name) => Array.isArray(runledger[name])));
});

test('the error classes are related as catch clauses expect', () => {
  const parents = { DrizzleTelemetryError: 'RunledgerError', DrizzleTelemetryConnectionError: 'DrizzleTelemetryError',
    DrizzleTelemetryMigrationError: 'DrizzleTelemetryConnectionError', DrizzleTelemetryQueryError: 'DrizzleTelemetryError', DatabaseError: 'DrizzleTelemetryError',
    ConnectionError: 'DatabaseError', ValidationError: 'DatabaseError', QueryError: 'DatabaseError', QueryTimeoutError: 'QueryError' };
  for (const [child, parent] of Object.entries(parents)) assert.equal(Object.getPrototypeOf(runledger[child]), runledger[parent], child);
  assert.ok(runledger.RunledgerError.prototype instanceof Error);
  assert.ok(runledger.MigrationError.prototype instanceof runledger.RunledgerError);
});

test('the DrizzleTelemetry errors are made from a message and a cause', () => {
  const cause = new Error('why');
  for (const name of THEIR_ERRORS) {
    const error = new runledger[name]('what', cause);
    assert.deepEqual([error.name, error.message, error.cause], [name, 'what', cause]);
    assert.ok(error instanceof runledger.RunledgerError);
  }
});

for (const [path, names] of Object.entries(SUB_PATHS)) {
  test(`${path} exports the same objects as the root, imported or required`, async () => {
    const imported = await import(path);
    const required = require(path);
    for (const name of names) {
      assert.notEqual(runledger[name], undefined, name);
      assert.equal(imported[name], runledger[name], `imported ${name}`);
      assert.equal(required[name], runledger[name], `required ${name}`);
    }
  });
}

test('every sub-path has one RunledgerError, and its classes have the names under which they are exported', async () => {
  const paths = Object.keys(require('../package.json').exports).filter((path) => !path.endsWith('.json'));
  for (const path of paths) {
    const exported = await import(path.replace('.', 'runledger'));
    if (exported.RunledgerError !== undefined) assert.equal(exported.RunledgerError, runledger.RunledgerError, path);
    for (const [name, value] of Object.entries(exported)) {
      const isClass = typeof value === 'function' && String(value).startsWith('class');
      if (isClass && name !== 'default') assert.equal(value.name, name, path);
    }
  }
});

test('what the root needs is one file beside its entries', () => {
  const imports = (file) => [...readFileSync(file, 'utf8').matchAll(/from ['"](\.[^'"]+)['"]/g)].map((match) => join(dirname(file), match[1]));
  const loaded = new Set([join(root, 'index.js')]);
  for (const file of loaded) for (const next of imports(file)) loaded.add(next);
  assert.deepEqual([...loaded].map((file) => relative(root, file)), ['index.js', join('dist', 'index.js'), join('dist', 'core.js')]);
});

test('the root itself can be imported and required by name', async () => {
  const imported = await import('runledger');
  const required = require('runledger');
  for (const name of [...CLASSES, ...ERRORS, ...TABLES]) {
    assert.equal(imported[name], runledger[name]);
    assert.equal(required[name], runledger[name]);
  }
});

test('importing opens no file, prints nothing and lets the process end', async () => {
  const cwd = tempDir();
  const { code, stdout, stderr } = await run('void runledger;', { cwd });
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' });
  assert.deepEqual(readdirSync(cwd), []);
});


test('with drizzle-orm, tables are Drizzle tables', { skip: skipWithoutDrizzle }, async () => {
  const { getTableConfig } = await import('drizzle-orm/sqlite-core');
  const { name, columns } = getTableConfig(runledger.telemetryEvents);
  assert.equal(name, 'telemetry_events');
  assert.deepEqual(columns.map((column) => column.name), keys.event.map(snake));
});

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const ROWS = { telemetryEvents: 'event', telemetrySessions: 'session', telemetryBuffers: 'buffer', telemetryErrors: 'error', telemetryStats: 'stats',
  telemetryAuditLog: 'audit', telemetryValidationRules: 'rule' };

test('every table has the columns of its rows, each under its property name', () => {
  for (const [table, kind] of Object.entries(ROWS)) {
    for (const property of keys[kind]) assert.equal(runledger[table][property]?.name, snake(property), `${table}.${property}`);
  }
  for (const property of ['id', 'version', 'description', 'migrationScript', 'rollbackScript', 'appliedAt', 'isActive', 'metadata']) {
    assert.equal(runledger.telemetrySchemaVersions[property].name, snake(property));
  }
});

test('without drizzle-orm, tables are frozen descriptions, relations are empty, and everything works', { timeout: 90_000 }, () => {
  const cwd = application();
  writeFileSync(join(cwd, 'app.mjs'), `
    import assert from 'node:assert/strict';
    import * as runledger from 'runledger';
    import { createRequire } from 'node:module';
    assert.throws(() => createRequire(import.meta.url).resolve('drizzle-orm'));
    const column = runledger.telemetryEvents.eventType;
    assert.deepEqual({ ...column, dataType: '' }, { name: 'event_type', dataType: '', notNull: true, hasDefault: false, primary: false, enumValues: ['start', 'stream', 'end', 'error'] });
    const { id, status, prompt } = { ...runledger.telemetrySessions, prompt: runledger.telemetryEvents.prompt };
    assert.deepEqual([id.primary, id.notNull, status.hasDefault, status.notNull, prompt.notNull, prompt.hasDefault], [true, true, true, true, false, false]);
    assert.deepEqual(Object.keys(prompt).filter((key) => key !== 'enumValues').sort(), ['dataType', 'hasDefault', 'name', 'notNull', 'primary']);
    for (const name of ${JSON.stringify(TABLES)}) {
      assert.ok(Object.isFrozen(runledger[name]), name);
      for (const [property, value] of Object.entries(runledger[name])) assert.equal(typeof value.dataType, 'string', name + '.' + property);
    }
    for (const name of ${JSON.stringify(RELATIONS)}) {
      assert.ok(Object.isFrozen(runledger[name]), name);
      assert.deepEqual({ ...runledger[name] }, {});
    }
    const db = new runledger.DrizzleTelemetryDB({ dbPath: ':memory:' });
    const ops = new runledger.DrizzleTelemetryOperations(db);
    await ops.createSession({ id: 's1', agentType: 'a', mode: 'm', startTime: 1 });
    assert.equal((await ops.querySessions()).length, 1);
    await db.close();
  `);
  assert.equal(runFile(join(cwd, 'app.mjs'), [], { cwd }), '');
});

test('the files named by package.json are there', () => {
  const { exports, version, type } = require('../package.json');
  assert.equal(type, 'module');
  assert.match(version, /^\d+\.\d+\.\d+/);
  for (const path of ['.', './connection', './operations', './schema', './types', './sqlite', './drizzle', './database/migrations']) {
    const files = JSON.stringify(exports[path]).match(/\.\/[^"]+/g);
    assert.ok(files?.length > 0, path);
    for (const file of files) assert.ok(existsSync(join(root, file)), `${path}: ${file}`);
  }
});
