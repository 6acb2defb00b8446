/**
 * The protocol between the facade and the native add-on. Nothing here is public.
 */
import type * as Generated from '../native.cjs';
import { loadAddOn } from './loader.js';
import type { MigrationPlanItem, ValidationReport } from './migration/reports.js';
import type { DatabaseMetrics, QueryMetrics } from './types.js';

/** A failed call, as the core describes it; js/errors.ts makes the error object. */
export interface ErrorReport {
  /** By name; each module has constructors for its own. */
  class: string;
  code: string;
  extendedCode?: string;
  /** Text for people, naming the method. */
  message: string;
  /** The bare reason, SQLite's own text for instance, where the message is not the reason itself. */
  reason?: string;
  /** The code of the reason, where it is neither SQLite's nor that of the failure. */
  reasonCode?: string;
  field?: string;
  value?: unknown;
  index?: number;
  ruleId?: number;
  /** Further facts, by the names of the module's contract. */
  details?: Record<string, unknown>;
  migration?: MigrationReport;
}

/** The facts of a `MigrationError`. */
export interface MigrationReport {
  code: string;
  message: string;
  module: string;
  version?: number;
  details: Record<string, unknown>;
  /** What SQLite said, where it was the reason. */
  cause?: { code: string; message: string; rawCode: number };
}

/** Rows of one shape, as `NativeChannel.take` brings them; valid until it is called again. */
export interface RowChunk {
  /** Position in `decoders` of js/generated/rows.ts. */
  shape: number;
  /** Number of rows. */
  length: number;
  /** Behind the {@link Head} the numbers of the rows, one row after the other, 0 for NULL. */
  numbers: Float64Array;
  /** The same memory; behind the numbers stand the labels of the rows: positions in `cells`. */
  labels: Uint16Array;
  /** The same memory; behind the labels stands a 1 for each number that is NULL. */
  bytes: Uint8Array;
  /** Whether there is one. */
  nulls: boolean;
  /** The values of the labels, and from `texts` on the texts of the rows. */
  cells: unknown[];
  /** Where the first text stands. */
  texts: number;
}

/** The place of each of the eight numbers about a completion (`Memory` of src/node/output.rs); for `tooSmall` `call` is the size that is needed, bytes. */
export const Head = { more: 0, call: 1, kind: 2, shape: 3, length: 4, nulls: 5, texts: 6 } as const;

/** What calls that crossed together have come to; those that are not among the failures have succeeded. */
export interface BatchReply {
  failures: [index: number, report: ErrorReport][];
}

/** The same of inserted events. */
export interface InsertReply extends BatchReply {
  /** Ids by position; NaN where the record failed. */
  ids: Float64Array;
  /** Milliseconds, by position. */
  createdAt: Float64Array;
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

/** What `NativeChannel.take` has brought; `last` is the end of a call with its last rows; with `lost` it has thrown. */
export const CompletionKind = {
  done: 0,
  failed: 1,
  rows: 2,
  progress: 3,
  log: 4,
  last: 5,
  nothing: 6,
  tooSmall: 7,
  lost: 8,
} as const;

/** Returns its arguments: how native code makes an array in one crossing. */
export const collect = (...values: unknown[]): unknown[] => values;

/** How `insertEvents` treats its records. */
export const InsertMode = { each: 0, rollback: 1, skip: 2, buffer: 3 } as const;

/** A generated type whose untyped payloads have the types of this page. */
type Typed<Generated, Narrowed extends { [Key in keyof Narrowed]: Key extends keyof Generated ? unknown : never }> = Omit<
  Generated,
  keyof Narrowed
> &
  Narrowed;

/** Carries completions to one JavaScript thread. */
export type NativeChannel = Typed<Generated.NativeChannel, { take(memory: Uint8Array, collect: Collect): unknown }>;

/** One client of one database file. No method throws or blocks; answers come through the channel. */
export type NativeClient = Typed<
  Generated.NativeClient,
  {
    metrics(): DatabaseMetrics;
    history(): QueryMetrics[];
    closed(method: string): ErrorReport;
    insertEvents(...args: Parameters<Generated.NativeClient['insertEvents']>): InsertReply | null;
  }
>;

/** Where a config of instances is resolved. */
export interface InstancesEnvironment {
  nodeEnv: string | undefined;
  encryptionKey: string | undefined;
  cwd: string;
}

/** A config of instances as it may be shown, and the absolute path that it means or why it means none. */
export type ResolvedInstancesConfig = { shown: Record<string, unknown> } & (
  | { path: string; error?: undefined }
  | { error: ErrorReport }
);

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
  /** Status and validate: migrations in place of the built-in ones. */
  migrations?: unknown;
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
  /** Not where it is only read. */
  journalMode?: 'wal' | 'delete' | 'memory';
  /** For `logger.warn`. */
  warnings: string[];
  /** What the migrations came to, set by set. */
  migrations?: AppliedReport[];
  /** In place of `migrations`: what stands against them. The connection is open all the same. */
  failure?: FailureReport;
}

/** How a module opens a file that it only works with as its migrations want it. */
export type OpeningAnswer = { opened: OpenedModule } | { error: ErrorReport };

/** How a method of usage is answered. */
export interface UsageAnswer {
  value?: unknown;
  rows?: UsageRows;
  error?: ErrorReport;
}

/** Rows, their cells one after another. */
export interface UsageRows {
  columns: string[];
  cells: unknown[];
}

/** A migration in SQL. */
export interface SqlMigration {
  version: number;
  name: string;
  up: string;
  down: string | null;
  destructive: boolean;
  foreignKeys: boolean;
}

/** A migration in a directory; a file that is not SQL has to be loaded. */
export interface FoundMigration {
  file: string;
  version: number;
  sql: SqlMigration | null;
}

/** A row of the journal. */
export interface JournalRow {
  module: string;
  version: number;
  name: string;
  checksum: string | null;
  destructive: boolean;
  /** Milliseconds since 1970. */
  appliedAt: number;
  executionMs: number;
}

/** What applying migrations has done. */
export interface AppliedReport {
  prepared: { converted: boolean; adopted: number | null; warnings: string[] };
  items: MigrationPlanItem[];
}

/** What the caller of a migration has to do: call the function of this version; otherwise it is over, or (null) failed. */
export type NextStep<Report> = number | Report | null;

/** The functions of migrations that napi generates. */
type GeneratedMigration = Typed<
  Pick<typeof Generated, Extract<keyof typeof Generated, `migration${string}`>>,
  {
    migrationApply(...args: Parameters<typeof Generated.migrationApply>): NextStep<AppliedReport>;
    migrationRollBack(...args: Parameters<typeof Generated.migrationRollBack>): NextStep<JournalRow[]>;
    migrationRollBackOnly(...args: Parameters<typeof Generated.migrationRollBackOnly>): NextStep<JournalRow[]>;
    migrationResume(...args: Parameters<typeof Generated.migrationResume>): NextStep<any>;
    migrationJournal(connection: number, module: string): JournalRow[] | null;
    migrationValidate(connection: number, modules: [module: string, list: unknown][]): ValidationReport | null;
    migrationBuiltIn(module: string): SqlMigration[] | null;
    migrationFind(dir: string): FoundMigration[] | null;
  }
>;

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

type Collect = typeof collect;

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
export interface NativeModule extends GeneratedSqlite, FastSqlite, GeneratedMigration {
  resolveConfig(config: unknown, environment: Environment): ResolvedConfig | { error: ErrorReport };
  resolveInstancesConfig(config: unknown, environment: InstancesEnvironment): ResolvedInstancesConfig;
  defaultInstancesConfig(environment: InstancesEnvironment): unknown;
  runCommand(module: string, verb: string, request: CommandRequest): CommandAnswer;
  diagnose(path: string | null, required: boolean): CommandAnswer;
  backupDatabase(
    source: string,
    target: string,
    onProgress?: (copied: number, total: number) => void,
  ): CommandAnswer;
  continuesBuiltIn(module: string, migrations: unknown): boolean | null;
  openDatabase(path: string, module: string, migrations: unknown, readonly: boolean): OpenedModule | null;
  openUsage(path: string): OpeningAnswer;
  checkUsageMigrations(list: unknown): number;
  callUsage(connection: number, method: string, create: boolean, args: unknown[]): UsageAnswer;
  openAnalytics(path: string, migrate: boolean): OpeningAnswer;
  NativeChannel: new (onReady: () => void) => NativeChannel;
  NativeClient: new (
    channel: NativeChannel,
    module: string,
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
