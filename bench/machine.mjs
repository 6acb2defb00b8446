// What a reader must know of the machine; nothing of where things lie on it.

import { cpus, release, totalmem } from 'node:os';
import { mainClock } from './measure.mjs';

export function machine() {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim(),
    cores: cpus().length,
    memoryGB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    kernel: release(),
    mainThreadClock: mainClock,
  };
}
