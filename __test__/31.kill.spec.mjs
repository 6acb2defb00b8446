// `kill -9` in the middle of ingest. What a promise has acknowledged is there afterwards, once; what it has not is
// there as a whole or not at all.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import {
  createRandom, freshDirectory, hasPython, metadataOf, openOperations, removeDirectories, secondOpinion, sleep, startChild, until,
} from './fixtures/stress-support.mjs'

const ROUNDS = Number(process.env.RUNLEDGER_KILL_ROUNDS ?? 50)
const SEED = Number(process.env.RUNLEDGER_SEED ?? 31)
const dbPath = join(freshDirectory(), 'killed.db')

after(removeDirectories)

/** Lets a child record, kills it at a random moment, and returns what it had been promised. */
async function recordAndKill(sessionId, seed, random) {
  const { child, lines, exit } = startChild('stress-kill-child.mjs', [dbPath, sessionId, seed])
  await until(() => lines.length > 0 || child.exitCode !== null, 'the first acknowledgement', 20_000)
  await sleep(random.between(20, 150))
  child.kill('SIGKILL')
  const { signal, stderr } = await exit
  assert.equal(stderr, '', 'the child had nothing to complain about')
  assert.equal(signal, 'SIGKILL', 'the child was still recording when it was killed')
  return lines.map(line => {
    const [kind, first, size] = line.split(' ')
    return { kind, first: Number(first), size: Number(size) }
  })
}

/** What is wrong with the stored events of a round, in words; empty when nothing is. */
function findings(events, acknowledged) {
  const times = new Map()
  const calls = new Map()
  for (const row of events) {
    const { key, kind, call, size } = metadataOf(row)
    times.set(key, (times.get(key) ?? 0) + 1)
    const seen = calls.get(call) ?? { kind, size, stored: 0 }
    seen.stored += 1
    calls.set(call, seen)
  }
  const wrong = []
  for (const { kind, first, size } of acknowledged) {
    for (let key = first; key < first + size; key += 1) {
      if (!times.has(key)) wrong.push(`${kind} event ${key} was acknowledged and is lost`)
    }
  }
  for (const [key, count] of times) if (count > 1) wrong.push(`event ${key} is there ${count} times`)
  for (const [call, { kind, size, stored }] of calls) {
    if (stored !== size) wrong.push(`of the ${size} events of ${kind} ${call} only ${stored} are there`)
  }
  return wrong
}

test(`no acknowledged event is lost or torn when a process is killed, ${ROUNDS} times`, { timeout: 180_000 }, async () => {
  const random = createRandom(SEED)
  let promised = 0
  let stored = 0
  for (let round = 1; round <= ROUNDS; round += 1) {
    const sessionId = `round-${round}`
    const acknowledged = await recordAndKill(sessionId, SEED * 1000 + round, random)
    promised += acknowledged.reduce((sum, { size }) => sum + size, 0)

    const ops = openOperations(dbPath) // opening is the repair: nothing else is called
    try {
      const events = await ops.queryEvents({ sessionId })
      stored += events.length
      const where = `seed ${SEED}, round ${round}`
      assert.deepEqual(findings(events, acknowledged).slice(0, 10), [], where)
      assert.equal((await ops.getSession(sessionId)).eventCount, events.length, `${where}: the counter of the session`)
      assert.deepEqual(await ops.queryBuffers({ status: ['pending', 'failed'] }), [], `${where}: buffers left behind`)
      if (round % 10 === 0 || round === ROUNDS) {
        assert.deepEqual((await ops.verifyStatistics()).mismatches, [], `${where}: statistics`)
      }
    } finally {
      await ops.close()
    }
  }
  assert.ok(promised > ROUNDS, 'there was something to lose')
  console.log(`  ${ROUNDS} kills: ${promised} events acknowledged, ${stored} stored`)
})

const python = { skip: hasPython ? false : 'no python3 with sqlite3 here', timeout: 60_000 }

test('the file that survived the kills is intact for any other SQLite', python, () => {
  assert.deepEqual(secondOpinion(dbPath), { integrity: 'ok', foreignKeys: 0 })
})
