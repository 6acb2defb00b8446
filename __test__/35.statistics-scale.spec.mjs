// Statistics are kept, not counted: right after anything, and as cheap over many events as over few.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createRandom, event, freshDirectory, openOperations, removeDirectories, session, T } from './fixtures/stress-support.mjs'

const SEED = Number(process.env.RUNLEDGER_SEED ?? 35)
const DAY = 86_400_000
const MIDNIGHT = T - (T % DAY)
const TYPES = ['start', 'stream', 'end', 'error']
const AGENTS = ['claude', 'codex', 'gemini']
const MODES = ['code', 'ask', 'plan']

after(removeDirectories)

const median = values => [...values].sort((a, b) => a - b)[values.length >> 1]
const dayOf = timestamp => new Date(timestamp).toISOString().slice(0, 10)
const add = (counts, key) => (counts[key] = (counts[key] ?? 0) + 1)

/** getStatistics and getDailyStatistics, counted one event at a time. */
async function recount(ops) {
  const summary = {
    totalEvents: 0, eventBreakdown: { start: 0, stream: 0, end: 0, error: 0 }, agentBreakdown: {}, modeBreakdown: {},
    dateRange: { earliest: Infinity, latest: 0 },
  }
  const sessions = new Set()
  const days = new Map()
  for await (const { sessionId, eventType, agentType, mode, timestamp } of ops.iterateEvents()) {
    summary.totalEvents += 1
    add(summary.eventBreakdown, eventType)
    add(summary.agentBreakdown, agentType)
    add(summary.modeBreakdown, mode)
    const { dateRange } = summary
    dateRange.earliest = Math.min(dateRange.earliest, timestamp)
    dateRange.latest = Math.max(dateRange.latest, timestamp)
    sessions.add(sessionId)
    const day = days.get(dayOf(timestamp)) ?? { totalEvents: 0, sessions: new Set() }
    day.totalEvents += 1
    day.sessions.add(sessionId)
    days.set(dayOf(timestamp), day)
  }
  if (summary.totalEvents === 0) summary.dateRange.earliest = 0
  const stored = await ops.querySessions()
  const durations = stored.map(row => row.duration).filter(duration => duration !== null)
  const average = durations.length === 0 ? 0 : durations.reduce((a, b) => a + b, 0) / durations.length
  const daily = [...days].sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([statKey, { totalEvents, sessions: distinct }]) => ({ statKey, totalEvents, uniqueSessions: distinct.size }))
  return { summary: { ...summary, totalSessions: sessions.size, sessionsTotal: stored.length }, average, daily }
}

async function assertRight(ops, when) {
  const expected = await recount(ops)
  const { avgSessionDuration, dbSizeBytes, ...summary } = await ops.getStatistics()
  assert.deepEqual(summary, expected.summary, when)
  assert.ok(Math.abs(avgSessionDuration - expected.average) <= 1e-9 * Math.max(1, expected.average),
    `${when}: average ${avgSessionDuration}, counted ${expected.average}`)
  assert.ok(dbSizeBytes > 0)
  const daily = (await ops.getDailyStatistics())
    .map(({ statKey, totalEvents, uniqueSessions }) => ({ statKey, totalEvents, uniqueSessions }))
  assert.deepEqual(daily, expected.daily, when)
  assert.deepEqual((await ops.verifyStatistics()).mismatches, [], when)
}

test('a dashboard shows exactly what is stored, whatever was done before', { timeout: 120_000 }, async () => {
  const random = createRandom(SEED)
  const ops = openOperations(join(freshDirectory(), 'right.db'), { streamBatchSize: 8, streamFlushIntervalMs: 0 })
  const ids = Array.from({ length: 15 }, (_, i) => `s${i}`)
  const anyEvent = () => event(random.pick(ids), {
    eventType: random.pick(TYPES), agentType: random.pick(AGENTS), mode: random.pick(MODES),
    timestamp: MIDNIGHT + random.between(0, 6) * DAY + random.between(-50, 50), // around midnight: days must not mix
  })
  const some = (min, max) => Array.from({ length: random.between(min, max) }, anyEvent)
  const operations = [
    () => ops.insertEventBatch(some(1, 80), { onError: 'skip' }),
    () => ops.insertEventBatch(some(1, 80), { onError: 'skip' }),
    () => Promise.allSettled(some(1, 20).map(one => ops.insertEvent(one))),
    () => ops.insertEventBuffer(some(1, 5)),
    () => ops.flushEventBuffers(),
    () => ops.deleteEvents({ sessionId: random.pick(ids), limit: random.between(1, 30) }),
    () => ops.deleteEvents({ eventType: 'error', mode: random.pick(MODES) }),
    () => ops.deleteEvents({ from: MIDNIGHT + 2 * DAY, to: MIDNIGHT + 2 * DAY + random.between(1, 49) }),
    () => ops.deleteEventsBefore(MIDNIGHT + random.between(-40, 0)),
    () => ops.deleteSession(random.pick(ids)),
    () => ops.createSession(session(random.pick(ids))),
    () => ops.createSession(session(random.pick(ids))),
    () => ops.updateSession(random.pick(ids), { duration: random.between(0, 5000) }),
    () => ops.updateSessionStats(random.pick(ids)),
  ]
  try {
    for (const id of ids) await ops.createSession(session(id))
    for (let step = 1; step <= 400; step += 1) {
      await random.pick(operations)().catch(error => {
        if (error.code !== 'SQLITE_CONSTRAINT') throw error // an event of a session that is gone
      })
      if (step % 50 === 0) await assertRight(ops, `seed ${SEED}, after ${step} operations`)
    }
    await ops.deleteEvents({})
    await assertRight(ops, 'after everything was deleted')
  } finally {
    await ops.close()
  }
})

test('a dashboard over 200,000 events is as fast as one over 1,000', { timeout: 180_000 }, async () => {
  // The same sessions, days, agents and modes in both: only the number of events differs.
  const fill = async (name, count) => {
    const ops = openOperations(join(freshDirectory(), name))
    for (let i = 0; i < 20; i += 1) await ops.createSession(session(`s${i}`))
    for (let from = 0; from < count; from += 5000) {
      const length = Math.min(5000, count - from)
      await ops.insertEventBatch(Array.from({ length }, (_, i) => event(`s${i % 20}`, {
        eventType: TYPES[i % 4], agentType: AGENTS[i % 3], mode: MODES[i % 3], timestamp: T + (i % 7) * DAY + from + i,
      })))
    }
    assert.equal((await ops.getStatistics()).totalEvents, count)
    return ops
  }
  const small = await fill('small.db', 1_000)
  const large = await fill('large.db', 200_000)
  try {
    for (const method of ['getStatistics', 'getDailyStatistics']) {
      const times = { small: [], large: [] }
      for (let round = 0; round < 220; round += 1) {
        for (const [name, ops] of [['small', small], ['large', large]]) {
          const started = performance.now()
          await ops[method]()
          if (round >= 20) times[name].push(performance.now() - started) // the first ones warm up
        }
      }
      const ratio = median(times.large) / median(times.small)
      console.log(`  ${method}: ${median(times.small).toFixed(3)} ms over 1,000 events, ` +
        `${median(times.large).toFixed(3)} ms over 200,000, ratio ${ratio.toFixed(2)}`)
      assert.ok(ratio <= 5, `${method} takes ${ratio.toFixed(1)} times as long over 200 times as many events`)
    }
  } finally {
    await small.close()
    await large.close()
  }
})
