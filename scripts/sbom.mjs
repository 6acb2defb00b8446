// The bill of materials in each platform's package: what is compiled into its binary, as CycloneDX 1.6 in JSON.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { keyOf, linkedCrates, targetOf, triples } from './crates.mjs';
import { StepError, root } from './steps.mjs';

/** Its name in the package: scanners look for `*.cdx.json`. */
export const SBOM = 'sbom.cdx.json';

/** The crate that brings SQLite's source. */
const SQLITE_CRATE = 'libsqlite3-sys';

/**
 * The bill of materials of a platform's package, the same for the same Cargo.lock and binary. It has a time if the variable
 * `SOURCE_DATE_EPOCH` (seconds) is set.
 *
 * @param {string} target `linux-x64-gnu` for instance
 * @param {string} binary the path of the target's binary
 */
export async function billOfMaterials(target, binary) {
  const { version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const bytes = readFileSync(binary);
  const { crates, needs } = await linkedCrates(triples().find((triple) => targetOf(triple) === target));
  const [file, sqlite, rust] = [fileOf(binary, bytes), sqliteOf(crates), rustOf(bytes)];
  const component = identified(`pkg:npm/runledger-${target}@${version}`, { name: `runledger-${target}`, version, licenses: [{ license: { id: license } }] });
  const content = {
    metadata: { ...timestamp(), lifecycles: [{ phase: 'build' }], component },
    components: [file, ...crates.map(componentOf), sqlite, rust],
    dependencies: [
      needing(component, [file['bom-ref']]),
      needing(file, [...needs.map(purlOf), rust['bom-ref']]),
      ...crates.map((crate) => needing(componentOf(crate), [...crate.needs.map(purlOf), ...(crate.name === SQLITE_CRATE ? [sqlite['bom-ref']] : [])])),
      needing(sqlite, []),
      needing(rust, []),
    ],
  };
  const serialNumber = sha256(JSON.stringify(content)).replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, 'urn:uuid:$1-$2-8$3-8$4-$5');
  return { $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json', bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber, version: 1, ...content };
}

const identified = (purl, more) => ({ type: 'library', 'bom-ref': purl, ...more, purl });
const needing = (component, dependsOn) => ({ ref: component['bom-ref'], dependsOn });
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');
const hashes = (content) => [{ alg: 'SHA-256', content }];

/** @param {string} key as `keyOf` has it */
const purlOf = (key) => `pkg:cargo/${key.replace(' ', '@').replaceAll('+', '%2B')}`;

function timestamp() {
  const { SOURCE_DATE_EPOCH: seconds } = process.env;
  return seconds ? { timestamp: new Date(Number(seconds) * 1000).toISOString() } : {};
}

function fileOf(binary, bytes) {
  const name = basename(binary);
  return { type: 'file', 'bom-ref': `file:${name}`, name, hashes: hashes(sha256(bytes)) };
}

function componentOf(crate) {
  const { name, version, license, checksum, repository } = crate;
  const licenses = [{ expression: license, acknowledgement: 'declared' }];
  const externalReferences = repository ? [{ type: 'vcs', url: repository }] : [];
  return identified(purlOf(keyOf(crate)), { name, version, licenses, hashes: hashes(checksum), externalReferences });
}

/** SQLite itself, in the version whose source the crate compiles. */
function sqliteOf(crates) {
  const { manifest_path } = crates.find(({ name }) => name === SQLITE_CRATE);
  const header = readFileSync(join(dirname(manifest_path), 'sqlite3/sqlite3.h'), 'utf8');
  const [, version] = /^#define SQLITE_VERSION +"(.+)"$/m.exec(header);
  const licenses = [{ license: { id: 'blessing' } }]; // SPDX's name for SQLite's dedication to the public domain
  return identified(`pkg:generic/sqlite@${version}`, { name: 'sqlite', version, cpe: `cpe:2.3:a:sqlite:sqlite:${version}:*:*:*:*:*:*:*`, licenses });
}

/** The standard library of Rust: a binary names the commit of the compiler that built it. */
function rustOf(bytes) {
  const [, commit] = /\/rustc\/([0-9a-f]{40})[/\\]/.exec(bytes.toString('latin1')) ?? [];
  if (commit === undefined) throw new StepError('The binary does not say which Rust built it');
  return identified(`pkg:github/rust-lang/rust@${commit}`, { name: 'rust-std', version: commit, licenses: [{ expression: 'MIT OR Apache-2.0' }] });
}
