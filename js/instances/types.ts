import type { GitHubIssue, Instance, InstanceStatus, InstanceType, MCPEvent, Relationship } from '../generated/rows.js';
import type { Logger } from '../types.js';

export type {
  GitHubIssue,
  Instance,
  InstanceStatus,
  InstanceType,
  MCPEvent,
  Relationship,
  RelationshipType,
} from '../generated/rows.js';
export type { Logger } from '../types.js';

/** `T` with every key optional, at every level. */
export type DeepPartial<T> = { [K in keyof T]?: T[K] extends object ? DeepPartial<T[K]> : T[K] };

/** How a database is opened and looked after. Given values are merged into the defaults key by key. */
export interface DatabaseConfig {
  local: {
    /** With or without `file:`; `':memory:'` is a private database in memory. Default `'file:claude-codex.db'`. */
    file: string;
    /** Write-ahead log where the file system can share memory; `false`: a rollback journal. Default `true`. */
    enableWAL: boolean;
    /** Milliseconds that SQLite waits for a lock. Default 5000. */
    busyTimeout: number;
    /** Create the tables or bring them up to date when opening. Default `true`. */
    autoMigrate: boolean;
    /**
     * One `logger.debug` for each statement with its duration in ms, without values; without a logger one line on stderr.
     * Default: `true` under `NODE_ENV=development`, else `false`.
     */
    logQueries: boolean;
    /** Enforce foreign keys. With `false` nothing cascades. Default `true`. */
    foreignKeys: boolean;
  };
  cloud: {
    /** Not supported: `true` is refused. Default `false`. */
    enabled: boolean;
    syncUrl?: string;
    authToken?: string;
    /** Seconds. Default 300. */
    syncInterval: number;
    /** Default `true`. */
    readYourWrites: boolean;
  };
  connection: {
    /** Further attempts after `SQLITE_BUSY` or `SQLITE_LOCKED`. Default 3. */
    maxRetries: number;
    /** Milliseconds between attempts. Default 1000. */
    retryDelay: number;
    /** Milliseconds for an attempt, then its SQL is interrupted; 0: no limit. Default 30000. */
    queryTimeout: number;
  };
  maintenance: {
    /** Seconds between two VACUUMs; 0: never. Default 86400. */
    vacuumInterval: number;
    /** Age in days at which backups go, except for the newest. Default 7. */
    backupRetention: number;
    /** Age in days at which events go; 0: never. Default 30. */
    logRetention: number;
    /** Write a backup a day. Default `true`. */
    autoBackup: boolean;
    /** Start the timers when the database is opened. Default `false`. */
    autoStart: boolean;
    /** Where backups go. Default: beside the file. */
    backupDir?: string;
  };
  encryption: {
    /** 64 hexadecimal digits, base64 of 32 bytes, or 32 bytes. Default: `RUNLEDGER_ENCRYPTION_KEY`, or `<file>.key`. */
    key?: string | Uint8Array;
  };
  /** Hears warnings and queries. */
  logger?: Logger;
  drizzle?: {
    /** `true` acts like `local.logQueries`. */
    logger?: boolean;
    /** No effect. */
    casing?: string;
  };
}

/** Text of a JSON column, or an object that becomes its `JSON.stringify`. */
export type JsonInput = string | object | null;

type Opt<T, K extends keyof T> = Omit<T, K> & Partial<Pick<T, K>>;

/** What `createInstance` takes. */
export type NewInstance = Opt<
  Instance,
  | 'base_branch'
  | 'claude_pid'
  | 'issue_number'
  | 'pr_number'
  | 'pr_url'
  | 'parent_instance_id'
  | 'created_at'
  | 'terminated_at'
  | 'last_activity'
  | 'system_prompt'
  | 'prompt_used'
  | 'prompt_context'
  | 'agent_number'
>;

/** What `logMCPEvent` takes. */
export type NewMCPEvent = Opt<
  Omit<MCPEvent, 'id' | 'metadata'>,
  'error_message' | 'git_commit_hash' | 'status_change' | 'is_status_updating' | 'timestamp'
> & { metadata?: JsonInput };

/** What `createRelationship` takes. */
export type NewRelationship = Opt<Omit<Relationship, 'id' | 'metadata'>, 'review_iteration' | 'created_at'> & {
  metadata?: JsonInput;
};

/** What `upsertGitHubIssue` takes. `synced_at` is accepted and ignored. */
export type NewGitHubIssue = Opt<
  Omit<GitHubIssue, 'labels' | 'synced_at'>,
  'body' | 'assignee' | 'created_at' | 'updated_at'
> & { labels?: JsonInput; synced_at?: Date };

/** Which instances, and in which order. Conditions are ANDed; what is left out, or empty, is all. */
export interface InstanceFilter {
  types?: InstanceType[];
  statuses?: InstanceStatus[];
  issueNumber?: number;
  parentInstance?: string;
  /** Inclusive, in whole seconds. */
  createdAfter?: Date;
  /** Exclusive, in whole seconds. */
  createdBefore?: Date;
  /** 0 or negative: no limit. */
  limit?: number;
  offset?: number;
  /** Default `'last_activity'`; ties by `id`, ascending. */
  orderBy?: 'created_at' | 'last_activity' | 'terminated_at';
  /** Default `'DESC'`. */
  orderDirection?: 'ASC' | 'DESC';
}

/** What `runMaintenance` did. */
export interface MaintenanceReport {
  eventsDeleted: number;
  /** The path of the backup; `null` if none was written. */
  backup: string | null;
  backupsDeleted: string[];
  vacuumed: boolean;
}
