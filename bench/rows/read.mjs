// Reading rows: pages, long lists, whole sessions.

import { measure, watchLoop } from '../measure.mjs';
import { SESSION_EVENTS, completeSessions, sessionId } from '../workload.mjs';
import { EVERYBODY, FEW, LIBRARIES, MAIN, TIMES, WALL, each, expectRows, measureEach } from './row.mjs';

/** `count` ids of complete sessions of a file of `events`, spread over it. */
export function someSessions(events, count) {
  const complete = completeSessions(events);
  return Array.from({ length: count }, (_, i) => sessionId((i * 7919) % complete));
}

const openFile = async (context) => ({ client: await context.open(context.files.file) });
const closeFile = (_, { client }) => client.close();

const page = (more) => ({
  group: 'Reading',
  size: {
    quick: { events: 100_000, calls: 40, limit: 100, repetitions: 3 },
    full: { events: 1_000_000, calls: 100, limit: 100, repetitions: 9 },
  },
  columns: TIMES,
  setup: openFile,
  repeat: ({ size }, { client }) =>
    measureEach(someSessions(size.events, size.calls), async (sessionId) =>
      expectRows(await client.queryEvents({ sessionId, limit: size.limit }), size.limit),
    ),
  teardown: closeFile,
  ...more,
});

const ours = ({ events }) => ({ file: { events } });

export const read = [
  page({
    id: 'page-its-indexes',
    title: 'queryEvents of a session, limit 100; peers with the indexes of @vibe-kit/db',
    peers: LIBRARIES,
    files: ({ events }, peer) => ({ file: { events, indexes: peer === 'runledger' ? 'ours' : 'its' } }),
    goals: [
      { against: 'drizzle', column: 'wall', least: 9 },
      { against: 'drizzle', column: 'main', least: 18 },
      { against: 'better-sqlite3', column: 'wall', least: 7 },
    ],
  }),
  page({
    id: 'page',
    title: 'queryEvents of a session, limit 100; everybody with the same index',
    peers: EVERYBODY,
    rust: 'page',
    files: ours,
    goals: [
      { against: 'better-sqlite3', column: 'wall', least: 1.2 },
      { against: 'better-sqlite3', column: 'main', least: 5, source: 'issue 3' },
      { against: 'rust', column: 'wall', most: 5 },
    ],
  }),
  {
    id: 'read-10k',
    group: 'Reading',
    title: 'queryEvents of 10,000 rows, the latest first',
    peers: EVERYBODY,
    rust: 'latest',
    size: {
      quick: { events: 100_000, limit: 10_000, repetitions: 3 },
      full: { events: 1_000_000, limit: 10_000, repetitions: 9 },
    },
    files: ours,
    columns: TIMES,
    goals: [
      { against: 'drizzle', column: 'wall', least: 3 },
      { against: 'drizzle', column: 'main', least: 5 },
      { against: 'better-sqlite3', column: 'wall', least: 2.5 },
      { against: 'better-sqlite3', column: 'main', least: 5.5 },
      { against: 'rust', column: 'wall', most: 2.5 },
    ],
    setup: openFile,
    repeat: async ({ size }, { client }) =>
      each(await measure(async () => expectRows(await client.queryEvents({ limit: size.limit }), size.limit)), 1),
    teardown: closeFile,
  },
  {
    id: 'read-100k',
    group: 'Reading',
    title: 'queryEvents of 100,000 rows, and how late timers come meanwhile',
    peers: EVERYBODY,
    rust: 'latest',
    size: {
      quick: { peers: FEW, events: 100_000, limit: 100_000, repetitions: 3 },
      full: { events: 1_000_000, limit: 100_000, repetitions: 5 },
    },
    files: ours,
    columns: [
      WALL,
      MAIN,
      { key: 'p50', label: 'p50 delay', unit: 'ms' },
      { key: 'p99', label: 'p99 delay', unit: 'ms' },
      { key: 'max', label: 'longest', unit: 'ms' },
    ],
    ratios: ['wall', 'main', 'max'],
    goals: [
      { against: 'better-sqlite3', column: 'wall', least: 4 },
      { column: 'max', most: 16 },
    ],
    setup: openFile,
    async repeat({ size, warming }, { client }) {
      const limit = warming ? 10_000 : size.limit;
      let delays;
      const { wall, main } = await measure(async () => {
        const loop = watchLoop();
        await new Promise((resolve) => setTimeout(resolve, 2));
        const rows = await client.queryEvents({ limit });
        delays = loop.stop();
        expectRows(rows, limit);
      });
      return { wall, main, ...delays };
    },
    teardown: closeFile,
  },
  {
    id: 'session-1k',
    group: 'Reading',
    title: `getSessionWithEvents of a session with ${SESSION_EVENTS} events; one call`,
    peers: EVERYBODY,
    rust: 'session',
    size: {
      quick: { peers: FEW, events: 100_000, calls: 10, repetitions: 3 },
      full: { events: 1_000_000, calls: 30, repetitions: 9 },
    },
    files: ours,
    columns: TIMES,
    goals: [
      { against: 'drizzle', column: 'wall', least: 2.5 },
      { against: 'better-sqlite3', column: 'wall', least: 2.5 },
      { against: 'better-sqlite3', column: 'main', least: 8 },
      { against: 'rust', column: 'wall', most: 2.2 },
    ],
    setup: openFile,
    repeat: ({ size }, { client }) =>
      measureEach(someSessions(size.events, size.calls), async (id) =>
        expectRows((await client.getSessionWithEvents(id)).events, SESSION_EVENTS),
      ),
    teardown: closeFile,
  },
  {
    id: 'sessions-100',
    group: 'Reading',
    title: 'querySessions, limit 100; one call',
    peers: LIBRARIES,
    size: {
      quick: { peers: FEW, events: 100_000, calls: 40, limit: 90, repetitions: 3 },
      full: { events: 1_000_000, calls: 100, limit: 100, repetitions: 9 },
    },
    files: ours,
    columns: TIMES,
    goals: [
      { against: 'drizzle', column: 'wall', least: 1.5 },
      { against: 'better-sqlite3', column: 'wall', least: 1 },
    ],
    setup: openFile,
    repeat: ({ size }, { client }) =>
      measureEach(Array(size.calls).fill(size.limit), async (limit) =>
        expectRows(await client.querySessions({ limit }), limit),
      ),
    teardown: closeFile,
  },
];
