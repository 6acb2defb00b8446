// runledger/instances: encrypted configuration (instances.md §6). Where the key comes from, and that what is secret is in no file,
// no log, no error and no backup.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach } from 'node:test';
import { initializeDatabase } from '../dist/instances.js';
import { fails, listener, openDatabase, sql } from './fixtures/instances.mjs';
import { cleanUp, run, skipOnWindows, tempDir, test } from './support.mjs';

afterEach(cleanUp);

const HEX = Array.from({ length: 32 }, (_, index) => index.toString(16).padStart(2, '0')).join('');
const SECRET = 'correct-horse-battery-staple';

const cell = (path, key = 't') => sql(path, 'SELECT value, encrypted FROM user_config WHERE key = ?', key)[0];

/** Every file of a directory that holds `text`. */
const holding = (dir, text) => readdirSync(dir).filter((name) => readFileSync(join(dir, name)).includes(text));

test('the key may be given as digits, as base64 with or without padding, or as bytes: it is the same key', async () => {
  const bytes = Buffer.from(HEX, 'hex');
  const dir = tempDir();
  const forms = [HEX, HEX.toUpperCase(), bytes.toString('base64'), bytes.toString('base64url'), new Uint8Array(bytes), bytes];
  for (const [index, key] of forms.entries()) {
    const { db } = await openDatabase({ encryption: { key } }, { dir, ids: [] });
    if (index === 0) await db.setConfig('t', SECRET, true);
    assert.equal(await db.getConfig('t'), SECRET, String(key));
    await db.disconnect();
  }
  assert.ok(!existsSync(join(dir, 'x.db.key')), 'a given key is nobody else\'s business');
});

test('the configuration comes before the environment, and that before the file', async () => {
  const dir = tempDir();
  const url = JSON.stringify(new URL('../dist/instances.js', import.meta.url).href);
  const script = (config) => `const { initializeDatabase } = await import(${url});
    const db = await initializeDatabase({ local: { file: ${JSON.stringify(join(dir, 'x.db'))} }, encryption: ${config} });
    console.log(JSON.stringify(await db.getConfig('t').catch((error) => error.details.reason)));
    await db.disconnect();`;
  const { db } = await openDatabase({ encryption: { key: HEX } }, { dir, ids: [] });
  await db.setConfig('t', SECRET, true);
  await db.disconnect();
  const seen = async (config, env) => JSON.parse((await run(script(config), { env })).stdout);
  const other = '11'.repeat(32);
  assert.equal(await seen('{}', { RUNLEDGER_ENCRYPTION_KEY: HEX }), SECRET);
  assert.equal(await seen('{}', { RUNLEDGER_ENCRYPTION_KEY: '' }), 'decrypt');
  assert.equal(await seen(`{ key: '${HEX}' }`, { RUNLEDGER_ENCRYPTION_KEY: other }), SECRET);
  writeFileSync(join(dir, 'x.db.key'), other);
  assert.equal(await seen('{}', { RUNLEDGER_ENCRYPTION_KEY: HEX }), SECRET);
  assert.equal(await seen('{}', {}), 'decrypt');
  writeFileSync(join(dir, 'x.db.key'), `${HEX}\n`);
  assert.equal(await seen('{}', {}), SECRET);
});

test('a lost key is not replaced by a second one while there are values that only it opens', async () => {
  const { db, dir, path } = await openDatabase();
  const { rmSync } = await import('node:fs');
  await db.setConfig('plain', 'p');
  assert.ok(!existsSync(`${path}.key`), 'no key before it is needed');
  await db.setConfig('t', SECRET, true);
  await db.disconnect();
  rmSync(`${path}.key`);
  const before = cell(path);
  const { db: again } = await openDatabase({}, { dir, ids: [] });
  await fails(() => again.getConfig('t'), 'DATABASE_QUERY_FAILED', { key: 't', reason: 'decrypt' });
  const error = await fails(() => again.setConfig('u', SECRET, true), 'DATABASE_OPERATION_FAILED', { key: 'u', encrypted: true });
  assert.match(error.message, /their key is missing/);
  assert.ok(!existsSync(`${path}.key`));
  assert.deepEqual(cell(path), before);
  assert.equal(await again.getConfig('plain'), 'p');
  await again.deleteConfig('t');
  await again.setConfig('u', SECRET, true);
  assert.ok(existsSync(`${path}.key`), 'nothing is lost any more: a new key may be made');
});

test('a key file that holds no key is an error without its text', async () => {
  const { db, path } = await openDatabase();
  writeFileSync(`${path}.key`, 'my secret passphrase');
  const error = await fails(() => db.setConfig('t', SECRET, true), 'DATABASE_OPERATION_FAILED');
  assert.match(error.message, /does not hold 64 hexadecimal digits/);
  assert.ok(!JSON.stringify([error, error.stack, error.cause?.message]).match(/passphrase|staple/));
  assert.equal(readFileSync(`${path}.key`, 'utf8'), 'my secret passphrase');
});

test('a key file that others can read is used, with a warning', { skip: skipOnWindows }, async () => {
  const { heard, logger } = listener();
  const { db, path } = await openDatabase({ logger });
  writeFileSync(`${path}.key`, HEX);
  chmodSync(`${path}.key`, 0o644);
  await db.setConfig('t', SECRET, true);
  assert.equal(await db.getConfig('t'), SECRET);
  const warnings = heard.filter(([level]) => level === 'warn').map(([, message]) => message);
  assert.deepEqual(warnings, [`the key file ${path}.key can be read by others`]);
  assert.equal(statSync(`${path}.key`).mode & 0o777, 0o644, 'its mode is its owner\'s affair');
});

test('every value comes back, and no cell tells two equal ones apart', async () => {
  const { db, path } = await openDatabase();
  for (const value of ['', '\0', '😀', 'enc:v1:not one', 'x'.repeat(200_000)]) {
    await db.setConfig('t', value, true);
    assert.equal(await db.getConfig('t'), value);
    assert.match(cell(path).value, /^enc:v1:[A-Za-z0-9_-]+$/);
    await db.setConfig('t', value);
    assert.deepEqual([await db.getConfig('t'), cell(path)], [value, { value, encrypted: 0 }]);
  }
});

test('a cell that is copied to another name, or damaged, does not open', async () => {
  const { db, path } = await openDatabase();
  await db.setConfig('t', SECRET, true);
  sql(path, "INSERT INTO user_config (key, value, encrypted) SELECT 'copy', value, 1 FROM user_config WHERE key = 't'");
  sql(path, "INSERT INTO user_config (key, value, encrypted) SELECT 'cut', substr(value, 1, 40), 1 FROM user_config WHERE key = 't'");
  for (const key of ['copy', 'cut']) await fails(() => db.getConfig(key), 'DATABASE_QUERY_FAILED', { key, reason: 'decrypt' });
});

test('plain text of an older file is read as it is, and is gone from the file once it was encrypted', async () => {
  const { db, dir, path } = await openDatabase();
  const long = SECRET.repeat(2000);
  sql(path, "INSERT INTO user_config (key, value, encrypted) VALUES ('t', ?, 1), ('long', ?, 1)", SECRET, long);
  assert.deepEqual([await db.getConfig('t'), await db.getConfig('long')], [SECRET, long]);
  await db.setConfig('t', SECRET, true);
  await db.setConfig('long', long, true);
  assert.deepEqual([await db.getConfig('t'), await db.getConfig('long')], [SECRET, long]);
  await db.disconnect();
  assert.deepEqual(holding(dir, SECRET), []);
});

test('a secret is in no file, no log, no error and no backup', async () => {
  const { heard, logger } = listener();
  const { db, dir, path } = await openDatabase({ local: { logQueries: true }, logger });
  for (let time = 0; time < 3; time++) await db.setConfig('t', SECRET, true);
  await db.setConfig('open', 'for everybody');
  await db.getConfig('t');
  sql(path, "CREATE TRIGGER no BEFORE UPDATE ON user_config BEGIN SELECT raise(ABORT, 'no'); END");
  const errors = [
    await fails(() => db.setConfig('t', SECRET, true), 'DATABASE_OPERATION_FAILED', { key: 't', encrypted: true }),
    await fails(() => db.setConfig('', SECRET, true), 'DATABASE_OPERATION_FAILED'),
    await fails(() => db.setConfig('t', { [SECRET]: SECRET }, true), 'DATABASE_OPERATION_FAILED'),
  ];
  await db.backup(join(dir, 'copy.db'));
  const report = await db.runMaintenance();
  assert.ok(holding(dir, 'for everybody').length >= 3, 'the search finds what is there');
  assert.deepEqual(holding(dir, SECRET), []);
  await db.disconnect();
  assert.deepEqual(holding(dir, SECRET), []);
  assert.ok(!readdirSync(dir).some((name) => name.startsWith('copy.db.key') || name.startsWith(`${report.backup}.key`)));
  const told = JSON.stringify([heard, errors, errors.map((error) => [error.stack, error.message, String(error.cause)])]);
  assert.ok(!told.includes(SECRET));
  assert.ok(heard.some(([level, message]) => level === 'debug' && message.includes('user_config')), 'queries were logged');
});

test('a database in memory has a key of the process, or its own', async () => {
  const open = (config) => initializeDatabase({ local: { file: ':memory:' }, ...config });
  const before = readdirSync('.');
  for (const config of [{}, { encryption: { key: HEX } }]) {
    const db = await open(config);
    await db.setConfig('t', SECRET, true);
    assert.equal(await db.getConfig('t'), SECRET);
    await db.disconnect();
  }
  assert.deepEqual(readdirSync('.'), before);
});
