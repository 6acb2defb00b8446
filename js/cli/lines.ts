/**
 * Reports as lines for people, as migrations.md §9 words them.
 */
import type { MigrationChange, MigrationPlanItem } from '../migration/reports.js';
import { paint, type Style } from './output.js';
import type {
  FileValidationReport,
  MigrateReport,
  ModuleMigration,
  RollbackReport,
  StatusReport,
} from './reports.js';

/** Why the migrations of a dry run that nothing else stands in the way of are not applied. */
const DRY_RUN = 'Dry run mode';

/** Whether a migration did not take effect, and not only because this is a dry run. */
export function isHeldBack({ status, reason }: MigrationPlanItem): boolean {
  return status === 'blocked' && reason !== DRY_RUN;
}

/** What `migrate` did, or would do. */
export function migrateLines({ modules, dryRun }: MigrateReport): string[] {
  return modules.flatMap((report) => moduleLines(report, dryRun));
}

function moduleLines({ module, version, converted, adopted, items }: ModuleMigration, dryRun: boolean): string[] {
  const lines: string[] = [];
  const say = (text: string) => lines.push(`${module}: ${text}`);
  const would = (done: string, plan: string) => paint('green', dryRun ? `would ${plan}` : done);
  if (converted) say(`${would('converted', 'convert')} the journal of an earlier format`);
  if (adopted !== null) say(`${would('adopted', 'adopt')} the existing tables as version ${adopted}`);
  for (const item of items) {
    const name = `${item.version} ${item.name}`;
    if (item.status === 'applied') say(`${paint('green', 'applied')} ${name}`);
    else if (isHeldBack(item)) say(`${paint('yellow', 'blocked')} ${name} (${item.reason})`);
    else if (item.status === 'blocked') say(`${paint('green', 'would apply')} ${name}`);
    if (!dryRun || item.status !== 'blocked') continue;
    for (const change of item.changes) say(`  ${changeText(change)}`);
    if (!item.executed) say('  not tried in this dry run: what it would change is not known');
  }
  if (lines.length === 0) say(`up to date, version ${version}`);
  else say(`${dryRun ? 'dry run, ' : ''}version ${version}`);
  return lines;
}

function changeText({ kind, object, name, table, before, after }: MigrationChange): string {
  if (kind === 'rows') return `rows of ${object} ${name}: ${before} → ${after}`;
  const place = object === 'column' ? `${table}.${name}` : table === undefined ? name : `${name} on ${table}`;
  return `${kind} ${object} ${place}`;
}

/** A time that another program has recorded may be none that a `Date` can be. */
function moment(ms: number): string {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`;
}

/** Where a file stands. */
export function statusLines({ module, file, exists, version, latest, adoptable, conflict, pending, applied }: StatusReport): string[] {
  const adoption = adoptable === null ? [] : [`existing tables, which migrate adopts as version ${adoptable}`];
  return [
    `file ${file}${exists ? '' : ' (does not exist)'}`,
    `version ${version} of ${latest}`,
    ...adoption,
    ...(conflict === null ? [] : [`${paint('red', 'conflict')} ${conflict}`]),
    ...pending.map((it) => `${paint('yellow', 'pending')} ${it.version} ${it.name}`),
    ...applied.map((it) => `${paint('green', 'applied')} ${it.version} ${it.name}, ${moment(it.appliedAt)}`),
  ].map((text) => `${module}: ${text}`);
}

/** What `rollback` did. */
export function rollbackLines({ module, rolledBack, version }: RollbackReport): string[] {
  return [
    ...rolledBack.map((it) => `${module}: ${paint('yellow', 'rolled back')} ${it.version} ${it.name}`),
    `${module}: version ${version}`,
  ];
}

/** What `validate` found. */
export function validateLines({ module, ok, problems }: FileValidationReport): string[] {
  const painted = (style: Style, text: string) => `${module}: ${paint(style, text)}`;
  if (ok) return [painted('green', 'ok')];
  return problems.map(({ kind, object, message }) => `${painted('red', kind)} ${object}: ${message}`);
}
