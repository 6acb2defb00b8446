// A line that tells how far a long task has come: a bar on a terminal, one plain line a second anywhere else.

import { bar, createPaint, padEnd } from './paint.mjs'

const WIDTH = 30
const BAR_EVERY_MS = 80
const LINE_EVERY_MS = 1000

/** `update(fraction, note)` as often as you like, then `done(note)` once. Writes to stderr: stdout is for results. */
export function createProgress(title, stream = process.stderr) {
  const paint = createPaint(stream)
  const terminal = Boolean(stream.isTTY) && process.env.TERM !== 'dumb'
  const every = terminal ? BAR_EVERY_MS : LINE_EVERY_MS
  let last = terminal ? -Infinity : performance.now()

  const draw = (fraction, note) => {
    const share = Math.min(1, Math.max(0, fraction))
    if (terminal) {
      const filled = bar(share, WIDTH)
      stream.write(`\r\x1b[K  ${title}  ${paint.cyan(padEnd(filled, WIDTH).replaceAll(' ', '·'))}  ${note}`)
    } else {
      stream.write(`${title}: ${Math.round(share * 100)} %, ${note}\n`)
    }
  }

  return {
    update(fraction, note) {
      const now = performance.now()
      if (now - last < every) return
      last = now
      draw(fraction, note)
    },
    done(note) {
      draw(1, note)
      if (terminal) stream.write('\n')
    },
  }
}
