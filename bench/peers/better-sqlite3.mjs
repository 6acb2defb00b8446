// better-sqlite3 with prepared statements. Version 13 needs Node 22; older ones run 12.

import { PreparedClient } from './prepared.mjs';

const name = Number(process.versions.node.split('.')[0]) >= 22 ? 'better-sqlite3-13' : 'better-sqlite3';
const { default: Database } = await import(name);

export { Database };

export const connect = (path) => new Database(path);

export function open(path) {
  const db = connect(path);
  return new PreparedClient(db, (work) => db.transaction(work));
}

export async function version() {
  const { default: manifest } = await import(`${name}/package.json`, { with: { type: 'json' } });
  return {
    library: manifest.version,
    sqlite: new Database(':memory:').prepare('SELECT sqlite_version() AS v').get().v,
  };
}
