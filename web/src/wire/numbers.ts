// Whether events of a room are missing, told by their numbers 1, 2, 3 …
//
// Called by the engine for each event in order. The first number of a room is
// taken as it is, for reading may begin anywhere. Events about a person, such
// as a new name, have no room and no number, and leave no gap.
import type { RoomEvent } from '../api/types'

export interface Numbers {
  /**
   * Takes the number of `event`; false where events are missing before it.
   *
   * A number that was taken before is no gap: an event may be read twice.
   */
  follow(event: RoomEvent): boolean
  /** Returns the highest number taken of a room; undefined before the first. */
  last(room: string): number | undefined
  /** Begins anew in this room, or in all: as after reading its history. */
  forget(room?: string): void
}

export function createNumbers(): Numbers {
  const highest = new Map<string, number>()

  function follow({ room, number }: RoomEvent): boolean {
    if (room === undefined || number === undefined) return true
    const last = highest.get(room) ?? number - 1
    if (number > last + 1) return false
    highest.set(room, Math.max(last, number))
    return true
  }

  return { follow, last: (room) => highest.get(room), forget: (room) => void (room === undefined ? highest.clear() : highest.delete(room)) }
}
