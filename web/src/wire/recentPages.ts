// The newest pages, for a tab that joins with a cursor from a moment ago.
//
// Kept by the engine; each page begins where the one before ended. A page knows
// which rooms were asked for, because a tab that looks at another room would
// miss that room's events in it.
import type { RoomEvent } from '../api/types'

/** Some minutes of a lively room, in letters; what is older is read from the server. */
const WEIGHT_MAX = 500_000
/** An event's frame, beside its text. */
const FRAME_WEIGHT = 300
const PAGES_MAX = 200

export interface Page {
  from: string
  to: string
  events: RoomEvent[]
  /** The rooms that were asked for by name. */
  rooms: readonly string[]
}

export interface RecentPages {
  add(page: Page): void
  /** Returns the pages after `cursor`, all of which cover `rooms`; null where it is not known. */
  after(cursor: string, rooms: readonly string[]): Page[] | null
  forget(): void
}

export function createRecentPages(): RecentPages {
  let pages: Page[] = []
  let weight = 0

  function add(page: Page): void {
    pages.push(page)
    weight += weigh(page)
    let gone = 0
    for (const oldest of pages) {
      if (weight <= WEIGHT_MAX && pages.length - gone <= PAGES_MAX) break
      weight -= weigh(oldest)
      gone += 1
    }
    if (gone > 0) pages = pages.slice(gone)
  }

  function after(cursor: string, rooms: readonly string[]): Page[] | null {
    if (pages.at(-1)?.to === cursor) return []
    const first = pages.findIndex(({ from }) => from === cursor)
    if (first < 0) return null
    const found = pages.slice(first)
    return found.every((page) => rooms.every((room) => page.rooms.includes(room))) ? found : null
  }

  function forget(): void {
    pages = []
    weight = 0
  }

  return { add, after, forget }
}

function weigh({ events }: Page): number {
  const texts = events.reduce((sum, event) => sum + (event.type === 'message_sent' ? (event.message.text?.length ?? 0) : 0), 0)
  return FRAME_WEIGHT * (events.length + 1) + texts
}
