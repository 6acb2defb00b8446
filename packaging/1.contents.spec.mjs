// What is in the packages, and what the linters of packages say of them.
import { after } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { MAX_BINARY_BYTES } from '../scripts/binary.mjs';
import { targetOf, triples } from '../scripts/crates.mjs';
import { targets } from '../scripts/packages.mjs';
import { writeNotices } from '../scripts/notices.mjs';
import { built, cleanUp, project, root, run, test, tool } from './support.mjs';

after(cleanUp);

const read = (...path) => JSON.parse(readFileSync(join(...path), 'utf8'));
const { main, platform } = await built();

/** What npm would put into the archive of a package. */
async function packed(folder) {
  const [report] = JSON.parse(await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: folder, stdoutOnly: true }));
  return { ...report, paths: report.files.map(({ path }) => path).sort() };
}

test('the main package holds the modules, their types, the command line and the pages, and nothing else', async (t) => {
  const { paths, size, unpackedSize } = await packed(main);
  t.diagnostic(`runledger: ${paths.length} files, ${size} bytes packed, ${unpackedSize} unpacked`);
  const kinds = [/^dist\/.+\.(js|d\.ts)$/, /^docs\/[a-z-]+\.md$/, /^bin\/runledger\.mjs$/, /^examples\/[a-z-]+\.mjs$/, /^index\.(js|d\.ts)$/, /^native\.(cjs|d\.cts)$/,
    /^(README|CHANGELOG)\.md$/, /^(LICENSE|package\.json)$/];
  assert.deepEqual(paths.filter((path) => !kinds.some((kind) => kind.test(path))), []);
  for (const kind of kinds) assert.ok(paths.some((path) => kind.test(path)), String(kind));
  for (const target of Object.values(read(main, 'package.json').exports).flatMap((entry) => Object.values(typeof entry === 'string' ? [entry] : entry))) {
    assert.ok(paths.includes(target.slice(2)), target);
  }
  assert.ok(unpackedSize < 1_500_000, `${unpackedSize} bytes`);
});

test('the package of this platform holds the binary, stripped and within the limit, and its licences', async (t) => {
  const { paths, size } = await packed(platform);
  const binary = paths.find((path) => path.endsWith('.node'));
  assert.deepEqual(paths, ['LICENSE', 'README.md', 'THIRD-PARTY-NOTICES.md', 'package.json', 'sbom.cdx.json', binary].sort());
  const bytes = statSync(join(platform, binary)).size;
  t.diagnostic(`${binary}: ${bytes} bytes, ${size} bytes packed`);
  assert.ok(bytes <= MAX_BINARY_BYTES, `${bytes} bytes`);
  if (process.platform === 'linux') assert.doesNotMatch(readFileSync(join(platform, binary)).toString('latin1'), /\0\.symtab\0/);
});

test('nothing runs when a package is installed, and the main one asks for each platform in its own version', () => {
  const { version, dependencies, optionalDependencies, scripts } = read(main, 'package.json');
  assert.deepEqual([dependencies, scripts], [undefined, undefined]);
  assert.deepEqual(optionalDependencies, Object.fromEntries(targets().map((target) => [`runledger-${target}`, version])));
  for (const target of targets()) {
    const manifest = read(root, 'npm', target, 'package.json');
    assert.deepEqual([manifest.name, manifest.version, manifest.scripts, manifest.dependencies, manifest.license],
      [`runledger-${target}`, version, undefined, undefined, 'MIT']);
    assert.equal(manifest.main, `runledger.${target}.node`);
    assert.deepEqual([manifest.os, manifest.cpu], [[target.split('-')[0]], [target.split('-')[1]]]);
    const libc = { gnu: ['glibc'], musl: ['musl'] }[target.split('-')[2]];
    assert.deepEqual(manifest.libc, libc);
  }
});

test('npm/, napi.targets and the loader name the same platforms', () => {
  assert.deepEqual(triples().map(targetOf).sort(), targets());
  const [, list] = /TARGETS: readonly string\[\] = \[([^\]]*)\]/.exec(readFileSync(join(root, 'js/platform.ts'), 'utf8'));
  assert.deepEqual([...list.matchAll(/'([^']+)'/g)].map(([, name]) => name).sort(), targets());
});

test('each licence in the binary is one that we accept, and the notices have its text', async () => {
  const path = join(root, 'THIRD-PARTY-NOTICES.md');
  const before = readFileSync(path, 'utf8');
  await writeNotices();
  assert.equal(readFileSync(path, 'utf8'), before, 'npm run notices has written another file: look at it and add it');
});

test('publint has nothing to say', async () => {
  for (const folder of [main, platform]) {
    const output = await run(process.execPath, [tool('publint'), folder, '--strict']);
    assert.match(output, /All good!/);
  }
});

test('the types are right in every kind of module resolution that loads ES modules', async () => {
  const folder = project();
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: main });
  const [archive] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  const args = [tool('@arethetypeswrong/cli', 'attw'), join(folder, archive), '--profile', 'esm-only', '--no-emoji', '--no-color', '--format', 'ascii'];
  const verdicts = [...(await run(process.execPath, args)).matchAll(/^(?:node16 \(from ESM\)|bundler): (.*)$/gm)].map(([, verdict]) => verdict.slice(0, 2));
  assert.deepEqual(verdicts, Object.keys(read(main, 'package.json').exports).flatMap(() => ['OK', 'OK']));
});

test('the changelog knows the version', () => {
  const { version } = read(root, 'package.json');
  assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/);
  assert.ok(readFileSync(join(root, 'CHANGELOG.md'), 'utf8').includes(`\n## [${version}]`));
  const [, crate] = /^version = "(.+)"$/m.exec(readFileSync(join(root, 'Cargo.toml'), 'utf8'));
  assert.equal(crate, version);
});

test('importing a sub-path makes no file, opens no stream, starts no thread or timer, and prints nothing', async () => {
  for (const [path, target] of Object.entries(read(main, 'package.json').exports)) {
    if (typeof target === 'string') continue;
    const folder = project({ 'home/.keep': '', 'app.mjs': `
      import { readdirSync } from 'node:fs';
      import { setTimeout as delay } from 'node:timers/promises';
      const threads = () => process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0;
      const handles = () => process.getActiveResourcesInfo().sort().join();
      // What the runtime itself starts when it loads a module.
      await import('node:worker_threads');
      const [before, active] = [threads(), handles()];
      await import(${JSON.stringify(`runledger${path.slice(1)}`)});
      if (handles() !== active) throw new Error('left ' + handles());
      if (threads() > before) throw new Error('started ' + (threads() - before) + ' threads');
    ` });
    mkdirSync(join(folder, 'node_modules'));
    for (const name of [main, platform, join(root, 'node_modules/drizzle-orm')]) symlinkSync(name, join(folder, 'node_modules', basename(name)), 'junction');
    const before = readdirSync(folder).sort();
    const output = await run(process.execPath, ['--preserve-symlinks', 'app.mjs'], { cwd: folder, env: { ...process.env, HOME: join(folder, 'home') } });
    assert.equal(output, '', path);
    assert.deepEqual(readdirSync(folder).sort(), before, path);
    assert.deepEqual(readdirSync(join(folder, 'home')), ['.keep'], path);
  }
});
