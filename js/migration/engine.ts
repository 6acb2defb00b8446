/**
 * Drives the migration engine on a synchronous connection: the functions of migrations run between native calls.
 */
import { types } from 'node:util';
import { MigrationError } from '../errors.js';
import { tell, writeLog } from '../log.js';
import { type AppliedReport, type JournalRow, native, type NextStep } from '../native.js';
import { type Database, lend, linkOf } from '../sqlite/database.js';
import { lastFailure } from '../sqlite/failure.js';
import { isThenable } from '../sqlite/transaction.js';
import type { Logger } from '../types.js';
import type { ValidationReport } from './reports.js';
import { facts, factsOf, flat, type Functions, migrationOfSql, type ScriptedMigration } from './script.js';

/** What a run may do. */
export interface ApplyOptions {
  allowDestructive: boolean;
  dryRun: boolean;
}

/** What a function of a migration has come to. */
type Outcome = { promise: boolean; thrown?: { value: unknown; text: string; message: string } };

/**
 * Applies what is pending of a list; in a dry run, tells what that would do.
 *
 * @throws {MigrationError}
 */
export function applyMigrations(
  db: Database,
  module: string,
  list: unknown,
  { allowDestructive, dryRun }: ApplyOptions,
  operation: string,
): AppliedReport {
  const { entries, functions } = facts(list);
  const first = native().migrationApply(linkOf(db).number, module, entries, allowDestructive, dryRun);
  return drive(db, first, functions, 'up', operation);
}

/**
 * Rolls a list back to `target`, by default to the version before the current one. Returns the rows that are gone,
 * highest first.
 *
 * @throws {MigrationError}
 */
export function rollBackTo(
  db: Database,
  module: string,
  list: unknown,
  target: unknown,
  operation: string,
): JournalRow[] {
  const { entries, functions } = facts(list);
  const first = native().migrationRollBack(linkOf(db).number, module, entries, flat(target));
  return drive(db, first, functions, 'down', operation);
}

/**
 * Rolls one migration back, which must be the highest that is applied.
 *
 * @throws {MigrationError}
 */
export function rollBackOnly(db: Database, module: string, migration: unknown, operation: string): void {
  const functions: Functions = new Map();
  const entry = factsOf(migration, functions);
  const first = native().migrationRollBackOnly(linkOf(db).number, module, entry);
  drive(db, first, functions, 'down', operation);
}

/** The applied migrations of a module, by version. */
export function journalOf(db: Database, module: string, operation: string): JournalRow[] {
  const rows = native().migrationJournal(linkOf(db).number, module);
  if (rows === null) throw lastFailure(operation);
  return rows;
}

/** Compares a file with its modules and their lists; `null` for what the journal tells of a module. */
export function validateModules(
  db: Database,
  modules: readonly (readonly [module: string, list: unknown])[],
  operation: string,
): ValidationReport {
  const pairs = modules.map(([module, list]): [string, unknown] => [module, list === null ? null : facts(list).entries]);
  const report = native().migrationValidate(linkOf(db).number, pairs);
  if (report === null) throw lastFailure(operation);
  return report;
}

/** The built-in migrations of a module. */
export function builtInMigrations(module: string): ScriptedMigration[] {
  const migrations = native().migrationBuiltIn(module);
  if (migrations === null) throw lastFailure('discoverMigrations');
  return migrations.map(migrationOfSql);
}

/**
 * The name of an application's module.
 *
 * @throws {MigrationError} `MIGRATION_INVALID_MODULE`
 */
export function checkModule(module: unknown): string {
  if (typeof module !== 'string') {
    throw new MigrationError('Module name must be a text', { code: 'MIGRATION_INVALID_MODULE', module: 'database' });
  }
  if (native().migrationCheckModule(module) !== 0) throw lastFailure('MigrationRunner');
  return module;
}

/** Tells a logger of a run. */
export function logRun(logger: Logger | undefined, module: string, { prepared, items }: AppliedReport): void {
  for (const message of prepared.warnings) writeLog(logger, { level: 'warn', message, fields: { module } });
  for (const { version, name, status, reason } of items) {
    if (status === 'blocked') tell(logger, 'warn', module, `blocked ${version} ${name} (${reason})`, { version, name, reason });
  }
  const applied = items.filter(({ status }) => status === 'applied').length;
  tell(logger, 'info', module, `applied ${applied} of ${items.length} migrations`, { applied, total: items.length });
}

/** Calls the functions that native code asks for, until there is a report. */
function drive<Report>(
  db: Database,
  first: NextStep<Report>,
  functions: Functions,
  direction: 'up' | 'down',
  operation: string,
): Report {
  const link = linkOf(db);
  let next = first;
  let outcome: Outcome = { promise: false };
  while (typeof next === 'number') {
    outcome = call(db, functions.get(next)![direction]);
    const { promise, thrown } = outcome;
    next = native().migrationResume(link.number, promise, thrown?.text, thrown?.message);
  }
  if (next === null) throw withCause(lastFailure(operation), outcome);
  return next;
}

/** Calls a function of a migration with a connection that is its own until it returns. */
function call(db: Database, fn: (db: Database) => unknown): Outcome {
  const { lent, end } = lend(db);
  try {
    const result = fn(lent);
    if (types.isGeneratorObject(result)) throw new TypeError('A migration cannot be a generator: nothing of it would run');
    if (!isThenable(result)) return { promise: false };
    // Nobody will look at it. What it still does with the connection, fails.
    result.then(undefined, () => {});
    return { promise: true };
  } catch (value) {
    return { promise: false, thrown: { value, ...textOf(value) } };
  } finally {
    end();
  }
}

/** A thrown value as a string, and its message alone. */
export function textOf(value: unknown): { text: string; message: string } {
  try {
    const text = String(value);
    return { text, message: value instanceof Error ? String(value.message) : text };
  } catch {
    const text = Object.prototype.toString.call(value);
    return { text, message: text };
  }
}

/** The error for a migration that failed; its cause is what its function threw. */
function withCause(error: Error, { thrown }: Outcome): Error {
  if (thrown === undefined || !(error instanceof MigrationError) || error.code !== 'MIGRATION_FAILED') return error;
  const { message, module, version, code, operation, details } = error;
  return new MigrationError(message, { module, version, code, operation, details, cause: thrown.value });
}
