/**
 * `--help`
 */
import { modules, moduleNamed, otherWords, type Verb, VERBS } from './modules.js';
import { paint } from './output.js';

const OPTIONS = {
  '--db PATH': 'the file; without it the default of the module',
  '--json': 'print the result as one JSON value',
  '--help': 'show this',
};

const DIRECTORY_OPTION = {
  '--dir PATH': 'a directory of migrations, in SQL and JavaScript: from 1 in place of the built-in ones, from 3 on top',
};

const MIGRATE_OPTIONS = {
  '--dry-run': 'migrate: run everything, show what would change, roll everything back',
  '--allow-destructive': 'migrate: also apply migrations that lose data',
  '--fail-on-blocked': 'migrate: exit with 1 if a migration was blocked',
};

/** The help of the program. */
export function generalHelp(): string {
  const named = Object.fromEntries(modules().map(({ name, summary }) => [name, summary]));
  return text([
    'runledger: the local database for AI-agent telemetry',
    ['Usage', ['runledger MODULE [VERB] [TARGET] [options]', 'runledger doctor [--db PATH] [--json]', 'runledger backup SOURCE DEST [--json]']],
    ['Modules', table(named)],
    [
      'Commands',
      table({
        doctor: 'what this installation is, and what is wrong with a file; changes nothing',
        backup: 'a consistent copy of any SQLite database, also while it is in use; never over a file',
      }),
    ],
    ['Options', table({ ...OPTIONS, '--version': 'show the version' })],
    'runledger MODULE --help tells what can be done with a module.',
  ]);
}

/** The help of one command. */
export function helpOf(command: string): string {
  if (command === 'doctor') return doctorHelp();
  if (command === 'backup') return backupHelp();
  const module = moduleNamed(command);
  if (module === undefined) return generalHelp();
  const verbs = (Object.keys(VERBS) as Verb[]).map((verb) => {
    const words = [verb === 'rollback' ? 'rollback [VERSION]' : verb, ...otherWords(module, verb)];
    return [words.join(', '), VERBS[verb].does] as const;
  });
  return text([
    `runledger ${module.name}: ${module.summary}`,
    ['Usage', [`runledger ${module.name} [VERB] [TARGET] [options]`]],
    ['Verbs', table(Object.fromEntries(verbs))],
    ['Options', table({ ...OPTIONS, ...(module.extensible ? DIRECTORY_OPTION : {}), ...MIGRATE_OPTIONS })],
    ['Default file', [module.defaults]],
    ['Exit code', ['0, or 1 when it failed, when validate finds a problem, or as --fail-on-blocked says']],
  ]);
}

function doctorHelp(): string {
  return text([
    'runledger doctor: what this installation is, and what is wrong with a file; changes nothing',
    ['Usage', ['runledger doctor [--db PATH] [--json]']],
    ['Options', table({ ...OPTIONS, '--db PATH': 'the file to examine; without it the file of telemetry' })],
    ['Exit code', ['0, or 1 when something is wrong; a file named by --db that is missing is wrong']],
  ]);
}

function backupHelp(): string {
  const { '--json': asJson, '--help': help } = OPTIONS;
  return text([
    'runledger backup: a consistent copy of any SQLite database, also while it is in use; never over a file',
    ['Usage', ['runledger backup SOURCE DEST [--json]']],
    ['Options', table({ '--json': asJson, '--help': help })],
    ['Exit code', ['0, or 1 when it failed; then there is no DEST']],
  ]);
}

/** Paragraphs, some of them with a heading. */
function text(parts: (string | [heading: string, lines: string[]])[]): string {
  const paragraph = (part: (typeof parts)[number]) =>
    typeof part === 'string' ? part : [paint('bold', part[0]), ...part[1].map((line) => `  ${line}`)].join('\n');
  return parts.map(paragraph).join('\n\n');
}

function table(rows: Record<string, string>): string[] {
  const width = Math.max(...Object.keys(rows).map((name) => name.length));
  return Object.entries(rows).map(([name, meaning]) => `${name.padEnd(width)}  ${meaning}`);
}
