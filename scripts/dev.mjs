// `npm run dev`: builds what is missing, then dist/ again at each change of js/, with what tsc says about the types.

import { spawn } from 'node:child_process';
import { TSC, bundling } from './dist.mjs';
import { prepare } from './prepare.mjs';
import { root, whenStarted } from './steps.mjs';

async function watchSources() {
  await prepare();
  const { watch } = await import('rolldown');
  const bundles = watch(bundling());
  bundles.on('event', async ({ code, error, result }) => {
    if (code === 'ERROR') process.stderr.write(`${error.message}\n`);
    await result?.close();
  });
  const args = [TSC, '-p', 'tsconfig.json', '--watch', '--preserveWatchOutput'];
  const types = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' });
  // Ctrl-C reaches tsc too; this process waits for its end.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => types.kill());
  types.on('close', () => bundles.close());
}

await whenStarted(import.meta.url, watchSources);
