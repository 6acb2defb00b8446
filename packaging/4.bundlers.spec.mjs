// runledger compiled into a bundle, which is delivered to a folder with nothing but the binary beside it.
import { after } from 'node:test';
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { builtTarget } from '../scripts/packages.mjs';
import { runtime } from '../scripts/runtimes.mjs';
import { built, cleanUp, imported, printed, project, root, run, test, userEnv } from './support.mjs';

after(cleanUp);

const { main, platform } = await built();
const binary = `runledger.${builtTarget()}.node`;
const [newestNode, bun] = [await runtime('node'), await runtime('bun')];

/** The quick start where runledger is installed. */
function source() {
  const folder = project({ 'app.mjs': imported, 'package.json': { name: 'app', private: true } });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(main, join(folder, 'node_modules/runledger'), 'junction');
  return folder;
}

/** Where a bundle is delivered to. */
function delivery() {
  const folder = project();
  cpSync(join(platform, binary), join(folder, binary));
  return folder;
}

async function runs(folder, command, args) {
  assert.equal(await run(command, args, { cwd: folder, env: userEnv(folder) }), printed);
}

const BUNDLERS = {
  'esbuild, ES module': async (from, to) => {
    const { build } = await import('esbuild');
    await build({ absWorkingDir: from, entryPoints: ['app.mjs'], bundle: true, platform: 'node', format: 'esm', outfile: join(to, 'out.mjs'), logLevel: 'error' });
    return 'out.mjs';
  },
  'esbuild, CommonJS': async (from, to) => {
    const { build } = await import('esbuild');
    await build({ absWorkingDir: from, entryPoints: ['app.mjs'], bundle: true, platform: 'node', format: 'cjs', outfile: join(to, 'out.cjs'), logLevel: 'error' });
    return 'out.cjs';
  },
  rollup: async (from, to) => {
    const [{ rollup }, { nodeResolve }] = [await import('rollup'), await import('@rollup/plugin-node-resolve')];
    const bundle = await rollup({ input: join(from, 'app.mjs'), external: /^node:/, plugins: [nodeResolve({ exportConditions: ['node'] })], preserveSymlinks: true });
    await bundle.write({ file: join(to, 'out.mjs'), format: 'es' });
    return 'out.mjs';
  },
  rspack: async (from, to) => pack((await import('@rspack/core')).rspack, from, to),
  webpack: async (from, to) => pack((await import('webpack')).default, from, to),
};

/** webpack and those that have its interface. */
async function pack(compiler, from, to) {
  const stats = await new Promise((resolve, reject) =>
    compiler({ context: from, entry: './app.mjs', target: 'node20', mode: 'production', output: { path: to, filename: 'out.cjs' } }, (error, stats) => (error ? reject(error) : resolve(stats))),
  );
  assert.deepEqual(stats.toJson({ all: false, errors: true }).errors, []);
  return 'out.cjs';
}

for (const [name, bundle] of Object.entries(BUNDLERS)) {
  test(`${name}: the bundle runs with the binary beside it, and makes its tables`, async () => {
    const to = delivery();
    await runs(to, process.execPath, [await bundle(source(), to)]);
  });
}

test('the optional peer is not bundled, and found beside the bundle at run time', async () => {
  const { build } = await import('esbuild');
  const from = source();
  symlinkSync(join(root, 'node_modules/drizzle-orm'), join(from, 'node_modules/drizzle-orm'), 'junction');
  writeFileSync(join(from, 'peer.mjs'), `import { DrizzleTelemetryOperations, telemetrySessions } from 'runledger';
import 'runledger/drizzle';
const operations = new DrizzleTelemetryOperations({ dbPath: ':memory:' });
const db = await operations.getDatabase();
try { console.log(db.select().from(telemetrySessions).all().length); } catch (error) { console.log(error.message); }
`);
  const to = delivery();
  const { metafile } = await build({ absWorkingDir: from, entryPoints: ['peer.mjs'], bundle: true, platform: 'node', format: 'esm', outfile: join(to, 'out.mjs'), metafile: true, preserveSymlinks: true });
  assert.deepEqual(Object.keys(metafile.inputs).filter((path) => path.includes('drizzle-orm')), []);
  const out = () => run(process.execPath, ['out.mjs'], { cwd: to, env: userEnv(to) }).catch((error) => error.output);
  assert.match(await out(), /drizzle-orm/);
  mkdirSync(join(to, 'node_modules'));
  symlinkSync(join(root, 'node_modules/drizzle-orm'), join(to, 'node_modules/drizzle-orm'), 'junction');
  assert.equal(await out(), '0\n');
});

test('a bundle without the binary, or with a damaged one, says what to copy where', async () => {
  const to = project();
  const file = await BUNDLERS['esbuild, ES module'](source(), to);
  for (const cause of ['the binary was not delivered with it', 'the binary is damaged']) {
    const { output } = await run(process.execPath, [file], { cwd: to, env: userEnv(to) }).catch((error) => error);
    assert.match(output, /NATIVE_NOT_LOADED/);
    assert.ok(output.includes(cause), output);
    assert.ok(output.includes(`copy ${binary} from the package runledger-${builtTarget()} beside the bundle`), output);
    writeFileSync(join(to, binary), 'not a binary');
  }
});

test('bun build --compile: the executable runs with the binary beside it', { skip: !bun && 'no Bun' }, async () => {
  const to = delivery();
  await run(bun, ['build', '--compile', './app.mjs', '--outfile', join(to, 'app')], { cwd: source() });
  await runs(to, join(to, 'app'), []);
});

test('bun build --compile: the binary inside the executable', { skip: !bun && 'no Bun' }, async () => {
  const from = source();
  symlinkSync(platform, join(from, `node_modules/runledger-${builtTarget()}`), 'junction');
  writeFileSync(join(from, 'addon.mjs'), `import file from 'runledger-${builtTarget()}/${binary}' with { type: 'file' };\nprocess.env.RUNLEDGER_NATIVE_LIBRARY_PATH = file;\n`);
  writeFileSync(join(from, 'single.mjs'), `import './addon.mjs';\nimport './app.mjs';\n`);
  const to = project();
  await run(bun, ['build', '--compile', './single.mjs', '--outfile', join(to, 'app')], { cwd: from });
  await runs(to, join(to, 'app'), []);
  assert.deepEqual(readdirSync(to).filter((name) => name.endsWith('.node')), []);
});

test('a single executable of Node runs with the binary beside it', { skip: !newestNode && 'no newest Node' }, async () => {
  const to = delivery();
  const file = await BUNDLERS['esbuild, CommonJS'](source(), to);
  writeFileSync(join(to, 'sea.json'), JSON.stringify({ main: file, output: join(to, 'app'), executable: newestNode, disableExperimentalSEAWarning: true }));
  await run(newestNode, ['--build-sea', 'sea.json'], { cwd: to });
  await runs(to, join(to, 'app'), []);
});
