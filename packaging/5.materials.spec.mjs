// What is inside the binaries: the bill of materials, and the licences and origins of everything that Cargo builds.
import { after } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { acceptedLicences, allCrates, chosenLicences, keyOf, linkedCrates, triples } from '../scripts/crates.mjs';
import { builtTarget, targets } from '../scripts/packages.mjs';
import { SBOM, billOfMaterials } from '../scripts/sbom.mjs';
import { built, cleanUp, root, test } from './support.mjs';

after(cleanUp);

const { platform } = await built();
const binary = join(platform, `runledger.${builtTarget()}.node`);
const text = readFileSync(join(platform, SBOM), 'utf8');
const bom = JSON.parse(text);
/** Components by the kind of their purl: `cargo`, `generic`, `github`. */
const of = (kind, { components } = bom) => components.filter(({ purl }) => purl?.startsWith(`pkg:${kind}/`));

test('the bill of materials is CycloneDX 1.6, of each platform', async () => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  for (const target of targets()) assert.equal(await validator.validate(JSON.stringify(await billOfMaterials(target, binary))), null, target);
  // What checks can fail.
  assert.notEqual(await validator.validate(JSON.stringify({ ...bom, components: [{ name: 'a' }] })), null);
});

test('the bill of materials is the same each time, and only its time is that of SOURCE_DATE_EPOCH', async () => {
  assert.deepEqual(await billOfMaterials(builtTarget(), binary), bom);
  process.env.SOURCE_DATE_EPOCH = '1750000000';
  try {
    const { timestamp, ...metadata } = (await billOfMaterials(builtTarget(), binary)).metadata;
    assert.equal(timestamp, '2025-06-15T15:06:40.000Z');
    assert.deepEqual(metadata, bom.metadata);
  } finally {
    delete process.env.SOURCE_DATE_EPOCH;
  }
});

test('each crate in it is in Cargo.lock with that checksum, and each is needed by something', () => {
  const lock = readFileSync(join(root, 'Cargo.lock'), 'utf8').replaceAll('\r\n', '\n');
  assert.ok(of('cargo').length > 30, `${of('cargo').length} crates`);
  for (const { name, version, hashes, purl } of of('cargo')) {
    assert.ok(lock.includes(`name = "${name}"\nversion = "${version}"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "${hashes[0].content}"\n`), purl);
  }
  const refs = bom.components.map((component) => component['bom-ref']);
  assert.equal(new Set(refs).size, refs.length);
  assert.deepEqual([...new Set(bom.dependencies.flatMap(({ dependsOn }) => dependsOn))].sort(), [...refs].sort());
  assert.deepEqual(bom.dependencies.map(({ ref }) => ref).sort(), [bom.metadata.component['bom-ref'], ...refs].sort());
});

test('it names each crate, the SQLite and the Rust that the binary itself names', () => {
  const inside = readFileSync(binary).toString('latin1');
  // The places of panics: index.crates.io-…/regex-automata-0.4.18/src/…
  const named = new Set([...inside.matchAll(/[/\\]registry[/\\]src[/\\][^/\\]+[/\\]([a-z0-9_-]+?)-(\d+\.\d+\.\d+[a-z0-9.+-]*)[/\\]/gi)].map(([, name, version]) => `pkg:cargo/${name}@${version}`));
  assert.ok(named.size > 5, [...named].join());
  const purls = of('cargo').map(({ purl }) => decodeURIComponent(purl));
  assert.deepEqual([...named].filter((purl) => !purls.includes(purl)), []);
  const addon = createRequire(import.meta.url)(binary);
  assert.deepEqual(of('generic').map(({ name, version }) => [name, version]), [['sqlite', addon.sqliteVersion()]]);
  const [{ version }] = of('github');
  assert.deepEqual([...new Set([...inside.matchAll(/\/rustc\/([0-9a-f]{40})/g)].map(([, commit]) => commit))], [version]);
});

test('the bills of all platforms name together what the notices name', async () => {
  const notices = readFileSync(join(root, 'THIRD-PARTY-NOTICES.md'), 'utf8');
  const headings = [...notices.matchAll(/^## (.+)$/gm)].flatMap(([, heading]) => [...heading.matchAll(/([\w-]+ \d[\w.+-]*) \(/g)].map(([, key]) => key));
  const linked = await Promise.all(triples().map((triple) => linkedCrates(triple)));
  assert.deepEqual([...new Set(linked.flatMap(({ crates }) => crates.map(keyOf)))].sort(), [...new Set(headings)].sort());
});

test('everything that Cargo builds has a licence of deny.toml and comes from crates.io', async () => {
  const crates = (await Promise.all(triples().map((triple) => allCrates(triple)))).flat();
  assert.deepEqual(crates.filter(({ license }) => !chosenLicences(license)).map((crate) => `${keyOf(crate)}: ${crate.license}`), []);
  assert.deepEqual([...new Set(crates.map(({ source }) => source))], ['registry+https://github.com/rust-lang/crates.io-index']);
  const listed = [.../^targets = \[([^\]]*)\]/m.exec(readFileSync(join(root, 'deny.toml'), 'utf8'))[1].matchAll(/"(.+)"/g)].map(([, triple]) => triple);
  assert.deepEqual(listed, triples());
});

test('a licence is accepted if we accept a choice of each of its parts', () => {
  const accepted = ['MIT', 'Zlib'];
  for (const [expression, expected] of [
    ['MIT', ['MIT']], ['Zlib OR MIT', ['MIT']], ['GPL-3.0-only OR Zlib', ['Zlib']], ['(MIT OR GPL-3.0-only) AND Zlib', ['MIT', 'Zlib']],
    ['GPL-3.0-only', undefined], ['MIT AND GPL-3.0-only', undefined], ['MIT WITH Some-exception', undefined], ['', undefined], [undefined, undefined],
    ['GPL-3.0-only AND (MIT OR Zlib)', undefined], ['mit', undefined],
  ]) assert.deepEqual(chosenLicences(expression, accepted), expected, String(expression));
  assert.equal(acceptedLicences()[0], 'MIT');
});
