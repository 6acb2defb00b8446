/**
 * What a database shares with its statements and iterators.
 */
import { collect, native, type NativeModule } from '../native.js';
import { lastFailure } from './failure.js';

/** What a fast call does (src/node/sqlite/mod.rs). */
export const Operation = { run: 0, query: 1, resume: 2, inTransaction: 3 } as const;

/** Bits of its answer. */
export const Status = { rows: 1, more: 2, failed: 8, single: 16, number: 32 } as const;

/** Bits of how to run or read; above them how many numbers, and above those how many rows are wanted now. */
export const How = {
  safeIntegers: 1,
  pluck: 2,
  first: 4,
  bound: 8,
  list: 16,
  byIndex: 32,
  numbers: 64,
  shiftNumbers: 7,
  shift: 11,
} as const;

/** What is done with a statement (src/node/sqlite/statement.rs). */
export const Access = { run: 0, read: 1, later: 2 } as const;

/** As many values cross as arguments, or as shared numbers (src/node/sqlite/fast.rs); more cross in an array. */
export const MOST_VALUES = 12;

/** Position of the first value among the shared numbers. */
export const NUMBERS = 4;

/** The number of a connection that was lent to a migration, after its end (src/node/sqlite/table.rs). */
export const FINISHED = 2 ** 32 - 1;

/** A native connection: its number, 0 when it is closed, and at hand what is called most. */
export class Link {
  number = 0;
  /** Whose connection it is, if it was lent. */
  readonly lender: Link | undefined;
  /** To whom it is lent. */
  borrower: Link | undefined;
  /**
   * What this thread shares with native code. Before a call: connection, statement, operation, how, and values that are
   * numbers. After it: its status and numbers.
   */
  readonly numbers: Float64Array;
  readonly #call: NativeModule['sqliteCall'];

  constructor(lender?: Link) {
    this.lender = lender;
    const { sqliteShare, sqliteCall } = native();
    this.numbers = sqliteShare();
    this.#call = sqliteCall;
  }

  /** Run or read; `values` are those of the statement. Nothing else may happen between staging numbers and this. */
  call(operation: number, statement: number, how: number, values: readonly unknown[]): unknown {
    const { numbers } = this;
    const call = this.#call;
    numbers[0] = this.number;
    numbers[1] = statement;
    numbers[2] = operation;
    numbers[3] = how;
    switch (values.length) {
      case 0:
        return call(collect);
      case 1:
        return call(collect, values[0]);
      case 2:
        return call(collect, values[0], values[1]);
      case 3:
        return call(collect, values[0], values[1], values[2]);
      default:
        return call(collect, ...values);
    }
  }

  /** Whether it can be used. */
  get open(): boolean {
    return this.number !== 0 && this.number !== FINISHED;
  }

  /** @throws {TypeError} `ERR_NOT_OPEN` */
  assertOpen(operation: string): void {
    if (!this.open && native().sqliteCheck(this.number, null, Access.later) !== 0) throw lastFailure(operation);
  }

  /** Whether a transaction is open. */
  inTransaction(): boolean {
    this.call(Operation.inTransaction, 0, 0, []);
    return this.numbers[0] === 1;
  }
}

/** A statement of native code. It must not lead to the object that has it: no database, no callback of the caller's. */
export interface Handle {
  readonly link: Link;
  id: number;
}

/** Free a statement; one that was lent also when it can be used no more. */
export function free({ link, id }: Handle): void {
  const { number } = link.lender ?? link;
  if (number !== 0) native().sqliteFree(number, id);
}

/** Frees statements that nobody can reach any more. */
export const unreachableStatements = new FinalizationRegistry<Handle>(free);

/** Closes databases that nobody can reach any more. */
export const unreachableDatabases = new FinalizationRegistry<Link>((link) => {
  if (link.number === 0) return;
  native().sqliteAbandon(link.number);
  link.number = 0;
});
