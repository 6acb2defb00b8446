// npm run demo [-- FILE.jsonl] [--db PATH] [--seconds N] [--seed N]

import { access, constants, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { recordFleet } from './fleet.mjs'
import { importSession } from './import-session.mjs'
import { readLines } from './lines.mjs'
import { watchEventLoop } from './loop-delay.mjs'
import { bytes, count, createPaint, duration } from './paint.mjs'
import { createProgress } from './progress.mjs'
import { printSessionSummary } from './session-summary.mjs'
import { printFleetSummary } from './summary.mjs'

const HELP = `Usage: npm run demo [-- options] [FILE.jsonl]

Without a file: a fleet of simulated agents records for a few seconds.
With a file:    imports a session of the pi coding agent; what is stored already is not stored twice.
Both then show what the database knows about it.

  --db PATH      record into this database and keep it   (default: a file in a temporary directory)
  --seconds N    how long the fleet records              (default: 4)
  --seed N       another fleet                           (default: 7)
  -h, --help     this text
`

try {
  await main()
} catch (error) {
  // Most likely a slip of the caller: one line. DEBUG=1 shows where it comes from.
  process.stderr.write(`demo: ${process.env.DEBUG ? error.stack : error.message}\n`)
  process.exitCode = 1
}

async function main() {
  const options = readArguments()
  if (options.help) {
    process.stdout.write(HELP)
    return
  }
  if (options.file !== null) await checkFile(options.file) // before a build that may take minutes

  const { prepare } = await import('../scripts/prepare.mjs')
  await prepare()
  const { DrizzleTelemetryDB, DrizzleTelemetryOperations } = await import('../index.js')

  const scratch = options.db === null ? await mkdtemp(join(tmpdir(), 'runledger-demo-')) : null
  const dbPath = scratch === null ? resolve(options.db) : join(scratch, 'telemetry.db')
  // Nothing is pruned and nothing capped: a demo of old sessions should show all of them.
  const ops = new DrizzleTelemetryOperations(new DrizzleTelemetryDB({ dbPath, pruneDays: false, maxSizeMB: false }))
  try {
    await ops.initialize()
    if (options.file === null) await showFleet(ops, options)
    else await showSession(ops, options.file)
  } catch (error) {
    await ops.close()
    if (scratch !== null) await rm(scratch, { recursive: true, force: true })
    throw error
  }
  await ops.close()

  const { dim } = createPaint()
  process.stdout.write(`\n  ${dim('database')}  ${dbPath}\n`)
  if (scratch !== null) process.stdout.write(`  ${dim('in a temporary directory; to choose where: npm run demo -- --db PATH')}\n`)
}

async function showFleet(ops, { seed, seconds }) {
  const progress = createProgress('recording')
  const loop = watchEventLoop()
  const onProgress = (share, events) => progress.update(share, `${count(events)} events`)
  const run = await recordFleet(ops, { seed, seconds, onProgress })
  const pauses = loop.stop()
  progress.done(`${count(run.events)} events in ${duration(run.ms)}`)
  await printFleetSummary(ops, { ...run, loop: pauses })
}

async function showSession(ops, file) {
  const { size } = await stat(file)
  const progress = createProgress(`importing ${basename(file)}`)
  const loop = watchEventLoop()
  const started = performance.now()
  const onBytes = read => progress.update(read / size, `${bytes(read)} of ${bytes(size)}`)
  const run = await importSession(ops, readLines(file, { onBytes })).catch(error => {
    throw error.code === 'NOT_A_SESSION' ? new Error(`${file}: ${error.message}`) : error
  })
  const ms = performance.now() - started
  const pauses = loop.stop()
  progress.done(`${count(run.events)} events in ${duration(ms)}`)
  await printSessionSummary(ops, { ...run, ms, loop: pauses })
}

function readArguments() {
  let parsed
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        db: { type: 'string' },
        seconds: { type: 'string', default: '4' },
        seed: { type: 'string', default: '7' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    throw new Error(`${error.message.split(/[.\n]/)[0]} (--help lists the options)`)
  }
  const { values, positionals } = parsed
  if (positionals.length > 1) throw new Error('one file at a time (--help lists the options)')
  const seconds = Number(values.seconds)
  const seed = Number(values.seed)
  if (!(seconds > 0 && seconds <= 3600)) throw new Error(`--seconds must be a number above 0, not "${values.seconds}"`)
  if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`--seed must be a whole number, not "${values.seed}"`)
  if (values.db === '') throw new Error('--db needs a path')
  return { file: positionals[0] ?? null, db: values.db ?? null, seconds, seed, help: values.help }
}

async function checkFile(file) {
  try {
    await access(file, constants.R_OK)
  } catch (error) {
    const reason = error.code === 'ENOENT' ? 'no such file' : error.code === 'EACCES' ? 'permission denied' : error.message
    throw new Error(`cannot read ${file}: ${reason}`)
  }
  if (!(await stat(file)).isFile()) throw new Error(`cannot read ${file}: not a file`)
}
