// The counters of lost and doubled messages, beside the weather.
//
// Fed by `wireStore` with the events that this tab heard; compared with what the
// screen holds, not with what the engine says of itself. Lost: a message was
// heard and is not shown. Doubled: it is shown more than once. A number that was
// never heard is a hole of the proof, and is counted as lost as well.
import type { RoomEvent } from '../api/types'

/** Of these many last messages it is known that they were heard. */
const HEARD_MAX = 5000

export interface Tally {
  lost: number
  doubled: number
  /** Messages that were heard since the tally began. */
  heard: number
}

export interface HeardMessages {
  /** Takes the messages of `room` among what was heard. */
  hear(events: readonly RoomEvent[]): void
  /** Compares with the ids of the messages that the screen holds, in any order. */
  compare(shownIds: readonly number[], missingNumbers: number): Tally
}

export function createHeardMessages(room: string): HeardMessages {
  const heard = new Set<number>()
  let total = 0

  function hear(events: readonly RoomEvent[]): void {
    for (const event of events) {
      if (event.type !== 'message_sent' || event.room !== room || heard.has(event.message.id)) continue
      heard.add(event.message.id)
      total += 1
    }
    for (const id of [...heard].slice(0, Math.max(0, heard.size - HEARD_MAX))) heard.delete(id)
  }

  function compare(shownIds: readonly number[], missingNumbers: number): Tally {
    const shown = new Set(shownIds)
    // The screen lets go of what lies far from the part that is read.
    const lowest = shownIds.reduce((least, id) => Math.min(least, id), Infinity)
    const highest = shownIds.reduce((most, id) => Math.max(most, id), -Infinity)
    const lost = [...heard].filter((id) => !shown.has(id) && id > lowest && id < highest)
    return { lost: lost.length + missingNumbers, doubled: shownIds.length - shown.size, heard: total }
  }

  return { hear, compare }
}
