import { resolveConfig } from '../config.js';
import { isLogger } from '../log.js';
import { invalidInput } from './errors.js';
import type { UsageOptions } from './types.js';

/** Check options, and find the file that they mean now. @throws {UsageError} `USAGE_INVALID_INPUT` */
export function checkOptions(options: unknown, operation: string): UsageOptions & { path: string } {
  if (typeof options !== 'object' || options === null) throw invalidInput('options', 'an object', operation);
  const { path, missingSession = 'reject', logger, onError } = options as UsageOptions;
  if (missingSession !== 'reject' && missingSession !== 'create') {
    throw invalidInput('missingSession', "'reject' or 'create'", operation);
  }
  if (!isLogger(logger)) throw invalidInput('logger', 'an object', operation);
  if (onError !== undefined && typeof onError !== 'function') throw invalidInput('onError', 'a function', operation);
  return {
    path: resolvePath(path, operation),
    missingSession,
    ...(logger === undefined ? {} : { logger }),
    ...(onError === undefined ? {} : { onError }),
  };
}

/** As telemetry resolves its path: both have one file. */
function resolvePath(path: unknown, operation: string): string {
  try {
    return resolveConfig({ dbPath: path }).path;
  } catch {
    throw invalidInput('path', 'the path of a file', operation);
  }
}
