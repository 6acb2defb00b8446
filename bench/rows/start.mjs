// From `import` to the first stored event, each time in a new process.

import { measure } from '../measure.mjs';
import { events, sessions } from '../workload.mjs';
import { FEW, LIBRARIES, TIMES, recently } from './row.mjs';

// What the peers' modules share is no part of a library: it is loaded before the clock runs.
import '../peers/prepared.mjs';

const [session] = sessions(1, recently());
const [event] = events(1, recently());

const start = ({ id, title, existing }) => ({
  id: `start-${id}`,
  group: 'Starting',
  title,
  peers: LIBRARIES,
  fresh: true,
  size: { quick: { peers: FEW, events: 1000, repetitions: 3 }, full: { events: 10_000, repetitions: 15 } },
  files: ({ events }, peer) => (existing ? { file: { events, copy: peer } } : {}),
  columns: TIMES,
  goals: [{ against: 'better-sqlite3', column: 'wall', least: 1 }],
  async repeat(context) {
    const path = existing ? context.files.file : context.freshFile();
    let client;
    const { wall, main, cpu } = await measure(async () => {
      client = await (await context.load()).open(path);
      if (!existing) await client.createSession(session);
      await client.insertEvent(event);
    });
    await client.close();
    return { wall, main, cpu };
  },
});

export const starting = [
  start({ id: 'new-file', title: '`import` to the first event, in a file that is made for it' }),
  start({ id: 'old-file', title: '`import` to the first event, in a file that is there', existing: true }),
];
