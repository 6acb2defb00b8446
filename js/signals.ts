/**
 * One listener for each signal, however many calls it can stop: Node 20 writes a warning to stderr about the eleventh.
 */

const stops = new WeakMap<AbortSignal, Set<() => void>>();

/** Have `stop` called when `signal` is aborted. */
export function watch(signal: AbortSignal, stop: () => void): void {
  const known = stops.get(signal);
  if (known !== undefined) {
    known.add(stop);
    return;
  }
  stops.set(signal, new Set([stop]));
  signal.addEventListener('abort', stopAll, { once: true });
}

/** Forget `stop`; the last one takes the listener away. */
export function unwatch(signal: AbortSignal, stop: () => void): void {
  const known = stops.get(signal);
  if (known === undefined || !known.delete(stop) || known.size > 0) return;
  stops.delete(signal);
  signal.removeEventListener('abort', stopAll);
}

function stopAll(this: AbortSignal): void {
  const known = stops.get(this) ?? [];
  stops.delete(this);
  for (const stop of known) stop();
}
