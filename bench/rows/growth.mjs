// What the size of the file does to inserts and pages.

import { events } from '../workload.mjs';
import { counted, measureEach, recently } from './row.mjs';
import { someSessions } from './read.mjs';

const files = ({ small, large }) => `small: ${counted(small)} events, large: ${counted(large)}`;

/** One operation on files of its own, a small and a large one. */
const growing = ({ id, title, size, limit, work, settle }) => ({
  id: `growth-${id}`,
  group: 'As the file grows',
  title: (size) => `${title}; ${files(size)}`,
  peers: ['runledger', 'better-sqlite3'],
  size: {
    quick: { small: 10_000, large: 100_000, repetitions: 3, ...size.quick },
    full: { small: 10_000, large: 1_000_000, repetitions: 7, ...size.full },
    huge: { large: 10_000_000 },
  },
  files: ({ small, large }, peer) => ({
    small: { events: small, copy: peer },
    large: { events: large, copy: peer },
  }),
  columns: [
    { key: 'large', label: 'wall, large', unit: 'ms' },
    { key: 'small', label: 'wall, small', unit: 'ms' },
    { key: 'grown', label: 'large / small', unit: '×' },
    { key: 'main', label: 'main CPU, large', unit: 'ms' },
  ],
  ratios: ['large', 'main'],
  goals: [
    { column: 'grown', most: 1.5 },
    { column: 'large', most: limit, fullSize: true, source: 'E37' },
  ],
  async setup({ open, files, size }) {
    const clients = { small: await open(files.small), large: await open(files.large) };
    return { clients, turn: 0, ...work(size) };
  },
  async repeat({ size }, state) {
    const figures = {};
    // Each of the two goes first in half of the repetitions.
    const order = (state.turn += 1) % 2 ? ['small', 'large'] : ['large', 'small'];
    for (const name of order) {
      const client = state.clients[name];
      const list = state.list(size[name]);
      const run = (item) => state.call(client, item);
      await run(list[0]);
      figures[name] = await measureEach(list, run, settle && (() => client.quiet()));
    }
    const { small, large } = figures;
    return { large: large.wall, small: small.wall, grown: large.wall / small.wall, main: large.main };
  },
  teardown: async (_, { clients }) => [await clients.small.close(), await clients.large.close()],
});

export const growth = [
  growing({
    id: 'insert',
    title: 'insertEvent awaited',
    size: { quick: { calls: 200 }, full: { calls: 1000 } },
    limit: 1,
    settle: true,
    work({ calls }) {
      const list = events(calls, recently());
      return { list: () => list, call: (client, event) => client.insertEvent(event) };
    },
  }),
  growing({
    id: 'batch',
    title: 'insertEventBatch of 1000',
    size: { quick: { calls: 2 }, full: { calls: 5 } },
    limit: 50,
    settle: true,
    work({ calls }) {
      const lists = Array.from({ length: calls }, (_, i) => events(1000, recently(), i * 1000));
      return { list: () => lists, call: (client, list) => client.insertEventBatch(list) };
    },
  }),
  growing({
    id: 'page',
    title: 'queryEvents of a session, limit 100',
    size: { quick: { calls: 40 }, full: { calls: 100 } },
    limit: 1,
    work: ({ calls }) => ({
      list: (count) => someSessions(count, calls),
      call: (client, sessionId) => client.queryEvents({ sessionId, limit: 100 }),
    }),
  }),
];
