// `npm run build:linux-portable [-- TARGET…]`: the binaries for Linux as they are published, with zig as C compiler and linker:
// linux-x64-gnu, or those named of linux-x64-gnu, linux-arm64-gnu, linux-x64-musl, linux-arm64-musl.
//
// zig and the cargo subcommand that uses it come from PyPI, pinned, into target/portable/, once. Needs Python 3 with venv, and for
// another target than that of this machine its standard library (rustup target add). Fails if a binary needs a newer glibc than
// 2.17, if one for x64 is above the limit of size, or if it fits this machine and fails some of the JavaScript tests, which run on it.

import { copyFileSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { MAX_BINARY_BYTES, compareVersions, neededGlibc, targetOfBinary } from './binary.mjs';
import { targetOf, triples } from './crates.mjs';
import { buildDist, checkToolchain, prepare, step } from './prepare.mjs';
import { StepError, answers, root, run, whenStarted } from './steps.mjs';

const TOOLS = ['ziglang==0.13.0.post1', 'cargo-zigbuild==0.24.0'];
const GLIBC = '2.17';
const FOLDER = join(root, 'target/portable');
const VENV = join(FOLDER, 'venv');
const PYTHON = join(VENV, 'bin/python');
/** Written when all is installed, with what that is. */
const STAMP = join(VENV, '.installed');

/** How clang compiles SQLite, in place of what .cargo/config.toml says to GCC; docs/packaging.md has the figures. */
const CFLAGS = '-fvisibility=hidden -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-unroll-loops -mllvm -inline-threshold=100';

/** One file of tests for each module: enough to know that a binary works. */
const SPECS = ['03.events', '50.sqlite', '70.database', '75.usage', '80.analytics', '85.instances'];

/** The Rust name of a target for Linux, `x86_64-unknown-linux-gnu` for `linux-x64-gnu`. */
function tripleOf(target) {
  const linux = triples().filter((triple) => triple.includes('linux'));
  const triple = linux.find((triple) => targetOf(triple) === target);
  if (triple === undefined) throw new StepError(`There is no target ${target}: name one or more of ${linux.map(targetOf).join(', ')}`);
  return triple;
}

/** Refuses a machine on which a build must fail; asks nothing of the network. */
async function check(targets) {
  if (process.platform !== 'linux') throw new StepError('build:linux-portable runs on Linux');
  const named = targets.map(tripleOf);
  await checkToolchain();
  for (const triple of named) {
    const library = await run('rustc', ['--print', 'target-libdir', '--target', triple], { stdoutOnly: true });
    if (!existsSync(library.trim())) throw new StepError(`Rust's standard library for ${triple} is missing. Install it: rustup target add ${triple}`);
  }
}

/** Whether an installation of the tools has come to its end, and its Python is still there. */
function toolsAreInstalled() {
  return existsSync(PYTHON) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === TOOLS.join('\n');
}

/** zig and cargo-zigbuild in an environment of their own. */
async function installTools(note) {
  if (!(await answers('python3', ['-c', 'import venv, ensurepip']))) {
    throw new StepError('Python 3 with venv is needed to install zig. Debian, Ubuntu: apt-get install python3-venv');
  }
  await run('python3', ['-m', 'venv', '--clear', VENV], { onLine: note });
  await run(PYTHON, ['-m', 'pip', 'install', '--disable-pip-version-check', ...TOOLS], { onLine: note });
  writeFileSync(STAMP, TOOLS.join('\n'));
}

/** Builds target/portable/runledger.<target>.node, and returns its path, its size and the glibc that it needs, if any. */
async function build(target, note) {
  const triple = tripleOf(target);
  const [libc, output] = [triple.endsWith('gnu') ? `.${GLIBC}` : '', join(FOLDER, `runledger.${target}.node`)];
  const library = join(FOLDER, triple, 'release/librunledger.so');
  const variable = triple.replaceAll('-', '_');
  rmSync(output, { force: true });
  await run('cargo-zigbuild', ['rustc', '--release', '--lib', '--crate-type', 'cdylib', '--locked', '--target', `${triple}${libc}`, '--', '@scripts/rustc.args'], {
    env: {
      ...process.env,
      CARGO_TARGET_DIR: FOLDER,
      PATH: [join(VENV, 'bin'), process.env.PATH].join(delimiter),
      [`CFLAGS_${variable}`]: CFLAGS,
      // A library for musl must be linked dynamically. Nobody's flags for this machine (target-cpu=native) get in.
      RUSTFLAGS: libc === '' ? '-C target-feature=-crt-static' : '',
    },
    onLine: note,
  });
  const bytes = readFileSync(library);
  const [found, needed] = [targetOfBinary(bytes), neededGlibc(bytes)];
  if (found !== target) throw new StepError(`${library} is a binary for ${found}`);
  if (needed !== undefined && compareVersions(needed, GLIBC) > 0) throw new StepError(`${library} needs glibc ${needed}, newer than ${GLIBC}`);
  if (target.includes('x64') && bytes.length > MAX_BINARY_BYTES) throw new StepError(`${library} has ${bytes.length} bytes, more than ${MAX_BINARY_BYTES}`);
  copyFileSync(library, output);
  return { path: output, size: bytes.length, needed };
}

/** Runs some of the JavaScript tests on a binary, and returns how many have passed. */
async function tryOut(binary) {
  await buildDist();
  const specs = readdirSync(join(root, '__test__')).filter((name) => name.endsWith('.spec.mjs') && SPECS.some((spec) => name.startsWith(`${spec}.`)));
  const output = await run(process.execPath, ['--test', '--test-reporter=spec', ...specs.map((name) => `./__test__/${name}`)], {
    env: { ...process.env, NODE_ENV: '', RUNLEDGER_NATIVE_LIBRARY_PATH: binary },
  });
  return Number(/^ℹ pass (\d+)$/m.exec(output)?.[1]);
}

const hostGlibc = process.report.getReport().header.glibcVersionRuntime;
const hostTarget = `linux-${process.arch}-${hostGlibc === undefined ? 'musl' : 'gnu'}`;

await whenStarted(import.meta.url, async () => {
  const say = (line) => process.stderr.write(`  ${line}\n`);
  const named = process.argv.slice(2);
  const targets = named.length > 0 ? named : ['linux-x64-gnu'];
  await check(targets);
  if (!toolsAreInstalled()) await step('install zig', false, installTools);
  for (const target of targets) {
    const { path, size, needed } = await step(`build ${target}`, false, (note) => build(target, note));
    say(`${path}: ${size} bytes${needed === undefined ? '' : `, needs glibc ${needed}`}`);
    if (target !== hostTarget) {
      say('not tried: it is not for this machine');
      continue;
    }
    await prepare({ only: 'install' });
    const passed = await step('try it', false, () => tryOut(path));
    say(`Node ${process.versions.node}, ${hostGlibc === undefined ? 'musl' : `glibc ${hostGlibc}`}: ${passed} tests have passed on it`);
  }
});
