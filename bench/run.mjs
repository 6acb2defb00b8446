// `npm run bench`: runledger beside what people use today, on the same work, in turns. See docs/performance.md.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { prepare } from '../scripts/prepare.mjs';
import { runtime } from '../scripts/runtimes.mjs';
import { StepError, duration, progress, root, whenStarted } from '../scripts/steps.mjs';
import { figuresOf } from './figures.mjs';
import { installPeers } from './install.mjs';
import { buildLimit } from './limit.mjs';
import { machine } from './machine.mjs';
import { readOptions } from './options.mjs';
import { Runner } from './runner.mjs';
import { Seeds } from './seeds.mjs';
import { goalLine, nameOf, tableOf, titleOf } from './table.mjs';

const FOLDER = join(root, 'target/bench');
const print = (text) => process.stdout.write(`${text}\n`);

async function main() {
  const options = readOptions();
  if (!options) return;
  if (!options.built) await prepare();
  await step('install the peers (bench/package.json)', installPeers);
  const limit = options.peers.includes('rust') ? await step('build the limit (benches/limit.rs)', buildLimit) : null;
  const program = options.on === 'node' ? process.execPath : await runtime(options.on === 'bun' ? 'bun' : 'node');
  if (!program) throw new StepError(`no npm package brings ${options.on} for this machine`);

  const scratch = newScratch();
  const runner = new Runner({ program, limit, scratch });
  try {
    await runAll(runner, options, scratch);
  } finally {
    runner.stop();
    rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A directory of this run; those of runs that were killed go. */
function newScratch() {
  mkdirSync(FOLDER, { recursive: true });
  for (const name of readdirSync(FOLDER)) {
    const [, pid] = /^run-(\d+)$/.exec(name) ?? [];
    if (pid && !isRunning(Number(pid))) rmSync(join(FOLDER, name), { recursive: true, force: true });
  }
  const scratch = join(FOLDER, `run-${process.pid}`);
  mkdirSync(scratch);
  return scratch;
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function runAll(runner, options, scratch) {
  const started = performance.now();
  const { available, versions } = await findPeers(runner, options);
  const facts = { ...machine(), runtime: versions.runtime };
  print(heading(facts, versions));

  const seeds = new Seeds({
    directory: join(FOLDER, 'files'),
    scratch,
    build: (seed) => runner.task('seed', seed.indexes === 'its' ? builderOf(available) : 'runledger', { seed }),
  });
  seeds.sweep();
  const report = { machine: facts, versions, options: { quick: options.quick, large: options.large }, rows: [] };
  let group;
  for (const row of options.rows) {
    if (row.group !== group) print(`\n═══ ${(group = row.group)}\n`);
    const size = sizeOf(row, options);
    const title = titleOf(row, size);
    const skipped = row.skip?.();
    if (skipped) {
      print(`${title}  [${row.id}]\n  skipped: ${skipped}\n`);
      report.rows.push({ id: row.id, title, skipped });
      continue;
    }
    const figures = await step(row.id, (note) => runRow(runner, row, size, { options, available, seeds, note }));
    report.rows.push({ ...figures, size });
    print(tableOf(row, figures));
  }
  print(summary(options.rows, report));
  const file = resolve(options.json ?? join(FOLDER, 'result.json'));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);
  print(`${duration(performance.now() - started)}; the figures are in ${options.json ?? 'target/bench/result.json'}`);
}

/** What a row works on in this run. */
function sizeOf(row, { quick, large, repetitions }) {
  const size = quick ? { ...row.size.quick } : { ...row.size.full, ...(large && row.size.huge) };
  if (repetitions) size.repetitions = repetitions;
  return size;
}

async function runRow(runner, row, size, { options, available, seeds, note }) {
  const peers = [];
  for (const id of available.filter((id) => row.peers.includes(id) && (size.peers?.includes(id) ?? true))) {
    const files = {};
    for (const [name, wanted] of Object.entries(row.files?.(size, id) ?? {}))
      files[name] = await seeds.path(wanted, note);
    peers.push({ id, files });
  }
  return figuresOf({ ...row, title: titleOf(row, size) }, await runner.run(row, peers, size, note), options);
}

/** The chosen peers that this runtime can load, and what they are. */
async function findPeers(runner, { peers }) {
  const versions = { runtime: null, peers: {}, missing: {} };
  const answers = new Map();
  await Promise.all(
    peers.map(async (id) => {
      try {
        answers.set(id, await runner.task('probe', id));
      } catch (error) {
        versions.missing[id] = error.message.split('\n')[0].replace(/^.*?: /, '');
      }
    }),
  );
  if (!answers.has('runledger')) throw new StepError(`runledger: ${versions.missing.runledger}`);
  const available = peers.filter((id) => answers.has(id));
  for (const id of available) {
    const { runtime, ...version } = answers.get(id);
    versions.runtime ??= runtime;
    versions.peers[id] = version;
  }
  return { available, versions };
}

/** The library that gives a file the indexes of @vibe-kit/db. */
function builderOf(available) {
  const builder = ['better-sqlite3', 'node-sqlite', 'bun-sqlite', 'libsql'].find((id) => available.includes(id));
  return builder ?? 'libsql';
}

function heading({ cpu, cores, memoryGB, platform, kernel, runtime, date }, { peers, missing }) {
  const lines = [`${runtime}, ${cores} × ${cpu}, ${memoryGB} GB, ${platform} ${kernel}, ${date.slice(0, 10)}`];
  for (const [id, { library, sqlite }] of Object.entries(peers)) {
    lines.push(`  ${nameOf(id)} ${[library, sqlite && `SQLite ${sqlite}`].filter(Boolean).join(', ')}`);
  }
  for (const [id, why] of Object.entries(missing)) lines.push(`  ${nameOf(id)}: not here (${why})`);
  return lines.join('\n');
}

function summary(rows, report) {
  const goals = report.rows.flatMap(({ id, goals = [] }) =>
    goals.map((goal) => ({ ...goal, row: rows.find((row) => row.id === id) })),
  );
  const missed = goals.filter(({ met }) => met === false);
  const failed = report.rows.filter(({ peers }) => peers?.runledger.error).map(({ id }) => id);
  const lines = [`${goals.filter(({ met }) => met).length} goals met, ${missed.length} missed`];
  if (failed.length > 0) {
    process.exitCode = 1;
    lines.push(`runledger failed in ${failed.join(', ')}`);
  }
  for (const goal of missed) lines.push(`  ${goal.row.id}: ${goalLine(goal, goal.row)}`);
  return lines.join('\n');
}

async function step(label, work) {
  const line = progress(process.stderr, label);
  try {
    const value = await work(line.note);
    line.done();
    return value;
  } catch (error) {
    line.failed();
    throw error;
  }
}

await whenStarted(import.meta.url, main);
