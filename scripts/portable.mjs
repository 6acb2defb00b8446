// `npm run build:linux-portable [-- TARGET…]`: the binaries for Linux as they are published, with zig as C compiler and linker:
// linux-x64-gnu, or those named of linux-x64-gnu, linux-arm64-gnu, linux-x64-musl, linux-arm64-musl.
//
// zig and the cargo subcommand that uses it come from PyPI, pinned, into target/portable/; needs Python 3 with pip, and for
// another target than that of this machine its standard library (rustup target add). Fails if a binary needs a newer glibc than
// 2.17, if one for x64 is above the limit of size, or if it fits this machine and fails some of the JavaScript tests, which run on it.

import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { MAX_BINARY_BYTES, compareVersions, neededGlibc, targetOfBinary } from './binary.mjs';
import { targetOf, triples } from './crates.mjs';
import { buildDist, prepare } from './prepare.mjs';
import { StepError, root, run, whenStarted } from './steps.mjs';

const TOOLS = ['ziglang==0.13.0.post1', 'cargo-zigbuild==0.24.0'];
const GLIBC = '2.17';
const FOLDER = join(root, 'target/portable');

/** How clang compiles SQLite, in place of what .cargo/config.toml says to GCC; docs/packaging.md has the figures. */
const CFLAGS = '-fvisibility=hidden -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-unroll-loops -mllvm -inline-threshold=100';

/** One file of tests for each module: enough to know that a binary works. */
const SPECS = ['03.events', '50.sqlite', '70.database', '75.usage', '80.analytics', '85.instances'];

/** Builds target/portable/runledger.<target>.node and returns its path. */
export async function buildPortable(target, note) {
  const triple = triples().find((triple) => triple.includes('linux') && targetOf(triple) === target);
  if (triple === undefined) throw new StepError(`No target for Linux: ${target}`);
  await installTools(note);
  const [libc, output] = [triple.endsWith('gnu') ? `.${GLIBC}` : '', join(FOLDER, `runledger.${target}.node`)];
  const variable = triple.replaceAll('-', '_');
  await run('cargo-zigbuild', ['rustc', '--release', '--lib', '--crate-type', 'cdylib', '--locked', '--target', `${triple}${libc}`, '--', '@scripts/rustc.args'], {
    env: {
      ...process.env,
      CARGO_TARGET_DIR: FOLDER,
      PATH: [join(FOLDER, 'venv/bin'), process.env.PATH].join(delimiter),
      [`CFLAGS_${variable}`]: CFLAGS,
      // A library for musl must be linked dynamically.
      ...(libc === '' && { [`CARGO_TARGET_${variable.toUpperCase()}_RUSTFLAGS`]: '-C target-feature=-crt-static' }),
    },
    onLine: note,
  });
  copyFileSync(join(FOLDER, triple, 'release/librunledger.so'), output);
  const bytes = readFileSync(output);
  if (targetOfBinary(bytes) !== target) throw new StepError(`${output} is a binary for ${targetOfBinary(bytes)}`);
  const needed = neededGlibc(bytes);
  if (needed !== undefined && compareVersions(needed, GLIBC) > 0) throw new StepError(`${output} needs glibc ${needed}, newer than ${GLIBC}`);
  if (target.includes('x64') && bytes.length > MAX_BINARY_BYTES) throw new StepError(`${output} has ${bytes.length} bytes, more than ${MAX_BINARY_BYTES}`);
  note(`${output}: ${bytes.length} bytes${needed === undefined ? '' : `, needs glibc ${needed}`}`);
  return output;
}

/** zig and cargo-zigbuild in an environment of their own. */
async function installTools(note) {
  if (process.platform !== 'linux') throw new StepError('build:linux-portable runs on Linux');
  mkdirSync(FOLDER, { recursive: true });
  const python = join(FOLDER, 'venv/bin/python');
  if (!existsSync(python)) await run('python3', ['-m', 'venv', join(FOLDER, 'venv')], { onLine: note });
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...TOOLS], { onLine: note });
}

/** Runs some of the JavaScript tests on a binary. */
async function tryOut(binary, note) {
  await prepare({ only: 'install' });
  await buildDist();
  const specs = readdirSync(join(root, '__test__')).filter((name) => name.endsWith('.spec.mjs') && SPECS.some((spec) => name.startsWith(`${spec}.`)));
  const output = await run(process.execPath, ['--test', '--test-reporter=spec', ...specs.map((name) => `./__test__/${name}`)], {
    env: { ...process.env, NODE_ENV: '', RUNLEDGER_NATIVE_LIBRARY_PATH: binary },
  });
  note(`Node ${process.versions.node}, glibc ${hostGlibc()}: ${/^ℹ pass (\d+)$/m.exec(output)?.[1]} tests have passed on it`);
}

const hostGlibc = () => process.report.getReport().header.glibcVersionRuntime;

await whenStarted(import.meta.url, async () => {
  const note = (line) => process.stderr.write(`${line}\n`);
  const named = process.argv.slice(2);
  for (const target of named.length > 0 ? named : ['linux-x64-gnu']) {
    const binary = await buildPortable(target, note);
    if (target === `linux-${process.arch}-gnu` && hostGlibc()) await tryOut(binary, note);
    else note(`${target} cannot be tried on this machine`);
  }
});
