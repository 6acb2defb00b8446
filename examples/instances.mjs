// A coding agent hands its work to a reviewer, and both leave a trail that can be asked about afterwards.
//
//   node examples/instances.mjs [FILE]

import { initializeDatabase } from 'runledger/instances';
import { DatabaseError, ERROR_CODES } from 'runledger/instances/errors';

const db = await initializeDatabase({ local: { file: process.argv[2] ?? ':memory:' } });

// Two instances: the reviewer knows who has sent for it.
const worktree = (name) => ({ worktree_path: `/repos/${name}`, branch_name: name, tmux_session: name });
await db.createInstance({ id: 'coder', type: 'coding', status: 'started', issue_number: 42, ...worktree('fix-42') });
await db.createInstance({ id: 'reviewer', type: 'review', status: 'started', parent_instance_id: 'coder', ...worktree('review-42') });
await db.createRelationship({ parent_instance: 'coder', child_instance: 'reviewer', relationship_type: 'spawned_review' });

// Events need not be awaited: they are written in this order, and what is read later sees them.
const log = (instance_id, tool_name, success, metadata) => db.logMCPEvent({ instance_id, tool_name, success, metadata });
const logged = [
  log('coder', 'edit_file', true, { path: 'src/retry.ts', lines: 12 }),
  log('coder', 'run_tests', false, { failed: 1 }),
  log('coder', 'run_tests', true, { failed: 0 }),
  log('reviewer', 'approve', true),
];
await db.updateInstanceStatus('coder', 'pr_merged');
await Promise.all(logged);

for (const { id, status, parent_instance_id } of await db.listInstances({ orderBy: 'created_at', orderDirection: 'ASC' })) {
  console.log(`${id}: ${status}${parent_instance_id === null ? '' : `, sent for by ${parent_instance_id}`}`);
  for (const { tool_name, success, metadata } of (await db.getMCPEvents(id)).reverse()) {
    console.log(`  ${success ? 'ok    ' : 'failed'} ${tool_name}${metadata === null ? '' : ` ${metadata}`}`);
  }
}

// A token is stored encrypted; the key is beside the file (here: of the process, since the database is in memory).
await db.setConfig('github.token', 'a token that nobody else should read', true);
console.log(`token: ${(await db.getConfig('github.token'))?.length} characters`);

// Errors have codes to branch on.
try {
  await db.createInstance({ id: 'coder', type: 'coding', status: 'started', ...worktree('fix-42') });
} catch (error) {
  if (!(error instanceof DatabaseError) || error.code !== ERROR_CODES.DATABASE_INSTANCE_EXISTS) throw error;
  console.log(error.getUserMessage());
}

await db.disconnect();
