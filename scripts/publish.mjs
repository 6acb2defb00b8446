// `node scripts/publish.mjs [options of npm publish]`: publishes what `node scripts/packages.mjs --from DIR` has made, the main
// package last. What the registry has already is left out, so that a run that failed half-way can be run again.
//
// Refuses a tag (GITHUB_REF_NAME) that is not the version's, and a version whose section of the changelog has no date.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { releasePackages } from './packages.mjs';
import { StepError, root, run, whenStarted } from './steps.mjs';

const manifestOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

/** Why this version may not be published; empty if it may. */
export function releaseProblems({ version, tag, changelog }) {
  const headings = changelog.split('\n').filter((line) => line.startsWith(`## [${version}] - `));
  return [
    tag !== `v${version}` && `The tag is ${tag || 'missing'}, and package.json says ${version}`,
    !headings.some((line) => /\d{4}-\d\d-\d\d$/.test(line)) && `CHANGELOG.md has no line "## [${version}] - " with a date`,
  ].filter(Boolean);
}

/**
 * Publishes the packages in these folders, in this order, except those that the registry has.
 *
 * @param {string[]} folders
 * @param {{ registry?: string, args?: string[], note?: (line: string) => void }} [options] `args`: more options for npm
 * @returns {Promise<string[]>} what was published, as `name@version`
 */
export async function publish(folders, { registry = 'https://registry.npmjs.org/', args = [], note = () => {} } = {}) {
  const published = [];
  for (const folder of folders) {
    const { name, version } = manifestOf(folder);
    if (await isPublished(name, version, registry)) {
      note(`${name}@${version} is published already`);
      continue;
    }
    // A pre-release is not what `npm install runledger` gets.
    const options = ['--tag', version.includes('-') ? 'next' : 'latest', '--access', 'public', '--ignore-scripts', '--registry', registry];
    await run('npm', ['publish', folder, ...options, ...args], { onLine: note });
    published.push(`${name}@${version}`);
  }
  return published;
}

async function isPublished(name, version, registry) {
  const { status } = await fetch(new URL(`${name}/${version}`, registry));
  if (status !== 200 && status !== 404) throw new StepError(`${registry} answers ${status} when it is asked for ${name}@${version}`);
  return status === 200;
}

await whenStarted(import.meta.url, async () => {
  const { version } = manifestOf(root);
  const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8').replaceAll('\r\n', '\n');
  const problems = releaseProblems({ version, tag: process.env.GITHUB_REF_NAME, changelog });
  if (problems.length > 0) throw new StepError(problems.join('\n'));
  await publish(releasePackages(), { args: process.argv.slice(2), note: (line) => process.stdout.write(`${line}\n`) });
});
