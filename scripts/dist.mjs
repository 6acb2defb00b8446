// How dist/ is made of js/: the declarations by tsc, the modules by rolldown.
//
// Node loads ES modules one by one, and each costs about half a millisecond of every start. So what the root entry needs
// is one file, dist/core.js, and every other entry takes its share from there: a class is the same one in all of them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './steps.mjs';

export const TSC = join(root, 'node_modules/typescript/bin/tsc');

/** The module that index.js re-exports, and the one that bin/ runs: package.json names the others. */
const INDEX = 'index';
const PROGRAM = 'cli/main';

const source = (name) => join(root, 'js', `${name}.ts`);

const manifest = () => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** `dist/x.js` of the exports of package.json and what it is made of. */
function entries() {
  const { exports } = manifest();
  const files = Object.values(exports).map((target) => target.default ?? target);
  const names = files.flatMap((file) => /^\.\/dist\/(.+)\.js$/.exec(file)?.[1] ?? []);
  return Object.fromEntries([INDEX, PROGRAM, ...names].map((name) => [name, source(name)]));
}

/** What is loaded with `id`, itself included. */
function loadedWith(id, graph, found = new Set()) {
  if (found.has(id)) return found;
  found.add(id);
  for (const imported of graph.getModuleInfo(id)?.importedIds ?? []) loadedWith(imported, graph, found);
  return found;
}

const core = {
  name: (id, graph) => (loadedWith(source(INDEX), graph).has(id) ? 'core' : null),
  debugName: 'core',
};

/** The options of rolldown, for one build or for its watch mode. */
export function bundling() {
  return {
    cwd: root,
    input: entries(),
    platform: 'node',
    external: /^node:/,
    transform: { target: 'node20.19', define: { RUNLEDGER_VERSION: JSON.stringify(manifest().version) } },
    output: {
      dir: 'dist',
      // All in one folder but the entries: the path from a module to native.cjs is the same before and after.
      chunkFileNames: '[name].js',
      codeSplitting: { groups: [core] },
      minifyInternalExports: false,
    },
  };
}

/**
 * Bundles js/ into dist/.
 *
 * @param {boolean} [modules] no bundle, but a file for each module, as a coverage report wants them
 */
export async function bundle(modules = false) {
  const { build } = await import('rolldown'); // may have been installed a moment ago
  const options = bundling();
  if (modules) options.output = { dir: 'dist', preserveModules: true, preserveModulesRoot: 'js' };
  await build({ ...options, logLevel: 'warn' });
}
