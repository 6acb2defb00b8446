// Two thousand public operations at random, un-awaited in part, against a model that is too simple to be wrong.
// RUNLEDGER_SEED repeats a failure, RUNLEDGER_MODEL_STEPS makes it longer.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Model } from './fixtures/stress-model.mjs'
import { createRandom, event, freshDirectory, openOperations, removeDirectories, session, T } from './fixtures/stress-support.mjs'

const SEEDS = process.env.RUNLEDGER_SEED ? [Number(process.env.RUNLEDGER_SEED)] : [1, 20250615]
const STEPS = Number(process.env.RUNLEDGER_MODEL_STEPS ?? 2000)
const STREAM_BATCH_SIZE = 10
const HOUR = 3_600_000

const IDS = Array.from({ length: 10 }, (_, i) => `s${i}`)
const TYPES = ['start', 'stream', 'stream', 'stream', 'end', 'error']
const AGENTS = ['claude', 'codex', 'gemini']
const MODES = ['code', 'ask']

after(removeDirectories)

/** Everything about a stored event that a caller has given. */
const eventFields = ({ sessionId, eventType, agentType, mode, prompt, streamData, metadata, timestamp }) =>
  ({ sessionId, eventType, agentType, mode, prompt: prompt ?? null, streamData: streamData ?? null, metadata, timestamp })

/** A session row without the fields that depend on the moment. */
const sessionFields = row => {
  if (row === null) return null
  const { createdAt, updatedAt, version, schemaVersion, ...rest } = row
  assert.deepEqual({ version, schemaVersion }, { version: 1, schemaVersion: '1.0.0' })
  assert.ok(updatedAt >= createdAt)
  return rest
}

/** Chooses operations; every event gets a key of its own and a time that no other event has. */
function createOperations(random, model) {
  let key = 0
  const anyId = () => random.pick(IDS)
  const anyTime = () => {
    key += 1
    return T + random.between(0, 96) * HOUR + key / 4096 // fractions of a millisecond are kept
  }
  const newEvent = (sessionId = anyId()) => {
    const timestamp = anyTime()
    return event(sessionId, {
      eventType: random.pick(TYPES), agentType: random.pick(AGENTS), mode: random.pick(MODES), timestamp,
      prompt: random.chance(0.3) ? `prompt ${key} – \u{1f680}` : null,
      streamData: random.chance(0.7) ? 'é'.repeat(random.between(0, 400)) : null,
      metadata: random.chance(0.8) ? { key, nested: { list: [1, null, 'x'] } } : `plain text ${key}`,
    })
  }
  const batch = (min, max, badness) => Array.from({ length: random.between(min, max) }, () =>
    (random.chance(badness) ? { ...newEvent(), eventType: 'bad' } : newEvent()))
  const maybe = (probability, make) => (random.chance(probability) ? make() : undefined)
  const filter = () => {
    const from = maybe(0.3, () => T + random.between(0, 96) * HOUR)
    return {
      sessionId: maybe(0.5, anyId), eventType: maybe(0.3, () => random.pick(TYPES)), agentType: maybe(0.3, () => random.pick(AGENTS)),
      mode: maybe(0.2, () => random.pick(MODES)), from, to: maybe(0.3, () => (from ?? T) + random.between(1, 48) * HOUR),
      limit: maybe(0.5, () => random.between(1, 20)), offset: maybe(0.2, () => random.between(0, 5)),
      orderBy: maybe(0.5, () => random.pick(['timestamp_asc', 'timestamp_desc'])),
    }
  }
  const sessionInput = () => session(anyId(), {
    agentType: random.pick(AGENTS), status: random.pick(['active', 'completed', 'failed']), startTime: T + random.between(0, 1000),
    metadata: maybe(0.4, () => ({ run: key })), sandboxId: maybe(0.3, () => `sandbox-${key}`),
  })
  /** Without the keys that are not given: deleteEvents takes `undefined` for a slip unless another key is usable. */
  const usable = input => {
    const kept = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
    return Object.keys(kept).length > 0 ? kept : { eventType: 'error' }
  }

  const weighted = [
    [20, () => ['insertEvent', newEvent()]],
    [2, () => ['insertEvent', { ...newEvent(), eventType: 'bad' }]],
    [2, () => ['insertEvent', newEvent('never-there')]],
    [8, () => ['insertEventBatch', batch(0, 25, 0)]],
    [4, () => ['insertEventBatch', batch(1, 25, 0.02)]],
    [6, () => ['insertEventBatch', batch(1, 25, 0.1), { onError: 'skip' }]],
    [12, () => {
      // Fills a buffer at most to the brim: how far one call may overfill it is not the contract's business.
      const id = anyId()
      return ['insertEventBuffer', Array.from({ length: random.between(1, Math.min(6, model.room(id))) }, () => newEvent(id))]
    }],
    [2, () => ['flushEventBuffers']],
    [3, () => ['flushBuffer', anyId()]],
    [12, () => ['createSession', sessionInput()]],
    [4, () => ['upsertSession', { ...sessionInput(), eventCount: maybe(0.3, () => 99), duration: maybe(0.3, () => random.between(0, 9000)) }]],
    [5, () => ['updateSession', anyId(), { status: 'completed', metadata: maybe(0.3, () => null), duration: maybe(0.3, () => 4500.5) }]],
    [3, () => ['updateSession', anyId(), { id: anyId() }]],
    [3, () => ['deleteSession', anyId()]],
    [6, () => ['deleteEvents', usable(filter())]],
    [2, () => ['deleteEventsBefore', T + random.between(0, 24) * HOUR]],
    [2, () => ['updateSessionStats', anyId()]],
  ]
  const hat = weighted.flatMap(([weight, make]) => Array.from({ length: weight }, () => make))
  return { next: () => random.pick(hat)(), filter }
}

/** Compares one settled call with what the model says. */
function assertOutcome(method, expected, settled) {
  if (expected.code !== undefined) {
    assert.equal(settled.status, 'rejected', 'it should have been refused')
    const { code, index } = settled.reason
    if (Array.isArray(expected.code)) {
      // A batch: its first bad event, or the first that is refused before the database is asked at all.
      const candidates = [expected.code[0], expected.code.find(bad => bad.code === 'VALIDATION_ERROR')].filter(Boolean)
      assert.ok(candidates.some(bad => bad.index === index && bad.code === code), `${code} at ${index}`)
    } else assert.equal(code, expected.code)
    return
  }
  if (settled.status === 'rejected') throw settled.reason
  const { value } = settled
  if (method === 'insertEvent') assert.equal(typeof value.id, 'number')
  else if (method === 'upsertSession') assert.deepEqual(sessionFields(value), expected.value)
  else if (method === 'insertEventBatch') {
    const { inserted, failed, sessionsUpserted, errors } = value
    const found = errors.map(({ index, code }) => ({ index, code })).sort((a, b) => a.index - b.index)
    assert.deepEqual({ inserted, failed, sessionsUpserted, errors: found }, expected.value)
  } else assert.deepEqual(value, expected.value)
}

/** Everything that reads show, against the model. */
async function assertSame(ops, model, filter) {
  const all = await ops.queryEvents({ orderBy: 'timestamp_asc' })
  assert.deepEqual(all.map(eventFields), model.query({ orderBy: 'timestamp_asc' }).map(eventFields), 'the events')
  assert.equal(new Set(all.map(row => row.id)).size, all.length, 'ids are distinct')
  for (let i = 0; i < 5; i += 1) {
    const condition = filter()
    assert.deepEqual((await ops.queryEvents(condition)).map(eventFields), model.query(condition).map(eventFields),
      `queryEvents(${JSON.stringify(condition)})`)
  }
  const iterated = []
  for await (const row of ops.iterateEvents({ orderBy: 'timestamp_desc' }, { pageSize: 7 })) iterated.push(eventFields(row))
  assert.deepEqual(iterated, model.query().map(eventFields), 'the iteration')

  for (const id of IDS) assert.deepEqual(sessionFields(await ops.getSession(id)), model.session(id), `session ${id}`)
  const ids = (await ops.querySessions()).map(row => row.id).sort()
  assert.deepEqual(ids, [...model.sessions.keys()].sort(), 'the list of sessions')

  const pending = (await ops.queryBuffers({ status: 'pending' })).map(({ sessionId, eventCount }) => [sessionId, eventCount]).sort()
  const buffered = [...model.sessions.values()].filter(row => row.buffered.length > 0).map(row => [row.id, row.buffered.length]).sort()
  assert.deepEqual(pending, buffered, 'what is buffered')

  const { dbSizeBytes, avgSessionDuration, ...summary } = await ops.getStatistics()
  const { avgSessionDuration: average, ...expected } = model.statistics()
  assert.deepEqual(summary, expected, 'getStatistics')
  assert.ok(Math.abs(avgSessionDuration - average) <= 1e-9 * Math.max(1, average), `average ${avgSessionDuration}, should be ${average}`)
  const days = (await ops.getDailyStatistics()).map(({ statKey, totalEvents, uniqueSessions }) => ({ statKey, totalEvents, uniqueSessions }))
  assert.deepEqual(days, model.days(), 'getDailyStatistics')
  assert.deepEqual((await ops.verifyStatistics()).mismatches, [], 'verifyStatistics')
}

for (const seed of SEEDS) {
  test(`${STEPS} random operations leave exactly what they should (seed ${seed})`, { timeout: 180_000 }, async () => {
    const random = createRandom(seed)
    const model = new Model(STREAM_BATCH_SIZE)
    const ops = openOperations(join(freshDirectory(), 'model.db'), { streamBatchSize: STREAM_BATCH_SIZE, streamFlushIntervalMs: 0 })
    const { next, filter } = createOperations(random, model)
    const trail = []
    let step = 0
    try {
      while (step < STEPS) {
        // A handful at once: order of issue is order of effect, so the model may go ahead.
        const issued = []
        for (let left = Math.min(random.between(1, 12), STEPS - step); left > 0; left -= 1) {
          const [method, ...args] = next()
          step += 1
          trail.push(`${step}. ${method}(${JSON.stringify(args).slice(1, -1).slice(0, 200)})`)
          const expected = structuredClone(model[method](...args))
          issued.push({ method, expected, call: trail.at(-1), promise: ops[method](...args) })
        }
        const settled = await Promise.allSettled(issued.map(({ promise }) => promise))
        issued.forEach(({ method, expected, call }, i) => {
          try {
            assertOutcome(method, expected, settled[i])
          } catch (error) {
            error.message = `${call}: ${error.message}`
            throw error
          }
        })
        if (random.chance(0.06) || step === STEPS) await assertSame(ops, model, filter)
        if (random.chance(0.02)) {
          await ops.close() // flushes what is buffered; the next call opens again
          model.flushEventBuffers()
        }
      }
    } catch (error) {
      console.log(`  RUNLEDGER_SEED=${seed} repeats this; the last operations:\n  ${trail.slice(-12).join('\n  ')}`)
      error.message = `seed ${seed}, step ${step}: ${error.message}`
      throw error
    } finally {
      await ops.close()
    }
  })
}
