import { native } from '../native.js';
import type { Database } from './database.js';
import { lastFailure, misuse } from './failure.js';
import { Access, How, type Link, Operation, Status } from './link.js';
import type { Transaction } from './types.js';

/** The steps of a transaction (src/sync_conn/transaction.rs). */
const Step = {
  deferred: 0,
  immediate: 1,
  exclusive: 2,
  commit: 3,
  rollback: 4,
  savepoint: 5,
  release: 6,
  rollbackTo: 7,
} as const;

/** What a transaction needs of its database. */
export interface Transacted {
  readonly database: Database;
  readonly link: Link;
  /** The native statements of the steps; made at first use. */
  readonly steps: (number | undefined)[];
  readonly verbose: ((sql: string) => void) | undefined;
}

/** A function that runs `fn` in a transaction, with its variants. */
export function makeTransaction<A extends unknown[], T>(
  transacted: Transacted,
  fn: (...args: A) => T,
): Transaction<A, T> {
  const variants = {
    default: wrap(transacted, fn, Step.deferred),
    deferred: wrap(transacted, fn, Step.deferred),
    immediate: wrap(transacted, fn, Step.immediate),
    exclusive: wrap(transacted, fn, Step.exclusive),
  };
  const properties: PropertyDescriptorMap = { database: { value: transacted.database, enumerable: true } };
  for (const [name, value] of Object.entries(variants)) properties[name] = { value };
  for (const variant of Object.values(variants)) Object.defineProperties(variant, properties);
  return variants.default as Transaction<A, T>;
}

function wrap<A extends unknown[], T>(transacted: Transacted, fn: (...args: A) => T, begin: number) {
  return function sqliteTransaction(this: unknown, ...args: A): T {
    const nested = transacted.link.inTransaction();
    takeStep(transacted, nested ? Step.savepoint : begin);
    try {
      const result = fn.apply(this, args);
      if (isThenable(result)) {
        // Nobody else will look at it.
        result.then(undefined, () => {});
        throw misuse(TypeError, 'ERR_INVALID_RETURN_VALUE', 'Transaction function cannot return a promise');
      }
      takeStep(transacted, nested ? Step.release : Step.commit);
      return result;
    } catch (error) {
      // Where SQLite has rolled back by itself, or the database was closed, nothing is left to undo.
      if (transacted.link.inTransaction()) {
        takeStep(transacted, nested ? Step.rollbackTo : Step.rollback);
        if (nested) takeStep(transacted, Step.release);
      }
      throw error;
    }
  };
}

/** Whether `await` would wait for it. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return Boolean(value) && typeof (value as { then?: unknown }).then === 'function';
}

function takeStep({ link, verbose, steps }: Transacted, step: number): void {
  const id = (steps[step] ??= native().sqliteControl(link.number, step) ?? undefined);
  if (id === undefined) throw lastFailure('transaction');
  if (verbose !== undefined && native().sqliteLog(link.number, id, Access.run, verbose) !== 0) {
    throw lastFailure('transaction');
  }
  link.call(Operation.run, id, How.bound, []);
  if ((link.numbers[0]! & Status.failed) !== 0) throw lastFailure('transaction');
}
