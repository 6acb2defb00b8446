// A real session of a coding agent, imported by the demo's importer: what a user sees is what was in the file.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { importSession } from '../demo/import-session.mjs'
import { freshDirectory, metadataOf, openOperations, removeDirectories, T } from './fixtures/stress-support.mjs'

const FILE = fileURLToPath(new URL('../../shared/data/pi-sessions/session-a.jsonl', import.meta.url))
const skip = existsSync(FILE) ? false : `${FILE} is not here`
const options = { skip, timeout: 60_000 }

after(removeDirectories)

const lines = skip ? [] : readFileSync(FILE, 'utf8').split('\n').filter(line => line !== '')
const entries = lines.map(line => JSON.parse(line))
const header = entries.find(entry => entry.type === 'session')
const messages = entries.filter(entry => entry.type === 'message').map(entry => entry.message)

/** Runs `work` with operations on a fresh file and closes them. */
async function withStore(work) {
  const ops = openOperations(join(freshDirectory(), 'session.db'))
  try {
    return await work(ops)
  } finally {
    await ops.close()
  }
}

/** The events as they were imported: ids ascend in the order of issue, so they are the order of the file. */
async function eventsInOrder(ops, sessionId) {
  const events = await ops.queryEvents({ sessionId })
  return events.sort((a, b) => a.id - b.id)
}

/** Everything about an event but when and under which id it was stored. */
const content = ({ id, createdAt, ...rest }) => rest

// Taken from the file here, not with the importer's code: the two must agree.
function textOf(message) {
  if (message.role === 'bashExecution') return message.output
  return message.content.filter(block => block.type === 'text').map(block => block.text).join('\n')
}

function typeOf({ role, stopReason, isError, cancelled }) {
  if (role === 'user') return 'start'
  return stopReason === 'aborted' || stopReason === 'error' || isError || cancelled ? 'error' : 'stream'
}

function totalsOfFile() {
  const totals = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0, cost: 0 }
  for (const { usage } of messages.filter(message => message.role === 'assistant')) {
    for (const key of ['input', 'output', 'cacheRead', 'cacheWrite']) totals[key] += usage[key]
    totals.total += usage.totalTokens
    totals.cost += usage.cost.total
  }
  return totals
}

function addTokens(totals, event) {
  const { tokens, cost } = metadataOf(event)
  for (const key of ['input', 'output', 'cacheRead', 'cacheWrite', 'total']) totals[key] += tokens?.[key] ?? 0
  totals.cost += cost ?? 0
}

test('no message of a real session is lost, doubled, reordered or changed', options, () => withStore(async ops => {
  const result = await importSession(ops, FILE)
  assert.deepEqual(result.malformed, [])
  assert.equal(result.sessionId, header.id)
  assert.equal(result.events, messages.length + 1)

  const events = await eventsInOrder(ops, header.id)
  assert.equal(events.length, messages.length + 1)
  assert.equal(events.at(-1).eventType, 'end')
  messages.forEach((message, index) => {
    const { eventType, prompt, streamData, timestamp } = events[index]
    const text = textOf(message)
    const expected = message.role === 'user' ? { prompt: text, streamData: null } : { prompt: null, streamData: text }
    assert.deepEqual({ eventType, prompt, streamData, timestamp },
      { eventType: typeOf(message), ...expected, timestamp: message.timestamp }, `message ${index + 1} of the file`)
  })
}))

test('the session a user looks up has the counts and times of its messages', options, () => withStore(async ops => {
  await importSession(ops, FILE)
  const times = messages.map(message => message.timestamp)
  const counted = type => messages.filter(message => typeOf(message) === type).length
  const { status, startTime, endTime, duration, eventCount, streamEventCount, errorCount } = await ops.getSession(header.id)
  assert.deepEqual({ status, startTime, endTime, duration, eventCount, streamEventCount, errorCount }, {
    status: 'completed',
    startTime: Date.parse(header.timestamp),
    endTime: Math.max(...times),
    duration: Math.max(...times) - Math.min(...times),
    eventCount: messages.length + 1,
    streamEventCount: counted('stream'),
    errorCount: counted('error'),
  })
  const statistics = await ops.getStatistics()
  assert.equal(statistics.totalEvents, messages.length + 1)
  assert.deepEqual(statistics.eventBreakdown,
    { start: counted('start'), stream: counted('stream'), end: 1, error: counted('error') })
  assert.deepEqual((await ops.verifyStatistics()).mismatches, [])
}))

test('tokens and cost add up to what the file says, by query and by iteration', options, () => withStore(async ops => {
  await importSession(ops, FILE)
  const expected = totalsOfFile()
  assert.ok(expected.cost > 0 && expected.total > 0, 'the file has figures to compare')

  const queried = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0, cost: 0 }
  for (const event of await ops.queryEvents({ sessionId: header.id })) addTokens(queried, event)
  const iterated = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, total: 0, cost: 0 }
  for await (const event of ops.iterateEvents({ sessionId: header.id }, { pageSize: 97 })) addTokens(iterated, event)

  for (const totals of [queried, iterated]) {
    assert.ok(Math.abs(totals.cost - expected.cost) <= 1e-9, `cost ${totals.cost}, in the file ${expected.cost}`)
    assert.deepEqual({ ...totals, cost: 0 }, { ...expected, cost: 0 })
  }
}))

test('importing the same file a second time adds nothing', options, () => withStore(async ops => {
  await importSession(ops, FILE)
  const before = await eventsInOrder(ops, header.id)
  const sessionBefore = await ops.getSession(header.id)
  const again = await importSession(ops, FILE)
  assert.equal(again.events, 0)
  assert.equal(again.skipped, messages.length)
  assert.deepEqual(await eventsInOrder(ops, header.id), before)
  assert.deepEqual(await ops.getSession(header.id), sessionBefore)
}))

test('a file that has grown since its first import ends as if it had been imported once', options, async () => {
  const whole = await withStore(async ops => {
    await importSession(ops, FILE)
    return (await eventsInOrder(ops, header.id)).map(content)
  })
  for (const length of [1, 2, 501, 640, lines.length - 1]) {
    await withStore(async ops => {
      const file = join(freshDirectory(), 'grown.jsonl')
      // The last line is half written, as an agent that is still running leaves it.
      writeFileSync(file, `${lines.slice(0, length).join('\n')}\n${lines[length].slice(0, 40)}`)
      const first = await importSession(ops, file)
      assert.deepEqual(first.malformed, [{ line: length + 1, reason: 'not JSON' }])
      writeFileSync(file, `${lines.join('\n')}\n`)
      const second = await importSession(ops, file)
      assert.deepEqual(second.malformed, [])
      assert.deepEqual((await eventsInOrder(ops, header.id)).map(content), whole, `first import of ${length} lines`)
    })
  }
})

test('an import that is cut off in the middle is completed by the next one, without doubles', options, async () => {
  const whole = await withStore(async ops => {
    await importSession(ops, FILE)
    return (await eventsInOrder(ops, header.id)).map(content)
  })
  async function* breakingAt(line) {
    for (const [index, text] of lines.entries()) {
      if (index + 1 === line) throw new Error('the power went out')
      yield text
    }
  }
  await withStore(async ops => {
    let stored = 0
    for (const line of [3, 130, 700, lines.length]) {
      await assert.rejects(importSession(ops, breakingAt(line), { batchSize: 50 }), /the power went out/)
      const events = await ops.queryEvents({ sessionId: header.id })
      assert.ok(events.length >= stored && events.length < messages.length)
      assert.ok(events.every(event => event.eventType !== 'end'), 'a session that is not complete has no end')
      stored = events.length
    }
    assert.ok(stored > 0)
    await importSession(ops, FILE)
    assert.deepEqual((await eventsInOrder(ops, header.id)).map(content), whole)
  })
})

// From here on synthetic files: these run everywhere.

const ISO = new Date(T).toISOString()
const sessionLine = JSON.stringify({ type: 'session', id: 'synthetic', timestamp: ISO, provider: 'p', modelId: 'm' })
const userLine = text => JSON.stringify({ type: 'message', timestamp: ISO, message: { role: 'user', content: text, timestamp: T } })

test('malformed lines are named by number and cost only themselves', { timeout: 20_000 }, () => withStore(async ops => {
  const file = join(freshDirectory(), 'malformed.jsonl')
  writeFileSync(file, [
    userLine('too early'), // 1
    sessionLine, // 2
    userLine('one'), // 3
    '{"type":"message","mess', // 4
    '', // 5: no line at all
    '[1, 2]', // 6
    JSON.stringify({ type: 'message', timestamp: ISO, message: { content: 'nobody' } }), // 7
    JSON.stringify({ type: 'message', message: { role: 'user', content: 'never' } }), // 8
    JSON.stringify({ type: 'message', timestamp: ISO }), // 9
    JSON.stringify({ type: 'message', timestamp: ISO, message: { role: 'user', content: 'two' } }), // 10: the time of the line
    sessionLine, // 11
    JSON.stringify({ type: 'model_change', timestamp: ISO }), // 12: no message, no mistake
    userLine('three'), // 13
  ].join('\r\n'))
  const result = await importSession(ops, file)
  assert.deepEqual(result.malformed, [
    { line: 1, reason: 'message before the session line' },
    { line: 4, reason: 'not JSON' },
    { line: 6, reason: 'not a JSON object' },
    { line: 7, reason: 'message without role' },
    { line: 8, reason: 'message without timestamp' },
    { line: 9, reason: 'no message' },
    { line: 11, reason: 'a second session line' },
  ])
  const events = await eventsInOrder(ops, 'synthetic')
  assert.deepEqual(events.map(event => event.prompt), ['one', 'two', 'three', null])
  assert.deepEqual(events.map(event => event.timestamp), [T, T, T, T])
  assert.equal((await importSession(ops, file)).events, 0)
}))

test('text with line separators of Unicode, NUL and emoji arrives as it was', { timeout: 20_000 }, () => withStore(async ops => {
  const text = 'a\u2028b\u2029c\u0000d\u{1f680}\r\n\t"é"'
  const file = join(freshDirectory(), 'unicode.jsonl')
  const long = 'ü\u2028'.repeat(300_000) // characters across every chunk boundary
  writeFileSync(file, [sessionLine, userLine(text), userLine(long)].join('\n'))
  const result = await importSession(ops, file)
  assert.deepEqual(result.malformed, [])
  const [first, second] = await eventsInOrder(ops, 'synthetic')
  assert.equal(first.prompt, text)
  assert.ok(second.prompt === long, 'the long text is the same')
}))

test('a file that is no session stores nothing and says so', { timeout: 20_000 }, () => withStore(async ops => {
  const file = join(freshDirectory(), 'other.jsonl')
  writeFileSync(file, `${userLine('hello')}\n{"type":"other"}\n`)
  await assert.rejects(importSession(ops, file), { code: 'NOT_A_SESSION' })
  assert.deepEqual(await ops.querySessions(), [])
  assert.deepEqual(await ops.queryEvents(), [])
}))
