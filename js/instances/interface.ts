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
 * earlier one. Every method rejects with a `DatabaseError` of `runledger/instances/errors`; after `disconnect()` its
 * `details.reason` is `'closed'`.
 */
export interface DatabaseInterface extends AsyncDisposable {
  /** Open the file if it is closed. @throws `DATABASE_CONNECTION_FAILED`, `DATABASE_INITIALIZATION_FAILED` */
  connect(): Promise<void>;
  /** Wait for the calls already made, stop maintenance, close. Again is a no-op. */
  disconnect(): Promise<void>;
  /** Whether the file is open. */
  isConnected(): boolean;
  /** Not supported. @throws `DATABASE_OPERATION_FAILED` */
  sync(): Promise<void>;

  /** @returns the id. @throws `DATABASE_INSTANCE_EXISTS`, `DATABASE_INSTANCE_NOT_FOUND` (the parent), `DATABASE_INSERT_FAILED` */
  createInstance(instance: NewInstance): Promise<string>;
  /** Set the given columns; `last_activity` is now. @throws `DATABASE_INSTANCE_NOT_FOUND`, `DATABASE_UPDATE_FAILED` */
  updateInstance(id: string, updates: Partial<NewInstance>): Promise<void>;
  /** Set the status and log an event of it, in one transaction. @throws `DATABASE_INSTANCE_NOT_FOUND`, `DATABASE_UPDATE_FAILED` */
  updateInstanceStatus(id: string, status: InstanceStatus): Promise<void>;
  /** @returns `null` if there is none. @throws `DATABASE_QUERY_FAILED` */
  getInstance(id: string): Promise<Instance | null>;
  /** @throws `DATABASE_QUERY_FAILED`, with the key of a bad filter as `details.field` */
  listInstances(filter?: InstanceFilter): Promise<Instance[]>;
  /** Its events and relationships go too, its children stay. @throws `DATABASE_INSTANCE_NOT_FOUND`, `DATABASE_DELETE_FAILED` */
  deleteInstance(id: string): Promise<void>;

  /** @throws `DATABASE_INSTANCE_NOT_FOUND`, `DATABASE_LOG_FAILED` */
  logMCPEvent(event: NewMCPEvent): Promise<void>;
  /** The newest first; `limit` 100 by default, negative for all. @throws `DATABASE_QUERY_FAILED` */
  getMCPEvents(instanceId: string, limit?: number): Promise<MCPEvent[]>;
  /** Those since `since`, in whole seconds, the newest first. @throws `DATABASE_QUERY_FAILED` */
  getRecentMCPEvents(since: Date): Promise<MCPEvent[]>;

  /** @returns the id. @throws `DATABASE_RELATIONSHIP_EXISTS`, `DATABASE_INSTANCE_NOT_FOUND`, `DATABASE_INSERT_FAILED` */
  createRelationship(relationship: NewRelationship): Promise<number>;
  /** As parent or as child, the newest first. @throws `DATABASE_QUERY_FAILED` */
  getRelationships(instanceId: string): Promise<Relationship[]>;
  /** @throws `DATABASE_RELATIONSHIP_EXISTS`, `DATABASE_INSTANCE_NOT_FOUND`, `DATABASE_UPDATE_FAILED` */
  updateRelationship(id: number, updates: Partial<NewRelationship>): Promise<void>;

  /** Insert, or set the given columns of the issue with this `number`. @throws `DATABASE_OPERATION_FAILED` */
  upsertGitHubIssue(issue: NewGitHubIssue): Promise<void>;
  /** @returns `null` if there is none. @throws `DATABASE_QUERY_FAILED` */
  getGitHubIssue(number: number): Promise<GitHubIssue | null>;
  /** All or none. @throws `DATABASE_OPERATION_FAILED`, with `details.index` */
  syncGitHubIssues(issues: readonly NewGitHubIssue[]): Promise<void>;

  /** @returns the value, decrypted; `null` if there is none. @throws `DATABASE_QUERY_FAILED`, `details.reason` `'decrypt'` */
  getConfig(key: string): Promise<string | null>;
  /** Insert or replace; `encrypted` is set anew each time. @throws `DATABASE_OPERATION_FAILED` */
  setConfig(key: string, value: string, encrypted?: boolean): Promise<void>;
  /** Does nothing if there is none. @throws `DATABASE_DELETE_FAILED` */
  deleteConfig(key: string): Promise<void>;

  /** @throws `DATABASE_OPERATION_FAILED` */
  vacuum(): Promise<void>;
  /** Copy the database to a file that must not exist. @throws `DATABASE_OPERATION_FAILED` */
  backup(path: string): Promise<void>;
  /** Delete old events, write a backup if one is due, delete old ones, VACUUM: once, now. @throws `DATABASE_OPERATION_FAILED` */
  runMaintenance(): Promise<MaintenanceReport>;
  /** Do so by the clock from now on. The timers do not keep the process alive. @throws `DATABASE_OPERATION_FAILED` while closed */
  startMaintenance(): void;
  /** Stop the clock. */
  stopMaintenance(): void;
}
