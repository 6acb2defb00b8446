// The clocks of the benchmark: wall time, CPU time of the JavaScript thread, CPU time of the whole process.

import { openSync, readSync } from 'node:fs';

const buffer = Buffer.alloc(4096);
const clock = mainThreadClock();

/** Where the main-thread figure comes from; on `process` it holds the engine's other threads, too. */
export const mainClock = clock.source;

/**
 * Runs `work` once, after a garbage collection where the runtime offers one.
 *
 * @param {() => unknown} work
 * @param {() => unknown} [settle] brings the file to rest (a checkpoint): it counts in `cpu` and in nothing else, so
 *   that
 *   work which one library does at once and another a moment later is in the figures of both
 * @returns {Promise<{ value: any, wall: number, main: number, cpu: number }>} milliseconds
 */
export async function measure(work, settle) {
  collectGarbage();
  const cpuBefore = process.cpuUsage();
  const mainBefore = clock.read();
  const before = performance.now();
  const value = await work();
  const wall = performance.now() - before;
  const main = clock.read() - mainBefore;
  await settle?.();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { value, wall, main, cpu: (user + system) / 1000 };
}

export function collectGarbage() {
  if (typeof Bun !== 'undefined') Bun.gc(true);
  else globalThis.gc?.();
}

/** The value below which a share of the sorted numbers lies. */
export function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** What this process has handed to write(2) and what of it went towards the disk, in bytes; Linux only. */
export function bytesWritten() {
  const text = readProc('/proc/self/io');
  if (!text) return null;
  const field = (name) => Number(new RegExp(`^${name}: (\\d+)`, 'm').exec(text)[1]);
  return { handed: field('wchar'), toDisk: field('write_bytes') };
}

/** Resident memory in bytes: all of it, and the part that is no mapped file (equal to it beside Linux). */
export function residentMemory() {
  const text = readProc('/proc/self/status');
  const field = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)[1]) * 1024;
  if (text) return { rss: field('VmRSS'), anonymous: field('RssAnon') };
  const rss = process.memoryUsage.rss();
  return { rss, anonymous: rss };
}

/**
 * Watches the event loop with a timer that is due every millisecond. `stop()` returns how much later than due it came.
 * Native histograms do not exist on every runtime.
 */
export function watchLoop() {
  const delays = [];
  let last = performance.now();
  const note = () => {
    const now = performance.now();
    delays.push(Math.max(0, now - last - 1));
    last = now;
  };
  const timer = setInterval(note, 1);
  return {
    stop() {
      clearInterval(timer);
      note(); // a block that lasts until now counts
      delays.sort((a, b) => a - b);
      return { p50: quantile(delays, 0.5), p99: quantile(delays, 0.99), max: delays.at(-1) };
    },
  };
}

function mainThreadClock() {
  const schedstat = openProc(`/proc/self/task/${process.pid}/schedstat`);
  if (schedstat !== null) {
    const read = () => {
      // The kernel brings the figure of a running thread up to date when somebody asks for the CPU time of the process;
      // else it is as old as the last tick of the scheduler.
      process.cpuUsage();
      return Number(textOf(schedstat).split(' ')[0]) / 1e6;
    };
    if (read() > 0) return { source: 'schedstat', read };
  }
  const usage = process.threadCpuUsage ?? process.cpuUsage;
  return {
    source: process.threadCpuUsage ? 'thread' : 'process',
    read() {
      const { user, system } = usage.call(process);
      return (user + system) / 1000;
    },
  };
}

function openProc(path) {
  try {
    return openSync(path, 'r');
  } catch {
    return null;
  }
}

function textOf(file) {
  return buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, 0));
}

const opened = new Map();

function readProc(path) {
  if (!opened.has(path)) opened.set(path, openProc(path));
  const file = opened.get(path);
  return file === null ? null : textOf(file);
}
