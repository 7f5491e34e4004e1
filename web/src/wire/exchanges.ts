// The records of requests, for the wire drawer: from the start of each to its end.
//
// A line's fetch goes through `fetch` here, and what is known of a request is
// told again whenever it changes. Kept is a bounded number of them, and no text
// of any answer: events are counted, and the cursor is read, as they pass.
import { isEventStream } from '../api/client'
import type { Clock, Platform } from '../api/platform'
import type { EventPage } from '../api/types'
import type { Exchange, Transport } from './protocol'
import { createFrames } from './transports/eventStream'

/** Some minutes of short polling; a record takes 300 bytes or so. */
const RECORDS_MAX = 200
const API = '/api/v1'

/** The browser's own measurements of a request that is over. */
export interface Timing {
  url: string
  /** In ms since 1970. */
  startedAt: number
  connection: 'new' | 'reused'
}

export interface Exchanges {
  fetch: Platform['fetch']
  /** Adds what the weather did to the request that `init` belongs to. */
  mark(init: RequestInit, weather: NonNullable<Exchange['weather']>): void
  measured(timing: Timing): void
  /** Returns those that are kept, oldest first. */
  list(): Exchange[]
}

export interface ExchangesOptions {
  fetch: Platform['fetch']
  clock: Clock
  /** Stands before each id, so that it is unique over all tabs and engines. */
  owner: string
  /** The tab; null for the engine. */
  tab: string | null
  /** Says how requests for events are made now. */
  transport: () => Transport
  onChange(exchange: Exchange): void
}

export function createExchanges({ fetch: send, clock, owner, tab, transport, onChange }: ExchangesOptions): Exchanges {
  const kept = new Map<string, Exchange>()
  const byInit = new WeakMap<RequestInit, string>()
  let count = 0

  function change(id: string, news: Partial<Exchange>): void {
    const known = kept.get(id)
    if (!known) return
    const exchange = { ...known, ...news }
    kept.set(id, exchange)
    onChange(exchange)
  }

  function begin(url: string, init: RequestInit): string {
    const id = `${owner}-${(count += 1)}`
    const exchange: Exchange = { id, tab, ...asked(url, init, transport), sentAt: clock.date(), endedAt: null, outcome: 'out' }
    kept.set(id, exchange)
    const [oldest] = kept.keys()
    if (kept.size > RECORDS_MAX && oldest !== undefined) kept.delete(oldest)
    byInit.set(init, id)
    onChange(exchange)
    return id
  }

  async function fetch(url: string, init: RequestInit): Promise<Response> {
    const id = begin(url, init)
    const end = (outcome: Exchange['outcome']) => change(id, { outcome, endedAt: clock.date() })
    const fail = () => end(init.signal?.aborted ? 'given_up' : 'cut')
    try {
      const response = await send(url, init)
      let bytes = headBytes(response)
      change(id, { status: response.status, bytes })
      const stream = isEventStream(response) ? createStreamCount() : null
      const watched = watchBody(response, {
        onPiece(piece) {
          bytes += piece.byteLength
          change(id, { bytes, ...stream?.take(piece) })
        },
        onEnd: () => end(response.ok ? (stream?.outcome() ?? 'done') : 'refused'),
        onFailure: fail,
        onGivenUp: () => end('given_up'),
      })
      const isPage = response.ok && kept.get(id)?.kind === 'events'
      return isPage && !stream ? watchPage(watched, (page) => change(id, foundIn(page, url))) : watched
    } catch (error) {
      fail()
      throw error
    }
  }

  function measured({ url, startedAt, connection }: Timing): void {
    const path = pathOf(url)
    // The browser's time of the start is a moment later than ours.
    const matching = [...kept.values()].filter((exchange) => exchange.path === path && exchange.connection === undefined)
    const nearest = matching.sort((one, other) => distance(one) - distance(other))[0]
    function distance({ sentAt }: Exchange): number {
      return Math.abs(sentAt - startedAt)
    }
    if (nearest) change(nearest.id, { connection })
  }

  function mark(init: RequestInit, weather: NonNullable<Exchange['weather']>): void {
    change(byInit.get(init) ?? '', { weather })
  }

  return { fetch, mark, measured, list: () => [...kept.values()] }
}

/** Returns what a request says of itself. */
function asked(url: string, init: RequestInit, transport: () => Transport) {
  const headers = new Headers(init.headers)
  const path = pathOf(url)
  const { pathname, searchParams } = new URL(path, 'http://any')
  const after = headers.get('Last-Event-ID') ?? searchParams.get('after')
  const wait = searchParams.get('wait')
  const kind = kindOf(init.method ?? 'GET', pathname)
  return {
    kind,
    method: init.method ?? 'GET',
    path,
    ...(pathname === `${API}/events` && { transport: transport() }),
    ...(wait !== null && wait !== '0' && { holdS: Number(wait) }),
    ...(kind === 'events' && after !== null && { after }),
    ...(kind === 'send' && typeof init.body === 'string' && { body: init.body }),
  }
}

function kindOf(method: string, pathname: string): Exchange['kind'] {
  if (pathname.endsWith('/events')) return 'events'
  if (!pathname.includes('/messages')) return 'other'
  return method === 'GET' ? 'history' : 'send'
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url, 'http://any')
  return pathname + search
}

/** Returns the bytes of the head, as HTTP/1.1 writes it. */
function headBytes({ status, headers }: Response): number {
  let bytes = `HTTP/1.1 ${status} OK\r\n\r\n`.length
  headers.forEach((value, name) => (bytes += `${name}: ${value}\r\n`.length))
  return bytes
}

interface BodyListener {
  onPiece(piece: Uint8Array): void
  onEnd(): void
  onFailure(): void
  /** Nobody wants the rest of it. */
  onGivenUp(): void
}

/** Returns the same answer, and tells of its body as it is read. */
function watchBody(response: Response, { onPiece, onEnd, onFailure, onGivenUp }: BodyListener): Response {
  // Chromium gives an answer without content a body, and lets nobody make such an answer.
  if (!response.body || response.status === 204) {
    onEnd()
    return response
  }
  const reader = response.body.getReader()
  let isGivenUp = false
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read()
        if (isGivenUp) return
        if (value) onPiece(value)
        if (value) controller.enqueue(value)
        if (!done) return
        onEnd()
        controller.close()
      } catch (error) {
        if (isGivenUp) return
        onFailure()
        controller.error(error)
      }
    },
    cancel(reason) {
      isGivenUp = true
      onGivenUp()
      return reader.cancel(reason)
    },
  })
  return new Response(body, response)
}

/** Returns the same answer, and tells of the page in it when it is read. */
function watchPage(response: Response, onPage: (page: EventPage) => void): Response {
  const read = response.json.bind(response)
  response.json = async () => {
    const page = (await read()) as EventPage
    onPage(page)
    return page
  }
  return response
}

function foundIn({ events, cursor }: EventPage, url: string): Partial<Exchange> {
  const named = new URL(url, 'http://any').searchParams.get('rooms')?.split(',') ?? []
  const isOwn = events.some(({ room }) => room === undefined || !named.includes(room))
  return { outcome: events.length > 0 ? 'news' : 'empty', events: events.length, cursor, ...(isOwn && { isOwn }) }
}

/** Counts the events of a stream as they pass. */
function createStreamCount() {
  const decoder = new TextDecoder()
  const frames = createFrames()
  let events = 0
  let cursor: string | undefined
  function take(piece: Uint8Array): Partial<Exchange> {
    for (const { id, data } of frames(decoder.decode(piece, { stream: true }))) {
      cursor = id
      if (data !== null) events += 1
    }
    return { events, ...(cursor !== undefined && { cursor }) }
  }
  return { take, outcome: () => (events > 0 ? ('news' as const) : ('empty' as const)) }
}
