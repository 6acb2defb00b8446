// What the rows share: the columns, and writing to a file of its own.

import { measure, quantile } from '../measure.mjs';
import { events, sessions } from '../workload.mjs';

export const WALL = { key: 'wall', label: 'wall', unit: 'ms' };
export const MAIN = { key: 'main', label: 'main CPU', unit: 'ms' };
export const ALL = { key: 'cpu', label: 'all CPU', unit: 'ms' };
export const TIMES = [WALL, MAIN, ALL];

/** The libraries in JavaScript; which of them a runtime has is found out when the benchmark starts. */
export const LIBRARIES = ['runledger', 'drizzle', 'better-sqlite3', 'node-sqlite', 'bun-sqlite', 'libsql'];
export const EVERYBODY = [...LIBRARIES, 'rust'];
/** Those with a synchronous connection. */
export const CONNECTIONS = LIBRARIES.filter((id) => id !== 'drizzle');
/** Those that the goals name: who takes part in the lesser rows of `--quick`. */
export const FEW = ['runledger', 'drizzle', 'better-sqlite3', 'rust'];

/** `10,000`, `1 million` */
export const counted = (number) =>
  number >= 1_000_000 ? `${number / 1_000_000} million` : number.toLocaleString('en');

/** The times of a measurement for one of `count` calls. */
export const each = ({ wall, main, cpu }, count) => ({ wall: wall / count, main: main / count, cpu: cpu / count });

/** Start of the events of a file that is made now: old enough for no timestamp to lie ahead. */
export const recently = () => Date.now() - 3_600_000;

/** A client on a new file with sessions, its statements compiled and its threads started. */
export async function onNewFile(context, work) {
  const path = context.freshFile();
  const base = recently();
  const client = await context.open(path);
  try {
    for (const session of sessions(20_000, base)) await client.createSession(session);
    for (const event of events(20, base)) await client.insertEvent(event);
    await client.insertTogether(events(20, base, 20));
    await client.insertEventBatch(events(100, base, 40));
    await client.quiet();
    return await work(client, path);
  } finally {
    await client.close();
    context.remove(path);
  }
}

/** Measures `work(list)` for each of the lists, one after the other, on a new file. */
export function measureWrites(context, all, work) {
  const lists = context.warming ? [all[0].slice(0, 1000)] : all;
  return onNewFile(context, async (client) => {
    const run = async () => {
      for (const list of lists) await work(client, list);
    };
    return each(await measure(run, () => client.quiet()), lists.length);
  });
}

/** Measures `work(argument)` for each argument, with the time of each call: `p50` and `p99`. */
export async function measureEach(list, work, settle) {
  const times = new Float64Array(list.length);
  const figures = await measure(async () => {
    for (let i = 0; i < list.length; i += 1) {
      const before = performance.now();
      await work(list[i]);
      times[i] = performance.now() - before;
    }
  }, settle);
  times.sort();
  return { ...each(figures, list.length), p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

/** A row whose rows are not as many as they must be has not done its work. */
export function expectRows(rows, count) {
  if (rows.length !== count) throw new Error(`${rows.length} rows instead of ${count}`);
  return rows;
}
