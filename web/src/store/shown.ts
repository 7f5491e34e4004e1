// How far each room was shown on this device, by its numbers.
//
// Kept by the tabs. Until the server keeps read marks, what this device has not
// shown is unread. It only grows, whichever tab is first.
import type { Database } from './database'

interface Shown {
  room: string
  number: number
}

export interface ShownNumbers {
  /** Keeps that `room` was shown up to `number`. */
  save(room: string, number: number): Promise<void>
  load(): Promise<Map<string, number>>
}

export function createShown(database: Database): ShownNumbers {
  return {
    save: (room, number) =>
      database.transact(['shown'], async (tx) => {
        const before = await tx.get<Shown>('shown', room)
        if (!before || before.number < number) tx.put('shown', room, { room, number } satisfies Shown)
      }),
    async load() {
      const rows = await database.transact(['shown'], (tx) => tx.all<Shown>('shown'))
      return new Map(rows.map(({ room, number }) => [room, number]))
    },
  }
}
