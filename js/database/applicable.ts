import { builtInMigrations } from '../migration/engine.js';
import { facts } from '../migration/script.js';
import { native } from '../native.js';
import { lastFailure } from '../sqlite/failure.js';
import type { Migration } from './migration.js';

/**
 * The migrations that apply to a module (src/database/choice.rs): the built-in set, those that were given, or both.
 *
 * @throws {MigrationError} `MIGRATION_GAP`, `MIGRATION_INVALID`, `MIGRATION_INVALID_MODULE`
 */
export function applicableMigrations(module: string, given: readonly Migration[] | undefined): readonly Migration[] {
  const continues = native().continuesBuiltIn(module, facts(given).entries);
  if (continues === null) throw lastFailure('initDatabase');
  return [...(continues ? builtInMigrations('database') : []), ...(given ?? [])];
}
