/**
 * Words that the other types are made of.
 */
import type { SessionStatus } from '../generated/rows.js';

/** A status for session methods: `createSession` and `updateSession` store any non-blank text up to 64 characters. */
export type SessionStatusInput = SessionStatus | 'error' | (string & {});

/** How JSON columns are read: `'text'` as stored, `'object'` parsed where the text is a JSON object or array. */
export type MetadataFormat = 'text' | 'object';

/** A value for a JSON column: an object or array is stored as its `JSON.stringify`, a string as it is. */
export type JsonInput = string | object | null;

/** A value of a JSON column as it is read under the {@link MetadataFormat} `F`. */
export type JsonOutput<F> = F extends 'object' ? string | Record<string, any> | any[] | null : string | null;

/** Where log lines go; `console` is one. A method that throws is ignored. */
export interface Logger {
  debug?(message: string, fields?: Record<string, unknown>): void;
  info?(message: string, fields?: Record<string, unknown>): void;
  warn?(message: string, fields?: Record<string, unknown>): void;
  error?(message: string, fields?: Record<string, unknown>): void;
}
