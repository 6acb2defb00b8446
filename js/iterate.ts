import type { TelemetryClient } from './telemetry-client.js';
import type { ErrorReport } from './native.js';
import { toError } from './report.js';
import type { PageOptions } from './types.js';

/** Rows of a listing, fetched page by page when the loop asks for them. Each page is a snapshot of its own. */
export function iterate<T>(
  client: TelemetryClient,
  method: string,
  filter: unknown,
  shape: number,
  o: PageOptions | undefined,
): AsyncIterableIterator<T> {
  return pages(client, method, filter, shape, o, client.epoch);
}

async function* pages<T>(
  client: TelemetryClient,
  method: string,
  filter: unknown,
  shape: number,
  o: PageOptions | undefined,
  epoch: number,
): AsyncGenerator<T, undefined> {
  let cursor: unknown = null;
  do {
    if (client.epoch !== epoch) throw toError(closedReport(method), method);
    const reply = await client.call(method, [filter, cursor, o?.pageSize], { signal: o?.signal });
    for (const row of reply.table<T>(shape, filter)) yield row;
    cursor = reply.value();
  } while (cursor !== null && cursor !== undefined);
}

function closedReport(method: string): ErrorReport {
  return {
    class: 'ConnectionError',
    code: 'DATABASE_CLOSED',
    message: `The database was closed during ${method}`,
  };
}
