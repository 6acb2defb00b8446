// What is published: the main package and one package a platform, made ready under target/packages/.
//
//   node scripts/packages.mjs                 for this machine: what was built here
//   node scripts/packages.mjs --from DIR      for a release: every target's .node file from DIR; a missing one is an error
//   node scripts/packages.mjs --manifests     writes npm/<target>/package.json anew

import { cpSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { targetOfBinary } from './binary.mjs';
import { prepare } from './prepare.mjs';
import { SBOM, billOfMaterials } from './sbom.mjs';
import { StepError, root, run, whenStarted } from './steps.mjs';

const NAPI = join(root, 'node_modules/@napi-rs/cli/dist/cli.js');
const FOLDER = join(root, 'target/packages');
/** Beside the binary in each platform package; npm adds the licence by itself if it is there. */
const NOTICES = 'THIRD-PARTY-NOTICES.md';

const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
const write = (path, value) => writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);

/** The names of the targets as npm/ has them, `linux-x64-gnu` for instance. */
export const targets = () =>
  readdirSync(join(root, 'npm'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();

/** The target of the add-on that was built in this folder. */
export function builtTarget() {
  const name = readdirSync(root).find((name) => /^runledger\..+\.node$/.test(name));
  if (name === undefined) throw new StepError('No add-on is built here: npm run build:native');
  return name.split('.')[1];
}

/**
 * Makes the packages and returns their folders, the main one last, which is the order of publishing: who installs the main
 * package must find the others.
 *
 * @param {string} [from] the folder of the .node files of all targets; without it only the one that was built here
 */
export async function makePackages(from) {
  rmSync(FOLDER, { recursive: true, force: true });
  const chosen = from === undefined ? [builtTarget()] : targets();
  const missing = chosen.filter((target) => !existsSync(binaryOf(target, from)));
  if (missing.length > 0) throw new StepError(`No binary of ${missing.join(', ')} in ${from ?? root}`);
  const wrong = chosen.filter((target) => targetOfBinary(readFileSync(binaryOf(target, from))) !== target);
  if (wrong.length > 0) throw new StepError(`The binary of ${wrong.join(', ')} in ${from ?? root} is one of another platform`);
  return [...(await Promise.all(chosen.map((target) => platformPackage(target, from)))), await mainPackage()];
}

/** The folders of a whole release, the main one last, as {@link makePackages} has made them of all targets. */
export function releasePackages() {
  const folders = [...targets().map((target) => `runledger-${target}`), 'runledger'].map((name) => join(FOLDER, name));
  const missing = folders.filter((folder) => !existsSync(join(folder, 'package.json')));
  if (missing.length > 0) throw new StepError(`Not made yet (node scripts/packages.mjs --from DIR): ${missing.join(', ')}`);
  return folders;
}

/**
 * Where the source is, as the manifests have it: npm accepts a provenance only for the repository that they name. Nothing is
 * said outside of a workflow.
 */
export function originOf({ GITHUB_SERVER_URL = 'https://github.com', GITHUB_REPOSITORY } = process.env) {
  if (!GITHUB_REPOSITORY) return {};
  const url = `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`;
  return { homepage: `${url}#readme`, bugs: { url: `${url}/issues` }, repository: { type: 'git', url: `git+${url}.git` } };
}

const binaryOf = (target, from = root) => join(from, `runledger.${target}.node`);

async function platformPackage(target, from) {
  const folder = join(FOLDER, `runledger-${target}`);
  const binary = join(folder, `runledger.${target}.node`);
  cpSync(join(root, 'npm', target), folder, { recursive: true });
  cpSync(binaryOf(target, from), binary);
  write(join(folder, 'package.json'), { ...read(join(folder, 'package.json')), ...originOf() });
  write(join(folder, SBOM), await billOfMaterials(target, binary));
  for (const name of ['LICENSE', NOTICES]) cpSync(join(root, name), join(folder, name));
  return folder;
}

async function mainPackage() {
  const folder = join(FOLDER, 'runledger');
  const { scripts, devDependencies, overrides, napi, ...manifest } = read(join(root, 'package.json'));
  const [{ files }] = JSON.parse(await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { stdoutOnly: true }));
  for (const { path } of files) cpSync(join(root, path), join(folder, path));
  // Not in the repository's own package.json: npm could not install there what is not published yet.
  manifest.optionalDependencies = Object.fromEntries(targets().map((target) => [`runledger-${target}`, manifest.version]));
  write(join(folder, 'package.json'), { ...manifest, ...originOf() });
  return folder;
}

/** Writes the manifests of npm/ from package.json. */
async function writeManifests() {
  for (const target of targets()) rmSync(join(root, 'npm', target), { recursive: true });
  await run(process.execPath, [NAPI, 'create-npm-dirs']);
  for (const target of targets()) {
    const path = join(root, 'npm', target, 'package.json');
    const { keywords, ...manifest } = read(path); // those are for finding the main package
    write(path, { ...manifest, type: 'commonjs', files: [...manifest.files, NOTICES, SBOM] });
  }
}

await whenStarted(import.meta.url, async () => {
  const { values } = parseArgs({ options: { from: { type: 'string' }, manifests: { type: 'boolean', default: false } } });
  if (values.manifests) return writeManifests();
  if (!values.from) await prepare();
  for (const folder of await makePackages(values.from && resolve(values.from))) process.stdout.write(`${folder}\n`);
});
