// The types, as an application under --strict meets them: telemetry.md §1, §2; the last part of E1.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { cleanUp, isBun, root, tempDir, test } from './support.mjs';

afterEach(cleanUp);

const skip = isBun && 'tsc is run once, on Node';
const require = createRequire(import.meta.url);

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

/** Compiles the files under --strict, with both names of the package; returns what tsc says about them and about our own declarations. */
function compile(files) {
  const dir = tempDir();
  mkdirSync(join(dir, 'node_modules', '@vibe-kit'), { recursive: true });
  symlinkSync(root, join(dir, 'node_modules', 'runledger'), 'junction');
  symlinkSync(root, join(dir, 'node_modules', '@vibe-kit', 'db'), 'junction');
  writeFileSync(join(dir, 'package.json'), '{ "type": "module" }');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  const nodeTypes = dirname(dirname(require.resolve('@types/node/package.json')));
  writeFileSync(join(dir, 'tsconfig.json'), JSON.stringify({
    compilerOptions: { strict: true, noEmit: true, target: 'es2022', lib: ['es2022', 'esnext.disposable'], module: 'nodenext', moduleResolution: 'nodenext',
      skipLibCheck: false, types: ['node'], typeRoots: [nodeTypes] },
    files: Object.keys(files),
  }));
  const manifest = require.resolve('typescript/package.json');
  const tsc = join(dirname(manifest), require(manifest).bin.tsc);
  const { stdout, stderr, error } = spawnSync(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd: dir, encoding: 'utf8' });
  assert.equal(error, undefined);
  assert.equal(stderr, '');
  // A peer's own declarations are not ours to mend; a location in a node_modules folder is theirs, since ours are links.
  return stdout.split('\n').filter((line) => /error TS/.test(line) && !/^[^(]*node_modules[^(]*\(/.test(line));
}

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
