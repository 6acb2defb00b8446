// The program itself: help, how it is started, colour, and the package scripts around it (telemetry.md §12).
import { afterEach } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, cpSync, existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { cleanUp, environment, fileExists, isBun, isDeno, makeDir, root, runtimeWords, skipOnWindows, skipWithoutPython, tempDir, test } from './support.mjs';
import { Database } from '../dist/sqlite.js';
import { cli, execute, fails, leavesAlone, lines, program } from './fixtures/cli.mjs';

afterEach(cleanUp);

const { version, bin, files, scripts } = createRequire(import.meta.url)('../package.json');

test('the package brings the program: named, shipped, executable', { skip: skipOnWindows }, () => {
  assert.deepEqual(bin, { runledger: 'bin/runledger.mjs' });
  assert.ok(files.includes('bin') && files.includes('dist'));
  accessSync(program, constants.X_OK);
  assert.ok(readFileSync(program, 'utf8').startsWith('#!/usr/bin/env node\n'));
});

test('--version and -v tell the version', async () => {
  for (const word of ['--version', '-v']) assert.deepEqual(await lines([word]), [version]);
});

test('help names what there is: modules that are built, commands, options', async () => {
  const general = (await lines(['--help'])).join('\n');
  for (const words of ['Usage', 'telemetry', 'database', '  analytics ', '  usage ', '  instances', 'doctor', 'backup', '--db PATH', '--json']) assert.ok(general.includes(words), words);
  for (const words of [['-h'], ['help'], ['help', 'nope']]) assert.equal((await lines(words)).join('\n'), general);
  const module = (await lines(['telemetry', '--help'])).join('\n');
  for (const words of ['migrate, up', 'status', 'rollback [VERSION], down', 'validate', '--allow-destructive', '--dry-run', '--fail-on-blocked', 'VIBEKIT_DB_PATH']) {
    assert.ok(module.includes(words), words);
  }
  assert.equal((await lines(['help', 'telemetry'])).join('\n'), module);
  const database = (await lines(['database', '--help'])).join('\n');
  for (const words of ['migrate, up, setup', '--dir PATH', 'data/app.db']) assert.ok(database.includes(words), words);
  assert.ok(!module.includes('--dir'));
  assert.match((await lines(['doctor', '--help']))[0], /^runledger doctor: /);
  assert.match((await lines(['backup', '-h']))[0], /^runledger backup: /);
  for (const line of [...general.split('\n'), ...module.split('\n'), ...database.split('\n')]) assert.ok(line.length <= 130, line);
});

test('help of a verb runs nothing', async () => {
  const cwd = tempDir();
  await leavesAlone(cwd, () => lines(['telemetry', 'migrate', '--help'], { cwd }));
});

test('nothing, and what is no command, are answered with the help on stderr and exit 1', async () => {
  const cwd = tempDir();
  await leavesAlone(cwd, () => fails([], /^runledger: no module is named\n\nrunledger: the local database .*\n\nUsage\n/, { cwd }));
  await leavesAlone(cwd, () => fails(['nope', 'migrate'], /^runledger: unknown module "nope"\n\nrunledger: the local database/, { cwd }));
  await fails(['constructor'], /^runledger: unknown module "constructor"/, { cwd });
  await fails(['--nope'], "runledger: Unknown option '--nope'", { cwd });
});

test('it works through the link that npm makes, and from any directory', { skip: skipOnWindows }, async () => {
  const [cwd, links] = [tempDir(), tempDir()];
  const link = join(links, 'runledger');
  symlinkSync(program, link);
  assert.deepEqual(await lines(['telemetry', '--db', 't.db'], { cwd, script: link }), ['telemetry: applied 1 telemetry_schema', 'telemetry: version 1']);
  assert.ok(existsSync(join(cwd, 't.db')));
  if (isBun) return; // the shebang is Node's
  const { code, stdout } = await execute(link, ['telemetry', 'validate', '--db', 't.db'], { cwd });
  assert.deepEqual([code, stdout], [0, 'telemetry: ok\n']);
});

const skipGone = skipOnWindows || (isDeno && 'Deno does not start in a directory that was removed');
test('it works in a directory that was removed, where no path is relative', { skip: skipGone }, async () => {
  const [gone, path] = [tempDir(), join(tempDir(), 't.db')];
  const words = [process.execPath, ...runtimeWords(program), 'telemetry', 'status', '--db', path].map((word) => `'${word}'`).join(' ');
  const { code, stdout, stderr } = await execute('/bin/sh', ['-c', `rmdir '${gone}' && exec ${words}`], { cwd: gone });
  assert.deepEqual([code, stdout.split('\n')[0], stderr], [0, `telemetry: file ${path} (does not exist)`, '']);
});

test('a clone that is not built says what to do', async () => {
  const dir = tempDir();
  makeDir(join(dir, 'bin'));
  cpSync(program, join(dir, 'bin/runledger.mjs'));
  await fails(['--version'], 'runledger: this clone is not built yet: npm ci && npm run build', { script: join(dir, 'bin/runledger.mjs') });
});

test('a reader that has seen enough is no failure', { skip: skipOnWindows }, async () => {
  const words = [...runtimeWords(program), 'telemetry', '--dry-run', '--db', join(tempDir(), 't.db')];
  const command = `${[process.execPath, ...words].map((word) => `'${word}'`).join(' ')} | true`;
  const { code, stderr } = await execute('/bin/sh', ['-c', command]);
  assert.deepEqual([code, stderr], [0, '']);
});

test('nor is one that does not want to hear of warnings', { skip: skipOnWindows }, async () => {
  const path = join(tempDir(), 't.db');
  const older = new Database(path);
  older.exec(`CREATE TABLE sessions (id text PRIMARY KEY NOT NULL, started_at integer NOT NULL, ended_at integer, tool_count integer DEFAULT 0 NOT NULL);
    CREATE TABLE tool_calls (id text PRIMARY KEY NOT NULL, tool_name text NOT NULL, duration_ms integer NOT NULL, status text NOT NULL,
      error_type text, timestamp integer NOT NULL, session_id text NOT NULL);
    INSERT INTO tool_calls VALUES ('a', 'grep', 1, 'success', NULL, 1, 'nobody')`);
  older.close();
  const child = spawn(process.execPath, [...runtimeWords(program), 'analytics', 'migrate', '--db', path], { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.destroy();
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});

const ESCAPE = '\x1b[';

test('colour is for terminals: none in a pipe, whatever the environment says of terminals', async () => {
  const cwd = tempDir();
  for (const words of [['telemetry'], ['telemetry', 'status'], ['doctor'], ['--help'], ['telemetry', 'nope']]) {
    const { stdout, stderr } = await cli(words, { cwd, env: { TERM: 'xterm-256color', COLORTERM: 'truecolor' } });
    assert.ok(!stdout.includes(ESCAPE) && !stderr.includes(ESCAPE), words.join(' '));
  }
});

test('on a terminal there is colour, unless NO_COLOR or a dumb terminal asks for none', { skip: skipWithoutPython || skipOnWindows }, () => {
  const dir = tempDir();
  const onTerminal = (env) => {
    const words = [process.execPath, ...runtimeWords(program), 'telemetry', '--db', join(dir, 't.db')];
    const script = `import os, pty, sys\nsys.exit(os.waitstatus_to_exitcode(pty.spawn(${JSON.stringify(words)})))`;
    const { status, stdout, stderr } = spawnSync('python3', ['-c', script], { encoding: 'utf8', env: environment({ TERM: 'xterm', ...env }) });
    assert.equal(status, 0, stderr);
    return stdout;
  };
  assert.ok(onTerminal({}).includes(ESCAPE));
  assert.ok(!onTerminal({ NO_COLOR: '1' }).includes(ESCAPE));
  assert.ok(!onTerminal({ TERM: 'dumb' }).includes(ESCAPE));
});

// ---------------------------------------------------------------- package scripts

/** A repository with the scripts of this one and a telemetry set of one committed migration. */
function repository() {
  const dir = tempDir();
  cpSync(join(root, 'scripts'), join(dir, 'scripts'), { recursive: true });
  const first = join(dir, 'migrations/telemetry/0001_telemetry_schema');
  makeDir(first);
  for (const name of ['up.sql', 'down.sql']) writeFileSync(join(first, name), 'SELECT 1;\n');
  const git = (...words) => {
    const identity = ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'commit.gpgsign=false'];
    const { status, stderr } = spawnSync('git', ['-C', dir, ...identity, ...words], { encoding: 'utf8', env: environment() });
    assert.equal(status, 0, stderr);
  };
  git('init', '-q');
  git('add', 'migrations');
  git('commit', '-q', '-m', 'one');
  const run = (...words) => execute(process.execPath, [...runtimeWords(join(dir, 'scripts/migrations.mjs')), ...words]);
  return { dir, git, run, folders: () => readdirSync(join(dir, 'migrations/telemetry')).sort() };
}

test('the scripts of telemetry.md §12 exist', () => {
  for (const name of ['migrate', 'db:migrate', 'migrate:generate', 'db:generate', 'migrate:drop', 'migrate:push', 'db:push', 'db:studio',
    'build', 'dev', 'type-check', 'test', 'test:coverage']) assert.ok(scripts[name], name);
  assert.match(scripts['migrate:push'], /--allow-destructive$/);
});

test('migrate:generate makes the next folder, whose comments are no flags yet', async () => {
  const { dir, run, folders } = repository();
  assert.deepEqual((await run('generate', 'add_agent_version')).stdout, 'migrations/telemetry/0002_add_agent_version\n');
  assert.equal((await run('generate')).code, 0);
  assert.deepEqual(folders(), ['0001_telemetry_schema', '0002_add_agent_version', '0003_new_migration']);
  const folder = join(dir, 'migrations/telemetry/0002_add_agent_version');
  assert.deepEqual(readdirSync(folder).sort(), ['down.sql', 'up.sql']);
  for (const line of readFileSync(join(folder, 'up.sql'), 'utf8').split('\n')) assert.doesNotMatch(line, /^-*\s*runledger:/);
});

test('migrate:generate refuses names that are none or taken, and numbers with a gap', async () => {
  const { dir, run, folders } = repository();
  const refused = async (words, message) => {
    const { code, stdout, stderr } = await run('generate', ...words);
    assert.deepEqual([code, stdout], [1, ''], words.join(' '));
    assert.match(stderr, message);
  };
  for (const name of ['', 'Add', 'add-x', 'add x', '1x', '_x', 'x_', 'x__y', '../x', 'a/b', 'ä', 'a'.repeat(65), '0002_x']) {
    await refused([name], /is no name for a migration/);
  }
  await refused(['telemetry_schema'], /has that name already/);
  await refused(['a', 'b'], /generate \[name\] \| drop/);
  makeDir(join(dir, 'migrations/telemetry/0003_late'));
  await refused(['x'], /numbers have no gaps/);
  assert.deepEqual(folders(), ['0001_telemetry_schema', '0003_late']);
});

test('migrate:drop removes the newest migration while nobody else can have it', async () => {
  const { dir, git, run, folders } = repository();
  await run('generate', 'two');
  await run('generate', 'three');
  assert.equal((await run('drop')).stdout, 'migrations/telemetry/0003_three\n');
  writeFileSync(join(dir, 'migrations/telemetry/0002_two/notes.md'), 'mine');
  const kept = await run('drop');
  assert.equal(kept.code, 1);
  assert.match(kept.stderr, /holds more than up\.sql and down\.sql: notes\.md/);
  git('add', 'migrations');
  assert.equal((await run('drop')).code, 1, 'still more than its two files');
  git('commit', '-q', '-m', 'two');
  const released = await run('drop');
  assert.equal(released.code, 1);
  assert.match(released.stderr, /0002_two is committed, so files may have been migrated with it/);
  assert.deepEqual(folders(), ['0001_telemetry_schema', '0002_two']);
  assert.ok(fileExists(join(dir, 'migrations/telemetry/0002_two/up.sql')));
});

test('db:studio says what is missing where drizzle-kit is not installed', async () => {
  const { dir } = repository();
  const { code, stdout, stderr } = await execute(process.execPath, runtimeWords(join(dir, 'scripts/studio.mjs')));
  assert.deepEqual([code, stdout], [1, '']);
  assert.match(stderr, /drizzle-kit is not installed[\s\S]*npm install --no-save drizzle-kit/);
});
