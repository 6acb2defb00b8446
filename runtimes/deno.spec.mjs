// What users of Deno meet: installing from a registry, the permissions that are needed, and what a missing one says. Node runs
// this file, as a part of the step `deno`.
import { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { startRegistry } from '../packaging/registry.mjs';
import { cleanUp, imported, printed, project, run, test, userEnv } from '../packaging/support.mjs';
import { runtime } from '../scripts/runtimes.mjs';

const deno = await runtime('deno');

/** What a program needs, as the documentation has it. */
const WIDE = ['--allow-ffi', '--allow-read', '--allow-env'];
/** The narrowest that will do; `home` is where Deno has the packages. */
const narrow = (home) => [`--allow-ffi=${home}`, `--allow-read=${home},/usr/bin/ldd`,
  '--allow-env=RUNLEDGER_NATIVE_LIBRARY_PATH,NAPI_RS_NATIVE_LIBRARY_PATH,NAPI_RS_FORCE_WASI,NAPI_RS_WASI_FLAVOR,NODE_ENV,VIBEKIT_DB_PATH,DEBUG'];

let registry;
let folder;
before(async () => {
  registry = await startRegistry();
  folder = project({
    '.npmrc': registry.npmrc,
    'deno.json': { minimumDependencyAge: 0 }, // what is tested was published a moment ago
    'package.json': {},
    'app.ts': imported,
    'npm.ts': imported.replaceAll("'runledger", "'npm:runledger"),
  });
}, { timeout: 300_000 });
after(async () => {
  await registry?.stop();
  cleanUp();
});

/** What Deno prints to stdout in the project; it asks nobody for a permission. */
function inDeno(...words) {
  rmSync(join(folder, 'data'), { recursive: true, force: true }); // each run records the same session
  const env = userEnv(folder, { NO_COLOR: '1', DENO_NO_PROMPT: '1', DENO_DIR: join(folder, 'cache') });
  return run(deno, words, { cwd: folder, env, stdoutOnly: true });
}

test('an import from npm: needs no installation, and the types are found', async () => {
  const alone = ['--no-config', '--node-modules-dir=none', '--min-dep-age=0'];
  assert.equal(await inDeno('run', ...alone, '--check', ...WIDE, 'npm.ts'), printed);
  assert.equal(await inDeno('run', ...alone, ...narrow('cache'), 'npm.ts'), printed);
});

test('deno add installs the package and its binary, and the command line runs', async () => {
  await inDeno('add', 'npm:runledger');
  assert.equal(await inDeno('run', ...WIDE, 'app.ts'), printed);
  assert.equal(await inDeno('run', ...narrow('node_modules'), 'app.ts'), printed);
  for (const words of [['npm:runledger'], ['node_modules/.bin/runledger']]) {
    assert.match(await inDeno('run', '--allow-all', ...words, 'doctor'), /runtime +deno \d.*\n[\s\S]*doctor: ok\n$/);
  }
});

test('an error names the permission that is missing, and those that are needed', async () => {
  for (const missing of WIDE) {
    const { output } = await inDeno('run', ...WIDE.filter((flag) => flag !== missing), 'app.ts').catch((error) => error);
    assert.match(output, new RegExp(`Deno was started without a permission: Requires .*${missing}`), missing);
    assert.ok(output.includes(`run the program with: deno run ${WIDE.join(' ')}`), output);
  }
});
