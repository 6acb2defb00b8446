/**
 * What machine this is, as far as it decides which binary fits.
 */
import { readFileSync } from 'node:fs';

/** The published binaries, by the names of their files and packages: `napi.targets` of package.json in other words. */
export const TARGETS: readonly string[] = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
];

/** The C library with its version if that can be known: `'glibc 2.36'`, `'musl'`; `null` where there is one only. */
export function libc(): string | null {
  if (process.platform !== 'linux') return null;
  return libcOfReport() ?? libcOfLdd();
}

/** Not every runtime has a report, and not every report a C library. */
function libcOfReport(): string | null {
  try {
    // Or it would look up the names of all peers of open sockets.
    Object.assign(process.report, { excludeNetwork: true });
    const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string }; sharedObjects?: string[] };
    const glibc = report.header?.glibcVersionRuntime;
    // Deno's report has the same version on every machine.
    if (glibc !== undefined) return 'deno' in process.versions ? 'glibc' : `glibc ${glibc}`;
    return report.sharedObjects?.some((name) => /libc\.musl-|ld-musl-/.test(name)) ? 'musl' : null;
  } catch {
    return null;
  }
}

function libcOfLdd(): string | null {
  try {
    return readFileSync('/usr/bin/ldd', 'utf8').includes('musl') ? 'musl' : 'glibc';
  } catch {
    return null;
  }
}

/** The one of {@link TARGETS} that fits this machine, if there is one. */
export function fittingTarget(): string | undefined {
  const abi = { linux: libc() === 'musl' ? '-musl' : '-gnu', win32: '-msvc' }[process.platform as string] ?? '';
  const target = `${process.platform}-${process.arch}${abi}`;
  return TARGETS.find((name) => name === target);
}
