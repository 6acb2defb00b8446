// The libraries that runledger is compared with, installed into bench/node_modules when they are missing.

import { join } from 'node:path';
import { installFolder, root, run } from '../scripts/steps.mjs';

const folder = join(root, 'bench');

/**
 * Installs what bench/package-lock.json says. Only better-sqlite3 12 has something to build: its install script fetches
 * a binary or, where it cannot, compiles one with node-gyp (which needs Python, a C++ compiler and the headers of Node;
 * without network set npm's `nodedir` to where those are). Version 13 and libsql bring their binaries inside their
 * packages.
 *
 * @param {(line: string) => void} note
 */
export async function installPeers(note) {
  await installFolder('bench', note);
  if (await loads()) return;
  note('compiling better-sqlite3');
  try {
    await run('npm', ['rebuild', 'better-sqlite3', '--foreground-scripts'], { cwd: folder, onLine: note });
  } catch (error) {
    // The benchmark can do without.
    process.stderr.write(`\n${error.output.trimEnd().split('\n').slice(-15).join('\n')}\n${error.message}\n`);
  }
}

/** Whether this Node, or the newer one that runs version 13, needs no binary of version 12. */
async function loads() {
  if (Number(process.versions.node.split('.')[0]) >= 22) return true;
  const script = "new (require('better-sqlite3'))(':memory:')";
  return run(process.execPath, ['-e', script], { cwd: folder }).then(
    () => true,
    () => false,
  );
}
