// The tables of runledger/analytics in a synchronous connection: each statement prepared once, a tool call and the count of
// its session in one transaction, statistics by GROUP BY and a little JavaScript.

import { randomUUID } from 'node:crypto';
import { ANALYTICS_SCHEMA } from '../schema.mjs';

const PRAGMAS = ['busy_timeout = 5000', 'journal_mode = WAL', 'synchronous = NORMAL', 'foreign_keys = ON'];

export class PreparedAnalytics {
  /** @param transaction makes a function that runs in a transaction from one that does not */
  constructor(db, transaction) {
    this.db = db;
    for (const pragma of PRAGMAS) db.exec(`PRAGMA ${pragma}`);
    const there = "SELECT count(*) AS tables FROM sqlite_master WHERE name = 'tool_calls'";
    if (Number(db.prepare(there).get().tables) === 0) db.exec(ANALYTICS_SCHEMA);
    const start = db.prepare('INSERT INTO sessions (id, started_at) VALUES (?, ?)');
    const insert = db.prepare(
      'INSERT INTO tool_calls (id, tool_name, duration_ms, status, error_type, timestamp, session_id) ' +
        'VALUES (?, ?, ?, ?, ?, ?, ?)',
    );
    const count = db.prepare('UPDATE sessions SET tool_count = tool_count + 1 WHERE id = ?');
    const groups = db.prepare(
      'SELECT tool_name AS tool, status, duration_ms AS ms, count(*) AS calls FROM tool_calls ' +
        'GROUP BY tool_name, status, duration_ms',
    );
    this.startSession = ({ id }) => start.run(id, Math.floor(Date.now() / 1000));
    this.recordToolCall = transaction(({ sessionId, toolName, durationMs, status }) => {
      const seconds = Math.floor(Date.now() / 1000);
      const id = randomUUID();
      insert.run(id, toolName, Math.round(durationMs), status, null, seconds, sessionId);
      count.run(sessionId);
      return { id, toolName, durationMs, status, errorType: null, timestamp: new Date(seconds * 1000), sessionId };
    });
    this.toolStats = () => statsOf(groups.all());
  }

  /** One after the other, each in a transaction of its own. */
  recordTogether(calls) {
    return calls.map(this.recordToolCall);
  }

  close() {
    this.db.close();
  }
}

/** What toolStats answers, from how often each duration of a tool and status occurs. */
function statsOf(groups) {
  const tools = new Map();
  for (const group of groups) {
    const own = tools.get(group.tool);
    if (own === undefined) tools.set(group.tool, [group]);
    else own.push(group);
  }
  const stats = [];
  for (const [toolName, own] of tools) {
    own.sort((a, b) => a.ms - b.ms);
    const by = { success: 0, error: 0, timeout: 0 };
    let sum = 0;
    for (const { status, ms, calls } of own) {
      by[status] += calls;
      sum += ms * calls;
    }
    const count = by.success + by.error + by.timeout;
    const percentile = (percent) => {
      let left = Math.ceil((percent * count) / 100);
      return own.find(({ calls }) => (left -= calls) <= 0).ms;
    };
    stats.push({
      toolName,
      count,
      successCount: by.success,
      errorCount: by.error,
      timeoutCount: by.timeout,
      errorRate: (by.error + by.timeout) / count,
      minMs: own[0].ms,
      maxMs: own.at(-1).ms,
      meanMs: sum / count,
      p50Ms: percentile(50),
      p95Ms: percentile(95),
      p99Ms: percentile(99),
    });
  }
  return stats.sort((a, b) => b.count - a.count || (a.toolName < b.toolName ? -1 : 1));
}
