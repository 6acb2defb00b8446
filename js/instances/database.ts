/// <reference lib="esnext.disposable" preserve="true" />
import { resolve } from 'node:path';
import { Reply } from '../call.js';
import { Client } from '../client.js';
import { dateCell, filterCells, isRecord, recordCells } from '../codec.js';
import {
  fieldsOfGitHubIssue,
  fieldsOfInstance,
  fieldsOfMCPEvent,
  fieldsOfRelationship,
  labelsOfGitHubIssue,
  type GitHubIssue,
  type Instance,
  type InstanceStatus,
  type MCPEvent,
  type Relationship,
  Shape,
} from '../generated/rows.js';
import type { ErrorReport } from '../native.js';
import { pack } from '../packer.js';
import { telemetryErrors } from '../report.js';
import { type Configuration, resolveConfig } from './config.js';
import { ERROR_CODES } from './errors.js';
import { toError } from './report.js';
import type { DatabaseInterface } from './interface.js';
import type {
  DatabaseConfig,
  DeepPartial,
  InstanceFilter,
  MaintenanceReport,
  NewGitHubIssue,
  NewInstance,
  NewMCPEvent,
  NewRelationship,
} from './types.js';

/**
 * The reply of a call that succeeded. Called in the continuation of the public method, so that the stack of the error names
 * the caller's line. @throws the call's error; `ids` are what its arguments name.
 */
function checked(reply: Reply, ids?: Readonly<Record<string, unknown>>): Reply {
  if (reply.failure !== undefined) throw toError(reply.failure, reply.method, ids);
  return reply;
}

/** Open a database for {@link initializeDatabase}. */
export let open: (config: DeepPartial<DatabaseConfig> | undefined) => Promise<SQLiteDatabase>;

/** Bring the tables up to date for `runMigrationsWithDatabase`. */
export let migrate: (db: object) => Promise<ErrorReport | undefined> | undefined;

/** The times of a filter. */
const TIMES = ['createdAfter', 'createdBefore'];

/**
 * A database of instances in one SQLite file. All work on it happens off the JavaScript thread. Several objects, worker
 * threads and processes may use one file.
 *
 * @example
 * const db = new SQLiteDatabase({ local: { file: 'agents.db' } });
 * await db.connect();
 * await db.createInstance({
 *   id: 'a', type: 'coding', status: 'started', worktree_path: '/repos/a', branch_name: 'a', tmux_session: 'a',
 * });
 * await db.disconnect();
 */
export class SQLiteDatabase implements DatabaseInterface {
  readonly #client: Client;
  readonly #configuration: Configuration;
  /** As the calls issued so far want it. */
  #wanted = false;
  #connected = false;
  /** A private in-memory database that was closed. */
  #gone = false;

  static {
    open = async (config) => {
      const db = new SQLiteDatabase(config);
      await db.#open('initializeDatabase');
      return db;
    };
    migrate = (db) => (#client in db ? db.#migrate() : undefined);
  }

  /**
   * Check the configuration and resolve its paths against the working directory. No file is touched.
   *
   * @throws {DatabaseError} `DATABASE_INITIALIZATION_FAILED`: `details.field`, or `details.reason`
   * `'cloud-sync-unsupported'`.
   */
  constructor(config?: DeepPartial<DatabaseConfig>) {
    this.#configuration = resolveConfig(config);
    this.#client = new Client({ ...this.#configuration.facts, dialect: { errors: telemetryErrors, parsed: false } });
    // Here and now, while the working directory and the environment are those of the check.
    void this.#client.native;
  }

  async connect(): Promise<void> {
    await this.#open('connect');
  }

  async disconnect(): Promise<void> {
    if (this.#wanted && this.#client.facts.path === ':memory:') this.#gone = true;
    this.#wanted = false;
    this.#connected = false;
    await this.#client.close();
  }

  isConnected(): boolean {
    return this.#connected;
  }

  async sync(): Promise<void> {
    checked(await this.#call('sync', []));
  }

  async createInstance(instance: NewInstance): Promise<string> {
    const ids = isRecord(instance) ? { instanceId: instance.id } : {};
    return checked(await this.#call('createInstance', [recordCells(fieldsOfInstance, instance)]), ids).value();
  }

  async updateInstance(id: string, updates: Partial<NewInstance>): Promise<void> {
    checked(await this.#call('updateInstance', [id, recordCells(fieldsOfInstance, updates)]), { instanceId: id });
  }

  async updateInstanceStatus(id: string, status: InstanceStatus): Promise<void> {
    checked(await this.#call('updateInstanceStatus', [id, status]), { instanceId: id, status });
  }

  async getInstance(id: string): Promise<Instance | null> {
    const reply = checked(await this.#call('getInstance', [id]), { instanceId: id });
    return reply.table<Instance>(Shape.Instance)[0] ?? null;
  }

  async listInstances(filter?: InstanceFilter): Promise<Instance[]> {
    return checked(await this.#call('listInstances', [filterCells(filter, TIMES)])).table(Shape.Instance);
  }

  async deleteInstance(id: string): Promise<void> {
    checked(await this.#call('deleteInstance', [id]), { instanceId: id });
  }

  async logMCPEvent(event: NewMCPEvent): Promise<void> {
    checked(await this.#call('logMCPEvent', [recordCells(fieldsOfMCPEvent, event)]), { event });
  }

  async getMCPEvents(instanceId: string, limit?: number): Promise<MCPEvent[]> {
    return checked(await this.#call('getMCPEvents', [instanceId, limit]), { instanceId }).table(Shape.MCPEvent);
  }

  async getRecentMCPEvents(since: Date): Promise<MCPEvent[]> {
    return checked(await this.#call('getRecentMCPEvents', [dateCell(since)]), { since }).table(Shape.MCPEvent);
  }

  async createRelationship(relationship: NewRelationship): Promise<number> {
    const { parent_instance, child_instance } = isRecord(relationship) ? relationship : ({} as NewRelationship);
    const ids = { parent_instance, child_instance };
    return checked(await this.#call('createRelationship', [recordCells(fieldsOfRelationship, relationship)]), ids).value();
  }

  async getRelationships(instanceId: string): Promise<Relationship[]> {
    return checked(await this.#call('getRelationships', [instanceId]), { instanceId }).table(Shape.Relationship);
  }

  async updateRelationship(id: number, updates: Partial<NewRelationship>): Promise<void> {
    checked(await this.#call('updateRelationship', [id, recordCells(fieldsOfRelationship, updates)]), { id });
  }

  async upsertGitHubIssue(issue: NewGitHubIssue): Promise<void> {
    const ids = isRecord(issue) ? { number: issue.number } : {};
    checked(await this.#call('upsertGitHubIssue', [recordCells(fieldsOfGitHubIssue, issue)]), ids);
  }

  async getGitHubIssue(number: number): Promise<GitHubIssue | null> {
    const reply = checked(await this.#call('getGitHubIssue', [number]), { number });
    return reply.table<GitHubIssue>(Shape.GitHubIssue)[0] ?? null;
  }

  async syncGitHubIssues(issues: readonly NewGitHubIssue[]): Promise<void> {
    const packed = Array.isArray(issues) ? pack(issues, fieldsOfGitHubIssue, labelsOfGitHubIssue) : null;
    checked(await this.#call('syncGitHubIssues', [packed]), { issueCount: packed?.count });
  }

  async getConfig(key: string): Promise<string | null> {
    return checked(await this.#call('getConfig', [key]), { key }).value();
  }

  async setConfig(key: string, value: string, encrypted?: boolean): Promise<void> {
    checked(await this.#call('setConfig', [key, value, encrypted]), { key, encrypted: encrypted === true });
  }

  async deleteConfig(key: string): Promise<void> {
    checked(await this.#call('deleteConfig', [key]), { key });
  }

  async vacuum(): Promise<void> {
    checked(await this.#call('vacuum', []));
  }

  async backup(path: string): Promise<void> {
    const isFile = typeof path === 'string' && path !== '' && path !== ':memory:';
    checked(await this.#call('backup', [isFile ? resolve(path) : path]), { path });
  }

  async runMaintenance(): Promise<MaintenanceReport> {
    return checked(await this.#call('runMaintenance', [])).value();
  }

  startMaintenance(): void {
    if (!this.#wanted) throw toError(this.#client.native.closed('startMaintenance'), 'startMaintenance');
    // It fails only if the file could not be opened, and then so does connect().
    void this.#client.call('startMaintenance', []);
  }

  stopMaintenance(): void {
    if (this.#wanted) void this.#client.call('stopMaintenance', []);
  }

  /** The same as {@link SQLiteDatabase.disconnect}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.disconnect();
  }

  async #open(operation: string): Promise<void> {
    const config = this.#configuration.shown;
    if (this.#gone) {
      const message = 'A closed in-memory database cannot be opened again';
      throw toError({ ...this.#client.native.closed('connect'), message }, operation);
    }
    this.#wanted = true;
    const { failure: report } = await this.#client.initialize();
    if (report === undefined) {
      this.#connected = this.#wanted;
      return;
    }
    this.#wanted = false;
    this.#connected = false;
    const initialization = ERROR_CODES.DATABASE_INITIALIZATION_FAILED;
    if (operation === 'connect' && report.code !== initialization) throw toError(report, operation);
    throw toError(report, operation, { config }, initialization);
  }

  /** Issue a call; while the database is closed it fails at once. */
  #call(method: string, args: unknown[]): Promise<Reply> {
    if (this.#wanted) return this.#client.call(method, args);
    const refused = new Reply(method, [], this.#client.dialect);
    refused.failed(this.#client.native.closed(method));
    return refused.settled;
  }

  async #migrate(): Promise<ErrorReport | undefined> {
    if (!this.#wanted) return this.#client.native.closed('runMigrationsWithDatabase');
    return (await this.#client.call('runMigrationsWithDatabase', [])).failure;
  }
}
