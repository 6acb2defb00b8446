// A fleet of simulated agents that record what they do, each in the way an agent of its kind would.

import { createRandom } from './random.mjs'

const AGENTS = [
  { agentType: 'claude', models: ['opus', 'sonnet'], agents: 8, reliability: 0.97 },
  { agentType: 'codex', models: ['gpt-codex'], agents: 6, reliability: 0.95 },
  { agentType: 'gemini', models: ['pro', 'flash'], agents: 4, reliability: 0.93 },
  { agentType: 'opencode', models: ['qwen-coder', 'sonnet'], agents: 3, reliability: 0.91 },
  { agentType: 'pi', models: ['opus'], agents: 3, reliability: 0.96 },
]
const MODES = ['code', 'code', 'code', 'ask', 'plan', 'review']
const TOOLS = ['read', 'bash', 'edit', 'grep', 'write', 'fetch']
const FAILURES = [
  ['RateLimitError', 'medium', '429: too many requests, retry after 20 s'],
  ['ToolError', 'low', 'edit: the text to replace was not found in the file'],
  ['TimeoutError', 'high', 'bash: no output for 120 s, the command was stopped'],
  ['ContextOverflow', 'high', 'the prompt is longer than the context window'],
  ['NetworkError', 'medium', 'socket hang up while streaming'],
]
const PROMPTS = [
  'Find out why the nightly import skips the last record, and fix it with a test.',
  'Rename the configuration module and update every place that uses it.',
  'The login page flickers on slow connections. What would you change?',
  'Review this pull request: is the lock held while the file is written?',
  'Write a migration that adds an index on created_at without locking the table.',
  'Explain how retries work in the client, then make the delay configurable.',
]
const WORDS = ('the loop reads one record after the other and keeps what it has not written yet so a crash between the ' +
  'two calls loses nothing const rows = await store.query(filter) if (rows.length === 0) return null tests pass now ' +
  'I will look at the caller next because the error comes from there and not from the parser').split(' ')

const DAY = 86_400_000
const SPAN = 7 * DAY

/**
 * Records until `seconds` are over; then every agent ends its session. The same seed gives the same agents and the
 * same sessions, only how far they get depends on the machine. Returns `{ events, ms }`.
 */
export async function recordFleet(ops, { seed = 7, seconds = 4, now = Date.now(), onProgress = () => {} } = {}) {
  const started = performance.now()
  const clock = { elapsed: () => performance.now() - started, over: () => performance.now() - started > seconds * 1000 }
  const tally = { events: 0 }
  const corpus = createCorpus(createRandom(seed))
  const watch = setInterval(() => onProgress(clock.elapsed() / (seconds * 1000), tally.events), 50)
  try {
    const fleet = AGENTS.flatMap(kind => Array.from({ length: kind.agents }, () => kind))
    await Promise.all(fleet.map(async (kind, number) => {
      const agent = { ops, kind, number, corpus, clock, tally, now, random: createRandom(seed * 1000 + number + 1) }
      for (let run = 1; !clock.over(); run += 1) await recordSession(agent, run)
    }))
    await ops.flushEventBuffers()
  } finally {
    clearInterval(watch)
  }
  return { events: tally.events, ms: clock.elapsed() }
}

/** One session: a few turns, each a prompt and the text that streams back, and the end. */
async function recordSession(agent, run) {
  const { ops, kind, random, corpus, clock, tally } = agent
  const { agentType } = kind
  const mode = random.pick(MODES)
  const model = random.pick(kind.models)
  const id = `${agentType}-${agent.number}-${run}-${agent.now.toString(36)}` // another recording into the same file is another set
  const startTime = Math.floor(agent.now - random.next() * SPAN)
  const sandboxId = random.chance(0.4) ? `sandbox-${random.between(1, 40)}` : undefined
  await ops.createSession({ id, agentType, mode, startTime, sandboxId, metadata: { model, host: `dev-${agent.number}` } })

  let time = startTime
  let failed = false
  const event = (eventType, data) => {
    tally.events += 1
    return { sessionId: id, agentType, mode, eventType, sandboxId, timestamp: time, ...data }
  }

  const record = random.pick(RECORDERS)
  const turns = random.between(1, 6)
  for (let turn = 1; turn <= turns && !failed && !clock.over(); turn += 1) {
    await ops.insertEvent(event('start', { prompt: random.pick(PROMPTS), metadata: { turn, model } }))
    const chunks = []
    for (let left = Math.min(2000, Math.ceil(random.skewed(45))); left > 0; left -= 1) {
      time += Math.ceil(random.skewed(90, 1.1))
      const streamData = corpus(random)
      const metadata = { model, turn, tokens: streamData.length >> 2, tool: random.chance(0.2) ? random.pick(TOOLS) : undefined }
      chunks.push(event('stream', { streamData, metadata }))
    }
    await record(ops, chunks)
    failed = !random.chance(kind.reliability)
    if (failed) await recordFailure(ops, event, random, id)
  }

  time += random.between(5, 400)
  await ops.insertEvent(event('end', { metadata: { turns, reason: failed ? 'error' : 'done' } }))
  const status = failed ? random.pick(['failed', 'failed', 'timeout']) : 'completed'
  await ops.updateSession(id, { status })
}

/** The ways to record a turn, as different agents do it. */
const RECORDERS = [
  // As it streams: nobody waits for a chunk, and the promises are looked at when the turn is over.
  async function burst(ops, chunks) {
    for (let from = 0; from < chunks.length; from += 64) {
      await Promise.all(chunks.slice(from, from + 64).map(chunk => ops.insertEvent(chunk)))
    }
  },
  // All at once when the turn is over.
  async function batch(ops, chunks) {
    await ops.insertEventBatch(chunks)
  },
  // Through the stream buffer, a handful at a time.
  async function buffer(ops, chunks) {
    for (let from = 0; from < chunks.length; from += 25) await ops.insertEventBuffer(chunks.slice(from, from + 25))
  },
]

async function recordFailure(ops, event, random, sessionId) {
  const [errorType, severity, errorMessage] = random.pick(FAILURES)
  const stored = await ops.insertEvent(event('error', { streamData: errorMessage, metadata: { errorType } }))
  await ops.logError({ sessionId, eventId: stored.id, errorType, errorMessage, severity, context: { retried: random.chance(0.5) } })
}

/** Pieces of text as models stream them: 20 to 900 characters, cut from one page made beforehand. */
function createCorpus(random) {
  const page = Array.from({ length: 4000 }, () => random.pick(WORDS)).join(' ')
  return ({ skewed, between }) => {
    const length = Math.min(900, Math.max(20, Math.round(skewed(180))))
    const from = between(0, page.length - length - 1)
    return page.slice(from, from + length)
  }
}
