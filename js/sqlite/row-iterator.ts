import { native } from '../native.js';
import { lastFailure } from './failure.js';
import { How, type Link, Operation, Status } from './link.js';
import { firstRow, type Mode } from './rows.js';

const NONE: readonly unknown[] = [];

/** What an iterator needs of its statement. */
export interface Iterated {
  readonly link: Link;
  readonly id: number;
  readonly how: number;
  readonly mode: Mode;
  /** The names of the columns in a generation of the statement. */
  names(generation: number): readonly string[];
  /** The iteration has ended. */
  ended(): void;
}

/** The rows of a statement, read one by one. */
export class RowIterator<R> implements IterableIterator<R> {
  #iterated: Iterated | undefined;

  constructor(iterated: Iterated) {
    this.#iterated = iterated;
  }

  /** The next row. @throws {SqliteError} and ends. */
  next(): IteratorResult<R, undefined> {
    const iterated = this.#iterated;
    if (iterated === undefined) return { value: undefined, done: true };
    const { link, id, how, mode } = iterated;
    const value = link.call(Operation.resume, id, how | (1 << How.shift), NONE);
    const status = link.numbers[0]!;
    if ((status & Status.more) === 0) {
      this.#end();
      if ((status & Status.failed) !== 0) throw lastFailure('iterate');
    }
    if ((status & Status.rows) === 0) return { value: undefined, done: true };
    const names = iterated.names(link.numbers[2]!);
    return { value: firstRow(mode, names, status, value, link.numbers) as R, done: false };
  }

  /** End early; `for…of` calls it on `break` and on an exception. */
  return(value?: unknown): IteratorResult<R, undefined> {
    const iterated = this.#iterated;
    if (iterated !== undefined) {
      const status = native().sqliteStop(iterated.link.number, iterated.id);
      if ((status & Status.failed) !== 0) throw lastFailure('iterate');
      this.#end();
    }
    return { value: value as undefined, done: true };
  }

  [Symbol.iterator](): this {
    return this;
  }

  #end(): void {
    this.#iterated?.ended();
    this.#iterated = undefined;
  }
}
