// All rows, in the order in which they run and are printed.

import { analytics } from './analytics.mjs';
import { disk } from './disk.mjs';
import { eventLoop } from './event-loop.mjs';
import { growth } from './growth.mjs';
import { memory } from './memory.mjs';
import { processes } from './processes.mjs';
import { read } from './read.mjs';
import { recordings } from './recorded.mjs';
import { sqlite } from './sqlite.mjs';
import { starting } from './start.mjs';
import { wholeFile } from './whole-file.mjs';
import { write } from './write.mjs';

export const rows = [
  ...write,
  ...read,
  ...growth,
  ...wholeFile,
  ...eventLoop,
  ...memory,
  ...processes,
  ...starting,
  ...disk,
  ...sqlite,
  ...analytics,
  ...recordings,
];
