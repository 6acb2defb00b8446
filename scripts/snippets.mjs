// Compiles every ```ts block of README.md and docs/ on its own, under --strict, as a reader of the package would; and once
// more with the package under the name of the one that it replaces.

import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { StepError, root, run, whenStarted } from './steps.mjs';

// Inside the package, so that `import 'runledger'` finds the package itself.
const folder = join(root, 'target/snippets');

const CONFIG = {
  compilerOptions: {
    target: 'es2022',
    lib: ['es2022'],
    module: 'nodenext',
    moduleDetection: 'force',
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    types: ['node'],
    paths: { '@vibe-kit/db': ['../../index.d.ts'] },
  },
  include: ['*.ts'],
};

/** The blocks of one page with the line on which each begins. */
function blocks(text) {
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map((match) => ({
    line: text.slice(0, match.index).split('\n').length + 1,
    code: match[1],
  }));
}

/** @returns {Promise<number>} the number of blocks that were compiled */
export async function compileSnippets() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(CONFIG, null, 2));
  const pages = [
    'README.md',
    ...readdirSync(join(root, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .map((name) => `docs/${name}`),
  ];
  let count = 0;
  for (const page of pages) {
    for (const { line, code } of blocks(readFileSync(join(root, page), 'utf8'))) {
      // Empty lines in front make the line numbers of the compiler those of the page.
      const text = '\n'.repeat(line - 1) + code;
      writeFileSync(join(folder, `${basename(page, '.md')}.${line}.ts`), text);
      writeFileSync(
        join(folder, `${basename(page, '.md')}.${line}.alias.ts`),
        text.replaceAll(`'runledger'`, `'@vibe-kit/db'`),
      );
      count += 1;
    }
  }
  if (count === 0) throw new StepError('No ```ts block was found in README.md and docs/');
  await compile();
  return count;
}

/** Runs tsc. Errors in declarations of others are not ours to mend: drizzle-orm names drivers that are not installed. */
async function compile() {
  try {
    await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false']);
  } catch (error) {
    const ours = error.output?.split('\n').filter((line) => /error TS/.test(line) && !/^node_modules\//.test(line));
    if (!ours || ours.length) throw error;
  }
}

await whenStarted(import.meta.url, async () => process.stderr.write(`${await compileSnippets()} blocks compile\n`));
