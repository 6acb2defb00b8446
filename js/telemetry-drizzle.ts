/**
 * What `getDatabase()` resolves to.
 */
import { notInstalled } from './drizzle-driver.js';
import { drizzlePeer, type TelemetryDrizzle } from './drizzle-peer.js';
import { drizzle } from './drizzle.js';
import * as schema from './schema.js';
import type { Database } from './sqlite/database.js';

/** A Drizzle database with the telemetry schema; without the peer something that has `$client` only. */
export function telemetryDrizzle(client: Database): TelemetryDrizzle {
  if (drizzlePeer() !== undefined) return drizzle(client, { schema }) as TelemetryDrizzle;
  return new Proxy({ $client: client }, { get }) as TelemetryDrizzle;
}

function get(target: { $client: Database }, key: string | symbol): unknown {
  if (key === '$client') return target.$client;
  // A promise asks for `then`, the console for symbols.
  if (key === 'then' || typeof key === 'symbol') return undefined;
  throw notInstalled();
}
