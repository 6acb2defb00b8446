// What is said when no binary fits: platforms are simulated, installations are made by hand.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { addon, application, cleanUp, isDeno, root, runFile, runtimeWords, test } from './support.mjs';

afterEach(cleanUp);

const target = addon.split('.')[1];

/** A project with the package in node_modules, without a binary; `files` go beside it. */
function project(files = {}) {
  const cwd = application({ binary: false });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(cwd, name, '..'), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  return cwd;
}

const platformPackage = (name) => ({
  [`node_modules/runledger-${name}/package.json`]: JSON.stringify({ name: `runledger-${name}`, version: '0.1.0', main: `runledger.${name}.node` }),
});

/** Runs a program of the project on a pretended machine. */
function on({ platform, arch, musl }, cwd, { env = {}, code = "import { DrizzleTelemetryDB } from 'runledger';\nexport const work = () => void new DrizzleTelemetryDB({ dbPath: ':memory:' }).close();" } = {}) {
  writeFileSync(join(cwd, 'app.mjs'), code);
  writeFileSync(join(cwd, 'machine.mjs'), `
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
const machine = ${JSON.stringify({ platform, arch })};
for (const [name, value] of Object.entries(machine)) if (value !== undefined) Object.defineProperty(process, name, { value });
const ldd = ${JSON.stringify(musl ? 'musl libc' : musl === false ? 'GNU C Library' : null)};
if (ldd !== null) {
  const { readFileSync } = fs;
  fs.readFileSync = (path, ...rest) => path === '/usr/bin/ldd' ? ldd : readFileSync(path, ...rest);
  process.report.getReport = () => (${musl} ? { header: {}, sharedObjects: ['/lib/ld-musl-x86_64.so.1'] } : { header: { glibcVersionRuntime: '2.36' } });
  syncBuiltinESMExports();
}
const { work } = await import('./app.mjs');
try { work(); console.log('{}'); } catch (error) {
  console.log(JSON.stringify({ name: error.constructor.name, code: error.code, message: error.message, details: error.details, caused: error.cause !== undefined }));
}
`);
  return JSON.parse(runFile(join(cwd, 'machine.mjs'), [], { cwd, env: { ...process.env, ...env } }));
}

const linux = (arch, musl) => ({ platform: 'linux', arch, musl });

/** The error of a machine, checked for what each must have. */
function failure(machine, cwd, options) {
  const error = on(machine, cwd, options);
  assert.deepEqual([error.name, error.code, error.caused], ['RunledgerError', 'NATIVE_NOT_LOADED', error.details?.looked.length > 0], JSON.stringify(error));
  const { platform, arch, libc, cause, remedy, looked } = error.details;
  assert.equal(platform, machine.platform ?? process.platform);
  assert.equal(arch, machine.arch ?? process.arch);
  for (const part of [platform, arch, libc ?? '', cause, remedy, ...looked]) assert.ok(error.message.includes(part), `${part} in ${error.message}`);
  return error.details;
}

test('no binary is published for the platform', () => {
  const { cause, remedy } = failure({ platform: 'freebsd', arch: 'x64' }, project());
  assert.match(cause, /^no binary is published for this platform; there are darwin-arm64, .*win32-x64-msvc$/);
  assert.match(remedy, /npm ci && npm run build$/);
  assert.match(failure({ platform: 'linux', arch: 'ia32', musl: false }, project()).cause, /^no binary is published/);
});

for (const [name, machine] of Object.entries({
  'linux-x64-gnu': linux('x64', false), 'linux-arm64-gnu': linux('arm64', false), 'linux-x64-musl': linux('x64', true), 'linux-arm64-musl': linux('arm64', true),
  'darwin-x64': { platform: 'darwin', arch: 'x64' }, 'darwin-arm64': { platform: 'darwin', arch: 'arm64' },
  'win32-x64-msvc': { platform: 'win32', arch: 'x64' }, 'win32-arm64-msvc': { platform: 'win32', arch: 'arm64' },
})) {
  test(`optional dependencies were skipped on ${name}`, { skip: process.platform === 'win32' && 'a platform is pretended on POSIX' }, () => {
    const lock = { 'package-lock.json': `{"packages":{"node_modules/runledger-${name}":{}}}` };
    const { looked, cause, remedy, libc } = failure(machine, project(lock));
    assert.match(looked[0], new RegExp(`runledger\\.${name}\\.node, the package runledger-${name}$`));
    assert.match(cause, /optional dependencies were skipped/);
    assert.equal(remedy, 'npm install --include=optional');
    assert.equal(libc, machine.musl === undefined ? null : machine.musl ? 'musl' : isDeno ? 'glibc' : 'glibc 2.36');
  });
}

const glibc = linux('x64', false);

test('the lock file was written on another platform', () => {
  const cwd = project({ 'package-lock.json': '{"packages":{"node_modules/runledger-darwin-arm64":{}}}' });
  const { cause, remedy } = failure(glibc, cwd);
  assert.match(cause, /^package-lock\.json was written on another platform and does not name runledger-linux-x64-gnu/);
  assert.equal(remedy, 'delete node_modules and package-lock.json, then run on this machine: npm install');
});

test('node_modules were copied from another platform; the command is that of the package manager', () => {
  for (const [lock, command] of [['pnpm-lock.yaml', 'pnpm'], ['yarn.lock', 'yarn'], ['bun.lock', 'bun'], ['deno.lock', 'deno']]) {
    const { cause, remedy } = failure(glibc, project({ [lock]: lock === 'deno.lock' ? '{"version":"5"}' : '', ...platformPackage('darwin-arm64') }));
    assert.equal(cause, 'runledger-darwin-arm64 is installed: node_modules or the lock file come from another platform');
    assert.equal(remedy, `delete node_modules, then run on this machine: ${command} install`);
  }
});

test('musl with the binary for glibc', () => {
  const { cause } = failure(linux('x64', true), project(platformPackage('linux-x64-gnu')));
  assert.match(cause, /^runledger-linux-x64-gnu is installed, and this system has musl instead of glibc/);
});

test('the package is there and its binary has been removed', () => {
  const cwd = project({ 'package-lock.json': `{"packages":{"node_modules/runledger-${target}":{}}}`, ...platformPackage(target), ...platformPackage('darwin-arm64') });
  const { cause, remedy } = failure({}, cwd);
  assert.match(cause, new RegExp(`^runledger-${target} is installed, and its binary has been removed: `));
  // npm install alone would say that all is up to date.
  assert.equal(remedy, 'delete node_modules and package-lock.json, then run on this machine: npm install');
});

test('a clone that is not built', () => {
  const cwd = project({ 'node_modules/runledger/Cargo.toml': '' });
  assert.deepEqual(failure(glibc, cwd).remedy, 'npm ci && npm run build');
});

test('a binary that is damaged', () => {
  const cwd = project({ ...platformPackage(target), [`node_modules/runledger-${target}/${addon}`]: 'not a binary' });
  const { cause, remedy } = failure({}, cwd);
  assert.match(cause, /^the binary is damaged, or one of another platform: ./);
  assert.match(remedy, /^delete node_modules and package-lock.json/);
});

test('a binary of another version', () => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const of = (text) => ({ [`node_modules/runledger-${target}/package.json`]: '{ "main": "old.cjs" }', [`node_modules/runledger-${target}/old.cjs`]: text });
  const needs = `runledger ${version} needs the binary of its own version, and this is `;
  assert.deepEqual(failure({}, project(of("exports.version = () => '0.0.1';"))).cause, `${needs}that of 0.0.1`);
  assert.deepEqual(failure({}, project(of(''))).cause, `${needs}another add-on`);
});

test('the environment may name the file', () => {
  const env = (path) => ({ env: { RUNLEDGER_NATIVE_LIBRARY_PATH: path } });
  const cwd = project();
  assert.deepEqual(on({}, cwd, env(join(root, addon))), {});
  const { looked, cause, remedy } = failure({}, cwd, env(join(cwd, 'none.node')));
  assert.deepEqual(looked, [join(cwd, 'none.node')]);
  assert.match(cause, /^RUNLEDGER_NATIVE_LIBRARY_PATH names a file that cannot be loaded: ./);
  assert.match(remedy, /^unset RUNLEDGER_NATIVE_LIBRARY_PATH/);
});

test('a variable for another package made with napi-rs is named, and not the installation', () => {
  const cwd = project({ ...platformPackage(target), 'other.cjs': '' });
  for (const name of ['none.node', 'other.cjs']) {
    const { cause, remedy } = failure({}, cwd, { env: { NAPI_RS_NATIVE_LIBRARY_PATH: join(cwd, name) } });
    assert.match(cause, /^NAPI_RS_NATIVE_LIBRARY_PATH, .* names a file that is not the binary of runledger \d/);
    assert.match(remedy, /^unset NAPI_RS_NATIVE_LIBRARY_PATH; /);
  }
});

test('doctor says the same as the error', () => {
  const cwd = project();
  const expected = on({}, cwd).message;
  const doctor = (...words) => spawnSync(process.execPath, [...runtimeWords(join(cwd, 'node_modules/runledger/bin/runledger.mjs')), 'doctor', ...words], { cwd, encoding: 'utf8' });
  const { ok, problems } = JSON.parse(doctor('--json').stdout);
  assert.deepEqual([ok, problems], [false, [{ kind: 'binary', message: expected }]]);
  const { stdout, status } = doctor();
  assert.equal(status, 1);
  assert.ok(stdout.includes(`binary: ${expected}\n`), stdout);
});

test('importing the telemetry module needs no binary: it is loaded at first use', () => {
  const code = ['', '/connection', '/operations', '/schema', '/types'].map((path) => `import 'runledger${path}';`).join('\n');
  assert.deepEqual(on({}, project(), { code: `${code}\nexport const work = () => {};` }), {});
});
