// A text file, line by line, without ever holding more than one line and one chunk.

import { createReadStream } from 'node:fs'

/**
 * The lines of `path`, without their ends. Only `\n` and `\r\n` end a line: node:readline also breaks at U+2028 and
 * U+2029, which JSON allows inside a string, and would tear such a record in two.
 */
export async function* readLines(path, { onBytes } = {}) {
  const stream = createReadStream(path, { highWaterMark: 256 * 1024 })
  const decoder = new TextDecoder() // keeps the bytes of a character that a chunk boundary splits, drops a BOM
  let pieces = []
  let read = 0
  for await (const chunk of stream) {
    read += chunk.length
    onBytes?.(read)
    const text = decoder.decode(chunk, { stream: true })
    let from = 0
    for (let to = text.indexOf('\n'); to !== -1; to = text.indexOf('\n', from)) {
      pieces.push(text.slice(from, to))
      yield withoutReturn(pieces.join(''))
      pieces = []
      from = to + 1
    }
    if (from < text.length) pieces.push(text.slice(from))
  }
  const rest = pieces.join('') + decoder.decode()
  if (rest !== '') yield withoutReturn(rest)
}

const withoutReturn = line => (line.endsWith('\r') ? line.slice(0, -1) : line)
