// Text and numbers at their edges, through every way in and out: telemetry.md §7.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { T, cleanUp, collect, ev, foreign, openClient, random, session, sharedFile, skipWithoutPython, skipWithoutShared, test } from './support.mjs';

afterEach(cleanUp);

const REPLACED = '\ufffd';
const texts = {
  'the empty text': '',
  'a NUL in the middle': 'before\u0000after',
  'NULs at both ends': '\u0000x\u0000',
  'only a NUL': '\u0000',
  'emoji with joiners': '👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽',
  'plain ASCII': 'hello',
  'Latin-1': 'Grüße, señor',
  'Chinese, Arabic, Hindi': '汉字 العربية हिन्दी',
  'combining marks, not normalised': 'e\u0301 \u00e9',
  'the ends of the planes': '\uffff\ud7ff\ue000\u{10000}\u{10ffff}',
  'byte order mark and directions': '\ufeff\u200e\u202eabc',
  'line ends': 'a\r\nb\nc\rd\u2028e\u2029',
  'quotes and SQL': `'"\`;--/*?1 :x $y @z %_\\`,
  'a lone high surrogate': 'a\ud800b',
  'a lone low surrogate': 'a\udc00b',
  'surrogates the wrong way round': '\udc00\ud800',
  'a high surrogate at the end': 'x\ud83d',
  'a pair beside a lone one': '\ud83d\ud83d\ude00',
  'what looks like JSON': '{"a": [1, 2',
};
const kept = (text) => text.toWellFormed();

for (const [name, text] of Object.entries(texts)) {
  test(`${name} comes back ${kept(text) === text ? 'as it was' : 'with U+FFFD for what is no character'}, however it was written and read`, async () => {
    const { ops } = await openClient({ streamFlushIntervalMs: 0 }, { sessions: [] });
    const expected = kept(text);
    if (expected !== text) assert.ok(expected.includes(REPLACED));
    await ops.createSession(session({ sandboxId: text, repoUrl: text, metadata: text }));
    const four = { prompt: text, streamData: text, sandboxId: text, repoUrl: text };
    const check = (row, way) => {
      for (const property of [...Object.keys(four), 'metadata']) assert.equal(row[property], expected, `${property} by ${way}`);
    };
    check(await ops.insertEvent(ev({ ...four, metadata: text })), 'insertEvent');
    await ops.insertEventBatch([ev({ timestamp: T + 1, ...four, metadata: text }), ev({ timestamp: T + 2, ...four, metadata: text })]);
    await ops.insertEventBuffer([ev({ timestamp: T + 3, ...four, metadata: text })]);
    await ops.flushEventBuffers();
    const rows = await ops.queryEvents();
    assert.equal(rows.length, 4);
    rows.forEach((row) => check(row, 'queryEvents'));
    (await collect(ops.iterateEvents({}, { pageSize: 1 }))).forEach((row) => check(row, 'iterateEvents'));
    const full = await ops.getSession('s1', true);
    full.events.forEach((row) => check(row, 'getSession'));
    assert.deepEqual([full.sandboxId, full.repoUrl, full.metadata], [expected, expected, expected]);
    await ops.logError({ errorType: `t${text}`, errorMessage: `m${text}`, errorStack: text, context: text });
    const [error] = await ops.queryErrors();
    assert.deepEqual([error.errorType, error.errorMessage, error.errorStack, error.context], [`t${expected}`, `m${expected}`, expected, expected]);
    if (text !== '') {
      assert.equal((await ops.queryEvents({ sandboxId: text })).length, 4, 'it is found by its value');
      assert.equal((await ops.querySessions({ sandboxId: text })).length, 1);
    }
  });
}

test('a text is stored whole: another program sees the same bytes, NUL included', { skip: skipWithoutPython }, async () => {
  const { ops, path } = await openClient();
  await ops.insertEvent(ev({ prompt: 'a\u0000b', streamData: '🚀' }));
  assert.deepEqual(await foreign(path, 'SELECT hex(CAST(prompt AS BLOB)) AS p, hex(CAST(stream_data AS BLOB)) AS s, typeof(prompt) AS t FROM telemetry_events'),
    [{ p: '610062', s: 'F09F9A80', t: 'text' }]);
});

test('the empty text, null and an absent value stay three things apart, or two', async () => {
  const { ops } = await openClient();
  const empty = await ops.insertEvent(ev({ prompt: '', streamData: '', sandboxId: '', repoUrl: '', metadata: '' }));
  const nothing = await ops.insertEvent(ev({ prompt: null, streamData: null, sandboxId: null, repoUrl: null, metadata: null }));
  const absent = await ops.insertEvent(ev({ prompt: undefined }));
  const of = (row) => [row.prompt, row.streamData, row.sandboxId, row.repoUrl, row.metadata];
  assert.deepEqual(of(empty), ['', '', '', '', '']);
  assert.deepEqual(of(nothing), [null, null, null, null, null]);
  assert.deepEqual(of(absent), of(nothing));
  await ops.insertEventBatch([{ ...empty, id: undefined }, { ...nothing, id: undefined }, { ...absent, id: undefined }]);
  assert.deepEqual((await ops.queryEvents({ orderBy: 'timestamp_asc' })).map(of), [empty, nothing, absent, empty, nothing, absent].map(of));
});

test('agents and modes of any script group and filter as themselves', async () => {
  const { ops } = await openClient();
  const names = ['claude', 'Claude', 'claude ', '克劳德', '🤖', 'a\u0000b', "o'neil", '__proto__', 'constructor'];
  await ops.insertEventBatch(names.map((agentType) => ev({ agentType, mode: agentType })));
  for (const agentType of names) assert.deepEqual((await ops.queryEvents({ agentType })).map((row) => row.mode), [agentType]);
  const { agentBreakdown } = await ops.getStatistics();
  assert.deepEqual(Object.keys(agentBreakdown).sort(), [...names].sort());
  assert.deepEqual(Object.values(agentBreakdown), names.map(() => 1));
  assert.equal((await ops.verifyStatistics()).ok, true);
});

test('long and short texts that are inserted together keep their places', async () => {
  const { ops } = await openClient();
  const sizes = [0, 1, 1023, 1024, 1025, 0, 5000, 31, 32, 33, 1024, 1024];
  const texts = ['x', 'é', '😀'].flatMap((letter) => sizes.map((size, i) => `${i}`.repeat(i % 2) + letter.repeat(size)));
  const events = texts.flatMap((text, i) => [ev({ prompt: text, streamData: `s${i}`, timestamp: T + 2 * i }), ev({ streamData: text, metadata: 'm'.repeat(i * 97), timestamp: T + 2 * i + 1 })]);
  await ops.insertEventBatch(events.slice(0, 40));
  await Promise.all(events.slice(40).map((event) => ops.insertEvent(event)));
  const rows = await ops.queryEvents({ orderBy: 'timestamp_asc' });
  const shown = ({ prompt, streamData, metadata }) => [prompt ?? null, streamData ?? null, metadata ?? null];
  assert.deepEqual(rows.map(shown), events.map(shown));
});

test('texts of a megabyte, ASCII and not, single and in a batch', async () => {
  const { ops } = await openClient({ streamFlushIntervalMs: 0 });
  const big = ['x'.repeat(1_048_576), '🚀'.repeat(262_144), 'é'.repeat(500_000), `${'y'.repeat(1_000_000)}\u0000z`];
  for (const streamData of big) assert.equal((await ops.insertEvent(ev({ streamData }))).streamData, streamData);
  await ops.insertEventBatch(big.map((streamData) => ev({ streamData, timestamp: T + 1 })));
  await ops.insertEventBuffer([ev({ streamData: big[1], timestamp: T + 2 })]);
  await ops.flushEventBuffers();
  const rows = await ops.queryEvents({ orderBy: 'timestamp_asc' });
  assert.deepEqual(rows.map((row) => row.streamData.length), [...big, ...big, big[1]].map((text) => text.length));
  assert.ok(rows.every((row, i) => row.streamData === [...big, ...big, big[1]][i]));
});

test('a thousand texts of random length and script in one batch: none is cut, joined or swapped', async () => {
  const seed = 77;
  const { int, one, chance } = random(seed);
  const letters = ['a', 'é', '汉', '🚀', '\u0000', '\ud800', '\udfff', ' ', '"', '\\', '\u{10ffff}'];
  const make = () => (chance(0.1) ? null : chance(0.1) ? '' : Array.from({ length: int(chance(0.05) ? 5000 : 20) }, () => one(letters)).join(''));
  const { ops } = await openClient();
  const given = Array.from({ length: 1000 }, (_, i) => ({ prompt: make(), streamData: make(), sandboxId: make(), repoUrl: make(), metadata: make(), timestamp: T + i }));
  await ops.insertEventBatch(given.map((x) => ev(x)));
  const fixed = (text) => (text === null ? null : kept(text));
  const check = (rows, way) => rows.forEach((row, i) => {
    for (const property of ['prompt', 'streamData', 'sandboxId', 'repoUrl', 'metadata']) {
      assert.equal(row[property], fixed(given[i][property]), `seed ${seed}, event ${i}, ${property}, ${way}`);
    }
  });
  check(await ops.queryEvents({ orderBy: 'timestamp_asc' }), 'query');
  check(await collect(ops.iterateEvents({ orderBy: 'timestamp_asc' }, { pageSize: 64 })), 'iterate');
});

const numbers = [0, 0.5, 1, T + 0.125, T + 1 / 3, 2 ** 31, 2 ** 32 + 0.5, 253402300799999, 253402300800000, 8.64e15, Number.MAX_SAFE_INTEGER, 1e300, Number.MAX_VALUE, Number.MIN_VALUE];

test('times keep every digit, from 0 to beyond what a Date can say', async () => {
  const { ops } = await openClient({ streamFlushIntervalMs: 0 });
  for (const timestamp of numbers) assert.equal((await ops.insertEvent(ev({ timestamp }))).timestamp, timestamp);
  await ops.insertEventBatch(numbers.map((timestamp) => ev({ timestamp })));
  await ops.insertEventBuffer(numbers.map((timestamp) => ev({ timestamp })));
  await ops.flushEventBuffers();
  const sorted = [...numbers, ...numbers, ...numbers].sort((a, b) => a - b);
  assert.deepEqual((await ops.queryEvents({ orderBy: 'timestamp_asc' })).map((row) => row.timestamp), sorted);
  assert.deepEqual((await collect(ops.iterateEvents({ orderBy: 'timestamp_asc' }, { pageSize: 5 }))).map((row) => row.timestamp), sorted);
  for (const time of numbers.filter((number) => number > 0)) {
    assert.ok((await ops.queryEvents({ from: time })).every((row) => row.timestamp >= time));
    assert.equal((await ops.queryEvents({ from: time })).length, sorted.filter((number) => number >= time).length, `from ${time} is inclusive`);
    assert.equal((await ops.queryEvents({ to: time })).length, sorted.filter((number) => number <= time).length, `to ${time} is inclusive`);
  }
  assert.deepEqual((await ops.getStatistics()).dateRange, { earliest: 0, latest: Number.MAX_VALUE });
  assert.equal((await ops.verifyStatistics()).ok, true);
});

test('minus zero is zero', async () => {
  const { ops } = await openClient();
  const { timestamp } = await ops.insertEvent(ev({ timestamp: -0 }));
  assert.ok(timestamp === 0);
  assert.equal((await ops.queryEvents({ to: 0 })).length, 1);
});

test('session times and durations keep fractions and size', async () => {
  const { ops } = await openClient({}, { sessions: [] });
  for (const [i, number] of numbers.entries()) {
    const row = await ops.upsertSession(session({ id: `n${i}`, startTime: number, endTime: number, duration: number, eventCount: i }));
    assert.deepEqual([row.startTime, row.endTime, row.duration, row.eventCount], [number, number, number, i]);
  }
  assert.deepEqual((await ops.querySessions({ orderBy: 'duration_asc' })).map((row) => row.duration), [...numbers].sort((a, b) => a - b));
});

test('event ids as large as JavaScript counts safely', async () => {
  const { ops } = await openClient();
  const id = Number.MAX_SAFE_INTEGER - 1;
  assert.equal((await ops.insertEvent(ev({ id }))).id, id);
  assert.equal((await ops.insertEvent(ev())).id, id + 1);
  assert.deepEqual((await ops.queryEvents()).map((row) => row.id), [id + 1, id]);
});

test('a real agent session goes in and comes out the same', { skip: skipWithoutShared }, async () => {
  const { ops } = await openClient();
  const lines = readFileSync(sharedFile('pi-sessions/session-a.jsonl'), 'utf8').split('\n').filter(Boolean);
  const given = lines.map((line, i) => ev({ streamData: line, metadata: JSON.parse(line), prompt: line.slice(0, 500), timestamp: T + i }));
  assert.equal((await ops.insertEventBatch(given)).inserted, lines.length);
  const rows = await ops.queryEvents({ orderBy: 'timestamp_asc' });
  assert.equal(rows.length, lines.length);
  rows.forEach((row, i) => {
    assert.equal(row.streamData, kept(lines[i]));
    assert.equal(row.metadata, JSON.stringify(given[i].metadata));
    assert.equal(row.prompt, kept(given[i].prompt));
  });
});
