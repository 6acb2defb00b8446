// node:sqlite, built into Node from 22.5 on.

import { PreparedClient, transactionBy } from './prepared.mjs';

const { DatabaseSync } = await import('node:sqlite');

export const connect = (path) => new DatabaseSync(path);

export function open(path) {
  const db = connect(path);
  return new PreparedClient(db, transactionBy(db));
}

export function version() {
  return {
    library: process.versions.node,
    sqlite: new DatabaseSync(':memory:').prepare('SELECT sqlite_version() AS v').get().v,
  };
}
