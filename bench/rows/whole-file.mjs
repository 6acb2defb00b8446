// What touches a whole file: statistics, a condition that no index serves, deleting by age.

import { measure, watchLoop } from '../measure.mjs';
import { STEP_MS } from '../workload.mjs';
import { ALL, EVERYBODY, LIBRARIES, MAIN, TIMES, WALL, expectRows, measureEach } from './row.mjs';

/** The operation takes no SQL that scans text: runledger's API has no LIKE. This condition is as far from any index. */
const NOWHERE = 'nowhere';

const BLOCK = { key: 'block', label: 'longest block', unit: 'ms' };

export const wholeFile = [
  {
    id: 'statistics',
    group: 'The whole file',
    title: 'getStatistics; small: 1,000 events, large: 1 million (--quick: 100,000; --scale 10m: 10 million)',
    peers: LIBRARIES,
    size: {
      quick: { small: 1000, large: 100_000, calls: 20, repetitions: 3 },
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
    title: 'queryEvents by a sandbox that no event has: every row of the file is looked at (the API has no LIKE)',
    peers: EVERYBODY,
    rust: 'scan',
    size: {
      quick: { events: 100_000, limit: 100, calls: 1, repetitions: 3 },
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
    title: 'deleteEventsBefore, the oldest 2 % of the file with the counters of their sessions',
    peers: LIBRARIES,
    size: {
      quick: { events: 100_000, deleted: 2000, repetitions: 3 },
      full: { events: 1_000_000, deleted: 20_000, repetitions: 5 },
    },
    files: ({ events }, peer) => ({ file: { events, copy: peer } }),
    columns: [WALL, MAIN, ALL],
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
