/**
 * Attaching the related rows that come with sessions.
 */
import type { Reply } from './call.js';
import { Shape } from './generated/rows.js';
import type { SessionWithEvents, TelemetrySession } from './types.js';

const RELATIONS = [
  ['events', Shape.TelemetryEvent],
  ['buffers', Shape.TelemetryBuffer],
  ['errors', Shape.TelemetryError],
] as const;

/** Which relations a session filter asks for. */
export function relationsOf(filter: unknown): readonly string[] {
  const { includeEvents, includeBuffers, includeErrors } = (filter ?? {}) as Record<string, unknown>;
  const asked = { events: includeEvents, buffers: includeBuffers, errors: includeErrors };
  return RELATIONS.map(([name]) => name).filter((name) => asked[name] === true);
}

/** The sessions of a reply, each with the asked relations in the order in which the rows came. */
export function attachRelations<F>(
  reply: Reply,
  sessions: TelemetrySession<F>[],
  asked: readonly string[] = RELATIONS.map(([name]) => name),
): SessionWithEvents<F>[] {
  const found = sessions as SessionWithEvents<F>[];
  if (asked.length === 0) return found;
  const byId = new Map(found.map((session) => [session.id, session]));
  for (const [name, shape] of RELATIONS) {
    if (!asked.includes(name)) continue;
    if (found.length === 1) {
      found[0]![name] = reply.table<never>(shape);
      continue;
    }
    for (const session of found) session[name] = [];
    for (const row of reply.table<{ sessionId: string }>(shape)) {
      (byId.get(row.sessionId)?.[name] as unknown[] | undefined)?.push(row);
    }
  }
  return found;
}
