// `npm run notices`: writes THIRD-PARTY-NOTICES.md, the licences of what is compiled into the published binaries. Throws
// where one of them is not among those that we accept.

import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { chosenLicences, keyOf, linkedCrates, triples } from './crates.mjs';
import { root, StepError, whenStarted } from './steps.mjs';

const FILE = join(root, 'THIRD-PARTY-NOTICES.md');

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
  if (refused.length > 0) throw new StepError(`Licences that are not accepted (deny.toml): ${refused.join('; ')}`);
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

/** What is linked into the binary of any target, each with the licence that we take. */
async function compiledCrates() {
  const found = new Map();
  for (const triple of triples()) for (const crate of (await linkedCrates(triple)).crates) found.set(keyOf(crate), crate);
  const crates = [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, crate]) => crate);
  return crates.map((crate) => ({ ...crate, licence: chosenLicences(crate.license)?.join(' AND ') }));
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
