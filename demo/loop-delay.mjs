// How long the event loop stands still while somebody else works.
//
// A timer that is due every two milliseconds notes how late it comes. `perf_hooks.monitorEventLoopDelay` would do the
// same in native code, but not on every runtime, and this needs none of its precision.

const INTERVAL_MS = 2

/** Starts watching. `stop()` ends it and returns the pauses in milliseconds: `{ longest, p99 }`. */
export function watchEventLoop() {
  const pauses = []
  let longest = 0
  let last = performance.now()
  const note = () => {
    const now = performance.now()
    const pause = Math.max(0, now - last - INTERVAL_MS)
    last = now
    longest = Math.max(longest, pause)
    pauses.push(pause)
  }
  const timer = setInterval(note, INTERVAL_MS)
  timer.unref() // watching is no reason to stay
  return {
    stop() {
      clearInterval(timer)
      note() // a pause that is still going on counts too
      pauses.sort((a, b) => a - b)
      return { longest, p99: pauses[Math.floor(pauses.length * 0.99)] ?? 0 }
    },
  }
}
