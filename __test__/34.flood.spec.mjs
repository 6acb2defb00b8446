// Floods, of writes and of rows: memory stays bounded and the event loop stays alive. The bounds are generous, since
// shared machines are noisy; the benchmark has the figures, this has what a user would notice.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { freshDirectory, megabytes, metadataOf, openOperations, removeDirectories, runChild } from './fixtures/stress-support.mjs'

const FLOOD = 100_000
const ROWS = Number(process.env.RUNLEDGER_STRESS_ROWS ?? 1_000_000)
const QUERIED = Math.min(ROWS, 100_000)
const MB = 1024 * 1024
const MAX_PAUSE_MS = 250

after(removeDirectories)

async function report(script, args) {
  const { code, signal, stdout, stderr } = await runChild(script, args, { timeout: 240_000 })
  assert.equal(stderr, '')
  assert.deepEqual({ code, signal }, { code: 0, signal: null })
  return JSON.parse(stdout)
}

test('a hundred thousand inserts that nobody awaits all commit, in order, in bounded memory', { timeout: 240_000 }, async () => {
  const dbPath = join(freshDirectory(), 'flood.db')
  const flood = await report('stress-flood-child.mjs', [dbPath, FLOOD])
  console.log(`  issued in ${Math.round(flood.issuedMs)} ms (+${megabytes(flood.issuedGrowth)}), ` +
    `committed in ${Math.round(flood.totalMs)} ms (peak +${megabytes(flood.peakGrowth)})`)
  assert.deepEqual(flood.failures, {})
  assert.equal(flood.fulfilled, FLOOD)

  const ops = openOperations(dbPath)
  try {
    let next = -1 // the first event warmed up and carries no number
    let lastId = 0
    for await (const row of ops.iterateEvents({ orderBy: 'timestamp_asc' })) {
      assert.ok(row.id > lastId, 'ids ascend in the order of issue')
      lastId = row.id
      if (next >= 0 && metadataOf(row).i !== next) assert.fail(`event ${next} is not where it was issued`)
      next += 1
    }
    assert.equal(next, FLOOD)
    assert.equal((await ops.getSession('flood')).eventCount, FLOOD + 1)
  } finally {
    await ops.close()
  }
  assert.ok(flood.issuedGrowth <= 250 * MB, `issuing took ${megabytes(flood.issuedGrowth)}`)
  assert.ok(flood.peakGrowth <= 400 * MB, `at its peak the flood took ${megabytes(flood.peakGrowth)}`)
})

let reads

/** Both reads, made once for the three tests below. */
function readRows() {
  reads ??= report('stress-read-child.mjs', [join(freshDirectory(), 'rows.db'), ROWS, QUERIED]).then(figures => {
    console.log(`  ${ROWS} rows written in ${Math.round(figures.fillMs)} ms`)
    for (const [name, { count, ms, longestPause, growth }] of [['query', figures.query], ['iteration', figures.iteration]]) {
      console.log(`  ${name} of ${count} rows: ${Math.round(ms)} ms, longest pause ${longestPause.toFixed(1)} ms, +${megabytes(growth)}`)
    }
    return figures
  })
  return reads
}

test(`a query of ${QUERIED} rows leaves the event loop responsive`, { timeout: 240_000 }, async () => {
  const { count, inOrder, longestPause } = (await readRows()).query
  assert.deepEqual({ count, inOrder }, { count: QUERIED, inOrder: true })
  assert.ok(longestPause < MAX_PAUSE_MS, `the loop stood still for ${Math.round(longestPause)} ms`)
})

test(`an iteration over ${ROWS} rows leaves the event loop responsive`, { timeout: 240_000 }, async () => {
  const { count, inOrder, longestPause } = (await readRows()).iteration
  assert.deepEqual({ count, inOrder }, { count: ROWS, inOrder: true })
  assert.ok(longestPause < MAX_PAUSE_MS, `the loop stood still for ${Math.round(longestPause)} ms`)
})

test(`memory stays flat while ${ROWS} rows are iterated`, { timeout: 240_000 }, async () => {
  const { growth } = (await readRows()).iteration
  // A million rows that are kept take 300 MB. The V8 of Node 24 lets 170 MB of rows that nobody keeps pile up.
  assert.ok(growth <= 225 * MB, `the iteration took ${megabytes(growth)}`)
})
