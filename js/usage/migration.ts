import type { Database } from '../sqlite/database.js';

/** A numbered step of the usage schema. */
export interface Migration {
  /** Position in the set, from 1. */
  version: number;
  /** Recorded in the file; it must not change once the migration has been applied anywhere. */
  name: string;
  /** The way up. It runs in a transaction; `db` is valid until it returns. It must not be asynchronous. */
  up: (db: Database) => void;
  /** The way back. */
  down: (db: Database) => void;
}

/** A migration that has been applied. */
export interface MigrationRecord {
  version: number;
  name: string;
  /** Milliseconds since 1970. */
  applied_at: number;
}

/** Where a file stands. */
export interface MigrationStatus {
  /** The highest applied version; 0 if there is none. */
  currentVersion: number;
  /** The highest version that the runner knows. */
  latestVersion: number;
  pendingCount: number;
  /** By version. */
  appliedMigrations: MigrationRecord[];
  /** By version. */
  pendingMigrations: Migration[];
}
