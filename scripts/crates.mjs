// The crates inside the published binaries, as Cargo resolves them: what the notices and the bills of materials are made of.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StepError, root, run } from './steps.mjs';

/** The Rust names of the published targets, `x86_64-unknown-linux-gnu` for instance. */
export const triples = () => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).napi.targets;

/** The name of a target in files and packages: `linux-x64-gnu` for `x86_64-unknown-linux-gnu`. */
export function targetOf(triple) {
  const [cpu, ...rest] = triple.split('-');
  const system = { 'unknown-linux-gnu': 'linux', 'unknown-linux-musl': 'linux', 'apple-darwin': 'darwin', 'pc-windows-msvc': 'win32' }[rest.join('-')];
  return [system, { x86_64: 'x64', aarch64: 'arm64' }[cpu], /gnu|musl|msvc/.exec(triple)?.[0]].filter(Boolean).join('-');
}

/**
 * What is linked into the binary of a target, sorted by name and version: normal dependencies that are no procedural
 * macros. Each is what `cargo metadata` says of it, with the SHA-256 of its archive (`checksum`), the SPDX expression of
 * its licences (`license`) and the crates that it needs in turn (`needs`); `needs` beside `crates` is what we need ourselves.
 */
export async function linkedCrates(triple) {
  const { packages, resolve } = await metadata(triple);
  const checksums = lockedChecksums();
  const byId = new Map(packages.map((crate) => [crate.id, crate]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const isMacro = (id) => byId.get(id).targets.some(({ kind }) => kind.includes('proc-macro'));
  const linked = (id) =>
    nodes.get(id).deps.filter(({ pkg, dep_kinds }) => !isMacro(pkg) && dep_kinds.some(({ kind }) => kind === null)).map(({ pkg }) => pkg);
  const found = new Set();
  const visit = (id) => {
    if (found.has(id)) return;
    found.add(id);
    linked(id).forEach(visit);
  };
  visit(resolve.root);
  found.delete(resolve.root);
  const crates = [...found].map((id) => {
    const crate = byId.get(id);
    return { ...crate, license: spdx(crate.license), checksum: checksums.get(keyOf(crate)), needs: linked(id).map((id) => keyOf(byId.get(id))).sort() };
  });
  crates.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  return { crates, needs: linked(resolve.root).map((id) => keyOf(byId.get(id))).sort() };
}

/** Every crate that Cargo may build for a target: build scripts, procedural macros and tests, too. */
export async function allCrates(triple) {
  const { packages, resolve } = await metadata(triple);
  return packages.filter(({ id }) => id !== resolve.root).map((crate) => ({ ...crate, license: spdx(crate.license) }));
}

/** What Cargo has said of each target. */
const known = new Map();

function metadata(triple) {
  const args = ['metadata', '--locked', '--format-version', '1', '--filter-platform', triple];
  if (!known.has(triple)) known.set(triple, run('cargo', args, { stdoutOnly: true }).then(JSON.parse));
  return known.get(triple);
}

export const keyOf = ({ name, version }) => `${name} ${version}`;

/** An old form of the field has a slash for OR. */
const spdx = (license) => license?.replaceAll('/', ' OR ');

function lockedChecksums() {
  const lock = readFileSync(join(root, 'Cargo.lock'), 'utf8').replaceAll('\r\n', '\n');
  return new Map([...lock.matchAll(/name = "(.+)"\nversion = "(.+)"\nsource = ".+"\nchecksum = "(.+)"/g)].map(([, name, version, sum]) => [keyOf({ name, version }), sum]));
}

/** The licences that we accept, in the order in which one is taken where a crate offers a choice: those of deny.toml. */
export function acceptedLicences() {
  const list = /^allow = \[([^\]]*)\]/m.exec(readFileSync(join(root, 'deny.toml'), 'utf8'));
  if (list === null) throw new StepError('deny.toml has no list of licences');
  return [...list[1].matchAll(/"([^"]+)"/g)].map(([, name]) => name);
}

/**
 * The licences that we take of an SPDX expression, one for each part that is joined by AND; `undefined` if we accept none
 * of the choices of a part.
 */
export function chosenLicences(expression = '', accepted = acceptedLicences()) {
  const chosen = expression.split(' AND ').map((part) => {
    const choices = part.replace(/^\((.*)\)$/, '$1').split(' OR ');
    return accepted.find((name) => choices.includes(name));
  });
  return chosen.includes(undefined) ? undefined : chosen;
}
