/**
 * The words of a command line.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { RunledgerError } from '../errors.js';

/** Every option of every command; each command says which it takes. */
const OPTIONS = {
  db: { type: 'string' },
  dir: { type: 'string' },
  json: { type: 'boolean', default: false },
  'allow-destructive': { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
  'fail-on-blocked': { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', short: 'v', default: false },
} as const;

/** The name of an option, without its dashes. */
export type OptionName = keyof typeof OPTIONS;

/** A command line that has been taken apart. */
export interface Arguments {
  values: ReturnType<typeof parsed>['values'];
  /** What is no option, in order. */
  words: string[];
}

/** A command line that makes no sense. */
export function misuse(message: string): RunledgerError {
  return new RunledgerError(message, { code: 'INVALID_ARGUMENTS' });
}

/**
 * Takes a command line apart.
 *
 * @throws {RunledgerError} `INVALID_ARGUMENTS`
 */
export function parse(argv: readonly string[]): Arguments {
  // A negative number is a bad target, not a bad option. No word of a command line begins with a NUL.
  const isNumber = (word: string, index: number) => /^-\d/.test(word) && !['--db', '--dir'].includes(argv[index - 1] ?? '');
  try {
    const { values, positionals } = parsed(argv.map((word, index) => (isNumber(word, index) ? `\0${word}` : word)));
    return { values, words: positionals.map((word) => word.replace(/^\0/, '')) };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw misuse(text.split(/\. |\n/)[0] ?? text);
  }
}

/**
 * Refuses options that the command does not take: `rollback --dry-run` must not roll back.
 *
 * @throws {RunledgerError} `INVALID_ARGUMENTS`
 */
export function allow({ values }: Arguments, command: string, allowed: readonly OptionName[]): void {
  for (const name of Object.keys(OPTIONS) as OptionName[]) {
    const isGiven = values[name] !== undefined && values[name] !== false;
    if (isGiven && !allowed.includes(name)) throw misuse(`--${name} is not an option of ${command}`);
  }
}

/**
 * The absolute path of a file that was named on the command line.
 *
 * @throws {RunledgerError} `INVALID_ARGUMENTS` for an empty one and for `:memory:`, which is gone when the command ends.
 */
export function fileOf(path: string, what: string): string {
  if (path === '' || path.includes('\0')) throw misuse(`${what} must be the path of a file`);
  if (path === ':memory:') throw misuse(`${what} must be a file: a database in memory ends with the command`);
  return resolve(path);
}

function parsed(args: string[]) {
  return parseArgs({ args, options: OPTIONS, allowPositionals: true, strict: true });
}
