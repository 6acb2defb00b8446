/**
 * What the migration engine reports, in every module and on the command line.
 */

/** One difference between a file before and after a migration. */
export interface MigrationChange {
  /** What happened; `'rows'`: a table that existed has another number of rows. */
  kind: 'create' | 'drop' | 'alter' | 'rows';
  /** To what. */
  object: 'table' | 'column' | 'index' | 'view' | 'trigger';
  /** Its name. */
  name: string;
  /** The table of a column, an index or a trigger. */
  table?: string;
  /** Rows before, for `'rows'`. */
  before?: number;
  /** Rows after, for `'rows'`. */
  after?: number;
}

/** One migration of a run or a dry run. */
export interface MigrationPlanItem {
  /** Position in its set, from 1. */
  version: number;
  /** Its name. */
  name: string;
  /** By its flag, or because SQLite saw it lose data. */
  destructive: boolean;
  /** SQLite saw it lose data. */
  detected: boolean;
  /** It really ran, even if everything was rolled back afterwards. */
  executed: boolean;
  /** What became of it. */
  status: 'applied' | 'skipped' | 'blocked';
  /** Why it was not applied. */
  reason?: string;
  /** What it changed, ordered by kind of object, then name. */
  changes: MigrationChange[];
  /** How long it took, milliseconds. */
  executionMs: number;
}

/** Whether a file is what its journal says. */
export interface ValidationReport {
  /** No problem was found. */
  ok: boolean;
  /**
   * What was found: `'missing'`, an object that an applied migration declares is not there; `'integrity'`, SQLite's
   * `integrity_check` complains; `'foreign_key'`, a row refers to nothing; `'diverged'`, journal and migrations do not agree.
   */
  problems: { kind: 'missing' | 'integrity' | 'foreign_key' | 'diverged'; object: string; message: string }[];
}
