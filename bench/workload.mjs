// What is written and read: synthetic events of a fixed size, and a recorded session of a coding agent.
//
// An event of the synthetic shape has a prompt of 60 bytes, stream data of 300 and metadata of 75; about 640 bytes a
// row on disk. Eight sessions run beside each other, a thousand events each, then the next eight.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MalformedLine, eventFrom, parseLine, sessionFrom } from '../demo/pi-message.mjs';

/** Sessions that record at the same time. */
const ABREAST = 8;
/** Events of a complete session. */
export const SESSION_EVENTS = 1000;
const BLOCK = ABREAST * SESSION_EVENTS;
/** Milliseconds between two events of a file: a million events are five and a half hours. */
export const STEP_MS = 20;

const AGENTS = ['claude', 'codex', 'gemini', 'opencode'];
const MODES = ['code', 'chat'];
const TEXT =
  'The function reads the configuration, opens the file and returns a handle; callers must close it when they are ' +
  'done. ' +
  'Tests cover the empty file, a file without permissions and one that is replaced while it is read. ' +
  'Next I will run the linter and look at what changed in the module that renders the table of results. ' +
  'There are three call sites left that pass the path as a string, and one that passes a descriptor. ';

export const sessionId = (number) => `session-${String(number).padStart(6, '0')}`;
/** Sessions of a file of `count` events that have all their events. */
export const completeSessions = (count) => Math.floor(count / BLOCK) * ABREAST;

/** The session rows that `count` events need. */
export function sessions(count, base) {
  const number = Math.min(count, Math.floor(count / BLOCK) * ABREAST + Math.min(ABREAST, count % BLOCK));
  return Array.from({ length: number }, (_, i) => ({
    id: sessionId(i),
    agentType: AGENTS[i % AGENTS.length],
    mode: MODES[i % MODES.length],
    status: 'active',
    startTime: base + Math.floor(i / ABREAST) * BLOCK * STEP_MS,
  }));
}

/** Events number `from` to `from + count` of a file that begins at the time `base`. */
export function events(count, base, from = 0) {
  const list = Array.from({ length: count }, (_, offset) => event(from + offset, base));
  // Strings as a program gets them from a socket or a file: flat, not slices of each other.
  return JSON.parse(JSON.stringify(list));
}

function event(i, base) {
  const session = Math.floor(i / BLOCK) * ABREAST + (i % ABREAST);
  const turn = Math.floor((i % BLOCK) / ABREAST);
  const eventType = turn === 0 ? 'start' : turn === SESSION_EVENTS - 1 ? 'end' : turn % 100 === 50 ? 'error' : 'stream';
  const start = (i * 37) % TEXT.length;
  return {
    sessionId: sessionId(session),
    eventType,
    agentType: AGENTS[session % AGENTS.length],
    mode: MODES[session % MODES.length],
    prompt: `Step ${i}: look at what the last change did and go on`.padEnd(60, '.'),
    streamData: (TEXT.slice(start) + TEXT).slice(0, 300),
    metadata:
      `{"model":"claude-sonnet-4","tokens":${100000 + (i % 900000)},"latencyMs":${1000 + (i % 9000)},"turn":`.padEnd(
        74,
        '1',
      ) + '}',
    timestamp: base + i * STEP_MS,
  };
}

const TOOLS = ['Bash', 'Read', 'Edit', 'Grep', 'Glob', 'Write', 'WebFetch', 'Task', 'TodoWrite', 'mcp__github__get_issue'];

/** Tool calls number `from` to `from + count`: a thousand a session, of which one in ten fails, from 1 ms to a minute. */
export function toolCalls(count, from = 0) {
  return Array.from({ length: count }, (_, offset) => {
    const i = from + offset;
    // Some tools are called far more often than others, and most calls are short.
    const spread = ((i * 2654435761) % 4294967296) / 4294967296;
    return {
      sessionId: sessionId(Math.floor(i / SESSION_EVENTS)),
      toolName: TOOLS[Math.floor(TOOLS.length * ((i * 7919) % 1000 / 1000) ** 2)],
      durationMs: Math.round(Math.exp(11 * spread ** 1.5)),
      status: i % 10 ? 'success' : i % 50 ? 'error' : 'timeout',
    };
  });
}

// ---------------------------------------------------------------- the recorded session

const RECORDING = fileURLToPath(new URL('../../shared/data/pi-sessions/session-a.jsonl', import.meta.url));

/** Why the rows of the recorded session cannot run; `null` if they can. */
export const withoutRecording = existsSync(RECORDING) ? null : 'the recorded session (../shared/data) is not here';

let recording;

/** The recorded session under another id, with its session row, as the demo imports it. */
export function recordedSession(id) {
  recording ??= readRecording();
  const { session, events } = recording;
  return { session: { ...session, id }, events: events.map((event) => ({ ...event, sessionId: id })) };
}

function readRecording() {
  let session;
  let previous = null;
  const events = [];
  for (const [index, text] of readFileSync(RECORDING, 'utf8').split('\n').entries()) {
    if (text.trim() === '') continue;
    try {
      const entry = parseLine(text);
      if (entry.type === 'session') session = sessionFrom(entry, { agentType: 'pi', mode: 'code' });
      if (entry.type !== 'message') continue;
      events.push(
        eventFrom(entry, { sessionId: session.id, agentType: 'pi', mode: 'code', line: index + 1, previous }),
      );
      previous = events.at(-1).timestamp;
    } catch (error) {
      if (!(error instanceof MalformedLine)) throw error;
    }
  }
  // The recording is old, and events beyond `pruneDays` would be pruned: it moves to now. Metadata as text: every peer
  // gets the same, and none is measured for its JSON.stringify.
  const shift = Date.now() - 3_600_000 - previous;
  for (const event of events) {
    event.timestamp += shift;
    event.metadata = JSON.stringify(event.metadata);
  }
  session.startTime += shift;
  session.metadata = JSON.stringify(session.metadata);
  return { session, events: JSON.parse(JSON.stringify(events)) };
}
