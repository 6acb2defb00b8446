// The migrations of this repository's telemetry set, as folders: `generate [name]` makes the next one, `drop` removes the
// newest one that has not been released. Progress and problems go to stderr, the folder to stdout.

import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StepError, root, run, whenStarted } from './steps.mjs';

const MODULE = 'telemetry';
const FOLDER = `migrations/${MODULE}`;
const SET = `src/${MODULE}/schema.rs`;
const FILES = ['up.sql', 'down.sql'];

/** Names are words of lower-case letters and digits; they are recorded in every file that is migrated. */
const NAME = /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/;
const LONGEST = 64;

/** The numbered folders in order. */
function migrations() {
  const found = readdirSync(join(root, FOLDER), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ folder: name, match: /^(\d{4})_(.+)$/.exec(name) }))
    .map(({ folder, match }) => {
      if (!match) throw new StepError(`${FOLDER}/${folder} is not named NNNN_name`);
      return { folder, version: Number(match[1]), name: match[2] };
    })
    .sort((a, b) => a.version - b.version);
  found.forEach(({ folder, version }, index) => {
    if (version !== index + 1) throw new StepError(`${FOLDER}/${folder} should be number ${index + 1}: numbers have no gaps`);
  });
  return found;
}

/** Makes the folder of the next migration. */
function generate(name = 'new_migration') {
  if (!NAME.test(name) || name.length > LONGEST) {
    throw new StepError(
      `"${name}" is no name for a migration: lower-case words joined by _, at most ${LONGEST} characters, like add_agent_version`,
    );
  }
  const earlier = migrations();
  const taken = earlier.find((it) => it.name === name);
  if (taken) throw new StepError(`${FOLDER}/${taken.folder} has that name already`);
  const version = earlier.length + 1;
  if (version > 9999) throw new StepError('There is no number left');
  const folder = `${FOLDER}/${String(version).padStart(4, '0')}_${name}`;
  // Fails where it exists: nothing is written over.
  mkdirSync(join(root, folder));
  // The words must not look like the flags themselves, which are read from these leading comments.
  const flags = 'Flags, one a line: "runledger: destructive" (loses data), "runledger: foreign_keys=off" (rebuilds a parent).';
  writeFileSync(join(root, folder, 'up.sql'), `-- Say what this changes, and for whom.\n-- ${flags}\n\n`, { flag: 'wx' });
  writeFileSync(join(root, folder, 'down.sql'), `-- Undo what up.sql does.\n\n`, { flag: 'wx' });
  process.stdout.write(`${folder}\n`);
  process.stderr.write(`Write up.sql and down.sql, then add migration ${version} to ${SET} and build.\n`);
}

/** Removes the newest migration, unless files in the world may have been migrated with it. */
async function drop() {
  const newest = migrations().at(-1);
  if (!newest) throw new StepError(`There is no migration in ${FOLDER}`);
  const folder = `${FOLDER}/${newest.folder}`;
  if (await isReleased(folder)) {
    throw new StepError(
      `${folder} is committed, so files may have been migrated with it. Undo it with a new migration: npm run migrate:generate`,
    );
  }
  const others = readdirSync(join(root, folder)).filter((name) => !FILES.includes(name));
  if (others.length > 0) throw new StepError(`${folder} holds more than ${FILES.join(' and ')}: ${others.join(', ')}`);
  for (const name of FILES) rmSync(join(root, folder, name), { force: true });
  rmdirSync(join(root, folder));
  process.stdout.write(`${folder}\n`);
  process.stderr.write(`Removed. If ${SET} names migration ${newest.version}, take it out there too.\n`);
}

/** Released means: in the last commit. What only lies in the working tree nobody else has. */
async function isReleased(folder) {
  if (!existsSync(join(root, '.git'))) throw new StepError('This is no git clone, so nobody knows what has been released');
  try {
    return (await run('git', ['ls-tree', '-r', '--name-only', 'HEAD', '--', folder], { stdoutOnly: true })) !== '';
  } catch (error) {
    throw new StepError(`git does not tell what has been released: ${error.message}`, error.output);
  }
}

await whenStarted(import.meta.url, async () => {
  const [verb, ...words] = process.argv.slice(2);
  if (verb === 'generate' && words.length <= 1) return generate(...words);
  if (verb === 'drop' && words.length === 0) return drop();
  throw new StepError('node scripts/migrations.mjs generate [name] | drop');
});
