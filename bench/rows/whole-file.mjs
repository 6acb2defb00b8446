// What touches a whole file: statistics, a condition that no index serves, deleting by age.

import { measure, watchLoop } from '../measure.mjs';
import { STEP_MS } from '../workload.mjs';
import { EVERYBODY, FEW, LIBRARIES, TIMES, counted, expectRows, measureEach } from './row.mjs';

/** No sandbox of any event; no index helps to find that out. */
const NOWHERE = 'nowhere';

const BLOCK = { key: 'block', label: 'longest block', unit: 'ms' };

export const wholeFile = [
  {
    id: 'statistics',
    group: 'The whole file',
    title: ({ small, large }) => `getStatistics; small: ${counted(small)} events, large: ${counted(large)}`,
    peers: LIBRARIES,
    size: {
      quick: { peers: FEW, small: 1000, large: 100_000, calls: 20, repetitions: 3 },
      full: { small: 1000, large: 1_000_000, calls: 50, repetitions: 3 },
      huge: { large: 10_000_000 },
    },
    files: ({ small, large }) => ({ small: { events: small }, large: { events: large } }),
    columns: [
      { key: 'large', label: 'wall, large', unit: 'ms' },
      { key: 'main', label: 'main CPU, large', unit: 'ms' },
      { key: 'small', label: 'wall, small', unit: 'ms' },
      { key: 'grown', label: 'large / small', unit: '×' },
    ],
    ratios: ['large', 'main'],
    goals: [
      { against: 'drizzle', column: 'large', least: 5000, fullSize: true },
      { against: 'better-sqlite3', column: 'large', least: 5000, fullSize: true },
      { column: 'grown', most: 1.5, text: 'flat' },
      { column: 'large', most: 10, fullSize: true, source: 'E37' },
    ],
    setup: async ({ open, files }) => ({ small: await open(files.small), large: await open(files.large) }),
    async repeat({ size, peer }, { small, large }) {
      // The answer of the others takes a second a million events: asking once is enough.
      const calls = Array(peer === 'runledger' ? size.calls : 1).fill(0);
      const few = await measureEach(calls, () => small.getStatistics());
      const many = await measureEach(calls, async () => {
        const { totalEvents } = await large.getStatistics();
        if (totalEvents !== size.large) throw new Error(`${totalEvents} events instead of ${size.large}`);
      });
      return { large: many.wall, main: many.main, small: few.wall, grown: many.wall / few.wall };
    },
    teardown: async (_, { small, large }) => [await small.close(), await large.close()],
  },
  {
    id: 'scan',
    group: 'The whole file',
    title: ({ events }) =>
      `queryEvents by a sandbox that none of ${counted(events)} events has: a full scan (the API has no LIKE)`,
    peers: EVERYBODY,
    rust: 'scan',
    size: {
      quick: { peers: FEW, events: 100_000, limit: 100, calls: 1, repetitions: 3 },
      full: { events: 1_000_000, limit: 100, calls: 1, repetitions: 5 },
    },
    files: ({ events }) => ({ file: { events } }),
    columns: [...TIMES, BLOCK],
    goals: [
      { against: 'drizzle', column: 'wall', least: 1 },
      { against: 'drizzle', column: 'main', least: 200, fullSize: true },
      { against: 'better-sqlite3', column: 'wall', least: 1 },
      { against: 'better-sqlite3', column: 'main', least: 200, fullSize: true },
      { against: 'rust', column: 'wall', most: 1.15, text: 'parity' },
    ],
    setup: async ({ open, files }) => ({ client: await open(files.file) }),
    repeat: ({ size }, { client }) =>
      // Twice: a timer that watches the loop every millisecond would be most of what the main thread does.
      withBlock(async () => expectRows(await client.queryEvents({ sandboxId: NOWHERE, limit: size.limit }), 0)),
    teardown: (_, { client }) => client.close(),
  },
  {
    id: 'delete-before',
    group: 'The whole file',
    title: ({ events, deleted }) =>
      `deleteEventsBefore: the oldest ${counted(deleted)} of ${counted(events)}, with the counters of their sessions`,
    peers: LIBRARIES,
    size: {
      quick: { peers: FEW, events: 100_000, deleted: 2000, repetitions: 3 },
      full: { events: 1_000_000, deleted: 20_000, repetitions: 5 },
    },
    files: ({ events }, peer) => ({ file: { events, copy: peer } }),
    columns: TIMES,
    goals: [
      { against: 'drizzle', column: 'wall', least: 1 },
      { against: 'drizzle', column: 'main', least: 200, fullSize: true },
      { against: 'better-sqlite3', column: 'wall', least: 1 },
      { against: 'better-sqlite3', column: 'main', least: 200, fullSize: true },
    ],
    async setup({ open, files }) {
      const client = await open(files.file);
      const { dateRange } = await client.getStatistics();
      return { client, next: dateRange.earliest };
    },
    async repeat({ size }, state) {
      state.next += size.deleted * STEP_MS;
      const { value, wall, main, cpu } = await measure(
        () => state.client.deleteEventsBefore(state.next),
        () => state.client.quiet(),
      );
      if (value !== size.deleted) throw new Error(`${value} events deleted instead of ${size.deleted}`);
      return { wall, main, cpu };
    },
    teardown: (_, { client }) => client.close(),
  },
];

/** Measures `work`, and in a second run how long it holds the event loop. */
async function withBlock(work) {
  const { wall, main, cpu } = await measure(work);
  const loop = watchLoop();
  await new Promise((resolve) => setTimeout(resolve, 2));
  await work();
  return { wall, main, cpu, block: loop.stop().max };
}
