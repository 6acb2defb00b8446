// `npm run build:linux-portable`: the x64 binary for glibc 2.17 and newer, with zig as C compiler and linker.
//
// zig and the cargo subcommand that uses it come from PyPI, pinned, into target/portable/; needs Python 3 with pip. Says
// which version of glibc the binary needs, and fails if that is newer than 2.17.

import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { StepError, root, run, whenStarted } from './steps.mjs';

const TOOLS = ['ziglang==0.13.0.post1', 'cargo-zigbuild==0.24.0'];
const GLIBC = '2.17';
const FOLDER = join(root, 'target/portable');
const OUTPUT = join(FOLDER, 'runledger.linux-x64-gnu.node');

/** Builds target/portable/runledger.linux-x64-gnu.node and returns its path. */
export async function buildPortable(note = (line) => process.stderr.write(`${line}\n`)) {
  if (process.platform !== 'linux' || process.arch !== 'x64') throw new StepError('build:linux-portable runs on Linux x64');
  mkdirSync(FOLDER, { recursive: true });
  const python = join(FOLDER, 'venv/bin/python');
  if (!existsSync(python)) await run('python3', ['-m', 'venv', join(FOLDER, 'venv')], { onLine: note });
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...TOOLS], { onLine: note });
  const target = 'x86_64-unknown-linux-gnu';
  await run('cargo-zigbuild', ['rustc', '--release', '--lib', '--crate-type', 'cdylib', '--locked', '--target', `${target}.${GLIBC}`, '--', '@scripts/rustc.args'], {
    env: { ...process.env, CARGO_TARGET_DIR: FOLDER, PATH: [join(FOLDER, 'venv/bin'), process.env.PATH].join(delimiter) },
    onLine: note,
  });
  copyFileSync(join(FOLDER, target, 'release/librunledger.so'), OUTPUT);
  const needed = await neededGlibc(OUTPUT);
  if (compare(needed, GLIBC) > 0) throw new StepError(`The binary needs glibc ${needed}, newer than ${GLIBC}`);
  note(`${OUTPUT} needs glibc ${needed}`);
  return OUTPUT;
}

/** The newest version of glibc of which the binary names a symbol. */
export async function neededGlibc(binary) {
  const symbols = await run('objdump', ['-T', binary]);
  const versions = [...symbols.matchAll(/GLIBC_(\d+(?:\.\d+)+)/g)].map(([, version]) => version);
  return versions.sort(compare).at(-1);
}

function compare(a, b) {
  const [x, y] = [a, b].map((version) => version.split('.').map(Number));
  return x[0] - y[0] || x[1] - y[1] || (x[2] ?? 0) - (y[2] ?? 0);
}

await whenStarted(import.meta.url, () => buildPortable());
