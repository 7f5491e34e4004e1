// The text of an event stream, cut into its frames.
//
// Called by the SSE transport, piece by piece as the bytes come. Source: the
// HTML standard, section 9.2.6. `retry` is passed over: the loop has its own.

export interface Frame {
  /** The newest id so far; empty before the first. */
  id: string
  /** Empty where the frame has none. */
  event: string
  /** Null where the frame has none, as when it tells an id alone. */
  data: string | null
}

/** Returns a function that takes the next piece of text, and returns the frames that it completes. */
export function createFrames(): (piece: string) => Frame[] {
  let rest = ''
  let isFirst = true
  let id = ''
  let event = ''
  let data: string[] = []
  let hasFields = false

  function take(line: string): Frame | null {
    if (line === '') return finish()
    const colon = line.indexOf(':')
    if (colon === 0) return null
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'id' && !value.includes('\0')) id = value
    else if (name === 'event') event = value
    else if (name === 'data') data.push(value)
    else return null
    hasFields = true
    return null
  }

  function finish(): Frame | null {
    const frame = hasFields ? { id, event, data: data.length > 0 ? data.join('\n') : null } : null
    event = ''
    data = []
    hasFields = false
    return frame
  }

  return (piece) => {
    // A line feed after a carriage return at the end of a piece may be in the next one.
    let text = rest + piece
    if (isFirst && text.length > 0) {
      text = text.replace(/^\uFEFF/, '')
      isFirst = false
    }
    const lines = text.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    return lines.map(take).filter((frame) => frame !== null)
  }
}
