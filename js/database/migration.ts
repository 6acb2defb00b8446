import type { Database } from '../sqlite/database.js';

/** A numbered step of a schema. */
export interface Migration {
  /** Position in its list, from 1, without gaps. */
  version: number;
  /** Recorded in the file; it must not change once the migration has been applied anywhere. */
  name: string;
  /**
   * It loses data, so that it is not run without approval. What SQLite sees it lose counts as well.
   *
   * @defaultValue false
   */
  destructive?: boolean;
  /**
   * `false`: foreign keys are not enforced while it runs, as rebuilding a table needs it. Its end must not leave rows
   * that refer to nothing.
   *
   * @defaultValue true
   */
  foreignKeys?: boolean;
  /** The way up. It runs in a transaction; `db` is valid until it returns. It must not be asynchronous. */
  up: (db: Database) => void;
  /** The way back, if there is one. */
  down?: (db: Database) => void;
}

/** A migration that has been applied. */
export interface MigrationRecord {
  version: number;
  name: string;
  /** When, as `'YYYY-MM-DD HH:MM:SS'` UTC. */
  applied_at: string;
}

/** What became of a migration. */
export interface MigrationResult {
  version: number;
  name: string;
  /** `'skipped'`: it had been applied before. `'blocked'`: it took no effect, which is no error. */
  status: 'applied' | 'skipped' | 'blocked';
  /** Why it was not applied. */
  reason?: string;
}

/** What a run may do. */
export interface RunOptions {
  /**
   * Apply migrations that lose data.
   *
   * @defaultValue false
   */
  allowDestructive?: boolean;
  /**
   * Run everything, then roll everything back.
   *
   * @defaultValue false
   */
  dryRun?: boolean;
}
