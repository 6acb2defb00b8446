// How late timers come while events pour in.

import { measure, watchLoop } from '../measure.mjs';
import { events } from '../workload.mjs';
import { FEW, LIBRARIES, onNewFile, recently } from './row.mjs';

const BATCH = 1000;
const EVERY_MS = 50;

const sleepUntil = (time) => new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now())));

export const eventLoop = [
  {
    id: 'loop-ingest',
    group: 'The event loop',
    title: `delay of timers while a batch of ${BATCH} arrives every ${EVERY_MS} ms (20,000 events a second)`,
    peers: LIBRARIES,
    size: {
      quick: { peers: FEW, seconds: 0.6, repetitions: 1 },
      full: { seconds: 5, repetitions: 3 },
    },
    columns: [
      { key: 'p99', label: 'p99 delay', unit: 'ms' },
      { key: 'p50', label: 'p50 delay', unit: 'ms' },
      { key: 'max', label: 'longest', unit: 'ms' },
      { key: 'idle', label: 'p99 before it began', unit: 'ms' },
      { key: 'busy', label: 'main CPU', unit: '%' },
      { key: 'rate', label: 'stored', unit: 'events/s' },
    ],
    ratios: ['p99', 'max'],
    goals: [{ column: 'p99', most: 2 }],
    setup: () => ({ list: events(BATCH, recently(), 140) }),
    repeat: (context, { list }) =>
      onNewFile(context, async (client) => {
        const batches = context.warming ? 4 : (context.size.seconds * 1000) / EVERY_MS;
        const quiet = watchLoop();
        await sleepUntil(performance.now() + (context.warming ? 10 : 300));
        const { p99: idle } = quiet.stop();
        let delays;
        const { wall, main } = await measure(async () => {
          const loop = watchLoop();
          const start = performance.now();
          const pending = [];
          for (let number = 0; number < batches; number += 1) {
            await sleepUntil(start + number * EVERY_MS);
            pending.push(client.insertEventBatch(list));
          }
          delays = loop.stop(); // what comes now is no ingest, and the last answer is not awaited for it
          await Promise.all(pending);
        });
        return { ...delays, idle, busy: (main / wall) * 100, rate: (batches * BATCH * 1000) / wall };
      }),
  },
];
