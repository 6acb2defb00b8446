// The types, as an application under --strict meets them: telemetry.md §1, §2; the last part of E1.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp, root, skipTsc as skip, skipWithoutDrizzle, test } from './support.mjs';
import { compile } from './fixtures/compile.mjs';

afterEach(cleanUp);

/** What a reader of the README has in hand when a snippet does not make it itself. */
const given = `
import type { DrizzleTelemetryDB, DrizzleTelemetryOperations, NewTelemetryEvent } from 'runledger';
declare global {
  const db: DrizzleTelemetryDB;
  const operations: DrizzleTelemetryOperations;
  const ops: DrizzleTelemetryOperations;
  const event: NewTelemetryEvent;
  const events: NewTelemetryEvent[];
}
`;

test('E01f every TypeScript snippet of the README compiles under --strict, under both package names', { skip, timeout: 180_000 }, () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const snippets = [...readme.matchAll(/^```(?:ts|typescript)\s*\n([\s\S]*?)^```/gm)].map((match) => match[1]);
  assert.ok(snippets.length >= 8, `${snippets.length} snippets`);
  assert.ok(snippets.some((text) => /insertEventBatch/.test(text)) && snippets.some((text) => /getStatistics/.test(text)));
  const files = { 'given.d.mts': given };
  snippets.forEach((text, i) => {
    files[`snippet-${i + 1}.mts`] = `${text}\nexport {};\n`;
    if (/['"]runledger['"]/.test(text)) files[`snippet-${i + 1}-alias.mts`] = `${text.replaceAll(/(['"])runledger\1/g, "'@vibe-kit/db'")}\nexport {};\n`;
  });
  assert.deepEqual(compile(files), []);
});

test('code written for @vibe-kit/db compiles unchanged', { skip, timeout: 180_000 }, () => {
  assert.deepEqual(compile({ 'app.mts': `
import {
  DrizzleTelemetryDB, DrizzleTelemetryOperations, getTelemetryDB, initializeTelemetryDB, closeTelemetryDB, DEFAULT_DB_CONFIG, ValidationError,
  type DrizzleTelemetryConfig, type TelemetrySession, type TelemetryEvent, type NewTelemetryEvent, type NewTelemetrySession, type SessionWithEvents,
  type BatchInsertResult, type TelemetryStatsSummary, type DatabaseMetrics, type QueryMetrics, type TelemetryQueryFilter, type SessionQueryFilter,
  type TelemetryError, type NewTelemetryError, type TelemetryBuffer, type NewTelemetryBuffer, type MigrationResult,
} from '@vibe-kit/db';
import { telemetryEvents } from '@vibe-kit/db/schema';
import { DrizzleTelemetryConnectionError } from '@vibe-kit/db/types';

const config: DrizzleTelemetryConfig = { dbPath: ':memory:', enableForeignKeys: false, streamBatchSize: 10, pruneDays: 7, maxSizeMB: 1000 };
const db = new DrizzleTelemetryDB(config);
await db.initialize();
const operations = new DrizzleTelemetryOperations(db);
const fresh: NewTelemetrySession = { id: 's', agentType: 'claude', mode: 'code', status: 'active', startTime: Date.now(), metadata: { userId: 'u' } };
const none: void = await operations.createSession(fresh);
const sessions: TelemetrySession[] = await operations.querySessions({ agentType: 'claude', status: ['active', 'error'], fromTime: 1, limit: 10 } satisfies SessionQueryFilter);
await operations.updateSession('s', { status: 'error', endTime: Date.now(), duration: 45000 });
const details: SessionWithEvents | null = await operations.getSessionWithEvents('s');
const event: NewTelemetryEvent = { sessionId: 's', eventType: 'stream', agentType: 'claude', mode: 'code', prompt: 'p', timestamp: 1, metadata: { model: 'm' } };
const stored: TelemetryEvent = await operations.insertEvent(event);
const text: string | null = stored.metadata;
const batch: BatchInsertResult = await operations.insertEventBatch([event]);
const filter: TelemetryQueryFilter = { sessionId: 's', eventType: 'stream', category: 'claude', from: 1, to: 2, limit: 100, offset: 0 };
const events: TelemetryEvent[] = await operations.queryEvents(filter);
const deleted: number = await operations.deleteEvents({ agentType: 'x' }) + await operations.deleteEventsBefore(5);
const stats: TelemetryStatsSummary = await operations.getStatistics();
const metrics: DatabaseMetrics = await operations.getPerformanceMetrics();
const history: QueryMetrics[] = db.getQueryHistory();
const buffer: NewTelemetryBuffer = { sessionId: 's', bufferData: '[]' };
await operations.upsertBuffer(buffer);
const problem: NewTelemetryError = { sessionId: 's', errorType: 't', errorMessage: 'm', stackTrace: 'st' };
await operations.logError(problem);
const recentErrors: TelemetryError[] = await operations.getRecentErrors(10);
const buffers: TelemetryBuffer[] = await operations.queryBuffers();
for await (const row of operations.iterateEvents(filter, { pageSize: 10, signal: new AbortController().signal })) row.id.toFixed();
const same: DrizzleTelemetryDB = getTelemetryDB(config);
await initializeTelemetryDB(); await closeTelemetryDB('x.db');
const defaults: string | undefined = DEFAULT_DB_CONFIG.dbPath;
const column = telemetryEvents.eventType;
try { await operations.vacuum(); } catch (error) {
  if (error instanceof ValidationError) { const field: string | undefined = error.field; }
  if (error instanceof DrizzleTelemetryConnectionError) { const code: string = error.code; }
}
export { none, sessions, details, text, batch, events, deleted, stats, metrics, history, recentErrors, buffers, same, defaults, column };
export type R = MigrationResult;
` }), []);
});

test('metadataFormat "object" shows in the types of the rows, and the new options are known', { skip, timeout: 180_000 }, () => {
  assert.deepEqual(compile({ 'app.mts': `
import { DrizzleTelemetryDB, DrizzleTelemetryOperations } from 'runledger';
await using db = new DrizzleTelemetryDB({ metadataFormat: 'object', autoCreateSessions: true, audit: 'all', durability: 'full', journalMode: 'delete', logger: console });
const ops = new DrizzleTelemetryOperations(db);
const { metadata } = (await ops.queryEvents())[0]!;
const wide: string | Record<string, any> | any[] | null = metadata;
// @ts-expect-error an object row's metadata is not only text
const narrow: string | null = metadata;
// @ts-expect-error an event type is one of four
await ops.insertEvent({ sessionId: 's', eventType: 'bad', agentType: 'a', mode: 'm', timestamp: 1 });
// @ts-expect-error a session id is required
await ops.insertEvent({ eventType: 'start', agentType: 'a', mode: 'm', timestamp: 1 });
// @ts-expect-error an unknown mode of the journal
new DrizzleTelemetryDB({ journalMode: 'off' });
export { wide, narrow };
` }), []);
});

test('rows of a prepared statement have the type that was named, and misuse of runledger/sqlite does not compile', { skip, timeout: 180_000 }, () => {
  assert.deepEqual(compile({ 'app.mts': `
import Default, { Database, SqliteError, RunledgerError, sqliteVersion, type BindArgs, type ColumnInfo, type OpenOptions, type RunResult, type SqlValue, type Statement, type Transaction } from 'runledger/sqlite';
using db = new Database('x.db', { readonly: false, timeout: 100, verbose: (sql: string) => console.log(sql) } satisfies OpenOptions);
const other: Database = new Default();
const find: Statement<{ id: number; name: string }> = db.prepare<{ id: number; name: string }>('select * from users where id = ?');
const name: string | undefined = find.get(1)?.name;
const ids: number[] = find.all(1n, 'x', null, undefined, new Uint8Array(1), [1, 2], { a: 1 }).map((row) => row.id);
for (const row of find.iterate()) row.name.toUpperCase();
const loose = db.prepare('select 1').get();
loose.anything;
const { changes, lastInsertRowid }: RunResult = db.prepare('x').run();
const columns: ColumnInfo[] = find.columns();
const chained: Statement<{ id: number; name: string }> = find.raw().pluck(false).safeIntegers().bind(1);
const add: Transaction<[a: string, b: number], boolean> = db.transaction((a: string, b: number) => a.length > b);
const yes: boolean = add('x', 1) && add.immediate('x', 1) && add.default.exclusive('x', 1);
const same: Database = db.exec('x').defaultSafeIntegers();
const copied: { totalPages: number; remainingPages: 0 } = await db.backup('y.db');
const facts: [string, boolean] = [sqliteVersion, db.inTransaction];
const value: SqlValue = Buffer.from('x');
const args: BindArgs = [1, { a: null }];
try { db.close(); } catch (error) {
  if (error instanceof SqliteError) { const raw: number = error.rawCode; const code: string = error.extendedCode; const at: number | undefined = error.offset; }
  if (error instanceof RunledgerError) { const code: string = error.code; }
}
// @ts-expect-error a path is a text
new Database(5);
// @ts-expect-error a boolean cannot be bound
find.get(true);
// @ts-expect-error a Date cannot be bound
find.get({ a: new Date() });
// @ts-expect-error the row has no such column
find.get()?.nothing;
// @ts-expect-error the row may be missing
find.get().name;
// @ts-expect-error the argument is a number
add('x', 'y');
// @ts-expect-error misspelled
new Database('x', { readOnly: true });
// @ts-expect-error not there
db.loadExtension('x');
// @ts-expect-error read only
db.open = false;
export { other, name, ids, changes, lastInsertRowid, columns, chained, yes, same, copied, facts, value, args };
` }), []);
});

test('the application database: its quick start compiles, rows have the type that was named, and misuse does not compile', { skip, timeout: 180_000 }, () => {
  assert.deepEqual(compile({ 'app.mts': `
import { AppDatabase, AppDatabaseError, initDatabase, MigrationError, RunledgerError, type DatabaseOptions } from 'runledger/database';
import { discoverMigrationsSync, MigrationRunner, type Migration, type MigrationResult } from 'runledger/database/migrations';
import type { Database, Statement } from 'runledger/sqlite';
const migrations: Migration[] = [{ version: 1, name: 'tasks', up: (db) => db.exec('CREATE TABLE tasks (id INTEGER PRIMARY KEY)'), down: (db: Database): void => { db.exec('DROP TABLE tasks'); } }];
const options: DatabaseOptions = { path: 'data/app.db', migrations, module: 'shop', onMigrationError: 'log', logger: console };
using db: AppDatabase = initDatabase(options);
using other = new AppDatabase();
const results: readonly MigrationResult[] = db.migrationResults;
const path: string = db.path;
interface Task { id: number; title: string }
const all: Statement<Task> = db.prepare<Task>('SELECT * FROM tasks');
const titles: string[] = all.all().map((task) => task.title);
const first: Task | undefined = db.prepare<Task>('SELECT * FROM tasks').get();
db.prepare('SELECT 1').get().anything;
const seven: number = db.transaction((c) => { c.prepare('x').run(1, 'a', null); return 7; });
const word: 'a' | 'b' = db.transaction((c: Database) => (c.inTransaction ? 'a' : 'b'));
const nothing: void = db.exec('SELECT 1');
const facts: [boolean, number, Database] = [db.isHealthy(), db.getSchemaVersion(), db.connection];
const builtIn: Migration[] = discoverMigrationsSync();
const applied: MigrationResult[] = new MigrationRunner(db.connection).runMigrations(builtIn, { dryRun: true });
try { db.close(); } catch (error) {
  if (error instanceof AppDatabaseError) { const code: string = error.code; const cause: unknown = error.cause; }
  if (error instanceof MigrationError) { const module: string = error.module; const version: number | undefined = error.version; }
  if (error instanceof RunledgerError) { const details: Readonly<Record<string, unknown>> | undefined = error.details; }
}
// @ts-expect-error the row may be missing
db.prepare<Task>('x').get().title;
// @ts-expect-error the row has no such column
db.prepare<Task>('x').all()[0]?.nothing;
// @ts-expect-error a Date cannot be bound
all.get(new Date());
// @ts-expect-error the value is a number
const wrong: string = db.transaction(() => 7);
// @ts-expect-error one of two
initDatabase({ onMigrationError: 'ignore' });
// @ts-expect-error a path is a text
initDatabase({ path: 5 });
// @ts-expect-error misspelled
initDatabase({ readOnly: true });
// @ts-expect-error up is missing
initDatabase({ migrations: [{ version: 1, name: 'a' }] });
// @ts-expect-error a migration is a function, not SQL
initDatabase({ migrations: [{ version: 1, name: 'a', up: 'CREATE TABLE a (x)' }] });
// @ts-expect-error read only
db.path = 'x';
// @ts-expect-error read only
db.migrationResults = [];
export { other, results, path, titles, first, seven, word, nothing, facts, applied };
` }), []);
});

test('a Drizzle database knows its schema, that of getDatabase() the telemetry schema', { skip: skip || skipWithoutDrizzle, timeout: 180_000 }, () => {
  assert.deepEqual(compile({ 'app.mts': `
import { eq } from 'drizzle-orm';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { DrizzleTelemetryDB, telemetryEvents } from 'runledger';
import { drizzle, type DrizzleOptions } from 'runledger/drizzle';
import { Database } from 'runledger/sqlite';
const users = sqliteTable('users', { id: integer('id').primaryKey(), name: text('name').notNull() });
const options: DrizzleOptions<{ users: typeof users }> = { schema: { users }, logger: true, casing: 'snake_case' };
const db = drizzle(new Database(), options);
const rows: { id: number; name: string }[] = db.select().from(users).where(eq(users.id, 1)).all();
const first: { id: number; name: string } | undefined = db.query.users.findFirst().sync();
const client: Database = db.$client;
const telemetry = await new DrizzleTelemetryDB().getDatabase();
const kinds: ('start' | 'stream' | 'end' | 'error')[] = telemetry.select().from(telemetryEvents).all().map((event) => event.eventType);
const session = telemetry.query.telemetrySessions.findFirst({ with: { events: true } }).sync();
const count: number | undefined = session?.events.length;
const same: Database = telemetry.$client;
// @ts-expect-error no such table
db.query.nothing;
// @ts-expect-error a name is a text
db.insert(users).values({ name: 5 });
// @ts-expect-error an event has no such column
telemetry.select().from(telemetryEvents).all()[0]?.nothing;
// @ts-expect-error a path is no client
drizzle('x.db');
export { rows, first, client, kinds, count, same };
` }), []);
});

test('misuse of runledger/usage does not compile', { skip, timeout: 180_000 }, () => {
  assert.deepEqual(compile({ 'app.mts': `
import * as usage from 'runledger/usage';
import { MigrationRunner, type Migration, type MigrationRecord, type MigrationStatus, type ValidationReport } from 'runledger/usage/migrations';
import type { Database } from 'runledger/sqlite';
import type { NewUsageSnapshot, UsageConfig, UsageOptions, UsagePlan, UsageSnapshot, UsageError } from 'runledger/usage';
const options: UsageOptions = { path: 'x.db', missingSession: 'create', logger: console, onError: (error: UsageError, operation: string) => console.log(error.code, operation) };
usage.initDatabase(options);
const plan: UsagePlan | undefined = usage.getUsageConfig()?.plan;
const config: UsageConfig | null = usage.getUsageConfig();
const updated: boolean = usage.updateUsageConfig({ plan: 'pro', reset_hour: null, custom_limit_tokens: undefined }) && usage.resetUsageConfig() && usage.validateDatabase();
const given: NewUsageSnapshot = { session_id: 's', snapshot_data: '{}' };
const stored: UsageSnapshot | null = usage.insertUsageSnapshot({ ...given, snapshot_type: 'config', timestamp: 1 });
const list: UsageSnapshot[] = [...usage.getUsageSnapshots(), ...usage.getUsageSnapshots('s', 1, Infinity), ...usage.getUsageSnapshotsBySession('s')];
const deleted: number = usage.deleteOldUsageSnapshots(1) + usage.deleteOldUsageSnapshots();
const db: Database = usage.getConnection();
const migration: Migration = { version: 2, name: 'm', up: (it: Database) => { it.exec('x'); }, down: () => {} };
const runner: MigrationRunner = new MigrationRunner(db, { logger: console }).register(migration);
const status: MigrationStatus = usage.getMigrationRunner().getStatus();
const records: MigrationRecord[] = [...runner.getAppliedMigrations(), ...status.appliedMigrations];
const pending: Migration[] = runner.getPendingMigrations();
const report: ValidationReport = runner.validate();
const done: Promise<void>[] = [usage.runMigrations(), usage.rollbackMigrations(0), runner.migrate({ allowDestructive: true }), runner.rollback()];
usage.closeDatabase();
// @ts-expect-error a plan is one of four
usage.updateUsageConfig({ plan: 'gold' });
// @ts-expect-error a setting that is a number
usage.updateUsageConfig({ refresh_rate: '10' });
// @ts-expect-error plan cannot be cleared
usage.updateUsageConfig({ plan: null });
// @ts-expect-error a session is required
usage.insertUsageSnapshot({ snapshot_data: '' });
// @ts-expect-error data is a text
usage.insertUsageSnapshot({ session_id: 's', snapshot_data: {} });
// @ts-expect-error a type is one of three
usage.insertUsageSnapshot({ session_id: 's', snapshot_data: '', snapshot_type: 'x' });
// @ts-expect-error the answer may be null
usage.getUsageConfig().plan;
// @ts-expect-error a session is required
usage.getUsageSnapshotsBySession();
// @ts-expect-error a time is a number of milliseconds
usage.insertUsageSnapshot({ session_id: 's', snapshot_data: '', timestamp: new Date() });
// @ts-expect-error a limit is a number
usage.getUsageSnapshots('s', '10');
// @ts-expect-error days are a number
usage.deleteOldUsageSnapshots('30');
// @ts-expect-error a version is a number
usage.rollbackMigrations('0');
// @ts-expect-error the answer may be null
usage.insertUsageSnapshot(given).id;
// @ts-expect-error there is no such option
usage.initDatabase({ file: 'x.db' });
// @ts-expect-error a logger has the methods of console
usage.initDatabase({ logger: 'console' });
// @ts-expect-error an operation is a text
usage.initDatabase({ onError: (error: UsageError, operation: number) => {} });
// @ts-expect-error reject or create
usage.initDatabase({ missingSession: 'ignore' });
// @ts-expect-error approval is yes or no
runner.migrate({ allowDestructive: 'yes' });
// @ts-expect-error a migration of one's own is a function
runner.register({ version: 3, name: 'm', up: 'CREATE TABLE x (y)', down: () => {} });
// @ts-expect-error a migration has a way back
runner.register({ version: 3, name: 'm', up: () => {} });
// @ts-expect-error a database is required
new MigrationRunner();
export { plan, config, updated, stored, list, deleted, records, pending, report, done };
` }), []);
});

test('a migration of the wrong type does not compile', { skip, timeout: 180_000 }, () => {
  assert.deepEqual(compile({ 'app.mts': `
import {
  discoverMigrations, discoverMigrationsSync, MigrationError, MigrationRunner, RunledgerError, type Migration, type MigrationChange, type MigrationPlanItem,
  type MigrationRecord, type MigrationResult, type RunOptions, type ValidationReport,
} from 'runledger/database/migrations';
import { Database } from 'runledger/sqlite';
const db = new Database();
const runner = new MigrationRunner(db, { module: 'shop', logger: console });
const list: readonly Migration[] = [
  { version: 1, name: 'a', up: (db) => db.exec('x'), down(db) { db.prepare('x').run(); } },
  { version: 2, name: 'b', destructive: true, foreignKeys: false, up() {} },
  ...discoverMigrationsSync('migrations'), ...(await discoverMigrations()),
];
const options: RunOptions = { allowDestructive: true, dryRun: false };
const results: MigrationResult[] = runner.runMigrations(list, options);
const status: 'applied' | 'skipped' | 'blocked' | undefined = results[0]?.status;
const reason: string | undefined = results[0]?.reason;
const plan: MigrationPlanItem[] = runner.plan(list, { allowDestructive: false });
const changes: MigrationChange[] = plan.flatMap((item) => item.changes);
const records: MigrationRecord[] = [...runner.getAppliedMigrations(), ...runner.rollbackTo(0, list)];
const time: string = records[0]!.applied_at;
const nothing: void = runner.rollback(list[0]!);
const facts: [number, boolean] = [runner.getCurrentVersion(), runner.isMigrationApplied(1)];
const report: ValidationReport = runner.validate();
const kind: 'missing' | 'integrity' | 'foreign_key' | 'diverged' | undefined = report.problems[0]?.kind;
try { runner.runMigrations(list); } catch (error) {
  if (error instanceof MigrationError) { const module: string = error.module; const version: number | undefined = error.version; }
  if (error instanceof RunledgerError) { const code: string = error.code; }
}
// @ts-expect-error a version is a number
runner.runMigrations([{ version: '1', name: 'a', up() {} }]);
// @ts-expect-error a name is required
runner.runMigrations([{ version: 1, up() {} }]);
// @ts-expect-error up is required
runner.runMigrations([{ version: 1, name: 'a' }]);
// @ts-expect-error up is a function
runner.runMigrations([{ version: 1, name: 'a', up: 'CREATE TABLE a (x)' }]);
// @ts-expect-error the database has no such method
runner.runMigrations([{ version: 1, name: 'a', up: (db) => db.run('x') }]);
// @ts-expect-error misspelled
runner.runMigrations([{ version: 1, name: 'a', up() {}, desctructive: true }]);
// @ts-expect-error an option that is none
runner.runMigrations(list, { force: true });
// @ts-expect-error a dry run is all that a plan is
runner.plan(list, { dryRun: true });
// @ts-expect-error the target comes first
runner.rollbackTo(list, 0);
// @ts-expect-error a list is required
runner.rollbackTo(0);
// @ts-expect-error a path is no database
new MigrationRunner('app.db');
// @ts-expect-error a directory is a text
discoverMigrationsSync(5);
export { status, reason, changes, time, nothing, facts, kind };
` }), []);
});
