#!/usr/bin/env node
// The command line: everything is in js/cli/, compiled to dist/cli/.

import { existsSync } from 'node:fs';

// A reader that has seen enough (`runledger … | head`) is no failure.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
});

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  const cli = await import(main.href);
  // Not process.exit(): what is still on its way to a pipe must arrive.
  process.exitCode = cli.main(process.argv.slice(2));
} else {
  process.stderr.write('runledger: this clone is not built yet: npm ci && npm run build\n');
  process.exitCode = 1;
}
