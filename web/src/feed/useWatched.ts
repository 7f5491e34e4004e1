// The open rooms that the reader looks at without being in them.
//
// `useChat` makes one. The engine asks for their events beside those of my own
// rooms. A room that was read before the engine's request covered it may lack
// something, so it is read again then. One that was not looked at for long is
// let go, and so is its timeline.
import type { ShallowRef } from 'vue'
import { withRoom } from './fold'
import type { ChatState } from './fold'

/** The engine can ask for 50 for all tabs together. */
const WATCHED_MAX = 6

export interface Watched {
  rooms(): string[]
  /** The reader looks at a room. */
  look(slug: string): void
  /** A room is not there, or not for me: asking for it would keep all others from me. */
  leave(slug: string): void
  /** Looks whether a room has become mine, or is no more. */
  check(): void
  /** The engine's request covers these rooms. */
  cover(rooms: readonly string[]): void
  /** The server's HTML and the engine's first request join on. */
  coveredByFirst(slug: string): void
}

export interface WatchedOptions {
  state: ShallowRef<ChatState>
  onChange(rooms: string[]): void
  /** From now on all that happens in this room is heard. */
  onCovered(slug: string): void
}

export function useWatched({ state, onChange, onCovered }: WatchedOptions): Watched {
  /** The one that was looked at last stands last. */
  let watched: string[] = []
  const covered = new Set<string>()

  function isMine(slug: string): boolean {
    return state.value.rooms.get(slug)?.isMember === true
  }

  function set(next: string[]): void {
    const kept = next.slice(-WATCHED_MAX)
    const isSame = kept.length === watched.length && kept.every((slug) => watched.includes(slug))
    const gone = watched.filter((slug) => !kept.includes(slug))
    watched = kept
    if (isSame) return
    for (const slug of gone) if (!isMine(slug)) forget(slug)
    onChange([...watched])
  }

  function forget(slug: string): void {
    covered.delete(slug)
    const room = state.value.rooms.get(slug)
    if (room) state.value = withRoom(state.value, slug, { ...room, timeline: null, pins: null })
  }

  function look(slug: string): void {
    if (!isMine(slug)) set([...watched.filter((other) => other !== slug), slug])
  }

  function leave(slug: string): void {
    set(watched.filter((other) => other !== slug))
  }

  function check(): void {
    const others = watched.filter((slug) => !isMine(slug))
    if (others.length !== watched.length) set(others)
  }

  function cover(rooms: readonly string[]): void {
    for (const slug of watched) {
      if (!rooms.includes(slug) || covered.has(slug)) continue
      covered.add(slug)
      onCovered(slug)
    }
    // One that is asked for no more has to be looked at again.
    for (const slug of covered) if (!rooms.includes(slug) && !isMine(slug)) covered.delete(slug)
  }

  return { rooms: () => [...watched], look, leave, check, cover, coveredByFirst: (slug) => void covered.add(slug) }
}
