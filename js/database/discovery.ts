import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { types } from 'node:util';
import { MigrationError } from '../errors.js';
import { builtInMigrations, textOf } from '../migration/engine.js';
import { factsOf, migrationOfSql } from '../migration/script.js';
import { type FoundMigration, native } from '../native.js';
import { lastFailure } from '../sqlite/failure.js';
import type { Migration } from './migration.js';

/**
 * The migrations in a directory, not below it, by number: the default exports of files `001_name.js` (`.cjs`, `.mjs`,
 * `.ts`, `.cts`, `.mts`), and folders `001_name` with `up.sql` and, for the way back, `down.sql`. Other entries are
 * ignored. Without `dir` the built-in migrations of `runledger/database`.
 *
 * @param dir relative to the working directory.
 * @throws {MigrationError} `MIGRATION_LOAD_FAILED`, with `details.file`: the directory is missing, two entries have one
 * number, a file cannot be loaded (as TypeScript where the runtime does not load it), or does not export the migration
 * that its name tells of.
 */
export function discoverMigrationsSync(dir?: string): Migration[] {
  if (dir === undefined) return builtInMigrations('database');
  const require = createRequire(import.meta.url);
  return find(dir).map((found) => {
    if (found.sql !== null) return migrationOfSql(found.sql);
    let exported: unknown;
    try {
      exported = defaultOf(require(found.file));
    } catch (error) {
      throw loadFailed(found.file, error);
    }
    return checked(found, exported);
  });
}

/** The same, also for ES modules with a top-level `await`. */
export async function discoverMigrations(dir?: string): Promise<Migration[]> {
  if (dir === undefined) return builtInMigrations('database');
  const migrations: Migration[] = [];
  for (const found of find(dir)) {
    if (found.sql !== null) {
      migrations.push(migrationOfSql(found.sql));
      continue;
    }
    let exported: unknown;
    try {
      exported = defaultOf(((await import(pathToFileURL(found.file).href)) as { default: unknown }).default);
    } catch (error) {
      throw loadFailed(found.file, error);
    }
    migrations.push(checked(found, exported));
  }
  return migrations;
}

function find(dir: unknown): FoundMigration[] {
  if (typeof dir !== 'string' || dir === '' || dir.includes('\0')) {
    throw new MigrationError('The directory of migrations must be a path', { code: 'MIGRATION_INVALID', module: 'database' });
  }
  const found = native().migrationFind(resolve(dir));
  if (found === null) throw lastFailure('discoverMigrations');
  return found;
}

/** What a module exports as its default: also one that was compiled to CommonJS, and one that is nothing else. */
function defaultOf(exported: unknown): unknown {
  if (typeof exported !== 'object' || exported === null) return exported;
  const { __esModule, default: value } = exported as { __esModule?: unknown; default?: unknown };
  return types.isModuleNamespaceObject(exported) || __esModule === true ? value : exported;
}

function checked({ file, version }: FoundMigration, exported: unknown): Migration {
  if (native().migrationCheckLoaded(file, version, factsOf(exported, new Map())) !== 0) {
    throw lastFailure('discoverMigrations');
  }
  return exported as Migration;
}

function loadFailed(file: string, error: unknown): MigrationError {
  const hint = /\.[cm]?ts$/.test(file) && !loadsTypeScript() ? ' (this runtime does not load TypeScript: compile it)' : '';
  // Deno puts the whole stack into the message; it is in the cause.
  const [reason] = textOf(error).text.split('\n', 1);
  return new MigrationError(`Failed to load migration ${file}: ${reason}${hint}`, {
    code: 'MIGRATION_LOAD_FAILED',
    module: 'database',
    operation: 'discoverMigrations',
    details: { file },
    cause: error,
  });
}

/** Whether this runtime takes the types out of a file by itself. */
function loadsTypeScript(): boolean {
  const { features, versions } = process as { features: { typescript?: unknown }; versions: Record<string, unknown> };
  return Boolean(features.typescript) || versions.bun !== undefined || versions.deno !== undefined;
}
