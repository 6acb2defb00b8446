// What prepare.mjs and test.mjs share: run a command, show one line a step, keep the output for when it is needed.

import { spawn } from 'node:child_process';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The folder of package.json. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A step failed: `output` is what its command printed. */
export class StepError extends Error {
  name = 'StepError';
  constructor(message, output = '') {
    super(message);
    this.output = output;
  }
}

/**
 * Runs a command to its end and resolves to its whole output, both streams in the order in which they came (or, with
 * `stdoutOnly`, to its standard output).
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onLine?: (line: string) => void, timeoutMs?: number,
 *   stdoutOnly?: boolean }} [options]
 * @throws {StepError} when it cannot be started, exits with another code than 0, or runs longer than `timeoutMs`
 */
export function run(command, args, { cwd = root, env = process.env, onLine, timeoutMs, stdoutOnly } = {}) {
  const shown = [command === process.execPath ? 'node' : command, ...args].join(' ').replaceAll(`${root}/`, '');
  return new Promise((resolve, reject) => {
    // npm is a .cmd file on Windows, which only a shell starts.
    const shell = process.platform === 'win32' && command === 'npm';
    const child = spawn(command, args, { cwd, env, shell, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let printed = '';
    let rest = '';
    let late = false;
    const timer = timeoutMs && setTimeout(() => ((late = true), child.kill('SIGKILL')), timeoutMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        if (stream === child.stdout) printed += text;
        if (!onLine) return;
        const lines = (rest + text).split('\n');
        rest = lines.pop();
        lines.forEach(onLine);
      });
    }
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new StepError(`${shown}: ${error.message}`, output));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (onLine && rest) onLine(rest);
      if (late) return reject(new StepError(`${shown} ran longer than ${timeoutMs / 1000} s and was ended`, output));
      if (signal)
        return reject(new StepError(`${shown} was ended by ${signal} (${constants.signals[signal]})`, output));
      if (code !== 0) return reject(new StepError(`${shown} exited with code ${code}`, output));
      resolve(stdoutOnly ? printed : output);
    });
  });
}

/** Whether `command args` runs and exits with 0. */
export const answers = (command, args) =>
  run(command, args).then(
    () => true,
    () => false,
  );

/**
 * Installs what the lock file in `folder` says, if that has changed since. No install script runs.
 *
 * @param {string} folder relative to the root
 */
export async function installFolder(folder, onLine) {
  const cwd = join(root, folder);
  const time = (path) => (existsSync(join(cwd, path)) ? statSync(join(cwd, path)).mtimeMs : -1);
  if (time('node_modules/.package-lock.json') >= time('package-lock.json')) return;
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd, onLine });
}

/** `950 ms`, `12.3 s`, `2 min 05 s`. */
export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

/**
 * Shows one step: on a terminal a line that counts the seconds, elsewhere one line when the step is done.
 *
 * @param {NodeJS.WriteStream} stream
 * @param {string} label
 */
export function progress(stream, label) {
  const started = performance.now();
  let note = '';
  const draw = () => {
    const text = `… ${label}  ${duration(Math.floor((performance.now() - started) / 1000) * 1000)}  ${note}`;
    stream.write(`\r\x1b[2K${text.slice(0, (stream.columns ?? 80) - 1)}`);
  };
  const timer = stream.isTTY && setInterval(draw, 200);
  if (timer) draw();
  const end = (mark, text) => {
    clearInterval(timer);
    if (stream.isTTY) stream.write('\r\x1b[2K');
    const elapsed = performance.now() - started;
    stream.write(`${mark} ${label}  ${text ?? duration(elapsed)}\n`);
    return elapsed;
  };
  return {
    /** Shows what the step is busy with, on a terminal. */
    note: (text) => void (note = text.trim()),
    done: () => end('✓'),
    failed: () => end('✗'),
    skipped: (why) => end('-', `skipped: ${why}`),
  };
}

/**
 * Runs `main` if the module at `url` is the program that Node was started with. A failure shows the output of the failed
 * command and sets the exit code.
 *
 * @param {string} url `import.meta.url`
 * @param {() => Promise<unknown>} main
 */
export async function whenStarted(url, main) {
  if (!process.argv[1] || url !== pathToFileURL(realpathSync(process.argv[1])).href) return;
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${error.output ?? ''}\n${error instanceof StepError ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}
