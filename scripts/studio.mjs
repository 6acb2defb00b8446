// `npm run db:studio`: Drizzle Studio on the file of VIBEKIT_DB_PATH or the default. Further words go to drizzle-kit, for
// example `npm run db:studio -- --port 3000`.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { prepare } from './prepare.mjs';
import { StepError, root, run, whenStarted } from './steps.mjs';

/** Whether npx would find the package without asking the registry. */
function isInstalled(name, folder = root) {
  if (existsSync(join(folder, 'node_modules', name, 'package.json'))) return true;
  return dirname(folder) !== folder && isInstalled(name, dirname(folder));
}

/** The file that the command line would take. */
async function databaseFile() {
  await prepare();
  const program = [join(root, 'bin/runledger.mjs'), 'telemetry', 'status', '--json'];
  const { file, exists } = JSON.parse(await run(process.execPath, program, { stdoutOnly: true }));
  if (!exists) throw new StepError(`${file} does not exist: npm run db:migrate makes it`);
  return file;
}

async function studio(words) {
  if (!isInstalled('drizzle-kit')) {
    throw new StepError(
      'drizzle-kit is not installed. It is needed for the studio only:\n' +
        '  npm install --no-save drizzle-kit drizzle-orm better-sqlite3',
    );
  }
  const folder = mkdtempSync(join(tmpdir(), 'runledger-studio-'));
  const config = join(folder, 'drizzle.config.json');
  try {
    writeFileSync(config, JSON.stringify({ dialect: 'sqlite', dbCredentials: { url: await databaseFile() } }));
    const args = ['--no-install', 'drizzle-kit', 'studio', `--config=${config}`, ...words];
    // npx is a .cmd file on Windows, which only a shell starts.
    const child = spawn('npx', args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
    // Ctrl-C reaches the studio too; this process waits for its end.
    process.on('SIGINT', () => {});
    process.on('SIGTERM', () => child.kill());
    process.exitCode = await new Promise((resolve, reject) => {
      child.on('error', (error) => reject(new StepError(`npx: ${error.message}`)));
      child.on('close', (code) => resolve(code ?? 1));
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await whenStarted(import.meta.url, () => studio(process.argv.slice(2)));
