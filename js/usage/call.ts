/**
 * Calls that do not throw: what goes wrong is told to those who asked for it.
 */
import { RunledgerError } from '../errors.js';
import { writeLog } from '../log.js';
import { native, type UsageRows } from '../native.js';
import { toError } from '../report.js';
import { linkOf } from '../sqlite/database.js';
import { type OpenUsage, opened } from './connection.js';
import { UsageError, usageErrors } from './errors.js';

/** Run a method of the core. Without an open file, and when it fails, the answer is `otherwise`. */
export function call<T>(operation: string, args: unknown[], otherwise: T): T {
  return attempt(operation, otherwise, ({ db, options }) => {
    const creates = options.missingSession === 'create';
    const { value, rows, error } = native().callUsage(linkOf(db).number, operation, creates, args);
    if (error !== undefined) throw toError(error, operation, undefined, usageErrors);
    return (rows === undefined ? value : objects(rows)) as T;
  });
}

function objects({ columns, cells }: UsageRows): object[] {
  const rows: object[] = [];
  for (let start = 0; start < cells.length; start += columns.length) {
    const row: Record<string, unknown> = {};
    for (let i = 0; i < columns.length; i++) row[columns[i]!] = cells[start + i];
    rows.push(row);
  }
  return rows;
}

/** Run `work`; without an open file, and when it fails, the answer is `otherwise`. */
export function attempt<T>(operation: string, otherwise: T, work: (open: OpenUsage) => T): T {
  const open = opened();
  if (open === undefined) return otherwise;
  try {
    return work(open);
  } catch (error) {
    report(open, error instanceof UsageError ? error : unexpected(error, operation), operation);
    return otherwise;
  }
}

function report({ options }: OpenUsage, error: UsageError, operation: string): void {
  const { code, message, extendedCode, details } = error;
  writeLog(options.logger, { level: 'error', message, fields: { operation, code, extendedCode, ...details } });
  try {
    const answer: unknown = options.onError?.(error, operation);
    if (answer instanceof Promise) answer.catch(() => {});
  } catch {
    // Whoever is told of an error does not make another one.
  }
}

function unexpected(cause: unknown, operation: string): UsageError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const extendedCode = cause instanceof RunledgerError ? cause.extendedCode : undefined;
  return new UsageError(`${operation} failed: ${reason}`, { code: 'USAGE_QUERY_FAILED', extendedCode, operation, cause });
}
