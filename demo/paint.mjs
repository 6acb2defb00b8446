// Colours, bars and boxes for a terminal; the same text without colour anywhere else.

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 }
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']
const ESCAPES = /\x1b\[[0-9;]*m/g

/** Whether `stream` wants colour: NO_COLOR (https://no-color.org) wins, then FORCE_COLOR, then what the stream is. */
export function wantsColour(stream, env = process.env) {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0'
  return Boolean(stream.isTTY) && env.TERM !== 'dumb'
}

/** One function a colour, e.g. `paint.green('ok')`. */
export function createPaint(stream = process.stdout) {
  const coloured = wantsColour(stream)
  const paint = {}
  for (const [name, code] of Object.entries(CODES)) {
    paint[name] = coloured ? text => `\x1b[${code}m${text}\x1b[0m` : text => String(text)
  }
  return paint
}

/** Columns that `text` takes: control sequences take none. */
export const widthOf = text => [...String(text).replace(ESCAPES, '')].length

export const padEnd = (text, width) => text + ' '.repeat(Math.max(0, width - widthOf(text)))
export const padStart = (text, width) => ' '.repeat(Math.max(0, width - widthOf(text))) + text

/** A bar of at most `width` columns, exact to an eighth of one. Anything above zero shows. */
export function bar(fraction, width) {
  const eighths = Math.round(Math.min(1, Math.max(0, fraction || 0)) * width * 8)
  if (eighths === 0) return fraction > 0 ? EIGHTHS[1] : ''
  return '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]
}

/** `lines` in a rounded frame with a title in its upper edge. */
export function box(title, lines, paint) {
  const width = Math.max(widthOf(title) + 2, ...lines.map(widthOf))
  const top = paint.dim('╭─ ') + paint.bold(title) + paint.dim(` ${'─'.repeat(width - widthOf(title) - 1)}╮`)
  const body = lines.map(line => `${paint.dim('│')} ${padEnd(line, width)} ${paint.dim('│')}`)
  return [top, ...body, paint.dim(`╰${'─'.repeat(width + 2)}╯`)].join('\n')
}

/** Rows of a box: `[name, value, note?]`. */
export function facts(rows, paint) {
  return rows.map(([name, value, note = '']) => {
    return `${paint.dim(padEnd(name, 17))} ${padStart(paint.bold(value), 10)}   ${paint.dim(note)}`
  })
}

/** A name, a bar and a figure a row; `rows` are `[name, value, note?]`, the bars relative to the largest value. */
export function chart(rows, paint, { width = 30, colour = 'cyan', format = count } = {}) {
  const largest = Math.max(1e-9, ...rows.map(([, value]) => value))
  const total = rows.reduce((sum, [, value]) => sum + value, 0)
  const names = Math.max(...rows.map(([name]) => widthOf(name)))
  const figures = Math.max(...rows.map(([, value]) => widthOf(format(value))))
  return rows.map(([name, value, note]) => {
    const drawn = paint[colour](padEnd(bar(value / largest, width), width))
    const share = note ?? percent(value / (total || 1))
    const aside = share === '' ? '' : `  ${paint.dim(padStart(share, 7))}`
    return `  ${padEnd(name, names)}  ${drawn}  ${padStart(format(value), figures)}${aside}`
  })
}

export const count = value => Math.round(value).toLocaleString('en-US')

export function percent(fraction) {
  if (fraction > 0 && fraction < 0.0005) return '<0.1 %'
  return `${(fraction * 100).toFixed(1)} %`
}

export function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB']
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

export function duration(ms) {
  if (ms === null || ms === undefined) return '–'
  if (ms < 10) return `${ms.toFixed(2)} ms`
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} m`
}

/** The value below which `fraction` of the ascending `sorted` lie; null when there are none. */
export function percentile(sorted, fraction) {
  if (sorted.length === 0) return null
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))]
}
