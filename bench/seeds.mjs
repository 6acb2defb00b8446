// The files that rows read: written once by runledger itself, kept in target/bench/files for the next run.

import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ANALYTICS_SCHEMA, ITS_INDEXES, SCHEMA } from './schema.mjs';
import { STEP_MS, events, recordedSession, sessions, toolCalls } from './workload.mjs';

/** Files are written anew each week: runledger prunes events after thirty days by default. */
const LIFETIME_MS = 7 * 86_400_000;
const BATCH = 10_000;

/** Another schema, another workload or another week makes other files. */
const KEY = createHash('sha256')
  .update(SCHEMA)
  .update(ANALYTICS_SCHEMA)
  .update(String(Math.floor(Date.now() / LIFETIME_MS)))
  .update(readFileSync(fileURLToPath(new URL('workload.mjs', import.meta.url))))
  .digest('hex')
  .slice(0, 12);

/** Finds, makes and copies the files of a run. */
export class Seeds {
  #copies = new Map();

  /** `build` runs `writeSeed` somewhere else. */
  constructor({ directory, scratch, build }) {
    this.directory = directory;
    this.scratch = scratch;
    this.build = build;
  }

  /**
   * The path of a file.
   *
   * @param {{ events: number, indexes?: 'ours' | 'its', shape?: 'synthetic' | 'recorded' | 'tool-calls', copy?: string }} wanted
   *   `copy`: one
   *   that its owner may write to, the same for the whole run
   * @param {(text: string) => void} note
   */
  async path({ events, indexes = 'ours', shape = 'synthetic', copy }, note) {
    const path = await this.#find({ events, indexes, shape }, note);
    if (!copy) return path;
    const name = `${copy}-${indexes}-${shape}-${events}`;
    if (!this.#copies.has(name)) {
      note(`copying ${basename(path)} for ${copy}`);
      this.#copies.set(name, copyTo(path, join(this.scratch, `${name}.db`)));
    }
    return this.#copies.get(name);
  }

  async #find({ events, indexes, shape }, note) {
    const kind = `${shape}-${events}-${indexes}-${KEY}`;
    const path = join(this.directory, `${kind}.db`);
    if (existsSync(path)) return path;
    mkdirSync(this.directory, { recursive: true });
    const unfinished = `${path}.${process.pid}`; // another run may be making the same
    if (indexes === 'its') copyTo(await this.#find({ events, indexes: 'ours', shape }, note), unfinished);
    note(`writing ${kind}.db`);
    await this.build({ path: unfinished, events, indexes, shape });
    renameSync(unfinished, path);
    return path;
  }

  /** Removes the files of other schemas, other workloads and other weeks. */
  sweep() {
    if (!existsSync(this.directory)) return;
    for (const name of readdirSync(this.directory)) {
      if (!name.includes(KEY)) rmSync(join(this.directory, name), { force: true });
    }
  }
}

/** Writes the file of a seed; `peer` is the module of the library that does it. */
export async function writeSeed({ path, events: count, indexes, shape }, peer) {
  if (shape === 'tool-calls') return writeToolCalls(await peer.analytics(path), count);
  const client = await peer.open(path);
  if (indexes === 'its') client.run(ITS_INDEXES);
  else if (shape === 'recorded') await writeRecorded(client, count);
  else await writeSynthetic(client, count);
  await client.quiet();
  await client.close();
}

async function writeSynthetic(client, count) {
  const base = firstTime(count, Date.now());
  for (const session of sessions(count, base)) await client.createSession(session);
  for (let from = 0; from < count; from += BATCH) {
    await client.insertEventBatch(events(Math.min(BATCH, count - from), base, from));
  }
}

async function writeToolCalls(client, count) {
  for (let from = 0; from < count; from += BATCH) {
    const calls = toolCalls(Math.min(BATCH, count - from), from);
    for (const id of new Set(calls.map(({ sessionId }) => sessionId))) await client.startSession({ id });
    await client.recordToolCalls(calls);
  }
  await client.close();
}

async function writeRecorded(client, count) {
  for (let number = 0, written = 0; written < count; number += 1) {
    const { session, events } = recordedSession(`recorded-${number}`);
    await client.createSession(session);
    await client.insertEventBatch(events);
    written += events.length;
  }
}

/** When the first of `count` events is, if the last of them is an hour before `now`. */
const firstTime = (count, now) => now - 3_600_000 - count * STEP_MS;

function copyTo(path, target) {
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(path, target, constants.COPYFILE_FICLONE);
  // Else the kernel would write it to the disk while somebody is being measured.
  const file = openSync(target, 'r+');
  fsyncSync(file);
  closeSync(file);
  return target;
}
