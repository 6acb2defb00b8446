import type { Database } from '../sqlite/database.js';

/** A numbered step of the usage schema. */
export interface Migration {
  /** Position in the set, from 1. */
  version: number;
  /** Recorded in the file; it must not change once the migration has been applied anywhere. */
  name: string;
  /** The way up. It runs in a transaction; `db` is valid until it returns. It must not be asynchronous. */
  up: (db: Database) => void;
  /** The way back, under the same rules. */
  down: (db: Database) => void;
}

/** A migration that has been applied. */
export interface MigrationRecord {
  /** Position in the set, from 1. */
  version: number;
  /** As it was registered. */
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
  /** How many it knows that the file does not have. */
  pendingCount: number;
  /** What the file has, by version. */
  appliedMigrations: MigrationRecord[];
  /** What it does not have, by version. */
  pendingMigrations: Migration[];
}
