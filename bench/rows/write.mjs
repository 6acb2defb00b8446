// Inserting: one call after the other, many at once, batches.

import { events } from '../workload.mjs';
import { EVERYBODY, FEW, TIMES, measureEach, measureWrites, onNewFile, recently } from './row.mjs';

const P50 = { key: 'p50', label: 'p50', unit: 'ms' };
const P99 = { key: 'p99', label: 'p99', unit: 'ms' };

const lists = ({ size }) => {
  const base = recently();
  return Array.from({ length: size.calls }, (_, i) => events(size.events, base, 140 + i * size.events));
};

export const write = [
  {
    id: 'insert-awaited',
    group: 'Writing',
    title: 'insertEvent, awaited one after another; one call',
    peers: EVERYBODY,
    rust: 'insert',
    size: { quick: { events: 400, repetitions: 3 }, full: { events: 2000, repetitions: 9 } },
    columns: [...TIMES, P50, P99],
    ratios: ['wall', 'main', 'p99'],
    goals: [
      { against: 'drizzle', column: 'wall', least: 4 },
      { against: 'better-sqlite3', column: 'wall', least: 1.3 },
      { against: 'better-sqlite3', column: 'p99', least: 3 },
      { against: 'rust', column: 'wall', most: 1.3 },
    ],
    setup: ({ size }) => ({ list: events(size.events, recently(), 140) }),
    repeat: (context, { list }) =>
      onNewFile(context, (client) =>
        measureEach(
          context.warming ? list.slice(0, 200) : list,
          (event) => client.insertEvent(event),
          () => client.quiet(),
        ),
      ),
  },
  {
    id: 'insert-concurrent',
    group: 'Writing',
    title: '1000 concurrent insertEvent; the thousand',
    peers: EVERYBODY,
    rust: 'batch',
    rustTitle: 'plain rusqlite, as a batch',
    size: {
      quick: { peers: FEW, events: 1000, calls: 1, repetitions: 3 },
      full: { events: 1000, calls: 3, repetitions: 7 },
    },
    columns: TIMES,
    goals: [
      { against: 'drizzle', column: 'wall', least: 12 },
      { against: 'better-sqlite3', column: 'wall', least: 8 },
      { against: 'better-sqlite3', column: 'main', least: 12 },
      { against: 'rust', column: 'wall', most: 2, text: '≥ 50 % of the batch rate' },
    ],
    setup: (context) => ({ lists: lists(context) }),
    repeat: (context, state) => measureWrites(context, state.lists, (client, list) => client.insertTogether(list)),
  },
  ...[
    {
      events: 1000,
      size: { quick: { events: 1000, calls: 3, repetitions: 3 }, full: { events: 1000, calls: 10, repetitions: 9 } },
      goals: [
        { against: 'drizzle', column: 'wall', least: 3.5 },
        { against: 'drizzle', column: 'main', least: 15 },
        { against: 'better-sqlite3', column: 'wall', least: 1.3 },
        { against: 'better-sqlite3', column: 'main', least: 6 },
        { against: 'rust', column: 'wall', most: 1 / 0.6, text: '≥ 60 % of its rate' },
      ],
    },
    {
      events: 10_000,
      size: {
        quick: { peers: FEW, events: 10_000, calls: 1, repetitions: 3 },
        full: { events: 10_000, calls: 2, repetitions: 7 },
      },
      goals: [
        { against: 'drizzle', column: 'wall', least: 4 },
        { against: 'drizzle', column: 'main', least: 30 },
        { against: 'better-sqlite3', column: 'wall', least: 1.8 },
        { against: 'better-sqlite3', column: 'main', least: 8 },
        { against: 'rust', column: 'wall', most: 1 / 0.65, text: '≥ 65 % of its rate' },
      ],
    },
  ].map(({ events, size, goals }) => ({
    id: `batch-${events}`,
    group: 'Writing',
    title: `insertEventBatch of ${events}; one call`,
    peers: EVERYBODY,
    rust: 'batch',
    size,
    columns: TIMES,
    goals,
    setup: (context) => ({ lists: lists(context) }),
    repeat: (context, state) => measureWrites(context, state.lists, (client, list) => client.insertEventBatch(list)),
  })),
];
