/**
 * `runledger <module> [verb] [target]`
 */
import { MigrationError } from '../errors.js';
import { type CommandRequest, native } from '../native.js';
import { allow, type Arguments, fileOf, misuse } from './arguments.js';
import { runDirectory } from './directory.js';
import { isHeldBack, migrateLines, rollbackLines, statusLines, validateLines } from './lines.js';
import { type CliModule, type Verb, VERBS, verbList, verbOf } from './modules.js';
import { json, out, warning } from './output.js';
import { type FileValidationReport, type MigrateReport, reportOf, type RollbackReport, type StatusReport } from './reports.js';

/**
 * Runs one verb of a module on its file and returns the exit code.
 *
 * @throws {RunledgerError} `INVALID_ARGUMENTS`, and those of the verb.
 */
export function runModule(module: CliModule, given: Arguments): number {
  const { values } = given;
  const [word = 'migrate', target, ...rest] = given.words;
  const verb = verbOf(module, word);
  if (verb === undefined) throw misuse(`unknown verb "${word}": one of ${verbList(module)}`);
  const surplus = verb === 'rollback' ? rest[0] : target;
  if (surplus !== undefined) throw misuse(`unexpected argument "${surplus}"`);
  allow(given, `${module.name} ${verb}`, ['db', 'json', ...(module.extensible ? (['dir'] as const) : []), ...VERBS[verb].options]);
  const request: CommandRequest = {
    file: fileOf(values.db ?? module.defaultFile(), values.db === undefined ? 'the default file' : '--db'),
    target,
    allowDestructive: values['allow-destructive'],
    dryRun: values['dry-run'],
  };
  const report = values.dir === undefined ? runBuiltIn(module, verb, request) : runDirectory(module.name, verb, request, values.dir);
  if (values.json) json(report);
  return answer(verb, report, { lines: !values.json, failOnBlocked: values['fail-on-blocked'] });
}

/** Runs a verb with the built-in migrations. Where a file was migrated with others, the message tells of `--dir`. */
function runBuiltIn(module: CliModule, verb: Verb, request: CommandRequest): unknown {
  const addHint = (told: { message: string }) => {
    if (module.extensible) told.message = `${told.message.replace(/\.$/, '')}. Migrations of your own are named by --dir PATH`;
  };
  try {
    const report = reportOf(native().runCommand(module.name, verb, request), verb);
    if (verb === 'validate') (report as FileValidationReport).problems.filter(({ kind }) => kind === 'diverged').forEach(addHint);
    return report;
  } catch (error) {
    if (error instanceof MigrationError && ['MIGRATION_AHEAD', 'MIGRATION_DIVERGED'].includes(error.code)) addHint(error);
    throw error;
  }
}

/** Prints a report, if it is to be printed in lines, and judges it. */
function answer(verb: Verb, report: unknown, { lines, failOnBlocked }: { lines: boolean; failOnBlocked: boolean }): number {
  const print = (text: string[]) => {
    if (lines) text.forEach(out);
  };
  switch (verb) {
    case 'migrate': {
      const migrated = report as MigrateReport;
      for (const text of migrated.warnings) warning(migrated.modules.at(-1)?.module ?? 'runledger', text);
      print(migrateLines(migrated));
      return failOnBlocked && migrated.modules.some(({ items }) => items.some(isHeldBack)) ? 1 : 0;
    }
    case 'status':
      print(statusLines(report as StatusReport));
      return 0;
    case 'rollback':
      print(rollbackLines(report as RollbackReport));
      return 0;
    case 'validate':
      print(validateLines(report as FileValidationReport));
      return (report as FileValidationReport).ok ? 0 : 1;
  }
}
