// Random programs of migrations, in SQL and in JavaScript, and many processes on one file: what goes up comes down to the same
// file; what fails, is blocked or only planned has changed nothing.
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MigrationError, MigrationRunner, discoverMigrationsSync } from 'runledger/database/migrations';
import { Database } from 'runledger/sqlite';
import { cleanUp, random, root, start, tempDir, test, track } from './support.mjs';

afterEach(cleanUp);

const PROGRAMS = 40;
const ACTIONS = 14;

// ---------------------------------------------------------------- what a migration may do

/** What the migrations so far have left: tables with the definitions of their columns, and what stands on them. */
class Model {
  tables = [];
  views = 0;
  count = 0;
  fresh(prefix) { this.count += 1; return `${prefix}${this.count}`; }
}

const create = (name, columns) => `CREATE TABLE ${name} (${columns.join(', ')})`;

/** Kinds of steps: each changes the model and gives `{ up, down, destructive?, foreignKeys? }` in SQL, or nothing. */
const kinds = {
  createTable(model, { chance }) {
    const name = model.fresh('t');
    const parent = chance(0.4) ? model.tables.at(-1)?.name : undefined;
    const columns = ['id INTEGER PRIMARY KEY', 'x'];
    if (parent) columns.push(`parent INTEGER REFERENCES ${parent}(id) ON DELETE CASCADE`);
    model.tables.push({ name, columns, indexed: false });
    const value = parent ? `, (SELECT min(id) FROM ${parent})` : '';
    return {
      up: `${create(name, columns)}; INSERT INTO ${name} VALUES (1, 'a'${value}), (2, 'é;''--'${value}), (3, NULL${value})`,
      down: `DROP TABLE ${name}`,
    };
  },
  insert(model, { one, int }) {
    const { name } = one(model.tables);
    const id = 1000 + model.count++ * 10;
    const ids = Array.from({ length: 1 + int(5) }, (_, i) => id + i);
    return { up: ids.map((n) => `INSERT INTO ${name} (id, x) VALUES (${n}, ${n} * 1.5)`).join(';\n'), down: `DELETE FROM ${name} WHERE id IN (${ids})` };
  },
  addColumn(model, { one }) {
    const { name, columns } = one(model.tables);
    const column = model.fresh('c');
    columns.push(`${column} TEXT DEFAULT 'd'`);
    return { up: `ALTER TABLE ${name} ADD COLUMN ${columns.at(-1)}; UPDATE ${name} SET ${column} = id`, down: `ALTER TABLE ${name} DROP COLUMN ${column}` };
  },
  createIndex(model, { one }) {
    const [table, name] = [one(model.tables), model.fresh('i')];
    table.indexed = true;
    return { up: `CREATE INDEX ${name} ON ${table.name}(x) WHERE id > 1`, down: `DROP INDEX ${name}` };
  },
  createView(model, { one }) {
    const name = model.fresh('v');
    model.views += 1;
    return { up: `CREATE VIEW ${name} AS SELECT id FROM ${one(model.tables).name}`, down: `DROP VIEW ${name}` };
  },
  update(model, { one }) {
    const [table, backup] = [one(model.tables).name, model.fresh('b')];
    return {
      up: `CREATE TABLE ${backup} AS SELECT id, x FROM ${table}; UPDATE ${table} SET x = coalesce(x, '') || '!'`,
      down: `UPDATE ${table} SET x = (SELECT ${backup}.x FROM ${backup} WHERE ${backup}.id = ${table}.id); DROP TABLE ${backup}`,
      destructive: true,
    };
  },
  rename(model, { one }) {
    if (model.views > 0) return undefined;
    const table = one(model.tables);
    const [old, name] = [table.name, model.fresh('r')];
    table.name = name;
    for (const { columns } of model.tables) columns.forEach((it, i) => { columns[i] = it.replace(`REFERENCES ${old}(`, `REFERENCES ${name}(`); });
    return { up: `ALTER TABLE ${old} RENAME TO ${name}`, down: `ALTER TABLE ${name} RENAME TO ${old}`, destructive: true };
  },
  // The table anew, with a column more: rows of other tables that refer to it must not go with the old one.
  rebuild(model, { one }) {
    const { name, columns, indexed } = one(model.tables);
    if (model.views > 0 || indexed) return undefined;
    const before = [...columns];
    columns.push(model.fresh('n'));
    const copy = model.fresh('k');
    const names = before.map((it) => it.split(' ')[0]);
    const anew = (definition) => `${create(copy, definition)}; INSERT INTO ${copy} (${names}) SELECT ${names} FROM ${name}; DROP TABLE ${name}; ALTER TABLE ${copy} RENAME TO ${name}`;
    return { up: anew(columns), down: anew(before), destructive: true, foreignKeys: false };
  },
};

/** Scripts that do something and then fail. */
const failures = {
  throws: (db) => { db.exec('CREATE TABLE bad (x); INSERT INTO bad VALUES (1)'); throw new Error('boom'); },
  syntax: (db) => db.exec('CREATE TABLE bad (x); selekt'),
  commit: (db) => db.exec('CREATE TABLE bad (x); COMMIT; CREATE TABLE worse (x)'),
  rolledBack: (db) => {
    db.exec('CREATE TABLE bad (x UNIQUE); INSERT INTO bad VALUES (1)');
    try { db.exec('INSERT OR ROLLBACK INTO bad VALUES (1)'); } catch { /* swallowed */ }
    try { db.exec('CREATE TABLE worse (x)'); } catch { /* refused */ }
  },
  async: async (db) => { db.exec('CREATE TABLE bad (x)'); await 0; db.exec('CREATE TABLE worse (x)'); },
  iterating: (db) => {
    db.exec('CREATE TABLE bad (x)');
    const rows = db.prepare('INSERT INTO bad VALUES (1), (2), (3) RETURNING x').iterate();
    rows.next();
    throw new Error('while iterating');
  },
  foreignKey: (db) => {
    db.exec('CREATE TABLE bad (id INTEGER PRIMARY KEY); CREATE TABLE worse (x REFERENCES bad DEFERRABLE INITIALLY DEFERRED); INSERT INTO worse VALUES (5)');
  },
  nested: (db) => db.transaction(() => { db.exec('CREATE TABLE bad (x)'); db.transaction(() => { throw new Error('inside'); })(); })(),
};

/** Runs a script the way people write functions: piece by piece, in nested transactions, with things that are undone. */
function scripted(text, { one }) {
  return one([
    (db) => void db.exec(text),
    (db) => db.transaction(() => void db.exec(text))(),
    (db) => {
      db.exec('SAVEPOINT one; CREATE TABLE undone (x); INSERT INTO undone VALUES (1); ROLLBACK TO one; RELEASE one');
      db.exec(text);
    },
    (db) => {
      assert.throws(() => db.transaction(() => { db.exec(text); throw new Error('again'); })(), /again/);
      db.exec(text);
      db.prepare('SELECT name FROM sqlite_schema').iterate().next(); // left open
    },
  ]);
}

/** A list of migrations, some SQL in a directory, some functions. */
function program(chance) {
  const model = new Model();
  const length = 3 + chance.int(8);
  const steps = [kinds.createTable(model, chance)];
  while (steps.length < length) {
    const kind = chance.one(Object.keys(kinds));
    const step = kinds[kind](model, chance);
    if (step) steps.push({ kind, ...step });
  }
  const dir = tempDir();
  const functions = [];
  steps.forEach(({ up, down, destructive, foreignKeys, kind = 'createTable' }, position) => {
    const version = position + 1;
    const flags = `${destructive && chance.chance(0.3) ? '-- runledger: destructive\n' : ''}${foreignKeys === false ? '-- runledger: foreign_keys=off\n' : ''}`;
    if (chance.chance(0.4)) {
      const folder = join(dir, `${String(version).padStart(3, '0')}_${kind}`);
      mkdirSync(folder);
      writeFileSync(join(folder, 'up.sql'), flags + up);
      writeFileSync(join(folder, 'down.sql'), flags + down);
    } else {
      functions.push({ version, name: kind, up: scripted(up, chance), down: scripted(down, chance), ...(flags.includes('destructive') && { destructive }), ...(foreignKeys === false && { foreignKeys }) });
    }
  });
  const list = [...discoverMigrationsSync(dir), ...functions].sort((a, b) => a.version - b.version);
  return { list, destructive: steps.map((step) => step.destructive === true) };
}

// ---------------------------------------------------------------- looking

/** Everything that is in a file; `exactly` with the times in the journal, and with SQL as it is written. */
function dump(db, exactly) {
  const text = (sql) => (exactly ? sql : sql?.replaceAll(/["\s]+/g, ' ').replaceAll(/ ?([(),]) ?/g, '$1').trim());
  const objects = db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name').all();
  const rows = {};
  for (const { type, name } of objects) {
    if (type !== 'table') continue;
    const columns = name === 'schema_migrations' && !exactly ? 'module, version, name, checksum, destructive' : '*';
    rows[name] = db.prepare(`SELECT ${columns} FROM "${name}"`).raw().all().map((row) => JSON.stringify(row)).sort();
  }
  return { objects: objects.map((it) => ({ ...it, sql: text(it.sql) })), rows };
}

function unharmed(db, foreignKeys) {
  assert.equal(db.inTransaction, false);
  assert.equal(db.pragma('foreign_keys', { simple: true }), foreignKeys);
  db.exec('BEGIN; ROLLBACK');
}

function fails(call) {
  assert.throws(call, (error) => error instanceof MigrationError && /^MIGRATION_(FAILED|ASYNC|FOREIGN_KEY)$/.test(error.code));
}

test('random programs: down undoes up, and what fails, is blocked or planned has changed nothing', { timeout: 180_000 }, () => {
  const seen = { applied: 0, blocked: 0, failed: 0, planned: 0, back: 0 };
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const chance = random(seed);
    const path = join(tempDir(), 'm.db');
    const db = track(new Database(path));
    const other = track(new Database(path));
    if (chance.chance(0.3)) db.pragma('journal_mode = WAL');
    db.exec('PRAGMA synchronous = OFF; CREATE TABLE mine (x); INSERT INTO mine VALUES (1)');
    const foreignKeys = chance.chance(0.8) ? 1 : 0;
    db.pragma(`foreign_keys = ${foreignKeys}`);
    const { list, destructive } = program(chance);
    const runner = new MigrationRunner(db, { module: 'app' });
    const states = [dump(db)];
    let version = 0;

    /** The file is in this version, and holds what it held whenever it was. */
    const arrived = (at) => {
      assert.equal(runner.getCurrentVersion(), at, `seed ${seed}`);
      const now = dump(db);
      if (version === 0 && at === 0) delete now.rows.schema_migrations;
      // The journal stays when the last migration is gone.
      const known = (state) => ({ objects: state.objects.filter((it) => it.tbl_name !== 'schema_migrations'), rows: { ...state.rows, schema_migrations: state.rows.schema_migrations ?? [] } });
      states[at] ??= now;
      assert.deepEqual(known(now), known(states[at]), `seed ${seed}, version ${at}`);
      version = at;
      unharmed(db, foreignKeys);
    };

    for (let action = 0; action < ACTIONS; action++) {
      const upTo = Math.max(version, 1 + chance.int(list.length));
      const wanted = list.slice(0, upTo);
      const next = wanted.findIndex((_, i) => i >= version && destructive[i]);
      switch (chance.int(5)) {
        case 0: {
          const results = runner.runMigrations(wanted, { allowDestructive: true });
          assert.deepEqual(results.map(({ status }) => status), wanted.map((_, i) => (i < version ? 'skipped' : 'applied')));
          seen.applied += upTo - version;
          arrived(upTo);
          break;
        }
        case 1: {
          const results = runner.runMigrations(wanted);
          const reached = next < 0 ? upTo : next;
          assert.deepEqual(results.map(({ status }) => status), wanted.map((_, i) => (i < version ? 'skipped' : i < reached ? 'applied' : 'blocked')), `seed ${seed}`);
          seen.blocked += upTo - reached;
          arrived(reached);
          break;
        }
        case 2: {
          // A step that fails, behind those that do not.
          runner.runMigrations(wanted, { allowDestructive: true });
          arrived(upTo);
          const name = chance.one(Object.keys(failures));
          if (name === 'foreignKey' && foreignKeys === 0 && chance.chance(0.5)) break;
          const before = dump(db, true);
          const bad = [...wanted, { version: upTo + 1, name, up: failures[name], foreignKeys: chance.chance(0.7) }];
          fails(() => runner.runMigrations(bad, { allowDestructive: chance.chance(0.5) }));
          assert.deepEqual(dump(db, true), before, `seed ${seed}: ${name}`);
          arrived(upTo);
          seen.failed += 1;
          // The same for the way back.
          fails(() => runner.rollback({ ...wanted[upTo - 1], up() {}, down: failures[name] }));
          assert.deepEqual(dump(db, true), before, `seed ${seed}: down ${name}`);
          arrived(upTo);
          break;
        }
        case 3: {
          const before = dump(db, true);
          const dataVersion = other.pragma('data_version', { simple: true });
          const name = chance.one(Object.keys(failures));
          const planned = chance.chance(0.3) ? [...wanted, { version: upTo + 1, name, up: failures[name] }] : wanted;
          const plan = runner.plan(planned, { allowDestructive: chance.chance(0.5) });
          assert.deepEqual(plan.map(({ status }) => status), planned.map((_, i) => (i < version ? 'skipped' : 'blocked')));
          for (const item of plan) if (item.executed && item.version <= upTo) assert.equal(item.destructive, destructive[item.version - 1], `seed ${seed}: ${item.name}`);
          assert.equal(other.pragma('data_version', { simple: true }), dataVersion);
          assert.deepEqual(dump(db, true), before);
          arrived(version);
          seen.planned += plan.filter((item) => item.executed).length;
          break;
        }
        default: {
          if (version === 0) break;
          const target = chance.int(version);
          const gone = runner.rollbackTo(target, list);
          assert.deepEqual(gone.map((it) => it.version), Array.from({ length: version - target }, (_, i) => version - i));
          seen.back += gone.length;
          arrived(target);
        }
      }
    }
    assert.deepEqual(runner.validate().problems.filter(({ kind }) => kind !== 'missing'), []);
    db.close();
    other.close();
  }
  for (const [what, times] of Object.entries(seen)) assert.ok(times > 20, `${what}: ${times}`);
});

test('eight processes run the same functions on a new file: each is applied once, and all go on', { timeout: 120_000 }, async () => {
  const dir = tempDir();
  const path = join(dir, 'shared.db');
  const processes = Array.from({ length: 8 }, () => start(`
    import { createRequire } from 'node:module';
    const require = createRequire(${JSON.stringify(join(root, 'index.js'))});
    const { MigrationRunner } = require('runledger/database/migrations');
    const { Database } = require('runledger/sqlite');
    const table = (version) => ({
      version,
      name: 'table' + version,
      up(db) { db.exec('CREATE TABLE t' + version + ' (pid)'); db.prepare('INSERT INTO t' + version + ' VALUES (?)').run(process.pid); },
    });
    await new Promise((resolve) => process.stdin.once('data', resolve));
    process.stdin.destroy();
    const db = new Database(${JSON.stringify(path)}, { timeout: 30000 });
    const results = new MigrationRunner(db, { module: 'app' }).runMigrations([1, 2, 3, 4, 5].map(table));
    console.log(JSON.stringify(results.map(({ status }) => status)));
    db.close();
  `));
  for (const { child } of processes) child.stdin.write('go\n');
  const applied = [0, 0, 0, 0, 0];
  for (const { closed } of processes) {
    const { code, stdout, stderr } = await closed;
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
    JSON.parse(stdout).forEach((status, i) => {
      assert.match(status, /^(applied|skipped)$/);
      if (status === 'applied') applied[i] += 1;
    });
  }
  assert.deepEqual(applied, [1, 1, 1, 1, 1]);
  const db = track(new Database(path));
  assert.deepEqual(db.prepare('SELECT version, count(*) FROM schema_migrations GROUP BY 1').raw().all(), [1, 2, 3, 4, 5].map((version) => [version, 1]));
  for (const version of [1, 2, 3, 4, 5]) assert.equal(db.prepare(`SELECT count(*) FROM t${version}`).pluck().get(), 1);
});
