import type { LogLine } from './native.js';
import type { Logger } from './types.js';

/** Write a log line of a client: to its logger, and without one the query log to stderr. */
export function writeLog(logger: Logger | undefined, { level, message, fields = {} }: LogLine): void {
  const { query, ...facts } = fields;
  if (logger === undefined) {
    if (query === true) process.stderr.write(`${message}\n`);
    return;
  }
  try {
    const answer: unknown = logger[level]?.(message, facts);
    // A logger that fails later is ignored like one that throws.
    if (answer instanceof Promise) answer.catch(() => {});
  } catch {
    // Logging never fails the work that it tells of.
  }
}
