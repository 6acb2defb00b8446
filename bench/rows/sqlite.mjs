// runledger/sqlite beside the other synchronous connections: the same statements, prepared once, on a file in WAL mode.

import { measure } from '../measure.mjs';
import { transactionBy } from '../peers/prepared.mjs';
import { CONNECTIONS, MAIN, WALL, each, expectRows } from './row.mjs';

/** The goal: at most 1.2 times as long as better-sqlite3. */
const GOALS = [{ against: 'better-sqlite3', column: 'wall', least: 1 / 1.2, source: 'issue 4' }];

const INSERT = 'INSERT INTO items (name, kind, at, size, note) VALUES (?, ?, ?, ?, ?)';
const values = (number) => [`item ${number}`, `kind ${number % 7}`, 1.5 * number, number * 10, number % 3 ? null : 'noted'];

/** A connection to a new file with a table of `size.rows` rows. */
async function setup(context) {
  const path = context.freshFile();
  const db = await (await context.load()).connect(path);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  db.exec('CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, kind TEXT, at REAL, size INTEGER, note TEXT)');
  const insert = db.prepare(INSERT);
  // Not every library has a helper for transactions.
  const transaction = db.transaction ? db.transaction.bind(db) : transactionBy(db);
  transaction(() => {
    for (let number = 1; number <= context.size.rows; number += 1) insert.run(...values(number));
  })();
  return { db, insert, transaction, path };
}

function teardown(context, { db, path }) {
  db.close();
  context.remove(path);
}

const row = ({ id, title, size, prepare, call }) => ({
  id: `sqlite-${id}`,
  group: 'runledger/sqlite',
  title,
  peers: CONNECTIONS,
  size: {
    quick: { rows: 10_000, repetitions: 3, ...size.quick },
    full: { rows: 10_000, repetitions: 15, ...size.full },
  },
  columns: [WALL, MAIN],
  goals: GOALS,
  async setup(context) {
    const state = await setup(context);
    return { ...state, ...prepare?.(state) };
  },
  async repeat({ size: { rows, calls } }, state) {
    const run = () => {
      for (let i = 0; i < calls; i += 1) call(state, 1 + ((i * 7919) % rows), rows);
    };
    return each(await measure(run), calls);
  },
  teardown,
});

const select = (where) => ({ db }) => ({ select: db.prepare(`SELECT * FROM items WHERE ${where}`) });
const CALLS = { quick: { calls: 10_000 }, full: { calls: 50_000 } };

function expect(found, wanted) {
  if (found !== wanted) throw new Error(`${found} instead of ${wanted}`);
}

export const sqlite = [
  row({
    id: 'get',
    title: 'get of a row by its key, 6 columns',
    size: CALLS,
    prepare: select('id = ?'),
    call: ({ select }, id) => expect(select.get(id).size, id * 10),
  }),
  row({
    id: 'get-none',
    title: 'get where there is no row',
    size: CALLS,
    prepare: select('id = ?'),
    call: ({ select }, id, rows) => expect(select.get(id + rows) ?? undefined, undefined),
  }),
  row({
    id: 'all',
    title: 'all, 100 rows',
    size: { quick: { calls: 200 }, full: { calls: 1000 } },
    prepare: select('id >= ? LIMIT 100'),
    call: ({ select }, id, rows) => expectRows(select.all(Math.min(id, rows - 99)), 100),
  }),
  row({
    id: 'iterate',
    title: 'iterate, 1000 rows',
    size: { quick: { calls: 20 }, full: { calls: 100 } },
    prepare: select('id >= ? LIMIT 1000'),
    call({ select }, id, rows) {
      let count = 0;
      for (const item of select.iterate(Math.min(id, rows - 999))) if (item.id > 0) count += 1;
      expect(count, 1000);
    },
  }),
  row({
    id: 'run',
    title: 'run of an UPDATE by key, each a transaction',
    size: { quick: { calls: 1000 }, full: { calls: 5000 } },
    prepare: ({ db }) => ({ update: db.prepare('UPDATE items SET size = size + ? WHERE id = ?') }),
    call: ({ update }, id) => expect(Number(update.run(1, id).changes), 1),
  }),
  row({
    id: 'transaction',
    title: 'transaction of 1000 runs of an INSERT',
    size: { quick: { calls: 5 }, full: { calls: 25 } },
    prepare: ({ insert, transaction }) => ({
      insertMany: transaction((first) => {
        for (let i = 0; i < 1000; i += 1) insert.run(...values(first + i));
      }),
    }),
    call: ({ insertMany }, id) => insertMany(id),
  }),
];
