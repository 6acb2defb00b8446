// The demo's command line: what a newcomer types first, and mistypes.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freshDirectory, openOperations, removeDirectories } from './fixtures/stress-support.mjs'

const DEMO = fileURLToPath(new URL('../demo/run.mjs', import.meta.url))
const timeout = 120_000

after(removeDirectories)

function demo(...args) {
  const env = { ...process.env, NO_COLOR: '1' }
  for (const name of ['FORCE_COLOR', 'NODE_TEST_CONTEXT', 'NODE_OPTIONS', 'DEBUG']) delete env[name]
  const { status, stdout, stderr } = spawnSync(process.execPath, [DEMO, ...args], { encoding: 'utf8', env, timeout: 100_000 })
  return { status, stdout, stderr }
}

test('--help explains itself', { timeout }, () => {
  const { status, stdout, stderr } = demo('--help')
  assert.equal(status, 0)
  assert.equal(stderr, '')
  assert.match(stdout, /^Usage: npm run demo/)
})

for (const [mistake, args, message] of [
  ['a file that is not there', ['nowhere.jsonl'], /^demo: cannot read nowhere\.jsonl: no such file\n$/],
  ['an unknown option', ['--sceonds', '3'], /^demo: Unknown option '--sceonds'.*\n$/],
  ['a number that is none', ['--seconds', 'ten'], /^demo: --seconds must be a number above 0, not "ten"\n$/],
  ['two files', ['a.jsonl', 'b.jsonl'], /^demo: one file at a time.*\n$/],
]) {
  test(`${mistake} is one clear line and exit code 1`, { timeout }, () => {
    const { status, stdout, stderr } = demo(...args)
    assert.equal(status, 1)
    assert.equal(stdout, '')
    assert.match(stderr, message)
  })
}

test('a file that is no session is one clear line and exit code 1', { timeout }, () => {
  const file = join(freshDirectory(), 'other.jsonl')
  writeFileSync(file, '{"type":"other"}\n')
  const { status, stdout, stderr } = demo(file)
  assert.equal(status, 1)
  assert.equal(stdout, '')
  assert.match(stderr.trimEnd().split('\n').at(-1), /^demo: .*other\.jsonl: .*not a session file$/)
})

test('the fleet records into the file that was asked for, and the summary tells the truth about it', { timeout }, async () => {
  const dbPath = join(freshDirectory(), 'fleet.db')
  const { status, stdout } = demo('--seconds', '0.5', '--db', dbPath)
  assert.equal(status, 0)
  assert.ok(!stdout.includes('\x1b'), 'no colours where nobody wants them')
  assert.ok(stdout.includes(dbPath))
  const ops = openOperations(dbPath)
  try {
    const { totalEvents, sessionsTotal } = await ops.getStatistics()
    assert.ok(totalEvents > 100 && sessionsTotal >= 20, `${totalEvents} events in ${sessionsTotal} sessions`)
    assert.match(stdout, new RegExp(`events +${totalEvents.toLocaleString('en-US')} `))
    assert.deepEqual((await ops.verifyStatistics()).mismatches, [])
  } finally {
    await ops.close()
  }
})
