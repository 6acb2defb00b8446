// The schema, the pragmas and the SQL that runledger's peers run with: the same as its own.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The migration that runledger applies. */
export const SCHEMA = readFileSync(
  fileURLToPath(new URL('../migrations/telemetry/0001_telemetry_schema/up.sql', import.meta.url)),
  'utf8',
);

/** The migration of runledger/analytics. */
export const ANALYTICS_SCHEMA = readFileSync(
  fileURLToPath(new URL('../migrations/analytics/0001_sessions_and_tool_calls/up.sql', import.meta.url)),
  'utf8',
);

/** The settings of telemetry.md §4.7, for each connection; `auto_vacuum` takes effect on an empty file only. */
export const PRAGMAS = [
  'busy_timeout = 5000',
  'auto_vacuum = INCREMENTAL',
  'journal_mode = WAL',
  'synchronous = NORMAL',
  'foreign_keys = ON',
  'temp_store = MEMORY',
  'cache_size = -16000',
  'mmap_size = 268435456',
  'journal_size_limit = 67108864',
];

/** Turns the indexes on events into the three of @vibe-kit/db ("its schema" in the goals). */
export const ITS_INDEXES = `
  DROP INDEX idx_events_session_id;
  DROP INDEX idx_events_timestamp;
  DROP INDEX idx_events_event_type;
  DROP INDEX idx_events_compound;
  CREATE INDEX idx_events_session_id ON telemetry_events(session_id);
  CREATE INDEX idx_events_timestamp ON telemetry_events(timestamp);
  CREATE INDEX idx_events_event_type ON telemetry_events(event_type);
`;

const columns = (text) =>
  text
    .split(' ')
    .map((name) => {
      const property = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
      return property === name ? name : `${name} AS ${property}`;
    })
    .join(', ');

const EVENT_COLUMNS = columns(
  'id session_id event_type agent_type mode prompt stream_data sandbox_id repo_url metadata ' +
    'timestamp created_at version schema_version',
);
const SESSION_COLUMNS = columns(
  'id agent_type mode status start_time end_time duration event_count stream_event_count error_count ' +
    'sandbox_id repo_url metadata created_at updated_at version schema_version',
);
const BUFFER_COLUMNS = columns(
  'id session_id status event_count buffer_data max_size created_at last_updated flushed_at flush_attempts ' +
    'version schema_version',
);
const ERROR_COLUMNS = columns(
  'id session_id event_id error_type error_message error_stack context severity resolved metadata ' +
    'timestamp created_at resolved_at resolved_by version schema_version',
);

const LATEST_FIRST = 'ORDER BY timestamp DESC, id DESC';

export const SQL = {
  insertSession:
    'INSERT INTO telemetry_sessions (id, agent_type, mode, status, start_time, metadata, created_at, updated_at) ' +
    'VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  insertEvent:
    'INSERT INTO telemetry_events (session_id, event_type, agent_type, mode, prompt, stream_data, sandbox_id, ' +
    'repo_url, metadata, timestamp, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
  // What telemetry.md §6 asks for, at a cost that does not grow with the number of events. Parameters: events, stream
  // events, errors, highest timestamp twice, lowest timestamp twice, now, session.
  countEvents:
    'UPDATE telemetry_sessions SET event_count = event_count + ?, stream_event_count = stream_event_count + ?, ' +
    'error_count = error_count + ?, end_time = max(coalesce(end_time, 0), ?), ' +
    'duration = max(coalesce(end_time, 0), ?) - min(coalesce(end_time - duration, ?), ?), updated_at = ? WHERE id = ?',
  eventsOfSession: `SELECT ${EVENT_COLUMNS} FROM telemetry_events WHERE session_id = ? ${LATEST_FIRST} LIMIT ?`,
  eventsOfSandbox: `SELECT ${EVENT_COLUMNS} FROM telemetry_events WHERE sandbox_id = ? ${LATEST_FIRST} LIMIT ?`,
  latestEvents: `SELECT ${EVENT_COLUMNS} FROM telemetry_events ${LATEST_FIRST} LIMIT ?`,
  session: `SELECT ${SESSION_COLUMNS} FROM telemetry_sessions WHERE id = ?`,
  buffersOfSession: `SELECT ${BUFFER_COLUMNS} FROM telemetry_buffers WHERE session_id = ? ORDER BY id`,
  errorsOfSession: `SELECT ${ERROR_COLUMNS} FROM telemetry_errors WHERE session_id = ? ORDER BY id`,
  latestSessions: `SELECT ${SESSION_COLUMNS} FROM telemetry_sessions ORDER BY start_time DESC, id DESC LIMIT ?`,
  totals:
    'SELECT count(*) AS totalEvents, count(DISTINCT session_id) AS totalSessions, ' +
    'min(timestamp) AS earliest, max(timestamp) AS latest FROM telemetry_events',
  byType: 'SELECT event_type AS key, count(*) AS count FROM telemetry_events GROUP BY event_type',
  byAgent: 'SELECT agent_type AS key, count(*) AS count FROM telemetry_events GROUP BY agent_type',
  byMode: 'SELECT mode AS key, count(*) AS count FROM telemetry_events GROUP BY mode',
  durations: 'SELECT count(*) AS sessions, avg(duration) AS average FROM telemetry_sessions',
  pages: 'SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()',
  countDeleted:
    "SELECT session_id AS id, count(*) AS events, sum(event_type = 'stream') AS streams, " +
    "sum(event_type = 'error') AS errors FROM telemetry_events WHERE timestamp < ? GROUP BY session_id",
  deleteBefore: 'DELETE FROM telemetry_events WHERE timestamp < ?',
  takeEvents:
    'UPDATE telemetry_sessions SET event_count = event_count - ?, stream_event_count = stream_event_count - ?, ' +
    'error_count = error_count - ?, updated_at = ? WHERE id = ?',
};

/** What a batch adds to each of its sessions, so that each session row is written once. */
export function countsOf(events) {
  const counts = new Map();
  for (const { sessionId, eventType, timestamp } of events) {
    let count = counts.get(sessionId);
    if (count === undefined) {
      count = { events: 0, streams: 0, errors: 0, latest: timestamp, earliest: timestamp };
      counts.set(sessionId, count);
    }
    count.events += 1;
    if (eventType === 'stream') count.streams += 1;
    else if (eventType === 'error') count.errors += 1;
    if (timestamp > count.latest) count.latest = timestamp;
    if (timestamp < count.earliest) count.earliest = timestamp;
  }
  return counts;
}

/** The answer of getStatistics from what the queries above return. */
export function statisticsOf({ totals, byType, byAgent, byMode, durations, bytes }) {
  const breakdown = (rows, start) =>
    Object.assign(start, Object.fromEntries(rows.map(({ key, count }) => [key, count])));
  return {
    totalEvents: totals.totalEvents,
    totalSessions: totals.totalSessions,
    sessionsTotal: durations.sessions,
    eventBreakdown: breakdown(byType, { start: 0, stream: 0, end: 0, error: 0 }),
    agentBreakdown: breakdown(byAgent, {}),
    modeBreakdown: breakdown(byMode, {}),
    dateRange: { earliest: totals.earliest ?? 0, latest: totals.latest ?? 0 },
    avgSessionDuration: durations.average ?? 0,
    dbSizeBytes: bytes,
  };
}
