// How programs end: by themselves, without a word, and without losing what they were promised.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { freshDirectory, metadataOf, openOperations, removeDirectories, runChild, startChild, until } from './fixtures/stress-support.mjs'

after(removeDirectories)

const CHILD = 'stress-lifetime-child.mjs'
const timeout = 60_000
const freshPath = () => join(freshDirectory(), 'life.db')
const keysFrom = (from, count) => Array.from({ length: count }, (_, i) => from + i)

/** Runs a scenario that must end well and in silence but for the lines it says itself. */
async function runScenario(args, said) {
  const { code, signal, stdout, stderr } = await runChild(CHILD, args, { timeout: 30_000 })
  assert.deepEqual({ code, signal, stdout, stderr }, { code: 0, signal: null, stdout: said, stderr: '' })
}

/** The rest of the file, read by a new client; checks what holds after every end of a program. */
async function reopen(dbPath, work) {
  const ops = openOperations(dbPath)
  try {
    await ops.initialize()
    await work(ops)
    assert.deepEqual((await ops.verifyStatistics()).mismatches, [])
    assert.deepEqual(await ops.queryBuffers({ status: ['pending', 'failed'] }), [])
  } finally {
    await ops.close()
  }
}

async function storedKeys(ops) {
  const keys = (await ops.queryEvents({ sessionId: 's' })).map(row => metadataOf(row).key)
  return keys.sort((a, b) => a - b)
}

// An MCP server speaks its protocol over stdout: one line of ours and the connection is broken.

test('a program that uses the library says nothing that it did not say itself', { timeout }, async () => {
  await runScenario(['everything, silently', freshPath()], '')
})

test('a file that cannot be opened is an error for the caller, not a line on the terminal', { timeout }, async () => {
  const dbPath = freshPath()
  const content = 'this is no database, and it is long enough to be sure of it. '.repeat(100)
  writeFileSync(dbPath, content)
  await runScenario(['a file that is no database', dbPath], '')
  assert.equal(readFileSync(dbPath, 'utf8'), content, 'and the file is as it was')
})

test('importing the library opens nothing and says nothing', { timeout }, async () => {
  const directory = freshDirectory()
  const { code, stdout, stderr } = await runChild(CHILD, ['import only', join(directory, 'life.db')], { cwd: directory })
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' })
  assert.deepEqual(readdirSync(directory), [])
})

// A command line tool that hangs after its last line is a tool that people kill.

for (const [scenario, ...rest] of [
  ['an open client'],
  ['pending stream timers', 100],
  ['pending stream timers', 60_000],
  ['an abandoned iterator'],
  ['a failed call'],
]) {
  test(`a program with ${[scenario, ...rest].join(' ')} ends by itself within two seconds`, { timeout }, async () => {
    let doneAt = 0
    const { exit } = startChild(CHILD, [scenario, freshPath(), ...rest], {
      timeout: 30_000, onLine: line => line === 'DONE' && (doneAt = performance.now()),
    })
    const { code, signal, stdout, stderr, exitedAt } = await exit
    assert.deepEqual({ code, signal, stdout, stderr }, { code: 0, signal: null, stdout: 'DONE\n', stderr: '' })
    assert.ok(exitedAt - doneAt < 2000, `it took ${Math.round(exitedAt - doneAt)} ms to end`)
  })
}

test('a program that ends without close loses nothing it was promised, buffered events included', { timeout }, async () => {
  const dbPath = freshPath()
  await runScenario(['no close', dbPath], 'DONE\n')
  await reopen(dbPath, async ops => assert.deepEqual(await storedKeys(ops), keysFrom(0, 1580)))
})

for (const call of ['insertEvent', 'insertEventBatch', 'queryEvents', 'iterateEvents', 'verifyStatistics', 'vacuum', 'close']) {
  test(`a program does not end before the ${call} that it awaits`, { timeout }, async () => {
    const dbPath = freshPath()
    await runScenario(['a call in flight', dbPath, call], 'SETTLED\n')
    if (call === 'insertEventBatch') {
      await reopen(dbPath, async ops => assert.equal((await ops.getSession('s')).eventCount, 51_000))
    }
  })
}

for (const moment of ['now', 'closing', 0, 1, 2, 5, 10, 20, 40, 80]) {
  test(`process.exit with everything in flight (${moment}) keeps its exit code and a sound file`, { timeout }, async () => {
    const dbPath = freshPath()
    const { code, signal, stdout, stderr } = await runChild(CHILD, ['exit in mid-flight', dbPath, moment], { timeout: 30_000 })
    assert.deepEqual({ code, signal, stdout, stderr }, { code: 7, signal: null, stdout: '', stderr: '' })
    await reopen(dbPath, async ops => {
      const keys = await storedKeys(ops)
      assert.equal(new Set(keys).size, keys.length, 'nothing is there twice')
      assert.deepEqual(keys.slice(0, 1000), keysFrom(0, 1000), 'what was acknowledged before is there')
      const count = (from, to) => keys.filter(key => key >= from && key < to).length
      assert.ok([0, 5000].includes(count(3000, 8000)), `of the batch of 5000, ${count(3000, 8000)} are there`)
      assert.ok([0, 20].includes(count(8000, 8020)), `of the buffered 20, ${count(8000, 8020)} are there`)
      const singles = keys.filter(key => key >= 1000 && key < 3000)
      assert.deepEqual(singles, keysFrom(1000, singles.length), 'later ones are not there without the earlier ones')
      if (count(3000, 8000) > 0) assert.equal(singles.length, 2000, 'order of issue is order of commit')
    })
  })
}

test('closing twice, at once, or before anything was opened is no mistake', { timeout }, async () => {
  await runScenario(['close twice', freshPath()], 'CLOSED\n')
})

const posix = { timeout, skip: process.platform === 'win32' ? 'no signals to handle on Windows' : false }

test('a server that closes on SIGTERM, as the README shows, leaves one complete file and ends', posix, async () => {
  const dbPath = freshPath()
  const { child, lines, exit } = startChild(CHILD, ['a SIGTERM handler', dbPath], { timeout: 30_000 })
  await until(() => lines.includes('READY') || child.exitCode !== null, 'the server is ready')
  process.kill(child.pid, 'SIGTERM') // Deno's child.kill says that the signal ended it (denoland/deno#36643)
  const { code, signal, stdout, stderr } = await exit
  assert.deepEqual({ code, signal, stdout, stderr }, { code: 0, signal: null, stdout: 'READY\n', stderr: '' })
  assert.ok(!existsSync(`${dbPath}-wal`) && !existsSync(`${dbPath}-shm`), 'no -wal and no -shm is left')
  await reopen(dbPath, async ops => assert.deepEqual(await storedKeys(ops), keysFrom(0, 107)))
})

for (const way of ['by itself', 'by process.exit', 'with a call in flight']) {
  test(`a worker that leaves ${way} without closing takes neither the process nor its data along`, { timeout }, async () => {
    const dbPath = freshPath()
    await runScenario(['a worker that leaves without closing', dbPath, way], 'DONE\n')
    await reopen(dbPath, async ops => {
      const counts = { single: 0, buffered: 0, 'in flight': 0 }
      for (const { streamData } of await ops.queryEvents({ sessionId: 's' })) counts[streamData] += 1
      assert.deepEqual({ single: counts.single, buffered: counts.buffered }, { single: 50, buffered: 5 })
      if (way !== 'with a call in flight') assert.equal(counts['in flight'], 0)
    })
  })
}
