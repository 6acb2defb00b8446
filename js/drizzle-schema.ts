import { drizzlePeer, type DrizzlePeer } from './drizzle-peer.js';
import { tables } from './generated/rows.js';
import { lazy } from './lazy.js';

/** What the schema knows of a column. */
export interface ColumnFacts {
  readonly name: string;
  readonly sql: 'integer' | 'real' | 'boolean' | 'text';
  readonly dataType: 'number' | 'string' | 'boolean';
  readonly notNull: boolean;
  readonly hasDefault: boolean;
  readonly primary: boolean;
  readonly default?: string | number | boolean;
  readonly defaultNow?: true;
  readonly enumValues?: readonly string[];
  readonly unique?: true;
  readonly references?: keyof typeof tables;
  readonly onDelete?: 'cascade' | 'set null';
}

type TableName = keyof typeof tables;
type Owner = 'telemetrySessions' | 'telemetryEvents' | 'telemetryBuffers' | 'telemetryErrors';

/** The tables that js/schema.ts exports. */
const built = {} as Record<TableName, any>;

/**
 * A table as a Drizzle object; without the peer as frozen facts. The peer is loaded when somebody looks at a table, because
 * that takes longer than everything else that an import of this package does.
 */
export function buildTable(key: TableName): any {
  built[key] = lazy(() => {
    const { name, columns } = tables[key];
    const facts = Object.entries(columns) as [string, ColumnFacts][];
    const drizzle = drizzlePeer();
    if (drizzle === undefined) {
      return Object.freeze(Object.fromEntries(facts.map(([property, column]) => [property, plainColumn(column)])));
    }
    const columnsOf = Object.fromEntries(facts.map(([property, column]) => [property, drizzleColumn(drizzle, column)]));
    const table = drizzle.sqliteTable(name, columnsOf);
    for (const [property] of facts) table[property].table = built[key];
    return table;
  });
  return built[key];
}

/** The relations of a table: `one` by key column, `many`. Without the peer an empty object. */
export function buildRelations(
  owner: Owner,
  one: Record<string, readonly [column: string, table: Owner]>,
  many: Record<string, Owner>,
): any {
  return lazy(() => {
    const table = built[owner];
    const drizzle = drizzlePeer();
    if (drizzle === undefined) return Object.freeze({});
    return drizzle.relations(table, (helpers) => {
      const relations: Record<string, unknown> = {};
      for (const [name, [column, target]] of Object.entries(one)) {
        relations[name] = helpers.one(built[target], { fields: [table[column]], references: [built[target].id] });
      }
      for (const [name, target] of Object.entries(many)) relations[name] = helpers.many(built[target]);
      return relations;
    });
  });
}

function plainColumn({ name, dataType, notNull, hasDefault, primary, enumValues }: ColumnFacts): object {
  const column = { name, dataType, notNull, hasDefault, primary };
  return Object.freeze(enumValues === undefined ? column : { ...column, enumValues });
}

function drizzleColumn(drizzle: DrizzlePeer, facts: ColumnFacts): unknown {
  let column = columnOfType(drizzle, facts);
  if (facts.primary) column = column.primaryKey(facts.sql === 'integer' ? { autoIncrement: true } : undefined);
  else if (facts.notNull) column = column.notNull();
  if (facts.unique) column = column.unique();
  if (facts.defaultNow) {
    column = column.default(drizzle.sql`(CAST(round(unixepoch('subsec') * 1000) AS INTEGER))`);
  } else if (facts.default !== undefined) {
    column = column.default(facts.default);
  }
  const { references: target, onDelete } = facts;
  return target === undefined ? column : column.references(() => built[target].id, { onDelete, onUpdate: 'cascade' });
}

function columnOfType(drizzle: DrizzlePeer, { sql, name, enumValues }: ColumnFacts): any {
  switch (sql) {
    case 'integer':
      return drizzle.integer(name);
    case 'boolean':
      return drizzle.integer(name, { mode: 'boolean' });
    case 'real':
      return drizzle.real(name);
    case 'text':
      return enumValues === undefined ? drizzle.text(name) : drizzle.text(name, { enum: enumValues });
  }
}
