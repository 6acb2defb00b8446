/**
 * The optional peer `drizzle-orm`, as far as the schema needs it, and the types that stand for it.
 *
 * Where it is not installed the types are `any`: `@ts-ignore` at the end of a documentation comment stays in the
 * declarations.
 */
import { packageRequire } from './loader.js';
import type { Database } from './sqlite/database.js';

/**
 * A table of `drizzle-orm`.
 *
 * @ts-ignore */
export type SQLiteTable<T> = import('drizzle-orm/sqlite-core').SQLiteTableWithColumns<T>;

/**
 * A column of `drizzle-orm`.
 *
 * @ts-ignore */
export type SQLiteColumn<T> = import('drizzle-orm/sqlite-core').SQLiteColumn<T>;

/**
 * The relations of a table.
 *
 * @ts-ignore */
export type Relations<T, R> = import('drizzle-orm').Relations<T, R>;

/**
 * A relation to one row; `N`: whether there always is one.
 *
 * @ts-ignore */
export type One<T, N> = import('drizzle-orm').One<T, N>;

/**
 * A relation to many rows.
 *
 * @ts-ignore */
export type Many<T> = import('drizzle-orm').Many<T>;

/**
 * The Drizzle database of `getDatabase()`; `any` where the optional peer `drizzle-orm` is not installed.
 *
 * @ts-ignore */
export type TelemetryDrizzle = import('drizzle-orm/better-sqlite3').BetterSQLite3Database<
  typeof import('./schema.js')
> & {
  /** The synchronous connection; `close()` of the client closes it. */
  $client: Database;
};

/** The functions of `drizzle-orm` that build a schema, loosely typed: js/schema.ts gives the types. */
export interface DrizzlePeer {
  sqliteTable(name: string, columns: Record<string, unknown>): any;
  text(name: string, config?: { enum: readonly string[] }): any;
  integer(name: string, config?: { mode: 'boolean' | 'timestamp' }): any;
  real(name: string): any;
  relations(table: unknown, config: (helpers: { one: any; many: any }) => Record<string, unknown>): any;
  sql(strings: TemplateStringsArray): unknown;
}

let loaded: DrizzlePeer | null | undefined;

/** The peer, or `undefined` where it is not installed. Synchronous, so that the package can be required. */
export function drizzlePeer(): DrizzlePeer | undefined {
  if (loaded === undefined) loaded = load();
  return loaded ?? undefined;
}

function load(): DrizzlePeer | null {
  try {
    const require = packageRequire();
    return { ...require('drizzle-orm/sqlite-core'), ...require('drizzle-orm') };
  } catch {
    return null;
  }
}
