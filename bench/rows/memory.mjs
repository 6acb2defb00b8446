// What a flood of inserts and a long iteration take of memory, above what an idle client takes.

import { collectGarbage, residentMemory } from '../measure.mjs';
import { events } from '../workload.mjs';
import { counted, onNewFile, recently } from './row.mjs';

const MB = 1024 * 1024;
const PEERS = ['runledger', 'better-sqlite3'];

const COLUMNS = [
  { key: 'rss', label: 'RSS above idle', unit: 'MB' },
  { key: 'anonymous', label: 'without mapped files', unit: 'MB' },
  { key: 'idle', label: 'RSS, idle', unit: 'MB' },
  { key: 'rate', label: 'rows', unit: '/s' },
];
const GOALS = [
  { column: 'rss', most: 64, fullSize: true },
  { column: 'anonymous', most: 64, fullSize: true },
];

/** The highest figures since it was made; `note()` looks, and so does a timer. */
function watchMemory() {
  collectGarbage();
  const idle = residentMemory();
  const peak = { ...idle };
  const note = () => {
    const now = residentMemory();
    for (const key of Object.keys(peak)) peak[key] = Math.max(peak[key], now[key]);
  };
  const timer = setInterval(note, 5);
  return {
    note,
    stop() {
      clearInterval(timer);
      note();
      const above = (key) => (peak[key] - idle[key]) / MB;
      return { rss: above('rss'), anonymous: above('anonymous'), idle: idle.rss / MB };
    },
  };
}

const flood = ({ id, title, peers, pause }) => ({
  id: `memory-flood${id}`,
  group: 'Memory',
  title: ({ calls }) => `${counted(calls)} insertEvent that nobody awaits, ${title}`,
  peers,
  fresh: true,
  size: { quick: { calls: 10_000, repetitions: 1 }, full: { calls: 100_000, repetitions: 3 } },
  columns: COLUMNS,
  ratios: [],
  goals: GOALS,
  repeat: (context) =>
    onNewFile(context, async (client) => {
      // The texts are the caller's, and are there before: what is counted is what the calls add.
      const list = events(1000, recently(), 140);
      for (let round = 0; round < 3; round += 1) await client.insertTogether(list);
      await client.quiet();
      const memory = watchMemory();
      const began = performance.now();
      let open = 0;
      let failure;
      let allSettled;
      const settled = new Promise((resolve) => (allSettled = resolve));
      const done = (error) => {
        failure ??= error;
        if ((open -= 1) === 0) allSettled();
      };
      open += 1; // the flood itself, so that nothing is over before its end
      for (let i = 0; i < context.size.calls; i += 1) {
        const answer = client.insertEvent(list[i % list.length]);
        if (typeof answer.then === 'function') {
          open += 1;
          answer.then(() => done(), done);
        }
        if (i % 1000 === 999) {
          memory.note();
          if (pause) await new Promise((resolve) => setImmediate(resolve));
        }
      }
      done();
      await settled;
      if (failure) throw failure;
      const rate = (context.size.calls * 1000) / (performance.now() - began);
      return { ...memory.stop(), rate };
    }),
});

export const memory = [
  flood({ id: '', title: 'in one turn of the event loop', peers: PEERS }),
  flood({ id: '-turns', title: '1,000 a turn of the event loop', peers: ['runledger'], pause: true }),
  {
    id: 'memory-iterate',
    group: 'Memory',
    title: ({ events }) => `iterateEvents over ${counted(events)} rows`,
    peers: PEERS,
    fresh: true,
    size: {
      quick: { events: 100_000, repetitions: 1 },
      full: { events: 1_000_000, repetitions: 3 },
      huge: { events: 10_000_000 },
    },
    files: ({ events }) => ({ file: { events } }),
    columns: COLUMNS,
    ratios: [],
    goals: GOALS,
    async repeat({ open, files, size }) {
      const client = await open(files.file);
      await firstRows(client, 5000);
      const memory = watchMemory();
      const began = performance.now();
      let count = 0;
      for await (const row of client.iterateEvents()) {
        if (row.id > 0) count += 1;
        if (count % 5000 === 0) memory.note();
      }
      if (count !== size.events) throw new Error(`${count} rows instead of ${size.events}`);
      const figures = { ...memory.stop(), rate: (count * 1000) / (performance.now() - began) };
      await client.close();
      return figures;
    },
  },
];

async function firstRows(client, count) {
  for await (const row of client.iterateEvents()) if (row.id === undefined || (count -= 1) === 0) break;
}
