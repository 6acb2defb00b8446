// Runs a row: starts one process a peer, has them measure in turns, collects the figures.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { root } from '../scripts/steps.mjs';

const CHILD = fileURLToPath(new URL('child.mjs', import.meta.url));
/** No child may hold a run for ever. */
const TURN_LIMIT_MS = 15 * 60_000;

/** A child that ended or answered with an error. */
class ChildError extends Error {}

/** The processes of a run: which program is started for a peer, and where its files are. */
export class Runner {
  #children = new Set();
  #made = 0;
  #flags;

  /** @param {{ program: string, limit: string | null, scratch: string }} options */
  constructor({ program, limit, scratch }) {
    this.program = program;
    this.#flags = /bun(\.exe)?$/.test(program)
      ? ['--no-install']
      : ['--expose-gc', '--disable-warning=ExperimentalWarning'];
    this.limit = limit;
    this.scratch = scratch;
  }

  /** One answer of a child: tasks.mjs. */
  async task(task, peer, more = {}) {
    const child = this.#start({ task, peer, ...more });
    const answer = await child.next();
    await child.end();
    return answer;
  }

  /**
   * @param {object} row of rows/
   * @param {{ id: string, files: Record<string, string> }[]} peers
   * @param {object} size of the row
   * @param {(text: string) => void} note is told what is going on
   * @returns {Promise<Map<string, { samples: object[], error?: string }>>} by peer
   */
  async run(row, peers, size, note) {
    const results = new Map(peers.map(({ id }) => [id, { samples: [] }]));
    const attempt = async (id, work) => {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof ChildError)) throw error;
        // What comes after the first is its consequence. Nobody else needs to know where the project lies.
        results.get(id).error ??= error.message.replaceAll(root, '.');
      }
    };
    const open = ({ id, files }) => this.#start({ row: row.id, peer: id, size, files, op: row.rust });
    const alive = () => peers.filter(({ id }) => !results.get(id).error);
    const children = new Map();
    if (!row.fresh) {
      for (const peer of peers) children.set(peer.id, open(peer));
      for (const { id } of peers) await attempt(id, () => children.get(id).next());
      // Once for the just-in-time compiler, before anything counts.
      for (const { id } of alive())
        (note(`${id}, warming up`), await attempt(id, () => children.get(id).ask('warm up')));
    }
    for (let repetition = 0; repetition < size.repetitions; repetition += 1) {
      // Nobody is always the one who comes after the same neighbour.
      const turn = alive();
      for (const peer of [...turn.slice(repetition % turn.length), ...turn.slice(0, repetition % turn.length)]) {
        note(`${peer.id}, ${repetition + 1} of ${size.repetitions}`);
        await attempt(peer.id, async () => {
          let child = children.get(peer.id);
          if (row.fresh) await (child = open(peer)).next();
          results.get(peer.id).samples.push(await child.ask());
          if (row.fresh) await child.end();
        });
      }
    }
    for (const [id, child] of children) await attempt(id, () => child.end());
    return results;
  }

  /** Ends what is still running. */
  stop() {
    for (const child of this.#children) child.kill('SIGKILL');
  }

  #start(job) {
    const number = (this.#made += 1);
    const text = JSON.stringify({ ...job, scratch: join(this.scratch, `${number}-${job.peer}`) });
    const [program, args] = job.peer === 'rust' ? [this.limit, [text]] : [this.program, [...this.#flags, CHILD, text]];
    const env = { ...process.env };
    for (const name of ['NODE_ENV', 'NODE_OPTIONS', 'VIBEKIT_DB_PATH', 'DEBUG']) delete env[name];
    const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#children.add(child);
    return converse(child, job.peer, () => this.#children.delete(child));
  }
}

/** Lines of JSON to and from a child. */
function converse(child, name, gone) {
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => (errors += text));
  child.stdin.on('error', () => {}); // it ended before it could read
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const closed = new Promise((resolve) => {
    child.on('error', (error) => resolve({ error }));
    child.on('close', (code, signal) => resolve({ code, signal }));
  }).finally(gone);
  const next = async () => {
    const timer = setTimeout(() => child.kill('SIGKILL'), TURN_LIMIT_MS);
    const { value, done } = await lines.next();
    clearTimeout(timer);
    if (done) {
      const { error, code, signal } = await closed;
      throw new ChildError(`${name} ended: ${error?.message ?? signal ?? code} ${errors}`.trim());
    }
    const message = JSON.parse(value);
    if (message.error) throw new ChildError(message.error);
    return message;
  };
  return {
    next,
    ask(what = 'measure') {
      child.stdin.write(`${what}\n`);
      return next();
    },
    async end() {
      child.stdin.end();
      const { error, code, signal } = await closed;
      if (error || code !== 0)
        throw new ChildError(`${name} ended: ${error?.message ?? signal ?? code} ${errors}`.trim());
    },
  };
}
