import { resolve } from 'node:path';
import { collect, type Description, type FailureReport, native } from '../native.js';
import { lastFailure, misuse, toError, wrongType } from './failure.js';
import { FINISHED, Link, unreachableDatabases } from './link.js';
import { checkOpenOptions } from './open-options.js';
import { PreparedStatement } from './statement.js';
import { makeTransaction } from './transaction.js';
import type { OpenOptions, Statement, Transaction } from './types.js';

/** A native connection that is open already, in place of a path. */
class Joined {
  readonly number: number;
  readonly name: string;
  readonly memory: boolean;
  readonly readonly: boolean;
  /** What a database that is only lent has from its lender. */
  readonly lender: { link: Link; verbose: ((sql: string) => void) | undefined; safeIntegers: boolean } | undefined;

  constructor(number: number, name: string, memory: boolean, readonly: boolean, lender?: Joined['lender']) {
    this.number = number;
    this.name = name;
    this.memory = memory;
    this.readonly = readonly;
    this.lender = lender;
  }
}

/** A database over a native connection that is open already. */
export const adopt = (number: number, name: string, memory: boolean, readonly = false): Database =>
  new Database(new Joined(number, name, memory, readonly) as unknown as string);

/** The native connection of a database. */
export let linkOf: (database: Database) => Link;

/**
 * A second object over the connection of a database, and what ends its use: from then on it, its statements and its
 * iterators throw `TypeError` "The migration has finished", while the connection stays open.
 */
export let lend: (database: Database) => { lent: Database; end: () => void };

/** Close a database also in the middle of an iteration: whoever has made it wants it to be gone. */
export let closeNow: (database: Database) => void;

/**
 * A synchronous connection to an SQLite database, in the shape of better-sqlite3.
 *
 * It belongs to the thread that made it. After {@link Database.close} `open` is `false`, and every other member that
 * touches SQLite throws `TypeError` `ERR_NOT_OPEN`. While a statement is being iterated, anything that can write throws
 * `TypeError` `ERR_BUSY`.
 *
 * @example
 * const db = new Database('app.db');
 * db.exec('create table if not exists users(id integer primary key, name text)');
 * const { lastInsertRowid } = db.prepare('insert into users(name) values (?)').run('Ada');
 * const user = db.prepare<{ id: number; name: string }>('select * from users where id = ?').get(lastInsertRowid);
 * db.close();
 */
export class Database implements Disposable {
  readonly #link: Link;
  readonly #verbose: ((sql: string) => void) | undefined;
  readonly #name: string;
  readonly #memory: boolean;
  readonly #readonly: boolean;
  readonly #steps: (number | undefined)[] = [];
  #safeIntegers = false;

  static {
    linkOf = (database) => database.#link;
    lend = (database) => {
      const link = database.#link;
      const lender = { link, verbose: database.#verbose, safeIntegers: database.#safeIntegers };
      const joined = new Joined(link.number, database.#name, database.#memory, database.#readonly, lender);
      const lent = new Database(joined as unknown as string);
      link.borrower = lent.#link;
      const end = () => {
        link.borrower = undefined;
        lent.#link.number = FINISHED;
      };
      return { lent, end };
    };
    closeNow = (database) => {
      const link = database.#link;
      if (link.number === 0) return;
      native().sqliteAbandon(link.number);
      link.number = 0;
      // Its number may be given to another connection now.
      if (link.borrower !== undefined) link.borrower.number = FINISHED;
      unreachableDatabases.unregister(database);
    };
  }

  /**
   * Open a file, and create it if it is missing, unless `readonly` or `fileMustExist`. `':memory:'` is a private database
   * in memory. Foreign keys are enforced.
   *
   * @param path relative to the working directory; `':memory:'` by default.
   * @throws {SqliteError} `SQLITE_CANTOPEN`
   * @throws {TypeError} `ERR_DIRECTORY_MISSING`, `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`
   */
  constructor(path: string = ':memory:', options: OpenOptions = {}) {
    if ((path as unknown) instanceof Joined) {
      const { number, name, memory, readonly, lender } = path as unknown as Joined;
      this.#name = name;
      this.#memory = memory;
      this.#readonly = readonly;
      this.#verbose = lender?.verbose;
      this.#safeIntegers = lender?.safeIntegers ?? false;
      this.#link = new Link(lender?.link);
      this.#link.number = number;
    } else {
      if (typeof path !== 'string') throw wrongType('first argument', 'a string');
      const { readonly, fileMustExist, timeout, verbose } = checkOpenOptions(options);
      this.#name = path;
      this.#memory = path.trim() === '' || path.trim() === ':memory:';
      this.#readonly = readonly;
      this.#verbose = verbose;
      this.#link = new Link();
      this.#link.number = native().sqliteOpen(path, process.cwd(), readonly, fileMustExist, timeout);
      if (this.#link.number === 0) throw lastFailure('open');
    }
    if (this.#link.lender === undefined) unreachableDatabases.register(this, this.#link, this);
  }

  /** The path as it was given. */
  get name(): string {
    return this.#name;
  }

  /** Whether it has not been closed. */
  get open(): boolean {
    return this.#link.open;
  }

  /** Whether it has no file. */
  get memory(): boolean {
    return this.#memory;
  }

  /** Whether it was opened for reading only. */
  get readonly(): boolean {
    return this.#readonly;
  }

  /** Whether a transaction is open. */
  get inTransaction(): boolean {
    return this.#link.inTransaction();
  }

  /**
   * Compile exactly one statement. Each call returns a new object.
   *
   * @throws {SqliteError} `SQLITE_ERROR` for SQL that does not compile.
   * @throws {RangeError} for no statement, or more than one.
   *
   * @example
   * const find = db.prepare<{ name: string }>('select name from users where id = ?');
   * find.get(1)?.name;
   */
  prepare<R = any>(sql: string): Statement<R> {
    if (typeof sql !== 'string') throw wrongType('first argument', 'a string');
    return this.#statement(native().sqlitePrepare(this.#link.number, sql, collect), sql, 'prepare');
  }

  /**
   * Run all statements of a text in order. It stops at the first error, and what ran before stays in effect.
   *
   * @throws {SqliteError}
   */
  exec(sql: string): this {
    if (typeof sql !== 'string') throw wrongType('first argument', 'a string');
    const status = native().sqliteExec(this.#link.number, sql, this.#verbose);
    if (status !== 0) throw lastFailure('exec');
    return this;
  }

  /**
   * Run `PRAGMA source`. Returns its rows as objects; with `simple` the first column of the first row, or `undefined`.
   *
   * @throws {SqliteError}
   *
   * @example
   * db.pragma('journal_mode = WAL');
   * db.pragma('user_version', { simple: true }); // 0
   */
  pragma(source: string, options: { simple?: boolean } = {}): any {
    if (typeof source !== 'string') throw wrongType('first argument', 'a string');
    if (typeof options !== 'object' || options === null) throw wrongType('second argument', 'an options object');
    const { simple = false } = options;
    if (typeof simple !== 'boolean') throw wrongType('the "simple" option', 'a boolean');
    const description = native().sqlitePragma(this.#link.number, source, collect);
    const statement = this.#statement(description, `PRAGMA ${source}`, 'pragma');
    try {
      return simple ? statement.pluck().get() : statement.all();
    } finally {
      statement.free();
    }
  }

  /**
   * Make a function that runs `fn` in a transaction, and passes on `this`, its arguments and its value. An exception
   * rolls back and is thrown on. Inside an open transaction it is a savepoint.
   *
   * @throws {TypeError} when called: "Transaction function cannot return a promise".
   *
   * @example
   * const insertAll = db.transaction((names: string[]) => {
   *   for (const name of names) insert.run(name);
   * });
   * insertAll(['Ada', 'Grace']);
   * insertAll.immediate(['Edsger']);
   */
  transaction<A extends unknown[], T>(fn: (...args: A) => T): Transaction<A, T> {
    if (typeof fn !== 'function') throw wrongType('first argument', 'a function');
    this.#link.assertOpen('transaction');
    return makeTransaction({ database: this, link: this.#link, steps: this.#steps, verbose: this.#verbose }, fn);
  }

  /** Have the statements that are prepared from now on give every integer as a bigint, or no longer. */
  defaultSafeIntegers(on = true): this {
    if (typeof on !== 'boolean') throw wrongType('first argument', 'a boolean');
    this.#link.assertOpen('defaultSafeIntegers');
    this.#safeIntegers = on;
    return this;
  }

  /**
   * Write a consistent copy to a new file, off the JavaScript thread; a database in memory is copied on it.
   *
   * @throws {RunledgerError} `ERR_FILE_EXISTS`, `ERR_DIRECTORY_MISSING`
   * @throws {SqliteError} for instance `SQLITE_BUSY`, `SQLITE_FULL`; no file is left then.
   */
  async backup(destination: string): Promise<{ totalPages: number; remainingPages: 0 }> {
    if (typeof destination !== 'string') throw wrongType('first argument', 'a string');
    if (destination.includes('\0') || ['', ':memory:'].includes(destination.trim())) {
      throw misuse(TypeError, 'ERR_INVALID_ARG_VALUE', `Invalid backup filename ${JSON.stringify(destination)}`);
    }
    const copied = await native().sqliteBackup(this.#link.number, resolve(destination.trim()));
    if (typeof copied !== 'number') throw toError(copied as FailureReport, 'backup');
    return { totalPages: copied, remainingPages: 0 };
  }

  /** Finalise all statements, roll back an open transaction, and let go of the file. May be called again. */
  close(): void {
    if (this.#link.number === 0) return;
    const status = native().sqliteClose(this.#link.number);
    if (status !== 0) throw lastFailure('close');
    this.#link.number = 0;
    unreachableDatabases.unregister(this);
  }

  /** The same as {@link Database.close}, for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #statement(description: Description | null, source: string, operation: string): PreparedStatement {
    if (description === null) throw lastFailure(operation);
    return new PreparedStatement({
      database: this,
      link: this.#link,
      verbose: this.#verbose,
      source,
      safeIntegers: this.#safeIntegers,
      description,
    });
  }
}
