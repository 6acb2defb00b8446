/**
 * From the arguments of a call to the parameters of a statement.
 */
import { native } from '../native.js';
import { lastFailure } from './failure.js';
import { type Handle, MOST_VALUES, NUMBERS } from './link.js';

/** What the arguments of a call are. */
export const Kind = { numbers: 0, values: 1, mixed: 2 } as const;

/** Tell what the arguments are; numbers are put where native code reads them. */
export function stage(args: readonly unknown[], numbers: Float64Array): number {
  let kind: number = args.length > MOST_VALUES ? Kind.values : Kind.numbers;
  for (let i = 0; i < args.length; i++) {
    const value = args[i];
    if (typeof value === 'number') {
      if (kind === Kind.numbers) numbers[NUMBERS + i] = value;
    } else if (isObject(value)) {
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

/** What an argument is, for native code (src/node/sqlite/arguments.rs). */
const Given = { positional: 0, secondObject: 2 ** 31 - 1, otherObject: -(2 ** 31) } as const;

/**
 * Bind any arguments. `names` gives the names of the statement's parameters, with their signs.
 *
 * All of the caller's code that can run here (getters, proxies) runs before native code is entered.
 */
export function bindArguments(
  handle: Handle,
  access: number,
  args: readonly unknown[],
  names: () => readonly (string | null | undefined)[],
  operation: string,
): void {
  const kinds: number[] = [];
  const values: unknown[] = [];
  const push = (kind: number, value?: unknown) => {
    kinds.push(kind);
    values.push(value);
  };
  let object = false;
  for (const value of args) {
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) push(Given.positional, value[i]);
    } else if (!isObject(value)) {
      push(Given.positional, value);
    } else if (isPlain(value)) {
      if (object) {
        push(Given.secondObject);
        break;
      }
      object = true;
      pushMembers(value as Record<string, unknown>, names(), push);
    } else if (names().some(isName)) {
      push(Given.otherObject);
      break;
    } else {
      push(Given.positional, value);
    }
  }
  // That code may have iterated the statement, which then has another number.
  const status = native().sqliteBind(handle.link.number, handle.id, access, object, kinds, values);
  if (status !== 0) throw lastFailure(operation);
}

/** The members of an object that parameters are named after, and the parameters that it has none for. */
function pushMembers(
  object: Record<string, unknown>,
  names: readonly (string | null | undefined)[],
  push: (kind: number, value?: unknown) => void,
): void {
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (!isName(name)) continue;
    const key = name.slice(1);
    if (Object.prototype.hasOwnProperty.call(object, key)) push(i + 1, object[key]);
    else push(-(i + 1));
  }
}

/** Whether it is an object that is no value of SQLite's. */
function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) || typeof value === 'function';
}

function isName(name: string | null | undefined): name is string {
  return typeof name === 'string';
}

function isPlain(value: object): boolean {
  if (typeof value === 'function') return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // The prototype of another realm's objects has no prototype itself.
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}
