// runledger/drizzle (sqlite.md §4) and getDatabase() of the telemetry module (telemetry.md §1, §3, §4, E16).
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Database } from 'runledger/sqlite';
import { drizzle } from 'runledger/drizzle';
import { RunledgerError, telemetryEvents, telemetrySessions } from '../index.js';
import { T, application, cleanUp, ev, openClient, root, runFile, session, skipWithoutDrizzle as skip, tempDir, test } from './support.mjs';

afterEach(cleanUp);

const require = createRequire(import.meta.url);
const { desc, eq, relations, sql } = skip ? {} : await import('drizzle-orm');
const { blob, integer, sqliteTable, text } = skip ? {} : await import('drizzle-orm/sqlite-core');

const schema = skip ? {} : (() => {
  const users = sqliteTable('users', { id: integer('id').primaryKey(), fullName: text(), data: blob('data'), big: blob('big', { mode: 'bigint' }) });
  const posts = sqliteTable('posts', { id: integer('id').primaryKey(), userId: integer('user_id').references(() => users.id), title: text('title').notNull(), seen: integer('seen', { mode: 'boolean' }), at: integer('at', { mode: 'timestamp' }) });
  return {
    users, posts,
    usersRelations: relations(users, ({ many }) => ({ posts: many(posts) })),
    postsRelations: relations(posts, ({ one }) => ({ user: one(users, { fields: [posts.userId], references: [users.id] }) })),
  };
})();

function open(options) {
  const client = new Database(':memory:');
  client.exec('create table users(id integer primary key, full_name text, data blob, big blob); create table posts(id integer primary key, user_id integer references users, title text not null, seen integer, at integer)');
  return drizzle(client, { schema, casing: 'snake_case', ...options });
}

// ---------------------------------------------------------------- runledger/drizzle

test('queries, relations and results are Drizzle’s, and $client is the connection', { skip }, () => {
  const client = new Database(':memory:');
  assert.equal(drizzle(client).$client, client);
  const { users, posts } = schema;
  const db = open();
  assert.deepEqual(db.insert(users).values({ fullName: 'Ada' }).run(), { changes: 1, lastInsertRowid: 1 });
  assert.deepEqual(db.insert(users).values({ fullName: 'Grace', data: Buffer.from([1]) }).returning().get(), { id: 2, fullName: 'Grace', data: Buffer.from([1]), big: null });
  const at = new Date(1_700_000_000_000);
  db.insert(posts).values([{ userId: 1, title: 'one', seen: true, at }, { userId: 1, title: 'two', seen: false }]).run();
  assert.deepEqual(db.select().from(posts).where(eq(posts.userId, 1)).orderBy(desc(posts.id)).all().map(({ title, seen, at }) => [title, seen, at]), [['two', false, null], ['one', true, at]]);
  assert.deepEqual(db.select({ name: users.fullName, title: posts.title }).from(users).leftJoin(posts, eq(posts.userId, users.id)).orderBy(posts.id).all(),
    [{ name: 'Grace', title: null }, { name: 'Ada', title: 'one' }, { name: 'Ada', title: 'two' }]);
  assert.deepEqual(db.query.users.findFirst({ columns: { fullName: true }, with: { posts: { columns: { title: true } } } }).sync(), { fullName: 'Ada', posts: [{ title: 'one' }, { title: 'two' }] });
  assert.equal(db.get(sql`select count(*) as n from ${posts}`).n, 2);
  assert.deepEqual(db.all(sql`select 1 as a`), [{ a: 1 }]);
  assert.deepEqual(db.values(sql`select 1, 2`), [[1, 2]]);
  const prepared = db.select().from(users).where(eq(users.id, sql.placeholder('id'))).prepare();
  assert.deepEqual([prepared.get({ id: 1 }).fullName, prepared.get({ id: 2 }).fullName, prepared.get({ id: 3 })], ['Ada', 'Grace', undefined]);
  assert.equal(db.delete(posts).where(eq(posts.id, 1)).run().changes, 1);
  db.$client.close();
  assert.throws(() => db.select().from(users).all(), (error) => [error.code, error.cause?.code].includes('ERR_NOT_OPEN'));
});

test('queries can be awaited', { skip }, async () => {
  const db = open();
  await db.insert(schema.users).values({ fullName: 'Ada' });
  assert.deepEqual((await db.select().from(schema.users)).map((user) => user.fullName), ['Ada']);
  assert.equal((await db.query.users.findMany({ with: { posts: true } }))[0].posts.length, 0);
});

test('transactions commit, roll back and nest', { skip }, () => {
  const { users } = schema;
  const db = open();
  const names = () => db.select().from(users).all().map((user) => user.fullName);
  assert.equal(db.transaction((tx) => { tx.insert(users).values({ fullName: 'a' }).run(); return 5; }), 5);
  assert.throws(() => db.transaction((tx) => { tx.insert(users).values({ fullName: 'b' }).run(); throw new Error('mine'); }), { message: 'mine' });
  assert.throws(() => db.transaction((tx) => { tx.insert(users).values({ fullName: 'c' }).run(); tx.rollback(); }));
  db.transaction((tx) => {
    tx.insert(users).values({ fullName: 'd' }).run();
    assert.throws(() => tx.transaction((inner) => { inner.insert(users).values({ fullName: 'e' }).run(); throw new Error('inner'); }), { message: 'inner' });
  }, { behavior: 'immediate' });
  assert.deepEqual(names(), ['a', 'd']);
  assert.equal(db.$client.inTransaction, false);
});

test('the logger hears queries and parameters', { skip }, () => {
  const heard = [];
  const db = open({ logger: { logQuery: (query, params) => heard.push([query, params]) } });
  db.select().from(schema.users).where(eq(schema.users.id, 7)).all();
  assert.deepEqual(heard, [['select "id", "full_name", "data", "big" from "users" where "users"."id" = ?', [7]]]);
});

test('what is no Database is refused', { skip }, () => {
  for (const client of [undefined, null, {}, 'x.db']) assert.throws(() => drizzle(client), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
});

test('the same objects are exported, imported or required', () => {
  const required = require('runledger/drizzle');
  assert.equal(required.drizzle, drizzle);
  assert.equal(required.RunledgerError, RunledgerError);
  assert.deepEqual(Object.keys(required).filter((name) => name !== '__esModule').sort(), ['RunledgerError', 'drizzle']);
});

// ---------------------------------------------------------------- getDatabase()

for (const dbPath of ['file', ':memory:']) {
  test(`getDatabase() queries the telemetry of a client (${dbPath})`, { skip }, async () => {
    const { ops, db: client } = await openClient(dbPath === 'file' ? {} : { dbPath });
    await ops.insertEventBatch([ev({ eventType: 'start' }), ev({ streamData: 'x' })]);
    const db = await ops.getDatabase();
    assert.deepEqual(db.select().from(telemetryEvents).orderBy(telemetryEvents.id).all(), (await ops.queryEvents({ orderBy: 'created_at_asc' })).sort((a, b) => a.id - b.id));
    const found = db.query.telemetrySessions.findFirst({ with: { events: true } }).sync();
    assert.deepEqual([found.id, found.events.map((event) => event.eventType)], ['s1', ['start', 'stream']]);
    assert.deepEqual(db.query.telemetryEvents.findFirst({ with: { session: true, errors: true } }).sync().session.id, 's1');
    // Writes of either are read by the other at once.
    db.transaction((tx) => tx.insert(telemetrySessions).values({ id: 's2', agentType: 'a', mode: 'm', startTime: T }).run());
    assert.equal((await ops.getSession('s2')).agentType, 'a');
    await ops.createSession(session({ id: 's3' }));
    assert.equal(db.select().from(telemetrySessions).all().length, 3);
    assert.throws(() => db.insert(telemetryEvents).values(ev({ sessionId: 'ghost' })).run(), (error) => /FOREIGN KEY/.test(`${error.message} ${error.cause?.message}`));
    assert.equal((await client.getDatabase()).$client, db.$client, 'a client has one connection');
  });
}

test('its connection has the settings of the client', async () => {
  const settings = (client) => Object.fromEntries(['foreign_keys', 'busy_timeout', 'synchronous', 'temp_store', 'cache_size', 'mmap_size', 'journal_size_limit', 'journal_mode'].map((name) => [name, client.pragma(name, { simple: true })]));
  const { db, path } = await openClient({ queryTimeoutMs: 1234 });
  const { $client } = await db.getDatabase();
  assert.ok($client instanceof Database);
  assert.deepEqual([$client.name, $client.memory, $client.readonly, $client.open], [path, false, false, true]);
  assert.deepEqual({ ...settings($client), mmap_size: 0 }, { foreign_keys: 1, busy_timeout: 1234, synchronous: 1, temp_store: 2, cache_size: -16000, mmap_size: 0, journal_size_limit: 67108864, journal_mode: 'wal' });
  const other = await openClient({ queryTimeoutMs: 0, enableForeignKeys: false, durability: 'full', journalMode: 'delete' });
  assert.deepEqual({ ...settings((await other.db.getDatabase()).$client), mmap_size: 0 }, { foreign_keys: 0, busy_timeout: 30000, synchronous: 2, temp_store: 2, cache_size: -16000, mmap_size: 0, journal_size_limit: 67108864, journal_mode: 'delete' });
});

test('close() closes a kept $client, even in the middle of an iteration, and leaves no WAL', async () => {
  const { db, ops, dir } = await openClient();
  await ops.insertEventBatch([ev(), ev()]);
  const { $client } = await db.getDatabase();
  const rows = $client.prepare('select * from telemetry_events').iterate();
  rows.next();
  await db.close();
  assert.equal($client.open, false);
  assert.throws(() => $client.prepare('select 1'), { code: 'ERR_NOT_OPEN' });
  assert.throws(() => rows.next(), { code: 'ERR_NOT_OPEN' });
  assert.deepEqual(readdirSync(dir), ['t.db']);
  await ops.insertEvent(ev());
  assert.equal($client.open, false, 'it is not revived');
  const again = await db.getDatabase();
  assert.notEqual(again.$client, $client);
  assert.equal(again.$client.prepare('select count(*) from telemetry_events').pluck().get(), 3);
});

test('an open transaction of $client is rolled back by close(), and does not keep the last flush from the file', async () => {
  const { db, ops } = await openClient();
  const { $client } = await db.getDatabase();
  await ops.insertEventBuffer([ev()]);
  $client.exec("begin immediate; delete from telemetry_sessions");
  await db.close();
  assert.equal((await ops.querySessions()).length, 1);
  assert.equal((await ops.queryEvents()).length, 1);
});

test('after $client.close() the next getDatabase() has another one', async () => {
  const { db } = await openClient();
  const first = await db.getDatabase();
  first.$client.close();
  const [second, third] = await Promise.all([db.getDatabase(), db.getDatabase()]);
  assert.equal(second.$client.open, true);
  assert.equal(second.$client, third.$client);
});

test('getDatabase() opens on demand, before or after close()', async () => {
  const { db } = await openClient({}, { sessions: [] });
  const closing = db.close();
  const opened = db.getDatabase();
  await closing;
  const { $client } = await opened;
  assert.equal($client.open, true);
  assert.equal($client.prepare("select count(*) from sqlite_master where name = 'telemetry_events'").pluck().get(), 1);
});

test('a database in memory is that of its client only', async () => {
  const [one, two] = [await openClient({ dbPath: ':memory:' }), await openClient({ dbPath: ':memory:' })];
  const clients = [(await one.db.getDatabase()).$client, (await two.db.getDatabase()).$client];
  clients[0].exec("delete from telemetry_sessions");
  assert.deepEqual([(await one.ops.querySessions()).length, (await two.ops.querySessions()).length], [0, 1]);
  assert.deepEqual([clients[0].memory, clients[0].name], [true, ':memory:']);
  const path = join(tempDir(), 'copy.db');
  await clients[1].backup(path);
  const copy = new Database(path);
  assert.equal(copy.prepare('select id from telemetry_sessions').pluck().get(), 's1');
  copy.close();
});

test('client and $client write in turns, also in memory', async () => {
  for (const config of [{}, { dbPath: ':memory:' }]) {
    const { db, ops } = await openClient(config);
    const { $client } = await db.getDatabase();
    const insert = $client.prepare("insert into telemetry_events(session_id, event_type, agent_type, mode, timestamp) values ('s1', 'stream', 'a', 'm', ?)");
    const pending = [];
    for (let i = 0; i < 50; i++) {
      pending.push(ops.insertEvent(ev({ timestamp: T + i })));
      if (i % 5 === 0) await Promise.all(pending.splice(0));
      insert.run(T - i);
    }
    await Promise.all(pending);
    assert.equal($client.prepare('select count(*) from telemetry_events').pluck().get(), 100);
    assert.equal((await ops.queryEvents()).length, 100);
  }
});

test('E16d what is deleted through $client is found by verifyStatistics and mended by refreshAllSessionStats', async () => {
  const { ops } = await openClient({}, { sessions: ['s1', 's2', 's3'] });
  await ops.insertEventBatch(Array.from({ length: 60 }, (_, i) => ev({ sessionId: `s${i % 3 + 1}`, timestamp: T + i })));
  assert.equal((await ops.verifyStatistics()).ok, true);
  const { $client } = await ops.getDatabase();
  assert.equal($client.prepare('delete from telemetry_events where id = (select min(id) from telemetry_events)').run().changes, 1);
  assert.equal((await ops.verifyStatistics()).ok, false);
  assert.deepEqual(await ops.refreshAllSessionStats(), { updated: 3, errors: 0 });
  const after = await ops.verifyStatistics();
  assert.deepEqual([after.ok, after.mismatches], [true, []]);
});

// ---------------------------------------------------------------- tables that are made when they are looked at

/** Runs a module in a process of its own, in which nobody has looked at a table yet. It finds what this package finds. */
function inNewProcess(source) {
  mkdirSync(join(root, 'target'), { recursive: true });
  const dir = mkdtempSync(join(root, 'target', 'first-look-'));
  try {
    writeFileSync(join(dir, 'app.mjs'), source);
    assert.equal(runFile(join(dir, 'app.mjs'), [], { cwd: dir }), '');
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const FIRST_LOOKS = {
  'its keys': 'assert.deepEqual(Object.keys(telemetryEvents).slice(0, 3), ["id", "sessionId", "eventType"])',
  'a copy of it': 'assert.equal({ ...telemetryEvents }.sessionId.name, "session_id")',
  'whether it has a column': 'assert.ok("sessionId" in telemetryEvents && !("nothing" in telemetryEvents) && Object.hasOwn(telemetryErrors, "id"))',
  'its class': 'assert.ok(is(telemetryEvents, SQLiteTable) && is(telemetrySessions, Table) && telemetryErrors instanceof Required.SQLiteTable)',
  'its prototype': 'assert.equal(Object.getPrototypeOf(telemetryEvents), Required.SQLiteTable.prototype)',
  'its symbols': 'assert.equal(getTableName(telemetryEvents), "telemetry_events"); assert.ok(Object.getOwnPropertySymbols(telemetrySessions).length > 3)',
  'its columns': 'assert.deepEqual(Object.keys(getTableColumns(telemetryEvents)), Object.keys(getTableColumns(telemetryEvents)))',
  'its configuration': 'assert.equal(getTableConfig(telemetryErrors).foreignKeys.length, 2); assert.equal(getTableConfig(telemetryErrors).foreignKeys[0].reference().foreignTable, telemetrySessions)',
  'the table of its column': 'assert.equal(telemetryEvents.id.table, telemetryEvents)',
  'an alias of it': 'assert.equal(alias(telemetryEvents, "e").id.table[Table.Symbol.Name], "e")',
  'how the console shows it': 'assert.match(inspect(telemetryEvents), /session_id/)',
  'a column that is set': 'telemetryEvents.note = 1; assert.deepEqual([telemetryEvents.note, telemetryEvents.id.name], [1, "id"])',
  'its relations': 'assert.ok(is(telemetrySessionsRelations, Relations)); assert.equal(telemetrySessionsRelations.table, telemetrySessions)',
  'a relation of an application': `
    const notes = sqliteTable('notes', { id: text('id').primaryKey(), sessionId: text('session_id') });
    const { tables } = extractTablesRelationalConfig({ notes, telemetrySessions,
      notesRelations: relations(notes, ({ one }) => ({ session: one(telemetrySessions, { fields: [notes.sessionId], references: [telemetrySessions.id] }) })) }, createTableRelationsHelpers);
    assert.equal(tables.notes.relations.session.referencedTable, telemetrySessions)`,
};

for (const [look, check] of Object.entries(FIRST_LOOKS)) {
  test(`a table is Drizzle’s, whatever is the first that is looked at: ${look}`, { skip }, () => {
    inNewProcess(`
      import assert from 'node:assert/strict';
      import { inspect } from 'node:util';
      import { Relations, Table, createTableRelationsHelpers, extractTablesRelationalConfig, getTableColumns, getTableName, is, relations } from 'drizzle-orm';
      import { SQLiteTable, alias, getTableConfig, sqliteTable, text } from 'drizzle-orm/sqlite-core';
      import { createRequire } from 'node:module';
      import { telemetryErrors, telemetryEvents, telemetrySessions, telemetrySessionsRelations } from 'runledger';
      const Required = createRequire(import.meta.url)('drizzle-orm/sqlite-core');
      ${check};
    `);
  });
}

test('importing the package does not load drizzle-orm; looking at a table does', { skip }, () => {
  inNewProcess(`
    import assert from 'node:assert/strict';
    import { createRequire } from 'node:module';
    import { telemetryEvents } from 'runledger';
    const loaded = () => Object.keys(createRequire(import.meta.url).cache).filter((file) => file.includes('drizzle-orm')).length;
    assert.equal(loaded(), 0);
    void telemetryEvents.id;
    assert.ok(loaded() > 0);
  `);
});

// ---------------------------------------------------------------- without the peer

test('without drizzle-orm only what needs it fails, and says what to do', { timeout: 90_000 }, () => {
  const cwd = application();
  writeFileSync(join(cwd, 'app.mjs'), `
    import assert from 'node:assert/strict';
    import { createRequire } from 'node:module';
    import { drizzle, RunledgerError } from 'runledger/drizzle';
    import { Database } from 'runledger/sqlite';
    import { DrizzleTelemetryDB } from 'runledger';
    assert.throws(() => createRequire(import.meta.url).resolve('drizzle-orm'));
    const missing = (error) => {
      assert.ok(error instanceof RunledgerError);
      assert.equal(error.code, 'DRIZZLE_NOT_INSTALLED');
      assert.equal(error.message, 'drizzle-orm is not installed; run: npm install drizzle-orm');
      return true;
    };
    assert.throws(() => drizzle(new Database()), missing);
    const db = new DrizzleTelemetryDB({ dbPath: ':memory:' });
    const database = await db.getDatabase();
    assert.ok(database.$client instanceof Database);
    assert.equal(database.$client.prepare('select count(*) from telemetry_events').pluck().get(), 0);
    assert.equal(database.then, undefined);
    for (const name of ['select', 'query', 'transaction', 'whatever']) assert.throws(() => database[name], missing);
    assert.equal(typeof String(Object.prototype.toString.call(database)), 'string');
    await db.close();
    assert.equal(database.$client.open, false);
  `);
  assert.equal(runFile(join(cwd, 'app.mjs'), [], { cwd }), '');
});
