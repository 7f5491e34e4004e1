// The polling loop: reads a room's history once and its events for ever.
//
// `useFeed` owns the one poller of the page, and shows what it hears. Order of
// work: a cursor first, then history, then events after the cursor, so that
// nothing falls in between. There is one loop and at most one look of it at a
// time; `wake` hurries the loop and never starts a second. It sends nothing,
// shows nothing, and knows neither Vue nor a window, so that it can run in a
// SharedWorker as well.
import { isUnknownCaller, Unreachable } from '../api/client'
import type { Client } from '../api/client'
import type { Platform } from '../api/platform'
import { askedDelayMs, createPause, retryDelayMs } from '../api/retry'
import type { EventPage, HistoryPage, Room, RoomEvent } from '../api/types'
import { createNumbers } from './numbers'

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

export interface RoomHistory extends HistoryPage {
  room: Room
}

/** Hears all that the poller finds out, in order, and nothing after `stop`. */
export interface PollerListener {
  /** The history is being asked for, and will replace all that was heard before. */
  onReading(): void
  onHistory(history: RoomHistory): void
  /** Events in order, with none of a room left out in between; some may come twice. */
  onEvents(events: RoomEvent[]): void
  onConnection(connection: Connection): void
  /** An answer came. */
  onHeard(): void
  /** The server does not know the caller any more. */
  onUnknownCaller(): void
}

export interface PollerOptions {
  /** The slug of the room. */
  room: string
  client: Client
  platform: Platform
  listener: PollerListener
}

export interface Poller {
  /** Begins at `firstCursor`, or from now on. Later calls do nothing. */
  start(firstCursor?: string): void
  /**
   * Makes a look begin soon, for the connection may have died unnoticed.
   *
   * At the latest in a second, or when the server's Retry-After is over.
   */
  wake(): void
  /** Ends the loop and its request, for good. */
  stop(): void
}

export function createPoller({ room, client, platform, listener }: PollerOptions): Poller {
  const { clock } = platform
  const pause = createPause(clock)
  const numbers = createNumbers()
  let isRunning = false
  let isStopped = false
  let connection: Connection = 'connecting'
  let cursor: string | null = null
  let needsHistory = true
  let failures = 0
  let emptyInARow = 0
  /** The last request failed, or may have died: the next look is a short one. */
  let isTroubled = false
  let inFlight: AbortController | null = null
  /** Whether the request in flight was given up for a look. */
  let isGivenUp = false
  let lookedAt = -Infinity
  let cancelLook: (() => void) | null = null

  function start(firstCursor?: string): void {
    if (isRunning || isStopped) return
    isRunning = true
    cursor = firstCursor ?? null
    void run()
  }

  async function run(): Promise<void> {
    while (!isStopped) {
      try {
        await step()
      } catch (error) {
        if (isStopped) return
        if (isGivenUp) isGivenUp = false
        else await recover(error)
      }
    }
  }

  async function step(): Promise<void> {
    cursor ??= (await request((signal) => client.fetchEvents(room, 'latest', 0, signal))).cursor
    if (needsHistory) await readHistory()
    // After trouble the first look is a short one: whether the connection
    // works again is then known at once, not after a hold.
    const hold = isTroubled ? 0 : HOLD_S
    const after = cursor
    const startedAt = clock.now()
    const page = await request((signal) => client.fetchEvents(room, after, hold, signal))
    takePage(page)
    await slowDown(page, hold, clock.now() - startedAt)
  }

  async function readHistory(): Promise<void> {
    listener.onReading()
    const [page, found] = await request((signal) =>
      Promise.all([client.fetchHistory(room, HISTORY_PAGE, undefined, signal), client.fetchRoom(room, signal)]),
    )
    numbers.forget()
    listener.onHistory({ ...page, room: found })
    needsHistory = false
  }

  function takePage(page: EventPage): void {
    if (page.reset) {
      needsHistory = true
    } else if (!page.events.every(numbers.follow)) {
      // Something is missing for ever behind this cursor: read afresh.
      needsHistory = true
      cursor = null
      return
    } else if (page.events.length > 0) {
      listener.onEvents(page.events)
    }
    cursor = page.cursor
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
    const abort = new AbortController()
    inFlight = abort
    isGivenUp = false
    // All calls of `wake` so far wanted a look that begins after them: this one.
    pause.begin()
    const answer = await ask(abort.signal).finally(() => {
      inFlight = null
      forgetLook()
      // Where one of two requests failed, the other is not waited for.
      abort.abort()
    })
    if (isStopped) throw new Unreachable('the poller was stopped')
    failures = 0
    isTroubled = false
    say('connected')
    listener.onHeard()
    return answer
  }

  async function recover(error: unknown): Promise<void> {
    failures += 1
    isTroubled = true
    if (isUnknownCaller(error)) listener.onUnknownCaller()
    // One lost request is no news: the next usually gets through.
    if (!platform.isOnline()) say('offline')
    else if (failures > 1) say('reconnecting')
    await pause.wait(retryDelayMs(failures, error, platform.random), askedDelayMs(error))
  }

  function say(next: Connection): void {
    if (next === connection) return
    connection = next
    listener.onConnection(next)
  }

  function wake(): void {
    if (!isRunning || isStopped) return
    pause.cut()
    // Without a request the next one is about to begin, after this wake.
    if (!inFlight || cancelLook) return
    // Counted from the last look, not from the last answer: in a busy room
    // every request is young, and the network may go at any moment.
    const waitMs = lookedAt + WAKE_APART_MS - clock.now()
    if (waitMs <= 0) lookAgain()
    else cancelLook = clock.after(waitMs, lookAgain)
  }

  /** Gives the request up that may be dead; the loop then makes a short one. */
  function lookAgain(): void {
    cancelLook = null
    lookedAt = clock.now()
    isGivenUp = true
    isTroubled = true
    inFlight?.abort()
  }

  function forgetLook(): void {
    cancelLook?.()
    cancelLook = null
  }

  function stop(): void {
    isStopped = true
    forgetLook()
    inFlight?.abort()
    pause.end()
  }

  return { start, wake, stop }
}
