// What a row takes on disk, and what is written until it is there.

import { existsSync, statSync } from 'node:fs';
import { bytesWritten } from '../measure.mjs';
import { events, sessions } from '../workload.mjs';
import { FEW, LIBRARIES, recently } from './row.mjs';

const BATCH = 1000;

export const disk = [
  {
    id: 'disk',
    group: 'The disk',
    title: 'bytes a row: in the file, and handed to write(2) with WAL, checkpoints and close()',
    peers: LIBRARIES,
    fresh: true,
    skip: () => (bytesWritten() ? null : 'only Linux tells what a process has written'),
    size: {
      quick: { peers: FEW, single: 1000, batches: 5, repetitions: 1 },
      full: { single: 5000, batches: 50, repetitions: 2 },
    },
    columns: [
      { key: 'file', label: 'in the file', unit: 'B' },
      { key: 'batch', label: `written, batches of ${BATCH}`, unit: 'B' },
      { key: 'single', label: 'written, one by one', unit: 'B' },
      { key: 'batchDisk', label: 'of it to the disk, batches', unit: 'B' },
      { key: 'singleDisk', label: 'one by one', unit: 'B' },
    ],
    ratios: ['file', 'batch', 'single'],
    async repeat(context) {
      const { single, batches } = context.size;
      const one = await write(context, events(single, recently()), (client, event) => client.insertEvent(event));
      const lists = Array.from({ length: batches }, (_, i) => events(BATCH, recently(), i * BATCH));
      const many = await write(context, lists, (client, list) => client.insertEventBatch(list));
      return {
        file: many.file / (batches * BATCH),
        batch: many.handed / (batches * BATCH),
        single: one.handed / single,
        batchDisk: many.toDisk / (batches * BATCH),
        singleDisk: one.toDisk / single,
      };
    },
  },
];

/** Bytes that the calls cost, close() included; those of an empty file are not theirs. */
async function write(context, calls, work) {
  const path = context.freshFile();
  const client = await context.open(path);
  for (const session of sessions(context.size.batches * BATCH, recently())) await client.createSession(session);
  await client.quiet();
  const size = sizeOf(path);
  const before = bytesWritten();
  for (const call of calls) await work(client, call);
  await client.close();
  const after = bytesWritten();
  const file = sizeOf(path) - size;
  context.remove(path);
  return { file, handed: after.handed - before.handed, toDisk: after.toDisk - before.toDisk };
}

/** With the WAL, in which libsql leaves what it has written when it is closed. */
function sizeOf(path) {
  return [path, `${path}-wal`].reduce((sum, name) => sum + (existsSync(name) ? statSync(name).size : 0), 0);
}
