// Files of @vibe-kit/db: telemetry.md §5 Adoption; E33. The files are made by another SQLite program, as they were by theirs.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as runledger from '../index.js';
import { T, checkError, cleanUp, ev, foreign, foreignScript, ids, keys, openClient, rowLike, skipWithoutPython, tempDir, test, track } from './support.mjs';

afterEach(cleanUp);

const versioned = (created) => `version integer DEFAULT 1 NOT NULL, schema_version text DEFAULT '1.0.0' NOT NULL, created_at real DEFAULT (${created}) NOT NULL`;

/** The five tables of a fresh @vibe-kit/db: no foreign keys, and buffers, stats and errors in a shape its own code cannot use. */
const bootstrapped = `
CREATE TABLE telemetry_sessions (id text PRIMARY KEY NOT NULL, agent_type text NOT NULL, mode text NOT NULL,
  status text DEFAULT 'active' NOT NULL, start_time real NOT NULL, end_time real, duration real, sandbox_id text, repo_url text,
  event_count integer DEFAULT 0 NOT NULL, stream_event_count integer DEFAULT 0 NOT NULL, error_count integer DEFAULT 0 NOT NULL,
  metadata text, ${versioned('unixepoch() * 1000')}, updated_at real DEFAULT (unixepoch() * 1000) NOT NULL);
CREATE TABLE telemetry_events (id integer PRIMARY KEY AUTOINCREMENT, session_id text NOT NULL, event_type text NOT NULL,
  agent_type text NOT NULL, mode text NOT NULL, prompt text NOT NULL, stream_data text, sandbox_id text, repo_url text, metadata text,
  timestamp real NOT NULL, ${versioned('unixepoch() * 1000')});
CREATE TABLE telemetry_buffers (id integer PRIMARY KEY AUTOINCREMENT, event_data text NOT NULL, ${versioned('unixepoch() * 1000')});
CREATE TABLE telemetry_stats (id integer PRIMARY KEY AUTOINCREMENT, metric_type text NOT NULL, metric_value real NOT NULL, dimensions text,
  timestamp real NOT NULL, ${versioned('unixepoch() * 1000')});
CREATE TABLE telemetry_errors (id integer PRIMARY KEY AUTOINCREMENT, session_id text, error_type text NOT NULL, error_message text NOT NULL,
  stack_trace text, context text, timestamp real NOT NULL, ${versioned('unixepoch() * 1000')});
CREATE INDEX idx_telemetry_sessions_start_time ON telemetry_sessions(start_time);
CREATE INDEX idx_telemetry_events_session_id ON telemetry_events(session_id);
CREATE INDEX idx_events_version ON telemetry_events(version);
`;

const oldRows = `
INSERT INTO telemetry_sessions (id, agent_type, mode, status, start_time, end_time, duration, event_count, metadata, created_at, updated_at)
  VALUES ('old', 'claude', 'code', 'completed', ${T}, ${T + 900}, 900, 77, '{"k":1}', ${T + 1}, ${T + 2});
INSERT INTO telemetry_events (id, session_id, event_type, agent_type, mode, prompt, timestamp, created_at)
  VALUES (3, 'old', 'start', 'claude', 'code', 'first', ${T + 5}, ${T + 6}), (9, 'old', 'stream', 'claude', 'code', '', ${T + 7}, ${T + 8}),
         (12, 'lost', 'error', 'codex', 'chat', 'orphan', ${T + 20}, ${T + 21});
`;

async function adopted(script) {
  const path = join(tempDir(), 't.db');
  await foreignScript(path, script);
  return { ...await openClient({ dbPath: path }, { sessions: [] }), path };
}

test('E33a a file of @vibe-kit/db keeps all rows and ids; an event of a missing session gets one', { skip: skipWithoutPython }, async () => {
  const { ops, path } = await adopted(bootstrapped + oldRows);
  const events = await ops.queryEvents({ orderBy: 'timestamp_asc' });
  assert.deepEqual(ids(events), [3, 9, 12]);
  rowLike(events[0], keys.event, { sessionId: 'old', eventType: 'start', prompt: 'first', timestamp: T + 5, createdAt: T + 6, version: 1 });
  rowLike(events[1], keys.event, { prompt: '' });
  rowLike(await ops.getSession('old'), keys.session, { status: 'completed', startTime: T, endTime: T + 900, duration: 900, eventCount: 2,
    streamEventCount: 1, errorCount: 0, metadata: '{"k":1}', createdAt: T + 1 });
  rowLike(await ops.getSession('lost'), keys.session, { agentType: 'codex', mode: 'chat', status: 'active', startTime: T + 20, eventCount: 1, errorCount: 1 });
  assert.deepEqual(await foreign(path, 'PRAGMA foreign_key_check'), []);
  assert.deepEqual(await foreign(path, 'PRAGMA integrity_check'), [{ integrity_check: 'ok' }]);
  assert.equal((await ops.insertEvent(ev({ sessionId: 'old' }))).id, 13, 'ids continue');
  assert.deepEqual((await ops.verifyStatistics()).mismatches, []);
});

test('E33b what failed on such a file works after it is adopted: errors, buffers, relations, foreign keys', { skip: skipWithoutPython }, async () => {
  const { ops, path } = await adopted(bootstrapped + oldRows);
  await ops.logError({ sessionId: 'old', errorType: 't', errorMessage: 'm' });
  await ops.insertEventBuffer([ev({ sessionId: 'old' })]);
  await ops.flushEventBuffers();
  const { events, buffers, errors } = await ops.getSession('old', true);
  assert.deepEqual([events.length, buffers.length, errors.length], [3, 1, 1]);
  await assert.rejects(ops.insertEvent(ev({ sessionId: 'ghost' })), { code: 'SQLITE_CONSTRAINT' });
  const [{ metadata }] = await foreign(path, "SELECT metadata FROM telemetry_schema_versions WHERE version = '1.0.0'");
  assert.equal(JSON.parse(metadata).adoptedFrom, '@vibe-kit/db');
  const indexes = (await foreign(path, "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'telemetry_events'")).map((row) => row.name);
  assert.ok(indexes.includes('idx_events_compound'));
  assert.equal(indexes.includes('idx_events_version'), false, 'their indexes are dropped');
});

test('E33c rows of a malformed table are carried over where they fit, else kept under another name', { skip: skipWithoutPython }, async () => {
  const { ops, path } = await adopted(bootstrapped + oldRows + `
    INSERT INTO telemetry_errors (id, session_id, error_type, error_message, stack_trace, timestamp) VALUES
      (4, 'old', 'net', 'gone', 'the stack', ${T}), (5, 'nobody', 'net', 'gone', NULL, ${T + 1});
    INSERT INTO telemetry_buffers (event_data) VALUES ('precious');`);
  const [second, first] = await ops.queryErrors();
  rowLike(first, keys.error, { id: 4, sessionId: 'old', errorType: 'net', errorMessage: 'gone', errorStack: 'the stack', severity: 'medium', resolved: false });
  rowLike(second, keys.error, { id: 5, sessionId: null });
  assert.deepEqual(await foreign(path, 'SELECT event_data FROM telemetry_buffers_legacy'), [{ event_data: 'precious' }]);
  assert.deepEqual(await ops.queryBuffers(), []);
});

test('E33d times in seconds, of files its migrations made, become milliseconds', { skip: skipWithoutPython }, async () => {
  const seconds = T / 1000;
  const { ops } = await adopted(bootstrapped.replaceAll('unixepoch() * 1000', 'unixepoch()') + `
    INSERT INTO telemetry_sessions (id, agent_type, mode, start_time, created_at, updated_at) VALUES ('old', 'claude', 'code', ${T}, ${seconds}, ${seconds + 1});
    INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, prompt, timestamp, created_at) VALUES ('old', 'start', 'claude', 'code', 'p', ${T}, ${seconds + 2});`);
  rowLike(await ops.getSession('old'), keys.session, { startTime: T, createdAt: T, updatedAt: T + 1000 });
  rowLike((await ops.queryEvents())[0], keys.event, { timestamp: T, createdAt: T + 2000 });
});

test('E33e an owner\'s own column, index and trigger survive the adoption', { skip: skipWithoutPython }, async () => {
  const { ops, path } = await adopted(bootstrapped + `
    ALTER TABLE telemetry_sessions ADD COLUMN team TEXT;
    CREATE INDEX mine_team ON telemetry_sessions(team);
    CREATE TABLE mine_log (id TEXT);
    CREATE TRIGGER mine_watch AFTER INSERT ON telemetry_sessions BEGIN INSERT INTO mine_log VALUES (NEW.id); END;
    INSERT INTO telemetry_sessions (id, agent_type, mode, start_time, team) VALUES ('old', 'claude', 'code', ${T}, 'red');`);
  assert.deepEqual(ids(await ops.querySessions()), ['old']);
  await ops.createSession({ id: 'new', agentType: 'claude', mode: 'code', startTime: T + 1 });
  assert.deepEqual(await foreign(path, 'SELECT id, team FROM telemetry_sessions ORDER BY id'), [{ id: 'new', team: null }, { id: 'old', team: 'red' }]);
  assert.ok((await foreign(path, 'SELECT id FROM mine_log')).some((row) => row.id === 'new'));
  assert.deepEqual(await foreign(path, "SELECT count(*) AS n FROM sqlite_master WHERE name = 'mine_team'"), [{ n: 1 }]);
});

test('E33f the adoption happens once: opening again changes no row', { skip: skipWithoutPython }, async () => {
  const { db, ops, path } = await adopted(bootstrapped + oldRows);
  const before = await ops.querySessions({ includeEvents: true });
  await db.close();
  const again = await openClient({ dbPath: path }, { sessions: [] });
  assert.deepEqual(await again.ops.querySessions({ includeEvents: true }), before);
  assert.deepEqual(await foreign(path, 'SELECT count(*) AS n FROM schema_migrations'), [{ n: 1 }]);
});

for (const [what, script] of [
  ['telemetry_events is (id, foo)', 'CREATE TABLE telemetry_events (id INTEGER PRIMARY KEY, foo TEXT); INSERT INTO telemetry_events VALUES (1, \'mine\');'],
  ['both tables are somebody else\'s', 'CREATE TABLE telemetry_events (id, foo); CREATE TABLE telemetry_sessions (id TEXT PRIMARY KEY, bar);'],
  ['telemetry_sessions is a view', `${bootstrapped.replace('CREATE TABLE telemetry_sessions', 'CREATE TABLE other_sessions').replace('ON telemetry_sessions', 'ON other_sessions')}
    CREATE VIEW telemetry_sessions AS SELECT * FROM other_sessions;`],
]) {
  test(`E33g a file in which ${what} is refused and not one byte of it changes`, { skip: skipWithoutPython }, async () => {
    const path = join(tempDir(), 't.db');
    await foreignScript(path, script);
    const before = readFileSync(path);
    const db = track(new runledger.DrizzleTelemetryDB({ dbPath: path }));
    const error = await db.initialize().then(() => assert.fail('opened'), (e) => e);
    checkError(error, { name: 'DrizzleTelemetryMigrationError', code: 'MIGRATION_ERROR', message: /^Failed to initialize telemetry database: ./ });
    assert.ok(error instanceof runledger.DrizzleTelemetryConnectionError);
    assert.ok(error.cause instanceof runledger.MigrationError);
    assert.equal(error.cause.code, 'MIGRATION_CONFLICT');
    await db.close();
    assert.ok(before.equals(readFileSync(path)));
    assert.deepEqual(readdirSync(dirname(path)), ['t.db']);
  });
}

test('a file a newer release wrote is refused with MIGRATION_AHEAD as the cause', { skip: skipWithoutPython }, async () => {
  const { db, path } = await openClient();
  await db.close();
  await foreign(path, "INSERT INTO schema_migrations (module, version, name, checksum, applied_at) VALUES ('telemetry', 2, 'from_the_future', 'sql:x', 0)");
  const before = readFileSync(path);
  const error = await db.initialize().then(() => assert.fail('opened'), (e) => e);
  checkError(error, { name: 'DrizzleTelemetryMigrationError', code: 'MIGRATION_ERROR' });
  assert.equal(error.cause.code, 'MIGRATION_AHEAD');
  assert.ok(before.equals(readFileSync(path)));
});
