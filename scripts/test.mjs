// `npm test`: everything that must hold before a commit, from a fresh clone on.
//
//   npm test                              all steps
//   npm test -- --only js                 some: ids or groups of STEPS below, separated by commas
//   npm test -- --only js 03 04           of the JavaScript tests those files whose name contains one of the words
//   npm test -- --verbose                 show what the commands print while they run
//   npm test -- --only js --coverage      with Node's coverage report
//   npm test -- --only node-22,deno       steps marked `named` run only so; npm run test:runtimes names those of runtimes
//   npm test -- --only portable           the binary as it is published for Linux x64: in CI always, else when it is named
//
// The first failing step ends the run and shows its output. Complete logs are in target/test-logs/.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { buildDist, buildNative, prepare } from './prepare.mjs';
import { writeRows } from './rows.mjs';
import { runtime } from './runtimes.mjs';
import { compileSnippets } from './snippets.mjs';
import { StepError, duration, installFolder, progress, root, run } from './steps.mjs';

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    coverage: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});

const CI = Boolean(process.env.CI);
const LOGS = join(root, 'target/test-logs');
/** No single test, file or runtime may hold a run for ever. */
const TEST_TIMEOUT_MS = 15 * 60_000;
const RUNTIME_TIMEOUT_MS = 40 * 60_000;
/** Test files at the same time. They wait much, for children and locks; more than two would blur what is measured of the event loop. */
const AT_ONCE = Math.min(2, availableParallelism());
/** What the project generates and commits. */
const GENERATED = [
  'native.cjs',
  '*.d.ts',
  '*.d.cts',
  'js/generated',
  'Cargo.lock',
  'package-lock.json',
  'runtimes/package-lock.json',
  'runtimes/others/package-lock.json',
  'packaging/package-lock.json',
  'npm',
  'THIRD-PARTY-NOTICES.md',
  'bench/package-lock.json',
];

const locked = CI ? ['--locked'] : [];
const core = ['--no-default-features'];
const warnings = ['--', '-D', 'warnings'];

/**
 * In this order. `built`: the step imports the package, so it must be built first; `named`: it runs only when it is named.
 * `work` gets functions to show progress and to run a command with its output in the step's log, and may return counts of
 * tests.
 */
const STEPS = [
  {
    id: 'fmt',
    group: 'rust',
    label: 'cargo fmt',
    work: ({ sh }) => sh('cargo', ['fmt', '--check', '--', `--color=${process.stdout.isTTY ? 'always' : 'never'}`]),
  },
  {
    id: 'clippy',
    group: 'rust',
    label: 'clippy',
    work: ({ sh }) => sh('cargo', ['clippy', '--all-targets', ...locked, ...warnings]),
  },
  {
    id: 'clippy-core',
    group: 'rust',
    label: 'clippy, core alone',
    work: ({ sh }) => sh('cargo', ['clippy', '--all-targets', ...core, ...locked, ...warnings]),
  },
  { id: 'cargo-core', group: 'rust', label: 'cargo test, core alone', work: (step) => cargoTest(step, core) },
  { id: 'cargo', group: 'rust', label: 'cargo test', work: (step) => cargoTest(step, []) },
  { id: 'rows', group: 'build', label: 'generate the row types', work: writeRows },
  { id: 'native', group: 'build', label: 'build the add-on', work: ({ note }) => buildNative(note) },
  { id: 'types', group: 'build', label: 'type check', work: () => buildDist() },
  { id: 'docs', group: 'docs', built: true, label: 'compile the examples of README and docs', work: compileSnippets },
  {
    id: 'js',
    group: 'runtimes',
    built: true,
    label: `tests on Node ${process.versions.node}`,
    work: (step) => nodeTest(step, process.execPath),
  },
  {
    id: 'newest-node',
    group: 'runtimes',
    built: true,
    label: 'tests on the newest Node',
    work: async (step) => nodeTest(step, await other('node')),
  },
  {
    id: 'bun',
    group: 'runtimes',
    built: true,
    label: 'tests on Bun',
    work: async (step) => bunTest(step, await other('bun')),
  },
  ...['node-22', 'node-24'].map((id) => ({
    id,
    group: id,
    built: true,
    named: true,
    label: `tests on Node ${id.slice(5)}`,
    work: async (step) => nodeTest(step, await other(id)),
  })),
  {
    id: 'deno',
    group: 'deno',
    built: true,
    named: true,
    label: 'tests on Deno',
    work: async (step) => denoTest(step, await other('deno')),
  },
  {
    id: 'packaging',
    group: 'packaging',
    built: true,
    label: 'tests of the packages',
    work: packagingTest,
  },
  {
    id: 'portable',
    group: 'portable',
    built: true,
    named: !CI || process.platform !== 'linux' || process.arch !== 'x64',
    label: 'build and try the portable binary',
    work: portableTest,
  },
  { id: 'generated', group: 'generated', label: 'generated files are committed', work: generatedFiles },
];

/** Thrown by a step that cannot run here. */
class Skip extends Error {}

// --- the steps

async function cargoTest({ sh }, flags) {
  const output = await sh('cargo', ['test', ...flags, ...locked]);
  const lines = [...output.matchAll(/^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored.*$/gm)];
  const sum = (group) => lines.reduce((total, match) => total + Number(match[group]), 0);
  return {
    passed: sum(1),
    failed: sum(2),
    skipped: sum(3),
    closing: lines.filter((match) => match[1] > 0).map((match) => match[0]),
  };
}

function specs() {
  const all = readdirSync(join(root, '__test__'))
    .filter((name) => name.endsWith('.spec.mjs'))
    .sort();
  const chosen = words.length ? all.filter((name) => words.some((word) => name.includes(word))) : all;
  if (!chosen.length)
    throw new StepError(`No test file in __test__/${words.length ? ` is named like ${words.join(', ')}` : ''}`);
  return chosen.map((name) => `./__test__/${name}`);
}

/**
 * The same environment on each runtime: `bun test` would set NODE_ENV to "test", and the defaults depend on it. What the type
 * checker says is the same on all of them, so it is asked on this Node alone; and what is in a file after a kill is the engine's
 * doing, so the others kill less often.
 */
function testEnv(program) {
  const others = { RUNLEDGER_SKIP_TSC: '1', RUNLEDGER_KILL_ROUNDS: '10' };
  const env = { ...process.env, NODE_ENV: '', ...(program === process.execPath ? {} : others) };
  for (const name of ['DEBUG', 'VIBEKIT_DB_PATH', 'NODE_TEST_CONTEXT', 'FORCE_COLOR']) delete env[name];
  return env;
}

async function nodeTest({ sh }, node, files = specs(), atOnce = AT_ONCE) {
  const flags = ['--test', '--test-reporter=spec', `--test-concurrency=${atOnce}`, `--test-timeout=${TEST_TIMEOUT_MS}`];
  if (options.coverage) flags.push('--experimental-test-coverage');
  const output = await sh(node, [...flags, ...files], { env: testEnv(node), timeoutMs: RUNTIME_TIMEOUT_MS });
  const closing = [...output.matchAll(/^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ([\d.]+)$/gm)];
  const count = Object.fromEntries(closing.map((match) => [match[1], Number(match[2])]));
  const report = options.coverage ? [output.slice(output.indexOf('ℹ start of coverage report'))] : [];
  return {
    passed: count.pass ?? 0,
    failed: (count.fail ?? 0) + (count.cancelled ?? 0),
    skipped: (count.skipped ?? 0) + (count.todo ?? 0),
    closing: [...closing.map((match) => match[0]), ...report],
  };
}

/** Runs `work` for each test file, for as many at a time as Node's test runner does it. */
async function eachSpec(work) {
  const rest = specs();
  const worker = async () => {
    for (let spec; (spec = rest.shift()); ) await work(spec);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** One process a file, as Node does it: `bun test` alone would run all files in one. */
async function bunTest({ sh, note }, bun) {
  const total = { pass: 0, fail: 0, skip: 0, todo: 0 };
  await eachSpec(async (spec) => {
    note(spec);
    const output = await sh(bun, ['test', `--timeout=${TEST_TIMEOUT_MS}`, spec], {
      env: testEnv(bun),
      timeoutMs: RUNTIME_TIMEOUT_MS,
    });
    for (const [, count, kind] of output.matchAll(/^ (\d+) (pass|fail|skip|todo)$/gm)) total[kind] += Number(count);
  });
  const closing = Object.entries(total).map(([kind, count]) => ` ${count} ${kind}`);
  return { passed: total.pass, failed: total.fail, skipped: total.skip + total.todo, closing };
}

/** A process a file; all files run, so that the log tells of each failure. Then what only users of Deno meet, tested by Node. */
async function denoTest(step, deno) {
  const { sh, note } = step;
  const total = { passed: 0, failed: 0, ignored: 0 };
  const failed = [];
  await eachSpec(async (spec) => {
    note(spec);
    const args = ['test', '--allow-all', '--no-check', spec];
    const output = await sh(deno, args, { env: testEnv(deno), timeoutMs: RUNTIME_TIMEOUT_MS }).catch((error) => {
      failed.push(spec);
      return error.output ?? '';
    });
    const closing = stripVTControlCharacters(output).match(/^(?:ok|FAILED) \| .*$/m)?.[0] ?? '';
    for (const [, count, kind] of closing.matchAll(/(\d+) (passed|failed|ignored)/g)) total[kind] += Number(count);
  });
  const closing = Object.entries(total).map(([kind, count]) => ` ${count} ${kind}`);
  if (failed.length > 0) throw new StepError(`Failed on Deno (${closing.join(',')}): ${failed.join(', ')}`);
  const counts = { passed: total.passed, failed: 0, skipped: total.ignored, closing };
  if (words.length > 0) return counts;
  await installFolder('packaging', note);
  const users = await nodeTest(step, process.execPath, ['./runtimes/deno.spec.mjs']);
  return { ...counts, passed: total.passed + users.passed, closing: [...closing, ...users.closing] };
}

/** What is published, examined and installed: packaging/. */
async function packagingTest(step) {
  await installFolder('packaging', step.note);
  const files = readdirSync(join(root, 'packaging')).filter((name) => name.endsWith('.spec.mjs')).sort();
  // One at a time: each makes the packages anew, in one place.
  return nodeTest(step, process.execPath, files.map((name) => `./packaging/${name}`), 1);
}

/** What the release workflow publishes for Linux x64: its size, the glibc that it needs, and some tests on it. */
async function portableTest({ sh }) {
  const output = await sh(process.execPath, ['scripts/portable.mjs', 'linux-x64-gnu']);
  const closing = output.split('\n').filter((line) => / bytes, needs glibc |tests have passed/.test(line));
  return { passed: Number(/(\d+) tests have passed/.exec(output)?.[1] ?? 0), failed: 0, skipped: 0, closing: closing.map((line) => line.trim()) };
}

async function other(name) {
  const found = await runtime(name);
  if (found) return found;
  if (CI) throw new StepError(`${name} could not be installed from runtimes/`);
  throw new Skip(`no npm package brings ${name} for ${process.platform} ${process.arch}`);
}

async function generatedFiles({ sh }) {
  if (!existsSync(join(root, '.git'))) throw new Skip('not a git checkout');
  const untracked = await sh('git', ['ls-files', '--others', '--exclude-standard', '--', ...GENERATED]);
  if (untracked) throw new StepError('Generated files are missing from git: add them', untracked);
  try {
    await sh('git', ['diff', '--exit-code', '--', ...GENERATED]);
  } catch (error) {
    throw new StepError(
      'Generated files differ from what git has: add them (git add), after a look at why',
      error.output,
    );
  }
}

// --- running them

function chosenSteps() {
  if (!options.only) return STEPS.filter((step) => !step.named);
  const names = options.only.split(',');
  const unknown = names.filter((name) => !STEPS.some((step) => step.id === name || step.group === name));
  if (unknown.length) {
    const known = [...new Set(STEPS.flatMap((step) => [step.group, step.id]))];
    throw new StepError(`Unknown step ${unknown.join(', ')}: one of ${known.join(', ')}`);
  }
  return STEPS.filter((step) => names.includes(step.id) || names.includes(step.group));
}

/** Runs one step and returns its counts, or `undefined` if it has none. */
async function runStep(step) {
  const line = progress(process.stdout, step.label);
  let log = '';
  const note = (text) => (options.verbose ? process.stdout.write(`${text}\n`) : line.note(text));
  const sh = async (command, args, more = {}) => {
    try {
      const output = await run(command, args, { onLine: note, ...more });
      log += output;
      return output;
    } catch (error) {
      log += error.output ?? '';
      throw error;
    }
  };
  try {
    const result = await step.work({ sh, note });
    if (result?.closing && !result.passed) throw new StepError('No test was run');
    line.done();
    for (const text of result?.closing ?? []) process.stdout.write(`    ${text.trimEnd()}\n`);
    return result;
  } catch (error) {
    if (error instanceof Skip) return void line.skipped(error.message);
    line.failed();
    throw Object.assign(error, { output: log || error.output });
  } finally {
    mkdirSync(LOGS, { recursive: true });
    writeFileSync(join(LOGS, `${step.id}.log`), log);
  }
}

/** The last lines of a long output, and where the others are. */
function tail(output, id) {
  const lines = output.trimEnd().split('\n');
  if (lines.length <= 400) return lines.join('\n');
  return [`… ${lines.length - 400} lines before these are in target/test-logs/${id}.log`, ...lines.slice(-400)].join(
    '\n',
  );
}

const started = performance.now();
const total = { passed: 0, failed: 0, skipped: 0 };
let current = { id: 'prepare' };
try {
  const steps = chosenSteps();
  await prepare({ only: 'install' });
  let built = false;
  for (const step of steps) {
    current = step;
    if (step.built && !built) {
      await prepare();
      if (options.coverage) await buildDist({ modules: true });
      built = true;
    }
    const result = await runStep(step);
    if (result?.closing) for (const key of Object.keys(total)) total[key] += result[key];
  }
} catch (error) {
  process.stdout.write(`\n${tail(error.output ?? '', current.id)}\n`);
  process.stdout.write(
    `\n✗ ${current.label ?? current.id}: ${error instanceof StepError ? error.message : error.stack}\n`,
  );
  process.stdout.write(`  Run this step alone with: npm test -- --only ${current.id}\n`);
  total.failed ||= 1;
  process.exitCode = 1;
}
process.stdout.write(`\n${duration(performance.now() - started)}\n`);
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
