// Writes js/generated/rows.ts: the row types and their decoders, derived from the shapes in Rust.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root, run, whenStarted } from './steps.mjs';

const TARGET = join(root, 'js/generated/rows.ts');

/** Runs the example `rows` of the crate and stores what it prints, when that has changed. */
export async function writeRows() {
  const text = await run('cargo', ['run', '--quiet', '--no-default-features', '--example', 'rows'], {
    stdoutOnly: true,
  });
  if (existsSync(TARGET) && readFileSync(TARGET, 'utf8') === text) return;
  mkdirSync(dirname(TARGET), { recursive: true });
  writeFileSync(TARGET, text);
}

await whenStarted(import.meta.url, writeRows);
