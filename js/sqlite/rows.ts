/**
 * From delivered cells to rows.
 */

import { Status } from './link.js';

/** What a row becomes. */
export const Mode = { object: 0, raw: 1, pluck: 2 } as const;
export type Mode = (typeof Mode)[keyof typeof Mode];

/** The row whose cells begin at `at`. */
export function rowOf(mode: Mode, names: readonly string[], cells: unknown[], at: number): unknown {
  switch (mode) {
    case Mode.object:
      return objectOf(names, cells, at);
    case Mode.raw:
      return at === 0 && cells.length === names.length ? cells : cells.slice(at, at + names.length);
    case Mode.pluck:
      return cells[at];
  }
}

/** The first row of an answer: cells, or a single cell, which is among the shared numbers if it is one. */
export function firstRow(
  mode: Mode,
  names: readonly string[],
  status: number,
  value: unknown,
  numbers: Float64Array,
): unknown {
  if ((status & Status.single) === 0) return rowOf(mode, names, value as unknown[], 0);
  const cell = (status & Status.number) === 0 ? value : numbers[1];
  return mode === Mode.pluck ? cell : rowOf(mode, names, [cell], 0);
}

/** Append all rows of the delivered cells. */
export function appendRows(rows: unknown[], mode: Mode, names: readonly string[], cells: unknown[]): void {
  const width = mode === Mode.pluck ? 1 : names.length;
  for (let at = 0; at < cells.length; at += width) rows.push(rowOf(mode, names, cells, at));
}

/**
 * A plain object. Assigning by name in the order of the columns is what engines do best without generated code; of two
 * columns of one name the last wins.
 */
function objectOf(names: readonly string[], cells: readonly unknown[], at: number): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (let i = 0; i < names.length; i++) {
    const name = names[i]!;
    if (name === '__proto__') defineProto(row, cells[at + i]);
    else row[name] = cells[at + i];
  }
  return row;
}

/** Assigning it would replace the prototype; defining it makes it a key like any other. */
function defineProto(row: object, value: unknown): void {
  Object.defineProperty(row, '__proto__', { value, enumerable: true, configurable: true, writable: true });
}
