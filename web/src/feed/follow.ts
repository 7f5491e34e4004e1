// Joins the engine's pages on to what this tab has read itself.
//
// `useChat` makes one. A page that begins where this tab stands goes through as it
// is. Any other means that something lies in between: the tab reads on from its
// own cursor until nothing is new, and only then lets the pages through that
// came meanwhile. The read began after the first of them was heard, so it
// covers whatever that page begins after; what is heard twice changes nothing.
// Cursors are opaque, so only equality is tested.
import { isPassing, Refused } from '../api/client'
import type { Platform } from '../api/platform'
import { askedDelayMs, createPause, retryDelayMs } from '../api/retry'
import type { EventPage, RoomEvent } from '../api/types'
import type { EngineMessage } from '../wire/protocol'

export type Page = Extract<EngineMessage, { type: 'page' }>

export interface FollowOptions {
  platform: Platform
  /** Reads the events after `cursor`, without waiting for any. */
  read(cursor: string): Promise<EventPage>
  onEvents(events: RoomEvent[]): void
  /** Nothing joins on to what this tab knows any more. */
  onBreak(): void
}

export interface Follow {
  /** Says that this tab knows everything up to `cursor`. */
  startAt(cursor: string): void
  /** Says that the engine's next page begins after `cursor`. */
  begin(cursor: string | null): void
  take(page: Page): void
  /** Cuts the wait between two tries short. */
  wake(): void
  stop(): void
}

/** More pages than this in one go is a read that never ends. */
const PAGES_MAX = 10_000

export function createFollow({ platform, read, onEvents, onBreak }: FollowOptions): Follow {
  const pause = createPause(platform.clock)
  /** Everything up to here is known; null until `startAt`. */
  let cursor: string | null = null
  /** Where the engine's next page begins; null while that is not known. */
  let next: string | null = null
  let waiting: Page[] = []
  let isReading = false
  let isStopped = false
  /** Counts the beginnings, so that a read for an earlier one is dropped. */
  let era = 0

  function startAt(known: string): void {
    era += 1
    isReading = false
    cursor = known
    if (next !== null && next !== known) void catchUp()
    else release()
  }

  function begin(engineCursor: string | null): void {
    next = engineCursor
    waiting = []
    if (cursor !== null && next !== null && next !== cursor) void catchUp()
  }

  function take(page: Page): void {
    if (cursor === null || isReading) {
      waiting.push(page)
    } else if (page.from === cursor) {
      onEvents(page.events)
      cursor = page.to_cursor
    } else {
      waiting.push(page)
      void catchUp()
    }
    next = page.to_cursor
  }

  async function catchUp(): Promise<void> {
    if (isReading || cursor === null) return
    isReading = true
    const mine = era
    for (let failures = 0, pages = 0; pages < PAGES_MAX && !isStopped; ) {
      pause.begin()
      try {
        const page: EventPage = await read(cursor)
        if (mine !== era || isStopped) return
        if (page.reset) return onBreak()
        failures = 0
        pages += 1
        onEvents(page.events)
        cursor = page.cursor
        if (page.events.length === 0) break
      } catch (error) {
        if (mine !== era || isStopped) return
        // A caller whom the server does not know starts afresh by the session.
        if (error instanceof Refused && !isPassing(error)) return onBreak()
        failures += 1
        await pause.wait(retryDelayMs(failures, error, platform.random), askedDelayMs(error))
        if (mine !== era) return
      }
    }
    isReading = false
    release()
  }

  /** Lets the pages through that waited; they go on from where the engine stands. */
  function release(): void {
    const pages = waiting
    waiting = []
    for (const page of pages) onEvents(page.events)
    if (next !== null) cursor = next
  }

  function stop(): void {
    isStopped = true
    pause.end()
  }

  return { startAt, begin, take, wake: pause.cut, stop }
}
