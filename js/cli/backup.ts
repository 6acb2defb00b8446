/**
 * `runledger backup SOURCE DEST`
 */
import { native } from '../native.js';
import { allow, type Arguments, fileOf, misuse } from './arguments.js';
import { bytes, json, out } from './output.js';
import { type BackupReport, reportOf } from './reports.js';

/** Milliseconds between two lines of progress. */
const TICK = 100;

/**
 * Copies a database and returns the exit code.
 *
 * @throws {RunledgerError} `INVALID_ARGUMENTS`, `ERR_FILE_MISSING`, `ERR_FILE_EXISTS`, `ERR_DIRECTORY_MISSING`, …
 */
export function runBackup(given: Arguments): number {
  const [source, target, surplus] = given.words;
  allow(given, 'backup', ['json']);
  if (source === undefined || target === undefined) throw misuse('needs two files: runledger backup SOURCE DEST');
  if (surplus !== undefined) throw misuse(`unexpected argument "${surplus}"`);
  const [from, to] = [fileOf(source, 'SOURCE'), fileOf(target, 'DEST')];
  const progress = process.stderr.isTTY ? new Progress() : undefined;
  let answer;
  try {
    answer = native().backupDatabase(from, to, progress && ((copied, total) => progress.tell(copied, total)));
  } finally {
    progress?.clear();
  }
  const report = reportOf<BackupReport>(answer, 'backup');
  if (given.values.json) json(report);
  else out(`backup: copied ${report.pages} pages (${bytes(report.bytes)}) to ${report.target}`);
  return 0;
}

/** One line on a terminal that tells how far the copy is. */
class Progress {
  #told = Number.NEGATIVE_INFINITY;

  tell(copied: number, total: number): void {
    const now = performance.now();
    if (now - this.#told < TICK || total === 0) return;
    this.#told = now;
    process.stderr.write(`\r\x1b[2Kbackup: ${Math.floor((copied / total) * 100)} % of ${total} pages`);
  }

  clear(): void {
    if (Number.isFinite(this.#told)) process.stderr.write('\r\x1b[2K');
  }
}
