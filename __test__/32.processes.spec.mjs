// Several processes, one file: no caller sees a lock, nothing is lost, and the counters stay right.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  freshDirectory, hasPython, metadataOf, openOperations, removeDirectories, runChild, secondOpinion, startChild, until,
} from './fixtures/stress-support.mjs'

after(removeDirectories)

const PROCESSES = 8
const EVENTS = 1000

/** Exit code 0, nothing on stderr, and no failed call. */
function assertSucceeded({ code, signal, stdout, stderr }) {
  assert.equal(stderr, '')
  assert.deepEqual({ code, signal }, { code: 0, signal: null })
  const report = JSON.parse(stdout.trim().split('\n').at(-1))
  assert.deepEqual([...new Set(report.failures)], [])
  return report
}

async function withStore(dbPath, work) {
  const ops = openOperations(dbPath)
  try {
    await work(ops)
  } finally {
    await ops.close()
  }
}

test('eight processes that create and fill one file at once lose nothing and see no lock', { timeout: 180_000 }, async () => {
  const dbPath = join(freshDirectory(), 'new', 'shared.db') // the directory is not there yet either
  const names = Array.from({ length: PROCESSES }, (_, i) => `process-${i}`)
  const children = names.map(name => startChild('stress-process-child.mjs', [dbPath, name, EVENTS]))
  await Promise.all(children.map(({ child, lines }) =>
    until(() => lines.includes('ready') || child.exitCode !== null, 'the children are ready', 30_000)))
  for (const { child } of children) child.stdin.write('go\n')
  for (const { acknowledged } of (await Promise.all(children.map(child => child.exit))).map(assertSucceeded)) {
    assert.equal(acknowledged, EVENTS)
  }

  await withStore(dbPath, async ops => {
    const keys = new Set()
    const perSession = {}
    for await (const row of ops.iterateEvents()) {
      keys.add(metadataOf(row).key)
      perSession[row.sessionId] = (perSession[row.sessionId] ?? 0) + 1
    }
    for (const name of names) {
      const missing = Array.from({ length: EVENTS }, (_, i) => `${name}-${i}`).filter(key => !keys.has(key))
      assert.deepEqual(missing, [], `events of ${name} that are lost`)
    }
    assert.equal(keys.size, PROCESSES * EVENTS)
    assert.equal((await ops.getStatistics()).totalEvents, PROCESSES * EVENTS, 'each is there once')
    const shared = Math.floor(EVENTS / 3)
    for (const id of [...names, 'shared']) {
      const { eventCount, streamEventCount } = await ops.getSession(id)
      const expected = id === 'shared' ? shared * PROCESSES : EVENTS - shared
      assert.deepEqual({ id, eventCount, streamEventCount, found: perSession[id] },
        { id, eventCount: expected, streamEventCount: expected, found: expected })
    }
    assert.deepEqual((await ops.verifyStatistics()).mismatches, [])
  })
})

test('counters equal a recount after three processes have changed everything at random', { timeout: 180_000 }, async () => {
  const dbPath = join(freshDirectory(), 'churn.db')
  const seed = Number(process.env.RUNLEDGER_SEED ?? 32)
  const children = [1, 2, 3].map(n => runChild('stress-churn-child.mjs', [dbPath, seed * 10 + n, 400]))
  for (const { done } of (await Promise.all(children)).map(assertSucceeded)) assert.equal(done, 400)

  await withStore(dbPath, async ops => {
    const report = await ops.verifyStatistics()
    assert.deepEqual({ ok: report.ok, mismatches: report.mismatches }, { ok: true, mismatches: [] }, `seed ${seed}`)

    const counts = new Map()
    for await (const { sessionId, eventType } of ops.iterateEvents()) {
      const count = counts.get(sessionId) ?? { eventCount: 0, streamEventCount: 0, errorCount: 0 }
      count.eventCount += 1
      if (eventType === 'stream') count.streamEventCount += 1
      if (eventType === 'error') count.errorCount += 1
      counts.set(sessionId, count)
    }
    assert.ok(counts.size > 0, 'something is left to compare')
    for (const { id, eventCount, streamEventCount, errorCount } of await ops.querySessions()) {
      const expected = counts.get(id) ?? { eventCount: 0, streamEventCount: 0, errorCount: 0 }
      assert.deepEqual({ id, eventCount, streamEventCount, errorCount }, { id, ...expected }, `seed ${seed}`)
    }
    const total = [...counts.values()].reduce((sum, { eventCount }) => sum + eventCount, 0)
    assert.equal((await ops.getStatistics()).totalEvents, total)
  })
  if (hasPython) assert.deepEqual(secondOpinion(dbPath), { integrity: 'ok', foreignKeys: 0 })
  else console.log('  skipped: integrity_check, no python3 with sqlite3 here')
})
