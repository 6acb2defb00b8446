// What an imported session tells, read back from the store: messages, tokens, cost, tools, and the long waits.

import { metadataOf } from './import-session.mjs'
import { box, bytes, chart, count, createPaint, duration, facts } from './paint.mjs'
import { byValue, loopFacts, operationFacts, timed, warn } from './summary.mjs'

const GAPS = 5
const MALFORMED = 10

/** Prints the summary of one session. `run`: what importSession returned, with `ms` and `loop`. */
export async function printSessionSummary(ops, run, out = process.stdout) {
  const paint = createPaint(out)
  const print = (...lines) => out.write(`${lines.join('\n')}\n`)
  const heading = text => print('', `  ${paint.bold(text)}`)

  const metrics = ops.getPerformanceMetrics() // before the reads below join them
  await ops.checkpoint('truncate')
  const session = await ops.getSession(run.sessionId)
  const { result: figures, ms: readMs } = await timed(() => collect(ops, run.sessionId))
  const { result: statistics, ms: statisticsMs } = await timed(() => ops.getStatistics())

  const { tokens } = figures
  print('', box(`session ${session.id}`, facts([
    ['agent', session.agentType, [session.mode, session.status, metadataOf(session).cwd].filter(Boolean).join(' · ')],
    ['messages', count(run.messages), `${count(run.events)} events added, ${count(run.skipped)} messages were here already`],
    ['took', duration(session.duration), 'from the first message to the last'],
    ['tokens', count(tokens.total), `${count(tokens.input)} in · ${count(tokens.output)} out · ${count(tokens.cacheRead)} cached`],
    ['cost', `$${figures.cost.toFixed(2)}`, figures.models],
    ['errors', count(session.errorCount), figures.reasons],
  ], paint), paint))

  if (run.messages > 0) {
    heading('messages by role')
    print(...chart(byValue(figures.roles), paint))
  }
  if (figures.tools.size > 0) {
    heading('tool calls')
    const tools = [...figures.tools].sort(([, a], [, b]) => b.calls - a.calls)
    const rows = tools.map(([name, { calls, errors }]) => [name, calls, errors > 0 ? `${errors} failed` : ''])
    print(...chart(rows, paint, { colour: 'green' }))
  }
  if (figures.gaps.length > 0) {
    heading('longest waits')
    const rows = figures.gaps.map(({ ms, role, line }) => [`before ${role}, line ${line}`, ms, ''])
    print(...chart(rows, paint, { colour: 'yellow', format: duration }))
  }

  print('', box('the store', facts([
    ['events', count(statistics.totalEvents), `sessions: ${count(statistics.sessionsTotal)}, ${bytes(statistics.dbSizeBytes)} on disk`],
    ['import', duration(run.ms), `${count(run.events / (run.ms / 1000))} events a second, parsing included`],
    ...loopFacts(run.loop),
    ...operationFacts(metrics),
    ['reading it back', duration(readMs), `${count(session.eventCount)} events through iterateEvents`],
    ['getStatistics', duration(statisticsMs), 'counters, not a scan'],
  ], paint), paint))

  if (run.malformed.length > 0) {
    heading(`malformed lines, left out: ${count(run.malformed.length)}`)
    for (const { line, reason } of run.malformed.slice(0, MALFORMED)) print(`  ${paint.red(`line ${line}`)}  ${reason}`)
    if (run.malformed.length > MALFORMED) print(paint.dim(`  … and ${count(run.malformed.length - MALFORMED)} more`))
  }
  warn(metrics, print, paint)
}

/** One pass over the events of the session, in constant memory. */
async function collect(ops, sessionId) {
  const roles = {}
  const models = {}
  const reasons = {}
  const tools = new Map()
  const tokens = { input: 0, output: 0, cacheRead: 0, total: 0 }
  let gaps = []
  let cost = 0
  const tool = name => {
    if (!tools.has(name)) tools.set(name, { calls: 0, errors: 0 })
    return tools.get(name)
  }
  for await (const event of ops.iterateEvents({ sessionId, orderBy: 'timestamp_asc' })) {
    if (event.eventType === 'end') continue
    const data = metadataOf(event)
    roles[data.role] = (roles[data.role] ?? 0) + 1
    if (data.model) models[data.model] = (models[data.model] ?? 0) + 1
    for (const name of data.tools ?? []) tool(name).calls += 1
    if (data.tool && data.isError) tool(data.tool).errors += 1
    for (const key of Object.keys(tokens)) tokens[key] += data.tokens?.[key] ?? 0
    cost += data.cost ?? 0
    if (event.eventType === 'error') {
      const reason = data.isError ? 'tool failed' : data.cancelled ? 'cancelled' : data.stopReason
      reasons[reason] = (reasons[reason] ?? 0) + 1
    }
    if (data.sinceMs > 0) gaps.push({ ms: data.sinceMs, role: data.role, line: data.line })
    if (gaps.length > 1000) gaps = longest(gaps)
  }
  const list = counts => byValue(counts).map(([name, n]) => `${count(n)} ${name}`).join(' · ')
  return { roles, tools, tokens, cost, models: list(models), reasons: list(reasons), gaps: longest(gaps) }
}

const longest = gaps => gaps.sort((a, b) => b.ms - a.ms).slice(0, GAPS)
