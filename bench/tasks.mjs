// What a child does besides measuring a row.

import { writeAmongOthers } from './rows/processes.mjs';
import { writeSeed } from './seeds.mjs';

export const tasks = {
  /** Which version of a library is there; fails where none is. */
  probe: async ({ load }) => ({
    ...(await (await load()).version()),
    runtime: typeof Bun === 'undefined' ? `Node ${process.versions.node}` : `Bun ${Bun.version}`,
  }),
  /** A file for rows to read. */
  seed: async ({ load, seed }) => {
    await writeSeed(seed, await load());
    return { written: seed.path };
  },
  /** One of several writers to a file. */
  write: writeAmongOthers,
};
