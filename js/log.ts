import { isRecord } from './codec.js';
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

/** The same for something that concerns a module. */
export function tell(
  logger: Logger | undefined,
  level: LogLine['level'],
  module: string,
  message: string,
  fields: Record<string, unknown> = {},
): void {
  writeLog(logger, { level, message: `${module}: ${message}`, fields: { module, ...fields } });
}

/** Whether `value` is a logger or none. Which methods a logger has is its own affair. */
export function isLogger(value: unknown): value is Logger | undefined {
  return value === undefined || isRecord(value);
}
