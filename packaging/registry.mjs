// A registry of npm on this machine alone, holding what a release would publish.
import { spawn } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { runtime } from '../scripts/runtimes.mjs';
import { targets } from '../scripts/packages.mjs';
import { publish } from '../scripts/publish.mjs';
import { built, project, root, tool } from './support.mjs';

/** No uplink: what is not published here cannot be installed, so nothing comes from elsewhere. */
const config = (storage) => `storage: ${JSON.stringify(storage)}
auth: {}
uplinks: {}
packages:
  '**':
    access: $all
    publish: $all
max_body_size: 50mb
log: { type: stdout, level: warn }
`;

/**
 * Starts verdaccio on a free port of the loopback address and publishes: the packages built here, and for each other
 * platform a package without a binary, so that the package managers have something to choose from.
 *
 * It is done as a release is that fails half-way and is run again.
 *
 * @returns {Promise<{ url: string, npmrc: string, published: string[][], stop(): Promise<void> }>} `npmrc`: what a project's
 *   `.npmrc` needs; `published`: by the first run and by the second
 */
export async function startRegistry() {
  const folder = project();
  writeFileSync(join(folder, 'config.yaml'), config(join(folder, 'storage')));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  // Verdaccio needs a newer Node than the oldest that runledger runs on.
  const child = spawn(await runtime('node'), [tool('verdaccio'), '--config', join(folder, 'config.yaml'), '--listen', `127.0.0.1:${port}`], {
    cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const closed = new Promise((resolve) => child.on('close', resolve));
  const stop = async () => {
    child.kill();
    await closed;
  };
  const npmrc = `registry=${url}\n//127.0.0.1:${port}/:_authToken=anybody\n`;
  let published;
  try {
    await answering(url, child, () => output);
    published = await publishAll(folder, npmrc, url);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, npmrc, published, stop };
}

async function publishAll(folder, npmrc, registry) {
  const { main, platform } = await built();
  const others = targets().map((target) => join(root, 'npm', target)).filter((path) => !platform.endsWith(`runledger-${path.split(/[\\/]/).pop()}`));
  writeFileSync(join(folder, '.npmrc'), npmrc);
  const copies = [platform, ...others, main].map((source) => {
    const copy = join(folder, 'publish', source.split(/[\\/]/).pop());
    cpSync(source, copy, { recursive: true });
    return copy;
  });
  const options = { registry, args: ['--userconfig', join(folder, '.npmrc'), '--cache', join(folder, 'cache'), '--loglevel=error'] };
  return [await publish(copies.slice(0, 3), options), await publish(copies, options)];
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answering(url, child, output) {
  for (const end = Date.now() + 120_000; Date.now() < end; await delay(200)) {
    if (child.exitCode !== null) break;
    if (await fetch(`${url}-/ping`).then(({ ok }) => ok, () => false)) return;
  }
  throw new Error(`verdaccio does not answer on ${url}:\n${output()}`);
}
