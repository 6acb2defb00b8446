// What `npm run bench -- …` takes.

import { parseArgs } from 'node:util';
import { rows } from './rows/index.mjs';
import { StepError } from '../scripts/steps.mjs';
import { EVERYBODY } from './rows/row.mjs';
import { titleOf } from './table.mjs';

const HELP = `npm run bench                          every row at full size: some minutes
npm run bench -- --quick               every row at reduced size, within a minute
npm run bench -- --only row,row        some rows, by id; see --list
npm run bench -- --peers peer,peer     some of ${EVERYBODY.slice(1).join(', ')}; runledger is always there
npm run bench -- --on bun              on another runtime: node (this one), newest-node, bun
npm run bench -- --scale 10m           rows about growth with 10 million events, too: 20 GB of disk
npm run bench -- --repetitions 15      instead of each row's own number
npm run bench -- --json FILE           where the figures go; target/bench/result.json without it
npm run bench -- --built               what is built, even where a source is newer
npm run bench -- --list                the ids of the rows
`;

/** The options of this run; prints and returns `null` where there is nothing to run. */
export function readOptions(args = process.argv.slice(2)) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      peers: { type: 'string' },
      on: { type: 'string', default: 'node' },
      scale: { type: 'string', default: '1m' },
      repetitions: { type: 'string' },
      json: { type: 'string' },
      built: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  if (values.list) {
    for (const row of rows) process.stdout.write(`${row.id.padEnd(20)}${titleOf(row, row.size.full)}\n`);
    return;
  }
  const { quick, json, built } = values;
  const repetitions = values.repetitions === undefined ? undefined : Number(values.repetitions);
  if (repetitions !== undefined && !(Number.isInteger(repetitions) && repetitions > 0)) {
    throw new StepError(`--repetitions ${values.repetitions}: not a whole number above 0`);
  }
  return {
    quick,
    json,
    built,
    repetitions,
    on: one('--on', values.on, ['node', 'newest-node', 'bun']),
    large: one('--scale', values.scale, ['1m', '10m']) === '10m',
    rows: some('--only', values.only, rows, ({ id }) => id),
    peers: ['runledger', ...some('--peers', values.peers, EVERYBODY, (id) => id).filter((id) => id !== 'runledger')],
  };
}

function one(option, value, known) {
  if (!known.includes(value)) throw new StepError(`${option} ${value}: one of ${known.join(', ')}`);
  return value;
}

function some(option, text, all, nameOf) {
  if (text === undefined) return all;
  const names = text.split(',');
  for (const name of names) one(option, name, all.map(nameOf));
  return all.filter((item) => names.includes(nameOf(item)));
}
