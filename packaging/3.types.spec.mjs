// The published typings under --strict, from ES modules and from CommonJS, with old and new compilers.
import { after } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { built, cleanUp, project, root, run, test, tool } from './support.mjs';

after(cleanUp);

const { main } = await built();
const drizzle = join(root, 'node_modules/drizzle-orm');
const paths = Object.entries(JSON.parse(readFileSync(join(main, 'package.json'), 'utf8')).exports)
  .filter(([, target]) => typeof target !== 'string')
  .map(([path]) => `runledger${path.slice(1)}`);

const work = `
async function work(): Promise<string[]> {
  const db = new DrizzleTelemetryDB({ dbPath: ':memory:' });
  const operations = new DrizzleTelemetryOperations(db);
  const events = await operations.queryEvents({ sessionId: 's', limit: 10 });
  const found: { id: number } | undefined = new Database(':memory:').prepare<{ id: number }>('select 1 as id').get();
  // @ts-expect-error a session needs an id
  await operations.createSession({ agentType: 'a', mode: 'm', startTime: found?.id ?? 0 });
  return events.map((event) => event.eventType);
}
`;
const every = paths.map((path, i) => `import * as module${i} from '${path}';\nexport type Module${i} = typeof module${i};\n`).join('');
const source = `import { DrizzleTelemetryDB, DrizzleTelemetryOperations } from 'runledger';
import { Database } from 'runledger/sqlite';
${every}${work}
export { work };
`;

/** What the compiler says, except of drizzle-orm's own declarations, which are not ours to mend. */
async function errors(compiler, file, options, packages = [main]) {
  const folder = project({
    [file]: source,
    'package.json': { name: 'app', type: 'module' },
    'tsconfig.json': {
      compilerOptions: { strict: true, noEmit: true, target: 'es2022', lib: ['es2023', 'esnext.disposable'], types: ['node'], typeRoots: [join(root, 'node_modules/@types')], preserveSymlinks: true, skipLibCheck: false, ...options },
      files: [file],
    },
  });
  mkdirSync(join(folder, 'node_modules'));
  for (const path of packages) symlinkSync(path, join(folder, 'node_modules', basename(path)), 'junction');
  const output = await run(process.execPath, [tool(compiler, 'tsc'), '-p', '.', '--pretty', 'false'], { cwd: folder }).catch((error) => error.output);
  return output.split('\n').filter((line) => /error TS/.test(line) && !line.startsWith('node_modules/drizzle-orm/'));
}

const ESM = [
  { module: 'node16', moduleResolution: 'node16' },
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'esnext', moduleResolution: 'bundler' },
];

for (const compiler of ['typescript-5.4', 'typescript-newest']) {
  for (const options of ESM) {
    test(`${compiler}, ES modules, ${options.moduleResolution}`, async () => {
      assert.deepEqual(await errors(compiler, 'app.mts', options), []);
    });
  }
}

for (const compiler of ['typescript-5.8', 'typescript-newest']) {
  test(`${compiler}, CommonJS, nodenext`, async () => {
    assert.deepEqual(await errors(compiler, 'app.cts', { module: 'nodenext', moduleResolution: 'nodenext' }), []);
  });
}

// Without the peer its types are `any`; with it they are checked, too.
test('typescript-newest, ES modules, with drizzle-orm', async () => {
  assert.deepEqual(await errors('typescript-newest', 'app.mts', ESM[1], [main, drizzle]), []);
});
