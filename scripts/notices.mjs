// `npm run notices`: writes THIRD-PARTY-NOTICES.md, the licences of what is compiled into the published binaries. Throws
// where one of them is not among those that we accept.

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root, run, StepError, whenStarted } from './steps.mjs';

const FILE = join(root, 'THIRD-PARTY-NOTICES.md');

/** Licences that ask for no more than their text; the first of these is taken where a crate offers a choice. */
const ACCEPTED = ['MIT', 'Apache-2.0', 'ISC', 'Zlib', 'BSD-3-Clause', 'BSD-2-Clause', '0BSD', 'Unlicense', 'Unicode-3.0'];

/** Where the text of a licence is, by the names in use. */
const TEXTS = { MIT: /mit/i, 'Apache-2.0': /apache/i, Zlib: /zlib/i, Unlicense: /unlicense/i, '0BSD': /0bsd/i, 'Unicode-3.0': /unicode/i };

const HEAD = `# Third-party notices

The binaries of runledger contain SQLite, which its authors have given to the public domain (sqlite.org/copyright.html), the
standard library of Rust (MIT or Apache-2.0, rust-lang.org), and the crates below under the licences named. The JavaScript of
the package contains no code of others.
`;

/** Writes the notices; the same bytes for the same Cargo.lock. */
export async function writeNotices() {
  const crates = await compiledCrates();
  const refused = crates.filter((crate) => !crate.licence).map(({ name, license }) => `${name}: ${license}`);
  if (refused.length > 0) throw new StepError(`Licences that are not accepted (scripts/notices.mjs): ${refused.join('; ')}`);
  const texts = new Map();
  for (const crate of crates) {
    const text = textOf(crate);
    texts.set(text, [...(texts.get(text) ?? []), crate]);
  }
  const parts = [...texts].map(([text, users]) => {
    const names = users.map(({ name, version, licence }) => `${name} ${version} (${licence})`).join(', ');
    return `\n## ${names}\n\n\`\`\`text\n${text}\n\`\`\`\n`;
  });
  writeFileSync(FILE, HEAD + parts.join(''));
}

/** What is linked into the binary of any target: normal dependencies that are no procedural macros. */
async function compiledCrates() {
  const { napi } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const found = new Map();
  for (const target of napi.targets) {
    const args = ['metadata', '--locked', '--format-version', '1', '--filter-platform', target];
    const { packages, resolve } = JSON.parse(await run('cargo', args, { stdoutOnly: true }));
    const byId = new Map(packages.map((crate) => [crate.id, crate]));
    const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
    const seen = new Set();
    const visit = (id) => {
      const crate = byId.get(id);
      if (seen.has(id) || crate.targets.some(({ kind }) => kind.includes('proc-macro'))) return;
      seen.add(id);
      if (id !== resolve.root) found.set(`${crate.name} ${crate.version}`, crate);
      for (const { pkg, dep_kinds } of nodes.get(id).deps) if (dep_kinds.some(({ kind }) => kind === null)) visit(pkg);
    };
    visit(resolve.root);
  }
  const crates = [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, crate]) => crate);
  return crates.map((crate) => ({ ...crate, licence: chosenLicence(crate.license ?? '') }));
}

/** The licence that we take of an SPDX expression without parentheses around OR; `undefined` if we accept none. */
function chosenLicence(expression) {
  const choices = expression.split(/ OR |\//).map((choice) => choice.trim());
  return ACCEPTED.find((name) => choices.includes(name));
}

function textOf({ name, authors, manifest_path, licence }) {
  const folder = dirname(manifest_path);
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|unlicense)/i.test(file)).sort();
  const file = files.find((file) => TEXTS[licence]?.test(file)) ?? files.find((file) => /^licen[cs]e(\.\w+)?$/i.test(file));
  if (file !== undefined) return tidy(readFileSync(join(folder, file), 'utf8'));
  if (licence !== 'MIT' || !existsSync(join(root, 'LICENSE'))) throw new StepError(`The crate ${name} brings no text of its licence ${licence}`);
  // Some crates name the licence only. Its text is that of our own but for the holder.
  const terms = readFileSync(join(root, 'LICENSE'), 'utf8').replace(/^Copyright .*$/m, `Copyright (c) ${authors.join(', ') || `the authors of ${name}`}`);
  return tidy(terms);
}

const tidy = (text) => text.replaceAll('\r\n', '\n').replace(/[ \t]+$/gm, '').trim();

await whenStarted(import.meta.url, writeNotices);
