/// <reference lib="esnext.disposable" preserve="true" />
import type {
  GitHubIssue,
  Instance,
  InstanceFilter,
  InstanceStatus,
  MaintenanceReport,
  MCPEvent,
  NewGitHubIssue,
  NewInstance,
  NewMCPEvent,
  NewRelationship,
  Relationship,
} from './types.js';

/**
 * A database of instances. Calls take effect in the order in which they are issued, awaited or not, and each sees every
 * earlier one. What has resolved is committed, and a call that fails has written nothing.
 *
 * Every method rejects with a `DatabaseError` of `runledger/instances/errors`: with the code named here for bad input
 * (`details.field`), a lock that was not to be had (`details.attempts`) or a timeout (`details.timeoutMs`), and after
 * `disconnect()` with `details.reason` `'closed'`.
 */
export interface DatabaseInterface extends AsyncDisposable {
  /**
   * Open the file if it is closed, and create or update its tables unless `local.autoMigrate` is `false`. A closed
   * in-memory database cannot be opened again.
   *
   * @throws {DatabaseError} `DATABASE_CONNECTION_FAILED`; `DATABASE_INITIALIZATION_FAILED` for a file that is not ours.
   */
  connect(): Promise<void>;
  /** Wait for the calls already made, stop maintenance, close. Again is a no-op. Does not reject. */
  disconnect(): Promise<void>;
  /** Whether the file is open. */
  isConnected(): boolean;
  /**
   * There is no synchronisation: always rejects.
   *
   * @throws {DatabaseError} `DATABASE_OPERATION_FAILED`, `details.cloudEnabled` `false`.
   */
  sync(): Promise<void>;

  /**
   * Insert an instance.
   *
   * @returns its id.
   * @throws {DatabaseError} `DATABASE_INSTANCE_EXISTS` if the id is in use, `DATABASE_INSTANCE_NOT_FOUND` for a parent that is
   * not there, `DATABASE_INSERT_FAILED`.
   */
  createInstance(instance: NewInstance): Promise<string>;
  /**
   * Set the given columns: `undefined` leaves one as it is, `null` clears it. `last_activity` is always now, and `id` may only
   * repeat the id.
   *
   * @throws {DatabaseError} `DATABASE_INSTANCE_NOT_FOUND`, `DATABASE_UPDATE_FAILED`.
   */
  updateInstance(id: string, updates: Partial<NewInstance>): Promise<void>;
  /**
   * Set the status and log an event of it, in one transaction. `terminated_at` is now for `'terminated'`, `'pr_closed'` and
   * `'pr_merged'`, and stays as it is otherwise.
   *
   * @throws {DatabaseError} `DATABASE_INSTANCE_NOT_FOUND`, `DATABASE_UPDATE_FAILED`.
   */
  updateInstanceStatus(id: string, status: InstanceStatus): Promise<void>;
  /**
   * Read one instance.
   *
   * @returns `null` if there is none.
   * @throws {DatabaseError} `DATABASE_QUERY_FAILED`.
   */
  getInstance(id: string): Promise<Instance | null>;
  /**
   * Read the instances that match every condition of `filter`; without one all of them, the last active first.
   *
   * @throws {DatabaseError} `DATABASE_QUERY_FAILED`; `details.field` names the key that is wrong.
   */
  listInstances(filter?: InstanceFilter): Promise<Instance[]>;
  /**
   * Delete an instance. Its events and relationships go too; its children stay, without a parent.
   *
   * @throws {DatabaseError} `DATABASE_INSTANCE_NOT_FOUND`, `DATABASE_DELETE_FAILED`.
   */
  deleteInstance(id: string): Promise<void>;

  /**
   * Insert an event.
   *
   * @throws {DatabaseError} `DATABASE_INSTANCE_NOT_FOUND` if its instance is not there, `DATABASE_LOG_FAILED` with the event as
   * `details.event`.
   */
  logMCPEvent(event: NewMCPEvent): Promise<void>;
  /**
   * Read the events of one instance, the newest first.
   *
   * @param limit the most that are wanted, 100 by default; negative: all of them.
   * @throws {DatabaseError} `DATABASE_QUERY_FAILED`.
   */
  getMCPEvents(instanceId: string, limit?: number): Promise<MCPEvent[]>;
  /**
   * Read the events of all instances from `since` on, in whole seconds, the newest first.
   *
   * @throws {DatabaseError} `DATABASE_QUERY_FAILED`.
   */
  getRecentMCPEvents(since: Date): Promise<MCPEvent[]>;

  /**
   * Insert a relationship. There is one of a type between two instances.
   *
   * @returns its id.
   * @throws {DatabaseError} `DATABASE_RELATIONSHIP_EXISTS`, `DATABASE_INSTANCE_NOT_FOUND`, `DATABASE_INSERT_FAILED`.
   */
  createRelationship(relationship: NewRelationship): Promise<number>;
  /**
   * Read the relationships of an instance, as parent or as child, the newest first.
   *
   * @throws {DatabaseError} `DATABASE_QUERY_FAILED`.
   */
  getRelationships(instanceId: string): Promise<Relationship[]>;
  /**
   * Set the given columns of the relationship with this id.
   *
   * @throws {DatabaseError} `DATABASE_RELATIONSHIP_EXISTS`, `DATABASE_INSTANCE_NOT_FOUND`; `DATABASE_UPDATE_FAILED`, also where
   * there is none of this id, or nothing to set.
   */
  updateRelationship(id: number, updates: Partial<NewRelationship>): Promise<void>;

  /**
   * Insert an issue, or set the given columns of the one with its `number`. `synced_at` is always now, and so is `updated_at`
   * where it is left out.
   *
   * @throws {DatabaseError} `DATABASE_OPERATION_FAILED`.
   */
  upsertGitHubIssue(issue: NewGitHubIssue): Promise<void>;
  /**
   * Read one issue.
   *
   * @returns `null` if there is none.
   * @throws {DatabaseError} `DATABASE_QUERY_FAILED`.
   */
  getGitHubIssue(number: number): Promise<GitHubIssue | null>;
  /**
   * Do {@link DatabaseInterface.upsertGitHubIssue} with each issue, all in one transaction.
   *
   * @throws {DatabaseError} `DATABASE_OPERATION_FAILED`; `details.index` is the position of the issue that failed.
   */
  syncGitHubIssues(issues: readonly NewGitHubIssue[]): Promise<void>;

  /**
   * Read a value, decrypted.
   *
   * @returns `null` if there is none.
   * @throws {DatabaseError} `DATABASE_QUERY_FAILED`; `details.reason` is `'decrypt'` for a wrong or missing key and a damaged
   * value.
   */
  getConfig(key: string): Promise<string | null>;
  /**
   * Insert or replace a value.
   *
   * @param key its name, not empty; never secret.
   * @param encrypted whether it is stored encrypted, set anew each time. Default `false`.
   * @throws {DatabaseError} `DATABASE_OPERATION_FAILED`, without the value.
   */
  setConfig(key: string, value: string, encrypted?: boolean): Promise<void>;
  /**
   * Delete a value. Nothing happens if there is none.
   *
   * @throws {DatabaseError} `DATABASE_DELETE_FAILED`.
   */
  deleteConfig(key: string): Promise<void>;

  /**
   * Rewrite the file without its unused pages (VACUUM). Later calls wait for it.
   *
   * @throws {DatabaseError} `DATABASE_OPERATION_FAILED`.
   */
  vacuum(): Promise<void>;
  /**
   * Copy the database, for its owner alone, while others go on writing. The key file is not copied.
   *
   * @param path a file that does not exist, in a directory that does; relative to the working directory.
   * @throws {DatabaseError} `DATABASE_OPERATION_FAILED`, `details.path`; no half copy stays.
   */
  backup(path: string): Promise<void>;
  /**
   * Do everything that the timers do, once, now: delete old events, write a backup unless there is one younger than 24 hours, delete old
   * backups, VACUUM.
   *
   * @throws {DatabaseError} `DATABASE_OPERATION_FAILED`.
   */
  runMaintenance(): Promise<MaintenanceReport>;
  /**
   * Start the timers: everything but VACUUM now and every 24 hours, VACUUM every `maintenance.vacuumInterval` seconds. They do
   * not keep the process alive; what fails is a `logger.warn`.
   *
   * @throws {DatabaseError} `DATABASE_OPERATION_FAILED` while closed.
   */
  startMaintenance(): void;
  /** Stop the timers. Nothing happens while closed. */
  stopMaintenance(): void;
}
