/**
 * Results to stdout, problems to stderr, and colour only where somebody looks.
 */

const STYLES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** A colour or a weight. */
export type Style = keyof typeof STYLES;

/** Whether a stream is a terminal whose owner wants colour (no-color.org). */
function coloured(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
}

/** `text` in a style, for stdout. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return coloured(stream) ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
}

/** A line of the result. */
export function out(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** A line that is not part of the result. */
export function err(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** The whole result as one JSON value. */
export function json(value: unknown): void {
  out(JSON.stringify(value, null, 2));
}

/** `<command>: <message>` on stderr. */
export function problem(command: string, message: string): void {
  err(`${command}: ${paint('red', message, process.stderr)}`);
}

/** `<command>: warning: <message>` on stderr. */
export function warning(command: string, message: string): void {
  err(`${command}: ${paint('yellow', 'warning:', process.stderr)} ${message}`);
}

/** A size for people: `1.2 MB`. */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [count, 0];
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
