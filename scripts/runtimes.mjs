// The other runtimes that the JavaScript tests run on: binaries inside npm packages, pinned in runtimes/package.json.

import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { answers, root, run } from './steps.mjs';

const folder = join(root, 'runtimes');
const installed = join(folder, 'node_modules/.package-lock.json');

/** Installs them when missing or older than their lock file. No install script runs: the binaries are in the packages. */
async function install() {
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs)
    return;
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder });
}

/**
 * The path of a runtime's program, or `undefined` where no package brings one for this machine.
 *
 * @param {'node' | 'bun'} name
 */
export async function runtime(name) {
  await install();
  const program = process.platform === 'win32' ? `${name}.exe` : name;
  const arch = name === 'bun' && process.arch === 'arm64' ? 'aarch64' : process.arch;
  const platform = name === 'bun' && process.platform === 'win32' ? 'windows' : process.platform;
  const packages =
    name === 'bun'
      ? [`@oven/bun-${platform}-${arch}`, `@oven/bun-${platform}-${arch}-musl`]
      : [`node-${platform}-${arch}`];
  for (const name of packages) {
    const path = join(folder, 'node_modules', name, 'bin', program);
    if (existsSync(path) && (await answers(path, ['--version']))) return path;
  }
}
