/**
 * From the arguments of a call to the parameters of a statement.
 */
import { native } from '../native.js';
import { lastFailure, misuse } from './failure.js';
import { type Link, MOST_VALUES, NUMBERS, Status } from './link.js';

/** What the arguments of a call are. */
export const Kind = { numbers: 0, values: 1, mixed: 2 } as const;

/** Tell what the arguments are; numbers are put where native code reads them. */
export function stage(args: readonly unknown[], numbers: Float64Array): number {
  let kind: number = args.length > MOST_VALUES ? Kind.values : Kind.numbers;
  for (let i = 0; i < args.length; i++) {
    const value = args[i];
    if (typeof value === 'number') {
      if (kind === Kind.numbers) numbers[NUMBERS + i] = value;
    } else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
      return Kind.mixed;
    } else {
      kind = Kind.values;
    }
  }
  return kind;
}

/**
 * The values of all parameters in the order of their indexes, if each has a name and the only argument is an object that
 * has them all. A statement is nearly always used that way, if it has names at all.
 */
export function valuesByIndex(
  args: readonly unknown[],
  names: readonly (string | null | undefined)[],
): unknown[] | undefined {
  const [object] = args;
  if (args.length !== 1 || typeof object !== 'object' || object === null || Array.isArray(object)) return undefined;
  if (names.length === 0 || !isPlain(object)) return undefined;
  const values: unknown[] = [];
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (!isName(name)) return undefined;
    const key = name.slice(1);
    if (!Object.prototype.hasOwnProperty.call(object, key)) return undefined;
    values.push((object as Record<string, unknown>)[key]);
  }
  return values;
}

/**
 * Bind any arguments. `names` gives the names of the statement's parameters, with their signs.
 *
 * All of the caller's code that can run here (getters, proxies) runs before native code is entered.
 */
export function bindArguments(
  link: Link,
  id: number,
  access: number,
  args: readonly unknown[],
  names: () => readonly (string | null | undefined)[],
  operation: string,
): void {
  const positional: unknown[] = [];
  let named: Named | undefined;
  for (const value of args) {
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) positional.push(value[i]);
    } else if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) {
      positional.push(value);
    } else if (isPlain(value)) {
      if (named !== undefined) {
        throw misuse(
          TypeError,
          'ERR_INVALID_ARG_VALUE',
          'You cannot specify named parameters in two different objects',
        );
      }
      named = membersOf(value as Record<string, unknown>, names());
    } else if (names().some(isName)) {
      throw misuse(TypeError, 'ERR_INVALID_ARG_TYPE', 'Named parameters can only be passed within plain objects');
    } else {
      positional.push(value);
    }
  }
  const status = native().sqliteBind(link.number, id, access, positional, named?.indexes, named?.values);
  if ((status & Status.failed) !== 0) throw lastFailure(operation);
}

interface Named {
  indexes: number[];
  values: unknown[];
}

/** The members of an object that a parameter is named after. */
function membersOf(object: Record<string, unknown>, names: readonly (string | null | undefined)[]): Named {
  const named: Named = { indexes: [], values: [] };
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (!isName(name)) continue;
    const key = name.slice(1);
    if (!Object.prototype.hasOwnProperty.call(object, key)) continue;
    named.indexes.push(i + 1);
    named.values.push(object[key]);
  }
  return named;
}

function isName(name: string | null | undefined): name is string {
  return typeof name === 'string';
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // The prototype of another realm's objects has no prototype itself.
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}
