// The rows that runledger gives are those that another SQLite library reads from the same file, cell by cell.
//
// Two SQLite libraries in one process must not have the same file open (closing it in one drops the locks of the other:
// sqlite.org/howtocorrupt.html), so the other one reads a backup, or is done before runledger begins.
//
// Which library: better-sqlite3 where the benchmark has installed it (nothing is installed for this test), node:sqlite and
// bun:sqlite where the runtime has them. Without any of them the tests are skipped.
import { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DrizzleTelemetryDB, DrizzleTelemetryOperations } from '../index.js';
import { T, cleanUp, collect, cutsTexts, ev, isBun, keys, openClient, random, session, test, track } from './support.mjs';

const peers = await peersAtHand();
const skip = peers.length ? false : 'no other SQLite library is here: `npm run bench` installs better-sqlite3, Node 22.13 has node:sqlite';

async function peersAtHand() {
  const found = [];
  const attempt = async (name, load) => {
    try {
      const open = await load();
      open(':memory:').close();
      found.push({ name, open });
    } catch {
      // not on this runtime
    }
  };
  if (isBun) {
    await attempt('bun:sqlite', async () => {
      const { Database } = await import('bun:sqlite');
      return (path) => new Database(path);
    });
    return found;
  }
  await attempt('better-sqlite3', () => {
    const require = createRequire(new URL('../bench/package.json', import.meta.url));
    const Database = require(Number(process.versions.node.split('.')[0]) >= 22 ? 'better-sqlite3-13' : 'better-sqlite3');
    return (path) => new Database(path);
  });
  await attempt('node:sqlite', async () => {
    const { DatabaseSync } = await import('node:sqlite');
    return (path) => new DatabaseSync(path);
  });
  return found;
}

/** What `work` returns with a connection of each library at hand: pairs of the library's name and that. */
function withPeers(path, work) {
  return peers.map(({ name, open }) => {
    const db = open(path);
    try {
      return [name, work(db)];
    } finally {
      db.close();
    }
  });
}

const column = (property) => property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** For a library that cuts texts: their bytes. */
const bytesOfText = (name) => `CASE typeof(${name}) WHEN 'text' THEN CAST(${name} AS BLOB) ELSE ${name} END AS ${name}`;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const textOf = (cell) => (cell instanceof Uint8Array ? decoder.decode(cell) : cell);

const select = (properties, table, where = '1') => (db) => {
  const columns = properties.map(column);
  const list = cutsTexts(db) ? columns.map(bytesOfText) : columns;
  const statement = db.prepare(`SELECT ${list.join(', ')} FROM ${table} WHERE ${where} ORDER BY id`);
  const rows = statement.all();
  statement.finalize?.(); // Bun keeps the file open until each statement is
  return rows;
};

/** Compares rows with what each library has read, both in the order of `id`. */
function sameCells(rows, properties, readings) {
  const ours = [...rows].sort((a, b) => (a.id < b.id ? -1 : 1));
  assert.ok(ours.length > 0);
  for (const [name, theirs] of readings) {
    assert.equal(ours.length, theirs.length, `rows by ${name}`);
    ours.forEach((row, i) => {
      for (const property of properties) {
        const cell = textOf(theirs[i][column(property)]);
        const expected = property === 'resolved' ? cell === 1 : cell; // SQLite has no booleans
        if (Object.is(row[property], expected)) continue;
        assert.fail(`${property} of ${row.id}: ${show(row[property])}, but ${show(expected)} by ${name}`);
      }
    });
  }
}

const show = (value) => `${typeof value} of ${value?.length ?? ''} ${JSON.stringify(value)?.slice(0, 80)}`;

const MEGABYTE = 1 << 20;
const texts = [
  null, '', ' ', '\u0000', 'before\u0000after', '\u0000x\u0000', 'ASCII', 'Grüße, señor', '汉字 العربية हिन्दी', '👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽', 'e\u0301 \u00e9',
  'a\ud800b', 'a\udc00b', '\udc00\ud800', 'x\ud83d', '\ud83d\ud83d\ude00', '\ufeff\u200e\u202eabc', '\uffff\ud7ff\ue000\u{10ffff}',
  'a\r\nb\u2028e\u2029', `'"\`;--/*?1 :x $y`, '{"a": [1, 2', '9007199254740993', '1e400', 'NaN',
  'x'.repeat(MEGABYTE), 'é'.repeat(MEGABYTE / 2), '🚀'.repeat(MEGABYTE / 4), `${'y'.repeat(MEGABYTE - 2)}\u0000ü`,
];
const times = [0, -0, 5e-324, 0.1, 1 / 3, 1, 2 ** 31, 2 ** 32 + 0.5, T, T + 0.123, 2 ** 53 - 1, 2 ** 53, 1e21, 1.7976931348623157e308];
const counts = [0, 1, 127, 128, 32_768, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 47, Number.MAX_SAFE_INTEGER];

let ops;
let dir;
before(async () => {
  if (!skip) ({ ops, dir } = await openClient({ streamFlushIntervalMs: 0 }));
});
after(cleanUp);

let backups = 0;

/** Compares lists of the same rows with those of a table in a copy of the file. */
async function sameInTable(lists, properties, table, where) {
  const copy = join(dir, `copy${(backups += 1)}.db`);
  await ops.backup(copy);
  const theirs = withPeers(copy, select(properties, table, where));
  for (const rows of lists) sameCells(rows, properties, theirs);
}

/** The events of a session in every way in which they come out. */
const readings = async (client, sessionId) => [
  await client.queryEvents({ sessionId }),
  await collect(client.iterateEvents({ sessionId }, { pageSize: 7 })),
  (await client.getSessionWithEvents(sessionId)).events,
];

async function sameEvents(sessionId) {
  await sameInTable(await readings(ops, sessionId), keys.event, 'telemetry_events', `session_id = '${sessionId}'`);
}

test('texts of events come out as another library reads them: NUL, emoji, lone surrogates, empty, null, 1 MB', { skip }, async () => {
  await ops.createSession(session({ id: 'texts' }));
  const event = (text, i) =>
    ev({ sessionId: 'texts', prompt: text, streamData: text, sandboxId: text, repoUrl: text, metadata: text, timestamp: T + i });
  const stored = [];
  for (const [i, text] of texts.entries()) stored.push(await ops.insertEvent(event(text, i)));
  await sameInTable([stored], keys.event, 'telemetry_events', `session_id = 'texts'`);
  await ops.insertEventBatch(texts.map(event));
  await Promise.all(texts.map((text, i) => ops.insertEvent(event(text, i))));
  await sameEvents('texts');
});

test('texts in columns of few values come out as another library reads them', { skip }, async () => {
  await ops.createSession(session({ id: 'few' }));
  const words = texts.filter((text) => text !== null && text.trim() !== '' && text.length < 1000);
  await ops.insertEventBatch(words.map((text) => ev({ sessionId: 'few', agentType: text, mode: `${text}!`, schemaVersion: text })));
  await sameEvents('few');
});

test('numbers of events come out as another library reads them, at their edges too', { skip }, async () => {
  await ops.createSession(session({ id: 'numbers' }));
  await ops.insertEventBatch(times.map((timestamp) => ev({ sessionId: 'numbers', timestamp, createdAt: timestamp })));
  await ops.insertEventBatch(counts.map((version) => ev({ sessionId: 'numbers', version })));
  await ops.insertEvent(ev({ sessionId: 'numbers', id: 2 ** 52 }));
  await sameEvents('numbers');
});

test('ten thousand events of any length come out as another library reads them', { skip }, async () => {
  const { int, one, chance } = random(20_261_120);
  const alphabet = ['a', 'é', '汉', '🚀', '\u0000', '\ud800', ' ', '"'];
  const text = () => (chance(0.1) ? null : Array.from({ length: int(chance(0.05) ? 900 : 60) }, () => one(alphabet)).join(''));
  await ops.createSession(session({ id: 'many' }));
  const list = Array.from({ length: 10_000 }, (_, i) =>
    ev({
      sessionId: 'many', eventType: one(['start', 'stream', 'end', 'error']), agentType: `agent ${int(400)}`, mode: one(['code', 'chat']),
      prompt: text(), streamData: text(), sandboxId: text(), repoUrl: text(), metadata: text(), timestamp: T + int(5000) / 4, version: int(i + 1),
    }),
  );
  await ops.insertEventBatch(list);
  const rows = await ops.queryEvents({ sessionId: 'many' });
  assert.equal(rows.length, list.length);
  await sameInTable([rows], keys.event, 'telemetry_events', `session_id = 'many'`);
});

test('sessions, buffers and errors come out as another library reads them', { skip }, async () => {
  const short = texts.filter((text) => (text?.length ?? 0) < 1000);
  for (const [i, text] of short.entries()) {
    const number = times[i % times.length];
    const count = counts[i % counts.length];
    const id = `row${i}`;
    await ops.upsertSession(
      session({
        id, startTime: number, endTime: number, duration: number, eventCount: count, streamEventCount: count, errorCount: count,
        sandboxId: text, repoUrl: text, metadata: text, version: count,
      }),
    );
    await ops.insertEventBuffer([ev({ sessionId: id, streamData: text, timestamp: number })]);
    await ops.logError({
      sessionId: id, errorType: `t${text}`, errorMessage: `m${text}`, errorStack: text, context: text, metadata: text, timestamp: number,
      resolved: i % 2 === 1, resolvedBy: text,
    });
  }
  await sameInTable([await ops.querySessions()], keys.session, 'telemetry_sessions');
  await sameInTable([await ops.queryBuffers()], keys.buffer, 'telemetry_buffers');
  await sameInTable([await ops.queryErrors()], keys.error, 'telemetry_errors');
});

test('what another library has written comes out as it reads it itself', { skip }, async () => {
  const columns = ['session_id', 'event_type', 'agent_type', 'mode', 'prompt', 'stream_data', 'metadata', 'timestamp', 'created_at', 'version'];
  await ops.createSession(session({ id: 'foreign' }));
  const copy = join(dir, 'foreign.db');
  await ops.backup(copy);
  withPeers(copy, (db) => {
    const insert = db.prepare(`INSERT INTO telemetry_events (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`);
    for (const [i, text] of texts.entries()) {
      const time = times[i % times.length];
      insert.run('foreign', 'stream', 'claude', 'code', text, text, text, time, -time, -counts[i % counts.length]);
    }
    insert.finalize?.();
    // Bytes that are no text in UTF-8.
    for (const bytes of [`x''`, `x'ff'`, `x'c328'`, `x'e28228'`, `x'f0288cbc'`, `x'61eda08062'`]) {
      db.exec(
        `INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, prompt, timestamp)
          VALUES ('foreign', 'stream', 'claude', 'code', CAST(${bytes} AS TEXT), ${T})`,
      );
    }
  });
  const theirs = withPeers(copy, select(keys.event, 'telemetry_events', `session_id = 'foreign'`));
  const db = track(new DrizzleTelemetryDB({ dbPath: copy, pruneDays: 0 }));
  for (const rows of await readings(new DrizzleTelemetryOperations(db), 'foreign')) sameCells(rows, keys.event, theirs);
});
