// What a compiled add-on says of itself: the target that it is for, and the glibc that it needs. What it may weigh.

/** The limit for a binary for Linux x64, in bytes: 4 MiB (docs/packaging.md). */
export const MAX_BINARY_BYTES = 4 * 1024 * 1024;

const ELF = { 62: 'x64', 183: 'arm64' };
const MACH_O = { 0x01000007: 'x64', 0x0100000c: 'arm64' };
const PE = { 0x8664: 'x64', 0xaa64: 'arm64' };

/** The target of a binary, `linux-x64-gnu` for instance; `undefined` if it is none of those that are published. */
export function targetOfBinary(bytes) {
  if (bytes.length < 64) return undefined;
  const named = (system, arch, abi) => (arch === undefined ? undefined : [system, arch, abi].filter(Boolean).join('-'));
  if (bytes.toString('latin1', 0, 4) === '\x7fELF') return named('linux', ELF[bytes.readUInt16LE(18)], bytes.includes('\0libc.so.6\0') ? 'gnu' : 'musl');
  if (bytes.readUInt32LE(0) === 0xfeedfacf) return named('darwin', MACH_O[bytes.readUInt32LE(4)]);
  const header = bytes.readUInt32LE(60);
  if (bytes.toString('latin1', 0, 2) !== 'MZ' || header + 6 > bytes.length || bytes.toString('latin1', header, header + 4) !== 'PE\0\0') return undefined;
  return named('win32', PE[bytes.readUInt16LE(header + 4)], 'msvc');
}

/** The newest version of glibc of which the binary names a symbol; `undefined` if it names none. */
export function neededGlibc(bytes) {
  const versions = [...bytes.toString('latin1').matchAll(/\0GLIBC_(\d+(?:\.\d+)+)(?=\0)/g)].map(([, version]) => version);
  return versions.sort(compareVersions).at(-1);
}

/** Compares two versions of two or three numbers, as `sort` wants it. */
export function compareVersions(a, b) {
  const [x, y] = [a, b].map((version) => version.split('.').map(Number));
  return x[0] - y[0] || x[1] - y[1] || (x[2] ?? 0) - (y[2] ?? 0);
}
