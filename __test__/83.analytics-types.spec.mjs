// The types of runledger/analytics and its schema, as an application under --strict meets them; and the example program.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cleanUp, root, runFile, skipTsc, skipWithoutDrizzle, tempDir, test } from './support.mjs';
import { compile } from './fixtures/compile.mjs';

afterEach(cleanUp);

const skip = skipTsc || skipWithoutDrizzle;
const options = { skip, timeout: 180_000 };

test('what the contract promises compiles', options, () => {
  assert.deepEqual(compile({ 'app.ts': `
    import { AnalyticsRecorder, AnalyticsError, createAnalyticsDb, createAnalyticsDatabase, getAnalyticsDatabase, closeAnalyticsDatabase } from 'runledger/analytics';
    import type { AnalyticsDatabase, AnalyticsOptions, ListOptions, NewToolCallRecord, SessionRecord, ToolCallFilter, ToolCallRecord, ToolCallStatus, ToolStats, When } from 'runledger/analytics';
    import { sessions, toolCalls, type NewSession, type NewToolCall, type Session, type ToolCall } from 'runledger/analytics/schema';
    import { eq } from 'drizzle-orm';
    const options: AnalyticsOptions = { home: '/h', path: ':memory:', migrate: false, logger: console };
    const same: typeof createAnalyticsDb = createAnalyticsDatabase;
    const db: AnalyticsDatabase = createAnalyticsDb(options);
    const rows: Session[] = db.select().from(sessions).where(eq(sessions.id, 's')).all();
    const ended: Date | null = rows[0]!.endedAt;
    const calls: ToolCall[] = db.select().from(toolCalls).all();
    const status: 'success' | 'error' | 'timeout' = calls[0]!.status;
    const fresh: NewSession = { startedAt: new Date() };
    const called: NewToolCall = { toolName: 'g', durationMs: 1, status: 'error', timestamp: new Date(), sessionId: 's' };
    db.insert(sessions).values(fresh).run();
    db.insert(toolCalls).values([called]).run();
    const found = db.query.sessions.findMany().sync();
    const open: boolean = getAnalyticsDatabase().$client.open;
    closeAnalyticsDatabase();
    await using recorder: AnalyticsRecorder = await AnalyticsRecorder.open();
    const when: When = new Date();
    const session: SessionRecord = await recorder.startSession({ id: 's', startedAt: when });
    const record: NewToolCallRecord = { sessionId: session.id, toolName: 'g', durationMs: 1, status: 'success', errorType: null, timestamp: 5 };
    const stored: ToolCallRecord = await recorder.recordToolCall(record);
    const { inserted }: { inserted: number } = await recorder.recordToolCalls([record] as const);
    const list: ListOptions = { limit: 1, offset: 0, order: 'asc' };
    const filter: ToolCallFilter = { sessionId: 's', toolNames: ['g'], statuses: ['error'], from: 1, to: new Date() };
    const all: ToolCallRecord[] = await recorder.listToolCalls({ ...filter, ...list });
    const stats: ToolStats[] = await recorder.toolStats(filter);
    const p: number = stats[0]!.p95Ms;
    const known: SessionRecord | null = await recorder.getSession('s');
    const active: SessionRecord[] = await recorder.listSessions({ active: true, ...list });
    const one: ToolCallStatus = stored.status;
    const path: string | undefined = new AnalyticsError('m').path;
    void [same, ended, status, found, open, inserted, all, p, known, active, one, path];
  ` }), []);
});

const wrong = {
  'a status that is none': "recorder.recordToolCall({ sessionId: 's', toolName: 'g', durationMs: 1, status: 'ok' })",
  'a call without a session': "recorder.recordToolCall({ toolName: 'g', durationMs: 1, status: 'success' })",
  'a duration that is text': "recorder.recordToolCall({ sessionId: 's', toolName: 'g', durationMs: '1', status: 'success' })",
  'a time that is text': "recorder.startSession({ startedAt: '2025' })",
  'an order that is none': "recorder.listSessions({ order: 'up' })",
  'an unknown key': 'recorder.toolStats({ tools: [] })',
  'a filter by a status that is none': "recorder.listToolCalls({ statuses: ['ok'] })",
  'a filter by one name': "recorder.toolStats({ toolNames: 'grep' })",
  'a window that is text': "recorder.toolStats({ from: '2025-01-01' })",
  'a limit of statistics': 'recorder.toolStats({ limit: 5 })',
  'a limit that is text': "recorder.listSessions({ limit: '5' })",
  'no id': 'recorder.endSession()',
  'one call as a list': "recorder.recordToolCalls({ sessionId: 's', toolName: 'g', durationMs: 1, status: 'success' })",
  'a session that is surely there': "recorder.getSession('s').then((session) => session.toolCount)",
  'a logger that is a function': 'AnalyticsRecorder.open({ logger: () => {} })',
  'a constructor': 'new AnalyticsRecorder()',
  'an unknown option': "createAnalyticsDb({ dbPath: 'x' })",
  'a Drizzle status that is none': "db.insert(toolCalls).values({ toolName: 'g', durationMs: 1, status: 'ok', timestamp: new Date(), sessionId: 's' })",
  'a Drizzle call without a time': "db.insert(toolCalls).values({ toolName: 'g', durationMs: 1, status: 'error', sessionId: 's' })",
  'a Drizzle time that is a number': 'db.insert(sessions).values({ startedAt: 5 })',
};

test('what is wrong does not compile', options, () => {
  const statements = Object.values(wrong);
  const told = compile({ 'app.ts': `
    import { AnalyticsRecorder, createAnalyticsDb } from 'runledger/analytics';
    import { sessions, toolCalls } from 'runledger/analytics/schema';
    declare const recorder: AnalyticsRecorder;
    const db = createAnalyticsDb();
    ${statements.map((statement) => `void ${statement};`).join('\n    ')}
  ` });
  const lines = new Set(told.map((line) => Number(/\((\d+),/.exec(line)[1])));
  for (const [index, what] of Object.keys(wrong).entries()) assert.ok(lines.has(6 + index), `${what} compiles\n${told.join('\n')}`);
  assert.equal(lines.size, statements.length, told.join('\n'));
});

test('the recorder compiles in an application without drizzle-orm', options, () => {
  assert.deepEqual(compile({ 'app.ts': `
    import { AnalyticsRecorder, createAnalyticsDb } from 'runledger/analytics';
    const recorder = await AnalyticsRecorder.open();
    const count: number = (await recorder.toolStats())[0]!.count;
    void [count, createAnalyticsDb];
  ` }, { drizzle: false }), []);
});

test('examples/analytics.mjs runs, and tells what it has recorded', () => {
  const file = join(tempDir(), 'a.db');
  for (const words of [[], [file]]) {
    const stdout = runFile(join(root, 'examples/analytics.mjs'), words);
    const told = ['list +20 calls +0\\.0 % failed +p50 \\d+ ms +p95 \\d+ ms', 'parse +20 calls +5\\.0 % failed .*', 'search +20 calls +10\\.0 % failed .*',
      'search: timeout, TimeoutError', 'search: timeout, TimeoutError', 'parse: error, SyntaxError', '60 calls until 20.*Z'];
    assert.match(stdout, new RegExp(`^${told.join('\\n')}\\n$`));
  }
  assert.ok(existsSync(file));
});
