/**
 * The modules of the command line. One that joins needs its entry here and one in src/command/catalog.rs.
 */
import { defaultFile } from '../analytics/options.js';
import { resolveConfig } from '../config.js';
import { DEFAULT_FILE } from '../database/options.js';

/** What can be done with the file of a module. */
export type Verb = 'migrate' | 'status' | 'rollback' | 'validate';

/** A module that has a migration set of its own. */
export interface CliModule {
  name: string;
  /** One line for the help. */
  summary: string;
  /** The default file as the help tells of it. */
  defaults: string;
  /** The absolute path of the default file, as the environment has it now. */
  defaultFile(): string;
  /** Whether `--dir` may name migrations of the user's own. */
  extensible?: boolean;
  /** Further words for verbs. */
  aliases?: Readonly<Record<string, Verb>>;
}

const MODULES: readonly CliModule[] = [
  {
    name: 'telemetry',
    summary: 'sessions, events, buffers, errors and statistics of agents',
    defaults:
      'VIBEKIT_DB_PATH, or .vibekit/telemetry.db (telemetry-dev.db and telemetry-test.db under NODE_ENV=development and test)',
    defaultFile: () => resolveConfig(undefined).path,
  },
  {
    name: 'database',
    summary: 'the application database: agents, rules and workflows, or tables of your own',
    defaults: 'data/app.db in the working directory',
    defaultFile: () => DEFAULT_FILE,
    extensible: true,
    aliases: { setup: 'migrate' },
  },
  {
    name: 'analytics',
    summary: 'sessions and tool calls of an agent',
    defaults: '~/.devflow/analytics.db',
    defaultFile: () => defaultFile(),
  },
  {
    name: 'usage',
    summary: 'settings and snapshots of a usage monitor, in the file of telemetry',
    defaults: 'that of telemetry',
    defaultFile: () => resolveConfig(undefined).path,
  },
  {
    name: 'instances',
    summary: 'agent instances, their events and relationships, issues and configuration',
    defaults: 'claude-codex.db in the working directory',
    defaultFile: () => 'claude-codex.db',
  },
];

/** Every module that is built. */
export const modules = (): readonly CliModule[] => MODULES;

/** The module of that name, if it is built. */
export const moduleNamed = (name: string): CliModule | undefined => MODULES.find((module) => module.name === name);

/** What a verb is called, which options it takes, and what it does. */
export const VERBS: Readonly<
  Record<Verb, { alias?: string; options: readonly ('allow-destructive' | 'dry-run' | 'fail-on-blocked')[]; does: string }>
> = {
  migrate: {
    alias: 'up',
    options: ['allow-destructive', 'dry-run', 'fail-on-blocked'],
    does: 'create the file if it is missing and apply what is pending (the default)',
  },
  status: { options: [], does: 'show file, version, and what is pending and applied; changes nothing' },
  rollback: { alias: 'down', options: [], does: 'go back to a version, by default to the one before; its data is lost' },
  validate: { options: [], does: 'compare the file with its journal and check that it is sound; changes nothing' },
};

/** The verb that a word of the command line means for `module`. */
export function verbOf(module: CliModule, word: string): Verb | undefined {
  for (const [verb, { alias }] of Object.entries(VERBS)) if (word === verb || word === alias) return verb as Verb;
  return module.aliases !== undefined && Object.hasOwn(module.aliases, word) ? module.aliases[word] : undefined;
}

/** The further words for a verb. */
export function otherWords(module: CliModule, verb: Verb): string[] {
  const { alias } = VERBS[verb];
  const own = Object.entries(module.aliases ?? {}).filter(([, meant]) => meant === verb);
  return [...(alias === undefined ? [] : [alias]), ...own.map(([word]) => word)];
}

/** `migrate (up), status, …` */
export function verbList(module: CliModule): string {
  const names = (verb: Verb) => {
    const others = otherWords(module, verb);
    return others.length === 0 ? verb : `${verb} (${others.join(', ')})`;
  };
  return (Object.keys(VERBS) as Verb[]).map(names).join(', ');
}
