// The figures as text.

const NAMES = {
  runledger: 'runledger',
  drizzle: 'mended drizzle',
  'better-sqlite3': 'better-sqlite3',
  'node-sqlite': 'node:sqlite',
  'bun-sqlite': 'bun:sqlite',
  libsql: 'libsql',
  rust: 'plain rusqlite',
};

export const nameOf = (peer) => NAMES[peer] ?? peer;

/** A title may name the sizes of this run. */
export const titleOf = ({ title }, size) => (typeof title === 'function' ? title(size) : title);

/** One row of the benchmark: a line a peer, then a line a goal. */
export function tableOf(row, { title, peers, goals }) {
  const shown = row.columns.filter(({ key }) => Object.values(peers).some(({ columns }) => columns[key]));
  const ratios = (row.ratios ?? ['wall', 'main']).filter((key) => shown.some((column) => column.key === key));
  const labelOf = (key) => row.columns.find((column) => column.key === key).label;
  const lines = [['', ...shown.map(({ label }) => label), 'spread', ...ratios.map((key) => `${labelOf(key)} ×`)]];
  for (const [id, peer] of Object.entries(peers)) {
    const name = (id === 'rust' && row.rustTitle) || nameOf(id);
    if (peer.error) {
      lines.push([name, `failed: ${reasonOf(peer.error)}`]);
      continue;
    }
    const spread = peer.columns[shown[0]?.key];
    lines.push([
      name,
      ...shown.map(({ key, unit }) => (peer.columns[key] ? quantity(peer.columns[key].median, unit) : '–')),
      spread ? `${quantity(spread.min, shown[0].unit)} – ${quantity(spread.max, shown[0].unit)}` : '–',
      ...ratios.map((key) => (peer.ratios[key] === undefined ? '' : times(peer.ratios[key]))),
    ]);
  }
  const repetitions = Math.max(...Object.values(peers).map(({ samples }) => samples.length));
  const text = [`${title}  [${row.id}, ${repetitions === 1 ? 'once' : `${repetitions} repetitions`}]`, ...align(lines)];
  for (const goal of goals) text.push(`  ${goalLine(goal, row)}`);
  return `${text.join('\n')}\n`;
}

/** `✓ ≥ 4× better-sqlite3 in wall: 5.2×` */
export function goalLine({ against, column, least, most, met, measured, text, fullSize, source }, row) {
  const { label, unit } = row.columns.find(({ key }) => key === column);
  const bound = least === undefined ? most : least;
  const sign = least === undefined ? '≤' : '≥';
  const value = against ? times(bound) : quantity(bound, unit);
  const wanted = against
    ? `${sign} ${value} ${least === undefined ? 'of ' : ''}${nameOf(against)}, ${label}`
    : `${sign} ${value}, ${label}`;
  const of = source ? ` (${source})` : '';
  if (measured === undefined) return `· ${wanted}${of}: not measured`;
  const found = against ? times(measured) : quantity(measured, unit);
  if (met === undefined) return `· ${wanted}${of}: ${found}, at a reduced size${fullSize ? '' : '?'}`;
  return `${met ? '✓' : '✗'} ${wanted}${text ? ` = ${text}` : ''}${of}: ${found}`;
}

/** The line of a stack, or of what a crash has printed, that says what it is. */
function reasonOf(error) {
  const lines = error.split('\n');
  return lines.find((line) => /error/i.test(line)) ?? lines[0];
}

function align(lines) {
  const widths = [];
  for (const cells of lines) {
    if (cells.length > 2) cells.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  }
  return lines.map((cells) => {
    // A line of two cells is a name and a remark, which is as long as it is.
    const padded = cells.map((cell, i) => {
      if (i === 0) return cell.padEnd(widths[0] ?? 0);
      return cells.length > 2 ? cell.padStart(widths[i]) : cell;
    });
    return `  ${padded.join('   ')}`.trimEnd();
  });
}

/** Three figures, and milliseconds as what they are: ns, µs, ms, s. */
export function quantity(value, unit) {
  if (unit !== 'ms') return unit === '×' ? times(value) : `${figures(value)} ${unit}`.trim();
  const [factor, name] =
    value < 1e-3 ? [1e6, 'ns'] : value < 1 ? [1e3, 'µs'] : value < 10_000 ? [1, 'ms'] : [1e-3, 's'];
  return `${figures(value * factor)} ${name}`;
}

export const times = (value) => `${figures(value)}×`;

function figures(value) {
  const size = Math.abs(value);
  if (size >= 100) return String(Math.round(value));
  return value.toFixed(size >= 10 ? 1 : 2);
}
