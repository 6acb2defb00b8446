// @vibe-kit/db's way of working with its bugs mended: drizzle on better-sqlite3 (on Bun: on bun:sqlite). Every call
//   builds its statement; an event and the counters of its session are one transaction, a batch is a few inserts of
//   many rows.

import { createRequire } from 'node:module';
import { avg, count, countDistinct, desc, eq, getTableColumns, lt, max, min, sql } from 'drizzle-orm';
import { PRAGMAS, SCHEMA, countsOf, statisticsOf } from '../schema.mjs';
import { buffers, errors, events, sessions } from './drizzle-schema.mjs';

/** SQLite takes 32,766 variables a statement; the 11 columns of an event that are given fit 2,900 times. */
const ROWS_A_STATEMENT = 2900;

const [{ drizzle }, connect] = typeof Bun === 'undefined' ? await onBetterSqlite3() : await onBun();

async function onBetterSqlite3() {
  const { Database } = await import('./better-sqlite3.mjs');
  return [await import('drizzle-orm/better-sqlite3'), (path) => new Database(path)];
}

async function onBun() {
  const { Database } = await import('bun:sqlite');
  return [await import('drizzle-orm/bun-sqlite'), (path) => new Database(path)];
}

export function open(path) {
  const connection = connect(path);
  for (const pragma of PRAGMAS) connection.exec(`PRAGMA ${pragma}`);
  const there = "SELECT count(*) AS tables FROM sqlite_master WHERE name = 'telemetry_events'";
  if (connection.prepare(there).get().tables === 0) connection.transaction(() => connection.exec(SCHEMA))();
  return new DrizzleClient(connection, drizzle(connection));
}

export function version() {
  const { version } = createRequire(import.meta.url)('../node_modules/drizzle-orm/package.json');
  return { library: version, sqlite: connect(':memory:').prepare('SELECT sqlite_version() AS v').get().v };
}

class DrizzleClient {
  constructor(connection, db) {
    this.connection = connection;
    this.db = db;
  }

  createSession(session) {
    const now = Date.now();
    this.db
      .insert(sessions)
      .values({ ...session, createdAt: now, updatedAt: now })
      .run();
  }

  insertEvent(event) {
    const now = Date.now();
    return this.db.transaction((tx) => {
      const row = tx
        .insert(events)
        .values({ ...event, createdAt: now })
        .returning()
        .get();
      for (const [id, counts] of countsOf([event])) countEvents(tx, id, counts, now);
      return row;
    });
  }

  insertTogether(list) {
    return list.map((event) => this.insertEvent(event));
  }

  insertEventBatch(list) {
    const now = Date.now();
    return this.db.transaction((tx) => {
      for (let from = 0; from < list.length; from += ROWS_A_STATEMENT) {
        const rows = list.slice(from, from + ROWS_A_STATEMENT).map((event) => ({ ...event, createdAt: now }));
        tx.insert(events).values(rows).run();
      }
      for (const [id, counts] of countsOf(list)) countEvents(tx, id, counts, now);
      return { inserted: list.length };
    });
  }

  queryEvents({ sessionId, sandboxId, limit }) {
    const query = this.db.select().from(events);
    if (sessionId !== undefined) query.where(eq(events.sessionId, sessionId));
    if (sandboxId !== undefined) query.where(eq(events.sandboxId, sandboxId));
    return query.orderBy(desc(events.timestamp), desc(events.id)).limit(limit).all();
  }

  querySessions({ limit }) {
    return this.db.select().from(sessions).orderBy(desc(sessions.startTime), desc(sessions.id)).limit(limit).all();
  }

  getSessionWithEvents(id) {
    return this.db.transaction((tx) => {
      const session = tx.select().from(sessions).where(eq(sessions.id, id)).get();
      if (!session) return null;
      const byTime = [desc(events.timestamp), desc(events.id)];
      return {
        ...session,
        events: tx
          .select()
          .from(events)
          .where(eq(events.sessionId, id))
          .orderBy(...byTime)
          .all(),
        buffers: tx.select().from(buffers).where(eq(buffers.sessionId, id)).orderBy(buffers.id).all(),
        errors: tx.select().from(errors).where(eq(errors.sessionId, id)).orderBy(errors.id).all(),
      };
    });
  }

  getStatistics() {
    return this.db.transaction((tx) => {
      const by = (key) => tx.select({ key, count: count() }).from(events).groupBy(key).all();
      const totals = {
        totalEvents: count(),
        totalSessions: countDistinct(events.sessionId),
        earliest: min(events.timestamp),
        latest: max(events.timestamp),
      };
      return statisticsOf({
        totals: tx.select(totals).from(events).get(),
        byType: by(events.eventType),
        byAgent: by(events.agentType),
        byMode: by(events.mode),
        durations: tx
          .select({ sessions: count(), average: avg(sessions.duration).mapWith(Number) })
          .from(sessions)
          .get(),
        bytes: tx.get(sql`SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()`).bytes,
      });
    });
  }

  deleteEventsBefore(timestamp) {
    const now = Date.now();
    return this.db.transaction((tx) => {
      const old = lt(events.timestamp, timestamp);
      const of = (type) => sql`sum(${events.eventType} = ${type})`.mapWith(Number);
      const touched = tx
        .select({ id: events.sessionId, events: count(), streams: of('stream'), errors: of('error') })
        .from(events)
        .where(old)
        .groupBy(events.sessionId)
        .all();
      for (const { id, ...gone } of touched) {
        tx.update(sessions)
          .set({
            eventCount: sql`${sessions.eventCount} - ${gone.events}`,
            streamEventCount: sql`${sessions.streamEventCount} - ${gone.streams}`,
            errorCount: sql`${sessions.errorCount} - ${gone.errors}`,
            updatedAt: now,
          })
          .where(eq(sessions.id, id))
          .run();
      }
      return tx.delete(events).where(old).run().changes;
    });
  }

  quiet() {
    this.connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get();
  }

  close() {
    this.connection.close();
  }
}

function countEvents(tx, id, counts, now) {
  const ended = sql`max(coalesce(${sessions.endTime}, 0), ${counts.latest})`;
  const began = sql`min(coalesce(${sessions.endTime} - ${sessions.duration}, ${counts.earliest}), ${counts.earliest})`;
  tx.update(sessions)
    .set({
      eventCount: sql`${sessions.eventCount} + ${counts.events}`,
      streamEventCount: sql`${sessions.streamEventCount} + ${counts.streams}`,
      errorCount: sql`${sessions.errorCount} + ${counts.errors}`,
      endTime: ended,
      duration: sql`${ended} - ${began}`,
      updatedAt: now,
    })
    .where(eq(sessions.id, id))
    .run();
}
