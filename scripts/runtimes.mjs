// The other runtimes that the JavaScript tests run on: binaries inside npm packages. runtimes/package.json pins those of
// `npm test`, runtimes/others/package.json those that `npm run test:runtimes` adds.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { answers, installFolder, root } from './steps.mjs';

const folder = join(root, 'runtimes');
const others = join(folder, 'others');

/** Where the program of each runtime may be. */
const PROGRAMS = {
  node: () => [join(folder, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', program('node'))],
  bun: () => {
    const arch = process.arch === 'arm64' ? 'aarch64' : process.arch;
    const name = `bun-${process.platform === 'win32' ? 'windows' : process.platform}-${arch}`;
    return [name, `${name}-musl`].map((name) => join(folder, 'node_modules/@oven', name, 'bin', program('bun')));
  },
  'node-22': () => [join(others, 'node_modules/node-22/bin', program('node'))],
  'node-24': () => [join(others, 'node_modules/node-24/bin', program('node'))],
  deno: () => {
    const names = existsSync(join(others, 'node_modules/@deno')) ? readdirSync(join(others, 'node_modules/@deno')) : [];
    return names.map((name) => join(others, 'node_modules/@deno', name, program('deno')));
  },
};

const program = (name) => (process.platform === 'win32' ? `${name}.exe` : name);

/**
 * The path of a runtime's program, or `undefined` where no package brings one for this machine. `node` is the newest Node.
 *
 * @param {'node' | 'bun' | 'node-22' | 'node-24' | 'deno'} name
 */
export async function runtime(name) {
  // The binaries are in the packages, so that no install script has to run.
  await installFolder(name === 'node' || name === 'bun' ? 'runtimes' : 'runtimes/others');
  for (const path of PROGRAMS[name]()) if (existsSync(path) && (await answers(path, ['--version']))) return path;
}
