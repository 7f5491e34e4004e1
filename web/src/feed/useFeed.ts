// The polling loop: reads a room's history once and its events for ever.
//
// App owns the one feed of the page. Order of work: a cursor first, then
// history, then events after the cursor, so that nothing falls in between.
// There is one loop and at most one request of it at a time; `wake` hurries
// the loop and never starts a second. It sends nothing and shows nothing.
import { onScopeDispose, ref, shallowRef } from 'vue'
import type { Ref, ShallowRef } from 'vue'
import { fetchEvents, fetchHistory, fetchRoom, isUnknownCaller } from '../api/client'
import { askedDelayMs, createPause, retryDelayMs } from '../api/retry'
import type { EventPage, Message, Room } from '../api/types'
import { foldEvent, leavesHole } from './foldEvent'
import { forgetOldest, mergeMessages, takeMessage, UNREAD_ROOM } from './roomState'
import type { RoomState } from './roomState'
import { onWake } from './wakeups'

/** Below the 30 s after which many proxies drop a quiet request. */
export const HOLD_S = 25
export const HISTORY_PAGE = 50
/** A server that answers empty at once is asked again after this, doubling up to the second. */
const EMPTY_PAUSE_MS_MIN = 250
const EMPTY_PAUSE_MS_MAX = 4000
/** An empty answer that took at least this long was held. */
const HELD_MS_MIN = 1000
/** `online`, `pageshow` and `visibilitychange` come together; one look serves all. */
const WAKE_APART_MS = 1000

export type Connection = 'connecting' | 'connected' | 'reconnecting' | 'offline'

export interface Feed {
  room: ShallowRef<Room | null>
  state: ShallowRef<RoomState>
  /** Whether `state` holds the room's history; false until the first answer. */
  hasHistory: Ref<boolean>
  connection: Ref<Connection>
  /** When the server was last heard, in ms since 1970; null before. */
  heardAt: Ref<number | null>
  start(firstCursor?: string): void
  /** Looks for news now: the connection may have died unnoticed. */
  wake(): void
  /** Puts in a message that another answer carried. */
  take(message: Message): void
  /**
   * Fetches the page before the oldest message, and returns what puts it in.
   *
   * In two steps, because the reader scrolls on while it is fetched. Rejects as
   * `fetchHistory` does.
   */
  loadOlder(): Promise<() => void>
  /** Drops the oldest items beyond `itemsMax`. */
  trim(itemsMax: number): void
}

export function useFeed(slug: string, onStranger: () => void): Feed {
  const room = shallowRef<Room | null>(null)
  const state = shallowRef<RoomState>(UNREAD_ROOM)
  const hasHistory = ref(false)
  const connection = ref<Connection>('connecting')
  const heardAt = ref<number | null>(null)

  const pause = createPause()
  let running = false
  let stopped = false
  let cursor: string | null = null
  let needsHistory = true
  /** Taken in since the history was asked for, which may be without them. */
  let taken: Message[] = []
  let failures = 0
  let emptyInARow = 0
  let isTroubled = false
  let flight: AbortController | null = null
  let wokenAt = 0
  let woken = false

  function start(firstCursor?: string): void {
    if (running) return
    running = true
    cursor = firstCursor ?? null
    void run()
  }

  async function run(): Promise<void> {
    while (!stopped) {
      try {
        await step()
      } catch (error) {
        if (stopped) return
        if (woken) woken = false
        else await recover(error)
      }
    }
  }

  async function step(): Promise<void> {
    cursor ??= (await request((signal) => fetchEvents(slug, 'latest', 0, signal))).cursor
    if (needsHistory) await readHistory()
    // After trouble the first look is a short one: whether the connection
    // works again is then known at once, not after a hold.
    const hold = isTroubled ? 0 : HOLD_S
    const after = cursor
    const startedAt = Date.now()
    const page = await request((signal) => fetchEvents(slug, after, hold, signal))
    if (stopped) return
    takePage(page)
    await slowDown(page, hold, Date.now() - startedAt)
  }

  async function readHistory(): Promise<void> {
    taken = []
    const [history, found] = await request((signal) =>
      Promise.all([fetchHistory(slug, HISTORY_PAGE, undefined, signal), fetchRoom(slug, signal)]),
    )
    if (stopped) return
    room.value = found
    const read = mergeMessages({ ...UNREAD_ROOM, hasOlder: history.more }, history.messages)
    state.value = taken.reduce(takeMessage, read)
    needsHistory = false
    hasHistory.value = true
  }

  function takePage(page: EventPage): void {
    cursor = page.cursor
    if (page.reset) {
      needsHistory = true
      return
    }
    let next = state.value
    for (const event of page.events) {
      if (leavesHole(next, event)) {
        // Something is missing for ever behind this cursor: read afresh.
        cursor = null
        needsHistory = true
        return
      }
      next = foldEvent(next, event)
    }
    state.value = next
  }

  async function slowDown(page: EventPage, hold: number, tookMs: number): Promise<void> {
    const wasHeld = hold === 0 || tookMs >= HELD_MS_MIN
    if (page.events.length > 0 || (wasHeld && !page.reset)) {
      emptyInARow = 0
      return
    }
    await pause.wait(Math.min(EMPTY_PAUSE_MS_MAX, EMPTY_PAUSE_MS_MIN * 2 ** emptyInARow))
    emptyInARow += 1
  }

  async function request<Answer>(ask: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    flight = new AbortController()
    woken = false
    const answer = await ask(flight.signal).finally(() => (flight = null))
    failures = 0
    isTroubled = false
    connection.value = 'connected'
    heardAt.value = Date.now()
    return answer
  }

  async function recover(error: unknown): Promise<void> {
    failures += 1
    isTroubled = true
    if (isUnknownCaller(error)) onStranger()
    // One lost request is no news: the next usually gets through.
    if (!navigator.onLine) connection.value = 'offline'
    else if (failures > 1) connection.value = 'reconnecting'
    await pause.wait(retryDelayMs(failures, error), askedDelayMs(error))
  }

  function wake(): void {
    if (!running || stopped) return
    pause.cut()
    // Counted from the last look, not from the last answer: in a busy room
    // every request is young, and the network may go at any moment.
    if (!flight || Date.now() - wokenAt < WAKE_APART_MS) return
    wokenAt = Date.now()
    woken = true
    isTroubled = true
    flight.abort()
  }

  function take(message: Message): void {
    if (needsHistory) taken.push(message)
    state.value = takeMessage(state.value, message)
  }

  async function loadOlder(): Promise<() => void> {
    const oldest = state.value.items.find((item) => item.kind === 'message')
    const history = await fetchHistory(slug, HISTORY_PAGE, oldest?.position)
    return () => {
      // The room may have been read afresh meanwhile; then this page does not
      // join on to it.
      if (oldest && !state.value.items.includes(oldest)) return
      state.value = { ...mergeMessages(state.value, history.messages), hasOlder: history.more }
    }
  }

  function trim(itemsMax: number): void {
    state.value = forgetOldest(state.value, itemsMax)
  }

  const stopWaking = onWake(wake)
  onScopeDispose(() => {
    stopped = true
    stopWaking()
    flight?.abort()
    pause.cut()
  })

  return { room, state, hasHistory, connection, heardAt, start, wake, take, loadOlder, trim }
}
