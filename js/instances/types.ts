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
  /** The file and how it is used. */
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
  /** Synchronisation, which there is not. */
  cloud: {
    /** Not supported: `true` is refused. Default `false`. */
    enabled: boolean;
    /** No effect. */
    syncUrl?: string;
    /** No effect. In no error and no log. */
    authToken?: string;
    /** Seconds. No effect. Default 300. */
    syncInterval: number;
    /** No effect. Default `true`. */
    readYourWrites: boolean;
  };
  /** Locks and slow queries. */
  connection: {
    /** Further attempts after `SQLITE_BUSY` or `SQLITE_LOCKED`. Default 3. */
    maxRetries: number;
    /** Milliseconds between attempts. Default 1000. */
    retryDelay: number;
    /** Milliseconds for an attempt, then its SQL is interrupted; 0: no limit. Default 30000. */
    queryTimeout: number;
  };
  /** What `runMaintenance()` and the timers do. */
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
  /** The key of encrypted values. */
  encryption: {
    /** 64 hexadecimal digits, base64 of 32 bytes, or 32 bytes. Default: `RUNLEDGER_ENCRYPTION_KEY`, or `<file>.key`. */
    key?: string | Uint8Array;
  };
  /** Hears warnings and queries. */
  logger?: Logger;
  /** Options of Drizzle, so that older configurations are taken. */
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
  /** One of these; unknown ones match nothing. */
  types?: InstanceType[];
  /** One of these; unknown ones match nothing. */
  statuses?: InstanceStatus[];
  /** The issue that they work on; 0: all. */
  issueNumber?: number;
  /** The id of their parent; `''`: all. */
  parentInstance?: string;
  /** Earliest `created_at`, inclusive, in whole seconds. */
  createdAfter?: Date;
  /** Latest `created_at`, exclusive, in whole seconds. */
  createdBefore?: Date;
  /** The most that are wanted, a whole number; 0 or negative: no limit. Default: none. */
  limit?: number;
  /** How many to leave out first, a whole number; works without `limit`. Default 0. */
  offset?: number;
  /** `terminated_at` that is `null` comes first ascending and last descending. Default `'last_activity'`; ties by `id`, ascending. */
  orderBy?: 'created_at' | 'last_activity' | 'terminated_at';
  /** Default `'DESC'`. */
  orderDirection?: 'ASC' | 'DESC';
}

/** What `runMaintenance` did. */
export interface MaintenanceReport {
  /** How many events were older than `maintenance.logRetention`. */
  eventsDeleted: number;
  /** The path of the backup; `null` if none was written. */
  backup: string | null;
  /** The paths of the backups that were deleted, the oldest first. */
  backupsDeleted: string[];
  /** Whether VACUUM was run: not where `maintenance.vacuumInterval` is 0. */
  vacuumed: boolean;
}
