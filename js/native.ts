/**
 * The protocol between the facade and the native add-on. Nothing here is public.
 */
import type * as Generated from '../native.cjs';
import { loadAddOn } from './loader.js';
import type { MigrationPlanItem } from './cli/reports.js';
import type { DatabaseMetrics, QueryMetrics } from './types.js';

/** A failed call, as the core describes it; js/errors.ts makes the error object. */
export interface ErrorReport {
  class:
    | 'DatabaseError'
    | 'ConnectionError'
    | 'ValidationError'
    | 'QueryTimeoutError'
    | 'MigrationError'
    | 'AbortError'
    | 'DrizzleTelemetryConnectionError'
    | 'DrizzleTelemetryMigrationError';
  code: string;
  extendedCode?: string;
  /** Text for people, naming the method. */
  message: string;
  /** The bare reason, SQLite's own text for instance. */
  reason: string;
  field?: string;
  value?: unknown;
  index?: number;
  ruleId?: number;
  migration?: MigrationReport;
}

/** The facts of a `MigrationError`. */
export interface MigrationReport {
  code: string;
  message: string;
  module: string;
  version?: number;
  details: Record<string, unknown>;
}

/** Rows of one shape as columns. */
export interface RowChunk {
  /** Position in `decoders` of js/generated/rows.ts. */
  shape: number;
  /** Number of rows. */
  length: number;
  /** Integer, real and boolean columns, one after another. */
  numbers: Float64Array;
  /** 1 where the number in the same place is NULL; `null` if none is. */
  nulls: Uint8Array | null;
  /** Label columns, one after another: positions in `dictionaries`. */
  indices: Uint16Array;
  /** The values of each label column. */
  dictionaries: (string | null)[][];
  /** Text and JSON columns, one after another. */
  texts: (string | null)[];
}

/** The reply to micro-batched `insertEvent` calls. */
export interface InsertReply {
  /** Ids by position; NaN where the record failed. */
  ids: Float64Array;
  /** Milliseconds, by position. */
  createdAt: Float64Array;
  failures: [index: number, report: ErrorReport][];
}

/** Progress of a maintenance call. */
export interface Progress {
  operation: string;
  done: number;
  total: number | null;
}

/** A log line of a client. `fields.query` marks the lines of the query log. */
export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields?: Record<string, unknown>;
}

/** What a {@link Completion} is. */
export const CompletionKind = { done: 0, failed: 1, rows: 2, progress: 3, log: 4 } as const;

/** Something that has happened off the thread; for a log line `call` is the client's id. */
export type Completion = [call: number, kind: number, payload: unknown];

/** How `insertEvents` treats its records. */
export const InsertMode = { each: 0, rollback: 1, skip: 2, buffer: 3 } as const;

/** A generated type whose untyped payloads have the types of this page. */
type Typed<Generated, Narrowed extends { [Key in keyof Narrowed]: Key extends keyof Generated ? unknown : never }> = Omit<
  Generated,
  keyof Narrowed
> &
  Narrowed;

/** Carries completions to one JavaScript thread. */
export type NativeChannel = Typed<Generated.NativeChannel, { take(limit: number): Completion[] | null }>;

/** One client of one database file. No method throws or blocks; answers come through the channel. */
export type NativeClient = Typed<
  Generated.NativeClient,
  {
    metrics(): DatabaseMetrics;
    history(): QueryMetrics[];
    insertEvents(...args: Parameters<Generated.NativeClient['insertEvents']>): InsertReply | null;
  }
>;

/** Where a config is resolved. */
export interface Environment {
  nodeEnv: string | undefined;
  dbPath: string | undefined;
  debug: string | undefined;
  cwd: string;
}

/** A checked config with its defaults, and the absolute path that it means. */
export interface ResolvedConfig {
  config: Record<string, unknown>;
  path: string;
  /** Whether `getTelemetryDB` may keep the client. */
  registrable: boolean;
}

/** How a command on a file is answered; js/cli/reports.ts knows the reports. */
export type CommandAnswer = { report: unknown } | { error: ErrorReport };

/** What a verb works on, and how. */
export interface CommandRequest {
  /** Absolute path. */
  file: string;
  target?: string | undefined;
  allowDestructive?: boolean;
  dryRun?: boolean;
  busyTimeoutMs?: number;
}

/** Why a call of the synchronous connection failed; js/sqlite/failure.ts makes the error object. */
export interface FailureReport {
  class: 'TypeError' | 'RangeError' | 'SqliteError' | 'MigrationError' | 'RunledgerError';
  code: string;
  message: string;
  rawCode?: number;
  offset?: number;
  /** Of a `MigrationError`. */
  module?: string;
  version?: number;
  details?: Record<string, unknown>;
  cause?: FailureReport;
  /** Of `ERR_DIRECTORY`: the directory that could not be made, and the system's error by name. */
  path?: string;
  systemCode?: string;
}

/** The file of a module, opened (src/sync_conn/module_file.rs). */
export interface OpenedModule {
  /** For `adopt` of js/sqlite/database.ts. */
  connection: number;
  journalMode: 'wal' | 'delete' | 'memory';
  /** For `logger.warn`. */
  warnings: string[];
  /** What the migrations came to, set by set. */
  migrations?: MigrationPlanItem[][];
  /** In place of `migrations`: what stands against them. The connection is open all the same. */
  failure?: FailureReport;
}

/** The functions of the synchronous connection that napi generates. */
type GeneratedSqlite = Typed<
  Pick<typeof Generated, Extract<keyof typeof Generated, `sqlite${string}`>>,
  {
    sqlitePrepare(connection: number, sql: string, collect: Collect): Description | null;
    sqlitePragma(connection: number, source: string, collect: Collect): Description | null;
    sqliteBackup(connection: number, target: string): Promise<unknown> | unknown;
    sqliteFailure(): FailureReport;
  }
>;

/** Returns its arguments: how native code makes an array in one crossing. */
type Collect = (...values: unknown[]) => unknown[];

/** Number, reader, readonly, number of parameters, generation, and the names of the columns. */
export type Description = [
  id: number,
  reader: number,
  readonly: number,
  parameters: number,
  generation: number,
  ...names: string[],
];

/** The functions that src/node/sqlite/fast.rs registers by hand. */
interface FastSqlite {
  sqliteShare(): Float64Array;
  sqliteCall(collect: Collect, ...values: unknown[]): unknown;
}

/** What `native.cjs` exports. */
export interface NativeModule extends GeneratedSqlite, FastSqlite {
  resolveConfig(config: unknown, environment: Environment): ResolvedConfig | { error: ErrorReport };
  runCommand(module: string, verb: string, request: CommandRequest): CommandAnswer;
  diagnose(path: string | null, required: boolean): CommandAnswer;
  backupDatabase(
    source: string,
    target: string,
    onProgress?: (copied: number, total: number) => void,
  ): CommandAnswer;
  openDatabase(path: string): OpenedModule | null;
  NativeChannel: new (onReady: () => void) => NativeChannel;
  NativeClient: new (
    channel: NativeChannel,
    config: Record<string, unknown>,
    path: string,
    clientId: number,
  ) => NativeClient;
}

let loaded: NativeModule | undefined;

/** The add-on, loaded at first use, so that importing the package costs nothing. */
export function native(): NativeModule {
  loaded ??= loadAddOn() as NativeModule;
  return loaded;
}
