/**
 * Cells in and out, as the generated codecs use them.
 */

/** Stands for a value that could not be serialised; native code sees a symbol, which no column takes. */
export const INVALID = Symbol('invalid');

/** Whether `value` can be read as a record. */
export function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A cell of a JSON column: objects as their `JSON.stringify`, anything else as it is. */
export function jsonCell(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  try {
    return JSON.stringify(value) ?? INVALID;
  } catch {
    return INVALID;
  }
}

/** A cell of a time that may also be a number of milliseconds. */
export function timeCell(value: unknown): unknown {
  return typeof value === 'number' ? value : dateCell(value);
}

/** A JSON column under `metadataFormat: 'object'`: objects and arrays parsed, other text as it is. */
export function jsonOutput(text: string | null): unknown {
  if (text === null || !/^[ \t\n\r]*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A given text as SQLite gives it back: lone surrogates are U+FFFD, what was not given is null. */
export function textOutput(value: unknown): string | null {
  return typeof value === 'string' ? value.toWellFormed() : null;
}

/** A cell of a time column: the milliseconds of a `Date`, `NaN` for anything else that is given. */
export function dateCell(value: unknown): unknown {
  if (value === undefined || value === null) return value;
  try {
    // Also one of another realm; it throws for everything else.
    return Date.prototype.getTime.call(value);
  } catch {
    return NaN;
  }
}
