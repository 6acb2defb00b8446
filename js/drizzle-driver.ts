/**
 * The parts of `drizzle-orm` that make a database.
 *
 * Its own driver, `drizzle-orm/better-sqlite3`, imports better-sqlite3; what that driver is made of does not.
 */
import { RunledgerError } from './errors.js';
import { packageRequire } from './loader.js';

/**
 * Drizzle's synchronous database; `any` where the optional peer `drizzle-orm` is not installed.
 *
 * @ts-ignore */
export type BetterSQLite3Database<S> = import('drizzle-orm/better-sqlite3').BetterSQLite3Database<S>;

/** Loosely typed: js/drizzle.ts gives the types. */
export interface DrizzleDriver {
  SQLiteSyncDialect: new (config: { casing: string | undefined }) => unknown;
  BetterSQLiteSession: new (client: unknown, dialect: unknown, schema: unknown, options: { logger: unknown }) => unknown;
  BetterSQLite3Database: new (kind: 'sync', dialect: unknown, session: unknown, schema: unknown) => any;
  DefaultLogger: new () => unknown;
  createTableRelationsHelpers: unknown;
  extractTablesRelationalConfig(
    schema: Record<string, unknown>,
    helpers: unknown,
  ): { tables: unknown; tableNamesMap: unknown };
}

let loaded: DrizzleDriver | undefined;

/** The parts, if the peer is installed. Synchronous, so that the package can be required. */
export function requireDriver(): DrizzleDriver {
  try {
    return (loaded ??= load());
  } catch (cause) {
    throw notInstalled(cause);
  }
}

/** The error for what needs the peer. */
export function notInstalled(cause?: unknown): RunledgerError {
  return new RunledgerError('drizzle-orm is not installed; run: npm install drizzle-orm', {
    code: 'DRIZZLE_NOT_INSTALLED',
    cause,
  });
}

function load(): DrizzleDriver {
  const require = packageRequire();
  const { DefaultLogger, createTableRelationsHelpers, entityKind, extractTablesRelationalConfig } = require('drizzle-orm');
  const { BaseSQLiteDatabase, SQLiteSyncDialect } = require('drizzle-orm/sqlite-core');
  const { BetterSQLiteSession } = require('drizzle-orm/better-sqlite3/session');
  class BetterSQLite3Database extends BaseSQLiteDatabase {}
  // Drizzle tells classes by this name, not by identity.
  Object.defineProperty(BetterSQLite3Database, entityKind, { value: 'BetterSQLite3Database' });
  return {
    SQLiteSyncDialect,
    BetterSQLiteSession,
    BetterSQLite3Database,
    DefaultLogger,
    createTableRelationsHelpers,
    extractTablesRelationalConfig,
  };
}
