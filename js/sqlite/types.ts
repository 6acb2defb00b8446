/**
 * The types of `runledger/sqlite`, in the shape of better-sqlite3's.
 */
import type { Database } from './database.js';

/** A value of a row. */
export type SqlValue = string | number | bigint | Buffer | null;

/** A value that can be bound. `undefined` and `NaN` bind NULL, a number binds as REAL, a bigint as INTEGER. */
export type BindValue = string | number | bigint | Uint8Array | null | undefined;

/**
 * The parameters of a statement: values by position, one after another or in arrays, and at most one object for `@a`,
 * `:a`, `$a` and `?1` (keys without the sign).
 */
export type BindArgs = (BindValue | readonly BindValue[] | Record<string, BindValue>)[];

/** What {@link Statement.run} has done. */
export interface RunResult {
  /** Rows changed by this statement; 0 for reads and DDL. */
  changes: number;
  /** The last inserted rowid of the connection; a bigint under `safeIntegers()` or beyond 2^53−1. */
  lastInsertRowid: number | bigint;
}

/** Where a column of a result comes from. All but `name` are `null` for an expression. */
export interface ColumnInfo {
  /** The name in the result. */
  name: string;
  /** The column of the table. */
  column: string | null;
  /** The table. */
  table: string | null;
  /** `'main'`, `'temp'`, or the name of an attached database. */
  database: string | null;
  /** The declared type. */
  type: string | null;
}

/** How a database is opened. */
export interface OpenOptions {
  /**
   * Refuse to write.
   *
   * @defaultValue false
   */
  readonly?: boolean;
  /**
   * Refuse to create the file.
   *
   * @defaultValue false
   */
  fileMustExist?: boolean;
  /**
   * How long a lock is awaited, milliseconds; integer from 0 to 2^31−1.
   *
   * @defaultValue 5000
   */
  timeout?: number;
  /** Called with each statement's text, bound values included, before it runs. */
  verbose?: (sql: string) => void;
}

/** A function that runs in a transaction; made by {@link Database.transaction}. */
export interface Transaction<A extends unknown[], T> {
  /** Run the function between BEGIN and COMMIT; inside an open transaction, between savepoints. */
  (...args: A): T;
  /** The same as a plain call. */
  readonly default: Transaction<A, T>;
  /** BEGIN DEFERRED: the same as a plain call. */
  readonly deferred: Transaction<A, T>;
  /** BEGIN IMMEDIATE: take the write lock at once. */
  readonly immediate: Transaction<A, T>;
  /** BEGIN EXCLUSIVE: have the file to oneself. */
  readonly exclusive: Transaction<A, T>;
  /** The database it runs on. */
  readonly database: Database;
}

/**
 * A compiled statement; made by {@link Database.prepare}. `R` is what a row is.
 *
 * Its methods throw {@link SqliteError} for what SQLite refuses, and `TypeError` or `RangeError` with a `code` for misuse:
 * `ERR_NOT_OPEN`, `ERR_BUSY`, `ERR_NOT_A_READER`, `ERR_ALREADY_BOUND`, `ERR_INVALID_ARG_TYPE` (a value that cannot be
 * bound), `ERR_PARAMETER_COUNT`, `ERR_OUT_OF_RANGE`.
 */
export interface Statement<R = any> {
  /** The SQL it was made from. */
  readonly source: string;
  /** Whether it returns rows. */
  readonly reader: boolean;
  /** Whether it makes no direct change to the file. */
  readonly readonly: boolean;
  /** Whether an iteration of it is unfinished. */
  readonly busy: boolean;
  /** The database it belongs to. */
  readonly database: Database;
  /** Run it to its end. */
  run(...args: BindArgs): RunResult;
  /** The first row, or `undefined`. */
  get(...args: BindArgs): R | undefined;
  /** All rows. */
  all(...args: BindArgs): R[];
  /** Read row by row. The statement is busy until the end, `break`, or an exception; nothing can write meanwhile. */
  iterate(...args: BindArgs): IterableIterator<R>;
  /** Give rows as arrays of values, or no longer. */
  raw(on?: boolean): this;
  /** Give the first column's value instead of a row, or no longer. */
  pluck(on?: boolean): this;
  /** Give every integer as a bigint, or no longer. */
  safeIntegers(on?: boolean): this;
  /** Fix the parameters for good; once. */
  bind(...args: BindArgs): this;
  /** Where its columns come from. */
  columns(): ColumnInfo[];
}
