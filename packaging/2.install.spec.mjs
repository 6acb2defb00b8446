// From a registry into empty projects, with npm, pnpm and Bun, and the quick start run there; no Rust is in the PATH.
import { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { builtTarget, targets } from '../scripts/packages.mjs';
import { runtime } from '../scripts/runtimes.mjs';
import { startRegistry } from './registry.mjs';
import { cleanUp, has, imported, printed, project, required, root, run, test, tool, userEnv } from './support.mjs';

let registry;
before(async () => (registry = await startRegistry()), { timeout: 300_000 });
after(async () => {
  await registry?.stop();
  cleanUp();
});

const bun = await runtime('bun');
const newestNode = await runtime('node'); // pnpm needs one

const MANAGERS = {
  npm: { command: 'npm', args: ['install', 'runledger', '--no-audit', '--no-fund', '--loglevel=error'] },
  pnpm: { command: newestNode, args: [tool('pnpm'), 'add', 'runledger', '--store-dir', './store'], skip: !newestNode && 'no npm package brings the newest Node' },
  bun: { command: bun, args: ['add', 'runledger'], skip: !bun && 'no npm package brings Bun for this machine' },
};

/** Every platform's package that a project has, however its package manager lays them out. */
function platformPackages(folder) {
  const names = readdirSync(join(folder, 'node_modules'), { recursive: true }).map((path) => String(path).replaceAll('\\', '/'));
  return [...new Set(names.flatMap((path) => /(?:^|\/)node_modules\/(runledger-[a-z0-9-]+)$|^(runledger-[a-z0-9-]+)$/.exec(path)?.slice(1).filter(Boolean) ?? []))];
}

test('a release that failed half-way goes on where it stopped, the main package last', () => {
  const [first, second] = registry.published;
  assert.equal(first.length, 3);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  assert.equal(second.at(-1), `runledger@${version}`);
  assert.deepEqual([...first, ...second].sort(), [...targets().map((target) => `runledger-${target}@${version}`), `runledger@${version}`].sort());
});

for (const [name, { command, args, skip = false }] of Object.entries(MANAGERS)) {
  test(`${name} installs the package and the binary of this platform only, and the quick start runs`, { skip }, async () => {
    const folder = project({
      'package.json': { name: 'app', version: '1.0.0', private: true },
      '.npmrc': registry.npmrc,
      'bunfig.toml': `[install]\nregistry = "${registry.url}"\n`,
      'app.mjs': imported,
      'app.cjs': required,
      'app.mts': imported,
      'typed.cts': imported,
      'tsconfig.json': { compilerOptions: { strict: true, target: 'es2022', lib: ['es2022', 'esnext.disposable'], module: 'nodenext', types: ['node'],
        typeRoots: [join(root, 'node_modules/@types')], skipLibCheck: true, outDir: 'out' }, files: ['app.mts', 'typed.cts'] },
    });
    const env = userEnv(folder, { npm_config_cache: join(folder, 'cache'), BUN_INSTALL_CACHE_DIR: join(folder, 'cache') });
    assert.equal(await has('cargo', env), false, 'Rust is in the PATH');
    await run(command, args, { cwd: folder, env });
    assert.deepEqual(platformPackages(folder), [`runledger-${builtTarget()}`]);

    const node = (...words) => {
      rmSync(join(folder, 'data'), { recursive: true, force: true }); // each run records the same session
      return run(process.execPath, words, { cwd: folder, env });
    };
    assert.equal(await node('app.mjs'), printed);
    assert.equal(await node('app.cjs'), printed);
    await node(tool('typescript-5.8', 'tsc'), '-p', '.');
    assert.equal(await node('out/app.mjs'), printed);
    assert.equal(await node('out/typed.cjs'), printed);
    await node('app.mjs');
    assert.match(await run(process.execPath, ['node_modules/runledger/bin/runledger.mjs', 'doctor', '--db', 'data/telemetry.db'], { cwd: folder, env }), /binary +runledger\..+\.node\n[\s\S]*doctor: ok\n$/);
    rmSync(join(folder, 'data'), { recursive: true });
    if (bun) assert.equal(await run(bun, ['app.mts'], { cwd: folder, env }), printed);
  });
}

test('without the optional dependencies the error says so, and what to run', async () => {
  const folder = project({ 'package.json': { name: 'app', version: '1.0.0', private: true }, '.npmrc': registry.npmrc, 'app.mjs': imported });
  const env = userEnv(folder, { npm_config_cache: join(folder, 'cache') });
  await run('npm', ['install', 'runledger', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder, env });
  const look = () => run(process.execPath, ['node_modules/runledger/bin/runledger.mjs', 'doctor'], { cwd: folder, env });
  const { output } = await look().catch((error) => error);
  assert.match(output, /likely cause: +optional dependencies were skipped/);
  const [, remedy] = /to mend it: +(.+)/.exec(output);
  await run('npm', [...remedy.split(' ').slice(1), '--no-audit', '--no-fund', '--loglevel=error'], { cwd: folder, env });
  assert.match(await look(), /doctor: ok/);
});
