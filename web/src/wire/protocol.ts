// The words in which a tab and the engine speak.
//
// The engine holds the one request that all tabs of a browser share; it runs in
// a SharedWorker, or in one of the tabs. Everything here can be cloned by
// `postMessage`. Both sides must bear to hear something twice.
//
// A tab that joins says hello, and hears `begin` with a cursor: from there on it
// gets every page, each beginning where the last ended, and each covering the
// rooms that it looks at. Where that cursor is not its own, it reads on from its
// own until nothing is new; events that it hears twice change nothing.
import type { RoomEvent, User } from '../api/types'

/** How events are fetched: a stream, held requests, or requests at an interval. */
export type Transport = 'sse' | 'long' | 'short'

/** `automatic`: the best that gets through, falling back where it does not. */
export type Mode = 'automatic' | Transport

/** Why the engine is on its transport, for the page to say. */
export type TransportReason =
  | 'usual'
  | 'chosen'
  /** News follows news so closely that a stream costs less. */
  | 'busy'
  /** A stream was opened and nothing came through in time. */
  | 'stream_buffered'
  /** Streams were cut again and again. */
  | 'streams_fail'
  /** Requests were cut before their hold was over, so they are held shorter. */
  | 'cut_early'
  /** Held requests fail where short ones get through. */
  | 'holds_fail'

export type Connection = 'connecting' | 'connected' | 'reconnecting' | 'offline'

/** How the waiting stands, for the line between what was said and what comes next. */
export interface Link {
  connection: Connection
  transport: Transport
  reason: TransportReason
  /** The hold that is asked for, in seconds; the interval in a short poll. */
  holdS: number
  /** When the request that is held now went out, in ms since 1970; null while none is. */
  heldSince: number | null
  /** When the server was last heard, in ms since 1970; null before. */
  heardAt: number | null
  /** The tabs that share this engine. */
  tabs: number
}

/** The person that this browser is to the server. */
export interface Session {
  /** `unrecognized`: fresh guests are not known again, as where cookies are blocked half. */
  state: 'starting' | 'known' | 'visitor' | 'unrecognized' | 'banned'
  user: User | null
  /** Present only where cookies do not work: it serves until the last tab is closed. */
  token?: string
  /** The server's sentence, where it said no. */
  detail?: string
}

/** One request, from its start to its end, for the wire drawer. Sent anew whenever it changes. */
export interface Exchange {
  /** Unique over all tabs and the engine. */
  id: string
  /** The tab that made it; null for the engine's own. */
  tab: string | null
  kind: 'events' | 'send' | 'history' | 'other'
  method: string
  /** With its query. */
  path: string
  /** For `events`. */
  transport?: Transport
  /** In ms since 1970, on the engine's clock. */
  sentAt: number
  /** The hold that was asked for, in seconds; absent where none was. */
  holdS?: number
  /** Null while it is out. A stream has many answers and one end. */
  endedAt: number | null
  outcome: 'out' | 'news' | 'empty' | 'done' | 'refused' | 'cut' | 'given_up'
  status?: number
  events?: number
  /** Of head and body, as far as the browser tells. */
  bytes?: number
  connection?: 'new' | 'reused'
  /** The cursor that went out and the one that came back. */
  after?: string
  cursor?: string
  /** Some of its events came because of who I am, and nobody else would get them. */
  isOwn?: true
  /** The body of a send. */
  body?: string
  /** How the weather treated it, if there was any. */
  weather?: 'dropped' | 'delayed' | 'repeated' | 'reordered'
}

/** The weather of this engine: shares from 0 to 1 of answers, and a delay. */
export interface Weather {
  drop: number
  repeat: number
  reorder: number
  delayMsMax: number
}

/** A tab says this to the engine. */
export type TabMessage =
  | {
      type: 'hello'
      tab: string
      rooms: string[]
      cursor: string | null
      isVisible: boolean
      locale: string
      /** The session's, which a new engine cannot know where cookies do not work. */
      token?: string
    }
  /** The rooms that this tab looks at, whether it is in them or not. */
  | { type: 'watch'; tab: string; rooms: string[] }
  | { type: 'visible'; tab: string; isVisible: boolean }
  /** Something happened after which a connection may be dead: look now. */
  | { type: 'wake'; tab: string }
  /** The outbox in the store has something new. */
  | { type: 'outbox'; tab: string }
  /** A request of the tab was answered 401. */
  | { type: 'unknown_caller'; tab: string }
  /** The person changed: a new name. */
  | { type: 'renamed'; tab: string; user: User }
  | { type: 'mode'; tab: string; mode: Mode; intervalMs: number }
  | { type: 'weather'; tab: string; weather: Weather | null }
  /** Whether this tab shows the drawer: exchanges are told only to those who look. */
  | { type: 'wire'; tab: string; isOpen: boolean }
  | { type: 'alive'; tab: string }
  | { type: 'bye'; tab: string }

/** The engine says this: to one tab, or (without `to`) to all. */
export type EngineMessage = { to?: string } & (
  | { type: 'begin'; cursor: string | null; session: Session; link: Link }
  | { type: 'page'; from: string; to_cursor: string; events: RoomEvent[] }
  /** The pages that follow do not join on to what was heard: read everything afresh. */
  | { type: 'reset'; cursor: string | null }
  /** Events of this room are missing between the pages before and the next one: read it afresh. */
  | { type: 'gap'; room: string }
  /** A request that covers these rooms is out: what is read of them from now on joins on. */
  | { type: 'watching'; rooms: string[] }
  | { type: 'session'; session: Session }
  | { type: 'link'; link: Link }
  | { type: 'exchanges'; exchanges: Exchange[] }
  /** The outbox in the store has changed. */
  | { type: 'outbox' }
  | { type: 'alive' }
  /** The engine does not know this tab (any more): say hello. */
  | { type: 'introduce' }
)
