// runledger/analytics beside the same tables in a synchronous connection: statistics of tools, a flood of tool calls.

import { measure } from '../measure.mjs';
import { PreparedAnalytics } from '../peers/prepared-analytics.mjs';
import { transactionBy } from '../peers/prepared.mjs';
import { toolCalls } from '../workload.mjs';
import { CONNECTIONS, TIMES, counted, each, measureEach } from './row.mjs';

const FEW = ['runledger', 'better-sqlite3'];

/** The tables of analytics in the file at `path`. */
async function open(context, path) {
  const peer = await context.load();
  if (peer.analytics) return peer.analytics(path);
  const db = await peer.connect(path);
  return new PreparedAnalytics(db, db.transaction ? db.transaction.bind(db) : transactionBy(db));
}

export const analytics = [
  {
    id: 'tool-stats',
    group: 'runledger/analytics',
    title: ({ calls }) => `toolStats of ${counted(calls)} tool calls: the first in a process, and the next ones`,
    peers: CONNECTIONS,
    fresh: true,
    size: {
      quick: { peers: FEW, calls: 20_000, again: 10, repetitions: 2 },
      full: { calls: 1_000_000, again: 20, repetitions: 5 },
    },
    files: ({ calls }) => ({ file: { events: calls, shape: 'tool-calls' } }),
    columns: [
      { key: 'first', label: 'wall, first', unit: 'ms' },
      { key: 'next', label: 'wall, next', unit: 'ms' },
      { key: 'main', label: 'main CPU, next', unit: 'ms' },
      { key: 'cpu', label: 'all CPU, first', unit: 'ms' },
    ],
    ratios: ['first', 'next', 'main'],
    goals: [
      { column: 'first', most: 100, fullSize: true, source: 'issue 5' },
      { column: 'next', most: 100, fullSize: true, source: 'issue 5' },
    ],
    async repeat(context) {
      const client = await open(context, context.files.file);
      const ask = async () => {
        const counts = (await client.toolStats()).map(({ count }) => count);
        const sum = counts.reduce((sum, count) => sum + count, 0);
        if (sum !== context.size.calls) throw new Error(`${sum} calls instead of ${context.size.calls}`);
      };
      const first = await measure(ask);
      // The others do the same work again: asking once more is enough.
      const next = await measureEach(Array(context.peer === 'runledger' ? context.size.again : 1).fill(0), ask);
      await client.close();
      return { first: first.wall, cpu: first.cpu, next: next.wall, main: next.main };
    },
  },
  {
    id: 'tool-calls-concurrent',
    group: 'runledger/analytics',
    title: '1000 concurrent recordToolCall; one call',
    peers: CONNECTIONS,
    size: {
      quick: { peers: FEW, calls: 1000, rounds: 1, repetitions: 3 },
      full: { calls: 1000, rounds: 5, repetitions: 7 },
    },
    columns: TIMES,
    goals: [
      { against: 'better-sqlite3', column: 'wall', least: 1 },
      { against: 'better-sqlite3', column: 'main', least: 6 },
    ],
    async repeat(context) {
      const path = context.freshFile();
      const client = await open(context, path);
      const { calls, rounds } = context.size;
      const lists = Array.from({ length: context.warming ? 1 : rounds }, (_, round) => toolCalls(calls, round * calls));
      const sessions = new Set(lists.flat().map(({ sessionId }) => sessionId));
      for (const id of sessions) await client.startSession({ id });
      await client.recordTogether(toolCalls(200));
      const figures = await measure(async () => {
        for (const list of lists) await client.recordTogether(list);
      });
      await client.close();
      context.remove(path);
      return each(figures, lists.length * calls);
    },
  },
];
