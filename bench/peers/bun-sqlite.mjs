// bun:sqlite, built into Bun.

import { PreparedClient } from './prepared.mjs';

const { Database } = await import('bun:sqlite');

export const connect = (path) => new Database(path);

export function open(path) {
  const db = connect(path);
  return new PreparedClient(db, (work) => db.transaction(work));
}

export function version() {
  return { library: Bun.version, sqlite: new Database(':memory:').prepare('SELECT sqlite_version() AS v').get().v };
}
