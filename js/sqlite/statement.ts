import { type Description, native } from '../native.js';
import { bindArguments, Kind, stage, valuesByIndex } from './binding.js';
import type { Database } from './database.js';
import { lastFailure, misuse, wrongType } from './failure.js';
import { Access, free, type Handle, How, type Link, MOST_VALUES, Operation, Status, unreachableStatements } from './link.js';
import { RowIterator } from './row-iterator.js';
import { appendRows, firstRow, Mode } from './rows.js';
import type { BindArgs, ColumnInfo, RunResult, Statement } from './types.js';

/** As many rows as fit into one delivery. */
const MANY = 1 << 16;
const NONE: readonly unknown[] = [];

/** What a statement is made of: the connection, and what native code has delivered. */
export interface Compiled {
  database: Database;
  link: Link;
  verbose: ((sql: string) => void) | undefined;
  source: string;
  safeIntegers: boolean;
  description: Description;
}

/** {@link Statement} over a native statement's number. */
export class PreparedStatement<R = any> implements Statement<R> {
  readonly source: string;
  readonly reader: boolean;
  readonly readonly: boolean;
  readonly #database: Database;
  readonly #link: Link;
  readonly #handle: Handle;
  readonly #verbose: ((sql: string) => void) | undefined;
  #names: readonly string[];
  #generation: number;
  #parameters: readonly (string | null | undefined)[] | undefined;
  #mode: Mode = Mode.object;
  #how: number;
  #bound = false;
  #busy = false;

  constructor({ database, link, verbose, source, safeIntegers, description }: Compiled) {
    const [id, reader, readonly, parameters, generation, ...names] = description;
    this.source = source;
    this.reader = reader === 1;
    this.readonly = readonly === 1;
    this.#database = database;
    this.#link = link;
    this.#verbose = verbose;
    this.#handle = { link, id };
    this.#names = names;
    this.#generation = generation;
    if (parameters === 0) this.#parameters = [];
    this.#how = safeIntegers ? How.safeIntegers : 0;
    unreachableStatements.register(this, this.#handle, this);
  }

  get database(): Database {
    return this.#database;
  }

  get busy(): boolean {
    return this.#busy;
  }

  run(...args: BindArgs): RunResult {
    const rowid = this.#call(Operation.run, 'run', 0, args);
    const { numbers } = this.#link;
    const changes = numbers[1]!;
    return { changes, lastInsertRowid: numbers[0] === Status.single ? (rowid as bigint) : numbers[2]! };
  }

  get(...args: BindArgs): R | undefined {
    const value = this.#call(Operation.query, 'get', How.first, args);
    const { numbers } = this.#link;
    const status = numbers[0]!;
    if ((status & Status.rows) === 0) return undefined;
    return firstRow(this.#mode, this.#namesOf(numbers[2]!), status, value, numbers) as R;
  }

  all(...args: BindArgs): R[] {
    const rows: unknown[] = [];
    const value = this.#call(Operation.query, 'all', MANY << How.shift, args);
    const status = this.#link.numbers[0]!;
    this.#append(rows, status, value);
    if ((status & Status.more) !== 0) this.#readOn(rows);
    return rows as R[];
  }

  iterate(...args: BindArgs): IterableIterator<R> {
    if (this.reader) this.#claim('iterate', false);
    // No row yet: the statement is bound and busy, and reads when it is asked.
    this.#call(Operation.query, 'iterate', 0, args);
    this.#busy = true;
    return new RowIterator<R>({
      link: this.#link,
      id: this.#handle.id,
      how: this.#how,
      mode: this.#mode,
      names: (generation) => this.#namesOf(generation),
      ended: () => {
        this.#busy = false;
      },
    });
  }

  raw(on = true): this {
    return this.#setMode('raw', Mode.raw, on);
  }

  pluck(on = true): this {
    return this.#setMode('pluck', Mode.pluck, on);
  }

  safeIntegers(on = true): this {
    this.#check('safeIntegers', Access.later);
    if (typeof on !== 'boolean') throw wrongType('first argument', 'a boolean');
    this.#how = on ? this.#how | How.safeIntegers : this.#how & ~How.safeIntegers;
    return this;
  }

  bind(...args: BindArgs): this {
    this.#link.assertOpen('bind');
    if (this.#bound) {
      throw misuse(
        TypeError,
        'ERR_ALREADY_BOUND',
        'The bind() method can only be invoked once per statement object',
      );
    }
    this.#check('bind', Access.later);
    this.#claim('bind', true);
    bindArguments(this.#handle, Access.later, args, this.#parameterNames, 'bind');
    this.#bound = true;
    return this;
  }

  columns(): ColumnInfo[] {
    this.#assertReader('columns');
    const columns = native().sqliteColumns(this.#link.number, this.#handle.id);
    if (columns === null) throw lastFailure('columns');
    return columns.map(([name, column, table, database, type]) => ({
      name: name!,
      column: column ?? null,
      table: table ?? null,
      database: database ?? null,
      type: type ?? null,
    }));
  }

  /** Let go of it at once; for a statement that nobody else has. */
  free(): void {
    unreachableStatements.unregister(this);
    free(this.#handle);
  }

  /** Run, or begin to read. Returns the first cells; the status is among the shared numbers. */
  #call(operation: number, name: string, amount: number, args: BindArgs): unknown {
    const link = this.#link;
    let how = this.#how | amount;
    let values: readonly unknown[] = args;
    const kind = this.#bound || this.#verbose !== undefined ? Kind.mixed : stage(args, link.numbers);
    if (kind === Kind.numbers) {
      how |= How.numbers | (args.length << How.shiftNumbers);
      values = NONE;
    } else if (kind === Kind.mixed) {
      const named = this.#bound || this.#verbose !== undefined ? undefined : valuesByIndex(args, this.#parameterNames());
      if (named === undefined) {
        this.#ready(name, operation === Operation.run ? Access.run : Access.read, args);
        how |= How.bound;
        values = NONE;
      } else {
        how |= How.byIndex;
        values = named;
      }
    }
    if (values.length > MOST_VALUES) {
      how |= How.list;
      values = [values];
    }
    const value = link.call(operation, this.#handle.id, how, values);
    if ((link.numbers[0]! & Status.failed) !== 0) throw lastFailure(name);
    return value;
  }

  /** Read all rows that are left. Code of the caller's can run only where somebody has put setters on objects. */
  #readOn(rows: unknown[]): void {
    const link = this.#link;
    let status: number = Status.more;
    this.#busy = true;
    try {
      while ((status & Status.more) !== 0) {
        const value = link.call(Operation.resume, this.#handle.id, this.#how | (MANY << How.shift), NONE);
        status = link.numbers[0]!;
        if ((status & Status.failed) !== 0) throw lastFailure('all');
        this.#append(rows, status, value);
      }
    } finally {
      this.#busy = false;
      if ((status & Status.more) !== 0) native().sqliteStop(link.number, this.#handle.id);
    }
  }

  #append(rows: unknown[], status: number, value: unknown): void {
    if ((status & Status.rows) === 0) return;
    const { numbers } = this.#link;
    const names = this.#namesOf(numbers[2]!);
    if ((status & Status.single) === 0) appendRows(rows, this.#mode, names, value as unknown[]);
    else rows.push(firstRow(this.#mode, names, status, value, numbers));
  }

  /** Bind what is not bound for good, and tell the text: what a plain call need not do. */
  #ready(operation: string, access: number, args: BindArgs): void {
    this.#check(operation, access);
    if (!this.#bound) {
      bindArguments(this.#handle, access, args, this.#parameterNames, operation);
    } else if (args.length > 0) {
      throw misuse(TypeError, 'ERR_ALREADY_BOUND', 'This statement already has bound parameters');
    }
    if (this.#verbose === undefined) return;
    const status = native().sqliteLog(this.#link.number, this.#handle.id, access, this.#verbose);
    if (status !== 0) throw lastFailure(operation);
  }

  #parameterNames = (): readonly (string | null | undefined)[] => {
    this.#parameters ??= native().sqliteParameters(this.#link.number, this.#handle.id) ?? undefined;
    if (this.#parameters === undefined) throw lastFailure('bind');
    return this.#parameters;
  };

  /** The names of the columns. They are asked again when SQLite had to compile the statement again. */
  #namesOf(generation: number): readonly string[] {
    if (generation !== this.#generation) {
      this.#names = native().sqliteNames(this.#link.number, this.#handle.id) ?? this.#names;
      this.#generation = generation;
    }
    return this.#names;
  }

  /** Have the native statement to itself: until now it may be that of all who have prepared the same text. */
  #claim(operation: string, forGood: boolean): void {
    const id = native().sqliteClaim(this.#link.number, this.#handle.id, forGood);
    if (id === null) throw lastFailure(operation);
    if (id === this.#handle.id) return;
    this.#handle.id = id;
    // Compiled again: its generations are counted anew.
    this.#generation = -1;
  }

  #setMode(method: string, mode: Mode, on: boolean): this {
    this.#assertReader(method);
    this.#check(method, Access.later);
    if (typeof on !== 'boolean') throw wrongType('first argument', 'a boolean');
    const pluck = mode === Mode.pluck;
    if (on) this.#mode = mode;
    else if (this.#mode === mode) this.#mode = Mode.object;
    else return this;
    this.#how = on && pluck ? this.#how | How.pluck : this.#how & ~How.pluck;
    return this;
  }

  #assertReader(method: string): void {
    this.#link.assertOpen(method);
    if (this.reader) return;
    throw misuse(
      TypeError,
      'ERR_NOT_A_READER',
      `The ${method}() method is only for statements that return data`,
    );
  }

  #check(operation: string, access: number): void {
    const status = native().sqliteCheck(this.#link.number, this.#handle.id, access);
    if (status !== 0) throw lastFailure(operation);
  }
}
