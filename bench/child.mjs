// One library in one row of the benchmark: what runner.mjs starts with a job as JSON.
//
// It gets ready, says so with a line of JSON, and then measures once for each line it reads: the answer is the figures
// as JSON. It ends when its input ends.

import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const job = JSON.parse(process.argv[2]);
const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

const input = createInterface({ input: process.stdin });
let made = 0;

/** What the functions of a row get. */
const context = {
  ...job,
  say,
  get started() {
    return once(input, 'line');
  },
  load: () => import(`./peers/${job.peer}.mjs`),
  open: async (path) => (await context.load()).open(path),
  /** A path where no file is yet, in a directory of this process. */
  freshFile: () => join(job.scratch, `${(made += 1)}.db`),
  remove(path) {
    for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
  },
};

try {
  mkdirSync(job.scratch, { recursive: true });
  if (job.task) {
    const { tasks } = await import('./tasks.mjs');
    say(await tasks[job.task](context));
  } else {
    const { rows } = await import('./rows/index.mjs');
    const row = rows.find(({ id }) => id === job.row);
    const state = (await row.setup?.(context)) ?? {};
    say({ ready: true });
    for await (const line of input) {
      context.warming = line === 'warm up'; // fewer calls will do
      say(await row.repeat(context, state));
    }
    await row.teardown?.(context, state);
  }
} catch (error) {
  say({ error: error?.stack ?? String(error) });
  process.exitCode = 1;
} finally {
  input.close();
  rmSync(job.scratch, { recursive: true, force: true, maxRetries: 3 });
}
