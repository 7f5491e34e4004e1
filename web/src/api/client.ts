// One function per call of the native API that the page makes.
//
// Called by the engine and by the tabs. Every failure becomes one of two
// kinds: `Refused` (the server answered, and said no) or `Unreachable`
// (anything else: no network, time-out, a proxy's HTML). It never retries and
// never sees a token: the session rides on an HttpOnly cookie, or on what the
// platform's fetch adds (`wire/line.ts`).
import type { Platform } from './platform'
import type {
  EventPage,
  Guest,
  HistoryPage,
  HistoryPlace,
  Me,
  MembersPage,
  Message,
  NewRoom,
  Problem,
  Room,
  RoomChange,
  RoomsPage,
  SentMessage,
  User,
  Version,
} from './types'

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

const EVENT_STREAM = 'text/event-stream'

export interface Client {
  fetchMe(): Promise<Me>
  becomeGuest(locale: string, name?: string): Promise<Guest>
  renameMe(name: string): Promise<User>
  fetchRoom(room: string, signal?: AbortSignal): Promise<Room>
  /** Returns the rooms that the caller may see, in the order of opening: the first ones, or those after `after`. */
  fetchRooms(limit: number, after?: string, signal?: AbortSignal): Promise<RoomsPage>
  /** Opens a room, once for ever under `requestId`. */
  openRoom(room: NewRoom, requestId: string): Promise<Room>
  joinRoom(room: string): Promise<void>
  leaveRoom(room: string): Promise<void>
  /** Returns members by their ids: the first ones, or those after `after`. */
  fetchMembers(room: string, limit: number, after?: number, signal?: AbortSignal): Promise<MembersPage>
  addMember(room: string, user: number): Promise<void>
  /** Returns up to `limit` messages, oldest first: the newest ones, or those at `place`. */
  fetchHistory(room: string, limit: number, place?: HistoryPlace, signal?: AbortSignal): Promise<HistoryPage>
  /** Returns what happened in one room after `cursor`, at most `limit` events; the server may hold the request for `hold` seconds. */
  fetchEvents(room: string, cursor: string, hold: number, signal?: AbortSignal, limit?: number): Promise<EventPage>
  /** Returns what happened in all my rooms, and in the rooms named. */
  fetchFeed(question: FeedQuestion, signal?: AbortSignal): Promise<EventPage>
  /** Opens the same as a stream of events, which ends with `signal`. */
  openFeed(question: FeedQuestion, signal: AbortSignal): Promise<Response>
  /** Sends a message, once for ever: a repeat with the same request id gets the first answer. */
  sendMessage(room: string, requestId: string, sent: SentMessage): Promise<Message>
  /** Changes the text, whose marks are read. */
  editMessage(id: number, requestId: string, text: string): Promise<Message>
  deleteMessage(id: number, requestId: string): Promise<void>
  react(id: number, requestId: string, emoji: string, isOn: boolean): Promise<void>
  pin(id: number, requestId: string, isOn: boolean): Promise<void>
  fetchPins(room: string): Promise<Message[]>
  /** Returns the texts of a message, the oldest first. */
  fetchVersions(id: number): Promise<Version[]>
  changeRoom(room: string, requestId: string, change: RoomChange): Promise<Room>
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
  /** Makes a repeat harmless. */
  key?: string
  signal?: AbortSignal | undefined
  timeoutMs?: number
}

export function createClient({ fetch, clock }: Pick<Platform, 'fetch' | 'clock'>): Client {
  async function call<Answer>(
    method: string,
    path: string,
    { body, key, signal, timeoutMs = ANSWER_MS_MAX }: CallOptions = {},
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
        headers: {
          ...(body && { 'Content-Type': 'application/json' }),
          ...(key !== undefined && { 'Idempotency-Key': key }),
        },
        ...(body && { body: JSON.stringify(body) }),
      })
      if (!response.ok) throw await readRefusal(response)
      return (response.status === 204 ? undefined : await response.json()) as Answer
    } catch (error) {
      throw failure(error, `${method} ${path}`)
    } finally {
      cancelTimer()
      signal?.removeEventListener('abort', stop)
    }
  }

  return {
    fetchMe: () => call('GET', '/me'),
    becomeGuest(locale, name) {
      const body = name === undefined ? { locale } : { locale, name }
      return call('POST', '/guests', { body })
    },
    async renameMe(name) {
      return (await call<{ user: User }>('PATCH', '/me', { body: { name } })).user
    },
    fetchRoom: (room, signal) => call('GET', roomPath(room), { signal }),
    fetchRooms: (limit, after, signal) => call('GET', `/rooms?${query({ after, limit })}`, { signal }),
    openRoom: (room, requestId) => call('POST', '/rooms', { body: room, key: requestId }),
    joinRoom: (room) => call('PUT', `${roomPath(room)}/members/me`),
    leaveRoom: (room) => call('DELETE', `${roomPath(room)}/members/me`),
    fetchMembers: (room, limit, after, signal) =>
      call('GET', `${roomPath(room)}/members?${query({ after, limit })}`, { signal }),
    addMember: (room, user) => call('PUT', `${roomPath(room)}/members/${user}`),
    fetchHistory: (room, limit, place, signal) =>
      call('GET', `${roomPath(room)}/messages?${query({ ...place, limit })}`, { signal }),
    fetchEvents: (room, cursor, hold, signal, limit) =>
      call('GET', `${roomPath(room)}/events?${query({ after: cursor, wait: hold, limit })}`, held(hold, signal)),
    fetchFeed: (question, signal) => call('GET', feedPath(question), held(question.holdS, signal)),
    async openFeed({ after, rooms }, signal) {
      const path = `/api/v1/events${rooms.length === 0 ? '' : `?${roomsField(rooms)}`}`
      const headers = { Accept: EVENT_STREAM, 'Last-Event-ID': after }
      try {
        const response = await fetch(path, { method: 'GET', cache: 'no-store', signal, headers })
        if (!response.ok) throw await readRefusal(response)
        if (isEventStream(response)) return response
        throw new Unreachable('the answer is no stream')
      } catch (error) {
        throw failure(error, path)
      }
    },
    async sendMessage(room, requestId, sent) {
      const path = `${roomPath(room)}/messages/${requestId}`
      return (await call<{ message: Message }>('PUT', path, { body: sent })).message
    },
    async editMessage(id, key, text) {
      return (await call<{ message: Message }>('PATCH', `/messages/${id}`, { body: { text, format: 'markdown' }, key })).message
    },
    deleteMessage: (id, key) => call('DELETE', `/messages/${id}`, { key }),
    react: (id, key, emoji, isOn) => call(isOn ? 'PUT' : 'DELETE', `/messages/${id}/reactions/${encodeURIComponent(emoji)}`, { key }),
    pin: (id, key, isOn) => call(isOn ? 'PUT' : 'DELETE', `/messages/${id}/pin`, { key }),
    fetchPins: async (room) => (await call<{ messages: Message[] }>('GET', `${roomPath(room)}/pins`)).messages,
    fetchVersions: async (id) => (await call<{ versions: Version[] }>('GET', `/messages/${id}/versions`)).versions,
    changeRoom: (room, key, change) => call('PATCH', roomPath(room), { body: change, key }),
  }
}

export function isEventStream(response: Response): boolean {
  return response.headers.get('Content-Type')?.startsWith(EVENT_STREAM) ?? false
}

function held(hold: number, signal?: AbortSignal): CallOptions {
  return { signal, timeoutMs: hold === 0 ? ANSWER_MS_MAX : hold * 1000 + HOLD_GRACE_MS }
}

/** Writes a query string, without what is undefined. */
function query(fields: Record<string, string | number | undefined>): string {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined)
  return present.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')
}

function roomPath(room: string): string {
  return `/rooms/${encodeURIComponent(room)}`
}

function feedPath({ after, holdS, rooms }: FeedQuestion): string {
  const named = rooms.length === 0 ? '' : `&${roomsField(rooms)}`
  return `/events?after=${encodeURIComponent(after)}&wait=${holdS}${named}`
}

function roomsField(rooms: readonly string[]): string {
  return `rooms=${rooms.map(encodeURIComponent).join(',')}`
}

// Browsers word a dropped connection in many ways ("Failed to fetch", "Load
// failed"), so no message is ever looked at.
function failure(error: unknown, what: string): Error {
  return error instanceof Refused || error instanceof Unreachable ? error : new Unreachable(what, { cause: error })
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
