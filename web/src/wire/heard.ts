// Which events of an answer are news, and whether some are missing before them.
//
// The engine asks of each answer. An answer may come twice, or again after a
// look at an older cursor; events come in the order of their positions, so one
// number tells what was heard. The rooms' own numbers tell what was not.
import type { RoomEvent } from '../api/types'
import { createNumbers } from './numbers'

export interface Heard {
  /** Returns the events that were not heard before, and the rooms of which some are missing. */
  take(events: RoomEvent[]): { events: RoomEvent[]; gaps: string[] }
  /** The events of this room do not join on to those heard; without one, of the whole log. */
  forget(room?: string): void
}

export function createHeard(me: () => number | undefined): Heard {
  const numbers = createNumbers()
  let position = 0

  function take(events: RoomEvent[]): { events: RoomEvent[]; gaps: string[] } {
    const fresh = events.filter((event) => event.position > position)
    position = fresh.at(-1)?.position ?? position
    const gaps = new Set<string>()
    for (const event of fresh) {
      const { room } = event
      if (room === undefined) continue
      if (!numbers.follow(event)) {
        gaps.add(room)
        numbers.forget(room)
        numbers.follow(event)
      }
      // Until I come back, the room goes on without me.
      if (event.type === 'member_left' && event.by?.id === me()) numbers.forget(room)
    }
    return { events: fresh, gaps: [...gaps] }
  }

  function forget(room?: string): void {
    numbers.forget(room)
    if (room === undefined) position = 0
  }

  return { take, forget }
}
