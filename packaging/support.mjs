// What the tests of the packages share: the tools of packaging/package.json, the packages, projects outside the repository.
import nodeTest from 'node:test';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { makePackages } from '../scripts/packages.mjs';
import { root, run } from '../scripts/steps.mjs';

export { root, run };

export const test = (name, options, fn) =>
  typeof options === 'function' ? nodeTest(name, { timeout: 300_000 }, options) : nodeTest(name, { timeout: 300_000, ...options }, fn);

/** The JavaScript file of a tool's command. */
export function tool(name, command = name) {
  const folder = join(root, 'packaging/node_modules', name);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return join(folder, typeof bin === 'string' ? bin : bin[command]);
}

let packages;

/** The folders of the platform's package and of the main package. */
export async function built() {
  packages ??= makePackages();
  const [platform, main] = await packages;
  return { platform, main };
}

const folders = [];

/** A new folder outside the repository, removed by `cleanUp`. */
export function project(files = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'runledger-packaging-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), typeof text === 'string' ? text : JSON.stringify(text, null, 2));
  }
  return folder;
}

export function cleanUp() {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** The environment of somebody who has Node and nothing else of ours: no Rust, no settings of npm run. */
export function userEnv(folder, more = {}) {
  const env = { HOME: folder, TMPDIR: process.env.TMPDIR, PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter), CI: '1', ...more };
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
}

/** A file of the project that records a session and prints what it reads. */
export const quickStart = (imports) => `${imports}
(async () => {
  const db = new DrizzleTelemetryDB({ dbPath: './data/telemetry.db' });
  const operations = new DrizzleTelemetryOperations(db);
  await operations.createSession({ id: 'session-123', agentType: 'claude', mode: 'code', startTime: 1750000000000 });
  await operations.insertEvent({ sessionId: 'session-123', eventType: 'start', agentType: 'claude', mode: 'code', prompt: 'hello', timestamp: 1750000000001 });
  const events = await operations.queryEvents({ sessionId: 'session-123' });
  await db.close();
  const file = new Database(':memory:');
  file.exec('create table t (x)');
  file.prepare('insert into t values (?)').run(2);
  console.log(events.map((event) => event.prompt).join(), file.prepare('select x * 21 as x from t').get().x);
  file.close();
})();
`;

export const imported = quickStart(
  "import { DrizzleTelemetryDB, DrizzleTelemetryOperations } from 'runledger';\nimport { Database } from 'runledger/sqlite';",
);
export const required = quickStart(
  "const { DrizzleTelemetryDB, DrizzleTelemetryOperations } = require('runledger');\nconst { Database } = require('runledger/sqlite');",
);
/** What both print. */
export const printed = 'hello 42\n';

/** Whether a command is in the PATH of `env`. */
export const has = (command, env) => run(command, ['--version'], { env }).then(() => true, () => false);
