// A chat server for the engine's tests: a log in memory, behind a proxy of bad habits.
//
// It answers by itself, by the clock of the test: events as a short poll, a long
// poll or a stream, history, and sends. Cursors are `c` and a position. One
// person is there, ann, in all rooms that are not asked for by name.
import type { Message, RoomEvent } from '../src/api/types'
import { ann, bob } from './cast'
import type { FakeClock } from './fakePlatform'

export interface ProxyHabits {
  /** Every request that is out for so long is cut. */
  cutMs?: number
  /** An answer is passed on when it is whole: a stream, never. */
  buffersStreams?: boolean
  /** Every request gets this status. */
  refuses?: number
  /** Requests that are held fail at once. */
  hatesHolds?: boolean
}

export interface FakeChat {
  fetch(url: string, init: RequestInit): Promise<Response>
  say(room: string, text?: string): Message
  log: RoomEvent[]
  /** Lets go of all but the newest events, which are asked for no more. */
  trim(count: number): void
  habits: ProxyHabits
  /** All requests so far: `GET /events?after=c1&wait=25`, and when they came. */
  requests: { line: string; at: number; headers: Headers }[]
  /** The requests that are held now. */
  held(): number
}

export function createFakeChat(clock: FakeClock, habits: ProxyHabits = {}): FakeChat {
  const log: RoomEvent[] = []
  const numbers = new Map<string, number>()
  const sent = new Map<string, Message>()
  const waiting = new Set<() => void>()
  /** The position before the first event that is kept. */
  let start = 0
  const chat: FakeChat = { fetch, say, log, trim, habits, requests: [], held: () => waiting.size }

  function say(room: string, text = `text ${start + log.length + 1}`, requestId?: string): Message {
    const number = (numbers.get(room) ?? 0) + 1
    numbers.set(room, number)
    const position = start + log.length + 1
    const at = new Date(clock.date()).toISOString()
    const request = requestId === undefined ? {} : { request_id: requestId }
    const message: Message = { id: position, room, number, at, by: requestId === undefined ? bob : ann, text, ...request }
    log.push({ position, number, room, type: 'message_sent', at, message })
    for (const look of waiting) look()
    return message
  }

  function fetch(url: string, init: RequestInit): Promise<Response> {
    const { pathname, searchParams } = new URL(url, 'http://linger.test')
    const headers = new Headers(init.headers)
    const path = pathname.replace('/api/v1', '')
    chat.requests.push({ line: `${init.method} ${url.replace('/api/v1', '')}`, at: clock.now(), headers })
    const isStream = headers.get('Accept') === 'text/event-stream'
    const waitS = isStream ? Infinity : Number(searchParams.get('wait') ?? 0)
    const after = headers.get('Last-Event-ID') ?? searchParams.get('after') ?? 'latest'
    const rooms = path.startsWith('/rooms/') ? [roomOf(path)] : (searchParams.get('rooms')?.split(',') ?? null)
    if (habits.refuses !== undefined) return answer(habits.refuses, { status: habits.refuses })
    if (init.method === 'PUT') return answer(201, { message: receive(path, String(init.body)) })
    if (path.endsWith('/messages')) return answer(200, history(roomOf(path), Number(searchParams.get('limit') ?? 50)))
    if (!path.endsWith('/events')) return answer(200, { id: 1, slug: roomOf(path) })
    if (waitS > 0 && !isStream && habits.hatesHolds) return Promise.reject(new TypeError('Failed to fetch'))
    const question = { after: positionOf(after), limit: Number(searchParams.get('limit') ?? 200), rooms }
    return isStream ? stream(question, init.signal) : poll(question, waitS, init.signal)
  }

  interface Question {
    after: number
    limit: number
    rooms: string[] | null
  }

  function read({ after, limit, rooms }: Question): { events: RoomEvent[]; cursor: string } {
    const events: RoomEvent[] = []
    let position = after
    if (position < start) throw new Error(`${position} was let go, up to ${start}`)
    for (; position < start + log.length && events.length < limit; position += 1) {
      const event = log[position - start]
      if (event && (!rooms || rooms.includes(event.room ?? ''))) events.push(event)
    }
    return { events, cursor: `c${position}` }
  }

  function poll(question: Question, waitS: number, signal?: AbortSignal | null): Promise<Response> {
    return new Promise((resolve, reject) => {
      const lookOnNews = () => look()
      const finish = (act: () => void) => {
        waiting.delete(lookOnNews)
        timers.forEach((cancel) => cancel())
        act()
      }
      const look = (isOver = false) => {
        const page = read(question)
        if (page.events.length > 0 || isOver) finish(() => resolve(Response.json(page)))
      }
      const fail = () => finish(() => reject(new TypeError('Failed to fetch')))
      const timers = [clock.after(waitS * 1000, () => look(true)), ...cutting(fail)]
      signal?.addEventListener('abort', fail)
      waiting.add(lookOnNews)
      look()
    })
  }

  function stream(question: Question, signal?: AbortSignal | null): Promise<Response> {
    if (habits.buffersStreams) {
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(new TypeError('aborted'))))
    }
    const text = new TextEncoder()
    let { after } = question
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const look = () => {
          const { events, cursor } = read({ ...question, after, limit: 1000 })
          after = positionOf(cursor)
          for (const event of events) {
            const frame = `id: c${event.position}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
            controller.enqueue(text.encode(frame))
          }
        }
        const beats: (() => void)[] = []
        const beat = () => {
          controller.enqueue(text.encode(': still here\n\n'))
          beats[0] = clock.after(15_000, beat)
        }
        const end = () => {
          if (!waiting.delete(look)) return
          for (const cancel of [...beats, ...timers]) cancel()
          controller.error(new TypeError('network error'))
        }
        const timers = cutting(end)
        signal?.addEventListener('abort', end)
        waiting.add(look)
        beat()
        look()
      },
    })
    return Promise.resolve(new Response(body, { headers: { 'Content-Type': 'text/event-stream' } }))
  }

  function cutting(cut: () => void): (() => void)[] {
    return habits.cutMs === undefined ? [] : [clock.after(habits.cutMs, cut)]
  }

  function receive(path: string, body: string): Message {
    const requestId = path.split('/').at(-1) ?? ''
    const known = sent.get(requestId)
    if (known) return known
    const { text } = JSON.parse(body) as { text: string }
    const message = say(roomOf(path), text, requestId)
    sent.set(requestId, message)
    return message
  }

  function history(room: string, limit: number) {
    const messages = log.filter((event) => event.room === room).flatMap((event) => (event.type === 'message_sent' ? [event.message] : []))
    return { messages: messages.slice(-limit), more: messages.length > limit }
  }

  function positionOf(cursor: string): number {
    if (cursor === 'latest') return start + log.length
    return cursor === 'start' ? 0 : Number(cursor.slice(1))
  }

  function trim(count: number): void {
    start += log.splice(0, Math.max(0, log.length - count)).length
  }

  return chat
}

function answer(status: number, body: object): Promise<Response> {
  return Promise.resolve(Response.json(body, { status }))
}

function roomOf(path: string): string {
  return decodeURIComponent(path.split('/')[2] ?? '')
}
