// Imports a session file of the pi coding agent: one event a message, and one that closes the session.

import { readLines } from './lines.mjs'
import { eventFrom, MalformedLine, parseLine, sessionFrom } from './pi-message.mjs'

const BATCH = 500

/**
 * Imports `source` (a path, or an async iterable of lines) into `ops`. May be called again for the same file, at any
 * time: what is stored already is not stored twice.
 *
 * How it knows. A session file is an append-only log, so a line number names a message for ever. Each event carries
 * its line in `metadata.line`, and an import starts behind the highest line that the session already has:
 *   - batches are transactions and are written in file order, so what a crash leaves is exactly the lines up to one;
 *   - what the file has gained since the last import is exactly the lines behind that one;
 *   - a last line that was half written when it was read is counted as malformed and not stored, so it is behind
 *     that one, too, when it is complete.
 * The line is read from the events and not from a counter beside them: a counter could be right about events that are
 * gone, or wrong about events that came after it. Explicit event ids made from session and line would let the
 * database refuse duplicates, but ids come from one sequence for all sessions, and a made-up one would push it far off.
 *
 * The `end` event says that the log ends here. If the log has grown, it is taken out before the first new message goes
 * in and is written again with the last ones; a crash between the two leaves a session without `end`, which is what it
 * then is, and the next import adds it. One importer a session at a time: nothing here keeps two from racing.
 *
 * @returns `{ sessionId, events, skipped, messages, malformed: [{ line, reason }] }`: `events` were added now
 *   (the `end` event included), `skipped` messages were there before, `messages` = all good ones in the file.
 * @throws `Error` with code `NOT_A_SESSION` when no line opens a session; nothing is stored then.
 */
export async function importSession(ops, source, { agentType = 'pi', mode = 'code', batchSize = BATCH } = {}) {
  const result = { sessionId: null, events: 0, skipped: 0, messages: 0, malformed: [] }
  let session = null
  let stored = null
  let batch = []
  let previous = null // time of the message before
  let latest = null // highest time so far

  const write = async () => {
    if (batch.length === 0) return
    const events = batch
    batch = []
    // 'skip': an event that a validation rule of this database refuses is a malformed line like any other.
    const { inserted, errors } = await ops.insertEventBatch(events, { onError: 'skip' })
    result.events += inserted
    for (const { index, message } of errors) result.malformed.push({ line: events[index].metadata.line, reason: message })
  }

  const take = async (entry, line) => {
    if (entry.type === 'session') {
      if (session !== null) throw new MalformedLine('a second session line')
      session = sessionFrom(entry, { agentType, mode })
      stored = await openSession(ops, session)
      result.sessionId = session.id
      return
    }
    if (entry.type !== 'message') return // model changes, compactions: no messages
    if (session === null) throw new MalformedLine('message before the session line')
    const event = eventFrom(entry, { sessionId: session.id, agentType, mode, line, previous })
    result.messages += 1
    previous = event.timestamp
    latest = Math.max(latest ?? 0, event.timestamp)
    if (line <= stored.line) {
      result.skipped += 1
      return
    }
    if (stored.ended) {
      await ops.deleteEvents({ sessionId: session.id, eventType: 'end' })
      stored.ended = false
    }
    batch.push(event)
  }

  let line = 0
  for await (const text of typeof source === 'string' ? readLines(source) : source) {
    line += 1
    if (text.trim() === '') continue
    try {
      await take(parseLine(text), line)
    } catch (error) {
      if (!(error instanceof MalformedLine)) throw error
      result.malformed.push({ line, reason: error.message })
    }
    if (batch.length >= batchSize) await write()
  }

  if (session === null) {
    const error = new Error('no line of type "session": this is not a session file')
    throw Object.assign(error, { code: 'NOT_A_SESSION', malformed: result.malformed })
  }
  if (!stored.ended) {
    batch.push({
      sessionId: session.id,
      agentType,
      mode,
      eventType: 'end',
      timestamp: latest ?? session.startTime,
      metadata: { role: 'end', messages: result.messages },
    })
  }
  await write()
  if (stored.status !== 'completed') await ops.updateSession(session.id, { status: 'completed' })
  result.malformed.sort((a, b) => a.line - b.line)
  return result
}

/** Creates the session unless it is there; says up to which line it is stored, and whether it has its `end`. */
async function openSession(ops, session) {
  const existing = await ops.getSession(session.id)
  if (existing === null) {
    await ops.createSession(session)
    return { line: 0, ended: false, status: 'active' }
  }
  const stored = { line: 0, ended: false, status: existing.status }
  for await (const event of ops.iterateEvents({ sessionId: session.id, orderBy: 'timestamp_asc' })) {
    if (event.eventType === 'end') stored.ended = true
    else stored.line = Math.max(stored.line, metadataOf(event).line ?? 0)
  }
  return stored
}

/** An event's metadata as an object, whatever the client's `metadataFormat`. */
export function metadataOf(event) {
  if (typeof event.metadata !== 'string') return event.metadata ?? {}
  try {
    return JSON.parse(event.metadata) ?? {}
  } catch {
    return {}
  }
}
