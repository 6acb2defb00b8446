/**
 * Loads the native add-on. Where that fails, one error says what was looked for, why it is probably not there, and what
 * mends it.
 */
import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RunledgerError } from './errors.js';
import { fittingTarget, libc, TARGETS } from './platform.js';

/** What scripts/dist.mjs reads in package.json. */
declare const RUNLEDGER_VERSION: string;

/** The version of this package; in a bundle there is no package.json to ask. */
export const version = RUNLEDGER_VERSION;

/** Names the file of the add-on where neither the package nor its loader can: inside a single executable, for instance. */
const OVERRIDE = 'RUNLEDGER_NATIVE_LIBRARY_PATH';

/** The same for every package that napi-rs has made: the generated loader tries nothing else. */
const NAPI_OVERRIDE = 'NAPI_RS_NATIVE_LIBRARY_PATH';

/** How the failure of a binary begins that loads and is not the one of this version. */
const OTHER_VERSION = `runledger ${version} needs the binary of its own version`;

/** `createRequire`, looked up in a way that webpack does not understand: it compiles calls that it knows away. */
const requireFrom = Reflect.get(module, 'createRequire') as typeof module.createRequire;

/**
 * The files from which this code may have to find others: its own, the program's, the executable. Compiled into a bundle
 * it has no `import.meta.url` (CommonJS) or one that was true where it was built.
 */
function origins(): string[] {
  const own = (import.meta.url as string | undefined) ?? (typeof __filename === 'string' ? __filename : undefined);
  const files = [own?.startsWith('file:') ? fileURLToPath(own) : own, process.argv[1], process.execPath];
  return [...new Set(files.filter((file) => file !== undefined))];
}

/** `require` of this package, or of the bundle that it was compiled into. */
export function packageRequire(): NodeJS.Require {
  return requireFrom(origins()[0]!);
}

/**
 * The exports of the add-on: of the file that the environment names, of what the package's own loader finds, or, in a
 * bundle, of a file beside it or of the platform's package.
 *
 * @throws {RunledgerError} `NATIVE_NOT_LOADED`
 */
export function loadAddOn(): unknown {
  const looked: string[] = [];
  const failures: unknown[] = [];
  try {
    return search(looked, failures);
  } catch (error) {
    // Without permissions Deno does not even let us look.
    if (!isDenied(error)) throw error;
    return fail(looked, [error], diagnose([error], undefined, undefined));
  }
}

/** Each file that is tried is added to `looked`, and why it cannot be loaded to `failures`. */
function search(looked: string[], failures: unknown[]): unknown {
  const named = process.env[OVERRIDE];
  const attempt = (require: NodeJS.Require, id: string, shown: string) => {
    looked.push(shown);
    try {
      const addOn = require(id) as { version?(): string };
      // Another one has other functions and rows: it was left beside a bundle that has been built anew, for instance.
      const found = addOn.version?.();
      if (found === version) return addOn;
      throw new Error(`${OTHER_VERSION}, and this is ${found === undefined ? 'another add-on' : `that of ${found}`}`);
    } catch (error) {
      failures.push(error);
      return undefined;
    }
  };
  if (named) {
    const loaded = attempt(packageRequire(), named, named);
    if (loaded !== undefined) return loaded;
    if (isDenied(failures[0])) throw failures[0];
    return fail(looked, failures, {
      cause: `${OVERRIDE} names a file that cannot be loaded: ${textOf(failures[0])}`,
      remedy: `unset ${OVERRIDE}, or name the right file`,
    });
  }
  const home = packageFolder();
  if (home !== undefined) {
    const loaded = attempt(requireFrom(join(home, 'package.json')), './native.cjs', 'native.cjs');
    if (loaded !== undefined) return loaded;
  }
  // Only now: to know the C library can take as long as everything else that a start does.
  const target = fittingTarget();
  const file = `runledger.${target}.node`;
  if (home !== undefined && target !== undefined) looked[0] = `${join(home, file)}, the package runledger-${target}`;
  for (const origin of target === undefined ? [] : origins()) {
    const require = requireFrom(origin);
    const beside = join(dirname(origin), file);
    // A bundle may name the folder where it was built as its own; a program that is none has nothing beside it.
    if (home !== undefined && !existsSync(beside)) continue;
    const loaded = attempt(require, beside, beside) ?? attempt(require, `runledger-${target}`, `runledger-${target} from ${dirname(origin)}`);
    if (loaded !== undefined) return loaded;
  }
  return fail(looked, failures, diagnose(failures, target, home));
}

/** The folder of this package; `undefined` where this code has been compiled into a bundle. */
function packageFolder(): string | undefined {
  const built = dirname(origins()[0]!);
  return [dirname(built), dirname(dirname(built))].find((folder) => existsSync(join(folder, 'native.cjs')) && nameOf(folder) === 'runledger');
}

function nameOf(folder: string): unknown {
  try {
    return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name?: unknown }).name;
  } catch {
    return undefined;
  }
}

/** Why it probably failed, and what to do. */
interface Diagnosis {
  cause: string;
  remedy: string;
}

function fail(looked: string[], failures: unknown[], { cause, remedy }: Diagnosis): never {
  const { platform, arch } = process;
  const library = libc();
  throw new RunledgerError(
    `the native add-on cannot be loaded on ${[platform, arch, library].filter(Boolean).join(' ')}\n` +
      (looked.length > 0 ? `  looked for:    ${looked.join('\n                 ')}\n` : '') +
      `  likely cause:  ${cause}\n` +
      `  to mend it:    ${remedy}`,
    { code: 'NATIVE_NOT_LOADED', details: { platform, arch, libc: library, looked, cause, remedy }, cause: failures[0] },
  );
}

function diagnose(failures: unknown[], target: string | undefined, home: string | undefined): Diagnosis {
  const denied = failures.flatMap(chain).find(isDenied);
  if (denied !== undefined) {
    return {
      cause: `Deno was started without a permission: ${textOf(denied)}`,
      remedy: 'run the program with: deno run --allow-ffi --allow-read --allow-env',
    };
  }
  if (home !== undefined && process.env[NAPI_OVERRIDE]) {
    return {
      cause: `${NAPI_OVERRIDE}, which every add-on made with napi-rs obeys, names a file that is not the binary of runledger ${version}`,
      remedy: `unset ${NAPI_OVERRIDE}; ${OVERRIDE} is for this package alone`,
    };
  }
  if (target === undefined) {
    return {
      cause: `no binary is published for this platform; there are ${TARGETS.join(', ')}`,
      remedy: 'build it from source, with Rust and a C compiler, in a clone of the repository: npm ci && npm run build',
    };
  }
  const broken = failures.flatMap(chain).find((error) => !isNotFound(error));
  const copy = `copy runledger.${target}.node from the package runledger-${target} beside the bundle or the executable, or name it in ${OVERRIDE}`;
  const remedy = home === undefined ? copy : reinstall(home);
  if (broken !== undefined) return ofBroken(textOf(broken), remedy);
  if (home === undefined) return { cause: 'this program is a bundle, and the binary was not delivered with it', remedy };
  if (existsSync(join(home, 'Cargo.toml'))) {
    return { cause: 'this clone of the repository is not built', remedy: 'npm ci && npm run build' };
  }
  return ofMissing(target, home);
}

/** A binary is there and does not load. */
function ofBroken(reason: string, remedy: string): Diagnosis {
  if (/GLIBC_|GLIBCXX_/.test(reason)) {
    return {
      cause: `the C library of this system is older than the binary needs: ${reason}`,
      remedy: 'use a system with glibc 2.17 or newer',
    };
  }
  if (reason.startsWith(OTHER_VERSION)) return { cause: reason, remedy };
  return { cause: `the binary is damaged, or one of another platform: ${reason}`, remedy };
}

/** No binary for this machine is installed. */
function ofMissing(target: string, home: string): Diagnosis {
  const require = requireFrom(join(home, 'package.json'));
  const installed = TARGETS.filter((name) => resolves(require, `runledger-${name}/package.json`));
  if (installed.includes(target)) {
    return {
      cause: `runledger-${target} is installed, and its binary has been removed: by a virus scanner, or by a copy that leaves out *.node`,
      remedy: reinstall(home),
    };
  }
  if (installed.length > 0) {
    const musl = installed.includes(target.replace('-musl', '-gnu')) ? ', and this system has musl instead of glibc' : '';
    return {
      cause: `runledger-${installed.join(', runledger-')} is installed${musl}: node_modules or the lock file come from another platform`,
      remedy: reinstall(home),
    };
  }
  const lock = lockFile(home);
  if (lock?.name === 'package-lock.json' && !lock.text().includes(`runledger-${target}`)) {
    return {
      cause: `package-lock.json was written on another platform and does not name runledger-${target} (npm before 11.3 forgets it)`,
      remedy: reinstall(home),
    };
  }
  const flag = lock === undefined || lock.manager === 'npm' ? 'npm install --include=optional' : reinstall(home);
  return { cause: 'optional dependencies were skipped when runledger was installed (--omit=optional, --no-optional)', remedy: flag };
}

const LOCK_FILES = { 'package-lock.json': 'npm', 'pnpm-lock.yaml': 'pnpm', 'yarn.lock': 'yarn', 'bun.lock': 'bun', 'bun.lockb': 'bun', 'deno.lock': 'deno' };

/** The lock file of the project that the package is installed in. */
function lockFile(home: string): { name: string; manager: string; text(): string } | undefined {
  for (let folder = home; dirname(folder) !== folder; folder = dirname(folder)) {
    for (const [name, manager] of Object.entries(LOCK_FILES)) {
      const path = join(folder, name);
      if (existsSync(path)) return { name, manager, text: () => readFileSync(path, 'utf8') };
    }
  }
  return undefined;
}

function reinstall(home: string): string {
  const manager = lockFile(home)?.manager ?? 'npm';
  const lock = manager === 'npm' ? ' and package-lock.json' : '';
  return `delete node_modules${lock}, then run on this machine: ${manager} install`;
}

function resolves(require: NodeJS.Require, id: string): boolean {
  try {
    require.resolve(id);
    return true;
  } catch {
    return false;
  }
}

/** An error and its causes. */
function chain(error: unknown): unknown[] {
  if (error === undefined || error === null) return [];
  return [error, ...chain((error as { cause?: unknown }).cause)];
}

/** Whether the file was not there, or the generated loader says so of all that it tried. */
function isNotFound(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND' || /^Cannot find (native binding|module)/.test(String(message));
}

/** Whether Deno has refused for want of a permission. The generated loader changes the class of such errors. */
function isDenied(error: unknown): boolean {
  return error instanceof Error && /^Requires \w+ access to .*--allow-/.test(error.message);
}

function textOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
