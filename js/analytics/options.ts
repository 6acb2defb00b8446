import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isLogger } from '../log.js';
import type { Logger } from '../types.js';
import { AnalyticsError } from './errors.js';

/** Checked options. */
export interface Place {
  /** Absolute, or `':memory:'`. */
  path: string;
  migrate: boolean;
  logger: Logger | undefined;
}

/** Check options, and find the file that they mean now. @throws {AnalyticsError} `ANALYTICS_INVALID_INPUT` */
export function placeOf(options: unknown, operation: string): Place {
  const refuse = (field: string, wanted: string): never => {
    const facts = { code: 'ANALYTICS_INVALID_INPUT', operation, details: { field } };
    throw new AnalyticsError(`${field} must be ${wanted}`, facts);
  };
  if (options !== undefined && (typeof options !== 'object' || options === null)) refuse('options', 'an object');
  const { home, path, migrate = true, logger } = (options ?? {}) as Record<string, unknown>;
  for (const [field, value] of Object.entries({ home, path })) {
    const usable = typeof value === 'string' && value !== '' && !value.includes('\0') && value.isWellFormed();
    if (value !== undefined && !usable) refuse(field, 'a path');
  }
  if (typeof migrate !== 'boolean') refuse('migrate', 'a boolean');
  if (!isLogger(logger)) refuse('logger', 'an object');
  return {
    path: path === ':memory:' ? path : resolve((path as string | undefined) ?? defaultFile(home as string | undefined)),
    migrate: migrate as boolean,
    logger: logger as Logger | undefined,
  };
}

/** `.devflow/analytics.db` in the home directory. */
export function defaultFile(home = process.env['HOME'] || homedir()): string {
  return join(home, '.devflow', 'analytics.db');
}
