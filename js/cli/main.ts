/**
 * `runledger …`: which command is meant, and what its failure looks like.
 */
import { RunledgerError } from '../errors.js';
import { version } from '../loader.js';
import { type Arguments, misuse, parse } from './arguments.js';
import { runBackup } from './backup.js';
import { runDoctor } from './doctor.js';
import { generalHelp, helpOf } from './help.js';
import { moduleNamed } from './modules.js';
import { err, json, out, problem } from './output.js';
import { runModule } from './module.js';

/** For the tests: the lines of outcomes that no module has yet. */
export { isHeldBack, migrateLines } from './lines.js';

/** Runs the command line with `argv`, the words after the program's name, and returns the exit code. */
export function main(argv: readonly string[]): number {
  // The first word that is no option, for a message about words that cannot even be parsed.
  const command = argv.find((word) => !word.startsWith('-')) ?? 'runledger';
  try {
    return run(parse(argv));
  } catch (error) {
    return fail(isCommand(command) ? command : 'runledger', error, argv.includes('--json'));
  }
}

function run(given: Arguments): number {
  const { values, words } = given;
  const [command, ...rest] = words;
  if (values.version) {
    out(version);
    return 0;
  }
  if (command === undefined || command === 'help') {
    const topic = rest[0];
    if (!values.help && command === undefined) return helpless('no module is named', values.json);
    out(topic !== undefined && isCommand(topic) ? helpOf(topic) : generalHelp());
    return 0;
  }
  if (!isCommand(command)) return helpless(`unknown module "${command}"`, values.json);
  if (values.help) {
    out(helpOf(command));
    return 0;
  }
  const request = { ...given, words: rest };
  if (command === 'doctor') return runDoctor(request, version);
  if (command === 'backup') return runBackup(request);
  return runModule(moduleNamed(command)!, request);
}

function isCommand(word: string): boolean {
  return word === 'doctor' || word === 'backup' || moduleNamed(word) !== undefined;
}

/** Says what is wrong with the command line, and what could be right. */
function helpless(message: string, asJson: boolean): number {
  const code = fail('runledger', misuse(message), asJson);
  err(`\n${generalHelp()}`);
  return code;
}

/** Says what went wrong: to people on stderr, and to programs that asked for JSON on stdout. */
function fail(command: string, error: unknown, asJson: boolean): number {
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) };
  problem(command, message);
  if (asJson) json({ error: { name, message, ...(error instanceof RunledgerError ? error : {}) } });
  return 1;
}
