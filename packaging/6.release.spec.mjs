// What the release workflow decides: whose binary a file is, where the source is, what may be published.
import { after } from 'node:test';
import assert from 'node:assert/strict';
import { cpSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { compareVersions, neededGlibc, targetOfBinary } from '../scripts/binary.mjs';
import { triples, targetOf } from '../scripts/crates.mjs';
import { builtTarget, makePackages, originOf, targets } from '../scripts/packages.mjs';
import { releaseProblems } from '../scripts/publish.mjs';
import { cleanUp, project, root, run, test } from './support.mjs';

after(cleanUp);

const workflow = readFileSync(join(root, '.github/workflows/release.yml'), 'utf8');

test('a binary says for which platform it is', () => {
  assert.equal(targetOfBinary(readFileSync(join(root, `runledger.${builtTarget()}.node`))), builtTarget());
  const folder = join(root, 'packaging/node_modules/pnpm/dist/node_modules/@reflink');
  const others = readdirSync(folder).flatMap((name) => readdirSync(join(folder, name)).filter((file) => file.endsWith('.node')).map((file) => join(folder, name, file)));
  assert.ok(others.length >= 4, others.join());
  for (const path of others) assert.equal(targetOfBinary(readFileSync(path)), path.split('.').at(-2));
  for (const text of ['', 'not a binary', 'MZ'.padEnd(100, '\0'), '\x7fELF'.padEnd(100, '\0')]) assert.equal(targetOfBinary(Buffer.from(text, 'latin1')), undefined);
});

test('a binary says which glibc it needs', () => {
  assert.equal(neededGlibc(Buffer.from('\0GLIBC_2.9\0GLIBC_2.17\0GLIBC_2.2.5\0')), '2.17');
  assert.equal(neededGlibc(Buffer.from('GLIBC_2.17')), undefined);
  assert.deepEqual(['2.34', '2.2.5', '2.17', '3.0'].sort(compareVersions), ['2.2.5', '2.17', '2.34', '3.0']);
});

test('a target for Linux that there is not is refused before anything is built', async () => {
  const [linux] = targets().filter((target) => target.startsWith('linux'));
  const refused = ({ output }) => output.includes('There is no target linux-x64: name one or more of') && output.includes(linux);
  await assert.rejects(run(process.execPath, ['scripts/portable.mjs', linux, 'linux-x64']), refused);
});

test('a release needs the binary of every platform, and each its own', async () => {
  const from = project();
  await assert.rejects(makePackages(from), { message: `No binary of ${targets().join(', ')} in ${from}` });
  const binary = join(root, `runledger.${builtTarget()}.node`);
  for (const target of targets()) cpSync(binary, join(from, `runledger.${target}.node`));
  const wrong = targets().filter((target) => target !== builtTarget());
  await assert.rejects(makePackages(from), { message: `The binary of ${wrong.join(', ')} in ${from} is one of another platform` });
});

test('the manifests name the repository of the workflow that publishes them, and none otherwise', () => {
  assert.deepEqual(originOf({}), {});
  assert.deepEqual(originOf({ GITHUB_SERVER_URL: 'https://example.com', GITHUB_REPOSITORY: 'someone/runledger' }), {
    homepage: 'https://example.com/someone/runledger#readme',
    bugs: { url: 'https://example.com/someone/runledger/issues' },
    repository: { type: 'git', url: 'git+https://example.com/someone/runledger.git' },
  });
});

test('a version is published under its tag only, once the changelog has its day', () => {
  const changelog = '# Changelog\n\n## [1.2.0] - 2026-01-02\n\n## [1.2.0-rc.1] - unreleased\n';
  assert.deepEqual(releaseProblems({ version: '1.2.0', tag: 'v1.2.0', changelog }), []);
  assert.deepEqual(releaseProblems({ version: '1.2.0', tag: '1.2.0', changelog }), ['The tag is 1.2.0, and package.json says 1.2.0']);
  for (const version of ['1.2.0-rc.1', '1.2', '1.2.1']) {
    assert.deepEqual(releaseProblems({ version, tag: undefined, changelog }), [`The tag is missing, and package.json says ${version}`, `CHANGELOG.md has no line "## [${version}] - " with a date`]);
  }
});

test('the workflow builds and tests each target, with actions that are named by their commits', () => {
  const [, build, tested] = /\n {2}build:\n([\s\S]*?)\n {2}test:\n([\s\S]*?)\n {2}audit:\n/.exec(workflow);
  const names = (job) => [...job.matchAll(/- \{ name: ([\w-]+),/g)].map(([, name]) => name);
  assert.deepEqual(names(build).sort(), targets());
  assert.deepEqual([...new Set(names(tested))].sort(), targets());
  assert.deepEqual([...build.matchAll(/target: (\w+-[\w-]+) \}/g)].map(([, triple]) => triple).sort(), [...triples()].sort());
  for (const [, name, triple] of build.matchAll(/name: ([\w-]+), .*target: (\w+-[\w-]+) \}/g)) assert.equal(targetOf(triple), name);
  const uses = [...workflow.matchAll(/uses: (.*)/g)].map(([, use]) => use);
  assert.deepEqual(uses.filter((use) => !/^actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(use)), []);
  for (const [, script] of workflow.matchAll(/(?:node|sh) (scripts\/[\w.-]+)/g)) readFileSync(join(root, script));
});
