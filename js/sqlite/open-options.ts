import { misuse, wrongType } from './failure.js';
import type { OpenOptions } from './types.js';

/** The longest timeout that SQLite takes, milliseconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** Options with their defaults. */
export interface CheckedOpenOptions {
  readonly: boolean;
  fileMustExist: boolean;
  timeout: number;
  verbose: ((sql: string) => void) | undefined;
}

/** Check the options of a database and fill in their defaults. */
export function checkOpenOptions(options: OpenOptions): CheckedOpenOptions {
  if (typeof options !== 'object' || options === null) throw wrongType('second argument', 'an options object');
  if ('readOnly' in options) {
    throw misuse(TypeError, 'ERR_INVALID_ARG_VALUE', 'Misspelled option "readOnly" should be "readonly"');
  }
  const { readonly = false, fileMustExist = false, timeout = 5000, verbose } = options;
  if (typeof readonly !== 'boolean') throw wrongType('the "readonly" option', 'a boolean');
  if (typeof fileMustExist !== 'boolean') throw wrongType('the "fileMustExist" option', 'a boolean');
  if (typeof timeout !== 'number') throw wrongType('the "timeout" option', 'a positive integer');
  if (!Number.isInteger(timeout) || timeout < 0 || timeout > LONGEST_TIMEOUT) {
    throw misuse(
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      `Expected the "timeout" option to be an integer from 0 to ${LONGEST_TIMEOUT}`,
    );
  }
  if (verbose !== undefined && verbose !== null && typeof verbose !== 'function') {
    throw wrongType('the "verbose" option', 'a function');
  }
  return { readonly, fileMustExist, timeout, verbose: verbose ?? undefined };
}
