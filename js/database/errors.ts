import { nameClasses, RunledgerError } from '../errors.js';

/**
 * An application database was not used as it can be, or has no place on disk.
 *
 * `code`: `APPDB_CLOSED`, `APPDB_DIR_FAILED` (`cause` is the system's error), `APPDB_INVALID_OPTION`.
 */
export class AppDatabaseError extends RunledgerError {
  /** `'APPDB_CLOSED'`, `'APPDB_DIR_FAILED'` or `'APPDB_INVALID_OPTION'`. */
  declare readonly code: string;
}

nameClasses({ AppDatabaseError });
