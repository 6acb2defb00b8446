// From the samples of a row to its figures: medians, spread, ratios, goals.

import { median } from './measure.mjs';

/**
 * @param {object} row of rows/
 * @param {Map<string, { samples: object[], error?: string }>} results by peer
 * @param {{ quick: boolean }} options
 */
export function figuresOf(row, results, { quick }) {
  const peers = {};
  for (const [id, { samples, error }] of results) peers[id] = { error, samples, columns: columnsOf(row, samples) };
  const own = peers.runledger;
  for (const peer of Object.values(peers)) peer.ratios = peer === own ? {} : ratiosOf(row, peer, own);
  const goals = (row.goals ?? []).map((goal) => ({ ...goal, ...checkGoal(goal, peers, quick) }));
  return { id: row.id, group: row.group, title: row.title, peers, goals };
}

function columnsOf(row, samples) {
  const columns = {};
  for (const { key } of row.columns) {
    const values = samples.map((sample) => sample[key]).filter((value) => typeof value === 'number');
    if (values.length === 0) continue;
    columns[key] = { median: median(values), min: Math.min(...values), max: Math.max(...values) };
  }
  return columns;
}

/** How many times as much as runledger a peer took: the median over the repetitions, each beside its neighbour. */
function ratiosOf(row, peer, own) {
  const ratios = {};
  for (const key of row.ratios ?? ['wall', 'main']) {
    const pairs = [];
    for (const [i, sample] of peer.samples.entries()) {
      const ratio = sample[key] / own.samples[i]?.[key];
      if (Number.isFinite(ratio)) pairs.push(ratio);
    }
    if (pairs.length > 0) ratios[key] = median(pairs);
  }
  return ratios;
}

/** `measured` is `undefined` where the peer did not run, and `met` where the goal is one of another size. */
function checkGoal({ against, column, least, most, fullSize }, peers, quick) {
  const measured = against ? ratio(peers[against]?.ratios?.[column], most) : peers.runledger.columns[column]?.median;
  if (measured === undefined || (quick && fullSize)) return { measured };
  return { measured, met: least === undefined ? measured <= most : measured >= least };
}

/** Goals with `most` say how many times a peer's figure runledger may take, others how many times it saves. */
function ratio(value, most) {
  return value === undefined || most === undefined ? value : 1 / value;
}
