/**
 * What a logger of usage hears, in the words of the command line.
 */
import { tell } from '../log.js';
import type { AppliedReport } from '../native.js';
import type { Logger } from '../types.js';

/** Tell what a run has done with a file, but for its warnings: nothing where there was nothing to do. */
export function tellRun(logger: Logger | undefined, module: string, { prepared, items }: AppliedReport): void {
  const { converted, adopted } = prepared;
  if (converted) tell(logger, 'info', module, 'converted the journal of an earlier format');
  if (adopted !== null) tell(logger, 'info', module, `adopted the existing tables as version ${adopted}`, { version: adopted });
  for (const { version, name, status, reason } of items) {
    if (status === 'applied') tell(logger, 'info', module, `applied ${version} ${name}`, { version, name });
    if (status === 'blocked') tell(logger, 'warn', module, `blocked ${version} ${name} (${reason})`, { version, name, reason });
  }
}
