// What the fleet has recorded, read back through the public API.

import { box, bytes, chart, count, createPaint, duration, facts, percent, percentile } from './paint.mjs'

const TYPE_ORDER = ['start', 'stream', 'end', 'error']

/** Prints the summary of a whole store. `run`: `{ events, ms, loop: { longest, p99 } }`. */
export async function printFleetSummary(ops, run, out = process.stdout) {
  const paint = createPaint(out)
  const print = (...lines) => out.write(`${lines.join('\n')}\n`)
  const heading = text => print('', `  ${paint.bold(text)}`)

  const metrics = ops.getPerformanceMetrics() // before the reads below join them
  await ops.checkpoint('truncate')
  const { result: statistics, ms: statisticsMs } = await timed(() => ops.getStatistics())
  const days = await ops.getDailyStatistics()
  const { result: sessions, ms: sessionsMs } = await timed(() => ops.querySessions())
  const errors = await ops.queryErrors()
  const { totalEvents, dbSizeBytes, eventBreakdown, agentBreakdown, modeBreakdown } = statistics


  print('', box('recorded', facts([
    ['sessions', count(statistics.sessionsTotal), statuses(sessions)],
    ['events', count(totalEvents), `${count(run.events / (run.ms / 1000))} a second for ${duration(run.ms)}`],
    ['failed events', count(eventBreakdown.error), `${percent(eventBreakdown.error / (totalEvents || 1))} of all events`],
    ['error log', count(errors.length), severities(errors)],
    ['size on disk', bytes(dbSizeBytes), `${Math.round(dbSizeBytes / (totalEvents || 1))} bytes an event, indexes included`],
  ], paint), paint))

  heading('events by type')
  print(...chart(TYPE_ORDER.map(type => [type, eventBreakdown[type]]), paint))
  heading('events by agent')
  print(...chart(byValue(agentBreakdown), paint, { colour: 'green' }))
  heading('events by mode')
  print(...chart(byValue(modeBreakdown), paint, { colour: 'magenta' }))
  heading('events by day')
  print(...chart(days.map(day => [day.statKey, day.totalEvents, `${count(day.uniqueSessions)} s.`]), paint, { colour: 'blue' }))

  const durations = sessions.map(session => session.duration).filter(value => value !== null).sort((a, b) => a - b)
  heading('how long sessions took')
  print(...chart([
    ['average', statistics.avgSessionDuration, ''],
    ['p50', percentile(durations, 0.5) ?? 0, ''],
    ['p95', percentile(durations, 0.95) ?? 0, ''],
    ['longest', durations.at(-1) ?? 0, ''],
  ], paint, { colour: 'yellow', format: duration }))

  print('', box('the engine meanwhile', facts([
    ...loopFacts(run.loop),
    ['calls a commit', metrics.avgGroupCommitSize.toFixed(1), 'un-awaited writes share a transaction'],
    ...operationFacts(metrics),
    ['getStatistics', duration(statisticsMs), `over ${count(totalEvents)} events: counters, not a scan`],
    ['querySessions', duration(sessionsMs), `${count(sessions.length)} rows`],
  ], paint), paint))
  warn(metrics, print, paint)
}

/** The rows on what the event loop noticed. */
export function loopFacts(loop) {
  return [['longest pause', duration(loop.longest), `of the event loop; 99 % of its turns were late by less than ${duration(loop.p99)}`]]
}

/** The rows on how long writes took inside the engine. */
export function operationFacts(metrics) {
  const shown = [['insertEvent', 'INSERT_EVENT'], ['insertEventBatch', 'INSERT_EVENT_BATCH'], ['insertEventBuffer', 'INSERT_EVENT_BUFFER']]
  return shown.filter(([, type]) => metrics.operations[type]?.count > 0).map(([name, type]) => {
    const { count: calls, p50, p99 } = metrics.operations[type]
    return [name, duration(p50), `median of ${count(calls)} calls, p99 ${duration(p99)}`]
  })
}

/** Warnings of the store, if it had any. */
export function warn(metrics, print, paint) {
  for (const { message } of metrics.warnings) print(paint.yellow(`  warning: ${message}`))
}

export async function timed(work) {
  const started = performance.now()
  const result = await work()
  return { result, ms: performance.now() - started }
}

export const byValue = breakdown => Object.entries(breakdown).sort(([, a], [, b]) => b - a)

/** `name count` of each distinct value of `key`, the most frequent first. */
function tally(rows, key) {
  const counts = {}
  for (const row of rows) counts[row[key]] = (counts[row[key]] ?? 0) + 1
  return byValue(counts).map(([name, n]) => `${count(n)} ${name}`).join(' · ')
}

const statuses = sessions => tally(sessions, 'status')
const severities = errors => tally(errors, 'severity') || 'nothing logged'
