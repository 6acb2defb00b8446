// libsql, the native package with the interface of better-sqlite3.

import { createRequire } from 'node:module';
import Database from 'libsql';
import { PreparedClient } from './prepared.mjs';

export const connect = (path) => new Database(path);

export function open(path) {
  const db = connect(path);
  return new PreparedClient(db, (work) => db.transaction(work));
}

export function version() {
  return {
    library: createRequire(import.meta.url)('../node_modules/libsql/package.json').version,
    sqlite: new Database(':memory:').prepare('SELECT sqlite_version() AS v').get().v,
  };
}
