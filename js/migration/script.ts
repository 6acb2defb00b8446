/**
 * Migrations as the engine takes them: SQL that it runs itself, and functions that are called in between.
 */
import type { SqlMigration } from '../native.js';
import type { Database } from '../sqlite/database.js';

/** A numbered step of a schema. */
export interface ScriptedMigration {
  version: number;
  name: string;
  destructive?: boolean;
  foreignKeys?: boolean;
  up: (db: Database) => void;
  down?: (db: Database) => void;
}

/** The SQL behind functions that do nothing but run it. The engine runs the SQL, and knows the migration by it. */
const texts = new WeakMap<object, string>();

function script(sql: string): (db: Database) => void {
  const run = (db: Database): void => {
    db.exec(sql);
  };
  texts.set(run, sql);
  return run;
}

/** A migration whose scripts are SQL. */
export function migrationOfSql({ version, name, up, down, destructive, foreignKeys }: SqlMigration): ScriptedMigration {
  const migration: ScriptedMigration = { version, name, up: script(up) };
  if (down !== null) migration.down = script(down);
  if (destructive) migration.destructive = true;
  if (!foreignKeys) migration.foreignKeys = false;
  return migration;
}

/** The functions of a list, as methods of their migrations. */
export type Functions = Map<number, { up: (db: Database) => unknown; down: (db: Database) => unknown }>;

/** What native code needs of a list, and the functions in it. All of the caller's getters run here. */
export function facts(list: unknown): { entries: unknown; functions: Functions } {
  const functions: Functions = new Map();
  if (!Array.isArray(list)) return { entries: flat(list), functions };
  return { entries: Array.from(list, (migration: unknown) => factsOf(migration, functions)), functions };
}

/** What native code needs of one migration. */
export function factsOf(migration: unknown, functions: Functions): unknown {
  if (typeof migration !== 'object' || migration === null) return migration;
  const { version, name, destructive, foreignKeys, up, down } = migration as Record<keyof ScriptedMigration, unknown>;
  if (typeof version === 'number') {
    const method = (fn: unknown) => (db: Database) => (fn as (db: Database) => unknown).call(migration, db);
    functions.set(version, { up: method(up), down: method(down) });
  }
  const given = { version, name, destructive, foreignKeys, up, down };
  const entries = Object.entries(given).map(([key, value]) => [key, flat(value)]);
  return { ...Object.fromEntries(entries), scripts: { up: scriptOf(up), down: scriptOf(down) } };
}

/** A value without what is in it: where none of its members is wanted, none is looked at. */
export function flat(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Array.isArray(value) ? [] : {};
}

/** What native code needs to know of a function: its SQL, if it stands for some. */
function scriptOf(given: unknown): string | boolean {
  return typeof given === 'function' && (texts.get(given) ?? true);
}
