/**
 * `runledger doctor`
 */
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { resolveConfig } from '../config.js';
import { native } from '../native.js';
import { libc } from '../platform.js';
import { allow, type Arguments, fileOf, misuse } from './arguments.js';
import { bytes, json, out, paint } from './output.js';
import { type Diagnosis, reportOf } from './reports.js';

/** What `--json` prints. */
interface Report {
  ok: boolean;
  version: string;
  platform: string;
  arch: string;
  libc: string | null;
  runtime: { name: string; version: string };
  binary: string | null;
  sqlite: string | null;
  file: Diagnosis['file'];
  problems: { kind: string; message: string }[];
}

/**
 * Examines this installation and a file, prints what it finds, and returns the exit code: 1 when something is wrong.
 *
 * @throws {RunledgerError} `INVALID_ARGUMENTS`
 */
export function runDoctor(given: Arguments, version: string): number {
  const { db, json: asJson } = given.values;
  allow(given, 'doctor', ['db', 'json']);
  if (given.words.length > 0) throw misuse(`unexpected argument "${given.words[0]}": name a file with --db`);
  const report = examine(db, version);
  if (asJson) json(report);
  else lines(report).forEach(out);
  return report.ok ? 0 : 1;
}

function examine(db: string | undefined, version: string): Report {
  const report: Report = {
    ok: true,
    version,
    platform: process.platform,
    arch: process.arch,
    libc: libc(),
    runtime: runtime(),
    binary: null,
    sqlite: null,
    file: null,
    problems: [],
  };
  const named = db === undefined ? undefined : fileOf(db, '--db');
  const unsupported = unsupportedNode(report.runtime);
  try {
    native();
    report.binary = binary();
  } catch (error) {
    // What the doctor is for: nothing else can be said without it.
    const message = error instanceof Error ? error.message : String(error);
    return { ...report, ok: false, problems: [...unsupported, { kind: 'binary', message }] };
  }
  const path = named ?? resolveConfig(undefined).path;
  const answer = native().diagnose(path === ':memory:' ? null : path, named !== undefined);
  const { sqlite, file } = reportOf<Diagnosis>(answer, 'doctor');
  const problems = [...unsupported, ...(file?.findings ?? [])];
  return { ...report, sqlite, file, problems, ok: problems.length === 0 };
}

function lines(report: Report): string[] {
  const { version, platform, arch, libc, runtime, binary, sqlite, file, problems } = report;
  const row = (name: string, value: string) => `${paint('dim', name.padEnd(14))}${value}`;
  const rows = [
    row('runledger', version),
    row('platform', [platform, arch, libc].filter(Boolean).join(' ')),
    row('runtime', `${runtime.name} ${runtime.version}`),
    row('binary', binary ?? 'not loaded'),
    ...(sqlite === null ? [] : [row('sqlite', sqlite)]),
    ...(file === null ? [] : fileRows(file, row)),
  ];
  const findings = problems.map(({ kind, message }) => `${paint('red', kind)}: ${message}`);
  const verdict = report.ok ? paint('green', 'ok') : paint('red', problems.length === 1 ? '1 problem' : `${problems.length} problems`);
  return [...rows, '', ...findings, `doctor: ${verdict}`];
}

function fileRows(file: NonNullable<Report['file']>, row: (name: string, value: string) => string): string[] {
  const where = row('file system', file.sharedFileSystem === null ? 'local' : `${file.sharedFileSystem}, shared between hosts`);
  if (!file.exists) return [row('file', `${file.path} (does not exist)`), where, row('journal mode', `${file.journalModeChosen} when it is made`)];
  const { permissions, journalMode, journalModeChosen } = file;
  const chosen = journalMode === journalModeChosen ? '' : `, ${journalModeChosen} when it is opened next`;
  const found = (kinds: string[]) => file.findings.filter(({ kind }) => kinds.includes(kind)).length;
  const verdict = (problems: number) => (problems === 0 ? 'ok' : `${problems} found`);
  return [
    row('file', file.path),
    row('size', `${bytes(file.size)}, write-ahead log ${bytes(file.walSize)}`),
    row('permissions', `${permissions === null ? '' : `${permissions}, `}${file.writable ? 'writable' : 'not writable'}`),
    where,
    row('journal mode', `${journalMode ?? 'not known'}${chosen}`),
    ...file.modules.map(({ module, version, latest }) =>
      row(module, `version ${version}${latest === null ? ', not known to this release' : ` of ${latest}`}`),
    ),
    ...(file.checked ? [row('integrity', verdict(found(['integrity']))), row('foreign keys', verdict(found(['foreign_key'])))] : []),
  ];
}

function runtime(): { name: string; version: string } {
  const { bun, deno, node } = process.versions as Record<string, string | undefined>;
  if (bun !== undefined) return { name: 'bun', version: bun };
  if (deno !== undefined) return { name: 'deno', version: deno };
  return { name: 'node', version: node ?? 'unknown' };
}

/** What `engines` of package.json says: npm only warns of it. Others lack `require` of ES modules, or more. */
function unsupportedNode({ name, version }: Report['runtime']): Report['problems'] {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (name !== 'node' || major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19)) return [];
  return [{ kind: 'runtime', message: `Node ${version} is not supported: 20.19 or newer of Node 20, or 22.12 or newer is needed` }];
}

/** The file name of the add-on that was loaded. */
function binary(): string {
  const loaded = Object.keys(createRequire(import.meta.url).cache).find((name) => /runledger[^/\\]*\.node$/.test(name));
  return basename(loaded ?? process.env['RUNLEDGER_NATIVE_LIBRARY_PATH'] ?? 'loaded');
}
