// One line of a pi session file → one telemetry event. Pure: no file, no database.

const CANCELLED = new Set(['aborted', 'error'])

/** Says what is wrong with a line. Anything else that is thrown is not the line's fault. */
export class MalformedLine extends Error {}

/** Parses a line; throws MalformedLine, whose message says what is wrong with it. */
export function parseLine(line) {
  let entry
  try {
    entry = JSON.parse(line)
  } catch {
    throw new MalformedLine('not JSON')
  }
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry)) throw new MalformedLine('not a JSON object')
  if (typeof entry.type !== 'string') throw new MalformedLine('no type')
  return entry
}

/** What createSession needs, from the line of type `session`. */
export function sessionFrom(entry, { agentType, mode }) {
  if (typeof entry.id !== 'string' || entry.id.trim() === '') throw new MalformedLine('session without id')
  const startTime = timeOf(undefined, entry.timestamp)
  if (startTime === null) throw new MalformedLine('session without timestamp')
  const { provider, modelId, thinkingLevel, cwd, branchedFrom, version } = entry
  const metadata = { source: 'pi', provider, modelId, thinkingLevel, cwd, branchedFrom, version }
  return { id: entry.id, agentType, mode, status: 'active', startTime, metadata }
}

/**
 * The event of a line of type `message`: `start` for what the user said, `error` for what was aborted or failed,
 * `stream` for all else. `previous` is the time of the message before, if there was one.
 */
export function eventFrom(entry, { sessionId, agentType, mode, line, previous }) {
  const message = entry.message
  if (message === null || typeof message !== 'object' || Array.isArray(message)) throw new MalformedLine('no message')
  if (typeof message.role !== 'string' || message.role === '') throw new MalformedLine('message without role')
  const timestamp = timeOf(message.timestamp, entry.timestamp)
  if (timestamp === null) throw new MalformedLine('message without timestamp')

  const text = textOf(message)
  const user = message.role === 'user'
  return {
    sessionId,
    agentType,
    mode,
    eventType: user ? 'start' : failed(message) ? 'error' : 'stream',
    prompt: user ? text : null,
    streamData: user ? null : text,
    timestamp,
    metadata: {
      line, // the identity of this event, see import-session.mjs
      role: message.role,
      ...(previous === null ? {} : { sinceMs: Math.max(0, timestamp - previous) }),
      ...detailsOf(message),
    },
  }
}

/** Milliseconds: the message's own number, else the ISO time of the line, else null. */
function timeOf(number, iso) {
  if (typeof number === 'number' && Number.isFinite(number) && number >= 0) return number
  const parsed = typeof iso === 'string' ? Date.parse(iso) : NaN
  return Number.isNaN(parsed) || parsed < 0 ? null : parsed
}

function failed(message) {
  return CANCELLED.has(message.stopReason) || message.isError === true || message.cancelled === true
}

function textOf(message) {
  if (message.role === 'bashExecution') return String(message.output ?? '')
  if (typeof message.content === 'string') return message.content
  return blocksOf(message, 'text').map(block => String(block.text ?? '')).join('\n')
}

function blocksOf(message, type) {
  return Array.isArray(message.content) ? message.content.filter(block => block?.type === type) : []
}

/** What is worth counting later; keys without a value are left out by JSON.stringify. */
function detailsOf(message) {
  if (message.role === 'assistant') {
    const { input, output, cacheRead, cacheWrite, totalTokens, cost } = message.usage ?? {}
    return {
      provider: message.provider,
      model: message.model,
      stopReason: message.stopReason,
      error: message.errorMessage,
      tools: blocksOf(message, 'toolCall').map(block => block.name),
      thinkingChars: blocksOf(message, 'thinking').reduce((sum, block) => sum + (block.thinking?.length ?? 0), 0),
      tokens: { input, output, cacheRead, cacheWrite, total: totalTokens },
      cost: cost?.total,
    }
  }
  if (message.role === 'toolResult') {
    return { tool: message.toolName, toolCallId: message.toolCallId, isError: message.isError === true }
  }
  if (message.role === 'bashExecution') {
    return { command: message.command, exitCode: message.exitCode, cancelled: message.cancelled === true }
  }
  return {}
}
