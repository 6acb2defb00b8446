// Builds the limit: plain rusqlite on the same schema, benches/limit.rs.

import { copyFileSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from '../scripts/steps.mjs';

/** The library is not among them: the limit uses none of it, and cargo would compile it for every change. */
const SOURCES = ['benches', 'migrations/telemetry', 'Cargo.toml', 'Cargo.lock'];
const PROGRAM = join(root, 'target/bench', process.platform === 'win32' ? 'limit.exe' : 'limit');

/**
 * Builds it when it is missing or older than its sources, in a target directory of its own: the add-on is built with
 * other features, and cargo would put one in the place of the other.
 *
 * @param {(line: string) => void} note
 * @returns {Promise<string>} the path of the program
 */
export async function buildLimit(note) {
  if (existsSync(PROGRAM) && newest(SOURCES) < statSync(PROGRAM).mtimeMs) return PROGRAM;
  const args = ['bench', '--no-run', '--bench', 'limit', '--no-default-features', '--message-format=json'];
  const output = await run('cargo', [...args, '--target-dir', join(root, 'target/bench/cargo')], {
    stdoutOnly: true,
    onLine: (line) => line.startsWith('{') || note(line),
  });
  const built = output.split('\n').findLast((line) => line.includes('"executable":"'));
  copyFileSync(JSON.parse(built).executable, PROGRAM);
  return PROGRAM;
}

function newest(paths) {
  const times = paths.map((path) => {
    const full = join(root, path);
    if (!statSync(full).isDirectory()) return statSync(full).mtimeMs;
    return newest(readdirSync(full).map((name) => join(path, name)));
  });
  return Math.max(...times);
}
