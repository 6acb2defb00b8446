// A synchronous SQLite library used as well as it can be: each statement prepared once, parameters by position, insert
// and session counters in one transaction, a batch in one transaction with one update a session.

import { PRAGMAS, SCHEMA, SQL, countsOf, statisticsOf } from '../schema.mjs';

/**
 * The operations of runledger on a connection with `exec(sql)`, `prepare(sql)` → `{ run, get, all, iterate }`,
 * `close()`. better-sqlite3, libsql, node:sqlite and bun:sqlite all have that shape.
 */
export class PreparedClient {
  /** @param transaction makes a function that runs in a transaction from one that does not */
  constructor(db, transaction) {
    this.db = db;
    for (const pragma of PRAGMAS) db.exec(`PRAGMA ${pragma}`);
    this.#createSchema(transaction);
    const statements = preparedOnDemand(db);
    this.statements = statements;

    this.insertEvent = transaction((e) => {
      const now = Date.now();
      const { lastInsertRowid } = insert(statements.insertEvent, e, now);
      const { eventType: type, timestamp: time } = e;
      const [stream, error] = [type === 'stream' ? 1 : 0, type === 'error' ? 1 : 0];
      statements.countEvents.run(1, stream, error, time, time, time, time, now, e.sessionId);
      return stored(e, lastInsertRowid, now);
    });

    this.insertEventBatch = transaction((events) => {
      const now = Date.now();
      const { insertEvent, countEvents } = statements;
      for (let i = 0; i < events.length; i++) insert(insertEvent, events[i], now);
      for (const [id, { events: count, streams, errors, latest, earliest }] of countsOf(events)) {
        countEvents.run(count, streams, errors, latest, latest, earliest, earliest, now, id);
      }
      return { inserted: events.length };
    });

    this.deleteEventsBefore = transaction((timestamp) => {
      const now = Date.now();
      for (const { id, events, streams, errors } of statements.countDeleted.all(timestamp)) {
        statements.takeEvents.run(events, streams, errors, now, id);
      }
      return Number(statements.deleteBefore.run(timestamp).changes);
    });

    this.getSessionWithEvents = transaction((id) => {
      const row = statements.session.get(id);
      if (!row) return null;
      row.events = statements.eventsOfSession.all(id, -1);
      row.buffers = statements.buffersOfSession.all(id);
      row.errors = statements.errorsOfSession.all(id);
      return row;
    });

    this.getStatistics = transaction(() =>
      statisticsOf({
        totals: statements.totals.get(),
        byType: statements.byType.all(),
        byAgent: statements.byAgent.all(),
        byMode: statements.byMode.all(),
        durations: statements.durations.get(),
        bytes: statements.pages.get().bytes,
      }),
    );
  }

  #createSchema(transaction) {
    const there = "SELECT count(*) AS tables FROM sqlite_master WHERE name = 'telemetry_events'";
    if (Number(this.db.prepare(there).get().tables) === 0) transaction(() => this.db.exec(SCHEMA))();
  }

  createSession({ id, agentType, mode, status, startTime, metadata }) {
    const now = Date.now();
    this.statements.insertSession.run(id, agentType, mode, status, startTime, metadata ?? null, now, now);
  }

  /** Calls that nobody awaits: this library does one after the other, each in a transaction of its own. */
  insertTogether(events) {
    const rows = [];
    for (const event of events) rows.push(this.insertEvent(event));
    return rows;
  }

  queryEvents({ sessionId, sandboxId, limit }) {
    const { eventsOfSession, eventsOfSandbox, latestEvents } = this.statements;
    if (sessionId !== undefined) return eventsOfSession.all(sessionId, limit);
    if (sandboxId !== undefined) return eventsOfSandbox.all(sandboxId, limit);
    return latestEvents.all(limit);
  }

  iterateEvents() {
    return this.statements.latestEvents.iterate(-1);
  }

  querySessions({ limit }) {
    return this.statements.latestSessions.all(limit);
  }

  run(sql) {
    this.db.exec(sql);
  }

  quiet() {
    this.db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
  }

  close() {
    this.db.close();
  }
}

/** A statement is prepared when it is first asked for, and once. */
function preparedOnDemand(db) {
  const statements = {};
  for (const [name, sql] of Object.entries(SQL)) {
    Object.defineProperty(statements, name, {
      configurable: true,
      get() {
        const statement = db.prepare(sql);
        Object.defineProperty(statements, name, { value: statement });
        return statement;
      },
    });
  }
  return statements;
}

function insert(statement, e, now) {
  return statement.run(
    e.sessionId,
    e.eventType,
    e.agentType,
    e.mode,
    e.prompt ?? null,
    e.streamData ?? null,
    e.sandboxId ?? null,
    e.repoUrl ?? null,
    e.metadata ?? null,
    e.timestamp,
    now,
  );
}

/** The row that insertEvent answers with. */
export function stored(e, id, now) {
  return {
    id: Number(id),
    sessionId: e.sessionId,
    eventType: e.eventType,
    agentType: e.agentType,
    mode: e.mode,
    prompt: e.prompt ?? null,
    streamData: e.streamData ?? null,
    sandboxId: e.sandboxId ?? null,
    repoUrl: e.repoUrl ?? null,
    metadata: e.metadata ?? null,
    timestamp: e.timestamp,
    createdAt: now,
    version: 1,
    schemaVersion: '1.0.0',
  };
}

/** Statements around a function, for libraries that have no helper for transactions. */
export function transactionBy(db) {
  const begin = db.prepare('BEGIN');
  const commit = db.prepare('COMMIT');
  const rollback = db.prepare('ROLLBACK');
  return (work) =>
    (...args) => {
      begin.run();
      try {
        const value = work(...args);
        commit.run();
        return value;
      } catch (error) {
        rollback.run();
        throw error;
      }
    };
}
