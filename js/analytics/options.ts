import { homedir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { isRecord } from '../codec.js';
import { isLogger } from '../log.js';
import type { Logger } from '../types.js';
import { AnalyticsError, logged } from './errors.js';

/** Checked options. */
export interface Place {
  /** Absolute, or `':memory:'`. */
  path: string;
  migrate: boolean;
  logger: Logger | undefined;
}

/**
 * Check options, and find the file that they mean now.
 *
 * @throws {AnalyticsError} `ANALYTICS_INVALID_INPUT`; the logger hears of it.
 */
export function placeOf(options: unknown, operation: string): Place {
  if (options !== undefined && !isRecord(options)) throw invalid('options', 'an object', operation);
  const { home, path, migrate = true, logger } = (options ?? {}) as Record<string, unknown>;
  if (!isLogger(logger)) throw invalid('logger', 'an object', operation);
  return logged(logger, () => {
    for (const [field, value] of Object.entries({ home, path })) {
      const usable = typeof value === 'string' && value !== '' && !value.includes('\0') && value.isWellFormed();
      if (value !== undefined && !usable) throw invalid(field, `the path of a ${field === 'home' ? 'directory' : 'file'}`, operation);
    }
    if (typeof migrate !== 'boolean') throw invalid('migrate', 'a boolean', operation);
    const file = path === ':memory:' ? path : resolve((path as string | undefined) ?? defaultFile(home as string | undefined, operation));
    return { path: file, migrate, logger };
  });
}

/**
 * `.devflow/analytics.db` in the home directory.
 *
 * @throws {AnalyticsError} `ANALYTICS_DIR_FAILED` for a user who has none, in a container for instance.
 */
export function defaultFile(home?: string, operation?: string): string {
  return join(home ?? homeDirectory(operation), '.devflow', 'analytics.db');
}

function homeDirectory(operation: string | undefined): string {
  try {
    return process.env['HOME'] || homedir() || userInfo().homedir;
  } catch (cause) {
    const facts = { code: 'ANALYTICS_DIR_FAILED', operation, cause };
    throw new AnalyticsError('There is no home directory: set HOME, or name the file', facts);
  }
}

function invalid(field: string, wanted: string, operation: string): AnalyticsError {
  const facts = { code: 'ANALYTICS_INVALID_INPUT', operation, details: { field } };
  return new AnalyticsError(`${field} must be ${wanted}`, facts);
}
