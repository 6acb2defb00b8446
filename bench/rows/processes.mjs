// Several processes that write to one file.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { events, sessions } from '../workload.mjs';
import { FEW, LIBRARIES, recently } from './row.mjs';

const PROCESSES = 4;
const CHILD = fileURLToPath(new URL('../child.mjs', import.meta.url));

const together = ({ id, title, batch, size }) => ({
  id: `processes-${id}`,
  group: 'Processes',
  title: `${PROCESSES} processes write to one file, ${title}`,
  peers: LIBRARIES,
  size,
  columns: [
    { key: 'rate', label: 'stored', unit: 'events/s' },
    { key: 'errors', label: 'errors', unit: '' },
    { key: 'slowest', label: 'slowest call', unit: 'ms' },
  ],
  ratios: [],
  goals: [{ column: 'errors', most: 0 }],
  async repeat(context) {
    if (context.warming) return {}; // each process is a new one
    const path = context.freshFile();
    const client = await context.open(path);
    for (const session of sessions(PROCESSES * context.size.events, recently())) await client.createSession(session);
    const writers = Array.from({ length: PROCESSES }, (_, number) => startWriter(context, { path, number, batch }));
    const answers = [];
    try {
      for (const writer of writers) await writer.next();
      for (const writer of writers) writer.start();
      for (const writer of writers) answers.push(await writer.next());
    } finally {
      for (const writer of writers) await writer.end();
      await client.close();
      context.remove(path);
    }
    const sum = (key) => answers.reduce((total, answer) => total + answer[key], 0);
    const time = Math.max(...answers.map(({ end }) => end)) - Math.min(...answers.map(({ start }) => start));
    return {
      rate: (sum('stored') * 1000) / time,
      errors: sum('errors'),
      slowest: Math.max(...answers.map((a) => a.slowest)),
    };
  },
});

export const processes = [
  together({
    id: 'single',
    title: 'insertEvent awaited one after another',
    size: { quick: { peers: FEW, events: 250, repetitions: 1 }, full: { events: 2500, repetitions: 3 } },
  }),
  together({
    id: 'batch',
    title: 'insertEventBatch of 100 one after another',
    batch: 100,
    size: { quick: { peers: FEW, events: 2000, repetitions: 1 }, full: { events: 10_000, repetitions: 3 } },
  }),
];

function startWriter({ peer, size, scratch }, { path, number, batch }) {
  const job = { task: 'write', peer, scratch: `${scratch}-${number}`, path, number, batch, events: size.events };
  const child = spawn(process.execPath, [...process.execArgv, CHILD, JSON.stringify(job)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise((resolve) => child.on('close', resolve));
  return {
    start: () => child.stdin.end('go\n'),
    async end() {
      child.stdin.end();
      await ended;
    },
    async next() {
      const { value } = await lines.next();
      const answer = JSON.parse(value ?? '{"error":"a writer has ended"}');
      if (answer.error) throw new Error(answer.error);
      return answer;
    },
  };
}

/** What each of the processes does: writes when it is told to, and counts. */
export async function writeAmongOthers({ open, path, number, batch, events: count, say, started }) {
  const client = await open(path);
  const list = events(count, recently(), number * count);
  const calls = batch ? Array.from({ length: count / batch }, (_, i) => list.slice(i * batch, (i + 1) * batch)) : list;
  say({ ready: true });
  await started;
  const figures = { stored: 0, errors: 0, slowest: 0, start: Date.now(), end: 0 };
  for (const call of calls) {
    const before = performance.now();
    try {
      await (batch ? client.insertEventBatch(call) : client.insertEvent(call));
      figures.stored += batch ?? 1;
    } catch (error) {
      if (!/lock|busy/i.test(error.message)) throw error; // no other failure belongs here
      figures.errors += 1;
    }
    figures.slowest = Math.max(figures.slowest, performance.now() - before);
  }
  figures.end = Date.now();
  await client.close();
  return figures;
}
