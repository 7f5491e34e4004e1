// The stream: one question, and a page for each piece that comes, for as long as it lasts.
//
// The server sends a first piece at once and a comment every 15 s. Where none
// comes, something on the way collects the answer, and a stream is of no use.
import { Unreachable } from '../../api/client'
import type { Client } from '../../api/client'
import type { Clock } from '../../api/platform'
import type { EventPage, RoomEvent } from '../../api/types'
import { createFrames } from './eventStream'
import type { Frame } from './eventStream'
import type { Ask, Hearing } from './transport'

const FIRST_BYTE_MS_MAX = 3000
/** Two of the server's comments are missing, and some more time. */
const SILENT_MS_MAX = 40_000

/** A stream was opened, and its first byte did not come in time. */
export class StreamBuffered extends Unreachable {}

/** A stream had begun, and not even comments come any more. */
export class StreamSilent extends Unreachable {}

export function createSse(client: Client, clock: Clock): Ask {
  return async (question, hearing, signal) => {
    const abort = new AbortController()
    const stop = () => abort.abort()
    signal.addEventListener('abort', stop)
    let fault: Unreachable | null = null
    const stopBy = (reason: Unreachable) => () => {
      fault = reason
      stop()
    }
    let cancelTimer = clock.after(FIRST_BYTE_MS_MAX, stopBy(new StreamBuffered('no first byte in time')))
    try {
      const response = await client.openFeed(question, abort.signal)
      await read(response, (text) => {
        cancelTimer()
        cancelTimer = clock.after(SILENT_MS_MAX, stopBy(new StreamSilent('nothing came any more')))
        if (!signal.aborted) text(hearing)
      })
    } catch (error) {
      throw fault ?? error
    } finally {
      cancelTimer()
      signal.removeEventListener('abort', stop)
      stop()
    }
  }
}

/** Hands each piece of the stream over, as what is to be told of it. */
async function read(response: Response, onPiece: (tell: (hearing: Hearing) => void) => void): Promise<void> {
  const reader = response.body?.getReader()
  if (!reader) throw new Unreachable('a stream without a body')
  const decoder = new TextDecoder()
  const frames = createFrames()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const pages = pagesOf(frames(decoder.decode(value, { stream: true })))
    onPiece((hearing) => (pages.length > 0 ? pages.forEach(hearing.onPage) : hearing.onSign()))
  }
}

/** Puts frames together into pages: events that came together, or a reset. */
function pagesOf(frames: Frame[]): EventPage[] {
  const pages: EventPage[] = []
  let page: EventPage | null = null
  for (const { id, event, data } of frames) {
    if (event === 'reset') {
      pages.push({ events: [], cursor: id, reset: JSON.parse(data ?? '{}') as { reason: string } })
      page = null
    } else if (event !== 'now') {
      if (!page) pages.push((page = { events: [], cursor: id }))
      page.cursor = id
      if (data !== null) page.events.push(JSON.parse(data) as RoomEvent)
    }
  }
  return pages
}
