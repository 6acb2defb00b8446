// Installs and builds what is missing or older than its sources, and nothing else.
//
// `node scripts/prepare.mjs`, or `await prepare()` from a script that needs the built package. Needs Node, npm, Rust and
// a C compiler. Progress goes to stderr. `--native` builds the add-on, `--dist` builds dist/, and nothing else, even if it
// is up to date.

import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TSC, bundle } from './dist.mjs';
import { StepError, answers, progress, root, run, whenStarted } from './steps.mjs';

const NAPI = join(root, 'node_modules/@napi-rs/cli/dist/cli.js');

/** What the add-on is made of. */
const NATIVE_SOURCES = ['.cargo/config.toml', 'Cargo.toml', 'Cargo.lock', 'build.rs', 'src', 'migrations'];
/** What dist/ is made of. */
const TYPESCRIPT_SOURCES = ['package.json', 'tsconfig.json', 'scripts/dist.mjs', 'js', 'native.d.cts'];
/** Written after a complete build, with the time at which that build began. */
const DIST_STAMP = join(root, 'dist/.built');

/**
 * Makes the package in this folder ready to be imported.
 *
 * @param {{ quiet?: boolean, only?: 'install' }} [options] `quiet`: no progress lines; `only: 'install'`: build nothing
 * @returns {Promise<void>}
 * @throws {StepError} with the output of the step that failed
 */
export async function prepare({ quiet = false, only } = {}) {
  if (installIsStale()) await step('npm ci', quiet, install);
  if (only === 'install') return;
  if (nativeIsStale())
    await step('build the engine (Rust and SQLite; a first build takes some minutes)', quiet, buildNative);
  if (distIsStale()) await step('compile TypeScript', quiet, buildDist);
}

/** Shows one line of progress for `work`, which gets a function that says what it is busy with, and returns its result. */
export async function step(label, quiet, work) {
  if (quiet) return work(() => {});
  const line = progress(process.stderr, label);
  try {
    const result = await work(line.note);
    line.done();
    return result;
  } catch (error) {
    line.failed();
    throw error;
  }
}

// --- node_modules

function installIsStale() {
  return newest(['package-lock.json']) > oldest(['node_modules/.package-lock.json']);
}

async function install(note) {
  await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { onLine: note });
}

// --- the add-on

function addons() {
  return readdirSync(root).filter((name) => /^runledger\..+\.node$/.test(name));
}

function nativeIsStale() {
  return newest(NATIVE_SOURCES) > oldest([...addons(), 'native.cjs', 'native.d.cts'], addons().length === 0);
}

/** Builds the add-on and its generated loader and typings; cargo decides what has to be compiled. */
export async function buildNative(note = () => {}) {
  await checkToolchain();
  const started = new Date();
  const args = [NAPI, 'build', '--platform', '--release', '--js', 'native.cjs', '--dts', 'native.d.cts'];
  // A shell script cannot be started so on Windows, where the add-on is built without link-time optimisation.
  const env = process.platform === 'win32' ? process.env : { ...process.env, CARGO: join(root, 'scripts/cargo.sh') };
  await run(process.execPath, process.env.CI ? [...args, '--', '--locked'] : args, { env, onLine: note });
  for (const name of [...addons(), 'native.cjs', 'native.d.cts']) utimesSync(join(root, name), started, started);
}

/** Refuses a machine without Rust, with one that is too old, or without a C compiler. */
export async function checkToolchain() {
  if (!(await answers('cargo', ['--version']))) {
    throw new StepError('cargo was not found. Install Rust 1.89 or newer (https://rustup.rs) and open a new shell.');
  }
  const version = /rustc (\d+)\.(\d+)/.exec(await run('rustc', ['--version']));
  if (version && Number(version[1]) === 1 && Number(version[2]) < 89) {
    throw new StepError(`Rust ${version[1]}.${version[2]} is too old: 1.89 or newer is needed (rustup update stable).`);
  }
  if (process.platform === 'win32') return; // cargo finds Visual Studio by itself and says what is missing
  if (!(await answers(process.env.CC ?? 'cc', ['--version']))) {
    throw new StepError(
      'No C compiler was found, and SQLite is compiled from source. Install one:\n' +
        '  Debian, Ubuntu: apt-get install build-essential    Fedora: dnf install gcc    Alpine: apk add build-base\n' +
        '  macOS: xcode-select --install',
    );
  }
}

// --- dist

function distIsStale() {
  return newest(TYPESCRIPT_SOURCES) > oldest(['dist/.built']);
}

/**
 * Checks the types, builds dist/ and removes what an earlier build has left there. With `modules` as {@link bundle} has it,
 * which is no build to keep: the next look finds dist/ stale.
 */
export async function buildDist({ modules = false } = {}) {
  const started = new Date();
  await run(process.execPath, [TSC, '-p', 'tsconfig.json']);
  await bundle(modules);
  for (const file of files('dist')) if (statSync(join(root, file)).mtime < started) rmSync(join(root, file));
  if (modules) return;
  writeFileSync(DIST_STAMP, '');
  utimesSync(DIST_STAMP, started, started);
}

// --- times of files

/** The files under the given paths, relative to the root; a path that does not exist has none. */
function files(...paths) {
  return paths.flatMap((path) => {
    const full = join(root, path);
    if (!existsSync(full)) return [];
    return statSync(full).isDirectory() ? files(...readdirSync(full).map((name) => join(path, name))) : [path];
  });
}

/** The time of the latest change under the paths, in ms. */
function newest(paths) {
  return Math.max(0, ...files(...paths).map((file) => statSync(join(root, file)).mtimeMs));
}

/** The time of the earliest of these files, in ms; before all others if one of them is missing. */
function oldest(paths, missing = false) {
  if (missing || paths.some((path) => !existsSync(join(root, path)))) return -1;
  return Math.min(...files(...paths).map((file) => statSync(join(root, file)).mtimeMs));
}

await whenStarted(import.meta.url, async () => {
  const [native, dist] = ['--native', '--dist'].map((flag) => process.argv.includes(flag));
  await prepare({ quiet: process.argv.includes('--quiet'), only: native || dist ? 'install' : undefined });
  if (native) await buildNative();
  if (dist) await buildDist();
});
