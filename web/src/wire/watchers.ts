// The tabs that share the engine, and the rooms that they look at together.
//
// The engine says here who is there. A tab that is closed may not say so: one
// that is silent for long counts as gone, until it speaks again.
import type { Clock } from '../api/platform'

/** Browsers let a hidden tab's timers act once a minute. */
const SILENT_MS_MAX = 180_000
/** The server takes as many in one request. */
export const ROOMS_MAX = 50

interface Watcher {
  rooms: readonly string[]
  isVisible: boolean
  /** Its drawer is open. */
  isLooking: boolean
  heardAt: number
}

export interface Watchers {
  /** Takes a tab in, or what it says of itself anew. */
  come(tab: string, rooms: readonly string[], isVisible: boolean): void
  /** Says that the tab is alive; false where it is not known. */
  hear(tab: string): boolean
  /** Returns the rooms that the tab did not look at before. */
  watch(tab: string, rooms: readonly string[]): string[]
  show(tab: string, isVisible: boolean): void
  look(tab: string, isLooking: boolean): void
  leave(tab: string): void
  leaveSilent(): void
  count(): number
  /** Returns the tabs whose drawers are open. */
  lookers(): string[]
  /** Returns the rooms of all tabs, in the order of their names; of too many, those of visible tabs. */
  rooms(): string[]
}

export function createWatchers(clock: Clock): Watchers {
  const watchers = new Map<string, Watcher>()

  function hear(tab: string): boolean {
    const watcher = watchers.get(tab)
    if (watcher) watcher.heardAt = clock.now()
    return watcher !== undefined
  }

  function leaveSilent(): void {
    for (const [tab, { heardAt }] of watchers) {
      if (clock.now() - heardAt > SILENT_MS_MAX) watchers.delete(tab)
    }
  }

  function watched(): string[] {
    const visibleFirst = [...watchers.values()].sort((one, other) => Number(other.isVisible) - Number(one.isVisible))
    const all = new Set(visibleFirst.flatMap((watcher) => watcher.rooms))
    return [...all].slice(0, ROOMS_MAX).sort()
  }

  return {
    come(tab, rooms, isVisible) {
      const isLooking = watchers.get(tab)?.isLooking ?? false
      watchers.set(tab, { rooms, isVisible, isLooking, heardAt: clock.now() })
    },
    hear,
    watch(tab, rooms) {
      const watcher = watchers.get(tab)
      const before = watcher?.rooms ?? []
      if (watcher) watcher.rooms = rooms
      return rooms.filter((room) => !before.includes(room))
    },
    show(tab, isVisible) {
      const watcher = watchers.get(tab)
      if (watcher) watcher.isVisible = isVisible
    },
    look(tab, isLooking) {
      const watcher = watchers.get(tab)
      if (watcher) watcher.isLooking = isLooking
    },
    leave: (tab) => void watchers.delete(tab),
    leaveSilent,
    count: () => watchers.size,
    lookers: () => [...watchers].filter(([, { isLooking }]) => isLooking).map(([tab]) => tab),
    rooms: watched,
  }
}
