/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `runledger/drizzle`: Drizzle over the synchronous connection of `runledger/sqlite`.
 *
 * `drizzle-orm` is an optional peer; better-sqlite3 is not needed.
 */
import { type BetterSQLite3Database, type DrizzleDriver, requireDriver } from './drizzle-driver.js';
import { wrongType } from './sqlite/failure.js';
import { Database } from './sqlite/database.js';

export { RunledgerError } from './errors.js';

/** Options of {@link drizzle}. */
export interface DrizzleOptions<S> {
  /** Tables and relations, for `db.query`. */
  schema?: S;
  /** `true`: print each query to the console. Or where queries and their parameters go. */
  logger?: boolean | { logQuery(query: string, params: unknown[]): void };
  /** How keys become column names where a column was declared without one. */
  casing?: 'snake_case' | 'camelCase';
}

/**
 * A Drizzle database over `client`, which stays yours: `db.$client` is the same object, and `db.$client.close()` closes it.
 *
 * @throws {RunledgerError} `DRIZZLE_NOT_INSTALLED`
 *
 * @example
 * const db = drizzle(new Database('app.db'), { schema: { users } });
 * db.insert(users).values({ name: 'Ada' }).run();
 * const ada = db.query.users.findFirst({ where: eq(users.name, 'Ada') }).sync();
 */
export function drizzle<S extends Record<string, unknown> = Record<string, never>>(
  client: Database,
  options: DrizzleOptions<S> = {},
): BetterSQLite3Database<S> & { $client: Database } {
  const driver = requireDriver();
  if (!(client instanceof Database)) throw wrongType('first argument', 'a Database of runledger/sqlite');
  const { schema, logger, casing } = options;
  const dialect = new driver.SQLiteSyncDialect({ casing });
  const relational = schema === undefined ? undefined : relationsOf(driver, schema);
  const session = new driver.BetterSQLiteSession(client, dialect, relational, {
    logger: logger === true ? new driver.DefaultLogger() : logger === false ? undefined : logger,
  });
  const db = new driver.BetterSQLite3Database('sync', dialect, session, relational);
  return Object.assign(db, { $client: client });
}

/** What Drizzle's own driver makes of a schema. */
function relationsOf(driver: DrizzleDriver, schema: Record<string, unknown>): unknown {
  const { tables, tableNamesMap } = driver.extractTablesRelationalConfig(schema, driver.createTableRelationsHelpers);
  return { fullSchema: schema, schema: tables, tableNamesMap };
}
