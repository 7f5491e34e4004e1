// One function per call of the native API that the page makes.
//
// Called by the composables and the poller. Every failure becomes one of two
// kinds: `Refused` (the server answered, and said no) or `Unreachable`
// (anything else: no network, time-out, a proxy's HTML). It never retries and
// never sees a token: the session rides on an HttpOnly cookie.
import type { Platform } from './platform'
import type { EventPage, HistoryPage, Me, Message, Problem, Room, User } from './types'

/** The server answered, and the answer is no. */
export class Refused extends Error {
  constructor(
    readonly problem: Problem,
    /** How long the server asks us to stay away, if it said so. */
    readonly retryAfterMs: number | null,
  ) {
    super(problem.detail ?? `HTTP ${problem.status}`)
  }
}

/** No answer that makes sense arrived; whether the server acted is unknown. */
export class Unreachable extends Error {}

/** Says whether the same request may well succeed later. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Refused)) return true
  const { status } = error.problem
  return status === 408 || status === 429 || status >= 500
}

export function isUnknownCaller(error: unknown): boolean {
  return error instanceof Refused && error.problem.status === 401
}

/** Long enough for a slow phone, short enough to notice a dead connection. */
const ANSWER_MS_MAX = 15_000
/** The time that a held request may take on top of its hold. */
const HOLD_GRACE_MS = 10_000

export interface Client {
  fetchMe(): Promise<Me>
  becomeGuest(locale: string, name?: string): Promise<User>
  renameMe(name: string): Promise<User>
  fetchRoom(room: string, signal?: AbortSignal): Promise<Room>
  /** Returns up to `limit` messages, oldest first: the newest ones, or those before `before`. */
  fetchHistory(room: string, limit: number, before?: number, signal?: AbortSignal): Promise<HistoryPage>
  /** Returns what happened after `cursor`; the server may hold the request for `hold` seconds. */
  fetchEvents(room: string, cursor: string, hold: number, signal?: AbortSignal): Promise<EventPage>
  /** Returns what happened in all my rooms, and in the rooms named. */
  fetchFeed(question: FeedQuestion, signal?: AbortSignal): Promise<EventPage>
  /** Sends `text`, once for ever: a repeat with the same request id gets the first answer. */
  sendMessage(room: string, requestId: string, text: string): Promise<Message>
}

/** The words of a request for events. */
export interface FeedQuestion {
  /** A cursor, or `latest`. */
  after: string
  /** The seconds for which the server may hold the request. */
  holdS: number
  /** Open rooms that are looked at, beside those that the caller is in. */
  rooms: readonly string[]
}

interface CallOptions {
  body?: object | undefined
  signal?: AbortSignal | undefined
  timeoutMs?: number
}

export function createClient({ fetch, clock }: Pick<Platform, 'fetch' | 'clock'>): Client {
  async function call<Answer>(
    method: string,
    path: string,
    { body, signal, timeoutMs = ANSWER_MS_MAX }: CallOptions = {},
  ): Promise<Answer> {
    const abort = new AbortController()
    const stop = () => abort.abort()
    const cancelTimer = clock.after(timeoutMs, stop)
    signal?.addEventListener('abort', stop)
    try {
      const response = await fetch(`/api/v1${path}`, {
        method,
        cache: 'no-store',
        signal: abort.signal,
        ...(body && { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
      })
      if (!response.ok) throw await readRefusal(response)
      return (await response.json()) as Answer
    } catch (error) {
      if (error instanceof Refused) throw error
      // Browsers word a dropped connection in many ways ("Failed to fetch",
      // "Load failed"), so no message is ever looked at.
      throw new Unreachable(`${method} ${path}`, { cause: error })
    } finally {
      cancelTimer()
      signal?.removeEventListener('abort', stop)
    }
  }

  return {
    fetchMe: () => call('GET', '/me'),
    async becomeGuest(locale, name) {
      const body = name === undefined ? { locale } : { locale, name }
      return (await call<{ user: User }>('POST', '/guests', { body })).user
    },
    async renameMe(name) {
      return (await call<{ user: User }>('PATCH', '/me', { body: { name } })).user
    },
    fetchRoom: (room, signal) => call('GET', roomPath(room), { signal }),
    fetchHistory(room, limit, before, signal) {
      const page = before === undefined ? `limit=${limit}` : `before=${before}&limit=${limit}`
      return call('GET', `${roomPath(room)}/messages?${page}`, { signal })
    },
    fetchEvents(room, cursor, hold, signal) {
      const query = `after=${encodeURIComponent(cursor)}&wait=${hold}`
      return call('GET', `${roomPath(room)}/events?${query}`, { signal, timeoutMs: heldMsMax(hold) })
    },
    fetchFeed(question, signal) {
      return call('GET', feedPath(question), { signal, timeoutMs: heldMsMax(question.holdS) })
    },
    async sendMessage(room, requestId, text) {
      const path = `${roomPath(room)}/messages/${requestId}`
      return (await call<{ message: Message }>('PUT', path, { body: { text } })).message
    },
  }
}

function roomPath(room: string): string {
  return `/rooms/${encodeURIComponent(room)}`
}

function feedPath({ after, holdS, rooms }: FeedQuestion): string {
  const named = rooms.length === 0 ? '' : `&rooms=${rooms.map(encodeURIComponent).join(',')}`
  return `/events?after=${encodeURIComponent(after)}&wait=${holdS}${named}`
}

function heldMsMax(holdS: number): number {
  return holdS === 0 ? ANSWER_MS_MAX : holdS * 1000 + HOLD_GRACE_MS
}

async function readRefusal(response: Response): Promise<Refused> {
  // A proxy's error page is no problem+json; its status still counts.
  const problem: Partial<Problem> = await response.json().catch(() => ({}))
  return new Refused({ ...problem, status: response.status }, readRetryAfter(response))
}

function readRetryAfter(response: Response): number | null {
  const value = response.headers.get('Retry-After')
  if (value === null) return null
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(ms) ? Math.max(0, ms) : null
}
