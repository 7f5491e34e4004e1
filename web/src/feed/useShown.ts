// Unread is what this device has not shown.
//
// `useChat` makes one. How far each room was shown is kept in the store. A room
// with news from before this page came is read quietly, one after the other, so
// that its unread messages can be counted and it opens at once.
import type { ShallowRef } from 'vue'
import type { Database } from '../store/database'
import { createShown } from '../store/shown'
import { withRoom } from './fold'
import type { ChatState } from './fold'
import { showUpTo } from './room'

/** More rooms than this are not read ahead: each is a request. */
const AHEAD_MAX = 20

export interface Shown {
  /** Resolves when it is known what was shown before. */
  loaded: Promise<void>
  upTo(slug: string): number | undefined
  show(slug: string, number: number): void
  /** Reads the rooms ahead whose unread messages nobody has counted. */
  countAhead(): Promise<void>
}

export interface ShownOptions {
  database: Database
  state: ShallowRef<ChatState>
  open(slug: string): Promise<void>
}

export function useShown({ database, state, open }: ShownOptions): Shown {
  const store = createShown(database)
  let numbers = new Map<string, number>()
  const loaded = store.load().then((found) => void (numbers = found))
  let isCounting = false

  function show(slug: string, number: number): void {
    const room = state.value.rooms.get(slug)
    if (!room) return
    const after = showUpTo(room, number, state.value.me)
    if (after !== room) state.value = withRoom(state.value, slug, after)
    if (number <= (numbers.get(slug) ?? -1)) return
    numbers.set(slug, number)
    void store.save(slug, number)
  }

  async function countAhead(): Promise<void> {
    if (isCounting) return
    isCounting = true
    for (let count = 0; count < AHEAD_MAX; count += 1) {
      const next = [...state.value.rooms].find(([, room]) => room.isMember && room.unread === null && !room.timeline)
      if (!next) break
      await open(next[0])
      // One that cannot be read just now would come up again and again.
      if (!state.value.rooms.get(next[0])?.timeline) break
    }
    isCounting = false
  }

  /** A room that is seen for the first time has nothing unread: all of it is old. */
  return { loaded, upTo: (slug) => numbers.get(slug), show, countAhead }
}
