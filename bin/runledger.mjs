#!/usr/bin/env node
// The command line: everything is in js/cli/, compiled to dist/cli/.

import { existsSync, realpathSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

// A reader that has seen enough (`runledger … | head`) is no failure.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

// Deno names a program by the link through which it was started.
const program = pathToFileURL(realpathSync(fileURLToPath(import.meta.url)));
const main = new URL('../dist/cli/main.js', program);
if (existsSync(main)) {
  const cli = await import(main.href);
  // Not process.exit(): what is still on its way to a pipe must arrive.
  process.exitCode = cli.main(process.argv.slice(2));
} else {
  process.stderr.write('runledger: this clone is not built yet: npm ci && npm run build\n');
  process.exitCode = 1;
}
