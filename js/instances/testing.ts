/**
 * `runledger/instances/testing`: databases and records for tests. No test framework is imported.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from './database.js';
import { DatabaseError } from './errors.js';
import type { DatabaseInterface } from './interface.js';
import type {
  DatabaseConfig,
  DeepPartial,
  NewGitHubIssue,
  NewInstance,
  NewMCPEvent,
  NewRelationship,
} from './types.js';

export { RunledgerError } from '../errors.js';

function at(file: string, config: DeepPartial<DatabaseConfig> = {}): DeepPartial<DatabaseConfig> {
  return { ...config, local: { ...config.local, file } };
}

/** An open database in memory. */
export async function createInMemoryTestDb(config?: DeepPartial<DatabaseConfig>): Promise<DatabaseInterface> {
  return open(at(':memory:', config));
}

/** An open database in a temporary directory; `cleanup` closes it and removes the directory. */
export async function createTempFileTestDb(
  config?: DeepPartial<DatabaseConfig>,
): Promise<{ db: DatabaseInterface; path: string; cleanup: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'runledger-test-'));
  const path = join(directory, 'test.db');
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    const db = await open(at(path, config));
    const cleanup = async () => {
      await db.disconnect();
      await remove();
    };
    return { db, path, cleanup };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** An open database in memory with 3 instances (the first is the parent of the others), 2 events each, 2 relationships. */
export async function createTestDatabaseWithData(): Promise<DatabaseInterface> {
  const db = await createInMemoryTestDb();
  const [parent, ...children] = generateTestInstances(3) as [NewInstance, ...NewInstance[]];
  await db.createInstance(parent);
  for (const child of children) await db.createInstance({ ...child, parent_instance_id: parent.id });
  for (const { id } of [parent, ...children]) {
    for (let event = 0; event < 2; event++) await db.logMCPEvent(generateTestMCPEvent({ instance_id: id }));
  }
  for (const { id } of children) {
    await db.createRelationship(generateTestRelationship({ parent_instance: parent.id, child_instance: id }));
  }
  return db;
}

/** An instance with an id of its own. */
export function generateTestInstance(overrides: Partial<NewInstance> = {}): NewInstance {
  const id = `test-${randomUUID()}`;
  return {
    id,
    type: 'coding',
    status: 'started',
    worktree_path: `/repos/${id}`,
    branch_name: `branch-${id}`,
    tmux_session: `session-${id}`,
    ...overrides,
  };
}

/** `n` instances, each with an id of its own. */
export function generateTestInstances(n: number, overrides?: Partial<NewInstance>): NewInstance[] {
  return Array.from({ length: n }, () => generateTestInstance(overrides));
}

/** An event. Its instance has to be created, unless `instance_id` names one. */
export function generateTestMCPEvent(overrides: Partial<NewMCPEvent> = {}): NewMCPEvent {
  return { instance_id: `test-${randomUUID()}`, tool_name: 'test_tool', success: true, ...overrides };
}

/** A relationship. Both instances have to be created, unless they are named. */
export function generateTestRelationship(overrides: Partial<NewRelationship> = {}): NewRelationship {
  return {
    parent_instance: `test-${randomUUID()}`,
    child_instance: `test-${randomUUID()}`,
    relationship_type: 'spawned_review',
    ...overrides,
  };
}

let issues = 0;

/** An issue with a number of its own in this process. */
export function generateTestGitHubIssue(overrides: Partial<NewGitHubIssue> = {}): NewGitHubIssue {
  const number = ++issues;
  return { number, title: `Issue ${number}`, state: 'open', repo_owner: 'owner', repo_name: 'repo', ...overrides };
}

/** The error with which `op` rejects. @throws if it does not, or with something else than a `DatabaseError` of `code`. */
export async function expectDatabaseError(op: () => Promise<unknown>, code: string): Promise<DatabaseError> {
  let answer: unknown;
  try {
    answer = await op();
  } catch (error) {
    if (error instanceof DatabaseError && error.code === code) return error;
    const found = error instanceof DatabaseError ? error.code : String(error);
    throw new Error(`Expected a DatabaseError with code ${code}, found ${found}`, { cause: error });
  }
  throw new Error(`Expected a DatabaseError with code ${code}, but the call resolved to ${String(answer)}`);
}
