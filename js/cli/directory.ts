/**
 * `--dir PATH`: the verbs of a module with migrations of the user's own. Functions among them run in this process, between
 * native calls.
 */
import { applicableMigrations } from '../database/applicable.js';
import { discoverMigrationsSync } from '../database/discovery.js';
import type { Migration } from '../database/migration.js';
import { type OpenedFile, openFile } from '../database/open-file.js';
import { RunledgerError } from '../errors.js';
import { applyMigrations, journalOf, rollBackTo } from '../migration/engine.js';
import { facts } from '../migration/script.js';
import { type CommandRequest, native } from '../native.js';
import { Database } from '../sqlite/database.js';
import type { Verb } from './modules.js';
import { type MigrateReport, reportOf, type RollbackReport, type StatusReport } from './reports.js';

/**
 * Runs one verb with the migrations of `directory` and returns its report.
 *
 * @throws {MigrationError} `MIGRATION_LOAD_FAILED`, before the file is looked at; those of the verb.
 */
export function runDirectory(module: string, verb: Verb, request: CommandRequest, directory: string): unknown {
  const list = applicableMigrations(module, discoverMigrationsSync(directory));
  const look = (verb: 'status' | 'validate') =>
    reportOf<StatusReport>(native().runCommand(module, verb, { ...request, migrations: facts(list).entries }), verb);
  switch (verb) {
    case 'migrate':
      return migrate(module, list, request, look('status'));
    case 'rollback':
      return rollBack(module, list, request, look('status'));
    default:
      return look(verb);
  }
}

/** In a dry run a missing file stays missing: it is tried on a database in memory. */
function migrate(module: string, list: readonly Migration[], request: CommandRequest, status: StatusReport): MigrateReport {
  const { file, allowDestructive = false, dryRun = false } = request;
  const { connection, warnings, prepared } = dryRun ? asItIs(file, status) : opened(file, module, list);
  try {
    const report = applyMigrations(connection, module, list, { allowDestructive, dryRun }, 'migrate');
    const { converted, adopted } = prepared ?? report.prepared;
    return {
      file,
      created: !status.exists && !dryRun,
      dryRun,
      warnings,
      modules: [
        {
          module,
          version: journalOf(connection, module, 'migrate').at(-1)?.version ?? 0,
          latest: list.length,
          converted,
          adopted,
          items: report.items,
        },
      ],
    };
  } finally {
    connection.close();
  }
}

/** What a run works on, and what opening has converted and adopted. */
type Target = Pick<OpenedFile, 'connection' | 'warnings' | 'prepared'>;

function opened(file: string, module: string, list: readonly Migration[]): Target {
  const { failure, ...target } = openFile(file, module, list, false);
  if (failure === undefined) return target;
  target.connection.close();
  throw failure;
}

/** The file as it is, no setting changed. */
function asItIs(file: string, { exists }: StatusReport): Target {
  const connection = exists ? new Database(file, { fileMustExist: true }) : new Database();
  return { connection, warnings: [], prepared: undefined };
}

function rollBack(
  module: string,
  list: readonly Migration[],
  { file, target }: CommandRequest,
  { exists }: StatusReport,
): RollbackReport {
  if (!exists) throw new RunledgerError(`File does not exist: ${file}`, { code: 'ERR_FILE_MISSING', operation: 'rollback' });
  const wanted = target !== undefined && /^\d+$/.test(target) ? Number(target) : target;
  const connection = new Database(file, { fileMustExist: true });
  try {
    const rows = rollBackTo(connection, module, list, wanted, 'rollback');
    return {
      module,
      file,
      version: journalOf(connection, module, 'rollback').at(-1)?.version ?? 0,
      latest: list.length,
      rolledBack: rows.map(({ version, name }) => ({ version, name })),
    };
  } finally {
    connection.close();
  }
}
