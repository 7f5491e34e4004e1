// Reads what was said in the rooms that the reader looks at, page by page.
//
// `useChat` makes one. A room's timeline is a window: pages come in at either end,
// and what lies far beyond the other end is dropped, so memory stays flat. An
// answer that does not join on to what is there by then is dropped as well.
import { shallowRef } from 'vue'
import type { ShallowRef } from 'vue'
import { Refused } from '../api/client'
import type { Client } from '../api/client'
import type { Platform } from '../api/platform'
import { createRetry } from '../api/retry'
import type { HistoryPage, HistoryPlace, Message, RoomEvent } from '../api/types'
import type { ChatState } from './fold'
import { fold, withRoom } from './fold'
import { learnName } from './names'
import { countUnread, newRoom, refreshRoom } from './room'
import type { RoomState } from './room'
import { cutNewest, cutOldest, EMPTY_TIMELINE, mergeMessages, newestMessage, oldestMessage } from './timeline'
import type { Timeline } from './timeline'

export const HISTORY_PAGE = 50
/** The messages of a room that are kept at once: some screens in both directions. */
export const WINDOW_MAX = 300

export type EdgeState = 'ready' | 'loading' | 'failed'
export interface Edges {
  older: EdgeState
  newer: EdgeState
}
export const READY: Edges = { older: 'ready', newer: 'ready' }

/** `missing`: there is none, or not for me. */
export type RoomStatus = 'loading' | 'ready' | 'missing' | 'failed'

export interface History {
  /** By slug; rooms that nobody asked for are not in it. */
  statuses: ShallowRef<ReadonlyMap<string, RoomStatus>>
  edges: ShallowRef<ReadonlyMap<string, Edges>>
  /** Reads a room with its newest messages, or those around a number. */
  open(slug: string, around?: number): Promise<void>
  /** Hears all events: those of a room that is being read come after what is read. */
  take(events: readonly RoomEvent[]): void
  /** Puts in a room that somebody else has read, as in the server's HTML. */
  bring(room: RoomState, page: HistoryPage): void
  /** Reads the newest messages again, for some may be missing; tries until the server answers. */
  refresh(slug: string): Promise<void>
  /** The network may be back. */
  wake(): void
  stop(): void
  loadOlder(slug: string): Promise<void>
  loadNewer(slug: string): Promise<void>
  /** Lets go what is far from the newest in rooms that nobody looks at. */
  letGo(slugs: Iterable<string>): void
  /** Drops the oldest messages of a room beyond `messagesMax`. */
  trim(slug: string, messagesMax: number): void
  /** Forgets all timelines: nothing joins on to them any more. */
  forget(): void
}

export interface HistoryOptions {
  client: Client
  platform: Pick<Platform, 'clock' | 'random'>
  state: ShallowRef<ChatState>
  shownUpTo(slug: string): number | undefined
  /** A room is not there, or not for me. */
  onMissing(slug: string): void
  /** Messages came by an answer. */
  onMessages(messages: readonly Message[]): void
}

export function useHistory({ client, platform, state, shownUpTo, onMissing, onMessages }: HistoryOptions): History {
  const retry = createRetry(platform)
  const statuses = shallowRef<ReadonlyMap<string, RoomStatus>>(new Map())
  const edges = shallowRef<ReadonlyMap<string, Edges>>(new Map())
  /** Counts the times at which all was forgotten. */
  let era = 0
  /** Events of the rooms that are being read, which the answer may be without. */
  const meanwhile = new Map<string, RoomEvent[]>()

  function setStatus(slug: string, status: RoomStatus): void {
    statuses.value = new Map(statuses.value).set(slug, status)
  }

  function setEdge(slug: string, edge: Partial<Edges>): void {
    edges.value = new Map(edges.value).set(slug, { ...(edges.value.get(slug) ?? READY), ...edge })
  }

  async function open(slug: string, around?: number): Promise<void> {
    const mine = era
    meanwhile.set(slug, [])
    if (!state.value.rooms.get(slug)?.timeline) setStatus(slug, 'loading')
    const place: HistoryPlace | undefined = around === undefined ? undefined : { around_number: around }
    try {
      const heardUpTo = state.value.rooms.get(slug)?.timeline?.heardUpTo ?? 0
      const [about, page] = await Promise.all([client.fetchRoom(slug), client.fetchHistory(slug, HISTORY_PAGE, place)])
      if (mine !== era) return
      const known = state.value.rooms.get(slug)
      const room = known ? refreshRoom(known, about, known.isMember) : newRoom(about, false, shownUpTo(slug))
      put(slug, room, page, readAfresh(page, heardUpTo, place !== undefined))
      state.value = (meanwhile.get(slug) ?? []).reduce(fold, state.value)
      setEdge(slug, READY)
      setStatus(slug, 'ready')
    } catch (error) {
      if (mine !== era) return
      const isNo = error instanceof Refused && error.problem.status < 500 && error.problem.status !== 429
      setStatus(slug, isNo ? 'missing' : 'failed')
      if (isNo) onMissing(slug)
    } finally {
      if (mine === era) meanwhile.delete(slug)
    }
  }

  function bring(room: RoomState, page: HistoryPage): void {
    put(room.about.slug, room, page, readAfresh(page, 0, true))
    setStatus(room.about.slug, 'ready')
  }

  function take(events: readonly RoomEvent[]): void {
    if (meanwhile.size === 0) return
    for (const event of events) if (event.room !== undefined) meanwhile.get(event.room)?.push(event)
  }

  async function refresh(slug: string): Promise<void> {
    const mine = era
    const timelineNow = () => state.value.rooms.get(slug)?.timeline ?? EMPTY_TIMELINE
    // A later message joins on to the page that is read, not to what was there before the gap.
    const newest = newestMessage(timelineNow())?.id ?? 0
    const isOver = () => mine !== era || !state.value.rooms.get(slug)?.timeline || timelineNow().hasNewer
    const read = async () => ({ heardUpTo: timelineNow().heardUpTo, page: await client.fetchHistory(slug, HISTORY_PAGE) })
    const answer = await retry.until(read, isOver)
    const room = state.value.rooms.get(slug)
    if (!answer || !room || isOver()) return
    const { heardUpTo, page } = answer
    const joinsOn = !page.more || (page.messages[0]?.id ?? 0) <= newest
    put(slug, room, page, joinsOn ? mergeMessages(timelineNow(), page.messages, heardUpTo) : readAfresh(page, heardUpTo, false))
  }

  async function loadOlder(slug: string): Promise<void> {
    const oldest = oldestMessage(state.value.rooms.get(slug)?.timeline ?? EMPTY_TIMELINE)
    if (!oldest) return
    await extend(slug, 'older', { before: oldest.id }, (timeline, page, heardUpTo) => {
      if (oldestMessage(timeline)?.id !== oldest.id) return timeline
      const longer = { ...mergeMessages(timeline, page.messages, heardUpTo), hasOlder: page.more }
      return cutNewest(longer, WINDOW_MAX)
    })
  }

  async function loadNewer(slug: string): Promise<void> {
    const newest = newestMessage(state.value.rooms.get(slug)?.timeline ?? EMPTY_TIMELINE)
    if (!newest) return
    await extend(slug, 'newer', { after: newest.id }, (timeline, page, heardUpTo) => {
      if (newestMessage(timeline)?.id !== newest.id) return timeline
      const longer = { ...mergeMessages(timeline, page.messages, heardUpTo), hasNewer: page.more_after === true }
      return cutOldest(longer, WINDOW_MAX)
    })
  }

  async function extend(
    slug: string,
    edge: keyof Edges,
    place: HistoryPlace,
    join: (timeline: Timeline, page: HistoryPage, heardUpTo: number) => Timeline,
  ): Promise<void> {
    if (edges.value.get(slug)?.[edge] === 'loading') return
    const mine = era
    const heardUpTo = state.value.rooms.get(slug)?.timeline?.heardUpTo ?? 0
    setEdge(slug, { [edge]: 'loading' })
    try {
      const page = await client.fetchHistory(slug, HISTORY_PAGE, place)
      const room = state.value.rooms.get(slug)
      if (mine === era && room?.timeline) put(slug, room, page, join(room.timeline, page, heardUpTo))
      setEdge(slug, { [edge]: 'ready' })
    } catch {
      // No repeat by itself: the button says so and waits for a hand.
      setEdge(slug, { [edge]: 'failed' })
    }
  }

  function put(slug: string, room: RoomState, page: HistoryPage, timeline: Timeline): void {
    // Each message tells the name of its time.
    const names = page.messages.reduce((known, { id, by }) => learnName(known, id, by), state.value.names)
    onMessages(page.messages)
    const counted = countUnread({ ...room, timeline }, state.value.me)
    state.value = withRoom({ ...state.value, names }, slug, counted)
  }

  function trim(slug: string, messagesMax: number): void {
    const room = state.value.rooms.get(slug)
    const timeline = room?.timeline && cutOldest(room.timeline, messagesMax)
    if (room && timeline && timeline !== room.timeline) state.value = withRoom(state.value, slug, { ...room, timeline })
  }

  function letGo(slugs: Iterable<string>): void {
    for (const slug of slugs) {
      const length = () => state.value.rooms.get(slug)?.timeline?.items.length ?? 0
      if (length() <= WINDOW_MAX) continue
      trim(slug, WINDOW_MAX / 3)
      const room = state.value.rooms.get(slug)
      // Hundreds who came and went: read anew, they are a page.
      if (room && length() > WINDOW_MAX) state.value = withRoom(state.value, slug, { ...room, timeline: null })
    }
  }

  function forget(): void {
    era += 1
    meanwhile.clear()
    edges.value = new Map()
    statuses.value = new Map()
    const rooms = [...state.value.rooms].map(([slug, room]): [string, RoomState] => [slug, { ...room, timeline: null, pins: null }])
    state.value = { ...state.value, rooms: new Map(rooms) }
  }

  return { statuses, edges, open, bring, take, refresh, wake: retry.cut, stop: retry.end, loadOlder, loadNewer, trim, letGo, forget }
}

function readAfresh(page: HistoryPage, heardUpTo: number, isAround: boolean): Timeline {
  const read = mergeMessages(EMPTY_TIMELINE, page.messages, heardUpTo)
  return { ...read, hasOlder: page.more, hasNewer: isAround && page.more_after === true }
}
